//! What the journal asks of the store: a batch of appends, one transaction, numbers from the
//! database. The types are here, the transaction is in `journal.rs` of this folder.

use std::sync::Arc;

use crate::domain::{Cid, ClubId, Epoch, Millis, NoticeId, RoomId, Text, UserId};

/// One thing to append. Everything in it was admitted by the live room already; what only the
/// database can know (a repeated `cid`, whether the answered message exists) is decided here.
#[derive(Debug, Clone)]
pub enum Append {
    /// A message of a person or bot.
    Message(NewMessage),
    /// A user has read a room up to a seq: no event in the log, only the mark.
    Mark {
        /// The room.
        room: RoomId,
        /// Whose mark.
        user: UserId,
        /// Read up to and including this seq. Beyond the head means the head.
        seq: i64,
    },
    /// A user enters an open club: membership, read marks, and the line in `general`.
    JoinClub {
        /// The club.
        club: ClubId,
        /// Who enters.
        user: UserId,
        /// When.
        at: Millis,
    },
    /// A user leaves a club: lines where they were seen, then the membership ends.
    LeaveClub {
        /// The club.
        club: ClubId,
        /// Who leaves.
        user: UserId,
        /// When.
        at: Millis,
    },
    /// A user enters a lobby.
    JoinRoom {
        /// The lobby.
        room: RoomId,
        /// Who enters.
        user: UserId,
        /// When.
        at: Millis,
    },
    /// A user leaves a lobby.
    LeaveRoom {
        /// The lobby.
        room: RoomId,
        /// Who leaves.
        user: UserId,
        /// When.
        at: Millis,
    },
}

impl Append {
    /// Bytes of what somebody wrote.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.text.as_str().len(),
            Self::Mark { .. }
            | Self::JoinClub { .. }
            | Self::LeaveClub { .. }
            | Self::JoinRoom { .. }
            | Self::LeaveRoom { .. } => 0,
        }
    }
}

/// A message before it has numbers.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The room.
    pub room: RoomId,
    /// Who wrote it.
    pub author: UserId,
    /// The client's id of the send; the server makes one up when the client has none.
    pub cid: Cid,
    /// The text.
    pub text: Text,
    /// Seq of the `msg.new` that this answers, in the same room.
    pub reply_to: Option<i64>,
    /// When the server took it.
    pub at: Millis,
}

/// What became of one [`Append`], in the order of the batch.
#[derive(Debug, Clone)]
pub enum Appended {
    /// The message stands in the log.
    Message {
        /// The event as it is kept and sent.
        event: StoredEvent,
        /// Who it calls by name and may read it.
        mentions: Vec<UserId>,
        /// Inbox entries written with it.
        notices: Vec<StoredNotice>,
    },
    /// This `cid` was there already: the numbers of the first time.
    Duplicate {
        /// Seq of the first.
        seq: i64,
        /// Ordinal of the first.
        n: i64,
        /// When the first was taken.
        at: Millis,
    },
    /// The mark stands.
    Marked(ReadMark),
    /// A membership changed (or was so already: then `rooms` is empty).
    Member {
        /// Every room of the club that the change opens or closes to the user.
        rooms: Vec<RoomChange>,
    },
    /// Not done, and nothing of it is stored; asking again does not help.
    Refused(AppendRefusal),
    /// A statement failed for this append alone; the rest of the batch stands.
    Failed,
}

/// Why an append was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendRefusal {
    /// No such club or room, or it was deleted.
    Gone,
    /// The user is not inside.
    NotMember,
    /// `reply_to` is no message of this room.
    NoSuchMessage,
    /// The user is banned from the club.
    Banned,
    /// The club takes members by another way than open joining.
    NotOpen,
    /// The club has no place left.
    Full,
    /// The owner cannot leave.
    OwnerStays,
}

/// One event of a room log, with the numbers that the database gave.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Place in the log.
    pub seq: i64,
    /// Ordinal among the messages up to and including this event.
    pub n: i64,
    /// When it was taken.
    pub at: Millis,
    /// The event as it is sent: one JSON object, no line break.
    pub body: Arc<str>,
}

/// One entry of an inbox log.
#[derive(Debug, Clone)]
pub struct StoredNotice {
    /// Whose inbox.
    pub user: UserId,
    /// Place in that inbox log.
    pub seq: i64,
    /// The event as it is sent.
    pub body: Arc<str>,
}

/// A user's place in a room after a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadMark {
    /// The seq that was marked, at most the head.
    pub seq: i64,
    /// Messages read.
    pub read_n: i64,
    /// Messages there are.
    pub n: i64,
    /// Messages above `read_n` that name the user.
    pub mentions: i64,
}

/// How a membership change touches one room.
#[derive(Debug, Clone)]
pub struct RoomChange {
    /// The room.
    pub room: RoomId,
    /// The line that the change wrote into its log, if any.
    pub line: Option<StoredEvent>,
}

/// Which line a membership change writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// `member.join`
    Join,
    /// `member.leave`
    Leave,
}

/// What an inbox entry says, before it has a number.
#[derive(Debug, Clone)]
pub struct NewNotice<'a> {
    /// Id of the entry.
    pub id: NoticeId,
    /// `mention` or `reply`.
    pub kind: &'static str,
    /// Whose inbox.
    pub user: UserId,
    /// `ko` or `en`: the language of the receiver.
    pub locale: &'a str,
    /// Display name of who caused it.
    pub from_name: &'a str,
    /// Who caused it.
    pub from: UserId,
    /// Where.
    pub room: RoomId,
    /// The seq of the message.
    pub message_seq: i64,
    /// The club of the room.
    pub club: Option<ClubId>,
    /// Beginning of the message.
    pub excerpt: &'a str,
    /// When.
    pub at: Millis,
}

/// Stands in a template where the seq belongs. JSON never holds a control character as it is.
pub const SEQ_HOLE: char = '\u{1}';
/// Stands in a template where the `n` belongs.
pub const N_HOLE: char = '\u{2}';

/// Turns numbered facts into the JSON that is kept and sent. The store numbers, the wire layer
/// writes: the store keeps the result without looking inside.
pub trait EventWriter: Send + Sync {
    /// A `msg.new`.
    fn message(&self, message: &NewMessage, seq: i64, n: i64, mentions: &[UserId]) -> String;
    /// A `msg.new` that names nobody, before it has numbers: [`SEQ_HOLE`] and [`N_HOLE`] stand where
    /// they belong and nowhere else. With the numbers put in it is what [`Self::message`] writes.
    fn template(&self, message: &NewMessage) -> String;
    /// A membership line; lines have a seq and no `n`.
    fn line(&self, room: RoomId, line: Line, user: UserId, seq: i64, at: Millis) -> String;
    /// An `inbox` event; also gives the title and body columns.
    fn notice(&self, notice: &NewNotice<'_>, seq: i64) -> WrittenNotice;
}

/// An inbox event and the two texts in it that lists show.
#[derive(Debug, Clone)]
pub struct WrittenNotice {
    /// The event as it is sent.
    pub event: String,
    /// Headline, ≤ 100 characters.
    pub title: String,
    /// First words, ≤ 200 characters.
    pub body: String,
}

/// Head of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// Life of the log.
    pub epoch: Epoch,
    /// Newest seq.
    pub head: i64,
    /// Ordinal of the newest message.
    pub n: i64,
}
