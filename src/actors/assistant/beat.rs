//! When a room is told what was said since the last time. Pure: the moment is an argument.
//!
//! Each run has moments of its own, spread over the beat by its number. Were the next moment counted
//! from the last, runs that a busy processor made wait would go on in step, and all their viewers
//! would be written to at once, with everybody else behind them.

use std::time::Duration;

use crate::domain::{Millis, RunId};

/// The time between two pieces of an answer: no viewer gets more than twenty a second, and at the
/// pace at which models speak each piece holds several words.
const BEAT: u64 = 60;
/// The same while many answers are spoken: a fifth less to write. With what else holds a piece up,
/// viewers are to have it within 100 ms.
const BEAT_OF_MANY: u64 = 75;
/// So many are not many.
const FEW: usize = 8;
/// A moment that comes so soon after a piece is left out.
const NEAR: u64 = 20;
/// The golden ratio of 2^64: by its multiples numbers that follow each other lie far apart.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// How long a run that told something rests, while so many answers are spoken here.
pub(super) fn rest(run: RunId, at: Millis, spoken: usize) -> Duration {
    let beat = if spoken > FEW { BEAT_OF_MANY } else { BEAT };
    let since = (at.0.unsigned_abs() + beat - place(run, beat)) % beat;
    let next = beat - since;
    Duration::from_millis(if next < NEAR { next + beat } else { next })
}

/// The moment of a run within a beat.
fn place(run: RunId, beat: u64) -> u64 {
    let spread = u128::from(run.0.unsigned_abs().wrapping_mul(GOLDEN));
    u64::try_from((spread * u128::from(beat)) >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RUNS: i64 = 50;

    fn ms(run: i64, at: i64, spoken: usize) -> i64 {
        i64::try_from(rest(RunId(run), Millis(at), spoken).as_millis()).unwrap()
    }

    proptest! {
        #[test]
        fn viewers_get_no_more_than_twenty_pieces_a_second(
            run in 1..i64::MAX,
            begin in 0..4_000_000_000_000_i64,
            late in prop::collection::vec(0..30_i64, 60),
            spoken in 1..100_usize,
        ) {
            let mut told = vec![begin];
            for late in late {
                let last = told[told.len() - 1];
                told.push(last + ms(run, last, spoken) + late);
            }
            for from in &told {
                let within = told.iter().filter(|at| (*from..from + 1_000).contains(at)).count();
                prop_assert!(within <= 20, "{within} in a second: {told:?}");
            }
        }

        #[test]
        fn nothing_rests_longer_than_viewers_may_wait(
            run in 1..i64::MAX, at in 0..4_000_000_000_000_i64, spoken in 1..100_usize,
        ) {
            prop_assert!((20..100).contains(&ms(run, at, spoken)));
        }

        #[test]
        fn who_was_late_is_in_its_own_time_again(
            run in 1..i64::MAX, at in 0..4_000_000_000_000_i64, late in 0..40_i64,
        ) {
            let own = at + ms(run, at, 1);
            prop_assert_eq!(ms(run, own, 1), 60);
            prop_assert_eq!(own + late + ms(run, own + late, 1), own + 60);
        }

        #[test]
        fn runs_that_follow_each_other_do_not_speak_together(first in 1..i64::MAX / 2) {
            let runs = first..first + RUNS;
            let mut places: Vec<_> = runs.map(|run| place(RunId(run), BEAT_OF_MANY)).collect();
            places.sort_unstable();
            let together = |at: &u64| places.iter().filter(|place| *place == at).count();
            prop_assert!(places.iter().map(together).max() <= Some(2), "{places:?}");
            let first_again = places[0] + BEAT_OF_MANY;
            let next = places.iter().skip(1).copied().chain([first_again]);
            let widest = places.iter().zip(next).map(|(one, next)| next - one).max();
            prop_assert!(widest <= Some(4), "{widest:?} in {places:?}");
        }
    }

    #[test]
    fn many_speak_less_often() {
        let gap = |spoken| {
            let own = ms(7, 0, spoken);
            ms(7, own, spoken)
        };
        assert_eq!((gap(1), gap(FEW), gap(FEW + 1), gap(1_000)), (60, 60, 75, 75));
    }
}
