//! When what waits for a listener is written. What belongs together leaves together: a write costs as
//! much as everything else that is done for one who signs in or opens a room.
//!
//! Who waits for several rooms gets what they say in one write: while another answer is on its way,
//! the first one waits for it, but not for long.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Relay;
use crate::actors::outbox::Outbox;
use crate::actors::seat::SeatKey;

/// Rooms that are awake answer sooner.
const LINGER: Duration = Duration::from_millis(5);
/// More is not held back.
const MOST: usize = 16 * 1024;

/// Listeners whose first answers wait for the others.
#[derive(Debug, Default)]
pub(super) struct Lingering {
    seats: RefCell<Vec<SeatKey>>,
    until: Cell<Option<Instant>>,
}

impl Relay {
    /// Puts an outbox on the list of those to flush when all that waits is pushed.
    pub(super) fn list(&self, seat: SeatKey, outbox: &Outbox) {
        self.listed.add(seat, outbox);
    }

    /// What waits for a listener leaves with what comes next, or else in a second or two.
    pub(crate) fn flush_later(&self, seat: SeatKey) {
        let [_before, since] = &self.later;
        since.borrow_mut().push(seat);
    }

    /// Called once a second.
    pub(super) fn list_later(&self) {
        let [before, since] = &self.later;
        for seat in before.replace(since.take()) {
            if let Some(entry) = self.book.borrow_mut().entry(seat)
                && entry.outbox.bytes() > 0
            {
                self.list(seat, &entry.outbox);
            }
        }
    }

    /// Flushes some of the listed outboxes, and a few of those who hear an answer; true if more are
    /// listed.
    pub(super) fn flush_some(&self) -> bool {
        self.flush_listed();
        for seat in self.listed.some_spoken() {
            if let Some(outbox) = self.outbox_of(seat) {
                outbox.is_spoken.set(false);
                // Perhaps it has left with what came since.
                if outbox.bytes() > 0 && !self.lingers(seat, &outbox) {
                    self.write_out(seat, &outbox);
                }
            }
        }
        self.flushing.set(None);
        self.listed.has_more() || self.listed.has_spoken()
    }

    /// Flushes some of those that cannot wait; true if there are more.
    pub(super) fn flush_listed(&self) -> bool {
        let (writes, wakes) = self.budget.take_counts();
        self.metrics.writes.inc_by(writes);
        self.metrics.wakes.inc_by(wakes);
        for seat in self.listed.some() {
            if let Some(outbox) = self.outbox_of(seat) {
                outbox.is_listed.set(false);
                if !self.lingers(seat, &outbox) {
                    self.write_out(seat, &outbox);
                }
            }
        }
        self.flushing.set(None);
        self.listed.has_more()
    }

    fn outbox_of(&self, seat: SeatKey) -> Option<Rc<Outbox>> {
        self.book.borrow_mut().entry(seat).map(|entry| Rc::clone(&entry.outbox))
    }

    fn write_out(&self, seat: SeatKey, outbox: &Outbox) {
        self.flushing.set(Some(seat));
        self.flush_one(outbox);
        self.pump(seat);
    }

    /// Whether what waits for a listener waits a little longer; it is remembered if so.
    fn lingers(&self, seat: SeatKey, outbox: &Outbox) -> bool {
        let has_more_to_come = self.book.borrow_mut().entry(seat).is_some_and(|entry| {
            entry.openings.iter().any(|underway| !underway.is_due && !underway.is_closed)
        });
        if !has_more_to_come || outbox.bytes() > MOST {
            return false;
        }
        let Lingering { seats, until } = &self.lingering;
        until.set(until.get().or_else(|| Instant::now().checked_add(LINGER)));
        seats.borrow_mut().push(seat);
        true
    }

    /// For how long the relay may wait for messages before it looks after those who linger.
    pub(super) fn may_linger(&self) -> Option<Duration> {
        Some(self.lingering.until.get()?.saturating_duration_since(Instant::now()))
    }

    /// Writes what has lingered long enough.
    pub(super) fn end_lingering(&self) {
        let Lingering { seats, until } = &self.lingering;
        if until.get().is_none_or(|until| until > Instant::now()) {
            return;
        }
        until.set(None);
        let seats = seats.take();
        let is_well = self.survives(|| {
            for seat in seats {
                let found = self.book.borrow_mut().entry(seat).map(|e| Rc::clone(&e.outbox));
                found.iter().filter(|o| o.bytes() > 0).for_each(|o| self.write_out(seat, o));
            }
        });
        if !is_well {
            self.abort_flushed();
        }
        self.flushing.set(None);
    }
}
