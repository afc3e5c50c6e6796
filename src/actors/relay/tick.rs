//! Everything in a worker that happens by the clock: heads of rooms that are not open, heartbeats,
//! deadlines, and the end.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::book::{Ear, Kind, Mode};
use super::recover::Hand;
use super::{Relay, TICK};
use crate::actors::outbox::{Ending, Outbox};
use crate::actors::seat::SeatKey;
use crate::domain::{RoomId, limits};
use crate::protocol::{CloseCode, Drain, Frame, HEARTBEAT, RoomHead};

/// Ticks between two announcements of the same room.
const HEAD_EVERY: u64 = 5;
/// A closed session gets so many seconds to read the close frame.
const LINGER: Duration = Duration::from_secs(2);
/// Keeps a stream of server-sent events alive; carries no id, so it moves no position.
const COMMENT: Bytes = Bytes::from_static(b": alive\n\n");

impl Relay {
    /// Every 200 ms.
    pub(super) fn tick(&self) {
        let ticks = self.ticks.get() + 1;
        self.ticks.set(ticks);
        self.resume_paused();
        self.announce_heads(ticks);
        let now = u32::try_from(self.began.elapsed().as_secs()).unwrap_or(u32::MAX);
        if now != self.now.replace(now) {
            self.look_at_deadlines(now);
            self.list_later();
            self.note_shown();
        }
        while self.flush_listed() {}
        self.end_lingering();
    }

    fn resume_paused(&self) {
        for outbox in std::mem::take(&mut *self.paused.borrow_mut()) {
            outbox.is_paused.set(false);
            outbox.wake();
        }
    }

    fn announce_heads(&self, ticks: u64) {
        let dirty = std::mem::take(&mut *self.heads.borrow_mut());
        let mut later = Vec::new();
        for room in dirty {
            let mut book = self.book.borrow_mut();
            let Some(listeners) = book.rooms.get_mut(&room) else {
                continue;
            };
            if ticks < listeners.announced_at + HEAD_EVERY {
                later.push(room);
                continue;
            }
            listeners.announced_at = ticks;
            listeners.is_dirty = false;
            let (head, n) = (listeners.last, listeners.n);
            let ears = std::mem::take(&mut listeners.heads);
            drop(book);
            let mut hand = self.hand.borrow_mut();
            *hand = Hand { room, mode: Mode::Head, ears };
            self.announce(room, head, n, &hand.ears);
            let mut book = self.book.borrow_mut();
            if let Some(listeners) = book.rooms.get_mut(&room) {
                listeners.heads = std::mem::take(&mut hand.ears);
            }
        }
        self.heads.borrow_mut().extend(later);
    }

    fn announce(&self, room: RoomId, head: i64, n: i64, ears: &[Ear]) {
        let shared = Frame::json(&RoomHead { room, head, n, mentions: 0 });
        let book = self.book.borrow();
        for ear in ears {
            let Some(entry) = book.at(ear.slot) else {
                continue;
            };
            let wanted = entry.signed.is_some_and(|signed| signed.want.head);
            // A slow client needs no badge now; the next announcement carries the same numbers.
            if !wanted || entry.outbox.bytes() > self.crowded_bytes() {
                continue;
            }
            let bytes = match i64::from(ear.mentions) {
                0 => shared.bytes().clone(),
                mentions => Frame::json(&RoomHead { room, head, n, mentions }).bytes().clone(),
            };
            entry.outbox.push(bytes);
            self.list(book.key(ear.slot), &entry.outbox);
        }
    }

