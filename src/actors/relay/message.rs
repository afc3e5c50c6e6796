//! What can be asked of the relays.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::gauge::RoomGauge;
use super::queue::{Intake, Queue};
use super::survey::{RelayReading, WorkerReading, answers};
use crate::actors::assistant::Answering;
use crate::actors::seat::{Opening, SeatKey};
use crate::domain::{DeviceId, Epoch, RoomId, UserId};
use crate::protocol::{CloseCode, Frame, LongFrame, RoomEntry, Touched, erased_event, touched};

/// A relay that has not answered after this hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// One event of a room log, encoded once, on its way to every listener.
#[derive(Debug)]
pub(crate) struct LiveEvent {
    /// The room.
    pub(crate) room: RoomId,
    /// Place in the log.
    pub(crate) seq: i64,
    /// Messages up to here.
    pub(crate) n: i64,
    /// The author of a message: its other sessions learn that its own words are read.
    pub(crate) by: Option<UserId>,
    /// Who it names.
    pub(crate) mentions: Vec<UserId>,
    /// What it did to a message that stood, if that concerns what is kept.
    pub(crate) touched: Option<Touched>,
    /// When it was made, here.
    pub(crate) since: Instant,
    /// For WebSockets.
    pub(crate) frame: Frame,
    sse: OnceLock<Bytes>,
}

impl LiveEvent {
    /// An event around its JSON line, by nobody and naming nobody.
    pub(crate) fn new(room: RoomId, seq: i64, n: i64, line: &str) -> Self {
        let (by, mentions, sse) = (None, Vec::new(), OnceLock::new());
        let (since, frame) = (Instant::now(), Frame::text(line));
        let touched = touched(line);
        Self { room, seq, n, by, mentions, touched, since, frame, sse }
    }

    /// The seq of the message whose text this is, or what is behind its links; or would be, were it
    /// one.
    pub(crate) fn brings(&self) -> Option<i64> {
        match self.touched {
            None => Some(self.seq),
            Some(Touched::Edited(message) | Touched::Previewed(message)) => Some(message),
            Some(Touched::Deleted(_)) => None,
        }
    }

    /// The seq of the message that this says is deleted.
    pub(crate) fn deleted(&self) -> Option<i64> {
        match self.touched {
            Some(Touched::Deleted(message)) => Some(message),
            Some(Touched::Edited(_) | Touched::Previewed(_)) | None => None,
        }
    }

    /// The same event without what the message said.
    pub(crate) fn erased(&self) -> Self {
        let line = self.frame.line();
        let erased = erased_event(&String::from_utf8_lossy(&line));
        Self { by: self.by, ..Self::new(self.room, self.seq, self.n, &erased) }
    }

    /// The same event for a stream of server-sent events; written at the first use.
    pub(crate) fn sse(&self, epoch: &Epoch) -> Bytes {
        self.sse
            .get_or_init(|| {
                let line = self.frame.line();
                let line = String::from_utf8_lossy(&line);
                Bytes::from(sse_block(epoch, self.seq, &line))
            })
            .clone()
    }
}

/// Up to this seq there is nothing for who hears a stream, or nothing any more.
pub(crate) fn horizon_line(room: RoomId, horizon: i64) -> String {
    format!(r#"{{"ev":"horizon","room":"{room}","horizon":{horizon}}}"#)
}

/// The same as a block that has no id, as it has no place in the log: who breaks off behind it comes back
/// to where they were.
pub(super) fn horizon_block(room: RoomId, horizon: i64) -> Bytes {
    Bytes::from(format!("event: horizon\ndata: {}\n\n", horizon_line(room, horizon)))
}

/// One block of an event stream (WHATWG HTML, section 9.2): id, name and data of a log event.
fn sse_block(epoch: &Epoch, seq: i64, line: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Name<'a> {
        #[serde(borrow)]
        ev: std::borrow::Cow<'a, str>,
    }
    let name = serde_json::from_str::<Name<'_>>(line).map_or("message".into(), |name| name.ev);
    format!("id: {epoch}-{seq}\nevent: {name}\ndata: {line}\n\n")
}

