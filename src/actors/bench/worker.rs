//! One worker: a relay, its listeners, and a driver in place of their sessions.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

use super::ears::{Ears, Tap};
use super::heard::Listener;
use super::town::Place;
use super::trips::Sent;
use crate::actors::outbox::{Outbox, Port};
use crate::actors::relay::{Kind, Mode, Relay, Signed};
use crate::actors::room::{Form, RoomMsg, Send};
use crate::actors::rooms::RoomsHandle;
use crate::actors::seat::{Asker, SeatKey};
use crate::domain::{DeviceId, RoomId, UserId};
use crate::protocol::{RoomEntry, Want};

/// Nobody sends heartbeats here, and none is to be missed.
const HEARTBEAT: Duration = Duration::from_secs(3_600);
/// Nothing ever waits in these outboxes.
const OUTBOXES: usize = 1 << 30;
/// Answers that are still out when the time is over are waited for so long.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// What a worker is told to do.
pub(super) enum Order {
    /// Seat listeners, and say when all of them hear their rooms.
    Seat { seats: Vec<(RoomEntry, UserId)>, done: oneshot::Sender<()> },
    /// Send one message after the other.
    Talk(Talk),
    /// Send many at once.
    Press(Pressing),
    /// Say what the listeners heard; they hear no more.
    Tell { done: oneshot::Sender<Vec<Listener>> },
}

/// One message after the other.
pub(super) struct Talk {
    pub(super) place: Place,
    pub(super) messages: usize,
    pub(super) text: String,
    /// Those of all workers.
    pub(super) ears: Vec<Arc<Ears>>,
    pub(super) done: oneshot::Sender<Vec<Sent>>,
}

/// Many messages at once.
pub(super) struct Pressing {
    pub(super) places: Vec<Place>,
    pub(super) window: usize,
    pub(super) until: Instant,
    pub(super) text: String,
    pub(super) done: oneshot::Sender<Told>,
}

/// What became of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) stored: u64,
    pub(super) refused: u64,
}

/// Lives until there is nobody to give orders.
pub(super) async fn run(
    rooms: RoomsHandle,
    ears: Arc<Ears>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let worker = Worker::new(rooms, ears);
    while let Some(order) = orders.recv().await {
        match order {
            Order::Seat { seats, done } => {
                if worker.seat(seats).await {
                    let _gave_up = done.send(());
                }
            }
            Order::Talk(talk) => {
                if let Some(sent) = worker.talk(&talk).await {
                    let _gave_up = talk.done.send(sent);
                }
            }
            Order::Press(pressing) => {
                let told = worker.press(&pressing).await;
                let _gave_up = pressing.done.send(told);
            }
            Order::Tell { done } => {
                let heard = worker.listeners.take();
                let heard = heard.iter().map(|one| one.replace(Listener::new(RoomId(0), 0)));
                let _gave_up = done.send(heard.collect());
            }
        }
    }
}

struct Worker {
    rooms: RoomsHandle,
    relay: Rc<Relay>,
    ears: Arc<Ears>,
    /// Where the answers come to: a session that has no room open.
    desk: SeatKey,
    answers: Rc<Answers>,
    listeners: RefCell<Vec<Rc<RefCell<Listener>>>>,
}

/// What comes back to the driver.
#[derive(Default)]
struct Answers {
    told: Cell<Told>,
    last: Cell<Option<Instant>>,
    bell: Notify,
    /// Places for messages on their way, while there is a window.
    window: RefCell<Option<Rc<Semaphore>>>,
}

impl Answers {
    fn come(&self, frame: &Bytes) {
        let mut told = self.told.get();
        if frame.windows(6).any(|word| word == br#""err":"#) {
            told.refused += 1;
        } else {
            told.stored += 1;
        }
        self.told.set(told);
        match &*self.window.borrow() {
            Some(window) => window.add_permits(1),
            None => self.last.set(Some(Instant::now())),
        }
        self.bell.notify_one();
    }
}

impl Worker {
    fn new(rooms: RoomsHandle, ears: Arc<Ears>) -> Self {
        let relay = Relay::start(&rooms, HEARTBEAT, OUTBOXES);
        let answers = Rc::new(Answers::default());
        let here = Rc::clone(&answers);
        let desk = enter(&relay, UserId(0), Tap::new(move |frame| here.come(frame)));
        Self { rooms, relay, ears, desk, answers, listeners: RefCell::default() }
    }

