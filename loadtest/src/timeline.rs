//! Latency over time: a histogram for each stretch of a run, and one for all of it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::chart::{Axis, Chart, Line};
use crate::report::{microseconds, record};

/// A longer run has longer stretches.
const MOST_STRETCHES: u64 = 600;

#[derive(Clone)]
pub(crate) struct Timeline {
    begin: Instant,
    width: Duration,
    /// By the number of the stretch since the beginning; only those in which something came.
    stretches: BTreeMap<u64, Histogram<u64>>,
    /// Exact to three digits; a stretch to two, since there may be many.
    total: Histogram<u64>,
}

impl Timeline {
    /// One stretch per `width`, doubled whenever one would lie 600 widths from the beginning.
    pub(crate) fn new(begin: Instant, width: Duration) -> Result<Self> {
        let width = width.max(Duration::from_millis(1));
        Ok(Self { begin, width, stretches: BTreeMap::new(), total: microseconds()? })
    }

    /// Takes note of a latency that began at `at`: when it was due, for open-loop sends.
    pub(crate) fn record(&mut self, at: Instant, latency: Duration) -> Result<()> {
        let since = at.saturating_duration_since(self.begin).as_nanos();
        while since / self.width.as_nanos() >= u128::from(MOST_STRETCHES) {
            self.coarsen()?;
        }
        let times = match self.stretches.entry((since / self.width.as_nanos()) as u64) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(stretch()?),
        };
        record(times, latency);
        record(&mut self.total, latency);
        Ok(())
    }

    /// Adds another. One that began later stands where it began, to within a stretch.
    pub(crate) fn merge(&mut self, mut other: Self) -> Result<()> {
        let later = other.begin.saturating_duration_since(self.begin).as_secs_f64();
        let shift = loop {
            while self.width < other.width {
                self.coarsen()?;
            }
            while other.width < self.width {
                other.coarsen()?;
            }
            let shift = (later / self.width.as_secs_f64()).round() as u64;
            let last = other.stretches.last_key_value().map_or(0, |(index, _)| shift + index);
            if last < MOST_STRETCHES {
                break shift;
            }
            self.coarsen()?;
        };
        for (index, times) in other.stretches {
            match self.stretches.entry(shift + index) {
                Entry::Occupied(mut entry) => entry.get_mut().add(&times)?,
                Entry::Vacant(entry) => drop(entry.insert(times)),
            }
        }
        Ok(self.total.add(&other.total)?)
    }

    pub(crate) fn total(&self) -> &Histogram<u64> {
        &self.total
    }

    /// How many latencies began in each stretch.
    pub(crate) fn counts(&self) -> Counts {
        let stretches = self.stretches.iter().map(|(index, times)| (*index, times.len())).collect();
        Counts { begin: self.begin, width: self.width, stretches }
    }

    pub(crate) fn chart(&self, name: &'static str, title: impl Into<String>) -> Chart {
        let line = |label: &str, value: fn(&Histogram<u64>) -> u64| {
            let points = self.rows().map(|(at, times)| (at, value(times) as f64 / 1e3));
            Line::new(label, points.collect())
        };
        let lines = vec![
            line("p50", |times| times.value_at_quantile(0.5)),
            line("p99", |times| times.value_at_quantile(0.99)),
            line("max", Histogram::max),
        ];
        let (x, y) = (Axis::linear("time", "s"), Axis::log("latency", "ms"));
        Chart { name, title: title.into(), x, y, lines }
    }

    /// The raw rows, for a report's `series`.
    pub(crate) fn series(&self) -> Value {
        let row = |(at, times): (f64, &Histogram<u64>)| {
            json!({
                "at_s": at,
                "count": times.len(),
                "p50_us": times.value_at_quantile(0.5),
                "p99_us": times.value_at_quantile(0.99),
                "max_us": times.max(),
            })
        };
        self.rows().map(row).collect()
    }

    /// Seconds at which a stretch begins, and its histogram.
    fn rows(&self) -> impl Iterator<Item = (f64, &Histogram<u64>)> {
        let width = self.width.as_secs_f64();
        self.stretches.iter().map(move |(index, times)| (*index as f64 * width, times))
    }

    fn coarsen(&mut self) -> Result<()> {
        for (index, times) in std::mem::take(&mut self.stretches) {
            match self.stretches.entry(index / 2) {
                Entry::Occupied(mut entry) => entry.get_mut().add(&times)?,
                Entry::Vacant(entry) => drop(entry.insert(times)),
            }
        }
        self.width *= 2;
        Ok(())
    }
}

