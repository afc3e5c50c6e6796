//! What becomes of a worker whose relay panicked: its sessions stay, and nobody misses anything.
//!
//! The places of the listeners are the truth from which the rest of the book is made again. What the
//! message in hand concerned is made good by what clients can do anyhow: events are pulled, a
//! listener that perhaps heard half of something comes back and resumes. A message that has done
//! nothing yet is handled once more; one that panics again is set aside.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use super::Relay;
use super::book::{Ear, Mode};
use super::message::{Attach, LiveEvent, RelayMsg};
use super::queue::Posted;
use crate::actors::seat::SeatKey;
use crate::domain::RoomId;
use crate::faults::{Moment, Part};
use crate::protocol::CloseCode;

/// Listeners of a room that were taken out of the book to be told something.
#[derive(Debug)]
pub(super) struct Hand {
    pub(super) room: RoomId,
    pub(super) mode: Mode,
    pub(super) ears: Vec<Ear>,
}

impl Default for Hand {
    fn default() -> Self {
        Self { room: RoomId(0), mode: Mode::Open, ears: Vec::new() }
    }
}

impl Relay {
    /// Takes a message in; a panic ends here.
    pub(super) fn take_safely(&self, Posted { msg, left }: &Posted) {
        // Whoever looks must not see their own question as what waits.
        if !matches!(msg, RelayMsg::Survey(_)) {
            self.meter.take(*left);
        }
        let take = || {
            self.done.set(0);
            self.rooms.faults.panic_point(Part::Relay, Moment::Start);
            self.take(msg);
            self.rooms.faults.panic_point(Part::Relay, Moment::End);
        };
        if !self.survives(take) {
            self.make_good(msg);
        }
        self.meter.put_down(*left);
    }

    /// The clocks of the worker; what a panic left undone comes with the next beat.
    pub(super) fn tick_safely(&self) {
        self.survives(|| self.tick());
    }

    /// Flushes some outboxes; true if more are listed. One that panics is the end of its session.
    pub(super) fn flush_safely(&self) -> bool {
        let mut more = false;
        if self.survives(|| more = self.flush_some()) {
            return more;
        }
        self.abort_flushed();
        true
    }

    /// The outbox that was being flushed panicked.
    pub(super) fn abort_flushed(&self) {
        if let Some(seat) = self.flushing.take() {
            let found = self.book.borrow_mut().entry(seat).map(|entry| Rc::clone(&entry.outbox));
            found.iter().for_each(|outbox| outbox.abort());
        }
    }

    /// Counts what the message in hand has brought about.
    pub(super) fn is_done(&self, more: usize) {
        self.done.set(self.done.get() + more);
    }

    /// Does something that may panic; after a panic the book is in order again.
    pub(super) fn survives(&self, work: impl FnOnce()) -> bool {
        let is_well = catch_unwind(AssertUnwindSafe(work)).is_ok();
        if !is_well {
            tracing::error!("a relay crashed; its sessions go on");
            self.metrics.restarted("relay");
            self.repair();
        }
        is_well
    }

    fn repair(&self) {
        let mut book = self.book.borrow_mut();
        let Hand { room, mode, ears } = self.hand.take();
        let was_announced = mode == Mode::Head && !ears.is_empty();
        book.put_back(room, mode, ears);
        if let Some(listeners) = book.rooms.get_mut(&room) {
            // Some have not heard of its head.
            listeners.is_dirty |= was_announced;
        }
        let dirty = book.rooms.iter().filter(|(_, listeners)| listeners.is_dirty);
        *self.heads.borrow_mut() = dirty.map(|(room, _)| *room).collect();
        // Who is flushed without need costs nothing; who is never flushed is deaf.
        let of = |slot| Some((book.key(slot), &*book.at(slot)?.outbox));
        self.listed.reset(book.taken().into_iter().filter_map(of));
        let outboxes = book.each().map(|entry| &entry.outbox);
        *self.paused.borrow_mut() = outboxes.filter(|o| o.is_paused.get()).cloned().collect();
    }

