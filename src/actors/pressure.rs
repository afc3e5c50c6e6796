//! What happens when more comes than can be done. A queue that only grows makes everybody wait for
//! answers that come too late to be of use; so what has waited too long while others stand behind
//! it is refused with the time after which to try again, and for a moment nothing more is taken at
//! the door. What is taken is done in good time, and saying no costs little.
//!
//! Three queues are watched by the time that a message waits: the room's, the journal's, and that
//! of the relays, whose messages are durable and are delivered whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::protocol::{ErrorCode, Refusal};
use crate::telemetry::Metrics;

/// A message that has waited longer may be refused.
pub(crate) const WAIT: Duration = Duration::from_millis(250);
/// A queue that is late for a shorter time works off a burst, or what came while the machine slept.
const BURST: Duration = Duration::from_millis(100);
/// So long nothing is taken at the door. Shorter than [`WAIT`], so that the queues do not run dry.
const SHUT: Duration = Duration::from_millis(50);
/// When those who were refused come again: not all in the same moment.
const RETRY_MS: (u64, u64) = (500, 1_000);

/// Whether this node takes more messages, as its sessions and calls see it.
#[derive(Debug)]
pub(crate) struct Pressure {
    began: Instant,
    /// Milliseconds since it began.
    shut_until: AtomicU64,
    metrics: Arc<Metrics>,
}

impl Pressure {
    /// Nothing waits yet.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { began: Instant::now(), shut_until: AtomicU64::new(0), metrics }
    }

    /// At the door, before anything is done.
    ///
    /// # Errors
    /// `overloaded` with `retry_ms` while too much waits.
    pub(crate) fn admit(&self) -> Result<(), Refusal> {
        let until = self.shut_until.load(Ordering::Relaxed);
        if until == 0 || self.now() >= until { Ok(()) } else { Err(self.refusal()) }
    }

    /// A queue is too late: nothing more is taken for a moment.
    pub(crate) fn shut(&self) {
        let until = self.now() + SHUT.as_millis() as u64;
        self.shut_until.fetch_max(until, Ordering::Relaxed);
    }

    /// The answer to a message that is not taken, or was and waited too long.
    pub(crate) fn refusal(&self) -> Refusal {
        let (least, spread) = RETRY_MS;
        // Coprime to the spread, and near the golden section of it: neighbours fall far apart.
        let step = self.metrics.shed.inc().wrapping_mul(619) % spread;
        Refusal::new(ErrorCode::Overloaded, "too much at once")
            .retry_in(Duration::from_millis(least + step))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Since when the message in front of one queue has waited too long.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Lateness(Option<Instant>);

impl Lateness {
    /// Takes note of a message that came at `since` and is taken from the queue `now`. True when
    /// the queue has been late for longer than a burst.
    pub(crate) fn is_standing(&mut self, since: Instant, now: Instant) -> bool {
        if now.saturating_duration_since(since) <= WAIT {
            self.0 = None;
            return false;
        }
        now.saturating_duration_since(*self.0.get_or_insert(now)) > BURST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_is_worked_off_and_a_standing_queue_is_seen() {
        let (begin, mut late) = (Instant::now(), Lateness::default());
        let mut is_standing = |waited: u32, at: u32| {
            let now = begin + (1_000 + at) * MS;
            late.is_standing(now - waited * MS, now)
        };
        assert!(!is_standing(250, 0), "in time");
        assert!(!is_standing(900, 10), "late for the first time");
        assert!(!is_standing(800, 110), "still a burst");
        assert!(!is_standing(100, 111), "worked off");
        assert!(!is_standing(300, 120));
        assert!(!is_standing(300, 220));
        assert!(is_standing(300, 221));
        assert!(is_standing(300, 999));
    }

    #[test]
    fn the_door_opens_by_itself_and_those_refused_come_at_different_times() {
        let pressure = Pressure::new(Arc::new(Metrics::new()));
        assert!(pressure.admit().is_ok());
        pressure.shut();
        let retries: Vec<_> =
            (0..500).map(|_| pressure.refusal().retry_ms.unwrap_or_default()).collect();
        assert!(retries.iter().all(|ms| (500..1_500).contains(ms)));
        let different: std::collections::BTreeSet<_> = retries.iter().collect();
        assert_eq!(different.len(), 500);
        pressure.shut_until.store(0, Ordering::Relaxed);
        assert!(pressure.admit().is_ok());
    }
}
