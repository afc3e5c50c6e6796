//! One room, every message to every member, beside a bare writer of the same frames in the same run.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::chart::Chart;
use crate::check::Kind;
use crate::crowd::{Crowd, Load, Outcome};
use crate::pace::Epoch;
use crate::progress::{Progress, note};
use crate::report::{Report, median, microseconds};
use crate::sample::{Sampler, Samples};
use crate::scenario::{Stage, need_files};
use crate::setup;

pub(crate) const GOALS: &[&str] = &["ratio", "pressed_ratio"];
const RATIO_GOAL: f64 = 1.35;
/// Five times the deliveries of one write each.
const PRESSED_GOAL: f64 = 0.2;
const WARM_UP: usize = 20;
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// Below the share of a session's outbox at which the server begins to hold back.
const PRESSED_WINDOW: usize = 256;

#[derive(Args)]
pub(crate) struct Options {
    /// Members of the room, each with one session that has it open
    #[arg(long, default_value_t = 1_000)]
    members: usize,
    /// Messages of one round [default: 200; with --pressed: 2000]
    #[arg(long)]
    messages: Option<usize>,
    /// Rounds of the server, each followed by one of the bare writer
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(32..=4_000))]
    bytes: u16,
    /// Send on while messages are on their way, as fast as they get through
    #[arg(long, conflicts_with = "rate")]
    pressed: bool,
    /// Messages on their way at the same time [default: 1; with --pressed: 256]
    #[arg(long)]
    window: Option<usize>,
    /// Messages a second, whatever happens to those before
    #[arg(long)]
    rate: Option<f64>,
}

impl Options {
    fn load(&self) -> Load {
        let messages = self.messages.unwrap_or(if self.pressed { 2_000 } else { 200 });
        let window = match (self.window, self.rate, self.pressed) {
            (Some(window), _, _) => window.max(1),
            (None, Some(_), _) => messages,
            (None, None, true) => PRESSED_WINDOW,
            (None, None, false) => 1,
        };
        Load { messages, window, rate: self.rate }
    }
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let (members, load) = (options.members, options.load());
    ensure!(members > 0 && load.messages > 0, "--members and --messages start at 1");
    ensure!(load.rate.is_none_or(|rate| rate > 0.0), "--rate must be above zero");
    need_files(2 * members)?;
    report.option("members", members);
    report.option("messages", load.messages);
    report.option("pairs", options.pairs);
    report.option("bytes", options.bytes);
    report.option("window", load.window);
    report.option("rate", load.rate);
    let target = stage.target(report).await?;

    let name = stage.name();
    let users = setup::register(&target.endpoint, &name, members).await?;
    let owner = setup::register(&target.endpoint, &format!("{name}-owner"), 1).await?;
    let Some(owner) = owner.first() else { return Ok(()) };
    let club = setup::make_club(&target.endpoint, owner, &name, 1).await?;
    let id = club.id.clone();
    setup::join(&target.endpoint, &users, move |_| id.clone()).await?;
    let room = club.rooms.first().map_or("", String::as_str);
    let text = usize::from(options.bytes);
    let epoch = Epoch::now();
    let (mut server, hello) = Crowd::of_server(epoch, &target.endpoint, &users, room, text).await?;
    report.server = hello;
    server.measure(target.process);

    let warm_up = Load { messages: WARM_UP.min(load.messages), window: 1, rate: None };
    server.round(warm_up).await?;
    let bytes = server.line_bytes()?;
    note(&format!("a delivery has {bytes} bytes"));
    let mut raw = Crowd::of_raw(epoch, bytes, members, stage.pins.as_ref()).await?;
    raw.round(warm_up).await?;

    let watched = [("server", server.process()), ("raw", raw.process())];
    let watched = watched.into_iter().filter_map(|(label, process)| Some((label, process?)));
    let sampler = Sampler::start(watched, SAMPLE_EVERY);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let progress = Progress::new("rounds", 2 * options.pairs);
    for _ in 0..options.pairs {
        for (crowd, outcomes) in [(&mut server, &mut ours), (&mut raw, &mut bare)] {
            outcomes.push(crowd.round(load).await?);
            progress.step(1);
        }
        if ours.last().is_some_and(|outcome| outcome.is_stalled) {
            report.note("messages stopped getting through; the run ended early");
            break;
        }
    }
    progress.done();
    pictures(report, &sampler.stop(), [("server", &ours[..]), ("raw", &bare[..])])?;
    report.figure("delivery_bytes", bytes as f64, "B", "one event on the wire, without header");
    figures(report, &ours, &bare, options)?;
    judge(report, &mut server, &mut raw);
    drop(server);
    target.finish(report).await;
    Ok(())
}

