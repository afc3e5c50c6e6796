//! What the journal asks of the store: a batch of appends, one transaction, numbers from the
//! database. The types are here, what becomes JSON in `writer.rs`, the transaction is in `journal`.

mod refusal;

use std::sync::Arc;

pub use self::refusal::AppendRefusal;
use super::act::{Act, Acted};
use super::assistant::{Asked, RunStep, RunStepped};
use super::files::NewPreviews;
use super::moderation::Moderation;
use super::moves::{Move, Moves, NewGroup, RoomChange};
use crate::domain::{
    Cid, ClubId, ClubRole, FileId, Filter, FilterId, Group, Millis, NoticeId, RoomId, Text, UserId,
    Wakes,
};

/// One thing to append. Everything in it was admitted by the live room already; what only the
/// database can know (a repeated `cid`, whether the answered message exists) is decided here.
#[derive(Debug, Clone)]
pub enum Append {
    /// A message of a person or bot.
    Message(NewMessage),
    /// Something done to messages that stand.
    Act(Act),
    /// The next piece of telling many of a message.
    FanOut {
        /// The room.
        room: RoomId,
        /// The seq of the message.
        message: i64,
    },
    /// A user has read a room up to a seq: no event in the log, only the mark.
    Mark {
        /// The room.
        room: RoomId,
        /// Whose mark.
        user: UserId,
        /// Read up to and including this seq. Beyond the head means the head.
        seq: i64,
        /// When.
        at: Millis,
    },
    /// What was found behind the links of a message.
    Previews(NewPreviews),
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
    /// A user enters a lobby or a listed group; or says hello in a room of their club.
    JoinRoom {
        /// The room.
        room: RoomId,
        /// Who enters.
        user: UserId,
        /// When.
        at: Millis,
    },
    /// A user leaves a lobby or a group.
    LeaveRoom {
        /// The room.
        room: RoomId,
        /// Who leaves.
        user: UserId,
        /// When.
        at: Millis,
    },
    /// A moderator acts on somebody in a club, or in a room of none.
    Moderate(Moderation),
    /// Somebody makes a group room and brings others into it.
    MakeGroup(NewGroup),
    /// A member brings others into a group room.
    Invite {
        /// The room.
        room: RoomId,
        /// Who invites.
        by: UserId,
        /// Whom.
        users: Vec<UserId>,
        /// When.
        at: Millis,
    },
    /// The owner of a club makes a member a manager, or a manager a member.
    SetRole {
        /// The club.
        club: ClubId,
        /// The owner.
        by: UserId,
        /// Whose role.
        user: UserId,
        /// `member` or `manager`.
        role: ClubRole,
        /// When.
        at: Millis,
    },
    /// The owner of a club hands it over, and is a manager from then on.
    HandOver {
        /// The club.
        club: ClubId,
        /// The owner until now.
        by: UserId,
        /// The owner from now on.
        to: UserId,
        /// When.
        at: Millis,
    },
    /// The next members of a club hear that it has closed.
    TellClosed {
        /// The club.
        club: ClubId,
    },
    /// A user wants a room to be unread from a seq on: the mark moves there, also back.
    Unread {
        /// The room.
        room: RoomId,
        /// Whose mark.
        user: UserId,
        /// The first seq that counts as unread.
        seq: i64,
    },
    /// A step of a run of the assistant.
    Run(Box<RunStep>),
}

impl Append {
    /// Bytes of what somebody wrote.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.text.as_str().len(),
            Self::Act(act) => act.deed.text_bytes(),
            Self::Run(step) => step.text_bytes(),
            _no_text => 0,
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
    /// Seq of the message that began the thread which this goes into.
    pub thread: Option<i64>,
    /// Many whom it calls at once, and may.
    pub called: Option<Called>,
    /// What it brings: uploads of the author for this room that no message has.
    pub files: Vec<FileId>,
    /// When the server took it.
    pub at: Millis,
    /// The rule of the club that found something in it, and wants moderators to see it.
    pub flagged: Option<FilterId>,
    /// What judges the names of its files, which the room does not know.
    pub judge: Option<Arc<Filter>>,
    /// Whether it asks the assistant.
    pub wakes: Option<Wakes>,
    /// Whether a bot wrote it.
    pub is_bots: bool,
    /// How many machines there are between it and the last human. Of a bot's message only the journal
    /// knows: it is 0 before.
    pub hop: i64,
}

impl NewMessage {
    /// A message that answers nothing.
    #[must_use]
    pub const fn new(room: RoomId, author: UserId, cid: Cid, text: Text, at: Millis) -> Self {
        let (reply_to, thread, called, flagged, wakes) = (None, None, None, None, None);
        let files = Vec::new();
        let judge = None;
        let (is_bots, hop) = (false, 0);
        Self {
            room,
            author,
            cid,
            text,
            reply_to,
            thread,
            called,
            files,
            at,
            flagged,
            judge,
            wakes,
            is_bots,
            hop,
        }
    }
}

/// Many who are called at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    /// Everybody who may read the room.
    All,
    /// These, who are online.
    Here(Arc<[UserId]>),
}

impl Called {
    /// Which group that is.
    #[must_use]
    pub const fn group(&self) -> Group {
        match self {
            Self::All => Group::All,
            Self::Here(_) => Group::Here,
        }
    }
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
        /// Entries of this room in the inbox of the author, who has read them now.
        read: Option<NoticesRead>,
        /// Whether many are still to be told: append [`Append::FanOut`].
        has_fanout: bool,
        /// What becomes of it as a question to the assistant, if it is one.
        asked: Option<Asked>,
    },
    /// It was done, and stands in the log.
    Acted(Acted),
    /// A step of a run of the assistant.
    Run(RunStepped),
    /// There was nothing to change.
    Unchanged {
        /// Seq of the event that made it so, if it is known.
        seq: Option<i64>,
        /// When that was.
        at: Option<Millis>,
    },
    /// Some more were told of a message.
    FannedOut {
        /// New numbers of unread mentions.
        mentions: Vec<(UserId, i64)>,
        /// Inbox entries written.
        notices: Vec<StoredNotice>,
        /// Whether there are more.
        has_more: bool,
    },
    /// An event that nobody asked for and that is no message.
    Event(StoredEvent),
    /// This `cid` was there already: the numbers of the first time.
    Duplicate {
        /// Seq of the first.
        seq: i64,
        /// Ordinal of the first.
        n: i64,
        /// When the first was taken.
        at: Millis,
    },
    /// The mark stands; entries of this room in the user's inbox that are read by it.
    Marked(ReadMark, Option<NoticesRead>),
    /// A membership changed (or was so already: then `rooms` is empty).
    Member {
        /// Every room of the club that the change opens or closes to the user.
        rooms: Vec<RoomChange>,
        /// The bots of the user, who go with them.
        bots: Vec<Move>,
    },
    /// People came and went, or stand otherwise than before. Nothing in it: so it was already.
    Moved(Moves),
    /// Not done, and nothing of it is stored; asking again does not help.
    Refused(AppendRefusal),
    /// A statement failed for this append alone; the rest of the batch stands.
    Failed,
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

/// Inbox entries that a user has read together with a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticesRead {
    /// Whose inbox.
    pub user: UserId,
    /// Which entries.
    pub ids: Vec<NoticeId>,
    /// Entries neither read nor dropped that are left.
    pub unread: i64,
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
