//! What a client may say. One line is one op; the op enum is the table of contents.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

use super::act::{self, ActOp, DeedOp};
use crate::domain::{FileId, MessageId, NoticeId, Position, RoomId, RunId};

/// Which kinds of frames a session wants besides replies and the events of opened rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// `room.head` of rooms that are not open.
    pub head: bool,
    /// Inbox events.
    pub inbox: bool,
    /// Who is online.
    pub presence: bool,
    /// Who is typing.
    pub typing: bool,
    /// Deltas of running answers.
    pub ai: bool,
}

impl Want {
    /// Everything: what a person's client gets.
    pub const ALL: Self = Self { head: true, inbox: true, presence: true, typing: true, ai: true };

    fn from_words(words: &[Cow<'_, str>]) -> Self {
        let has = |word: &str| words.iter().any(|w| w == word);
        Self {
            head: has("head"),
            inbox: has("inbox"),
            presence: has("presence"),
            typing: has("typing"),
            ai: has("ai"),
        }
    }
}

/// Which inbox entries are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All up to and including a seq.
    Upto(i64),
    /// These.
    Ids(Vec<NoticeId>),
}

/// A request of a client. The fields are those of the contract.
#[expect(missing_docs, reason = "the variant says what its fields are for")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op<'a> {
    /// Signs the session in.
    Auth { token: String, want: Want },
    /// Puts a fresh token in place of one that is about to end.
    AuthRefresh { token: String },
    /// Asks for an empty answer.
    Ping,
    /// Turns a room to full events.
    Open { room: RoomId, since: Option<Position> },
    /// Back to head mode.
    Close { room: RoomId },
    /// A message. The texts are parsed by the session, which answers for them.
    Send {
        room: RoomId,
        cid: Option<Cow<'a, str>>,
        text: Cow<'a, str>,
        reply_to: Option<MessageId>,
        thread: Option<MessageId>,
        files: Vec<FileId>,
    },
    /// Something done to messages that stand.
    Act(ActOp<'a>),
    /// "I am writing."
    Typing { room: RoomId },
    /// "I am away", or what else there is to say of oneself.
    Status { state: Option<Cow<'a, str>>, text: Option<Cow<'a, str>> },
    /// "I have read up to here."
    Read { room: RoomId, seq: i64 },
    /// "Unread from here": moves the mark right before a seq.
    Unread { room: RoomId, seq: i64 },
    /// The next events, asked for by a client that lags.
    Pull { room: RoomId, after: i64 },
    /// Resumes the inbox log.
    InboxOpen { since: Option<Position> },
    /// Marks inbox entries as read.
    InboxRead(Selection),
    /// Ends a running answer of the assistant, or takes a waiting question back.
    AiStop { run: RunId },
}

/// A line without an op: a sign of life, perhaps with the positions that the client has applied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heartbeat {
    /// Room → newest applied seq.
    pub at: Vec<(RoomId, i64)>,
}

/// A line that was understood.
#[expect(missing_docs, reason = "the variant says what its fields are for")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'a> {
    /// A request; without `id` no reply is wanted.
    Request { id: Option<u32>, op: Op<'a> },
    /// A sign of life.
    Heartbeat(Heartbeat),
}

/// A line that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// The id of the request, when one could be read.
    pub id: Option<u32>,
    /// What was wrong, for people.
    pub why: String,
}

#[derive(Deserialize)]
struct Head<'a> {
    id: Option<u32>,
    #[serde(borrow)]
    op: Option<Cow<'a, str>>,
}

/// Reads one line.
///
/// # Errors
/// [`BadLine`] with the request's id where it could be read, so that the answer finds its asker.
pub fn parse_line(line: &str) -> Result<Line<'_>, BadLine> {
    // Fields are known by their names alone, never by their places in a list.
    if line.trim_start().starts_with('[') {
        return Err(BadLine { id: None, why: "not a JSON object".to_owned() });
    }
    let head: Head<'_> = serde_json::from_str(line).map_err(|why| bad(line, &why))?;
    let id = head.id;
    let Some(verb) = head.op else {
        let beat = heartbeat(line).map_err(|why| BadLine { id, why: why.to_string() })?;
        // Who names an id waits for an answer.
        let is_asking = id.is_some() && beat.at.is_empty();
        let nothing = || BadLine { id, why: "names no op".to_owned() };
        return if is_asking { Err(nothing()) } else { Ok(Line::Heartbeat(beat)) };
    };
    match op(&verb, line) {
        Ok(Some(op)) => Ok(Line::Request { id, op }),
        Ok(None) => Err(BadLine { id, why: format!("unknown op {:?}", shortened(&verb)) }),
        Err(why) => Err(BadLine { id, why: why.to_string() }),
    }
}

