//! Which sessions of this worker listen to which room. Plain data: small, and every step constant
//! in time, because ten thousand sessions may come or go at once.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::gauge::RoomGauge;
use super::message::Tell;
use crate::actors::outbox::Outbox;
use crate::actors::room::RoomMsg;
use crate::actors::seat::{Opening, SeatKey};
use crate::domain::{DeviceId, RoomId, SessionId, UserId};
use crate::protocol::Want;

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A WebSocket session.
    Socket,
    /// Server-sent events of one room.
    RoomStream,
    /// Server-sent events of an inbox.
    InboxStream,
}

/// Who signed in, and until when the token holds, in seconds of the relay's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed {
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) want: Want,
    pub(crate) until: u32,
    /// Names the session; a stream has no name.
    pub(crate) session: Option<SessionId>,
}

/// One listener.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) outbox: Rc<Outbox>,
    pub(super) signed: Option<Signed>,
    /// When it is closed for want of a token, or dropped while it closes.
    pub(super) deadline: u32,
    pub(super) beat_at: u32,
    places: Vec<Place>,
    pub(super) openings: Vec<Underway>,
    /// Changes that came while the list of rooms was being read.
    pub(super) meanwhile: Option<Vec<Tell>>,
    /// Inbox events up to here came with a replay; their news may still be on its way.
    pub(super) inbox_upto: i64,
}

/// A room that a session is about to hear.
#[derive(Debug, Clone)]
pub(super) struct Underway {
    pub(super) room: RoomId,
    pub(super) turn: u32,
    /// What was asked, to be asked again should the room crash before it answers.
    pub(super) asked: RoomMsg,
    /// Whether a part of a replay is on its way out and the next is to be asked for.
    pub(super) is_due: bool,
    /// Closed before it was answered: the answer is still due, nothing else.
    pub(super) is_closed: bool,
}

/// A session's way to its ear in a room.
#[derive(Debug, Clone, Copy)]
struct Place {
    room: RoomId,
    index: u32,
    mode: Mode,
}

/// How a session hears a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Only that there is more.
    Head,
    /// Every event.
    Open,
}

/// A room's way to one of its listeners.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ear {
    pub(super) slot: u32,
    /// Unread messages that name the user.
    pub(super) mentions: u32,
    /// Pushes have stopped; the client pulls.
    pub(super) is_lagging: bool,
}

/// All listeners of one room on this worker.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    pub(super) last: i64,
    pub(super) n: i64,
    pub(super) open: Vec<Ear>,
    pub(super) heads: Vec<Ear>,
    pub(super) announced_at: u64,
    pub(super) is_dirty: bool,
    pub(super) gauge: Option<Arc<RoomGauge>>,
}

impl Listeners {
    /// Whether one listener hears the head, and nobody more.
    pub(super) fn is_alone(&self) -> bool {
        self.open.is_empty() && self.heads.len() == 1
    }

    fn ears(&mut self, mode: Mode) -> &mut Vec<Ear> {
        match mode {
            Mode::Head => &mut self.heads,
            Mode::Open => &mut self.open,
        }
    }
}

#[derive(Debug, Default)]
struct Slot {
    life: u32,
    entry: Option<Entry>,
}

/// Sessions, rooms and users of one worker.
#[derive(Debug, Default)]
pub(super) struct Book {
    worker: u16,
    slots: Vec<Slot>,
    free: Vec<u32>,
    pub(super) rooms: HashMap<RoomId, Listeners>,
    users: HashMap<UserId, Vec<u32>>,
}

impl Book {
    pub(super) fn new(worker: u16) -> Self {
        Self { worker, ..Self::default() }
    }

    /// The number of the worker.
    pub(super) fn worker(&self) -> u16 {
        self.worker
    }

    /// Takes a listener in.
    pub(super) fn enter(&mut self, kind: Kind, outbox: Rc<Outbox>, deadline: u32) -> SeatKey {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let entry = Entry {
            kind,
            outbox,
            signed: None,
            deadline,
            beat_at: u32::MAX,
            places: Vec::new(),
            openings: Vec::new(),
            meanwhile: None,
            inbox_upto: 0,
        };
        let mut life = 0;
        if let Some(place) = self.slots.get_mut(index(slot)) {
            place.life = place.life.wrapping_add(1);
            life = place.life;
            place.entry = Some(entry);
        }
        SeatKey { worker: self.worker, slot, life }
    }