/// How much there was in each stretch of a run.
pub(crate) struct Counts {
    begin: Instant,
    width: Duration,
    stretches: BTreeMap<u64, u64>,
}

impl Counts {
    /// Of these moments, none of which is before `begin`, in stretches of `width` or longer ones.
    pub(crate) fn of(begin: Instant, width: Duration, moments: &[Instant]) -> Self {
        let since = |at: Instant| at.saturating_duration_since(begin).as_nanos();
        let last = moments.iter().map(|at| since(*at)).max().unwrap_or(0);
        let mut width = width.max(Duration::from_millis(1));
        while last / width.as_nanos() >= u128::from(MOST_STRETCHES) {
            width *= 2;
        }
        let mut stretches = BTreeMap::new();
        for at in moments {
            *stretches.entry((since(*at) / width.as_nanos()) as u64).or_default() += 1;
        }
        Self { begin, width, stretches }
    }

    /// When each stretch begins, how long it is, how much there was.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Instant, Duration, u64)> {
        let begin = |index: u64| self.begin + self.width.mul_f64(index as f64);
        self.stretches.iter().map(move |(index, count)| (begin(*index), self.width, *count))
    }
}

fn stretch() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 120_000_000, 2)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_stand_where_they_began_and_nothing_is_lost_in_the_total() {
        let begin = Instant::now();
        let mut timeline = Timeline::new(begin, Duration::from_secs(1)).unwrap();
        for (second, ms) in [(0, 1), (0, 3), (2, 50)] {
            let at = begin + Duration::from_secs(second);
            timeline.record(at, Duration::from_millis(ms)).unwrap();
        }
        assert_eq!(timeline.total().len(), 3);
        let rows = timeline.series();
        assert_eq!(rows.pointer("/0/count"), Some(&json!(2)));
        assert_eq!(rows.pointer("/1/at_s"), Some(&json!(2.0)));
        assert_eq!(rows.as_array().map(Vec::len), Some(2), "an empty second is no row");
        let chart = timeline.chart("over_time", "Over time");
        assert_eq!(chart.lines.len(), 3);
        assert!((chart.lines[2].points[1].1 - 50.0).abs() < 0.6);
    }

    #[test]
    fn what_began_later_stands_later() {
        let begin = Instant::now();
        let later = begin + Duration::from_secs(10);
        let mut whole = Timeline::new(begin, Duration::from_secs(1)).unwrap();
        let mut part = Timeline::new(later, Duration::from_secs(1)).unwrap();
        part.record(later + Duration::from_secs(2), Duration::from_millis(7)).unwrap();
        whole.merge(part.clone()).unwrap();
        let counts: Vec<_> = whole.counts().iter().collect();
        assert_eq!(counts, [(later + Duration::from_secs(2), Duration::from_secs(1), 1)]);
        // What would lie behind the last stretch makes all of them longer.
        let mut far = Timeline::new(begin + Duration::from_secs(700), part.width).unwrap();
        far.record(far.begin, Duration::from_millis(7)).unwrap();
        whole.merge(far).unwrap();
        assert_eq!(whole.width, Duration::from_secs(2));
        assert_eq!(
            whole.counts().iter().last().map(|(at, ..)| at),
            Some(begin + Duration::from_secs(700))
        );
        let moments = [0, 1, 1_300].map(|second| begin + Duration::from_secs(second));
        let counts = Counts::of(begin, Duration::from_secs(1), &moments);
        let counts: Vec<_> = counts.iter().map(|(at, _, count)| (at - begin, count)).collect();
        assert_eq!(counts, [(Duration::ZERO, 2), (Duration::from_secs(1_300), 1)]);
    }

    #[test]
    fn a_long_run_has_longer_stretches_instead_of_more() {
        let begin = Instant::now();
        let mut timeline = Timeline::new(begin, Duration::from_secs(1)).unwrap();
        for second in 0..1_800 {
            let at = begin + Duration::from_secs(second);
            timeline.record(at, Duration::from_millis(2)).unwrap();
        }
        assert_eq!(timeline.width, Duration::from_secs(4));
        assert_eq!(timeline.stretches.len(), 450);
        let mut short = Timeline::new(begin, Duration::from_secs(1)).unwrap();
        short.record(begin + Duration::from_secs(5), Duration::from_millis(9)).unwrap();
        short.merge(timeline).unwrap();
        let counted: u64 = short.stretches.values().map(Histogram::len).sum();
        assert_eq!((counted, short.total().len()), (1_801, 1_801));
        assert_eq!(short.stretches.get(&1).map(Histogram::len), Some(5));
    }
}