    /// Once a second, over all listeners of the worker.
    fn look_at_deadlines(&self, now: u32) {
        let silent = u32::try_from(self.heartbeat.as_secs() * 2).unwrap_or(u32::MAX);
        let mut due = Vec::new();
        for (slot, entry) in self.book.borrow_mut().each_mut() {
            entry.outbox.tidy();
            let stuck = entry.outbox.blocked_since.get();
            let silence = now.saturating_sub(entry.outbox.seen.get());
            // Who has not signed in has a deadline of its own.
            let must_speak = entry.kind == Kind::Socket && entry.signed.is_some();
            let is_silent = must_speak && silence > silent;
            let is_due = is_silent
                || entry.deadline <= now
                || entry.beat_at <= now
                || stuck.is_some()
                || !entry.openings.is_empty()
                || entry.outbox.ending() != Ending::No;
            if is_due {
                due.push(slot);
            }
        }
        for slot in due {
            self.look_at(slot, now, silent);
        }
    }

    fn look_at(&self, slot: u32, now: u32, silent: u32) {
        let mut book = self.book.borrow_mut();
        let seat = book.key(slot);
        let beat_at = self.next_beat(slot);
        let Some(entry) = book.at_mut(slot) else {
            return;
        };
        let outbox = Rc::clone(&entry.outbox);
        let is_socket = entry.kind == Kind::Socket;
        let must_speak = is_socket && entry.signed.is_some();
        let deadline = entry.deadline;
        let must_beat = entry.beat_at <= now;
        if must_beat {
            entry.beat_at = beat_at;
        }
        if let Ending::Closing(_) = outbox.ending() {
            let linger = now.saturating_add(u32::try_from(LINGER.as_secs()).unwrap_or(2));
            entry.deadline = deadline.min(linger);
        }
        drop(book);
        let stuck = u32::try_from(limits::WRITE_STUCK.as_secs()).unwrap_or(30);
        let is_stuck = outbox.blocked_since.get().is_some_and(|since| now - since >= stuck);
        if outbox.ending() != Ending::No {
            if deadline <= now {
                outbox.abort();
            }
        } else if is_stuck {
            self.close(&outbox, CloseCode::TooSlow);
        } else if deadline <= now {
            self.close(&outbox, CloseCode::TokenMissing);
        } else if must_speak && now.saturating_sub(outbox.seen.get()) > silent {
            self.close(&outbox, CloseCode::HeartbeatMissed);
        } else if must_beat {
            self.beat(seat, &outbox, is_socket);
        }
        self.pump(seat);
    }

    /// A client shows life by answering this, so it goes out also behind what waits already: a
    /// listener of a room that is never silent would not be asked otherwise. A stream has nothing to
    /// answer; whatever it gets keeps it open.
    fn beat(&self, seat: SeatKey, outbox: &Outbox, is_socket: bool) {
        if is_socket {
            outbox.push(HEARTBEAT.bytes().clone());
        } else if outbox.bytes() == 0 {
            outbox.push(COMMENT);
        } else {
            return;
        }
        self.list(seat, outbox);
    }

    /// The node ends: nothing new is read, and each session learns when to come back.
    pub(super) fn drain(&self, window: Duration) {
        self.is_draining.set(true);
        let book = self.book.borrow();
        let taken = book.taken();
        let window = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        for (at, slot) in (0_u64..).zip(&taken) {
            let Some(entry) = book.at(*slot) else {
                continue;
            };
            if entry.kind == Kind::Socket {
                // Spread evenly: the clients must not all come back in the same moment.
                let in_ms = window * at / (taken.len() as u64).max(1);
                entry.outbox.push(Frame::json(&Drain { in_ms }).bytes().clone());
                self.list(book.key(*slot), &entry.outbox);
            }
        }
    }

    /// What was committed has been told; now the sockets close.
    pub(super) fn finish(&self) {
        let outboxes: Vec<_> = {
            let book = self.book.borrow();
            book.taken().iter().filter_map(|s| Some(Rc::clone(&book.at(*s)?.outbox))).collect()
        };
        for outbox in outboxes {
            self.close(&outbox, CloseCode::Shutdown);
        }
    }
}

const _: () = assert!(TICK.as_millis() * HEAD_EVERY as u128 == 1_000);
