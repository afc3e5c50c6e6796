//! What can be asked of the bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::parcel::{Online, Roll, What, Word};
use crate::actors::assistant::{Answering, Wait};
use crate::actors::bounded::{Address, BoundedRef};
use crate::actors::meter::Mailbox;
use crate::actors::relay::Tell;
use crate::actors::room::Step;
use crate::domain::{RoomId, Status, UserId};
use crate::protocol::RoomEntry;
use crate::store::{Heard, Link};
use crate::telemetry::Metrics;

/// What this node has to say may wait so often.
pub(crate) const MAILBOX: usize = 8_192;

/// Message of the bus.
pub(crate) enum BusMsg {
    /// Tell the other nodes what was committed to a room.
    Share(RoomId, Vec<Step>),
    /// Tell the other nodes something else.
    Say(What),
    /// The link has brought something.
    Heard(Heard),
    /// A second has passed.
    Tick,
    /// The heads were compared, or could not be.
    Compared(Compared),
}

/// How a comparison of heads went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    /// The store answered.
    Well,
    /// It did not.
    Failed,
}

/// Face of the bus. On a node without a link every call is one branch.
#[derive(Clone)]
pub(crate) struct BusHandle {
    address: Address<BusMsg>,
    line: Option<Arc<Line>>,
}

/// What a node with a link has.
struct Line {
    link: Arc<dyn Link>,
    node: u64,
    /// Something was not said and nobody knows yet.
    is_short: AtomicBool,
    metrics: Arc<Metrics>,
}

impl BusHandle {
    /// The face of a bus that the root is about to start. `node` is random.
    pub(crate) fn new(link: Option<Arc<dyn Link>>, node: u64, metrics: Arc<Metrics>) -> Self {
        let is_short = AtomicBool::new(false);
        let line = link.map(|link| Arc::new(Line { link, node, is_short, metrics }));
        Self { address: Address::default(), line }
    }

    /// Called by the root at each start.
    pub(crate) fn start(&self, bus: BoundedRef<BusMsg>) {
        self.address.set(bus);
    }

    /// The link, if there is one.
    pub(crate) fn link(&self) -> Option<Arc<dyn Link>> {
        self.line.as_ref().map(|line| Arc::clone(&line.link))
    }

    /// Which node this is.
    pub(super) fn node(&self) -> u64 {
        self.line.as_ref().map_or(0, |line| line.node)
    }

    /// Whether there may be other nodes.
    pub(crate) fn is_linked(&self) -> bool {
        self.line.is_some()
    }

    /// Whether there is a link and nothing crosses it now.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.line.as_ref().is_some_and(|line| !line.link.is_up())
    }

    /// Tells what was committed to a room.
    pub(crate) fn share(&self, room: RoomId, steps: Vec<Step>) {
        self.leave(|| Some(BusMsg::Share(room, steps)));
    }

    /// A member is writing.
    pub(crate) fn typing(&self, room: RoomId, by: UserId) {
        self.leave(|| Some(BusMsg::Say(What::Typing { room, by })));
    }

    /// More of an answer was said here, from one byte to another.
    pub(crate) fn said(&self, answering: &Answering, off: usize, to: usize) {
        self.leave(|| {
            let message = answering.message().filter(|_seq| !answering.is_abroad)?;
            let (question, text) = (answering.question, answering.part(off, to));
            Some(BusMsg::Say(What::Said { question, message, off, text }))
        });
    }

    /// These questions wait here; all of them.
    pub(crate) fn waits(&self, waits: Vec<Wait>) {
        self.leave(|| Some(BusMsg::Say(What::Waits(waits))));
    }

    /// Something for all sessions of these users.
    pub(crate) fn tell(&self, users: &[UserId], tell: &Tell) {
        self.leave(|| {
            let (users, word) = (users.to_vec(), Word::of(tell)?);
            Some(BusMsg::Say(What::Users { users, word }))
        });
    }

    /// These users may read a new room.
    pub(crate) fn add(&self, users: &[UserId], entry: &RoomEntry) {
        self.leave(|| {
            let (users, word) = (users.to_vec(), Word::Add(entry.clone()));
            Some(BusMsg::Say(What::Users { users, word }))
        });
    }

    /// A room is different now; what is told of it, if that is the same for all who have it.
    pub(crate) fn update(&self, room: RoomId, line: Option<String>) {
        self.leave(|| Some(BusMsg::Say(What::Update { room, line })));
    }

    /// Rooms are gone.
    pub(crate) fn deleted(&self, rooms: &[RoomId]) {
        self.leave(|| Some(BusMsg::Say(What::Deleted(rooms.to_vec()))));
    }

    /// The rules of rooms have changed.
    pub(crate) fn refresh(&self, rooms: &[RoomId]) {
        self.leave(|| Some(BusMsg::Say(What::Refresh(rooms.to_vec()))));
    }

    /// Who came online here and who went.
    pub(crate) fn online(&self, users: Vec<Online>, roll: Option<Roll>) {
        self.leave(|| Some(BusMsg::Say(What::Online { users, roll })));
    }

    /// How some who are online here are.
    pub(crate) fn says(&self, users: Vec<(UserId, Option<Status>)>) {
        self.leave(|| Some(BusMsg::Say(What::States { users })));
    }

    /// Messages that wait to be said.
    pub(crate) fn depth(&self) -> usize {
        self.address.depth()
    }

    /// What its mailbox shows, and how often it was started again.
    pub(crate) fn read(&self, now: Instant) -> (Mailbox, u32) {
        (self.address.read(now), self.address.restarts())
    }

    /// Something was not said.
    pub(crate) fn fell_short(&self) {
        if let Some(line) = &self.line {
            line.is_short.store(true, Ordering::Release);
            line.metrics.bus_unsent.inc();
        }
    }

    /// Whether something was not said since the last look.
    pub(super) fn was_short(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.is_short.swap(false, Ordering::AcqRel))
    }

    /// Never waits: what the bus has no place for is repaired from the heads.
    fn leave(&self, msg: impl FnOnce() -> Option<BusMsg>) {
        let is_lost =
            self.line.is_some() && msg().is_some_and(|msg| self.address.try_cast(msg).is_err());
        if is_lost {
            self.fell_short();
        }
    }
}
