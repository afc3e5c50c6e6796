//! What each message of the rooms does to the outboxes of a worker.

use std::sync::Arc;

use super::book::{Book, Ear, Kind, Listeners, Mode};
use super::message::{Attach, LiveEvent, Outgoing, Part, Passing, RelayMsg, Revived, Tell};
use super::{CROWDED_BYTES, LAG_BYTES, Relay};
use crate::actors::outbox::Outbox;
use crate::actors::room::RoomMsg;
use crate::actors::seat::{Opening, SeatKey};
use crate::domain::{RoomId, UserId, limits};
use crate::protocol::{CloseCode, Frame, Lag, ReadEvent, RoomAdd, RoomEntry, RoomRemove};
use crate::telemetry::Dropped;

impl Relay {
    /// Does what a message says; the outboxes are flushed afterwards.
    pub(super) fn take(&self, msg: RelayMsg) {
        match msg {
            RelayMsg::Events { events, replies } => {
                replies.iter().for_each(|(seat, frame)| self.reply(*seat, frame));
                if let Some(room) = events.first().map(|event| event.room) {
                    self.events(room, &events);
                }
            }
            RelayMsg::Revived(revived) => self.revived(&revived),
            RelayMsg::Attach(attach) => self.attach(&attach),
            RelayMsg::Part(part) => self.part(&part),
            RelayMsg::Refused(opening, frame) => {
                self.answer_opening(opening, frame.as_ref());
                self.book.borrow_mut().end_opening(opening);
            }
            RelayMsg::Pulled { seat, room, frame, level } => {
                frame.iter().for_each(|frame| self.reply(seat, frame));
                let mut book = self.book.borrow_mut();
                let is_level = level && book.entry(seat).is_some();
                if is_level && let Some(ear) = book.ear(seat.slot, room) {
                    ear.is_lagging = false;
                }
            }
            RelayMsg::Reply(seat, frame) => self.reply(seat, &frame),
            RelayMsg::Passing { room, what, frame } => self.pass(room, what, &frame),
            RelayMsg::Tell(users, tell) => {
                for user in users.iter() {
                    self.tell(*user, &tell);
                }
            }
            RelayMsg::Deleted(room) => self.deleted(room),
            RelayMsg::Drain { window } => self.drain(window),
            RelayMsg::Finish => self.finish(),
        }
    }

    fn reply(&self, seat: SeatKey, frame: &Frame) {
        let mut book = self.book.borrow_mut();
        if let Some(entry) = book.entry(seat)
            && entry.kind == Kind::Socket
        {
            entry.outbox.push(frame.bytes().clone());
            self.list(seat, &entry.outbox);
        }
    }

    fn events(&self, room: RoomId, events: &[Arc<LiveEvent>]) {
        let mut book = self.book.borrow_mut();
        let book = &mut *book;
        let Some(listeners) = book.rooms.get(&room) else {
            return;
        };
        let last = listeners.last;
        let fresh: Vec<_> = events.iter().filter(|event| event.seq > last).collect();
        let (Some(first), Some(newest)) = (fresh.first(), fresh.last()) else {
            return;
        };
        let is_whole = first.seq == last + 1 || last == 0;
        for event in fresh.iter().filter(|event| event.by.is_some() || !event.mentions.is_empty()) {
            self.count_mentions(book, event);
        }
        let Some(listeners) = book.rooms.get_mut(&room) else {
            return;
        };
        (listeners.last, listeners.n) = (newest.seq, newest.n);
        let mut open = std::mem::take(&mut listeners.open);
        if !listeners.heads.is_empty() {
            self.mark_dirty(room, listeners);
        }
        self.metrics.deliveries.inc_by((open.len() * fresh.len()) as u64);
        for ear in &mut open {
            if !is_whole {
                self.lag(book, ear, room, last + 1, newest.seq);
            }
            for event in &fresh {
                self.deliver(book, ear, event);
            }
        }
        if let Some(listeners) = book.rooms.get_mut(&room) {
            listeners.open = open;
        }
    }

