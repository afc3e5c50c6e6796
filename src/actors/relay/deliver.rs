//! What each message of the rooms does to the outboxes of a worker.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::Relay;
use super::book::{Book, Ear, Entry, Kind, Listeners, Mode};
use super::message::{Attach, LiveEvent, Outgoing, Part, Passing, RelayMsg, Revived};
use super::recover::Hand;
use super::room_left::{crowded, refused_opening};
use crate::actors::outbox::Outbox;
use crate::actors::room::RoomMsg;
use crate::actors::seat::{Opening, SeatKey};
use crate::domain::RoomId;
use crate::faults::{Moment, Part as Planted};
use crate::protocol::{CloseCode, Frame, Lag, LongFrame, ReadEvent, err_line};
use crate::telemetry::Dropped;

impl Relay {
    /// Does what a message says; the outboxes are flushed afterwards.
    pub(super) fn take(&self, msg: &RelayMsg) {
        match msg {
            RelayMsg::Events { events, replies } => {
                replies.iter().for_each(|(seat, frame)| self.reply(*seat, frame));
                if let Some(first) = events.first() {
                    self.watch_queue(first.since);
                    self.events(first.room, events);
                }
            }
            RelayMsg::Revived(revived) => self.revived(revived),
            RelayMsg::Attach(attach) => self.attach(attach),
            RelayMsg::Part(part) => self.part(part),
            RelayMsg::Refused(opening, frame) => {
                self.answer_opening(*opening, frame.clone().map(LongFrame::from).as_ref());
                self.end_opening(*opening);
            }
            RelayMsg::Pulled { seat, room, reply, level } => {
                self.pulled(*seat, *room, reply.as_ref(), *level);
            }
            RelayMsg::Reply(seat, frame) => self.reply(*seat, frame),
            RelayMsg::Passing { room, what, frame } => self.pass(*room, what, frame),
            RelayMsg::Said { room, answering, off, upto, frame } => {
                self.said(*room, answering, (*off, *upto), frame);
            }
            RelayMsg::Tell(users, tell) => {
                for user in users.iter() {
                    self.tell(*user, tell);
                    self.is_done(1);
                }
            }
            RelayMsg::Elsewhere { room, head, n, events } => {
                self.elsewhere(*room, *head, *n, events);
            }
            RelayMsg::Heads(answer) => self.tell_heads(answer),
            RelayMsg::Roll(answer) => self.call_roll(answer),
            RelayMsg::Survey(answers) => self.survey(answers),
            RelayMsg::Update { room, frame } => self.update(*room, frame),
            RelayMsg::Deleted(room) => self.deleted(*room),
            RelayMsg::Drain { window } => self.drain(*window),
            RelayMsg::Finish => self.finish(),
        }
    }

    /// Durable messages are always delivered; late ones mean that no more should be taken.
    fn watch_queue(&self, since: Instant) {
        let mut lateness = self.lateness.get();
        if lateness.is_standing(since, Instant::now()) {
            self.rooms.pressure.shut();
        }
        self.lateness.set(lateness);
    }

    pub(super) fn reply(&self, seat: SeatKey, frame: &Frame) {
        self.to_socket(seat, |outbox| outbox.push(frame.bytes().clone()));
    }

    fn long_reply(&self, seat: SeatKey, frame: &LongFrame) {
        self.to_socket(seat, |outbox| outbox.push_long(frame));
    }

    fn to_socket(&self, seat: SeatKey, push: impl FnOnce(&Outbox)) {
        self.is_done(1);
        let mut book = self.book.borrow_mut();
        if let Some(entry) = book.entry(seat)
            && entry.kind == Kind::Socket
        {
            push(&entry.outbox);
            self.list(seat, &entry.outbox);
        }
    }

