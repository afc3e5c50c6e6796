//! What the rounds come to.

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::rounds::{Pair, Round, Starts};
use crate::chart::{Axis, Chart, Line, percentile_rows};
use crate::report::{Report, median, microseconds};
use crate::table::Table;

const FRAMES_GOAL: f64 = 20.0;
const DELAY_GOAL_MS: f64 = 100.0;
const CPU_GOAL: f64 = 0.35;
const CHAT_GOAL: f64 = 1.2;
const START_GOAL_MS: f64 = 10.0;

pub(super) fn all(
    report: &mut Report,
    starts: &Starts,
    pairs: &[Pair],
    bare: &[f64],
) -> Result<()> {
    beginnings(report, starts);
    answers(report, pairs)?;
    costs(report, pairs, bare);
    talk(report, pairs)?;
    report.series("pairs", pairs.iter().map(row).collect::<Vec<Value>>());
    Ok(())
}

fn p99_ms(times: &Histogram<u64>) -> f64 {
    times.value_at_quantile(0.99) as f64 / 1e3
}

fn beginnings(report: &mut Report, starts: &Starts) {
    let names = ["first_token_p50", "first_token_p99", "first_token_p999", "first_token_max"];
    report.latency(names, &starts.acked, "from the acknowledgement to the provider's socket");
    let names = ["asked_p50", "asked_p99", "asked_p999", "asked_max"];
    report.latency(names, &starts.asked, "from the sending of the question, commit included");
    let about = "questions that were at the provider before their acknowledgement was here";
    report.figure("before_ack", starts.before_ack as f64, "", about);
    report.goal("first_token_p99", p99_ms(&starts.acked), START_GOAL_MS, "ms");
    report.series("first_token", percentile_rows(&starts.acked));
}

fn answers(report: &mut Report, pairs: &[Pair]) -> Result<()> {
    let mut delays = microseconds()?;
    let (mut most, mut states, mut lags) = (0.0_f64, 0, 0);
    for round in pairs.iter().flat_map(|pair| [&pair.gathered, &pair.while_talking]) {
        delays.add(&round.noted.delays)?;
        most = most.max(round.noted.most_frames_per_second);
        states += round.noted.states;
        lags += round.noted.lags;
    }
    let about = "of one viewer and answer, the most of all";
    report.figure("frames_per_second_most", most, "1/s", about);
    let names = ["added_delay_p50", "added_delay_p99", "added_delay_p999", "added_delay_max"];
    report.latency(names, &delays, "from the provider's write of a token to each viewer");
    report.figure("states", states as f64, "", "answers that were told again from the beginning");
    report.figure("lags", lags as f64, "", "rooms of viewers that turned from push to pull");
    report.goal("frames_per_second", most, FRAMES_GOAL, "1/s");
    report.goal_of("added_delay_p99", DELAY_GOAL_MS);
    let times = [("added delay".to_owned(), &delays)];
    report.chart(Chart::percentiles("added_delay", "From the provider to a viewer", times));
    report.series("added_delay", percentile_rows(&delays));
    let each = |pick: fn(&Pair) -> &Round| -> Option<f64> {
        median(&pairs.iter().map(|pair| pick(pair).frames_per_token()).collect::<Vec<_>>())
    };
    let gathered = each(|pair| &pair.gathered).context("no pairs")?;
    let apart = each(|pair| &pair.apart).context("no pairs")?;
    report.figure("frames_per_token", gathered, "", "to each viewer, as the server gathers them");
    report.figure("frames_per_token_apart", apart, "", "the comparison: about 1");
    if apart < 0.9 {
        report.note("the comparison had fewer frames than tokens: cpu_ratio says too little");
    }
    Ok(())
}

/// What the server does in a second of its CPU time, which in so small a turn that it costs no more than
/// silence nobody can say.
fn efficiency(costs: &[(f64, f64)]) -> Chart {
    let line = |label: &str, pick: fn(&(f64, f64)) -> f64| {
        let points = (1..).map(f64::from).zip(costs.iter().map(pick));
        let told = points.filter(|(_, cost)| *cost > 0.0).map(|(turn, cost)| (turn, 1e6 / cost));
        Line::new(label, told.collect())
    };
    Chart {
        name: "per_cpu_second",
        title: "Tokens to a viewer per CPU-second of the server, turn by turn".to_owned(),
        x: Axis::linear("turn", ""),
        y: Axis::linear("tokens by viewers", "1/CPU-s"),
        lines: vec![line("gathered", |it| it.0), line("a frame for each token", |it| it.1)],
    }
}

