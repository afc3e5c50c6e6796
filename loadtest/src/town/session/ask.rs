//! What a session says.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Asked, Duty, Posting, Session, What};
use crate::scan::Stamp;
use crate::town::book::EMOJI;
use crate::town::parcel::Parcel;
use crate::town::room::Room;
use crate::town::tally::Deed;

impl Session {
    /// It is signed in: what it says first. What lasts and has no answer goes out again, in order.
    pub(in crate::town) fn signed_in(&self, readable: Option<HashSet<String>>) -> Vec<String> {
        self.readable.replace(readable);
        let closed = self.forget_answers();
        closed.iter().for_each(|room| self.forget(room));
        let rooms: Vec<String> = self.places.borrow().keys().cloned().collect();
        let mut ops: Vec<String> =
            rooms.iter().map(|room| self.open(room, Instant::now())).collect();
        let asked = self.asked.borrow();
        let mut lasting: Vec<_> =
            asked.iter().filter(|(_, asked)| asked.what.is_lasting()).collect();
        lasting.sort_unstable_by_key(|(id, _)| **id);
        ops.extend(lasting.into_iter().filter_map(|(id, asked)| self.lasting_op(*id, asked)));
        drop(asked);
        self.check_arrival();
        ops
    }

    /// Answers to what does not last are not to be had any more. Returns the rooms that were closing.
    fn forget_answers(&self) -> Vec<String> {
        self.asked.borrow_mut().retain(|_, asked| asked.what.is_lasting());
        let mut places = self.places.borrow_mut();
        places.values_mut().for_each(|place| place.online = None);
        places.iter().filter(|(_, place)| place.is_closing).map(|(id, _)| id.clone()).collect()
    }