/// Latency by percentile and over time, CPU and memory over time, with the rows behind them.
fn pictures(
    report: &mut Report,
    samples: &Samples,
    sides: [(&'static str, &[Outcome]); 2],
) -> Result<()> {
    let mut all = Vec::new();
    for (label, outcomes) in sides {
        let mut rounds = outcomes.iter().map(|outcome| &outcome.noted.receipts);
        let Some(mut times) = rounds.next().cloned() else { continue };
        for round in rounds {
            times.merge(round.clone())?;
        }
        all.push((label, times));
    }
    let totals = all.iter().map(|(label, times)| ((*label).to_owned(), times.total()));
    report.chart(Chart::percentiles("latency", "Latency of each receipt", totals));
    if let Some((_, times)) = all.first() {
        report.chart(times.chart("latency_over_time", "Latency of the server over time"));
        report.series("latency_over_time", times.series());
    }
    if let Some(most) = samples.most_memory("server") {
        report.figure("rss_peak", most as f64 / f64::from(1 << 20), "MiB", "most of the server");
    }
    report.chart(samples.cpu_chart("cpu"));
    report.chart(samples.memory_chart("memory"));
    report.series("processes", samples.rows());
    Ok(())
}

fn figures(
    report: &mut Report,
    ours: &[Outcome],
    bare: &[Outcome],
    options: &Options,
) -> Result<()> {
    let pairs: Vec<Pair> = ours.iter().zip(bare).filter_map(Pair::of).collect();
    let column = |pick: fn(&Pair) -> f64| pairs.iter().map(pick).collect::<Vec<f64>>();
    let ratios = column(|pair| pair.ratio());
    if let Some(ratio) = median(&ratios) {
        let server = median(&column(|pair| pair.server)).unwrap_or(0.0);
        let raw = median(&column(|pair| pair.raw)).unwrap_or(0.0);
        report.figure("cpu_per_delivery", server, "µs", "of the server, median of the rounds");
        report.figure("cpu_per_delivery_raw", raw, "µs", "of the bare writer");
        report.figure("ratio", ratio, "×", "server by bare writer, median of the pairs");
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        report.figure("ratio_least", least, "×", "of the pairs");
        let most = ratios.iter().copied().fold(0.0, f64::max);
        report.figure("ratio_most", most, "×", "of the pairs");
        if options.pressed {
            report.goal("pressed_ratio", ratio, PRESSED_GOAL, "×");
        } else if options.rate.is_none() && options.window.is_none() {
            report.goal("ratio", ratio, RATIO_GOAL, "×");
        }
    }
    let (p99, p99_raw) = (side(report, ours, &SERVER)?, side(report, bare, &RAW)?);
    let slower = p99 as f64 / p99_raw.max(1) as f64;
    report.figure("latency_p99_ratio", slower, "×", "server by bare writer");
    let mut late = microseconds()?;
    for times in ours.iter().filter_map(|outcome| outcome.late.as_ref()) {
        late.add(times)?;
    }
    if !late.is_empty() {
        let late = late.value_at_quantile(0.99) as f64 / 1e3;
        report.figure("send_late_p99", late, "ms", "the tester's own delay, inside the latencies");
    }
    let put_off: u64 = ours.iter().map(|outcome| outcome.noted.put_off).sum();
    if put_off > 0 {
        report.note(format!(
            "the server put off {put_off} sends by its rate limit (20/s of a user): its CPU and \
             latency include that; take more members or a lower rate"
        ));
    }
    let rows = |side: &[Outcome]| side.iter().map(row).collect::<Vec<Value>>();
    report.series("rounds", json!({"server": rows(ours), "raw": rows(bare)}));
    Ok(())
}

/// CPU per delivery of a round of each, in microseconds.
struct Pair {
    server: f64,
    raw: f64,
}

impl Pair {
    fn of((ours, bare): (&Outcome, &Outcome)) -> Option<Self> {
        let pair = Self { server: ours.cpu_per_delivery()?, raw: bare.cpu_per_delivery()? };
        (pair.raw > 0.0).then_some(pair)
    }

    fn ratio(&self) -> f64 {
        self.server / self.raw
    }
}

impl Outcome {
    fn cpu_per_delivery(&self) -> Option<f64> {
        let deliveries = self.noted.deliveries;
        (deliveries > 0).then_some(self.cpu?.as_secs_f64() * 1e6 / deliveries as f64)
    }

    fn deliveries_per_second(&self) -> f64 {
        self.noted.deliveries as f64 / self.took.as_secs_f64()
    }

    fn deliveries_per_read(&self) -> f64 {
        self.noted.deliveries as f64 / self.noted.reads.max(1) as f64
    }
}

fn row(outcome: &Outcome) -> Value {
    json!({
        "cpu_per_delivery_us": outcome.cpu_per_delivery(),
        "deliveries": outcome.noted.deliveries,
        "deliveries_per_read": outcome.deliveries_per_read(),
        "took_s": outcome.took.as_secs_f64(),
        "load_tester_cpu_s": outcome.our_cpu.as_secs_f64(),
        "put_off": outcome.noted.put_off,
        "p50_us": outcome.noted.receipts.total().value_at_quantile(0.5),
        "p99_us": outcome.noted.receipts.total().value_at_quantile(0.99),
    })
}

/// The names under which one side is reported.
struct Names {
    receipts: [&'static str; 4],
    receipts_about: &'static str,
    whole: [&'static str; 4],
    per_second: &'static str,
    per_read: &'static str,
    our_cpu: &'static str,
}

const SERVER: Names = Names {
    receipts: ["latency_p50", "latency_p99", "latency_p999", "latency_max"],
    receipts_about: "server: send to each receipt",
    whole: ["whole_room_p50", "whole_room_p99", "whole_room_p999", "whole_room_max"],
    per_second: "deliveries_per_second",
    per_read: "deliveries_per_read",
    our_cpu: "load_tester_cpu",
};

const RAW: Names = Names {
    receipts: ["latency_raw_p50", "latency_raw_p99", "latency_raw_p999", "latency_raw_max"],
    receipts_about: "bare writer: trigger to each receipt",
    whole: ["whole_raw_p50", "whole_raw_p99", "whole_raw_p999", "whole_raw_max"],
    per_second: "deliveries_per_second_raw",
    per_read: "deliveries_per_read_raw",
    our_cpu: "load_tester_cpu_raw",
};

/// Returns the p99 of the receipts in microseconds.
fn side(report: &mut Report, outcomes: &[Outcome], names: &Names) -> Result<u64> {
    let (mut receipts, mut whole) = (microseconds()?, microseconds()?);
    let join = |all: &mut Histogram<u64>, part| all.add(part);
    for outcome in outcomes {
        join(&mut receipts, outcome.noted.receipts.total())?;
        join(&mut whole, &outcome.noted.whole)?;
    }
    report.latency(names.receipts, &receipts, names.receipts_about);
    report.latency(names.whole, &whole, "until the last member has it");
    let middle = |pick: fn(&Outcome) -> f64| {
        median(&outcomes.iter().map(pick).collect::<Vec<f64>>()).unwrap_or(0.0)
    };
    let per_second = middle(Outcome::deliveries_per_second);
    report.figure(names.per_second, per_second, "1/s", "by the clock, median of the rounds");
    let per_read = middle(Outcome::deliveries_per_read);
    report.figure(names.per_read, per_read, "", "seen by the readers: upper bound of one write");
    let our_cpu = middle(|outcome| {
        100.0 * outcome.our_cpu.as_secs_f64() / outcome.took.as_secs_f64().max(1e-9)
    });
    report.figure(names.our_cpu, our_cpu, "%", "of one core: near 100, the clients are the limit");
    Ok(receipts.value_at_quantile(0.99))
}

fn judge(report: &mut Report, server: &mut Crowd, raw: &mut Crowd) {
    let kinds = [("lost", Kind::Lost), ("doubled", Kind::Doubled), ("reordered", Kind::Reordered)];
    report.faults(&kinds, server.verdict());
    report.none_of("refused", server.refused());
    report.none_of("dropped", server.dropped());
    // The comparison stands only if the bare writer did its part.
    let bare = raw.verdict();
    let broken = bare.lost + bare.doubled + bare.reordered + raw.dropped().len() as u64;
    report.check("baseline", broken, bare.examples);
    if server.lagged() > 0 {
        report.note(format!("{} sessions were turned from push to pull", server.lagged()));
    }
}