    /// Makes good what a message may have left undone.
    fn make_good(&self, msg: &RelayMsg) {
        let done = self.done.replace(0);
        match msg {
            RelayMsg::Events { events, replies } => {
                let left = replies.iter().skip(done);
                self.again(|| left.for_each(|(seat, frame)| self.reply(*seat, frame)));
                self.again(|| self.missed(events));
            }
            RelayMsg::Revived(revived) => {
                self.again(|| self.missed(&revived.newest));
                self.again(|| self.take(msg));
            }
            RelayMsg::Tell(users, _) if done > 0 => {
                for user in users.iter().skip(done) {
                    self.revoke(*user, None, CloseCode::Restart);
                }
            }
            RelayMsg::Refused(opening, _) if done > 0 => self.end_opening(*opening),
            RelayMsg::Reply(..) | RelayMsg::Pulled { .. } if done > 0 => {}
            RelayMsg::Attach(attach) if self.is_attached(attach) => {}
            _half if done > 0 => seat_of(msg).iter().for_each(|seat| self.start_anew(*seat)),
            // Who was put out must not stay for a defect: their sessions start anew.
            RelayMsg::Tell(users, _) => {
                if !self.again(|| self.take(msg)) {
                    users.iter().for_each(|user| self.revoke(*user, None, CloseCode::Restart));
                }
            }
            _untouched => {
                if !self.again(|| self.take(msg)) {
                    seat_of(msg).iter().for_each(|seat| self.start_anew(*seat));
                }
            }
        }
    }

    fn again(&self, work: impl FnOnce()) -> bool {
        let is_well = self.survives(work);
        if !is_well {
            tracing::error!("a message crashed its relay twice; set aside");
            self.metrics.set_aside.inc();
        }
        is_well
    }

    /// Events of a room that some listeners got and some did not: all fetch what they lack.
    fn missed(&self, events: &[Arc<LiveEvent>]) {
        let (Some(first), Some(newest)) = (events.first(), events.last()) else {
            return;
        };
        let (room, mut book) = (first.room, self.book.borrow_mut());
        let Some(listeners) = book.rooms.get_mut(&room) else {
            return;
        };
        if listeners.last < first.seq {
            drop(book);
            return self.events(room, events);
        }
        (listeners.last, listeners.n) = (listeners.last, listeners.n).max((newest.seq, newest.n));
        self.mark_dirty(room, listeners);
        let mut open = std::mem::take(&mut listeners.open);
        for ear in &mut open {
            self.lag(&book, ear, room, first.seq, newest.seq);
        }
        if let Some(listeners) = book.rooms.get_mut(&room) {
            listeners.open = open;
        }
    }

    /// Whether all was done that an attachment says.
    fn is_attached(&self, Attach { opening, room, .. }: &Attach) -> bool {
        let mut book = self.book.borrow_mut();
        let is_open = book.mode(opening.seat.slot, *room) == Some(Mode::Open);
        let entry = book.entry(opening.seat);
        is_open && entry.is_some_and(|e| e.openings.iter().all(|u| u.turn != opening.turn))
    }

    /// Ends one listener, who comes back and resumes.
    fn start_anew(&self, seat: SeatKey) {
        let found = self.book.borrow_mut().entry(seat).map(|entry| Rc::clone(&entry.outbox));
        found.iter().for_each(|outbox| self.close(outbox, CloseCode::Restart));
    }
}

/// The only one whom a message concerns.
fn seat_of(msg: &RelayMsg) -> Option<SeatKey> {
    match msg {
        RelayMsg::Attach(attach) => Some(attach.opening.seat),
        RelayMsg::Part(part) => Some(part.opening.seat),
        RelayMsg::Refused(opening, _) => Some(opening.seat),
        RelayMsg::Pulled { seat, .. } | RelayMsg::Reply(seat, _) => Some(*seat),
        _of_many => None,
    }
}
