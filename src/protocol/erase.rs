//! What is left of an event when the message that it brought is deleted. Written from a list of what
//! stays, so that whatever events come to carry later is gone as well.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::domain::{MessageId, Millis};

/// A message that an event of the log changed in a way that concerns what is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// It got another text, or an answer of the assistant the text that it has. The seq of the event
    /// that brought it.
    Edited(i64),
    /// What is behind its links was told. The seq of its `msg.new`.
    Previewed(i64),
    /// It was deleted. The seq of its `msg.new`.
    Deleted(i64),
}

/// A `msg.new`, `msg.edit`, `msg.preview`, `ai.start` or `ai.end` without what it said.
#[derive(Serialize, Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    ev: Cow<'a, str>,
    #[serde(borrow)]
    room: Cow<'a, str>,
    seq: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<i64>,
    at: Millis,
    #[serde(borrow)]
    d: Data<'a>,
}

#[derive(Serialize, Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    by: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    cid: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    reply_to: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    thread: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hop: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rev: Option<i64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    run: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    finish: Option<Cow<'a, str>>,
    #[serde(default)]
    deleted: bool,
}

/// An inbox event without what it quoted.
#[derive(Serialize, Deserialize)]
struct Notice<'a> {
    #[serde(borrow)]
    ev: Cow<'a, str>,
    seq: i64,
    #[serde(borrow)]
    d: NoticeData<'a>,
}

#[derive(Serialize, Deserialize)]
struct NoticeData<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    room: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    message: Option<Cow<'a, str>>,
    at: Millis,
    #[serde(default)]
    dropped: bool,
}

/// What stays of a `msg.new`, `msg.edit` or `msg.preview`, as one line; the same for one that is so already.
/// Something for a line that cannot be read: it is better lost than kept.
#[must_use]
pub fn erased_event(line: &str) -> String {
    let read = serde_json::from_str::<Event<'_>>(line).ok().and_then(|mut event| {
        event.d.deleted = true;
        serde_json::to_string(&event).ok()
    });
    read.unwrap_or_else(|| r#"{"ev":"msg.gone"}"#.to_owned())
}

/// What stays of an inbox event, as [`erased_event`].
#[must_use]
pub fn erased_notice(line: &str) -> String {
    let read = serde_json::from_str::<Notice<'_>>(line).ok().and_then(|mut notice| {
        notice.d.dropped = true;
        serde_json::to_string(&notice).ok()
    });
    read.unwrap_or_else(|| r#"{"ev":"inbox.gone"}"#.to_owned())
}

/// The seq up to which a room has forgotten what was said, if that is what a `room.update` tells.
#[must_use]
pub fn forgotten(line: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Line {
        d: Told,
    }
    #[derive(Deserialize)]
    struct Told {
        horizon: Option<i64>,
    }
    serde_json::from_str::<Line>(line).ok()?.d.horizon
}

/// What an event of the log did to a message that stood. Costs a glance for most events.
#[must_use]
pub fn touched(line: &str) -> Option<Touched> {
    #[derive(Deserialize)]
    struct Line {
        d: Id,
    }
    #[derive(Deserialize)]
    struct Id {
        id: MessageId,
    }
    let is_text = [r#"{"ev":"msg.edit""#, r#"{"ev":"ai.end""#];
    let touched = if is_text.iter().any(|begin| line.starts_with(begin)) {
        Touched::Edited
    } else if line.starts_with(r#"{"ev":"msg.preview""#) {
        Touched::Previewed
    } else if line.starts_with(r#"{"ev":"msg.delete""#) {
        Touched::Deleted
    } else {
        return None;
    };
    serde_json::from_str::<Line>(line).ok().map(|line| touched(line.d.id.seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_what_was_said_is_left() {
        let line = r#"{"ev":"msg.new","room":"r_1","seq":5,"n":4,"at":7,"d":{"id":"m_1_5","by":"u_2","cid":"c\"1","text":"secret","html":"<b>secret</b>","reply_to":"m_1_2","mentions":["u_3"],"files":[{"name":"secret.png"}]}}"#;
        let erased = erased_event(line);
        assert_eq!(
            erased,
            r#"{"ev":"msg.new","room":"r_1","seq":5,"n":4,"at":7,"d":{"id":"m_1_5","by":"u_2","cid":"c\"1","reply_to":"m_1_2","deleted":true}}"#
        );
        assert_eq!(erased_event(&erased), erased);
        let edit = r#"{"ev":"msg.edit","room":"r_1","seq":9,"at":8,"d":{"id":"m_1_5","by":"u_2","text":"secret","rev":2}}"#;
        assert_eq!(
            erased_event(edit),
            r#"{"ev":"msg.edit","room":"r_1","seq":9,"at":8,"d":{"id":"m_1_5","by":"u_2","rev":2,"deleted":true}}"#
        );
        let preview = r#"{"ev":"msg.preview","room":"r_1","seq":9,"at":8,"d":{"id":"m_1_5","previews":[{"url":"secret","title":"secret"}]}}"#;
        assert_eq!(
            erased_event(preview),
            r#"{"ev":"msg.preview","room":"r_1","seq":9,"at":8,"d":{"id":"m_1_5","deleted":true}}"#
        );
        let end = r#"{"ev":"ai.end","room":"r_1","seq":9,"at":8,"d":{"id":"m_1_5","by":"u_ai","text":"secret","html":"secret","run":"run_5","asker":"u_2","finish":"stop","model":"secret","cites":[],"use":{"in":1,"out":2},"context":{"from":1,"to":2,"used":2,"left_out":{}}}}"#;
        assert_eq!(
            erased_event(end),
            r#"{"ev":"ai.end","room":"r_1","seq":9,"at":8,"d":{"id":"m_1_5","by":"u_ai","run":"run_5","finish":"stop","deleted":true}}"#
        );
        assert!(!erased_event("secret").contains("secret"));
    }

    #[test]
    fn an_inbox_entry_keeps_its_place() {
        let line = r#"{"ev":"inbox","seq":3,"d":{"id":"n_1","kind":"mention","room":"r_1","message":"m_1_5","from":"u_2","title":"secret","body":"secret","link":"/x","at":7}}"#;
        assert_eq!(
            erased_notice(line),
            r#"{"ev":"inbox","seq":3,"d":{"id":"n_1","kind":"mention","room":"r_1","message":"m_1_5","at":7,"dropped":true}}"#
        );
    }

    #[test]
    fn what_concerns_a_text_is_seen() {
        let line = |ev: &str| {
            format!(r#"{{"ev":"{ev}","room":"r_1","seq":9,"d":{{"id":"m_1_5","by":"u_2"}}}}"#)
        };
        assert_eq!(touched(&line("msg.edit")), Some(Touched::Edited(5)));
        assert_eq!(touched(&line("msg.preview")), Some(Touched::Previewed(5)));
        assert_eq!(touched(&line("msg.delete")), Some(Touched::Deleted(5)));
        assert_eq!(touched(&line("ai.end")), Some(Touched::Edited(5)));
        assert_eq!(touched(&line("msg.new")), None);
        assert_eq!(touched(&line("msg.react")), None);
    }
}
