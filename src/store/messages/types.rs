//! Messages, and what belongs to them.

use crate::domain::{LinkPreview, Millis, RoomId, UserId, limits};
use crate::store::files::File;

/// A message as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its room.
    pub room: RoomId,
    /// Seq of the event that brought it.
    pub seq: i64,
    /// Its ordinal among the messages of the room.
    pub n: i64,
    /// When it was taken.
    pub at: Millis,
    /// Who wrote it.
    pub author: UserId,
    /// The client's own id of the send.
    pub cid: String,
    /// The text; none in the tombstone of a deleted message.
    pub text: Option<String>,
    /// Safe HTML that shows it, unless it is plain.
    pub html: Option<String>,
    /// Seq of the message that it answers.
    pub reply_to: Option<i64>,
    /// 1, and one more with each edit.
    pub rev: i64,
    /// When it was last edited.
    pub edited_at: Option<Millis>,
    /// Of an answer of the assistant: its run, as it is sent.
    pub ai: Option<String>,
    /// Reactions, by the emoji that came first.
    pub reactions: Vec<Reaction>,
    /// Whether it is pinned.
    pub is_pinned: bool,
    /// What it is to a thread.
    pub thread: Option<ThreadPlace>,
    /// What it brought, in the order of its author.
    pub files: Vec<File>,
    /// What was found behind its links.
    pub previews: Vec<LinkPreview>,
    /// Machines between it and the last human.
    pub hop: i64,
}

impl Message {
    /// How many of these, one after the other, have no more text than fits into a page: at least
    /// one, so that reading goes on.
    pub fn fitting<'m>(messages: impl Iterator<Item = &'m Self>) -> usize {
        let mut room_left = TextRoom::default();
        let fits = |message: &&Self| room_left.takes(message.text.as_deref());
        messages.take_while(fits).count()
    }
}

/// Counts text until a page is full.
#[derive(Debug, Default)]
pub(super) struct TextRoom {
    rows: usize,
    bytes: usize,
}

impl TextRoom {
    /// Whether the text of one more message still fits.
    pub(super) fn takes(&mut self, text: Option<&str>) -> bool {
        self.rows += 1;
        self.bytes += text.map_or(0, str::len);
        self.rows == 1 || self.bytes <= limits::PAGE_BYTES
    }
}

/// The reactions to a message with one emoji.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// How many.
    pub count: i64,
    /// Whether the reader's is among them.
    pub is_mine: bool,
}

/// A message that is kept at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The message.
    pub message: Message,
    /// Who pinned it.
    pub by: UserId,
    /// When.
    pub at: Millis,
}

/// A text that an edited message had or has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// 1 for the text that was sent.
    pub rev: i64,
    /// The text.
    pub text: String,
    /// Since when.
    pub at: Millis,
}

/// What a message is to a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadPlace {
    /// It began one.
    Root {
        /// Messages in it besides the root.
        count: i64,
        /// When the newest of them was taken.
        last_at: Millis,
    },
    /// It stands in the one that this seq began.
    Of(i64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_full_by_its_text_but_never_empty() {
        let message = |bytes: usize| Message {
            room: RoomId(1),
            seq: 1,
            n: 1,
            at: Millis(0),
            author: UserId(1),
            cid: String::new(),
            text: (bytes > 0).then(|| "x".repeat(bytes)),
            html: None,
            reply_to: None,
            rev: 1,
            edited_at: None,
            ai: None,
            reactions: Vec::new(),
            is_pinned: false,
            thread: None,
            files: Vec::new(),
            previews: Vec::new(),
            hop: 0,
        };
        let fitting = |bytes: &[usize]| {
            let messages: Vec<_> = bytes.iter().map(|bytes| message(*bytes)).collect();
            Message::fitting(messages.iter())
        };
        let most = limits::PAGE_BYTES;
        assert_eq!(fitting(&[]), 0);
        assert_eq!(fitting(&[10, 0, 10]), 3);
        assert_eq!(fitting(&[most + 1, 1]), 1);
        assert_eq!(fitting(&[most, 0, 0]), 3);
        assert_eq!(fitting(&[most - 5, 5, 1, 0]), 2);
    }
}