    fn deliver(&self, book: &Book, ear: &mut Ear, event: &Arc<LiveEvent>) {
        if ear.is_lagging {
            return;
        }
        let Some(entry) = book.at(ear.slot) else {
            return;
        };
        if entry.outbox.bytes() > LAG_BYTES {
            self.metrics.dropped(Dropped::Lag);
            self.lag(book, ear, event.room, event.seq, event.seq);
            return;
        }
        push_event(&entry.outbox, event);
        self.list(book.key(ear.slot), &entry.outbox);
    }

    /// Turns one listener from push to pull. A stream cannot pull: it ends, and resumes.
    fn lag(&self, book: &Book, ear: &mut Ear, room: RoomId, from: i64, head: i64) {
        let Some(entry) = book.at(ear.slot) else {
            return;
        };
        if std::mem::replace(&mut ear.is_lagging, true) {
            return;
        }
        if entry.kind == Kind::Socket {
            let frame = Frame::json(&Lag { room, from, head });
            entry.outbox.push(frame.bytes().clone());
            self.list(book.key(ear.slot), &entry.outbox);
        } else {
            entry.outbox.close(CloseCode::TooSlow);
        }
    }

    fn push_all(&self, seat: SeatKey, events: &[Outgoing]) {
        let mut book = self.book.borrow_mut();
        let Some(entry) = book.entry(seat) else {
            return;
        };
        let wants_presence = entry.signed.is_some_and(|signed| signed.want.presence);
        for outgoing in events {
            match outgoing {
                Outgoing::Event(event) => push_event(&entry.outbox, event),
                Outgoing::Frame(frame) => entry.outbox.push(frame.bytes().clone()),
                Outgoing::Presence(frame) if wants_presence => {
                    entry.outbox.push(frame.bytes().clone());
                }
                Outgoing::Presence(_) => {}
            }
        }
        self.list(seat, &entry.outbox);
    }

    /// Answers an opening; true if the session still wants to hear the room. An opening that is
    /// not known any more was answered before, by the room as it was before a crash.
    fn answer_opening(&self, opening: Opening, reply: Option<&Frame>) -> bool {
        let mut book = self.book.borrow_mut();
        let Some(entry) = book.entry(opening.seat) else {
            return false;
        };
        let found = entry.openings.iter().position(|u| u.turn == opening.turn);
        let Some(at) = found else {
            return false;
        };
        let is_closed = entry.openings.get(at).is_some_and(|underway| underway.is_closed);
        if is_closed {
            entry.openings.swap_remove(at);
        }
        drop(book);
        reply.iter().for_each(|reply| self.reply(opening.seat, reply));
        !is_closed
    }

    fn attach(&self, attach: &Attach) {
        let Attach { opening, room, reply, first, upto, n, gauge } = attach;
        let seat = opening.seat;
        if !self.answer_opening(*opening, reply.as_ref()) {
            return;
        }
        self.push_all(seat, first);
        let mut book = self.book.borrow_mut();
        book.end_opening(*opening);
        let listeners = book.rooms.entry(*room).or_default();
        let is_new = listeners.open.is_empty();
        listeners.gauge = Some(Arc::clone(gauge));
        if is_new || listeners.last < *upto {
            (listeners.last, listeners.n) = (*upto, *n);
        }
        book.put_place(seat.slot, *room, Mode::Open, 0);
    }

    fn part(&self, part: &Part) {
        let Part { opening, reply, events, upto, goal, .. } = part;
        let (seat, after, goal) = (opening.seat, *upto, *goal);
        if !self.answer_opening(*opening, reply.as_ref()) {
            return;
        }
        self.push_all(seat, events);
        let mut book = self.book.borrow_mut();
        let Some(entry) = book.entry(seat) else {
            return;
        };
        if let Some(underway) = entry.openings.iter_mut().find(|u| u.turn == opening.turn) {
            underway.asked = RoomMsg::Next { opening: *opening, after, goal };
            underway.is_due = true;
        }
        self.list(seat, &entry.outbox);
    }