/// What stands in no log. Presence and typing are dropped first when a client is slow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Passing {
    /// Who is online.
    Presence,
    /// Who is typing; not told to the one who types.
    Typing(UserId),
    /// That a question waits, or does so no more; not for these: its asker, who is told otherwise,
    /// wherever they are, and who may not read it. Nothing says it again, so it is never dropped.
    Wait(Arc<[UserId]>),
}

/// A room that woke, or came back after a crash.
#[derive(Debug)]
pub(crate) struct Revived {
    /// The room.
    pub(crate) room: RoomId,
    /// Newest seq in the store.
    pub(crate) head: i64,
    /// Messages up to there.
    pub(crate) n: i64,
    /// The newest events, for whoever missed some.
    pub(crate) newest: Vec<Arc<LiveEvent>>,
    /// Whether questions may have been lost.
    pub(crate) after_crash: bool,
    /// Where this life of the room counts its seats.
    pub(crate) gauge: Arc<RoomGauge>,
}

/// A seat that starts, or goes on, hearing a room.
#[derive(Debug)]
pub(crate) struct Attach {
    /// Whose, and which of its openings.
    pub(crate) opening: Opening,
    /// Which room.
    pub(crate) room: RoomId,
    /// The answer to `open`, due even when the opening is stale by now.
    pub(crate) reply: Option<LongFrame>,
    /// What comes before live events: replayed ones, `caught_up`, presence.
    pub(crate) first: Vec<Outgoing>,
    /// Everything up to this seq is in `first` or before it.
    pub(crate) upto: i64,
    /// Messages up to there.
    pub(crate) n: i64,
    /// Numbers of the room, for the seat count.
    pub(crate) gauge: Arc<RoomGauge>,
}

/// One part of a long replay; the seat hears nothing live yet.
#[derive(Debug)]
pub(crate) struct Part {
    /// Whose, and which of its openings.
    pub(crate) opening: Opening,
    /// The answer to `open`, in the first part.
    pub(crate) reply: Option<LongFrame>,
    /// Events, and `caught_up` when the goal is among them.
    pub(crate) events: Vec<Outgoing>,
    /// The next part begins behind this seq.
    pub(crate) upto: i64,
    /// The seq behind which `caught_up` comes.
    pub(crate) goal: i64,
}

/// Something for one session.
#[derive(Debug, Clone)]
pub(crate) enum Outgoing {
    /// An event of a log.
    Event(Arc<LiveEvent>),
    /// A reply, or another frame that is no log event.
    Frame(Frame),
    /// Who is online, for those who want it.
    Presence(Frame),
    /// An answer that is being spoken, or a question that waits for one, for those who want it.
    Speech(Frame),
}

