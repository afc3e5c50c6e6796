//! Fan-out inside one worker: which local sessions listen to which room, and their outboxes.
//!
//! Each HTTP worker starts its own relay; it ends with the worker. A room sends one message per
//! event and worker, the relay pushes the shared bytes into the outboxes of its listeners and
//! flushes them: no lock, no wake of another thread per member. While more events wait the relay
//! pushes them all before it flushes, so under pressure several frames leave in one system call. Who
//! hears an answer of the assistant is flushed behind everybody else (`listed.rs`).
//! It also holds everything that would otherwise be a timer per session.
//!
//! A panic costs no session its socket: the book is put in order again from the places of the
//! listeners, and whoever may have missed something is told to fetch it (`recover.rs`).
//!
//! **Invariant:** for each room the relay delivers `last + 1`, drops what it has delivered, and on
//! a hole turns its listeners from push to pull.

mod book;
mod deliver;
mod elsewhere;
mod flush;
mod gauge;
mod listed;
mod message;
mod queue;
mod recover;
mod room_left;
mod run;
mod said;
mod shown;
mod survey;
mod tell;
mod tick;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Actor;

use self::book::{Book, Underway};
pub(crate) use self::book::{Kind, Mode, Signed};
use self::flush::Lingering;
pub(crate) use self::gauge::{About, RoomGauge};
use self::listed::Listed;
pub use self::message::Relays;
pub(crate) use self::message::{
    Attach, LiveEvent, Outgoing, Part, Passing, RelayMsg, Revived, Tell, horizon_line,
};
use self::recover::Hand;
use self::run::RelayActor;
use self::said::Behind;
use self::shown::OnTheWay;
pub use self::survey::{RelayReading, SessionReading, WorkerReading};
use super::budget::Budget;
use super::meter::Meter;
use super::outbox::{Ending, Flushed, Outbox};
use super::pressure::Lateness;
use super::room::RoomMsg;
use super::rooms::RoomsHandle;
use super::seat::{Opening, SeatKey};
use crate::domain::{DeviceId, RoomId, UserId, limits};
use crate::protocol::{CloseCode, RoomEntry, Want};
use crate::telemetry::Metrics;

/// How often the relay looks at its clocks.
const TICK: Duration = Duration::from_millis(200);

/// The relay of one worker; shared by the sessions that live there.
pub(crate) struct Relay {
    book: RefCell<Book>,
    listed: Listed,
    /// What waits for these leaves at the latest with the second beat of the seconds from now: those
    /// who came before the last beat, and since.
    later: [RefCell<Vec<SeatKey>>; 2],
    /// Frames of the message in hand that may be written at once: none while others wait.
    at_once: Cell<usize>,
    paused: RefCell<Vec<Rc<Outbox>>>,
    lingering: Lingering,
    heads: RefCell<Vec<RoomId>>,
    began: Instant,
    now: Cell<u32>,
    ticks: Cell<u64>,
    turns: Cell<u32>,
    lateness: Cell<Lateness>,
    meter: Arc<Meter>,
    /// Counted here and told in batches, as what the outboxes do.
    deliveries: Cell<u64>,
    budget: Rc<Budget>,
    heartbeat: Duration,
    is_draining: Cell<bool>,
    /// The listeners that a message or a beat is being told to, out of the book meanwhile.
    hand: RefCell<Hand>,
    /// What the message in hand has brought about so far: replies, told users.
    done: Cell<usize>,
    /// Whose outbox is being flushed.
    flushing: Cell<Option<SeatKey>>,
    /// Who has not got all of an answer that is being spoken.
    behind: RefCell<Vec<Behind>>,
    /// Inbox entries that were pushed, and perhaps not shown yet.
    on_the_way: OnTheWay,
    rooms: RoomsHandle,
    metrics: Arc<Metrics>,
}

impl Relay {
    /// Starts the relay of this worker. In all its outboxes together `outbox_bytes` may wait.
    pub(crate) fn start(rooms: &RoomsHandle, heartbeat: Duration, outbox_bytes: usize) -> Rc<Self> {
        let (worker, intake) = rooms.relays.register();
        let relay = Rc::new(Self {
            book: RefCell::new(Book::new(worker)),
            listed: Listed::default(),
            later: Default::default(),
            at_once: Cell::new(0),
            paused: RefCell::default(),
            lingering: Lingering::default(),
            heads: RefCell::default(),
            began: Instant::now(),
            now: Cell::new(0),
            ticks: Cell::new(0),
            turns: Cell::new(0),
            lateness: Cell::default(),
            meter: Arc::clone(&intake.meter),
            deliveries: Cell::new(0),
            budget: Rc::new(Budget::new(outbox_bytes)),
            heartbeat,
            is_draining: Cell::new(false),
            hand: RefCell::default(),
            done: Cell::new(0),
            flushing: Cell::new(None),
            behind: RefCell::default(),
            on_the_way: OnTheWay::default(),
            rooms: rooms.clone(),
            metrics: Arc::clone(&rooms.metrics),
        });
        RelayActor::new(&relay, intake.messages).start();
        relay
    }

