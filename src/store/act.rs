//! What people do to messages that stand, and what comes of it.

use std::sync::Arc;

use super::append::{Called, StoredEvent, StoredNotice};
use crate::domain::{
    Cid, Emoji, FilterId, Group, Millis, NoticeId, ReportId, RoomId, Text, UserId,
};

/// Something that a user does to messages of a room, admitted by the live room. Whether the messages
/// are there, and whose they are, is decided with it.
#[derive(Debug, Clone)]
pub struct Act {
    /// The room.
    pub room: RoomId,
    /// Who does it.
    pub by: UserId,
    /// What, and to which messages.
    pub deed: Deed,
    /// When the server took it.
    pub at: Millis,
}

/// What is done; messages are named by the seq of their `msg.new`.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the variant says what its fields are for")]
pub enum Deed {
    /// The author gives a message another text. The same `cid` again changes nothing.
    Edit {
        message: i64,
        text: Text,
        cid: Option<Cid>,
        called: Option<Called>,
        flagged: Option<FilterId>,
    },
    /// A message becomes a tombstone.
    Delete { message: i64, whose: Whose },
    /// A moderator deletes what somebody else wrote, and with it decides what was reported of it:
    /// once, also when only the tombstone is left.
    Judge { message: i64, report: ReportId, reason: Arc<str> },
    /// Many become tombstones, whosesoever they are. All of them must be there.
    DeleteMany { messages: Arc<[i64]> },
    /// The account of who does it is erased: these messages and reactions of theirs go, wherever they
    /// are by now. No client can ask for it.
    Forget { messages: Arc<[i64]>, reactions: Arc<[(i64, Emoji)]> },
    /// What the room keeps no longer goes for good, a piece of it: what was taken before then. No
    /// client can ask for it.
    Sweep { before: Millis },
    /// An emoji is added.
    React { message: i64, emoji: Emoji },
    /// An emoji is taken back.
    Unreact { message: i64, emoji: Emoji },
    /// A message is kept at hand.
    Pin { message: i64 },
    /// It is let go.
    Unpin { message: i64 },
}

impl Deed {
    /// Bytes of what somebody wrote.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::Edit { text, .. } => text.as_str().len(),
            _no_text => 0,
        }
    }

    /// Whether messages that stand get another text, or lose theirs.
    pub(super) const fn changes_texts(&self) -> bool {
        match self {
            Self::Edit { .. }
            | Self::Delete { .. }
            | Self::Judge { .. }
            | Self::DeleteMany { .. }
            | Self::Forget { .. }
            | Self::Sweep { .. } => true,
            Self::React { .. } | Self::Unreact { .. } | Self::Pin { .. } | Self::Unpin { .. } => {
                false
            }
        }
    }
}

/// Whose messages somebody may delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// One's own.
    Own,
    /// Anybody's.
    Any,
}

/// What came of an [`Act`].
#[derive(Debug, Clone, Default)]
pub struct Acted {
    /// Its events, in log order; mostly one. With a deleted message go the answers that quote it.
    pub events: Vec<StoredEvent>,
    /// New numbers of unread mentions, of those for whom they changed.
    pub mentions: Vec<(UserId, i64)>,
    /// Inbox entries written with it.
    pub notices: Vec<StoredNotice>,
    /// Inbox entries that are gone with what they told of.
    pub dropped: Vec<DroppedNotices>,
    /// Whether many are still to be told of this message: append a fan-out.
    pub fanout: Option<i64>,
}

/// Entries of one inbox that are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedNotices {
    /// Whose inbox.
    pub user: UserId,
    /// Which entries.
    pub ids: Vec<NoticeId>,
    /// Entries neither read nor dropped, after that.
    pub unread: i64,
}

/// An event done to a message, with its numbers, before it is written.
#[derive(Debug, Clone, Copy)]
pub struct ActEvent<'a> {
    /// The room.
    pub room: RoomId,
    /// The seq of the message.
    pub message: i64,
    /// Who did it.
    pub by: UserId,
    /// Place of the event in the log.
    pub seq: i64,
    /// When.
    pub at: Millis,
    /// What happened.
    pub what: Happened<'a>,
}

/// What happened to a message.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the variant says what its fields are for")]
pub enum Happened<'a> {
    /// It reads otherwise, and names these; without the text where some who hear of it came too late
    /// to see the message.
    Edited { text: Option<&'a Text>, rev: i64, mentions: &'a [UserId], group: Option<Group> },
    /// Only the tombstone is left.
    Deleted,
    /// So many have reacted with the emoji, after this one.
    Reacted { emoji: Emoji, count: i64 },
    /// So many are left.
    Unreacted { emoji: Emoji, count: i64 },
    /// It is pinned.
    Pinned,
    /// It is no longer.
    Unpinned,
}
