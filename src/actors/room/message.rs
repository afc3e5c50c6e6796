//! What can be asked of a room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::rules::RuleBook;
use crate::actors::assistant::{Answering, Wait};
use crate::actors::bounded::{BoundedRef, Rejected};
use crate::actors::pressure::WAIT;
use crate::actors::relay::{LiveEvent, RoomGauge};
use crate::actors::seat::{Answer, Asker, Opening, SeatKey};
use crate::domain::{Cid, FileId, Millis, Position, Rank, RoomId, Status, Text, UserId};
use crate::protocol::{ActOk, MarkOk, Refusal, SendOk};
use crate::store::{Appended, Deed, Passage, RoomInfo, RosterRow, Snapshot, StoredEvent};

/// Commands that may wait in the mailbox of one room.
pub(crate) const MAILBOX: usize = 1_024;
/// How long a caller waits for a place in it before the answer is `overloaded`; with a message
/// no longer than messages wait anywhere.
const PATIENCE: Duration = Duration::from_secs(5);

/// Message of a room.
#[derive(Debug, Clone)]
pub(crate) enum RoomMsg {
    /// A session wants all events from here on, or from a position on.
    Open { opening: Opening, since: Option<Position>, form: Form },
    /// Openings, of sessions of one worker.
    Opens(Vec<RoomMsg>),
    /// A session wants the next events in one answer, because it lags.
    Pull { opening: Opening, after: i64, re: Option<u32> },
    /// A session has written one part of a long replay and wants the next.
    Next { opening: Opening, after: i64, goal: i64 },
    /// A message of a member.
    Send(Send),
    /// Something that a member does to messages that stand.
    Act(Box<Act>),
    /// A member has read up to a seq.
    Mark { user: UserId, seq: i64, asker: Asker<MarkOk>, seat: Option<SeatKey> },
    /// A member wants the room to be unread from a seq on.
    Unread { user: UserId, seq: i64, asker: Asker<MarkOk>, seat: Option<SeatKey> },
    /// A member is writing.
    Typing { user: UserId, reply: Option<(SeatKey, u32)> },
    /// The journal has appended; in the order of the log.
    Committed(Vec<Commit>),
    /// Another node has appended, and tells so; in its order, perhaps with holes.
    Foreign(Arc<[Step]>),
    /// The log in the store reaches to this seq.
    Behind(i64),
    /// The store has answered a read that the room began.
    Loaded(Arc<Loaded>),
    /// Members came online or went.
    Presence { joins: Vec<UserId>, leaves: Vec<UserId> },
    /// Members who are online are otherwise than before.
    States(Vec<(UserId, Status)>),
    /// Every member who is online; whoever else was shown so is not.
    Online(Vec<UserId>),
    /// Settings, rules, roster or rights have changed in the store: read them again. Who changed them here waits
    /// for the answer; none is from elsewhere.
    Refresh(Option<Answer<()>>),
    /// How many may read the room, and how many of them are online.
    Count(Answer<(usize, usize)>),
    /// More of an answer was said.
    Said(Arc<Answering>),
    /// Other questions wait here than before, or at other places; these wait no more.
    Waits(Vec<Wait>),
    /// Look whether anybody still needs this room awake.
    Idle,
    /// Panics so many times; only tests can ask for it.
    #[cfg(feature = "faults")]
    Crash(Arc<std::sync::atomic::AtomicU32>),
}

impl RoomMsg {
    /// Whether it keeps no room awake: what other nodes and the presence tell, and who only looks.
    pub(super) const fn is_told(&self) -> bool {
        matches!(
            self,
            Self::Presence { .. }
                | Self::States(_)
                | Self::Online(_)
                | Self::Foreign(_)
                | Self::Behind(_)
                | Self::Refresh(_)
                | Self::Count(_)
                | Self::Said(_)
                | Self::Waits(_)
        )
    }