/// The id may be readable even when the rest is not.
fn bad(line: &str, why: &serde_json::Error) -> BadLine {
    #[derive(Deserialize)]
    struct JustId {
        id: Option<serde_json::Value>,
    }
    let id = serde_json::from_str::<JustId>(line)
        .ok()
        .and_then(|just| just.id)
        .and_then(|id| id.as_u64())
        .and_then(|id| u32::try_from(id).ok());
    BadLine { id, why: why.to_string() }
}

fn shortened(verb: &str) -> String {
    verb.chars().take(32).collect()
}

fn heartbeat(line: &str) -> Result<Heartbeat, serde_json::Error> {
    #[derive(Deserialize)]
    struct Beat {
        #[serde(default)]
        at: HashMap<RoomId, i64>,
    }
    let beat: Beat = serde_json::from_str(line)?;
    Ok(Heartbeat { at: beat.at.into_iter().collect() })
}

#[derive(Deserialize)]
struct AuthFields<'a> {
    #[serde(borrow)]
    token: Cow<'a, str>,
    #[serde(borrow)]
    want: Option<Vec<Cow<'a, str>>>,
}

#[derive(Deserialize)]
struct RoomField {
    room: RoomId,
}

#[derive(Deserialize)]
struct RunField {
    run: RunId,
}

#[derive(Deserialize)]
struct OpenFields {
    room: RoomId,
    since: Option<Position>,
}

#[derive(Deserialize)]
struct SendFields<'a> {
    room: RoomId,
    #[serde(borrow)]
    cid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    reply_to: Option<MessageId>,
    thread: Option<MessageId>,
    files: Option<Vec<FileId>>,
}

#[derive(Deserialize)]
struct StatusFields<'a> {
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ReadFields {
    room: RoomId,
    seq: i64,
}

#[derive(Deserialize)]
struct PullFields {
    room: RoomId,
    after: i64,
}

#[derive(Deserialize)]
struct SinceField {
    since: Option<Position>,
}

#[derive(Deserialize)]
struct SelectionFields {
    upto_seq: Option<i64>,
    ids: Option<Vec<NoticeId>>,
}

fn op<'a>(verb: &str, line: &'a str) -> Result<Option<Op<'a>>, serde_json::Error> {
    Ok(Some(match verb {
        "auth" => {
            let f: AuthFields<'_> = serde_json::from_str(line)?;
            let want = f.want.as_deref().map_or(Want::ALL, Want::from_words);
            Op::Auth { token: f.token.into_owned(), want }
        }
        "auth.refresh" => {
            let f: AuthFields<'_> = serde_json::from_str(line)?;
            Op::AuthRefresh { token: f.token.into_owned() }
        }
        "ping" => Op::Ping,
        "open" => {
            let f: OpenFields = serde_json::from_str(line)?;
            Op::Open { room: f.room, since: f.since }
        }
        "close" => Op::Close { room: serde_json::from_str::<RoomField>(line)?.room },
        "send" => {
            let f: SendFields<'_> = serde_json::from_str(line)?;
            let SendFields { room, cid, text, reply_to, thread, files } = f;
            let files = files.unwrap_or_default();
            // Without files there is nothing to say without a text.
            let text = match text {
                None if files.is_empty() => return Err(serde::de::Error::missing_field("text")),
                text => text.unwrap_or_default(),
            };
            Op::Send { room, cid, text, reply_to, thread, files }
        }
        "edit" => Op::Act(act::edit(line)?),
        "delete" => Op::Act(act::on_one(line, |message| DeedOp::Delete { message })?),
        "delete.many" => Op::Act(act::delete_many(line)?),
        "react" => Op::Act(act::react(line)?),
        "unreact" => Op::Act(act::unreact(line)?),
        "pin" => Op::Act(act::on_one(line, |message| DeedOp::Pin { message })?),
        "unpin" => Op::Act(act::on_one(line, |message| DeedOp::Unpin { message })?),
        "typing" => Op::Typing { room: serde_json::from_str::<RoomField>(line)?.room },
        "status" => {
            let f: StatusFields<'_> = serde_json::from_str(line)?;
            Op::Status { state: f.state, text: f.text }
        }
        "read" => {
            let f: ReadFields = serde_json::from_str(line)?;
            Op::Read { room: f.room, seq: f.seq }
        }
        "unread" => {
            let f: ReadFields = serde_json::from_str(line)?;
            Op::Unread { room: f.room, seq: f.seq }
        }
        "pull" => {
            let f: PullFields = serde_json::from_str(line)?;
            Op::Pull { room: f.room, after: f.after }
        }
        "inbox.open" => {
            let f: SinceField = serde_json::from_str(line)?;
            Op::InboxOpen { since: f.since }
        }
        "inbox.read" => Op::InboxRead(selection(line)?),
        "ai.stop" => Op::AiStop { run: serde_json::from_str::<RunField>(line)?.run },
        _unknown => return Ok(None),
    }))
}

