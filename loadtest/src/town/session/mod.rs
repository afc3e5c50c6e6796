//! One client of a town over all its lives: where it is in each room, and what it asked for. It
//! takes lines and gives ops, and knows nothing of sockets.

mod answer;
mod ask;
#[cfg(test)]
mod inside_tests;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::check::{Faults, SeqWatch};
use crate::scan::{self, Stamp};
use crate::town::book::Who;
use crate::town::parcel::Parcel;
use crate::town::room::Room;
use crate::town::tally::{Deed, Tally};

/// What a line calls for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::town) enum Duty {
    /// This op, now.
    Say(String),
    /// What has this id once more, later.
    Again(u32, Duration),
}

/// A room that a session has open, or opens whenever it connects.
struct Place {
    room: Rc<Room>,
    watch: SeqWatch,
    /// The ordinal of the newest message that it saw, or that was there when it came. Other events
    /// have a seq and none of these.
    n: u64,
    /// Of the log; nothing before the room was opened the first time.
    epoch: Option<String>,
    /// Whether the answer, or the replay behind it, is still to come.
    is_opening: bool,
    is_closing: bool,
    /// People online, as told last.
    online: Option<u64>,
}

/// A message beside its text.
#[derive(Debug)]
pub(in crate::town) struct Posting {
    pub parcel: Option<Rc<Parcel>>,
    /// The message that began the thread into which it goes.
    pub thread: Option<Rc<str>>,
    /// As what it is timed.
    pub deed: Deed,
}

impl Default for Posting {
    fn default() -> Self {
        Self { parcel: None, thread: None, deed: Deed::Send }
    }
}

struct Asked {
    what: What,
    due: Instant,
}

enum What {
    Open(String),
    Close(String),
    Pull(String),
    Send {
        room: Rc<Room>,
        stamp: Stamp,
        posting: Posting,
    },
    Edit {
        room: Rc<Room>,
        id: Rc<str>,
        stamp: Stamp,
    },
    React {
        room: Rc<Room>,
        id: Rc<str>,
        emoji: usize,
        is_on: bool,
    },
    Delete {
        room: Rc<Room>,
        id: Rc<str>,
    },
    Pin {
        room: Rc<Room>,
        id: Rc<str>,
        is_on: bool,
    },
    /// Everything up to the message with this ordinal is read.
    Read {
        n: u64,
    },
    /// Nothing is from the message with this ordinal on.
    Unread {
        n: u64,
    },
    Other(Deed),
}

impl What {
    /// Whether it is asked again until an answer comes, over lost connections too.
    fn is_lasting(&self) -> bool {
        match self {
            Self::Send { .. } | Self::Edit { .. } | Self::React { .. } => true,
            Self::Delete { .. } | Self::Pin { .. } => true,
            Self::Open(_) | Self::Close(_) | Self::Pull(_) => false,
            Self::Read { .. } | Self::Unread { .. } | Self::Other(_) => false,
        }
    }

    /// As what it is timed.
    fn deed(&self) -> Deed {
        match self {
            Self::Open(_) => Deed::Open,
            Self::Close(_) => Deed::Close,
            Self::Pull(_) => Deed::Pull,
            Self::Send { posting, .. } => posting.deed,
            Self::Edit { .. } => Deed::Edit,
            Self::React { .. } => Deed::React,
            Self::Delete { .. } => Deed::Delete,
            Self::Pin { .. } => Deed::Pin,
            Self::Read { .. } => Deed::Read,
            Self::Unread { .. } => Deed::Unread,
            Self::Other(deed) => *deed,
        }
    }

    /// The message that it is done to.
    fn target(&self) -> Option<(&Rc<Room>, &str)> {
        match self {
            Self::Edit { room, id, .. } | Self::React { room, id, .. } => Some((room, id)),
            Self::Delete { room, id } | Self::Pin { room, id, .. } => Some((room, id)),
            _ => None,
        }
    }
}

pub(crate) struct Session {
    pub index: usize,
    /// Its user, in runs that look at what is shown to whom.
    pub me: Cell<Who>,
    tally: Rc<Tally>,
    filler: Rc<str>,
    places: RefCell<HashMap<String, Place>>,
    /// The rooms it may hear of; all when nothing comes unasked.
    readable: RefCell<Option<HashSet<String>>>,
    asked: RefCell<HashMap<u32, Asked>>,
    next_id: Cell<u32>,
    connecting_since: Cell<Option<Instant>>,
    /// Whether its receipts are timed.
    pub is_timed: Cell<bool>,
    /// Whether it reads what comes.
    pub is_reading: Cell<bool>,
}

impl Session {
    pub(in crate::town) fn new(index: usize, tally: Rc<Tally>, filler: Rc<str>) -> Self {
        Self {
            index,
            me: Cell::default(),
            tally,
            filler,
            places: RefCell::default(),
            readable: RefCell::default(),
            asked: RefCell::default(),
            next_id: Cell::new(10),
            connecting_since: Cell::default(),
            is_timed: Cell::new(true),
            is_reading: Cell::new(true),
        }
    }

    /// From now on this room is opened whenever it connects.
    pub(crate) fn wish(&self, room: &Rc<Room>) {
        let place = Place {
            watch: SeqWatch::after(0),
            n: 0,
            epoch: None,
            is_opening: false,
            is_closing: false,
            online: None,
            room: room.clone(),
        };
        self.places.borrow_mut().insert(room.id.clone(), place);
    }

    pub(crate) fn has_open(&self, room: &Room) -> bool {
        let places = self.places.borrow();
        places.get(&room.id).is_some_and(|place| !place.is_opening && !place.is_closing)
    }

