//! The pictures of a run, and the rows they are drawn from.

use anyhow::Result;
use serde_json::Value;

use super::{Side, Sides};
use crate::chart::{Axis, Chart, Line, percentile_rows};
use crate::report::Report;
use crate::timeline::Timeline;

/// Latency by percentile and over time, deliveries per CPU-second.
pub(super) fn all(report: &mut Report, sides: &Sides, most_memory: Option<u64>) -> Result<()> {
    let mut timelines = Vec::new();
    for side in sides.all() {
        if let Some(timeline) = side.timeline()? {
            timelines.push((side.label.to_owned(), timeline));
        }
    }
    let totals = timelines.iter().map(|(label, times)| (label.clone(), times.total()));
    report.chart(Chart::percentiles("latency", "Latency of each receipt", totals));
    let percentiles = timelines.iter();
    let percentiles =
        percentiles.map(|(label, times)| (label.clone(), percentile_rows(times.total())));
    report.series("latency_percentiles", percentiles.collect::<Value>());
    report.chart(efficiency(sides));
    if let Some((_, times)) = timelines.first() {
        report.chart(times.chart("latency_over_time", "Latency of the server over time"));
        report.series("latency_over_time", times.series());
    }
    if let Some(most) = most_memory {
        report.figure("rss_peak", most as f64 / f64::from(1 << 20), "MiB", "most of the server");
    }
    Ok(())
}

impl Side {
    fn timeline(&self) -> Result<Option<Timeline>> {
        let mut rounds = self.outcomes.iter().map(|outcome| &outcome.noted.receipts);
        let Some(mut all) = rounds.next().cloned() else {
            return Ok(None);
        };
        for round in rounds {
            all.merge(round.clone())?;
        }
        Ok(Some(all))
    }
}

fn efficiency(sides: &Sides) -> Chart {
    let line = |side: &Side| {
        let rounds = (1..).map(f64::from).zip(&side.outcomes);
        let points = rounds
            .filter_map(|(round, outcome)| Some((round, 1e6 / outcome.cpu_per_delivery()?)))
            .filter(|(_, per_second)| per_second.is_finite());
        Line::new(side.label, points.collect())
    };
    Chart {
        name: "deliveries_per_cpu_second",
        title: "Deliveries per CPU-second, round by round".to_owned(),
        x: Axis::linear("round", ""),
        y: Axis::log("deliveries", "1/CPU-s"),
        lines: sides.all().map(line).filter(|line| !line.points.is_empty()).collect(),
    }
}