    /// Lets a listener go; everything that pointed to it is gone with it.
    pub(super) fn leave(&mut self, seat: SeatKey) -> Option<Entry> {
        self.entry(seat)?;
        for room in self.rooms_of(seat.slot) {
            self.remove_place(seat.slot, room);
        }
        let entry = self.slots.get_mut(index(seat.slot))?.entry.take()?;
        if let Some(Signed { user, .. }) = entry.signed
            && let Some(slots) = self.users.get_mut(&user)
        {
            slots.retain(|slot| *slot != seat.slot);
            if slots.is_empty() {
                self.users.remove(&user);
            }
        }
        self.free.push(seat.slot);
        Some(entry)
    }

    /// The listener in a seat, unless the seat belongs to somebody else by now.
    pub(super) fn entry(&mut self, seat: SeatKey) -> Option<&mut Entry> {
        let slot = self.slots.get_mut(index(seat.slot))?;
        let is_same = seat.worker == self.worker && slot.life == seat.life;
        if is_same { slot.entry.as_mut() } else { None }
    }

    /// An opening was answered for good.
    pub(super) fn end_opening(&mut self, opening: Opening) {
        if let Some(entry) = self.entry(opening.seat) {
            entry.openings.retain(|underway| underway.turn != opening.turn);
            if entry.openings.is_empty() {
                entry.openings = Vec::new();
            }
        }
    }

    /// The listener in a slot.
    pub(super) fn at(&self, slot: u32) -> Option<&Entry> {
        self.slots.get(index(slot))?.entry.as_ref()
    }

