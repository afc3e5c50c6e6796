//! Sessions that leave and come back, again and again: what they leave behind in the server.

use std::time::{Duration, Instant};

use anyhow::Result;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use serde_json::json;
use tokio::time::sleep;

use super::{Crowd, Options, Probe, Sessions};
use crate::chart::{Axis, Chart, Line};
use crate::progress::Progress;
use crate::report::Report;

/// Of the resident memory before.
const GROWTH_GOAL_PERCENT: f64 = 5.0;
/// Connections to the database, which are made when they are needed.
const SPARE_DESCRIPTORS: usize = 32;
/// The server closes the socket of who is gone within this.
const CLOSE_LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn run(
    options: &Options,
    crowd: &Crowd,
    sessions: &mut Sessions,
    probe: &Probe,
    mut random: SmallRng,
    report: &mut Report,
) -> Result<()> {
    let count = sessions.tasks.len();
    let share = (count * usize::from(options.churn_share)).div_ceil(100);
    let before = probe.memory().await?;
    let held = probe.descriptors();
    let mut order: Vec<usize> = (0..count).collect();
    let progress = Progress::new("churn", options.churn);
    let (begin, mut seen) = (Instant::now(), Vec::new());
    for round in 1..=options.churn {
        order.shuffle(&mut random);
        let leaving = order.get(..share).unwrap_or_default();
        for task in leaving.iter().filter_map(|index| sessions.tasks.get(*index)) {
            task.abort();
        }
        let arrived = crowd.connected.get();
        for index in leaving {
            let task = sessions.start(*index);
            if let Some(place) = sessions.tasks.get_mut(*index) {
                *place = task;
            }
        }
        crowd.wait_connected(arrived + share).await;
        if let Some(process) = probe.0 {
            seen.push((round as f64, process.resident()? as f64 / f64::from(1 << 20)));
        }
        progress.step(1);
    }
    progress.done();
    let took = begin.elapsed().as_secs_f64();
    let rate = (options.churn * share) as f64 / took.max(1e-9);
    report.figure("churned_per_second", rate, "1/s", "sessions that left and came back");
    if let (Some(before), Some(after)) = (before, probe.memory().await?) {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let growth = after.rss_bytes as f64 - before.rss_bytes as f64;
        report.figure("rss_before_churn", mib(before.rss_bytes), "MiB", "all connected");
        report.figure("rss_after_churn", mib(after.rss_bytes), "MiB", "all connected again");
        let each = growth / 1024.0 / count as f64;
        report.figure("churn_growth_each", each, "KiB", "of it by connections held");
        let percent = 100.0 * growth / before.rss_bytes as f64;
        report.goal("churn_growth", percent, GROWTH_GOAL_PERCENT, "%");
        let left = descriptors_left(probe, held).await;
        report.figure("descriptors", held as f64, "", "open in the server before the churn");
        report.check("descriptors_left", left, Vec::new());
    }
    let (x, y) = (Axis::linear("round", ""), Axis::linear("resident memory", "MiB"));
    let lines = vec![Line::new("server", seen.clone())];
    let title = "Memory while sessions come and go".to_owned();
    report.chart(Chart { name: "churn", title, x, y, lines });
    report.series("churn", json!(seen));
    Ok(())
}

/// What is open beyond what was, once the server has had time to close it.
async fn descriptors_left(probe: &Probe, held: usize) -> u64 {
    let begin = Instant::now();
    loop {
        let left = probe.descriptors().saturating_sub(held + SPARE_DESCRIPTORS);
        if left == 0 || begin.elapsed() > CLOSE_LIMIT {
            return left as u64;
        }
        sleep(Duration::from_millis(50)).await;
    }
}
