//! Whether a message is meant, and may be seen.

use super::{Carried, Search};
use crate::domain::{UserId, holds_link};
use crate::store::messages::Message;

/// Whether the reader of an expression may see a message now, in SQL: from `room`, the message under
/// an alias, and the reader's row of the room, `seen`, if there is one.
macro_rules! may_see {
    ($message:literal, $reader:literal) => {
        concat!(
            "+room.deleted_at IS NULL AND ",
            $message,
            ".text IS NOT NULL AND (room.history = 'all' OR ",
            $message,
            ".seq > coalesce(seen.join_seq, 0)) AND ",
            $crate::store::rooms::may_read!($reader)
        )
    };
}
pub(super) use may_see;

impl Search<'_> {
    /// Whether a message that the reader may see is meant, by all but its room.
    pub(super) fn means(&self, message: &Message, carries_file: bool) -> bool {
        let Some(text) = message.text.as_deref() else { return false };
        let is_by = |author: UserId| message.author == author;
        let carries = |what| match what {
            Carried::File => carries_file,
            Carried::Link => holds_link(text),
        };
        self.author.is_none_or(is_by)
            && self.since.is_none_or(|since| message.at >= since)
            && self.until.is_none_or(|until| message.at < until)
            && self.has.is_none_or(carries)
            && self.text.is_none_or(|wanted| wanted.is_in(text))
    }
}