    pub(super) fn at_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.slots.get_mut(index(slot))?.entry.as_mut()
    }

    /// The key of who sits in a slot now.
    pub(super) fn key(&self, slot: u32) -> SeatKey {
        let life = self.slots.get(index(slot)).map_or(0, |slot| slot.life);
        SeatKey { worker: self.worker, slot, life }
    }

    /// The ears of a listener that hear every event.
    pub(super) fn open_ears<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = &'a Ear> {
        let open = entry.places.iter().filter(|place| place.mode == Mode::Open);
        open.filter_map(|place| self.rooms.get(&place.room)?.open.get(index(place.index)))
    }

    /// Every listener.
    pub(super) fn each(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter_map(|slot| slot.entry.as_ref())
    }

    /// Slots in use.
    pub(super) fn taken(&self) -> Vec<u32> {
        let slots = self.slots.iter().enumerate().filter(|(_, slot)| slot.entry.is_some());
        slots.filter_map(|(at, _)| u32::try_from(at).ok()).collect()
    }

    /// Every listener, with its slot.
    pub(super) fn each_mut(&mut self) -> impl Iterator<Item = (u32, &mut Entry)> {
        self.slots
            .iter_mut()
            .enumerate()
            .filter_map(|(at, slot)| Some((u32::try_from(at).ok()?, slot.entry.as_mut()?)))
    }

    /// Writes down who a listener is.
    pub(super) fn sign(&mut self, seat: SeatKey, signed: Signed) {
        let Some(entry) = self.entry(seat) else {
            return;
        };
        let known = entry.signed.replace(signed);
        entry.deadline = signed.until;
        if known.is_none() {
            self.users.entry(signed.user).or_default().push(seat.slot);
        }
    }

    /// One slot of a user after the other, for who changes the book on the way: nothing is copied for
    /// the author of each message.
    pub(super) fn slot_of(&self, user: UserId, at: usize) -> Option<u32> {
        self.users.get(&user)?.get(at).copied()
    }

    /// The slots of a user.
    pub(super) fn slots_of(&self, user: UserId) -> Vec<u32> {
        self.users.get(&user).cloned().unwrap_or_default()
    }

    /// The rooms that a listener hears.
    pub(super) fn rooms_of(&self, slot: u32) -> Vec<RoomId> {
        let places = self.at(slot).map(|entry| entry.places.iter().map(|place| place.room));
        places.into_iter().flatten().collect()
    }

    /// How a listener hears a room.
    pub(super) fn mode(&self, slot: u32, room: RoomId) -> Option<Mode> {
        let entry = self.at(slot)?;
        entry.places.iter().find(|place| place.room == room).map(|place| place.mode)
    }

    /// The ear of a listener in a room.
    pub(super) fn ear(&mut self, slot: u32, room: RoomId) -> Option<&mut Ear> {
        let entry = self.slots.get(index(slot))?.entry.as_ref()?;
        let place = *entry.places.iter().find(|place| place.room == room)?;
        self.rooms.get_mut(&room)?.ears(place.mode).get_mut(index(place.index))
    }

    /// Puts a listener into a room, or moves it from one mode to the other; mentions stay.
    pub(super) fn put_place(&mut self, slot: u32, room: RoomId, mode: Mode, mentions: u32) {
        let mentions = self.ear(slot, room).map_or(mentions, |ear| ear.mentions);
        if self.mode(slot, room) == Some(mode) {
            if let Some(ear) = self.ear(slot, room) {
                ear.is_lagging = false;
            }
            return;
        }
        // Not removed: the only listener of a room keeps what was told, and the gauge.
        self.take_place(slot, room);
        let user = self.user_at(slot);
        let listeners = self.rooms.entry(room).or_default();
        let ears = listeners.ears(mode);
        let at = u32::try_from(ears.len()).unwrap_or(u32::MAX);
        ears.push(Ear { slot, mentions, is_lagging: false });
        if mode == Mode::Open {
            listeners.seat(user);
        }
        if let Some(entry) = self.at_mut(slot) {
            if entry.places.is_empty() {
                // Most sessions have a handful of rooms; doubling from four would waste half.
                entry.places.reserve_exact(1);
            }
            entry.places.push(Place { room, index: at, mode });
        }
    }

    /// Makes room for the places of a sign-in, no more than needed.
    pub(super) fn expect_places(&mut self, slot: u32, count: usize) {
        if let Some(entry) = self.at_mut(slot) {
            entry.places.reserve_exact(count);
        }
    }

    /// Takes a listener out of a room; a room that nobody hears is forgotten.
    pub(super) fn remove_place(&mut self, slot: u32, room: RoomId) -> bool {
        let was_there = self.take_place(slot, room);
        let is_empty =
            |listeners: &Listeners| listeners.open.is_empty() && listeners.heads.is_empty();
        if self.rooms.get(&room).is_some_and(is_empty) {
            self.rooms.remove(&room);
        }
        was_there
    }

    fn take_place(&mut self, slot: u32, room: RoomId) -> bool {
        let Some(entry) = self.at_mut(slot) else {
            return false;
        };
        let Some(at) = entry.places.iter().position(|place| place.room == room) else {
            return false;
        };
        let place = entry.places.swap_remove(at);
        let user = entry.signed.map(|signed| signed.user);
        let Some(listeners) = self.rooms.get_mut(&room) else {
            return false;
        };
        if place.mode == Mode::Open {
            listeners.unseat(user);
        }
        let ears = listeners.ears(place.mode);
        if index(place.index) < ears.len() {
            ears.swap_remove(index(place.index));
        }
        let moved = ears.get(index(place.index)).map(|ear| ear.slot);
        if ears.is_empty() {
            // Nobody of this mode is left: give the memory back.
            *ears = Vec::new();
        }
        if let Some(moved) = moved {
            self.point(moved, room, place.mode, place.index);
        }
        true
    }

    /// Everybody out of a room that is no more.
    pub(super) fn remove_room(&mut self, room: RoomId) -> Vec<u32> {
        let Some(listeners) = self.rooms.get(&room) else {
            return Vec::new();
        };
        let slots: Vec<_> =
            listeners.open.iter().chain(&listeners.heads).map(|ear| ear.slot).collect();
        for slot in &slots {
            self.remove_place(*slot, room);
        }
        slots
    }

    fn point(&mut self, slot: u32, room: RoomId, mode: Mode, to: u32) {
        if let Some(entry) = self.at_mut(slot) {
            let place = entry.places.iter_mut().find(|p| p.room == room && p.mode == mode);
            if let Some(place) = place {
                place.index = to;
            }
        }
    }
}

/// A slot or an ear number as an index.
fn index(number: u32) -> usize {
    number as usize
}

mod repair;
mod seats;
#[cfg(test)]
mod tests;
