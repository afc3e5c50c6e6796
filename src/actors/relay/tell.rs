//! What concerns all sessions of a user: rooms that come and go, inbox entries, read marks.

use bytes::Bytes;

use super::Relay;
use super::book::{Book, Entry, Kind, Mode};
use super::deliver::push_event;
use super::message::{Tell, horizon_block};
use crate::actors::seat::Opening;
use crate::domain::{RoomId, UserId, limits};
use crate::protocol::{CloseCode, Frame, RoomAdd, RoomEntry, RoomRemove, forgotten};
use crate::telemetry::Dropped;

impl Relay {
    pub(super) fn tell(&self, user: UserId, tell: &Tell) {
        if let Tell::Revoke(devices, code) = tell {
            self.revoke(user, devices.as_deref(), *code);
            return;
        }
        let slots = self.book.borrow().slots_of(user);
        for slot in slots {
            let mut book = self.book.borrow_mut();
            let meanwhile = book.at_mut(slot).and_then(|entry| entry.meanwhile.as_mut());
            if let Some(meanwhile) = meanwhile {
                meanwhile.push(tell.clone());
                continue;
            }
            drop(book);
            self.tell_one(slot, tell);
        }
    }

    /// Tells one listener of a change that concerns its user.
    pub(super) fn tell_one(&self, slot: u32, tell: &Tell) {
        let mut book = self.book.borrow_mut();
        let seat = book.key(slot);
        let Some((kind, signed)) = book.at(slot).map(|entry| (entry.kind, entry.signed)) else {
            return;
        };
        match tell {
            Tell::Inbox(event) if signed.is_some_and(|signed| signed.want.inbox) => {
                let is_news = |entry: &&Entry| event.seq > entry.inbox_upto;
                if !self.is_too_slow(&book, slot)
                    && let Some(entry) = book.at(slot).filter(is_news)
                {
                    push_event(&entry.outbox, event);
                    self.list(seat, &entry.outbox);
                    self.shows(seat, event.seq);
                }
            }
            Tell::Others(frame, except) if kind == Kind::Socket && *except != Some(seat) => {
                self.push_frame(&book, slot, frame);
            }
            Tell::Add(room) if kind == Kind::Socket => self.add(&mut book, slot, room),
            Tell::Remove(room, why) => {
                let heard = book.remove_place(slot, *room);
                if heard && kind == Kind::RoomStream {
                    book.at(slot).iter().for_each(|entry| entry.outbox.close(CloseCode::Revoked));
                } else if heard {
                    let gone = RoomRemove { room: *room, why };
                    self.push_frame(&book, slot, &Frame::json(&gone));
                    signed.iter().for_each(|s| self.rooms.presence.remove_room(s.user, *room));
                }
            }
            Tell::Mentions(room, count) => {
                let ear = book.ear(slot, *room);
                let is_called =
                    ear.is_some_and(|ear| std::mem::replace(&mut ear.mentions, *count) < *count);
                // Perhaps no event comes that would tell it.
                if is_called
                    && book.mode(slot, *room) == Some(Mode::Head)
                    && let Some(listeners) = book.rooms.get_mut(room)
                {
                    self.mark_dirty(*room, listeners);
                }
            }
            Tell::Update(room, frame) if kind == Kind::Socket => {
                if book.mode(slot, *room).is_some() {
                    self.push_frame(&book, slot, frame);
                }
            }
            Tell::Inbox(_)
            | Tell::Others(..)
            | Tell::Add(_)
            | Tell::Update(..)
            | Tell::Revoke(..) => {}
        }
    }

    fn add(&self, book: &mut Book, slot: u32, room: &RoomEntry) {
        if book.mode(slot, room.room).is_some() {
            return;
        }
        book.put_place(slot, room.room, Mode::Head, 0);
        if let Some(listeners) = book.rooms.get_mut(&room.room)
            && listeners.last < room.head
        {
            (listeners.last, listeners.n) = (room.head, room.n);
        }
        self.push_frame(book, slot, &Frame::json(&RoomAdd { room }));
        if let Some(signed) = book.at(slot).and_then(|entry| entry.signed) {
            self.rooms.presence.add_room(vec![signed.user], room.room);
        }
    }

