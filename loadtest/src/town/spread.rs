//! How members and messages are spread over rooms: evenly, or by Zipf's law.

use rand::RngExt;
use rand::rngs::SmallRng;

/// A room needs somebody to write and somebody to read.
const LEAST_MEMBERS: usize = 2;

/// Weights of `count` things: the k-th by k^-s. Without an exponent all are alike.
fn weights(count: usize, exponent: Option<f64>) -> impl Iterator<Item = f64> + Clone {
    (1..=count).map(move |rank| exponent.map_or(1.0, |s| (rank as f64).powf(-s)))
}

/// Members of each room: `rooms * each` together (each room has at least two), none above `most`.
pub(crate) fn sizes(rooms: usize, each: usize, exponent: Option<f64>, most: usize) -> Vec<usize> {
    let shares = weights(rooms, exponent);
    let whole: f64 = shares.clone().sum();
    let total = (rooms * each) as f64;
    let size = |share: f64| ((total * share / whole).round() as usize).max(LEAST_MEMBERS);
    shares.map(|share| size(share).min(most)).collect()
}

/// Picks one of several, by the same weights.
pub(crate) struct Picker {
    /// Sums of the weights up to each.
    upto: Vec<f64>,
}

impl Picker {
    pub(crate) fn new(count: usize, exponent: Option<f64>) -> Self {
        Self::weighted(weights(count, exponent))
    }

    pub(crate) fn weighted(weights: impl Iterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let add = |weight: f64| {
            sum += weight;
            sum
        };
        Self { upto: weights.map(add).collect() }
    }

    pub(crate) fn pick(&self, random: &mut SmallRng) -> usize {
        let whole = self.upto.last().copied().unwrap_or(0.0);
        let point = random.random::<f64>() * whole;
        self.upto.partition_point(|upto| *upto <= point).min(self.upto.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn even_rooms_are_alike_and_zipf_rooms_halve_with_their_rank() {
        assert_eq!(sizes(4, 10, None, 100), [10, 10, 10, 10]);
        // Shares 1, 1/2, 1/3, 1/4 of 100 members.
        assert_eq!(sizes(4, 25, Some(1.0), 100), [48, 24, 16, 12]);
        assert_eq!(sizes(4, 25, Some(1.0), 30), [30, 24, 16, 12]);
        assert!(sizes(500, 10, Some(1.1), 5_000).iter().all(|size| *size >= LEAST_MEMBERS));
    }

    #[test]
    fn picks_come_as_often_as_their_weight_says() {
        let mut random = SmallRng::seed_from_u64(7);
        let count = |picker: &Picker, random: &mut SmallRng| -> [u32; 4] {
            let mut counts = [0_u32; 4];
            for _ in 0..10_000 {
                if let Some(count) = counts.get_mut(picker.pick(random)) {
                    *count += 1;
                }
            }
            counts
        };
        for (picker, expected) in [
            (Picker::new(4, None), [2_500, 2_500, 2_500, 2_500]),
            (Picker::new(4, Some(1.0)), [4_800, 2_400, 1_600, 1_200]),
            (Picker::weighted([0.0, 3.0, 0.0, 1.0].into_iter()), [0, 7_500, 0, 2_500]),
        ] {
            for (count, expected) in count(&picker, &mut random).into_iter().zip(expected) {
                assert!(count.abs_diff(expected) <= 250, "{count} instead of {expected}");
            }
        }
    }
}