    /// The op that opens a room; with a position when it was open before.
    pub(in crate::town) fn open(&self, room: &str, due: Instant) -> String {
        let id = self.ask(What::Open(room.to_owned()), due);
        let mut places = self.places.borrow_mut();
        let place = places.get_mut(room);
        let since = place.and_then(|place| {
            place.is_opening = true;
            Some((place.epoch.as_ref()?, place.watch.head()))
        });
        match since {
            Some((epoch, seq)) => format!(
                r#"{{"id":{id},"op":"open","room":"{room}","since":{{"epoch":"{epoch}","seq":{seq}}}}}"#
            ),
            None => format!(r#"{{"id":{id},"op":"open","room":"{room}"}}"#),
        }
    }

    pub(in crate::town) fn close(&self, room: &Room, due: Instant) -> String {
        if let Some(place) = self.places.borrow_mut().get_mut(&room.id) {
            place.is_closing = true;
        }
        let id = self.ask(What::Close(room.id.clone()), due);
        json!({"id": id, "op": "close", "room": room.id}).to_string()
    }

    /// A message, due at `due`, perhaps with a file.
    pub(in crate::town) fn send(
        &self,
        room: Rc<Room>,
        parcel: Option<Rc<Parcel>>,
        due: Instant,
    ) -> Option<String> {
        self.post(room, Posting { parcel, ..Posting::default() }, due)
    }

    /// A message of any kind.
    pub(in crate::town) fn post(
        &self,
        room: Rc<Room>,
        posting: Posting,
        due: Instant,
    ) -> Option<String> {
        let stamp = self.stamp(due);
        self.lasting(What::Send { room, stamp, posting }, due)
    }

    /// The end of a message of its own.
    pub(in crate::town) fn delete(
        &self,
        room: Rc<Room>,
        id: Rc<str>,
        due: Instant,
    ) -> Option<String> {
        if let Some(book) = room.book() {
            book.will_go(&id);
        }
        self.lasting(What::Delete { room, id }, due)
    }

    /// A pin, or its end.
    pub(in crate::town) fn pin(
        &self,
        room: Rc<Room>,
        (id, is_on): (Rc<str>, bool),
        due: Instant,
    ) -> Option<String> {
        if let Some(book) = room.book() {
            book.pin_asked(&id, false);
        }
        self.lasting(What::Pin { room, id, is_on }, due)
    }

    /// The message at this seq, the n-th, and all behind it are unread.
    pub(in crate::town) fn unread(
        &self,
        room: &Room,
        (seq, n): (u64, u64),
        due: Instant,
    ) -> String {
        let id = self.ask(What::Unread { n }, due);
        json!({"id": id, "op": "unread", "room": room.id, "seq": seq}).to_string()
    }

    /// Another text for a message of its own.
    pub(in crate::town) fn edit(
        &self,
        room: Rc<Room>,
        id: Rc<str>,
        due: Instant,
    ) -> Option<String> {
        if let Some(book) = room.book() {
            book.edit_asked(&id, false);
        }
        let stamp = self.stamp(due);
        self.lasting(What::Edit { room, id, stamp }, due)
    }

    /// A reaction of [`EMOJI`], or its end.
    pub(in crate::town) fn react(
        &self,
        room: Rc<Room>,
        id: Rc<str>,
        (emoji, is_on): (usize, bool),
        due: Instant,
    ) -> Option<String> {
        self.lasting(What::React { room, id, emoji, is_on }, due)
    }

    /// Reads a room up to what it saw last.
    pub(in crate::town) fn read(&self, room: &Room, due: Instant) -> Option<String> {
        let (seq, n) = {
            let places = self.places.borrow();
            let place = places.get(&room.id)?;
            (place.watch.head(), place.n)
        };
        let id = self.ask(What::Read { n }, due);
        Some(json!({"id": id, "op": "read", "room": room.id, "seq": seq}).to_string())
    }

    fn stamp(&self, due: Instant) -> Stamp {
        Stamp { serial: self.tally.next_serial(), due_us: self.tally.epoch.stamp(due) }
    }

    fn lasting(&self, what: What, due: Instant) -> Option<String> {
        self.tally.unanswered.update(|count| count + 1);
        let id = self.ask(what, due);
        self.again(id)
    }

    /// The op of what has no answer yet.
    pub(in crate::town) fn again(&self, id: u32) -> Option<String> {
        self.asked.borrow().get(&id).and_then(|asked| self.lasting_op(id, asked))
    }

    fn lasting_op(&self, id: u32, asked: &Asked) -> Option<String> {
        match &asked.what {
            What::Send { room, stamp, posting: Posting { parcel, thread, .. } } => {
                let (room, serial, text) = (&room.id, stamp.serial, stamp.text(&self.filler));
                let thread = thread.as_ref().map(|root| format!(r#","thread":"{root}""#));
                let thread = thread.unwrap_or_default();
                let file = parcel.as_ref().map(|parcel| format!(r#","files":["{}"]"#, parcel.id));
                let files = file.unwrap_or_default();
                Some(format!(
                    r#"{{"id":{id},"op":"send","room":"{room}","cid":"s-{serial}","text":"{text}"{thread}{files}}}"#
                ))
            }
            What::Edit { room, id: message, stamp } => {
                let (room, serial, text) = (&room.id, stamp.serial, stamp.text(&self.filler));
                Some(format!(
                    r#"{{"id":{id},"op":"edit","room":"{room}","message":"{message}","cid":"s-{serial}","text":"{text}"}}"#
                ))
            }
            What::React { room, id: message, emoji, is_on } => {
                let (op, emoji) = (if *is_on { "react" } else { "unreact" }, EMOJI.get(*emoji)?);
                let room = &room.id;
                Some(format!(
                    r#"{{"id":{id},"op":"{op}","room":"{room}","message":"{message}","emoji":"{emoji}"}}"#
                ))
            }
            What::Delete { room, id: message } => {
                let room = &room.id;
                Some(format!(
                    r#"{{"id":{id},"op":"delete","room":"{room}","message":"{message}"}}"#
                ))
            }
            What::Pin { room, id: message, is_on } => {
                let (op, room) = (if *is_on { "pin" } else { "unpin" }, &room.id);
                Some(format!(r#"{{"id":{id},"op":"{op}","room":"{room}","message":"{message}"}}"#))
            }
            _ => None,
        }
    }

    /// Some other op, whose answer is timed as `deed`; `op` is an object.
    pub(in crate::town) fn other(&self, deed: Deed, mut op: Value, due: Instant) -> String {
        let id = self.ask(What::Other(deed), due);
        if let Some(op) = op.as_object_mut() {
            op.insert("id".to_owned(), id.into());
        }
        op.to_string()
    }

    pub(super) fn pull(&self, room: &str) -> Duty {
        let id = self.ask(What::Pull(room.to_owned()), Instant::now());
        let after = self.places.borrow().get(room).map_or(0, |place| place.watch.head());
        Duty::Say(json!({"id": id, "op": "pull", "room": room, "after": after}).to_string())
    }

    pub(super) fn ask(&self, what: What, due: Instant) -> u32 {
        let id = self.next_id.get();
        self.next_id.set(id.checked_add(1).unwrap_or(10));
        self.asked.borrow_mut().insert(id, Asked { what, due });
        id
    }
}
