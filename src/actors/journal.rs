//! The group-commit writer: every append to a log goes through here, so that all that waits, from
//! all rooms, shares one transaction and one sync of the disk.
//!
//! Root starts it and starts it again should it crash. While a batch is in the database the next
//! one gathers; nothing is acknowledged before its commit. PostgreSQL has several lanes, each
//! with a transaction in flight, and a room stays in its lane; SQLite has one writer, one lane.
//! A crash loses nothing that was acknowledged: what the journal had opened and not written is
//! answered `unavailable`, what it had not opened waits at its address for the next, and a batch
//! that is in the database goes on beside it.

mod gauge;
mod lanes;
mod nobody;
mod weight;
mod write;

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use self::gauge::Gauges;
pub use self::gauge::LaneReading;
use self::lanes::lane_of;
pub(crate) use self::nobody::Nobody;
use self::weight::{Scale, Weight};
use super::bounded::{Address, BoundedRef, Envelope, Place, Rejected};
use super::meter::Mailbox;
use super::pressure::{Pressure, WAIT};
use super::room::Change;
use super::seat::{Answer, Asker, SeatKey};
use super::task;
use crate::domain::{MessageId, Millis, RoomId, Text, UserId};
use crate::faults::{Faults, Moment, Part};
use crate::protocol::{ActOk, ErrorCode, MarkOk, Refusal, SendOk};
use crate::store::{Append, Appended, NoticesRead, Store, StoredNotice};
use crate::telemetry::Metrics;

/// Appends that may wait, over all lanes.
pub(super) const MAILBOX: usize = 16_384;
/// Transactions in flight where the engine can take several: measured, three to six lanes commit
/// more than twice as often as one.
const LANES: usize = 4;
/// Most appends in one transaction.
const BATCH: usize = 1_000;
/// How often it is looked for messages of which many were to be told and not all were, because a node
/// ended or its journal was full.
const SWEEP: Duration = Duration::from_secs(30);
/// Most of them at once.
const SWEPT: i64 = 100;
/// After a failure the store gets this long to recover before the next batch.
const PAUSE: Duration = Duration::from_millis(100);

/// Whom an append is for; the journal carries it and does not look inside.
#[derive(Debug)]
pub(crate) enum Ticket {
    /// A message in a room.
    Message { room: RoomId, author: UserId, asker: Asker<SendOk> },
    /// Something done to messages of a room.
    Act { room: RoomId, asker: Asker<ActOk> },
    /// The next piece of telling many of a message.
    FanOut { room: RoomId, message: i64 },
    /// A read mark in a room.
    Mark { room: RoomId, user: UserId, asker: Asker<MarkOk>, seat: Option<SeatKey> },
    /// An event of a room that nobody waits for.
    Event { room: RoomId },
    /// A change of membership.
    Member { user: UserId, change: Change, answer: Answer<Result<Appended, Refusal>> },
    /// A change that says itself who moved.
    Moves { answer: Answer<Result<Appended, Refusal>> },
    /// A step of a run of the assistant.
    Run { answering: Arc<super::assistant::Answering>, answer: Answer<Result<Appended, Refusal>> },
}

/// What became of an append, with its ticket.
pub(crate) type Outcome = (Ticket, Result<Appended, Refusal>);

/// Ends when all is told.
pub(crate) type Telling<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Takes the outcomes, in commit order for each room.
pub(crate) trait Outcomes: Send + Sync + 'static {
    /// A batch was committed, or failed.
    fn arrived(&self, outcomes: Vec<Outcome>);

    /// Of these messages many are still to be told.
    fn untold(&self, messages: Vec<(RoomId, i64)>);

    /// Inbox entries of a batch, in the order of their logs. The next batch waits until they are
    /// told: rooms work side by side, and two of them would tell one inbox in any order.
    fn tell(&self, notices: Vec<StoredNotice>) -> Telling<'_>;

    /// Inbox entries that were read together with their room.
    fn tell_read(&self, read: Vec<NoticesRead>) -> Telling<'_>;

    /// Whether a user has a room open on this node.
    fn is_listening(&self, room: RoomId, user: UserId) -> bool;

    /// A message has this text now, by the event with this seq; perhaps it links to pages.
    fn spoken(&self, message: MessageId, text_seq: i64, text: &Text);
}

