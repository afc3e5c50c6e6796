//! Pictures as data: what a chart shows, not how it is drawn. `svg` draws them.

use hdrhistogram::Histogram;
use hdrhistogram::iterators::IterationValue;
use serde::Serialize;
use serde_json::{Value, json};

/// The unit of an axis on which 50 %, 90 %, 99 %, 99.9 % stand at equal distances.
pub(crate) const NINES: &str = "nines";
/// Where the scale of nines ends unless there are enough values to tell more.
const MOST_NINES: f64 = 100_000.0;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Chart {
    /// Short, unique in a report, without blanks.
    pub name: &'static str,
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Axis {
    pub label: String,
    pub unit: &'static str,
    pub is_log: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    pub label: String,
    pub points: Vec<(f64, f64)>,
    /// Where it begins anew: no line leads across.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<f64>,
}

impl Axis {
    pub(crate) fn linear(label: impl Into<String>, unit: &'static str) -> Self {
        Self { label: label.into(), unit, is_log: false }
    }

    /// For values above zero that span several powers of ten; others are left out of the picture.
    pub(crate) fn log(label: impl Into<String>, unit: &'static str) -> Self {
        Self { label: label.into(), unit, is_log: true }
    }

    /// A place `x` on it stands for the share 1 − 1/x: 10 for 90 %, 100 for 99 %.
    pub(crate) fn percentiles() -> Self {
        Self::log("percentile", NINES)
    }
}

impl Line {
    pub(crate) fn new(label: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { label: label.into(), points, starts: Vec::new() }
    }
}

impl Chart {
    /// Times in milliseconds over percentiles, of histograms that count microseconds.
    pub(crate) fn percentiles<'h>(
        name: &'static str,
        title: impl Into<String>,
        times: impl IntoIterator<Item = (String, &'h Histogram<u64>)>,
    ) -> Self {
        let lines = times
            .into_iter()
            .filter(|(_, times)| !times.is_empty())
            .map(|(label, times)| Line::new(label, nines(times)))
            .collect();
        let (x, y) = (Axis::percentiles(), Axis::log("latency", "ms"));
        Self { name, title: title.into(), x, y, lines }
    }
}

/// A percentile table for a report's `series`: latency and count at each step of the scale.
pub(crate) fn percentile_rows(times: &Histogram<u64>) -> Value {
    let row = |step: IterationValue<u64>| {
        json!({
            "percentile": step.percentile(),
            "us": step.value_iterated_to(),
            "count": step.count_since_last_iteration(),
        })
    };
    times.iter_quantiles(5).map(row).collect()
}

/// Steps of the scale of nines, ten to each further nine, as far as single values can be told apart.
fn nines(times: &Histogram<u64>) -> Vec<(f64, f64)> {
    const STEPS: i32 = 10;
    let most = (times.len() as f64).clamp(10.0, MOST_NINES);
    (0..)
        .map(|step| 10_f64.powf(f64::from(step) / f64::from(STEPS)))
        .take_while(|place| *place <= most * 1.000_001)
        .map(|place| (place, times.value_at_quantile(1.0 - 1.0 / place) as f64 / 1e3))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::microseconds;

    #[test]
    fn percentiles_stand_on_the_scale_of_nines() {
        let mut times = microseconds().unwrap();
        for time in 1..=1_000_u64 {
            times.record(time * 1_000).unwrap();
        }
        let empty = microseconds().unwrap();
        let both = [("ours".to_owned(), &times), ("none".to_owned(), &empty)];
        let chart = Chart::percentiles("latency", "Latency", both);
        assert_eq!(chart.lines.len(), 1, "a line without values is no line");
        let points = &chart.lines[0].points;
        let at =
            |place: f64| points.iter().find(|(x, _)| (x / place - 1.0).abs() < 1e-9).unwrap().1;
        assert!((at(10.0) - 900.0).abs() < 2.0, "{}", at(10.0));
        assert!((at(100.0) - 990.0).abs() < 2.0, "{}", at(100.0));
        let rows = percentile_rows(&times);
        let counts = rows.as_array().unwrap().iter().map(|row| row["count"].as_u64().unwrap());
        assert_eq!(counts.sum::<u64>(), 1_000);
        // A thousand values tell no more than three nines.
        assert!(points.iter().all(|(x, _)| *x < 1_001.0));
    }
}
