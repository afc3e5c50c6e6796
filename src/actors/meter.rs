//! What an actor shows of its own work while it works: how much it has taken in hand, and since
//! when the oldest waits. Written by the actor and its senders with plain relaxed stores, read by
//! whoever watches without a hop; nothing here is exact while it changes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Stands for no moment at all.
const NONE: u64 = u64::MAX;

/// A moment that others may read.
#[derive(Debug)]
pub(crate) struct Moment {
    zero: Instant,
    micros: AtomicU64,
}

impl Default for Moment {
    fn default() -> Self {
        Self { zero: Instant::now(), micros: AtomicU64::new(NONE) }
    }
}

impl Moment {
    /// Shows this moment, or none.
    pub(crate) fn set(&self, moment: Option<Instant>) {
        let micros = moment.map_or(NONE, |moment| {
            u64::try_from(moment.saturating_duration_since(self.zero).as_micros()).unwrap_or(0)
        });
        self.micros.store(micros, Relaxed);
    }

    /// How long ago it was.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        match self.micros.load(Relaxed) {
            NONE => None,
            micros => {
                let since_zero = now.saturating_duration_since(self.zero);
                Some(since_zero.saturating_sub(Duration::from_micros(micros)))
            }
        }
    }
}

/// The meter of one mailbox.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    #[cfg(feature = "bench")]
    log: super::bench::TurnLog,
    handled: AtomicU64,
    /// When the message in hand was left in the mailbox.
    in_hand: Moment,
    /// No message that waits was left before this: set by the sender who finds the mailbox empty,
    /// and by the actor to the moment of the message that it has just handled.
    first: Moment,
}

impl Meter {
    /// A message was left in an empty mailbox.
    pub(super) fn is_first(&self, left: Instant) {
        self.first.set(Some(left));
    }

    /// The actor takes a message in hand. One actor at a time writes here, so the count needs no
    /// locked instruction.
    pub(super) fn take(&self, left: Instant) {
        self.handled.store(self.handled.load(Relaxed) + 1, Relaxed);
        self.in_hand.set(Some(left));
        #[cfg(feature = "bench")]
        self.log.taken(left);
    }

    /// Writes down from now on when messages were left and taken; gives what was written down before.
    #[cfg(feature = "bench")]
    pub(crate) fn log(&self, is_on: bool) -> Vec<super::bench::Turn> {
        self.log.turn(is_on)
    }

    /// The actor has handled it, or put it aside.
    pub(super) fn put_down(&self, left: Instant) {
        self.first.set(Some(left));
        self.in_hand.set(None);
    }

    /// Messages that were taken in hand.
    pub(super) fn handled(&self) -> u64 {
        self.handled.load(Relaxed)
    }

    /// Age of the oldest message that is in hand or waits, while `depth` messages do.
    pub(super) fn oldest(&self, depth: usize, now: Instant) -> Duration {
        let waits = || if depth > 0 { self.first.age(now) } else { None };
        self.in_hand.age(now).or_else(waits).unwrap_or_default()
    }
}

/// What a mailbox shows at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// Messages that hold a place.
    pub depth: usize,
    /// Places.
    pub capacity: usize,
    /// Messages that the actor has taken in hand since it started.
    pub handled: u64,
    /// Age of the oldest message that waits or is in hand.
    pub oldest: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_moment_is_read_back_as_an_age() {
        let moment = Moment::default();
        let then = moment.zero + SECOND;
        assert_eq!(moment.age(then), None);
        moment.set(Some(then));
        assert_eq!(moment.age(then + 3 * SECOND), Some(3 * SECOND));
        assert_eq!(moment.age(then - SECOND), Some(Duration::ZERO));
        moment.set(None);
        assert_eq!(moment.age(then), None);
    }

    #[test]
    fn the_oldest_is_what_is_in_hand_or_else_what_waits_first() {
        let meter = Meter::default();
        let start = meter.first.zero + SECOND;
        // To the millisecond: what is shown is not more exact than a microsecond.
        let oldest =
            |depth, seconds: u32| meter.oldest(depth, start + seconds * SECOND).as_millis();
        assert_eq!(oldest(0, 0), 0);
        meter.is_first(start);
        assert_eq!(oldest(1, 1), 1_000, "left, and not taken yet");
        meter.take(start);
        assert_eq!(oldest(0, 2), 2_000, "in hand, and nothing behind");
        meter.put_down(start);
        assert_eq!(oldest(0, 3), 0, "all done");
        assert_eq!(oldest(1, 3), 3_000, "not younger than the last");
        assert_eq!(meter.handled(), 1);
    }
}
