//! What the lanes of the journal show of their work. Written by the journal alone, batch by batch.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::LANES;
use crate::actors::meter::Moment;

/// The lanes that there may be.
#[derive(Debug, Default)]
pub(super) struct Gauges([LaneGauge; LANES]);

/// One lane.
#[derive(Debug, Default)]
pub(super) struct LaneGauge {
    is_there: AtomicBool,
    waiting: AtomicU64,
    writing: AtomicU64,
    commits: AtomicU64,
    appends: AtomicU64,
    oldest: Moment,
}

/// What a lane of the journal shows at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneReading {
    /// Appends that wait for the next transaction.
    pub waiting: u64,
    /// Appends in the transaction under way.
    pub batch: u64,
    /// Transactions that ended, also those that failed.
    pub commits: u64,
    /// Appends in those.
    pub appends: u64,
    /// Age of the oldest append that waits or is being written.
    pub oldest: Duration,
}

impl Gauges {
    /// A journal starts with so many lanes, all empty.
    pub(super) fn start(&self, lanes: usize) {
        for (at, gauge) in self.0.iter().enumerate() {
            gauge.is_there.store(at < lanes, Relaxed);
            gauge.waits(0);
            gauge.writing.store(0, Relaxed);
            gauge.oldest.set(None);
        }
    }

    pub(super) fn of(&self, lane: usize) -> Option<&LaneGauge> {
        self.0.get(lane)
    }

    pub(super) fn read(&self, now: Instant) -> Vec<LaneReading> {
        let there = self.0.iter().filter(|gauge| gauge.is_there.load(Relaxed));
        there.map(|gauge| gauge.read(now)).collect()
    }
}

impl LaneGauge {
    /// So many appends wait for the next transaction.
    pub(super) fn waits(&self, count: usize) {
        self.waiting.store(count as u64, Relaxed);
    }

    /// A transaction begins; its oldest append was left at this moment.
    pub(super) fn begin(&self, batch: usize, oldest: Option<Instant>) {
        self.writing.store(batch as u64, Relaxed);
        self.oldest.set(oldest);
    }

    /// The transaction has ended.
    pub(super) fn end(&self) {
        let batch = self.writing.swap(0, Relaxed);
        self.commits.fetch_add(1, Relaxed);
        self.appends.fetch_add(batch, Relaxed);
        self.oldest.set(None);
    }

    fn read(&self, now: Instant) -> LaneReading {
        LaneReading {
            waiting: self.waiting.load(Relaxed),
            batch: self.writing.load(Relaxed),
            commits: self.commits.load(Relaxed),
            appends: self.appends.load(Relaxed),
            oldest: self.oldest.age(now).unwrap_or_default(),
        }
    }
}
