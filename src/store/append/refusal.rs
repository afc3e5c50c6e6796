//! Why an append was not done.

use std::sync::Arc;

use crate::domain::Millis;

/// Why an append was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendRefusal {
    /// No such club or room, or it was deleted.
    Gone,
    /// The user is not inside.
    NotMember,
    /// `reply_to` is no message of this room.
    NoSuchMessage,
    /// `thread` is no message of this room, or one in a thread.
    NoSuchThread,
    /// What is to be changed is no message of this room.
    NotThere,
    /// Only its tombstone is left.
    Deleted,
    /// It is somebody else's.
    NotAuthor,
    /// It has as many different reactions as a message may have.
    ReactionLimit,
    /// The room has as many pinned messages as it may have.
    PinLimit,
    /// A file is not one that this message can bring.
    NoSuchFile,
    /// The club does not want files of such names.
    Filtered,
    /// The user is banned from the club, or from the room.
    Banned {
        /// Until when; none is for ever.
        until: Option<Millis>,
        /// In the words of the moderator; may be empty.
        reason: Arc<str>,
    },
    /// The author may not write until then.
    Muted {
        /// Until when.
        until: Millis,
    },
    /// The room has a pace, and the author has written too short a while ago.
    Slow {
        /// When.
        wrote_at: Millis,
        /// How much longer to wait, from when this message was taken.
        retry_ms: i64,
    },
    /// This takes a higher role; one acts on lower ones than one's own.
    Role,
    /// The one to be acted on never was in the club.
    NoSuchMember,
    /// The one to be acted on is not in the club now.
    NotActive,
    /// The report is decided already.
    Decided,
    /// A bot may only be where its maker is.
    MakerOutside,
    /// This is not for bots.
    Bot,
    /// The club takes members by another way than open joining.
    NotOpen,
    /// The club has no place left.
    Full,
    /// The owner cannot leave.
    OwnerStays,
    /// A listed room has this name.
    NameTaken,
    /// One of those who were to be brought in does not exist.
    NoSuchUser,
    /// One of those who were to be brought in is banned from the room.
    KeptOut,
    /// Somebody of two has blocked the other: they write to one another no more, and bring one another
    /// in nowhere.
    Blocked,
    /// Two people have a private room for ever.
    PrivateRoom,
    /// This is not for rooms of this kind.
    NotGroup,
}