/// Message of the journal.
pub(crate) enum JournalMsg {
    /// Append this, taken at this moment, with the next batch.
    Append(Box<Append>, Ticket, Instant, Weight),
    /// The batch of a lane is through; the store may rest a little after a failure.
    Done { lane: usize },
    /// Look for what is still to be told of messages.
    Sweep,
}

/// Face of the journal.
#[derive(Clone, Default)]
pub struct JournalHandle {
    address: Address<JournalMsg>,
    gauges: Arc<Gauges>,
    scale: Scale,
}

impl JournalHandle {
    /// Called by the root at each start.
    pub(super) fn start(&self, journal: BoundedRef<JournalMsg>) {
        self.address.set(journal);
    }

    /// The journal that the root is about to start.
    pub(super) fn actor(
        &self,
        store: &Store,
        outcomes: Arc<dyn Outcomes>,
        metrics: &Arc<Metrics>,
        pressure: &Arc<Pressure>,
        faults: &Faults,
    ) -> Journal {
        let (store, metrics) = (store.clone(), Arc::clone(metrics));
        let (gauges, pressure) = (Arc::clone(&self.gauges), Arc::clone(pressure));
        Journal { store, outcomes, metrics, gauges, pressure, faults: faults.clone() }
    }

    /// What its mailbox and its lanes show; appends keep their place until they are committed.
    pub(super) fn read(&self, now: Instant) -> (Mailbox, u32, Vec<LaneReading>) {
        let lanes = self.gauges.read(now);
        let mailbox = self.address.read(now);
        let oldest = lanes.iter().map(|lane| lane.oldest).fold(mailbox.oldest, Duration::max);
        (Mailbox { oldest, ..mailbox }, self.address.restarts(), lanes)
    }

    /// The meter of its mailbox.
    #[cfg(feature = "bench")]
    pub(crate) fn meter(&self) -> Arc<super::meter::Meter> {
        self.address.meter()
    }

    /// Hands an append over.
    ///
    /// # Errors
    /// The ticket and the refusal to give to its asker, when too much waits.
    pub(crate) fn append(
        &self,
        append: Append,
        ticket: Ticket,
        since: Instant,
    ) -> Result<(), Box<Outcome>> {
        let Some(weight) = self.scale.put(&append) else {
            return Err(Box::new((ticket, Err(busy(ErrorCode::Overloaded)))));
        };
        let msg = JournalMsg::Append(Box::new(append), ticket, since, weight);
        let (msg, code) = match self.address.try_cast(msg) {
            Ok(()) => return Ok(()),
            Err(Rejected::Full(msg)) => (msg, ErrorCode::Overloaded),
            Err(Rejected::Ended(msg)) => (msg, ErrorCode::Unavailable),
        };
        match msg {
            JournalMsg::Append(_, ticket, ..) => Err(Box::new((ticket, Err(busy(code))))),
            JournalMsg::Done { .. } | JournalMsg::Sweep => Ok(()),
        }
    }

    /// Appends that wait for a batch or are in one.
    pub(crate) fn depth(&self) -> usize {
        self.address.depth()
    }
}

/// The journal of a node.
pub(super) struct Journal {
    store: Store,
    outcomes: Arc<dyn Outcomes>,
    metrics: Arc<Metrics>,
    gauges: Arc<Gauges>,
    pressure: Arc<Pressure>,
    faults: Faults,
}

/// An append on its way. Dropped without an outcome, it answers `unavailable`: a crash on the way
/// leaves nobody waiting.
struct Pending {
    append: Append,
    ticket: Option<Ticket>,
    outcomes: Arc<dyn Outcomes>,
    since: Instant,
    left: Option<Instant>,
    _place: Place<JournalMsg>,
    _weight: Weight,
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.outcomes.arrived(vec![(ticket, Err(unavailable()))]);
        }
    }
}

/// What waits in one lane.
#[derive(Default)]
pub(super) struct Lane {
    waiting: Vec<Pending>,
    is_writing: bool,
}

impl Actor for Journal {
    type Msg = Envelope<JournalMsg>;
    type State = Vec<Lane>;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Vec<Lane>, ActorProcessingErr> {
        self.sweep();
        let _ends_with_the_actor = me.send_interval(SWEEP, || Envelope::to_self(JournalMsg::Sweep));
        let lanes = if self.store.engine() == "sqlite" { 1 } else { LANES };
        self.gauges.start(lanes);
        Ok((0..lanes).map(|_| Lane::default()).collect())
    }