fn costs(report: &mut Report, pairs: &[Pair], bare: &[f64]) {
    let costs: Vec<(f64, f64)> = pairs
        .iter()
        .filter_map(|pair| {
            Some((pair.gathered.each_us(pair.silence)?, pair.apart.each_us(pair.silence)?))
        })
        .collect();
    let (gathered, apart): (Vec<f64>, Vec<f64>) = costs.iter().copied().unzip();
    let ratios: Vec<f64> = costs.iter().map(|(ours, each)| ours / each.max(1e-6)).collect();
    report.chart(efficiency(&costs));
    let mut table = Table::new(
        "costs",
        "CPU of the server for a token and a viewer",
        &["side", "µs, median", "least", "most"],
    );
    let sides = [
        ("gathered", gathered.as_slice()),
        ("a frame for each token", apart.as_slice()),
        ("bare writer, a frame for each token", bare),
    ];
    for (side, costs) in sides {
        let least = costs.iter().copied().reduce(f64::min);
        table.row(side, [median(costs), least, costs.iter().copied().reduce(f64::max)]);
    }
    report.table(table);
    if let (Some(ours), Some(ratio)) = (median(&gathered), median(&ratios)) {
        report.figure("cpu_per_token", ours, "µs", "of the server, for each viewer");
        report.figure("cpu_ratio", ratio, "×", "by a frame for each token, median of the pairs");
        report.goal("cpu_ratio", ratio, CPU_GOAL, "×");
        if let Some(bare) = median(bare) {
            let about = "by a bare writer's frame for each token; no goal";
            report.figure("cpu_ratio_bare", ours / bare.max(1e-6), "×", about);
        }
    }
    let shares: Vec<f64> = pairs.iter().map(|pair| pair.gathered.spent.our_share()).collect();
    let about = "of one core, provider and all: near 100, the viewers are the limit";
    report.figure("load_tester_cpu", median(&shares).unwrap_or(0.0), "%", about);
    let shares: Vec<f64> =
        pairs.iter().filter_map(|pair| pair.gathered.spent.server_share()).collect();
    if let Some(share) = median(&shares) {
        report.figure("server_cpu", share, "%", "of one core, while all answers are spoken");
    }
}

fn talk(report: &mut Report, pairs: &[Pair]) -> Result<()> {
    let ratio =
        |pair: &Pair| p99_ms(&pair.beside.receipts) / p99_ms(&pair.alone.receipts).max(1e-3);
    let ratios: Vec<f64> = pairs.iter().map(ratio).collect();
    let ratio = median(&ratios).context("no pairs")?;
    let (mut alone, mut beside, mut late) = (microseconds()?, microseconds()?, microseconds()?);
    for pair in pairs {
        alone.add(&pair.alone.receipts)?;
        beside.add(&pair.beside.receipts)?;
        late.add(&pair.beside.late)?;
    }
    for (name, times, about) in [
        ("chat_p99_alone", &alone, "of receipts in other rooms, without answers"),
        ("chat_p99_beside", &beside, "of receipts in other rooms, beside all answers"),
        ("chat_late_p99", &late, "our own delay beside them, which is inside"),
    ] {
        report.figure(name, p99_ms(times), "ms", about);
    }
    report.figure("chat_p99_ratio", ratio, "×", "beside answers by without, median of the pairs");
    report.goal("chat_p99_ratio", ratio, CHAT_GOAL, "×");
    let times = [("alone".to_owned(), &alone), ("beside answers".to_owned(), &beside)];
    report.chart(Chart::percentiles("chat", "Talk in other rooms", times));
    Ok(())
}

fn row(pair: &Pair) -> Value {
    let round = |round: &Round| {
        json!({
            "tokens_by_viewers": round.seen,
            "frames": round.noted.frames,
            "most_frames_per_second": round.noted.most_frames_per_second,
            "delay_p99_us": round.noted.delays.value_at_quantile(0.99),
            "took_s": round.spent.took.as_secs_f64(),
            "server_cpu_s": round.spent.server.map(|cpu| cpu.as_secs_f64()),
            "load_tester_cpu_s": round.spent.ours.as_secs_f64(),
        })
    };
    json!({
        "silence_cpu_share": pair.silence,
        "gathered": round(&pair.gathered),
        "apart": round(&pair.apart),
        "while_talking": round(&pair.while_talking),
        "chat_alone_p99_us": pair.alone.receipts.value_at_quantile(0.99),
        "chat_beside_p99_us": pair.beside.receipts.value_at_quantile(0.99),
        "chat_deliveries": [pair.alone.deliveries, pair.beside.deliveries],
    })
}
