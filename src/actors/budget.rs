//! The memory of all outboxes of one worker. Each outbox may hold a share of what is still free: one
//! slow client among quick ones has all the room it is given anyway, a thousand of them have little
//! each, and together they never have more than the whole.
//!
//! Bytes that several outboxes share are counted in each: the real memory is less.
//!
//! What the outboxes do is counted here as well, and told in batches: a counter that all workers touch
//! costs more than a write.

use std::cell::Cell;

/// One outbox may hold this part of what is free.
const PART: usize = 16;

/// Bytes that wait in a worker, and how many may.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: Cell<usize>,
    writes: Cell<u64>,
    wakes: Cell<u64>,
}

impl Budget {
    /// Nothing waits yet.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, used: Cell::new(0), writes: Cell::new(0), wakes: Cell::new(0) }
    }

    /// An outbox has as many bytes now instead of so many before.
    pub(crate) fn changed(&self, before: usize, now: usize) {
        self.used.set((self.used.get() + now).saturating_sub(before));
    }

    /// A socket was given bytes, whether it took them or not: one system call.
    pub(crate) fn wrote(&self) {
        self.writes.set(self.writes.get() + 1);
    }

    /// The task of a session was woken.
    pub(crate) fn woke(&self) {
        self.wakes.set(self.wakes.get() + 1);
    }

    /// System calls that wrote, and tasks that were woken, since this was asked last.
    pub(crate) fn take_counts(&self) -> (u64, u64) {
        (self.writes.take(), self.wakes.take())
    }

    /// Bytes that are free.
    pub(crate) fn free(&self) -> usize {
        self.limit.saturating_sub(self.used.get())
    }

    /// Bytes that one outbox may hold now.
    pub(crate) fn share(&self) -> usize {
        self.free() / PART
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_that_take_all_they_may_stay_below_the_limit() {
        let budget = Budget::new(64 << 20);
        assert_eq!(budget.share(), 4 << 20);
        let mut held = vec![0_usize; 500];
        for _ in 0..10_000 {
            for bytes in &mut held {
                if *bytes < budget.share() {
                    budget.changed(*bytes, *bytes + 1_000);
                    *bytes += 1_000;
                }
            }
        }
        let sum: usize = held.iter().sum();
        assert_eq!(budget.used.get(), sum);
        assert!((60 << 20..64 << 20).contains(&sum), "{sum}");
        for bytes in &mut held {
            budget.changed(std::mem::take(bytes), 0);
        }
        assert_eq!(budget.share(), 4 << 20);
    }
}
