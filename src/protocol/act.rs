//! Ops on messages that stand: editing, deleting, reacting, pinning.

use std::borrow::Cow;

use serde::Deserialize;

use crate::domain::{MessageId, RoomId};

/// An op on messages of a room. Texts and emoji are parsed by the session, which answers for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActOp<'a> {
    /// The room.
    pub room: RoomId,
    /// What to do, and to which messages.
    pub deed: DeedOp<'a>,
}

/// What an [`ActOp`] is to do.
#[expect(missing_docs, reason = "the variant says what its fields are for")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeedOp<'a> {
    /// Another text.
    Edit { message: MessageId, text: Cow<'a, str>, cid: Option<Cow<'a, str>> },
    /// Leaves a tombstone.
    Delete { message: MessageId },
    /// Leaves many.
    DeleteMany { messages: Vec<MessageId> },
    /// Adds an emoji.
    React { message: MessageId, emoji: Cow<'a, str> },
    /// Takes it back.
    Unreact { message: MessageId, emoji: Cow<'a, str> },
    /// Keeps a message at hand.
    Pin { message: MessageId },
    /// Lets it go.
    Unpin { message: MessageId },
}

#[derive(Deserialize)]
struct EditFields<'a> {
    room: RoomId,
    message: MessageId,
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(borrow)]
    cid: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct OneFields {
    room: RoomId,
    message: MessageId,
}

#[derive(Deserialize)]
struct ManyFields {
    room: RoomId,
    messages: Vec<MessageId>,
}

#[derive(Deserialize)]
struct EmojiFields<'a> {
    room: RoomId,
    message: MessageId,
    #[serde(borrow)]
    emoji: Cow<'a, str>,
}

type Read<'a> = Result<ActOp<'a>, serde_json::Error>;

pub(super) fn edit(line: &str) -> Read<'_> {
    let EditFields { room, message, text, cid } = serde_json::from_str(line)?;
    Ok(ActOp { room, deed: DeedOp::Edit { message, text, cid } })
}

/// An op on one message, with nothing but its id.
pub(super) fn on_one(line: &str, deed: fn(MessageId) -> DeedOp<'static>) -> Read<'_> {
    let OneFields { room, message } = serde_json::from_str(line)?;
    Ok(ActOp { room, deed: deed(message) })
}

pub(super) fn delete_many(line: &str) -> Read<'_> {
    let ManyFields { room, messages } = serde_json::from_str(line)?;
    Ok(ActOp { room, deed: DeedOp::DeleteMany { messages } })
}

pub(super) fn react(line: &str) -> Read<'_> {
    let EmojiFields { room, message, emoji } = serde_json::from_str(line)?;
    Ok(ActOp { room, deed: DeedOp::React { message, emoji } })
}

pub(super) fn unreact(line: &str) -> Read<'_> {
    let EmojiFields { room, message, emoji } = serde_json::from_str(line)?;
    Ok(ActOp { room, deed: DeedOp::Unreact { message, emoji } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_op_names_the_message_as_such() {
        let message = MessageId { room: RoomId(12), seq: 9 };
        let line =
            r#"{"id":1,"op":"edit","room":"r_12","message":"m_12_9","text":"a\n","cid":null}"#;
        let deed = DeedOp::Edit { message, text: "a\n".into(), cid: None };
        assert_eq!(edit(line).unwrap(), ActOp { room: RoomId(12), deed });
        let line = r#"{"room":"r_12","message":"m_12_9","emoji":"👍"}"#;
        let deed = DeedOp::React { message, emoji: "👍".into() };
        assert_eq!(react(line).unwrap().deed, deed);
        let pin = on_one(line, |message| DeedOp::Pin { message }).unwrap();
        assert_eq!(pin.deed, DeedOp::Pin { message });
        assert!(edit(line).is_err() && delete_many(line).is_err());
        assert!(on_one(r#"{"room":"r_12","message":9}"#, |m| DeedOp::Pin { message: m }).is_err());
    }
}