/// A change that concerns all sessions of some users.
#[derive(Debug, Clone)]
pub(crate) enum Tell {
    /// A frame, for those who want inbox events.
    Inbox(Arc<LiveEvent>),
    /// A frame for every session but one.
    Others(Frame, Option<SeatKey>),
    /// A room that they may read from now on.
    Add(Arc<RoomEntry>),
    /// A room that they may not read any more.
    Remove(RoomId, &'static str),
    /// Read marks moved: the new number of unread mentions.
    Mentions(RoomId, u32),
    /// A room that they have is different now.
    Update(RoomId, Frame),
    /// Sessions of these sign-ins end. `None`: all of them.
    Revoke(Option<Vec<DeviceId>>, CloseCode),
}

/// Message of a relay.
#[derive(Clone)]
pub(crate) enum RelayMsg {
    /// Events of a room in log order, and the replies that belong before them.
    Events { events: Arc<[Arc<LiveEvent>]>, replies: Arc<[(SeatKey, Frame)]> },
    /// A room came to life (again): its newest events, for whoever missed some.
    Revived(Arc<Revived>),
    /// A seat hears a room from here on.
    Attach(Arc<Attach>),
    /// An opening was refused; the answer, if one is due.
    Refused(Opening, Option<Frame>),
    /// More of a long replay; the session asks for the next part when this one is written.
    Part(Arc<Part>),
    /// An answer to a pull; `level` when pushes may go on from here.
    Pulled { seat: SeatKey, room: RoomId, reply: Option<(u32, Frame)>, level: bool },
    /// A reply without an event.
    Reply(SeatKey, Frame),
    /// Presence, typing, or that a question waits.
    Passing { room: RoomId, what: Passing, frame: Frame },
    /// More of an answer, from one byte of it to another.
    Said { room: RoomId, answering: Arc<Answering>, off: usize, upto: usize, frame: Frame },
    /// Something for all sessions of these users.
    Tell(Arc<[UserId]>, Tell),
    /// The log of a room that sleeps here went on elsewhere; its newest events, if they are known.
    Elsewhere { room: RoomId, head: i64, n: i64, events: Arc<[Arc<LiveEvent>]> },
    /// Asks which rooms are listened to, and up to which seq they were told.
    Heads(mpsc::Sender<Vec<(RoomId, i64)>>),
    /// Asks for the numbers of the relay.
    Survey(mpsc::Sender<(u16, WorkerReading)>),
    /// Asks who is signed in here by a socket, each with the rooms that they hear.
    Roll(mpsc::Sender<Vec<(UserId, Vec<RoomId>)>>),
    /// A room is different now, for everybody who has it.
    Update { room: RoomId, frame: Frame },
    /// A room is gone for everybody.
    Deleted(RoomId),
    /// This node ends: sessions are told to come back, spread over the window.
    Drain { window: Duration },
    /// What is still here is closed now.
    Finish,
}

impl RelayMsg {
    /// Whether somebody loses something by it.
    pub(super) const fn takes_away(&self) -> bool {
        let tell = matches!(self, Self::Tell(_, Tell::Remove(..) | Tell::Revoke(..)));
        tell || matches!(self, Self::Deleted(_))
    }
}

/// The relays of this node. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Relays(Arc<RwLock<Arc<[Queue]>>>);

impl Relays {
    /// Called by each worker when it starts: its number and its end of the queue.
    pub(crate) fn register(&self) -> (u16, Intake) {
        let (queue, intake) = Queue::new();
        let mut list = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let worker = u16::try_from(list.len()).unwrap_or(u16::MAX);
        *list = list.iter().cloned().chain([queue]).collect();
        (worker, intake)
    }

    fn list(&self) -> Arc<[Queue]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells every relay.
    pub(crate) async fn broadcast(&self, msg: RelayMsg) {
        for relay in self.list().iter() {
            relay.leave(msg.clone()).await;
        }
    }

    /// Tells the relay of one seat.
    pub(crate) async fn tell(&self, seat: SeatKey, msg: RelayMsg) {
        if let Some(relay) = self.list().get(usize::from(seat.worker)) {
            relay.leave(msg).await;
        }
    }

    /// The rooms that are listened to on this node, each with the newest seq that all were told.
    pub(crate) async fn heads(&self) -> HashMap<RoomId, i64> {
        let (sender, mut answers) = mpsc::channel(self.list().len().max(1));
        self.broadcast(RelayMsg::Heads(sender)).await;
        let mut heads = HashMap::new();
        while let Ok(Some(some)) = tokio::time::timeout(PATIENCE, answers.recv()).await {
            for (room, last) in some {
                heads
                    .entry(room)
                    .and_modify(|known: &mut i64| *known = last.min(*known))
                    .or_insert(last);
            }
        }
        heads
    }

    /// What each relay shows; a relay that does not answer in time shows only its queue.
    pub(crate) async fn read(&self) -> Vec<RelayReading> {
        answers(&self.list()).await
    }

    /// Who is signed in on this node by a socket, each with the rooms that they hear.
    pub(crate) async fn roll(&self) -> Vec<(UserId, Vec<RoomId>)> {
        let (sender, mut answers) = mpsc::channel(self.list().len().max(1));
        self.broadcast(RelayMsg::Roll(sender)).await;
        let mut all = Vec::new();
        while let Ok(Some(some)) = tokio::time::timeout(PATIENCE, answers.recv()).await {
            all.extend(some);
        }
        all
    }

    /// Messages that wait in all relays' queues.
    pub(crate) fn depth(&self) -> usize {
        self.list().iter().map(Queue::depth).sum()
    }
}
