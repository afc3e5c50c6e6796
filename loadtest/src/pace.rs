//! The clock of an open-loop sender: sends are due at a fixed rate, whatever happens to those
//! before, and a latency counts from when its send was due. A server that stops for a second is
//! then seen by every send of that second, and not by one (no coordinated omission).

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use tokio::sync::Notify;

use crate::report::{microseconds, record};

/// Sends at a fixed rate; each has its number and the moment it is due.
pub(crate) struct Pace {
    beats: Beats,
    next: u64,
    bell: Arc<Notify>,
    /// How late the sender came to its sends: its own fault or the machine's, and inside every latency.
    late: Histogram<u64>,
    /// The thread of the clock ends when this is gone.
    _stop: Sender<()>,
}

/// The due times: a rate, from a beginning on.
#[derive(Clone, Copy)]
struct Beats {
    begin: Instant,
    rate: f64,
}

impl Beats {
    fn due(&self, number: u64) -> Instant {
        self.begin + Duration::from_secs_f64(number as f64 / self.rate)
    }

    /// The first number that is not due at `now`.
    fn after(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.begin).as_secs_f64();
        (passed * self.rate).floor() as u64 + 1
    }
}

impl Pace {
    /// The first send is due at once. Fails on a rate that is no rate.
    pub(crate) fn per_second(rate: f64) -> Result<Self> {
        ensure!(rate.is_finite() && rate > 0.0, "a rate must be above zero");
        let beats = Beats { begin: Instant::now(), rate };
        let bell = Arc::new(Notify::new());
        let (stop, stopped) = channel::<()>();
        let ring = bell.clone();
        // The runtime's timers tick in milliseconds; those of a thread in some ten microseconds.
        std::thread::Builder::new().name("pace".to_owned()).spawn(move || {
            loop {
                let now = Instant::now();
                let wait = beats.due(beats.after(now)).saturating_duration_since(now);
                match stopped.recv_timeout(wait) {
                    Err(RecvTimeoutError::Timeout) => ring.notify_one(),
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Self { beats, next: 0, bell, late: microseconds()?, _stop: stop })
    }

    /// Waits until the next send is due and says when that was; at once when it is overdue.
    /// May be cancelled without losing a send.
    pub(crate) async fn due(&mut self) -> Instant {
        let due = self.beats.due(self.next);
        loop {
            let now = Instant::now();
            if now >= due {
                self.next += 1;
                record(&mut self.late, now - due);
                return due;
            }
            self.bell.notified().await;
        }
    }

    pub(crate) fn late(&self) -> &Histogram<u64> {
        &self.late
    }
}

/// What the moments in payloads are counted from. Only the process that made it can read them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch(Instant);

impl Epoch {
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// The moment as a number for a payload, in microseconds.
    pub(crate) fn stamp(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.0).as_micros() as u64
    }

    /// The moment that a payload tells.
    pub(crate) fn moment(&self, stamp: u64) -> Instant {
        self.0 + Duration::from_micros(stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sends_that_were_held_up_keep_the_moments_they_were_due() {
        let mut pace = Pace::per_second(2_000.0).unwrap();
        let first = pace.due().await;
        // The sender is held up until ten more are due.
        while first.elapsed() < Duration::from_millis(5) {
            tokio::task::yield_now().await;
        }
        for number in 1..=30_u32 {
            let due = pace.due().await;
            assert!(due <= Instant::now(), "nothing goes out before it is due");
            let off = (due - first).abs_diff(number * Duration::from_micros(500));
            assert!(off < Duration::from_nanos(10), "{number}: {off:?}");
        }
        assert_eq!(pace.late().len(), 31);
        assert!(pace.late().max() >= 4_000, "{}", pace.late().max());
    }

    #[test]
    fn a_rate_must_be_one() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Pace::per_second(rate).is_err(), "{rate}");
        }
    }

    #[test]
    fn a_moment_travels_as_microseconds() {
        let epoch = Epoch::now();
        let at = epoch.0 + Duration::from_micros(1_234_567);
        assert_eq!(epoch.stamp(at), 1_234_567);
        assert_eq!(epoch.moment(1_234_567), at);
    }
}