    /// A room lives (again). What this worker's listeners missed of it they get now, and what they
    /// had asked of it when it crashed is asked again.
    fn revived(&self, revived: &Revived) {
        let Revived { room, head, n, newest, after_crash } = revived;
        self.events(*room, newest);
        let mut book = self.book.borrow_mut();
        if *after_crash {
            for (_, entry) in book.each_mut() {
                for underway in entry.openings.iter().filter(|u| u.room == *room && !u.is_due) {
                    self.ask(*room, underway.asked.clone());
                }
            }
        }
        if let Some(listeners) = book.rooms.get_mut(room)
            && listeners.last < *head
        {
            (listeners.last, listeners.n) = (*head, *n);
        }
    }

    /// Named users have one more unread mention; the author has read everything.
    fn count_mentions(&self, book: &mut Book, event: &LiveEvent) {
        for user in &event.mentions {
            for slot in book.slots_of(*user) {
                if let Some(ear) = book.ear(slot, event.room) {
                    ear.mentions = ear.mentions.saturating_add(1);
                }
            }
        }
        let Some(author) = event.by else {
            return;
        };
        for slot in book.slots_of(author) {
            if let Some(ear) = book.ear(slot, event.room) {
                ear.mentions = 0;
            }
            if book.mode(slot, event.room) == Some(Mode::Head) {
                let (room, seq, read_n) = (event.room, event.seq, event.n);
                let read = ReadEvent { room, seq, read_n, unread: 0, mentions: 0 };
                self.push_frame(book, slot, &Frame::json(&read));
            }
        }
    }

    fn pass(&self, room: RoomId, what: Passing, frame: &Frame) {
        let book = self.book.borrow();
        let Some(listeners) = book.rooms.get(&room) else {
            return;
        };
        for ear in &listeners.open {
            let Some(entry) = book.at(ear.slot) else {
                continue;
            };
            let wanted = entry.signed.is_some_and(|signed| match what {
                Passing::Presence => signed.want.presence,
                Passing::Typing(user) => signed.want.typing && signed.user != user,
            });
            if wanted && entry.outbox.bytes() > CROWDED_BYTES {
                self.metrics.dropped(Dropped::Passing);
            } else if wanted {
                entry.outbox.push(frame.bytes().clone());
                self.list(book.key(ear.slot), &entry.outbox);
            }
        }
    }

    fn tell(&self, user: UserId, tell: &Tell) {
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
                if let Some(entry) = book.at(slot) {
                    push_event(&entry.outbox, event);
                    self.list(seat, &entry.outbox);
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
                if let Some(ear) = book.ear(slot, *room) {
                    ear.mentions = *count;
                }
            }
            Tell::Inbox(_) | Tell::Others(..) | Tell::Add(_) | Tell::Revoke(..) => {}
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
    fn push_frame(&self, book: &Book, slot: u32, frame: &Frame) {
        let Some(entry) = book.at(slot) else {
            return;
        };
        if entry.outbox.bytes() > limits::OUTBOX_BYTES {
            self.metrics.dropped(Dropped::Slow);
            self.close(&entry.outbox, CloseCode::TooSlow);
            return;
        }
        entry.outbox.push(frame.bytes().clone());
        self.list(book.key(slot), &entry.outbox);
    }

    fn deleted(&self, room: RoomId) {
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

    /// Remembers that the heads of a room are to be announced.
    pub(super) fn mark_dirty(&self, room: RoomId, listeners: &mut Listeners) {
        if !std::mem::replace(&mut listeners.is_dirty, true) {
            self.heads.borrow_mut().push(room);
        }
    }
}

fn push_event(outbox: &Outbox, event: &LiveEvent) {
    match outbox.epoch() {
        None => outbox.push(event.frame.bytes().clone()),
        Some(epoch) => outbox.push(event.sse(epoch)),
    }
}