fn selection(line: &str) -> Result<Selection, serde_json::Error> {
    let f: SelectionFields = serde_json::from_str(line)?;
    match (f.upto_seq, f.ids) {
        (Some(seq), None) => Ok(Selection::Upto(seq)),
        (None, Some(ids)) if ids.len() <= 200 => Ok(Selection::Ids(ids)),
        _neither => {
            Err(serde::de::Error::custom("either `upto_seq` or `ids` (at most 200) is wanted"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_is_read_with_its_id() {
        let line =
            r#"{"id":3,"op":"send","room":"r_12","cid":"c-2","text":"hi","reply_to":null,"x":1}"#;
        let Ok(Line::Request { id: Some(3), op }) = parse_line(line) else {
            panic!("not a request");
        };
        let Op::Send { room, cid, text, reply_to, thread, files } = op else {
            panic!("not a send");
        };
        assert_eq!((room, cid.as_deref(), &*text), (RoomId(12), Some("c-2"), "hi"));
        assert_eq!((reply_to, thread, files), (None, None, Vec::new()));
        let bare = r#"{"op":"send","room":"r_12","files":["fi_7","fi_9"]}"#;
        let Ok(Line::Request { op: Op::Send { text, files, .. }, .. }) = parse_line(bare) else {
            panic!("not a send");
        };
        assert_eq!((&*text, files), ("", vec![FileId(7), FileId(9)]));
        for odd in [r#""files":[]"#, r#""files":null"#, r#""text":"hi","files":["r_1"]"#] {
            assert!(parse_line(&format!(r#"{{"op":"send","room":"r_12",{odd}}}"#)).is_err());
        }
    }

    #[test]
    fn a_bad_line_keeps_its_id_when_one_can_be_read() {
        let id = |line: &str| parse_line(line).unwrap_err().id;
        assert_eq!(id(r#"{"id":4,"op":"open","room":12}"#), Some(4));
        assert_eq!(id(r#"{"id":5,"op":["open"]}"#), Some(5));
        assert_eq!(id(r#"{"id":6,"op":"nonsense"}"#), Some(6));
        assert_eq!(id(r#"{"id":"7","op":"ping"}"#), None);
        assert_eq!(id(r#"{"id":8,"op":"#), None);
        assert_eq!(id("[]"), None);
        assert_eq!(id(r#" [10,"ping"]"#), None);
        assert_eq!(id(r#"{"id":11}"#), Some(11));
        assert_eq!(id("null"), None);
        assert_eq!(id(r#"{"id":9,"op":"inbox.read"}"#), Some(9));
    }

    #[test]
    fn life_needs_no_op() {
        assert_eq!(parse_line("{}"), Ok(Line::Heartbeat(Heartbeat::default())));
        let at = parse_line(r#"{"at":{"r_12":1043}}"#);
        assert_eq!(at, Ok(Line::Heartbeat(Heartbeat { at: vec![(RoomId(12), 1043)] })));
    }

    #[test]
    fn a_bot_names_what_it_wants() {
        let line = r#"{"op":"auth","token":"t","want":["head","later"]}"#;
        let Ok(Line::Request { op: Op::Auth { want, .. }, .. }) = parse_line(line) else {
            panic!("not an auth");
        };
        assert!(want.head && !want.inbox && !want.presence && !want.typing && !want.ai);
    }
}