    /// Whether it has a room open, or is about to.
    pub(crate) fn wants(&self, room: &Room) -> bool {
        self.places.borrow().contains_key(&room.id)
    }

    /// How many it was told are online.
    pub(crate) fn online(&self, room: &Room) -> Option<u64> {
        self.places.borrow().get(&room.id)?.online
    }

    /// A connection is about to be tried.
    pub(in crate::town) fn sets_out(&self) {
        if self.connecting_since.get().is_none() {
            self.connecting_since.set(Some(Instant::now()));
        }
    }

    /// Takes one line from the server.
    pub(in crate::town) fn take(&self, line: &[u8], at: Instant) -> Option<Duty> {
        if scan::is_plain(line) {
            self.deliver(line, Some(at));
            return None;
        }
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            self.tally.refused.add(|| format!("not JSON: {}", String::from_utf8_lossy(line)));
            return None;
        };
        match value.get("ev").and_then(Value::as_str) {
            Some(event) => self.take_event(event, &value, line, at),
            None => self.take_reply(&value),
        }
    }

    fn take_event(&self, event: &str, value: &Value, line: &[u8], at: Instant) -> Option<Duty> {
        let room = value.get("room").and_then(Value::as_str).unwrap_or_default();
        match event {
            event if event.starts_with("msg.") || event.starts_with("member.") => {
                self.deliver(line, Some(at));
            }
            "ai.start" | "ai.end" => self.deliver(line, Some(at)),
            "room.add" => {
                let room = value.pointer("/room/room").and_then(Value::as_str);
                if let (Some(readable), Some(room)) = (&mut *self.readable.borrow_mut(), room) {
                    readable.insert(room.to_owned());
                }
            }
            "caught_up" => self.level(room),
            "lag" => {
                self.tally.note(|noted| noted.lags += 1);
                return Some(self.pull(room));
            }
            "behind" => return Some(Duty::Say(self.open(room, Instant::now()))),
            "presence" | "presence.diff" => {
                self.tally.note(|noted| noted.presence_frames += 1);
                let online = value.get("count").and_then(Value::as_u64);
                match self.places.borrow_mut().get_mut(room) {
                    Some(place) => place.online = online.or(place.online),
                    None => self.leaked(room, event),
                }
            }
            "room.head" => {
                let readable = self.readable.borrow();
                if readable.as_ref().is_none_or(|rooms| !rooms.contains(room)) {
                    self.leaked(room, event);
                }
            }
            _ => {}
        }
        None
    }

    fn leaked(&self, room: &str, event: &str) {
        self.tally.leaked.add(|| format!("session {}: {event} of {room}", self.index));
    }

    /// An event of a log. Its time counts only when it was pushed.
    fn deliver(&self, line: &[u8], pushed_at: Option<Instant>) {
        let (Some(delivery), Some(room)) = (scan::delivery(line), scan::room(line)) else {
            return self.tally.refused.add(|| String::from_utf8_lossy(line).into_owned());
        };
        let mut places = self.places.borrow_mut();
        let Some(place) = places.get_mut(room) else {
            return self.leaked(room, "an event");
        };
        let is_new = place.watch.see(delivery.seq);
        place.n = place.n.max(delivery.n.unwrap_or(0));
        place.room.take(line, delivery, &self.tally);
        let is_replay = place.is_opening;
        if is_replay {
            self.tally.note(|noted| noted.replayed += 1);
        }
        if is_new {
            let is_timed = self.is_timed.get() && !is_replay;
            let due_us = delivery.stamp.map(|stamp| stamp.due_us).filter(|_| is_timed);
            match pushed_at {
                Some(at) => self.tally.receipt(due_us, at),
                None => self.tally.receipt(due_us, Instant::now()),
            }
        }
    }

    /// Nothing is missing in this room now.
    fn level(&self, room: &str) {
        if let Some(place) = self.places.borrow_mut().get_mut(room) {
            place.is_opening = false;
        }
        self.check_arrival();
    }

    fn check_arrival(&self) {
        if !self.places.borrow().values().any(|place| place.is_opening)
            && let Some(since) = self.connecting_since.take()
        {
            self.tally.arrival(since);
        }
    }

    /// The room is not open any more: what was wrong there until now stays known.
    fn forget(&self, room: &str) {
        if let Some(place) = self.places.borrow_mut().remove(room) {
            let faults = place.watch.verdict(place.watch.head());
            self.tally.faults.borrow_mut().add(faults);
        }
    }

    /// It forgets where it was in every room, and opens nothing when it comes back.
    pub(crate) fn forget_all(&self) {
        let rooms: Vec<String> = self.places.borrow().keys().cloned().collect();
        rooms.iter().for_each(|room| self.forget(room));
    }

    /// Whether it has everything of every room that it has open.
    pub(in crate::town) fn is_level(&self) -> bool {
        let places = self.places.borrow();
        places.values().all(|place| place.is_closing || place.watch.head() >= place.room.end())
    }

    /// Where it is, for an error.
    pub(in crate::town) fn state(&self) -> String {
        let places = self.places.borrow();
        let behind = places.values().find(|place| place.watch.head() < place.room.end());
        let (head, end) = behind.map_or((0, 0), |place| (place.watch.head(), place.room.end()));
        let is_opening = behind.is_some_and(|place| place.is_opening);
        let asked = self.asked.borrow().len();
        format!(
            "session {} at {head} of {end}, opening: {is_opening}, answers to come: {asked}",
            self.index
        )
    }

    pub(in crate::town) fn verdict(&self) -> Faults {
        let mut faults = Faults::default();
        for place in self.places.borrow().values() {
            faults.add(place.watch.verdict(place.room.end()));
        }
        faults
    }
}
