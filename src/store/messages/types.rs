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
    /// How many of these, one after the other, say no more than fits into a page: at least one, so
    /// that reading goes on.
    pub fn fitting<'m>(messages: impl Iterator<Item = &'m Self>) -> usize {
        PageRoom::fitting(messages.map(Self::bytes))
    }

    /// Bytes of what people wrote and pages say, in all the forms in which it is sent.
    fn bytes(&self) -> usize {
        let said = [&self.text, &self.html, &self.ai];
        let said: usize = said.into_iter().flatten().map(String::len).sum();
        // Its name stands in its address, too.
        let file = |file: &File| 2 * file.name.len() + file.mime.len();
        let files: usize = self.files.iter().map(file).sum();
        let shown = |found: &LinkPreview| {
            let more = [&found.description, &found.site];
            let more: usize = more.into_iter().flatten().map(String::len).sum();
            found.url.len() + found.title.len() + more
        };
        said + files + self.previews.iter().map(shown).sum::<usize>()
    }
}

/// Counts what messages say until a page is full.
#[derive(Debug, Default)]
pub(in crate::store) struct PageRoom {
    rows: usize,
    bytes: usize,
}

impl PageRoom {
    /// Whether one more message still fits.
    pub(in crate::store) fn takes(&mut self, message: &Message) -> bool {
        self.has_room_for(message.bytes())
    }

    /// How many rows of so many bytes each fit.
    fn fitting(rows: impl Iterator<Item = usize>) -> usize {
        let mut room_left = Self::default();
        rows.take_while(|bytes| room_left.has_room_for(*bytes)).count()
    }

    /// Whether one more row of so many bytes still fits.
    pub(in crate::store) fn has_room_for(&mut self, bytes: usize) -> bool {
        self.rows += 1;
        self.bytes += bytes;
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
    /// Seq of the event that pinned it.
    pub seq: i64,
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

impl Revision {
    /// How many of these fit into a page, as of messages.
    #[must_use]
    pub fn fitting(revisions: &[Self]) -> usize {
        PageRoom::fitting(revisions.iter().map(|revision| revision.text.len()))
    }
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
    fn a_page_is_full_by_what_it_says_but_never_empty() {
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
        // What shows a text counts as the text does, and so does what came with it.
        let html = Message { html: Some("x".repeat(most)), ..message(1) };
        let page =
            |url: String| LinkPreview { url, title: "x".to_owned(), description: None, site: None };
        let linked = Message { previews: vec![page("x".repeat(most))], ..message(0) };
        for full in [html, linked] {
            assert_eq!(Message::fitting([&message(0), &full, &message(0)].into_iter()), 1);
        }
    }
}