    /// Seconds since the relay began.
    pub(crate) fn now(&self) -> u32 {
        self.now.get()
    }

    /// A moment so many seconds from now, on the relay's clock.
    pub(crate) fn after(&self, span: Duration) -> u32 {
        let span = u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
        self.now.get().saturating_add(span)
    }

    /// Whether this node is ending.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    /// Takes a listener in that has not signed in yet.
    pub(crate) fn enter(&self, kind: Kind, outbox: Rc<Outbox>) -> SeatKey {
        let deadline = self.after(limits::AUTH_WITHIN);
        self.metrics.entered(kind);
        self.book.borrow_mut().enter(kind, outbox, deadline)
    }

    /// Lets a listener go; says who it was.
    pub(crate) fn leave(&self, seat: SeatKey) -> Option<Signed> {
        let entry = self.book.borrow_mut().leave(seat)?;
        self.metrics.left(entry.kind);
        self.note_last_shown(seat, &entry);
        entry.signed
    }

    /// Writes down who a listener is. From here on changes of its rooms are kept for
    /// [`Self::settle`], so that none is missed while the list is read.
    pub(crate) fn sign(&self, seat: SeatKey, signed: Signed) {
        let mut book = self.book.borrow_mut();
        book.sign(seat, signed);
        let beat_at = self.next_beat(seat.slot);
        if let Some(entry) = book.entry(seat) {
            entry.beat_at = beat_at;
            entry.meanwhile = Some(Vec::new());
        }
    }

    /// A fresh token: the listener may stay until then.
    pub(crate) fn stay(&self, seat: SeatKey, until: u32) {
        if let Some(entry) = self.book.borrow_mut().entry(seat) {
            entry.deadline = until;
        }
    }

    /// The rooms of a listener were read: it hears their heads from here on.
    pub(crate) fn settle(&self, seat: SeatKey, rooms: &[RoomEntry]) {
        let mut book = self.book.borrow_mut();
        book.expect_places(seat.slot, rooms.len());
        for entry in rooms {
            let mentions = u32::try_from(entry.mentions).unwrap_or(u32::MAX);
            book.put_place(seat.slot, entry.room, Mode::Head, mentions);
            if let Some(listeners) = book.rooms.get_mut(&entry.room) {
                let live = self.rooms.directory.find(entry.room).map(|room| room.head());
                let (head, n) = live.unwrap_or_default().max((entry.head, entry.n));
                // Others who listen here are told by what is on its way to this relay.
                if listeners.is_alone() && listeners.last < head {
                    (listeners.last, listeners.n) = (head, n);
                }
                if listeners.last > entry.head {
                    // Something came between the read and now: a head frame makes it good.
                    self.mark_dirty(entry.room, listeners);
                }
            }
        }
        let meanwhile = book.entry(seat).and_then(|entry| entry.meanwhile.take());
        drop(book);
        for tell in meanwhile.into_iter().flatten() {
            self.tell_one(seat.slot, &tell);
        }
    }

    /// Whether a listener hears a room, and how.
    pub(crate) fn mode(&self, seat: SeatKey, room: RoomId) -> Option<Mode> {
        self.book.borrow().mode(seat.slot, room)
    }

    /// Puts a room into a listener's list that the store says it may read.
    pub(crate) fn add_room(&self, seat: SeatKey, room: RoomId) {
        self.book.borrow_mut().put_place(seat.slot, room, Mode::Head, 0);
    }

    /// Holds back inbox events while the inbox log is read.
    pub(crate) fn hold(&self, seat: SeatKey) {
        if let Some(entry) = self.book.borrow_mut().entry(seat) {
            entry.meanwhile.get_or_insert_default();
        }
    }

    /// The inbox log was read up to a seq; what came after it goes on.
    pub(crate) fn release(&self, seat: SeatKey, upto: i64) {
        let mut meanwhile = None;
        if let Some(entry) = self.book.borrow_mut().entry(seat) {
            entry.inbox_upto = entry.inbox_upto.max(upto);
            meanwhile = entry.meanwhile.take();
        }
        for tell in meanwhile.into_iter().flatten() {
            self.tell_one(seat.slot, &tell);
        }
        while self.flush_listed() {}
    }