    pub(super) fn events(&self, room: RoomId, events: &[Arc<LiveEvent>]) {
        let mut book = self.book.borrow_mut();
        let book = &mut *book;
        let Some(listeners) = book.rooms.get(&room) else {
            return;
        };
        let last = listeners.last;
        let fresh = events.get(events.partition_point(|e| e.seq <= last)..).unwrap_or_default();
        let (Some(first), Some(newest)) = (fresh.first(), fresh.last()) else {
            return;
        };
        let is_whole = first.seq == last + 1;
        if fresh.len() > 1 || !is_whole {
            self.at_once.set(0);
        }
        for event in fresh.iter().filter(|event| event.by.is_some() || !event.mentions.is_empty()) {
            self.count_mentions(book, event);
        }
        let Some(listeners) = book.rooms.get_mut(&room) else {
            return;
        };
        (listeners.last, listeners.n) = (newest.seq, newest.n);
        let mut hand = self.hand.borrow_mut();
        *hand = Hand { room, mode: Mode::Open, ears: std::mem::take(&mut listeners.open) };
        if !listeners.heads.is_empty() {
            self.mark_dirty(room, listeners);
        }
        let deliveries = (hand.ears.len() * fresh.len()) as u64;
        self.deliveries.set(self.deliveries.get() + deliveries);
        self.metrics.deliveries.inc_by(deliveries);
        // One copy per worker: a reference count that two cores touch for each member would cost
        // more than the bytes.
        let local = |event: &Arc<LiveEvent>| Bytes::copy_from_slice(event.frame.bytes());
        let frames: Vec<Bytes> = fresh.iter().map(local).collect();
        self.rooms.faults.panic_point(Planted::Relay, Moment::Middle);
        for ear in &mut hand.ears {
            if !is_whole {
                self.lag(book, ear, room, last + 1, newest.seq);
            }
            for (event, frame) in fresh.iter().zip(&frames) {
                self.deliver(book, ear, event, frame);
            }
        }
        if let Some(listeners) = book.rooms.get_mut(&room) {
            listeners.open = std::mem::take(&mut hand.ears);
        }
        if self.rooms.faults.leaks_rooms() {
            self.leak(book, room, &frames);
        }
    }

    fn deliver(&self, book: &Book, ear: &mut Ear, event: &LiveEvent, frame: &Bytes) {
        if ear.is_lagging {
            return;
        }
        let Some(entry) = book.at(ear.slot) else {
            return;
        };
        if self.is_behind(&entry.outbox) {
            self.metrics.dropped(Dropped::Lag);
            self.lag(book, ear, event.room, event.seq, event.seq);
            return;
        }
        let bytes = match entry.outbox.epoch() {
            None => frame.clone(),
            Some(epoch) => event.sse(epoch),
        };
        let (seat, faults) = (book.key(ear.slot), &self.rooms.faults);
        faults.deliver(seat.number(), bytes, |bytes| self.hand_over(seat, entry, bytes));
    }

    /// A planted fault: somebody who did not open the room hears it, too.
    fn leak(&self, book: &Book, room: RoomId, frames: &[Bytes]) {
        let is_other = |slot: &u32| book.mode(*slot, room) != Some(Mode::Open);
        let is_here = |entry: &&Entry| entry.signed.is_some() && entry.kind == Kind::Socket;
        let others = book.taken().into_iter().filter(is_other);
        for (slot, entry) in others.filter_map(|s| Some((s, book.at(s).filter(is_here)?))).take(1) {
            frames.iter().for_each(|frame| entry.outbox.push(frame.clone()));
            self.list(book.key(slot), &entry.outbox);
        }
    }

    /// Turns one listener from push to pull. A stream cannot pull: it ends, and resumes.
    pub(super) fn lag(&self, book: &Book, ear: &mut Ear, room: RoomId, from: i64, head: i64) {
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
        self.is_done(1);
        let mut book = self.book.borrow_mut();
        let Some(entry) = book.entry(seat) else {
            return;
        };
        let wants_presence = entry.signed.is_some_and(|signed| signed.want.presence);
        let wants_speech = entry.signed.is_some_and(|signed| signed.want.ai);
        for outgoing in events {
            match outgoing {
                Outgoing::Event(event) => push_event(&entry.outbox, event),
                Outgoing::Frame(frame) => entry.outbox.push(frame.bytes().clone()),
                Outgoing::Presence(frame) if wants_presence => {
                    entry.outbox.push(frame.bytes().clone());
                }
                Outgoing::Speech(frame) if wants_speech && entry.kind == Kind::Socket => {
                    entry.outbox.push(frame.bytes().clone());
                }
                Outgoing::Presence(_) | Outgoing::Speech(_) => {}
            }
        }
        self.list(seat, &entry.outbox);
    }

