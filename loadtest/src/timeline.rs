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

    /// Adds a timeline that began at the same moment.
    pub(crate) fn merge(&mut self, mut other: Self) -> Result<()> {
        while self.width < other.width {
            self.coarsen()?;
        }
        while other.width < self.width {
            other.coarsen()?;
        }
        for (index, times) in other.stretches {
            match self.stretches.entry(index) {
                Entry::Occupied(mut entry) => entry.get_mut().add(&times)?,
                Entry::Vacant(entry) => drop(entry.insert(times)),
            }
        }
        Ok(self.total.add(&other.total)?)
    }

    pub(crate) fn total(&self) -> &Histogram<u64> {
        &self.total
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