    /// A listener is about to open a room: until it is attached it hears heads only, and what is
    /// on its way for an earlier opening is stale. `ask` makes the question, which is asked again
    /// should the room crash before it answers.
    pub(crate) fn opening(
        &self,
        seat: SeatKey,
        user: UserId,
        room: RoomId,
        ask: impl FnOnce(Opening) -> RoomMsg,
    ) -> RoomMsg {
        let turn = self.turns.get().wrapping_add(1);
        self.turns.set(turn);
        let asked = ask(Opening { seat, turn, user });
        self.close_room(seat, room);
        if let Some(entry) = self.book.borrow_mut().entry(seat) {
            let asked = asked.clone();
            let underway = Underway { room, turn, asked, is_due: false, is_closed: false };
            entry.openings.push(underway);
        }
        asked
    }

    /// An opening could not be asked for.
    pub(crate) fn give_up(&self, seat: SeatKey, room: RoomId) {
        if let Some(entry) = self.book.borrow_mut().entry(seat) {
            entry.openings.retain(|underway| underway.room != room);
        }
    }

    /// Back from every event to heads only, whatever is on its way.
    pub(crate) fn close_room(&self, seat: SeatKey, room: RoomId) {
        let mut book = self.book.borrow_mut();
        if let Some(entry) = book.entry(seat) {
            let same = entry.openings.iter_mut().filter(|underway| underway.room == room);
            same.for_each(|underway| underway.is_closed = true);
        }
        if book.mode(seat.slot, room) == Some(Mode::Open) {
            book.put_place(seat.slot, room, Mode::Head, 0);
        }
    }

    /// Puts bytes into one outbox and sends them.
    pub(crate) fn send(&self, outbox: &Rc<Outbox>, bytes: bytes::Bytes) {
        outbox.push(bytes);
        self.flush_one(outbox);
    }

    /// The session reads nothing until the next tick: while the door is shut, what its client sends
    /// meanwhile is taken at once then, and refused with one write instead of many.
    pub(crate) fn pause(&self, outbox: &Rc<Outbox>) {
        if !outbox.is_paused.replace(true) {
            self.paused.borrow_mut().push(Rc::clone(outbox));
        }
    }

    /// Ends a listener, with the reason.
    pub(crate) fn close(&self, outbox: &Outbox, code: CloseCode) {
        if outbox.ending() == Ending::No {
            self.metrics.closed(code.number());
        }
        outbox.close(code);
        self.flush_one(outbox);
    }

    pub(crate) fn flush_one(&self, outbox: &Outbox) -> Flushed {
        if outbox.blocked_since.get().is_some() {
            return Flushed::Blocked;
        }
        outbox.flush(self.now.get())
    }

    /// Asks for the next parts of replays when the last ones are on their way.
    fn pump(&self, seat: SeatKey) {
        let mut book = self.book.borrow_mut();
        let Some(entry) = book.entry(seat) else {
            return;
        };
        if entry.openings.is_empty() || entry.outbox.bytes() > self.crowded_bytes() {
            return;
        }
        for underway in entry.openings.iter_mut().filter(|underway| underway.is_due) {
            underway.is_due = false;
            self.ask(underway.room, underway.asked.clone());
        }
    }

    /// Asks a room beside everything else. A room that cannot be reached leaves the replay open;
    /// the client's next heartbeat is answered with `behind`.
    fn ask(&self, room: RoomId, msg: RoomMsg) {
        let rooms = self.rooms.clone();
        actix_rt::spawn(async move {
            if let Err(refusal) = rooms.ask(room, msg).await {
                tracing::debug!(room.id = %room, code = refusal.code.word(), "a replay ended");
            }
        });
    }

    fn next_beat(&self, salt: u32) -> u32 {
        // ± 20 %, spread by a number that differs from session to session.
        let whole = u32::try_from(self.heartbeat.as_millis()).unwrap_or(25_000);
        let spread =
            salt.wrapping_mul(2_654_435_761).wrapping_add(self.now.get().wrapping_mul(7_919)) % 401;
        let ms = whole / 1_000 * (800 + spread);
        self.now.get() + (ms / 1_000).max(1)
    }
}

impl Relay {
    /// The sign-ins of these devices end.
    pub(crate) fn revoke(&self, user: UserId, devices: Option<&[DeviceId]>, code: CloseCode) {
        let slots = self.book.borrow().slots_of(user);
        for slot in slots {
            let book = self.book.borrow();
            let Some(entry) = book.at(slot) else {
                continue;
            };
            let is_meant = entry.signed.is_some_and(|signed| {
                devices.is_none_or(|devices| devices.contains(&signed.device))
            });
            let outbox = Rc::clone(&entry.outbox);
            drop(book);
            if is_meant {
                self.close(&outbox, code);
            }
        }
    }

    /// What a stream of server-sent events wants: nothing that passes.
    pub(crate) const fn stream_want(kind: Kind) -> Want {
        let inbox = matches!(kind, Kind::InboxStream);
        Want { head: false, inbox, presence: false, typing: false, ai: false }
    }
}
