//! What a day comes to, by step and by action.

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::day::{Action, DAY, Mix};
use super::{P99_GOAL_MS, Step};
use crate::chart::{Axis, Chart, Line};
use crate::report::{Report, microseconds};
use crate::table::Table;
use crate::town::Deed;

impl Step {
    /// The worst of all actions, and of the receipts.
    pub(super) fn p99_ms(&self) -> f64 {
        let deeds = DAY.iter().filter_map(|action| self.noted.deed(action.deed));
        let all = deeds.chain([self.noted.receipts.total(), &self.by_stream]);
        all.map(|times| times.value_at_quantile(0.99)).max().unwrap_or(0) as f64 / 1e3
    }
}

pub(super) fn all(report: &mut Report, mix: Mix, steps: &[Step]) -> Result<()> {
    let held = |step: &&Step| step.p99_ms() <= P99_GOAL_MS;
    let best = steps.iter().rev().find(held);
    report.figure("users_held", best.map_or(0, |step| step.users) as f64, "", "at p99 ≤ 200 ms");
    let shown = best.or(steps.last()).context("no step")?;
    if let Some(share) = shown.spent.server_share() {
        let each = shown.users as f64 / (share / 100.0).max(1e-6);
        report.figure("users_per_core", each, "", "of that step, by the CPU that the server used");
    }
    report.figure("p99_worst", shown.p99_ms(), "ms", "of all actions and receipts of that step");
    report.goal("p99", shown.p99_ms(), P99_GOAL_MS, "ms");
    actions(report, mix, shown)?;
    let stream = shown.by_stream.value_at_quantile(0.99) as f64 / 1e3;
    report.figure("stream_p99", stream, "ms", "receipts of the event streams");
    shown.noted.report(report, &shown.spent, &shown.late);
    by_users(report, steps);
    report.series("steps", steps.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

/// What each action took, and how often it was done.
fn actions(report: &mut Report, mix: Mix, step: &Step) -> Result<()> {
    let columns = ["action", "day, %", "chat, %", "done", "p50, ms", "p99, ms"];
    let title = format!("Actions of the step with {} users, and their shares", step.users);
    let mut table = Table::new("actions", title, &columns);
    let done = DAY.iter().filter(|action| action.share(mix) > 0.0);
    for action in done {
        let times = step.noted.deed(action.deed).cloned().map_or_else(microseconds, Ok)?;
        let [middle, late] = [0.5, 0.99].map(|share| times.value_at_quantile(share) as f64 / 1e3);
        for (name, value) in action.figures.into_iter().zip([middle, late]) {
            report.figure(name, value, "ms", "from when it was due to its answer");
        }
        let [day, chat] = [Mix::Day, Mix::Chat].map(|mix| action.share(mix));
        let count = times.len() as f64;
        table.row(action.name, [day, chat, count, middle, late].map(Some));
    }
    report.table(table);
    if DAY.iter().any(|action| action.deed == Deed::Ask && action.share(mix) > 0.0) {
        let times = step.noted.deed(Deed::Answer).cloned().map_or_else(microseconds, Ok)?;
        let late = times.value_at_quantile(0.99) as f64 / 1e3;
        report.figure("answer_p99", late, "ms", "from a question to the end of its answer");
        let about = "questions that the assistant had no time for";
        report.figure("unasked", step.noted.unasked as f64, "", about);
        report.figure("notices", step.noted.notices as f64, "", "entries of inboxes looked at");
        let about = "read marks that were put back, and stood there when it was told";
        report.figure("put_back", step.noted.put_back as f64, "", about);
    }
    Ok(())
}

fn by_users(report: &mut Report, steps: &[Step]) {
    let at = |value: fn(&Step) -> f64| {
        steps.iter().map(|step| (step.users as f64, value(step))).collect::<Vec<_>>()
    };
    let lines = vec![
        Line::new("worst p99", at(Step::p99_ms)),
        Line::new(
            "p99 of receipts",
            at(|step| step.noted.receipts.total().value_at_quantile(0.99) as f64 / 1e3),
        ),
    ];
    let (x, y) = (Axis::linear("users", ""), Axis::log("latency", "ms"));
    let title = "Latency by users".to_owned();
    report.chart(Chart { name: "by_users", title, x, y, lines });
}

fn row(step: &Step) -> Value {
    let p99 = |times: &Histogram<u64>| times.value_at_quantile(0.99) as f64 / 1e3;
    let times = |action: &Action| step.noted.deed(action.deed).filter(|times| !times.is_empty());
    let late = DAY.iter().filter_map(|action| {
        let [_, name] = action.figures;
        Some((name.to_owned(), json!(p99(times(action)?))))
    });
    let done =
        DAY.iter().filter_map(|action| Some((action.name.to_owned(), json!(times(action)?.len()))));
    json!({
        "users": step.users,
        "p99_worst_ms": step.p99_ms(),
        "server_cpu_percent": step.spent.server_share(),
        "load_tester_cpu_percent": step.spent.our_share(),
        "deliveries": step.noted.deliveries,
        "p99_ms": late.collect::<serde_json::Map<_, _>>(),
        "done": done.collect::<serde_json::Map<_, _>>(),
    })
}
