//! Rates, from what was counted when somebody looked before. Nothing runs by the clock: who looks
//! once a second gets rates over a second, and nobody pays who does not look.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::actors::root::Branch;
use crate::domain::RoomId;

/// Rates are over no less, however many people watch and in whatever beat.
const LEAST: Duration = Duration::from_millis(900);
/// Nor over more: what happened long ago says nothing of now.
const MOST: Duration = Duration::from_secs(10);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Count {
    Lines,
    Deliveries,
    /// Messages that a branch has handled, by its name.
    /// Messages that a branch has handled.
    Branch(Branch),
    /// Messages that a room has handled.
    Room(RoomId),
    /// Transactions of a lane.
    Commits(usize),
    /// Appends of a lane.
    Appends(usize),
    /// Messages that a relay has handled.
    Relay(usize),
    /// Deliveries of a relay.
    RelayDeliveries(usize),
}

/// All counts of a moment.
pub(super) type Counts = HashMap<Count, u64>;

/// The last looks.
#[derive(Default)]
pub(super) struct Rates(Mutex<VecDeque<(Instant, Arc<Counts>)>>);

/// A look that later ones are compared with.
pub(super) struct Before {
    /// How long ago it was; zero when there was none.
    pub(super) over: Duration,
    counts: Arc<Counts>,
}

impl Rates {
    /// Keeps the counts of now, and gives those to compare them with.
    pub(super) fn look(&self, now: Instant, counts: &Arc<Counts>) -> Before {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = |look: &(Instant, _)| now.saturating_duration_since(look.0);
        looks.retain(|look| age(look) <= MOST);
        // All but the newest look that is old enough are of no more use.
        while looks.get(1).is_some_and(|second| age(second) >= LEAST) {
            looks.pop_front();
        }
        let before = match looks.front() {
            Some(look) if age(look) >= LEAST => {
                Before { over: age(look), counts: Arc::clone(&look.1) }
            }
            _too_young => Before { over: Duration::ZERO, counts: Arc::default() },
        };
        // Ten people who watch keep no more than one does.
        if looks.back().is_none_or(|newest| age(newest) >= LEAST / 2) {
            looks.push_back((now, Arc::clone(counts)));
        }
        before
    }
}

impl Before {
    /// How much of it there was a second since then. What counts less than it did was started
    /// again, from nothing; a room that was not there slept.
    pub(super) fn per_second(&self, count: Count, now: u64) -> Option<f64> {
        if self.over.is_zero() {
            return None;
        }
        let before = match (self.counts.get(&count), count) {
            (Some(before), _) => *before,
            (None, Count::Room(_)) => 0,
            (None, _unknown) => return None,
        };
        let more = now.checked_sub(before).unwrap_or(now);
        Some(more as f64 / self.over.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(lines: u64) -> Arc<Counts> {
        Arc::new(Counts::from([(Count::Lines, lines)]))
    }

    /// Looks at these moments, in ms, with these counts; gives what each says a second.
    fn rates(looks: &[(u64, u64)]) -> Vec<Option<f64>> {
        let (rates, start) = (Rates::default(), Instant::now());
        let rate = |(ms, count): &(u64, u64)| {
            let before = rates.look(start + Duration::from_millis(*ms), &counts(*count));
            before.per_second(Count::Lines, *count)
        };
        looks.iter().map(rate).collect()
    }

    #[test]
    fn who_looks_once_a_second_gets_rates_over_a_second() {
        assert_eq!(rates(&[(0, 5), (1_000, 25), (2_000, 25)]), [None, Some(20.0), Some(0.0)]);
    }

    #[test]
    fn others_who_look_in_between_change_nothing() {
        let looks = [(0, 0), (100, 1), (500, 5), (1_000, 10), (1_500, 15), (2_000, 40)];
        let said = rates(&looks);
        assert_eq!(said, [None, None, None, Some(10.0), Some(10.0), Some(30.0)]);
    }

    #[test]
    fn what_was_long_ago_is_not_compared() {
        assert_eq!(rates(&[(0, 0), (20_000, 100), (21_000, 130)]), [None, None, Some(30.0)]);
    }

    #[test]
    fn what_was_started_again_counts_from_nothing() {
        assert_eq!(rates(&[(0, 100), (1_000, 7)]), [None, Some(7.0)]);
    }

    #[test]
    fn a_room_that_woke_counts_from_nothing_and_a_relay_that_was_silent_not_at_all() {
        let before = Before { over: Duration::from_secs(1), counts: counts(1) };
        assert_eq!(before.per_second(Count::Room(RoomId(1)), 3), Some(3.0));
        assert_eq!(before.per_second(Count::Relay(0), 3), None);
    }

    #[test]
    fn few_looks_are_kept() {
        let (rates, start) = (Rates::default(), Instant::now());
        for ms in 0..5_000 {
            rates.look(start + Duration::from_millis(ms), &counts(ms));
        }
        assert!(rates.0.lock().unwrap().len() <= 3);
    }
}