    /// Whether it takes to know which questions wait.
    pub(super) const fn shows_waits(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Next { .. } | Self::Loaded(_) | Self::Waits(_))
    }

    /// Who asks for something that takes being inside; nobody does for the rest.
    pub(super) fn asked_by(&self) -> Option<UserId> {
        match self {
            Self::Open { opening, .. }
            | Self::Pull { opening, .. }
            | Self::Next { opening, .. } => Some(opening.user),
            Self::Send(send) => Some(send.author),
            Self::Act(act) => Some(act.by),
            Self::Mark { user, .. } | Self::Unread { user, .. } | Self::Typing { user, .. } => {
                Some(*user)
            }
            _asks_nothing => None,
        }
    }
}

/// What the one who opens speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A WebSocket session; the reply carries the id of its request.
    Socket { re: Option<u32> },
    /// A stream of server-sent events: no reply, no snapshot, `gap` instead.
    Stream,
}

/// A message before it is admitted.
#[derive(Debug, Clone)]
pub(crate) struct Send {
    /// Who writes.
    pub(crate) author: UserId,
    /// The client's id of the send.
    pub(crate) cid: Cid,
    /// The text.
    pub(crate) text: Text,
    /// What it has besides; most have nothing, so it has a place of its own.
    pub(crate) beside: Option<Box<Beside>>,
    /// Who hears what became of it.
    pub(crate) asker: Asker<SendOk>,
    /// When it was taken.
    pub(crate) since: Instant,
    /// Whether it asks the assistant, whatever it says.
    pub(crate) is_asked: bool,
    /// Whether a bot writes.
    pub(crate) is_bots: bool,
}

/// What a message has besides its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// The seq of the message that it answers.
    pub(crate) reply_to: Option<i64>,
    /// The seq of the message that began the thread which it goes into.
    pub(crate) thread: Option<i64>,
    /// The files that it brings.
    pub(crate) files: Vec<FileId>,
}

impl Beside {
    /// Nothing where there is nothing.
    pub(crate) fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

/// Something done to messages, before it is admitted.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    /// Who does it.
    pub(crate) by: UserId,
    /// What; how far it reaches and whom it calls is for the room to say.
    pub(crate) deed: Deed,
    /// Who hears what became of it.
    pub(crate) asker: Asker<ActOk>,
    /// When it was taken.
    pub(crate) since: Instant,
}

/// What the journal appended to a room, and who waits for it.
#[derive(Debug, Clone)]
pub(crate) enum Commit {
    /// A message, or the repetition of one, or its refusal.
    Message { author: UserId, asker: Asker<SendOk>, outcome: Result<Appended, Refusal> },
    /// Something done to messages, or its refusal.
    Act { asker: Asker<ActOk>, outcome: Result<Appended, Refusal> },
    /// More people were told of a message: what is unread for them.
    FannedOut(Vec<(UserId, i64)>),
    /// A read mark.
    Mark {
        user: UserId,
        asker: Asker<MarkOk>,
        seat: Option<SeatKey>,
        outcome: Result<Appended, Refusal>,
    },
    /// An event that nobody waits for.
    Event(StoredEvent),
    /// A step of an answer of the assistant.
    Run { answering: Arc<Answering>, outcome: Result<Appended, Refusal> },
    /// A membership changed; the line stands in the log if there is one.
    Member { user: UserId, change: Change, line: Option<StoredEvent> },
}

/// A step of a room as nodes tell it each other: an event, a change of membership, or a change with
/// its line.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The event.
    pub(crate) event: Option<Arc<LiveEvent>>,
    /// Whose membership changed, and how.
    pub(crate) change: Option<(UserId, Change)>,
}

/// How a membership changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// May read and write from now on.
    Came {
        /// Newest seq at that moment; [`UNKNOWN`] when nobody could say.
        since: i64,
    },
    /// May not any more; why, as `room.remove` says it.
    Went(&'static str),
    /// Stays, and is this from now on.
    Stands(Rank),
    /// Stays, and may not write until then, or may again.
    Muted(Option<Millis>),
}

/// When somebody came of whom that is not known.
pub(crate) const UNKNOWN: i64 = i64::MAX;

impl From<Passage> for Change {
    fn from(how: Passage) -> Self {
        match how {
            Passage::Came { since } => Self::Came { since },
            Passage::Went(why) => Self::Went(why),
            Passage::Stands(rank) => Self::Stands(rank),
            Passage::Muted(until) => Self::Muted(until),
        }
    }
}