    async fn handle(
        &self,
        me: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        lanes: &mut Vec<Lane>,
    ) -> Result<(), ActorProcessingErr> {
        self.faults.panic_point(Part::Journal, Moment::Start);
        let (Some(msg), mut place) = envelope.open() else {
            return Ok(());
        };
        let index = match msg {
            JournalMsg::Append(append, ticket, since, _weight) => {
                let index = lane_of(&append, lanes.len());
                let outcomes = Arc::clone(&self.outcomes);
                let (append, ticket, left) = (*append, Some(ticket), place.put_down());
                let _place = place;
                let pending = Pending { append, ticket, outcomes, since, left, _place, _weight };
                self.faults.panic_point(Part::Journal, Moment::Middle);
                if let Some(lane) = lanes.get_mut(index) {
                    lane.waiting.push(pending);
                }
                index
            }
            JournalMsg::Done { lane: index } => {
                if let Some(lane) = lanes.get_mut(index) {
                    lane.is_writing = false;
                }
                if let Some(gauge) = self.gauges.of(index) {
                    gauge.end();
                }
                index
            }
            JournalMsg::Sweep => {
                self.sweep();
                return Ok(());
            }
        };
        if let Some(lane) = lanes.get_mut(index) {
            self.write_next(&me, index, lane);
            if let Some(gauge) = self.gauges.of(index) {
                gauge.waits(lane.waiting.len());
            }
        }
        self.faults.panic_point(Part::Journal, Moment::End);
        Ok(())
    }
}

impl Journal {
    fn write_next(&self, me: &ActorRef<Envelope<JournalMsg>>, index: usize, lane: &mut Lane) {
        if lane.is_writing || lane.waiting.is_empty() {
            return;
        }
        lane.is_writing = true;
        let rest = lane.waiting.split_off(lane.waiting.len().min(BATCH));
        let batch = std::mem::replace(&mut lane.waiting, rest);
        if let Some(gauge) = self.gauges.of(index) {
            gauge.begin(batch.len(), batch.first().and_then(|oldest| oldest.left));
        }
        self.refuse_late(&mut lane.waiting);
        let (store, outcomes) = (self.store.clone(), Arc::clone(&self.outcomes));
        let (metrics, me) = (Arc::clone(&self.metrics), me.clone());
        task::beside(async move {
            let work = write::write(&store, &*outcomes, &metrics, batch);
            let is_well = AssertUnwindSafe(work).catch_unwind().await.unwrap_or(false);
            if !is_well {
                tokio::time::sleep(PAUSE).await;
            }
            let done = Envelope::to_self(JournalMsg::Done { lane: index });
            // The journal was restarted meanwhile, with fresh lanes.
            let _restarted = me.send_message(done);
        });
    }

    fn sweep(&self) {
        let (store, outcomes) = (self.store.clone(), Arc::clone(&self.outcomes));
        task::beside(async move {
            match store.fanouts_undone(Millis::now(), SWEPT).await {
                Ok(untold) => outcomes.untold(untold),
                Err(why) => tracing::warn!("it is not known who is still to be told: {why}"),
            }
        });
    }

    /// What is not in this batch and has waited too long would wait for one more. A store that
    /// only stood still for a moment refuses nothing: all that came meanwhile fits.
    fn refuse_late(&self, waiting: &mut Vec<Pending>) {
        let is_late = |pending: &Pending| pending.since.elapsed() > WAIT;
        let late = waiting.iter().position(|pending| !is_late(pending)).unwrap_or(waiting.len());
        if late == 0 {
            return;
        }
        self.pressure.shut();
        let refused = waiting.drain(..late).filter_map(|mut pending| {
            pending.ticket.take().map(|ticket| (ticket, Err(self.pressure.refusal())))
        });
        self.outcomes.arrived(refused.collect());
    }
}

fn busy(code: ErrorCode) -> Refusal {
    Refusal::new(code, "the journal is busy").retry_in(Duration::from_secs(1))
}

fn unavailable() -> Refusal {
    Refusal::new(ErrorCode::Unavailable, "this could not be stored; try again")
        .retry_in(Duration::from_secs(1))
}