    /// Seats listeners; true when all of them hear their rooms.
    async fn seat(&self, seats: Vec<(RoomEntry, UserId)>) -> bool {
        let mut waiting = Vec::with_capacity(seats.len());
        for (entry, user) in seats {
            let room = entry.room;
            // What comes before the room is open is no delivery.
            let is_open = Rc::new(Cell::new(false));
            let (ears, counts) = (Arc::clone(&self.ears), Rc::clone(&is_open));
            let listener = Rc::new(RefCell::new(Listener::new(room, entry.head)));
            self.listeners.borrow_mut().push(Rc::clone(&listener));
            let seat = enter(
                &self.relay,
                user,
                Tap::new(move |frame| {
                    if counts.get() {
                        ears.hear();
                        listener.borrow_mut().hear(frame);
                    }
                }),
            );
            self.relay.settle(seat, &[entry]);
            let ask =
                |opening| RoomMsg::Open { opening, since: None, form: Form::Socket { re: None } };
            let asked = self.relay.opening(seat, user, room, ask);
            if self.rooms.ask(room, asked).await.is_err() {
                return false;
            }
            waiting.push((seat, room, is_open));
        }
        for (seat, room, is_open) in waiting {
            while self.relay.mode(seat, room) != Some(Mode::Open) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            is_open.set(true);
        }
        // What attached the last of them is on its way out.
        tokio::time::sleep(Duration::from_millis(50)).await;
        true
    }

    async fn talk(&self, talk: &Talk) -> Option<Vec<Sent>> {
        let mut all = Vec::with_capacity(talk.messages);
        let workers = talk.ears.len();
        for number in 0..talk.messages {
            for (at, ears) in talk.ears.iter().enumerate() {
                let members = talk.place.members.len();
                // The first room's members sit in turn, beginning with the first worker.
                let here = members / workers + usize::from(at < members % workers);
                ears.expect(here as u64);
            }
            self.answers.last.set(None);
            let author = *talk.place.members.get(number % talk.place.members.len().max(1))?;
            let sent = Instant::now();
            self.send(&talk.place, author, &talk.text).await?;
            let (mut first, mut last) = (None, sent);
            for ears in &talk.ears {
                if let Some((begin, end)) = ears.heard().await {
                    first = Some(first.map_or(begin, |first: Instant| first.min(begin)));
                    last = last.max(end);
                }
            }
            while self.answers.last.get().is_none() {
                self.answers.bell.notified().await;
            }
            let replied = self.answers.last.get()?;
            all.push(Sent { sent, replied, first: first.unwrap_or(last), last });
        }
        talk.ears.iter().for_each(|ears| ears.relax());
        Some(all)
    }

    async fn press(&self, pressing: &Pressing) -> Told {
        let window = Rc::new(Semaphore::new(pressing.window));
        self.answers.told.set(Told::default());
        *self.answers.window.borrow_mut() = Some(Rc::clone(&window));
        let mut places = pressing.places.iter().cycle();
        let mut number = 0;
        while Instant::now() < pressing.until {
            let (Some(place), Ok(permit)) = (places.next(), window.acquire().await) else {
                break;
            };
            permit.forget();
            number += 1;
            let Some(author) = place.members.get(number % place.members.len().max(1)) else {
                break;
            };
            if self.send(place, *author, &pressing.text).await.is_none() {
                window.add_permits(1);
                let told = self.answers.told.get();
                self.answers.told.set(Told { refused: told.refused + 1, ..told });
            }
        }
        let all = u32::try_from(pressing.window).unwrap_or(u32::MAX);
        let _some_are_lost = tokio::time::timeout(AFTERWARDS, window.acquire_many(all)).await;
        *self.answers.window.borrow_mut() = None;
        self.answers.told.get()
    }

    /// Does what a session does with a send: parses it and leaves it with the room.
    async fn send(&self, place: &Place, author: UserId, source: &str) -> Option<()> {
        let text = super::text(source).ok()?;
        let asker = Asker::Seat(self.desk, 1);
        let (cid, since) = (self.rooms.own_cid(), Instant::now());
        let (is_asked, is_bots) = (false, false);
        let send = Send { author, cid, text, beside: None, asker, since, is_asked, is_bots };
        match self.rooms.try_ask(place.room, RoomMsg::Send(send)) {
            Ok(()) => Some(()),
            Err(msg) => self.rooms.ask(place.room, msg).await.ok(),
        }
    }
}

/// A session that has signed in, and whose frames end here.
fn enter(relay: &Relay, user: UserId, tap: Tap) -> SeatKey {
    let outbox = Rc::new(Outbox::new(Port::Nowhere(tap), relay.now(), relay.budget()));
    let seat = relay.enter(Kind::Socket, outbox);
    let want = Want { head: false, inbox: false, presence: false, typing: false, ai: false };
    let signed = Signed { user, device: DeviceId(0), want, until: u32::MAX, session: None };
    relay.sign(seat, signed);
    relay.settle(seat, &[]);
    seat
}