    /// A frame that is never dropped: over the budget the session ends and resumes.
    pub(super) fn push_frame(&self, book: &Book, slot: u32, frame: &Frame) {
        if self.is_too_slow(book, slot) {
            return;
        }
        if let Some(entry) = book.at(slot) {
            entry.outbox.push(frame.bytes().clone());
            self.list(book.key(slot), &entry.outbox);
        }
    }

    /// Ends a listener whose outbox is over its budget.
    fn is_too_slow(&self, book: &Book, slot: u32) -> bool {
        let is_over = |entry: &&Entry| entry.outbox.bytes() > limits::OUTBOX_BYTES;
        let Some(entry) = book.at(slot).filter(is_over) else {
            return false;
        };
        self.metrics.dropped(Dropped::Slow);
        self.close(&entry.outbox, CloseCode::TooSlow);
        true
    }

    /// Tells everyone who has a room, in whichever mode, what is different about it. Streams carry their
    /// log and nothing else, but for what it has forgotten.
    pub(super) fn update(&self, room: RoomId, frame: &Frame) {
        let mut book = self.book.borrow_mut();
        if let Some(horizon) = forgotten(&String::from_utf8_lossy(&frame.line())) {
            self.tell_streams(&book, room, &horizon_block(room, horizon));
        }
        // Who is just being told of all rooms may have it, as it was before.
        for (_slot, entry) in book.each_mut() {
            if let Some(meanwhile) = &mut entry.meanwhile {
                meanwhile.push(Tell::Update(room, frame.clone()));
            }
        }
        let Some(listeners) = book.rooms.get(&room) else {
            return;
        };
        let ears = listeners.open.iter().chain(&listeners.heads);
        let slots: Vec<u32> = ears.map(|ear| ear.slot).collect();
        for slot in slots {
            let is_told = book
                .at(slot)
                .is_some_and(|entry| entry.kind == Kind::Socket && entry.meanwhile.is_none());
            if is_told {
                self.push_frame(&book, slot, frame);
            }
        }
    }

    /// Tells the streams of a room, and those that are still brought up to its head: their beginning may
    /// have been said before.
    fn tell_streams(&self, book: &Book, room: RoomId, block: &Bytes) {
        for slot in book.taken() {
            let is_heard = |entry: &&Entry| {
                entry.kind == Kind::RoomStream
                    && (book.mode(slot, room).is_some()
                        || entry.openings.iter().any(|opening| opening.room == room))
            };
            if let Some(entry) = book.at(slot).filter(is_heard)
                && !self.is_too_slow(book, slot)
            {
                entry.outbox.push(block.clone());
                self.list(book.key(slot), &entry.outbox);
            }
        }
    }

    /// An opening came to nothing. A stream has no other: it ends, and its client asks anew.
    pub(super) fn end_opening(&self, opening: Opening) {
        let mut book = self.book.borrow_mut();
        book.end_opening(opening);
        let entry = book.entry(opening.seat);
        if let Some(entry) = entry.filter(|entry| entry.kind == Kind::RoomStream) {
            entry.outbox.close(CloseCode::Revoked);
        }
    }

    pub(super) fn deleted(&self, room: RoomId) {
        let mut book = self.book.borrow_mut();
        let frame = Frame::json(&RoomRemove { room, why: "deleted" });
        for slot in book.remove_room(room) {
            match book.at(slot).map(|entry| entry.kind) {
                Some(Kind::Socket) => self.push_frame(&book, slot, &frame),
                Some(_stream) => {
                    book.at(slot).iter().for_each(|e| e.outbox.close(CloseCode::Revoked));
                }
                None => {}
            }
        }
    }
}