/// Answer of the store to a read for seats that wait; `None` when the read failed.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// The last messages, for everyone who waits to open.
    Snapshot(Option<Snapshot>),
    /// Events for one seat.
    Events { ask: Ask, events: Option<Vec<StoredEvent>> },
    /// Events that this node did not hear of in time.
    Hole(Vec<StoredEvent>),
    /// Who may read the room now; `None` when the read failed.
    Roster(Option<Vec<RosterRow>>),
    /// First openings were noted, but for these.
    OpenedNoted { failed: Vec<UserId> },
    /// The room as the store has it now; `None` when the read failed.
    Settings(Option<Box<Settings>>),
}

/// What a room asks for again when something about it has changed that its log does not tell.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) info: RoomInfo,
    pub(crate) rules: RuleBook,
    /// Who may read it, where that says from where on.
    pub(crate) readers: Vec<RosterRow>,
}

/// Why events were read.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// For whom.
    pub(crate) opening: Opening,
    /// Everything after this seq.
    pub(crate) after: i64,
    /// The head when it was asked: what is deleted above it may be read with its text.
    pub(crate) head: i64,
    /// What the events are for.
    pub(crate) purpose: Purpose,
}

/// What events from the store are for.
#[derive(Debug, Clone)]
pub(crate) enum Purpose {
    /// The answer to a pull.
    Pull { re: Option<u32> },
    /// A part of a long replay; `caught_up` comes behind the event with seq `goal`.
    Replay { goal: i64 },
}

/// Address of one live room.
#[derive(Clone)]
pub(crate) struct RoomHandle {
    pub(crate) room: RoomId,
    pub(crate) mailbox: BoundedRef<RoomMsg>,
    pub(crate) gauge: Arc<RoomGauge>,
}

/// The command could not be left with the room.
#[derive(Debug)]
pub(crate) enum Undelivered {
    /// The mailbox stayed full; the sender is told `overloaded`.
    Overloaded,
    /// The room went to sleep or crashed: look it up again.
    Ended(RoomMsg),
}

impl RoomHandle {
    /// Whether this room has lived before that one, of the same id. The end of the one may be told after
    /// the start of the other.
    pub(crate) fn is_before(&self, that: &Self) -> bool {
        self.mailbox.actor().get_id() < that.mailbox.actor().get_id()
    }

    /// Leaves a command. Fast when there is a place; waits for one otherwise, so that the caller's
    /// client feels the pressure.
    pub(crate) async fn ask(&self, msg: RoomMsg) -> Result<(), Undelivered> {
        let msg = match self.mailbox.try_cast(msg) {
            Ok(()) => return Ok(()),
            Err(Rejected::Ended(msg)) => return Err(Undelivered::Ended(msg)),
            Err(Rejected::Full(msg)) => msg,
        };
        let is_written = matches!(msg, RoomMsg::Send(_) | RoomMsg::Act(_));
        let patience = if is_written { WAIT } else { PATIENCE };
        match tokio::time::timeout(patience, self.mailbox.cast(msg)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Rejected::Ended(msg) | Rejected::Full(msg))) => Err(Undelivered::Ended(msg)),
            Err(_elapsed) => Err(Undelivered::Overloaded),
        }
    }

    /// Leaves a command if there is a place now.
    pub(crate) fn try_ask(&self, msg: RoomMsg) -> Result<(), RoomMsg> {
        self.mailbox.try_cast(msg).map_err(|back| match back {
            Rejected::Ended(msg) | Rejected::Full(msg) => msg,
        })
    }

    /// Leaves an answer of the journal, the store or the presence; never waits.
    pub(crate) fn answer(&self, msg: RoomMsg) -> Result<(), RoomMsg> {
        self.mailbox.answer(msg).map_err(|back| match back {
            Rejected::Ended(msg) | Rejected::Full(msg) => msg,
        })
    }

    /// Newest published seq and n.
    pub(crate) fn head(&self) -> (i64, i64) {
        self.gauge.head()
    }
}

/// The end of a mailbox, as an answer for a REST caller.
pub(crate) fn call<T>() -> (Asker<T>, tokio::sync::oneshot::Receiver<Result<T, Refusal>>) {
    let (answer, receiver) = Answer::channel();
    (Asker::Call(answer), receiver)
}
