//! The last messages, written once for everyone who opens at the same head. What differs from reader
//! to reader is whether a reaction is theirs: who has one among them gets a copy with those marked.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use crate::domain::UserId;
use crate::protocol::{MessageItem, SharedSnapshot, SnapshotBody};
use crate::store::{Message, Snapshot};

/// How the mark of a reaction is written. No text of a person can look like it: in a text every
/// quotation mark has a backslash before it.
const MARK: &str = r#","mine":false}"#;
/// Where in it the word is that changes.
const WORD: usize = r#","mine":"#.len();

/// A snapshot as it is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) upto: i64,
    pub(super) n: i64,
    /// Seq of the first message in it.
    pub(super) first: Option<i64>,
    /// What most readers get: no reaction is theirs.
    body: SharedSnapshot,
    /// Where in it the word of each reaction is, in order.
    words: Vec<usize>,
    /// Which of these are whose.
    mine: HashMap<UserId, Vec<usize>>,
    /// Of whom that is known; none: of everybody.
    of: Option<HashSet<UserId>>,
}

impl Kept {
    /// Writes a snapshot; none when it cannot be written.
    pub(super) fn new(snapshot: &Snapshot) -> Option<Self> {
        let items: Vec<_> = snapshot.messages.iter().map(MessageItem::from).collect();
        let body = SnapshotBody { upto: snapshot.at.head, items };
        let body = SharedSnapshot::new(&body)?;
        let words = std::str::from_utf8(body.json())
            .ok()?
            .match_indices(MARK)
            .map(|(at, _mark)| at + WORD)
            .collect();
        let reactions = |message: &Message| {
            let seq = message.seq;
            message.reactions.clone().into_iter().map(move |reaction| (seq, reaction.emoji))
        };
        let places: HashMap<(i64, String), usize> = snapshot
            .messages
            .iter()
            .flat_map(reactions)
            .enumerate()
            .map(|(place, reaction)| (reaction, place))
            .collect();
        let mut mine: HashMap<UserId, Vec<usize>> = HashMap::new();
        for (seq, user, emoji) in snapshot.reactors.all.iter().cloned() {
            // One that came later is told by its event.
            if let Some(place) = places.get(&(seq, emoji)) {
                mine.entry(user).or_default().push(*place);
            }
        }
        let of = snapshot.reactors.of.as_ref().map(|of| of.iter().copied().collect());
        let (upto, n) = (snapshot.at.head, snapshot.at.n);
        let first = snapshot.messages.first().map(|message| message.seq);
        Some(Self { upto, n, first, body, words, mine, of })
    }

    /// Whether it is known which reactions are this reader's.
    pub(super) fn knows(&self, reader: UserId) -> bool {
        self.of.as_ref().is_none_or(|of| of.contains(&reader))
    }

    /// What all readers get who did not react.
    pub(super) const fn shared(&self) -> &SharedSnapshot {
        &self.body
    }

    /// What this reader gets instead, having reacted.
    pub(super) fn own(&self, reader: UserId) -> Option<SharedSnapshot> {
        let places = self.mine.get(&reader)?;
        let mut words: Vec<usize> =
            places.iter().filter_map(|place| self.words.get(*place).copied()).collect();
        words.sort_unstable();
        let body = std::str::from_utf8(self.body.json()).ok()?;
        let mut own = String::with_capacity(body.len());
        let mut rest = 0;
        for word in words {
            own.push_str(body.get(rest..word)?);
            own.push_str("true");
            rest = word + "false".len();
        }
        own.push_str(body.get(rest..)?);
        SharedSnapshot::new(&RawValue::from_string(own).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::{Epoch, Millis, RoomId};
    use crate::store::{LogHead, Reaction, Reactors};

    fn message(seq: i64, emoji: &[&str]) -> Message {
        let reaction =
            |emoji: &&str| Reaction { emoji: (*emoji).to_owned(), count: 2, is_mine: false };
        Message {
            room: RoomId(1),
            seq,
            n: seq,
            at: Millis(0),
            author: UserId(1),
            cid: "c".to_owned(),
            text: Some(r#"looks,"mine":false}like it"#.to_owned()),
            html: None,
            reply_to: None,
            rev: 1,
            edited_at: None,
            ai: None,
            reactions: emoji.iter().map(reaction).collect(),
            is_pinned: false,
            thread: None,
            files: Vec::new(),
            previews: Vec::new(),
            hop: 0,
        }
    }

    #[test]
    fn who_reacted_sees_that_and_nobody_else_does() {
        let (mina, bob) = (UserId(1), UserId(2));
        let one = |seq, user, emoji: &str| (seq, user, emoji.to_owned());
        let all = vec![
            one(5, mina, "🎉"),
            one(9, mina, "👍"),
            one(9, UserId(3), "👍"),
            one(9, mina, "🐢"),
        ];
        let at = LogHead { epoch: Epoch("a".into()), head: 9, n: 9 };
        let messages = vec![message(5, &["👍", "🎉"]), message(7, &[]), message(9, &["👍"])];
        let snapshot = Snapshot { at, messages, reactors: Reactors { all, of: None } };
        let kept = Kept::new(&snapshot).unwrap();
        assert!(kept.knows(bob) && kept.own(bob).is_none());
        let marks = |body: &SharedSnapshot| {
            let body: Value = serde_json::from_slice(body.json()).unwrap();
            let items = body["items"].as_array().unwrap().clone();
            items
                .iter()
                .map(|item| {
                    let reactions = item["reactions"].as_array().unwrap();
                    reactions.iter().map(|reaction| reaction["mine"].clone()).collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(json!(marks(kept.shared())), json!([[false, false], [], [false]]));
        assert_eq!(json!(marks(&kept.own(mina).unwrap())), json!([[false, true], [], [true]]));
        let reactors = Reactors { all: Vec::new(), of: Some(vec![mina]) };
        let kept = Kept::new(&Snapshot { reactors, ..snapshot }).unwrap();
        assert!(kept.knows(mina) && !kept.knows(bob));
    }
}
