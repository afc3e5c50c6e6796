//! Why a room says no, and how the wire says it.

use std::time::Duration;

use crate::domain::{Denied, Least, Millis};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::AppendRefusal;

/// Why a room says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoomRefusal {
    /// Not a reader of this room, and so not to know of it.
    NotMember,
    /// May read, may not write until then.
    Muted { until: i64 },
    /// One of the two who are in it has blocked the other.
    Blocked,
    /// It takes a higher rank.
    Rank(Least),
    /// The room takes one message per user and interval.
    SlowMode { retry: Duration },
    /// Such texts are not wanted here.
    Filtered,
    /// `reply_to` names no message of this room.
    NoSuchMessage,
    /// `thread` names no message of this room that may begin one.
    NoSuchThread,
    /// What is to be changed is no message of this room.
    NotThere,
    /// Only its tombstone is left.
    Deleted,
    /// It is somebody else's.
    NotAuthor,
    /// What was reported of it is decided.
    Decided,
    /// As many different reactions as a message may have.
    ReactionLimit,
    /// As many pinned messages as a room may have.
    PinLimit,
    /// A file is not the author's, not of this room, or used already.
    NoSuchFile,
    /// The room was deleted meanwhile.
    Gone,
    /// The store does not answer.
    Unavailable,
    /// The append failed for a reason of its own.
    Failed,
}

impl From<RoomRefusal> for Refusal {
    fn from(why: RoomRefusal) -> Self {
        let soon = Duration::from_secs(1);
        match why {
            RoomRefusal::NotMember | RoomRefusal::Gone => {
                Self::new(ErrorCode::NotFound, "no such room")
            }
            RoomRefusal::Muted { until } => Denied::Muted(Millis(until)).into(),
            RoomRefusal::Blocked => Denied::Blocked.into(),
            RoomRefusal::Rank(least) => Denied::Rank(least).into(),
            RoomRefusal::SlowMode { retry } => {
                Self::new(ErrorCode::SlowMode, "the room is in slow mode").retry_in(retry)
            }
            RoomRefusal::Filtered => {
                Self::new(ErrorCode::Forbidden, "such texts are not wanted here")
                    .because("filtered")
            }
            RoomRefusal::NoSuchMessage => {
                Self::new(ErrorCode::Invalid, "reply_to is no message of this room")
                    .because("no_such_message")
            }
            RoomRefusal::NoSuchThread => {
                Self::new(ErrorCode::Invalid, "thread is no message of this room, or in a thread")
                    .because("no_such_thread")
            }
            RoomRefusal::NotThere => Self::new(ErrorCode::NotFound, "no such message"),
            RoomRefusal::Deleted => {
                Self::new(ErrorCode::Conflict, "the message was deleted").because("deleted")
            }
            RoomRefusal::NotAuthor => {
                Self::new(ErrorCode::Forbidden, "the message is somebody else's")
                    .because("not_author")
            }
            RoomRefusal::Decided => {
                Self::new(ErrorCode::Conflict, "this report is decided").because("decided")
            }
            RoomRefusal::ReactionLimit => {
                Self::new(ErrorCode::Conflict, "the message has too many different reactions")
                    .because("reaction_limit")
            }
            RoomRefusal::PinLimit => {
                Self::new(ErrorCode::Conflict, "the room has too many pinned messages")
                    .because("pin_limit")
            }
            RoomRefusal::NoSuchFile => {
                Self::new(ErrorCode::Invalid, "files must be yours, of this room, and not used")
                    .because("no_such_file")
            }
            RoomRefusal::Unavailable => {
                Self::new(ErrorCode::Unavailable, "the message could not be stored").retry_in(soon)
            }
            RoomRefusal::Failed => Self::new(ErrorCode::Internal, "this could not be done"),
        }
    }
}

impl From<AppendRefusal> for RoomRefusal {
    fn from(why: AppendRefusal) -> Self {
        match why {
            AppendRefusal::Gone => Self::Gone,
            AppendRefusal::NoSuchMessage => Self::NoSuchMessage,
            AppendRefusal::NoSuchThread => Self::NoSuchThread,
            AppendRefusal::NoSuchFile => Self::NoSuchFile,
            AppendRefusal::Filtered => Self::Filtered,
            AppendRefusal::NotThere => Self::NotThere,
            AppendRefusal::Deleted => Self::Deleted,
            AppendRefusal::NotAuthor => Self::NotAuthor,
            AppendRefusal::ReactionLimit => Self::ReactionLimit,
            AppendRefusal::PinLimit => Self::PinLimit,
            AppendRefusal::Muted { until } => Self::Muted { until: until.0 },
            AppendRefusal::Slow { retry_ms, .. } => {
                let retry = Duration::from_millis(u64::try_from(retry_ms).unwrap_or(0));
                Self::SlowMode { retry }
            }
            AppendRefusal::Decided => Self::Decided,
            AppendRefusal::Blocked => Self::Blocked,
            AppendRefusal::Role => Self::Rank(Least::Nobody),
            AppendRefusal::NotMember
            | AppendRefusal::Banned { .. }
            | AppendRefusal::NoSuchMember
            | AppendRefusal::MakerOutside
            | AppendRefusal::Bot
            | AppendRefusal::NotOpen
            | AppendRefusal::Full
            | AppendRefusal::OwnerStays
            | AppendRefusal::NameTaken
            | AppendRefusal::NoSuchUser
            | AppendRefusal::KeptOut
            | AppendRefusal::PrivateRoom
            | AppendRefusal::NotGroup
            | AppendRefusal::NotActive => Self::NotMember,
        }
    }
}
