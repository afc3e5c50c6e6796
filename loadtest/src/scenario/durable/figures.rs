//! What the rounds say.

use anyhow::Result;
use serde_json::{Value, json};

use super::rounds::{Pair, Side};
use crate::chart::{Axis, Chart, Line};
use crate::report::{Report, median};

/// The server must acknowledge at least 0.60 of what the bare group commit writes.
const RATIO_GOAL: f64 = 1.0 / 0.6;

pub(super) fn fill(report: &mut Report, pairs: &[Pair]) -> Result<()> {
    let servers: Vec<&Side> = pairs.iter().map(|pair| &pair.server).collect();
    let middle = |sides: &[&Side], pick: fn(&Side) -> Option<f64>| {
        median(&sides.iter().filter_map(|side| pick(side)).collect::<Vec<f64>>())
    };
    let mut figure = |name, value: Option<f64>, unit, about| {
        if let Some(value) = value {
            report.figure(name, value, unit, about);
        }
    };
    let acked = middle(&servers, |side| Some(side.per_second()));
    figure("acked_per_second", acked, "1/s", "durable and acknowledged, median of the rounds");
    figure("batch", middle(&servers, |side| Some(side.batch)), "", "messages in a transaction");
    let commits = |side: &Side| Some(side.commits / side.took.as_secs_f64().max(1e-9));
    figure("commits_per_second", middle(&servers, commits), "1/s", "of the server");
    let cpu = middle(&servers, Side::cpu_per_message);
    figure("cpu_per_message", cpu, "µs", "of the server and its database");
    let busy = |side: &Side| Some(100.0 * side.our_cpu.as_secs_f64() / side.took.as_secs_f64());
    let about = "of one core: near 100, the clients are the limit";
    figure("load_tester_cpu", middle(&servers, busy), "%", about);
    let bares: Vec<&Side> = pairs.iter().filter_map(|pair| pair.bare.as_ref()).collect();
    if bares.is_empty() {
        report.note("no bare group commit: the server is not ours, so its database is not copied");
    } else {
        let mut figure = |name, value: Option<f64>, unit, about| {
            report.figure(name, value.unwrap_or(0.0), unit, about);
        };
        let written = middle(&bares, |side| Some(side.per_second()));
        figure("bare_per_second", written, "1/s", "of the bare group commit, same rows and batch");
        figure(
            "bare_batch",
            middle(&bares, |side| Some(side.batch)),
            "",
            "messages in a transaction",
        );
        figure(
            "bare_cpu_per_message",
            middle(&bares, Side::cpu_per_message),
            "µs",
            "of the bare one",
        );
        ratios(report, pairs);
    }
    latency(report, &servers)?;
    let put_off: u64 = servers.iter().map(|side| side.put_off).sum();
    if put_off > 0 {
        report.note(format!(
            "the server put off {put_off} sends by its rate limit (20/s of a user after 200 at \
             once): that bounds the rate; take more senders"
        ));
    }
    let rows =
        |pair: &Pair| json!({"server": row(&pair.server), "bare": pair.bare.as_ref().map(row)});
    report.series("pairs", pairs.iter().map(rows).collect::<Vec<Value>>());
    Ok(())
}

/// Server by bare group commit, pair by pair, so that both saw the same machine.
fn ratios(report: &mut Report, pairs: &[Pair]) {
    let each = |pick: &dyn Fn(&Side, &Side) -> Option<f64>| {
        let ratio = |pair: &Pair| pick(&pair.server, pair.bare.as_ref()?);
        pairs.iter().filter_map(ratio).collect::<Vec<f64>>()
    };
    let clock = each(&|server, bare| Some(bare.per_second() / server.per_second().max(1e-9)));
    let cpu = each(&|server, bare| Some(server.cpu_per_message()? / bare.cpu_per_message()?));
    let mut spread = |names: [&'static str; 3], ratios: &[f64], about| {
        if let Some(middle) = median(ratios) {
            let [name, least, most] = names;
            report.figure(name, middle, "×", about);
            report.figure(least, ratios.iter().copied().fold(f64::INFINITY, f64::min), "×", "");
            report.figure(most, ratios.iter().copied().fold(0.0, f64::max), "×", "");
        }
    };
    let names = ["durable_ratio", "durable_ratio_least", "durable_ratio_most"];
    spread(
        names,
        &clock,
        "messages/s of the bare group commit by those of the server, of the pairs",
    );
    let names = ["cpu_ratio", "cpu_ratio_least", "cpu_ratio_most"];
    spread(names, &cpu, "CPU per message of the server by that of the bare group commit");
    if let Some(ratio) = median(&clock) {
        report.goal("durable_ratio", ratio, RATIO_GOAL, "×");
    }
    let points = |pick: &dyn Fn(&Pair) -> Option<f64>| {
        let numbered = pairs.iter().zip(1..).map(|(pair, i)| Some((f64::from(i), pick(pair)?)));
        numbered.flatten().collect::<Vec<_>>()
    };
    report.chart(Chart {
        name: "durable_rate",
        title: "Durable messages a second".to_owned(),
        x: Axis::linear("pair", ""),
        y: Axis::linear("messages", "1/s"),
        lines: vec![
            Line::new("server", points(&|pair| Some(pair.server.per_second()))),
            Line::new("bare group commit", points(&|pair| Some(pair.bare.as_ref()?.per_second()))),
        ],
    });
    let per_cpu = |side: &Side| Some(1e6 / side.cpu_per_message()?).filter(|rate| rate.is_finite());
    report.chart(Chart {
        name: "per_cpu_second",
        title: "Durable messages per CPU-second, with the database's".to_owned(),
        x: Axis::linear("pair", ""),
        y: Axis::linear("messages", "1/CPU-s"),
        lines: vec![
            Line::new("server", points(&|pair| per_cpu(&pair.server))),
            Line::new("bare group commit", points(&|pair| per_cpu(pair.bare.as_ref()?))),
        ],
    });
}

fn latency(report: &mut Report, servers: &[&Side]) -> Result<()> {
    let mut rounds = servers.iter().filter_map(|side| side.latency.as_ref());
    let Some(mut whole) = rounds.next().cloned() else { return Ok(()) };
    rounds.try_for_each(|round| whole.merge(round.clone()))?;
    let all = whole.total();
    let names = ["ack_p50", "ack_p99", "ack_p999", "ack_max"];
    report.latency(names, all, "send to acknowledgement");
    let one = [("send to acknowledgement".to_owned(), all)];
    report.chart(Chart::percentiles("ack_latency", "Acknowledgement", one));
    report.chart(whole.chart("latency_over_time", "Acknowledgement over time"));
    report.series("latency", whole.series());
    Ok(())
}

fn row(side: &Side) -> Value {
    json!({
        "messages": side.messages,
        "took_s": side.took.as_secs_f64(),
        "per_second": side.per_second(),
        "commits": side.commits,
        "batch": side.batch,
        "cpu_per_message_us": side.cpu_per_message(),
        "load_tester_cpu_s": side.our_cpu.as_secs_f64(),
        "put_off": side.put_off,
        "ack_p50_us": side.latency.as_ref().map(|latency| latency.total().value_at_quantile(0.5)),
        "ack_p99_us": side.latency.as_ref().map(|latency| latency.total().value_at_quantile(0.99)),
    })
}