    /// Answers an opening; true if the session still wants to hear the room. An opening that is
    /// not known any more was answered before, by the room as it was before a crash.
    fn answer_opening(&self, opening: Opening, reply: Option<&LongFrame>) -> bool {
        let mut book = self.book.borrow_mut();
        let Some(entry) = book.entry(opening.seat) else {
            return false;
        };
        let found = entry.openings.iter().position(|u| u.turn == opening.turn);
        let Some(at) = found else {
            return false;
        };
        let has_room = reply.is_none_or(|reply| self.has_room(&entry.outbox, reply.len()));
        let is_crowded = !has_room || entry.outbox.bytes() > self.crowded_bytes();
        let is_closed = entry.openings.get(at).is_some_and(|underway| underway.is_closed);
        if is_closed {
            let closed = entry.openings.swap_remove(at);
            drop(book);
            let short = is_crowded.then(|| refused_opening(&closed.asked)).flatten();
            let short = short.map(LongFrame::from);
            let answer = short.as_ref().or(reply);
            answer.iter().for_each(|frame| self.long_reply(opening.seat, frame));
            return false;
        }
        if !has_room {
            // The worker is full of what others do not read. Who comes back later finds room.
            let asked = entry.openings.swap_remove(at).asked;
            drop(book);
            refused_opening(&asked).iter().for_each(|frame| self.reply(opening.seat, frame));
            return false;
        }
        if is_crowded {
            // Who does not read what was asked for gets no more of it: asked again when it is out.
            if let Some(underway) = entry.openings.get_mut(at) {
                underway.is_due = true;
            }
            self.list(opening.seat, &entry.outbox);
            return false;
        }
        drop(book);
        reply.iter().for_each(|reply| self.long_reply(opening.seat, reply));
        true
    }

    /// The answer to a pull; to one of many at once that are not read, the time to ask again.
    fn pulled(&self, seat: SeatKey, room: RoomId, reply: Option<&(u32, Frame)>, level: bool) {
        let mut book = self.book.borrow_mut();
        let Some(entry) = book.entry(seat) else {
            return;
        };
        let has_room = reply.is_none_or(|(_, reply)| self.has_room(&entry.outbox, reply.len()));
        if !has_room || self.is_behind(&entry.outbox) {
            drop(book);
            let refused = reply.map(|(re, _)| err_line(Some(*re), &crowded()));
            refused.iter().for_each(|frame| self.reply(seat, frame));
            return;
        }
        if level && let Some(ear) = book.ear(seat.slot, room) {
            ear.is_lagging = false;
        }
        drop(book);
        reply.iter().for_each(|(_, frame)| self.reply(seat, frame));
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
        book.count_on(*room, gauge);
        let listeners = book.rooms.entry(*room).or_default();
        let is_new = listeners.open.is_empty();
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
        let Revived { room, head, n, newest, after_crash, gauge } = revived;
        self.events(*room, newest);
        let mut book = self.book.borrow_mut();
        if *after_crash {
            for (_, entry) in book.each_mut() {
                for underway in entry.openings.iter().filter(|u| u.room == *room && !u.is_due) {
                    self.ask(*room, underway.asked.clone());
                }
            }
        }
        if book.rooms.contains_key(room) {
            book.count_on(*room, gauge);
        }
        if let Some(listeners) = book.rooms.get_mut(room)
            && listeners.last < *head
        {
            (listeners.last, listeners.n) = (*head, *n);
        }
    }

    /// Named users have one more unread mention; the author has read everything.
    pub(super) fn count_mentions(&self, book: &mut Book, event: &LiveEvent) {
        for user in &event.mentions {
            let mut places = 0..;
            while let Some(slot) = places.next().and_then(|at| book.slot_of(*user, at)) {
                if let Some(ear) = book.ear(slot, event.room) {
                    ear.mentions = ear.mentions.saturating_add(1);
                }
            }
        }
        let Some(author) = event.by else {
            return;
        };
        let mut places = 0..;
        while let Some(slot) = places.next().and_then(|at| book.slot_of(author, at)) {
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

    fn pass(&self, room: RoomId, what: &Passing, frame: &Frame) {
        let book = self.book.borrow();
        let Some(listeners) = book.rooms.get(&room) else {
            return;
        };
        let may_drop = !matches!(what, Passing::Wait(_));
        for (ear, entry) in listeners.open.iter().filter_map(|e| Some((e, book.at(e.slot)?))) {
            let wanted = entry.signed.is_some_and(|signed| match what {
                Passing::Presence => signed.want.presence,
                Passing::Typing(user) => signed.want.typing && signed.user != *user,
                Passing::Wait(others) => signed.want.ai && !others.contains(&signed.user),
            });
            if wanted && may_drop && entry.outbox.bytes() > self.crowded_bytes() {
                self.metrics.dropped(Dropped::Passing);
            } else if wanted {
                self.push_frame(&book, ear.slot, frame);
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

pub(super) fn push_event(outbox: &Outbox, event: &LiveEvent) {
    match outbox.epoch() {
        None => outbox.push(event.frame.bytes().clone()),
        Some(epoch) => outbox.push(event.sse(epoch)),
    }
}
