//! The actors without sockets and without a database, inside this process: what they cost by
//! themselves, and where the time of a message goes.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use moim::actors::bench::{
    ACTOR_THREADS, Bench, HOPS, Heard, Load, Pressed, Shape, Trip, WORKER_THREADS,
};
use serde_json::{Value, json};

use crate::chart::{Axis, Chart, Line};
use crate::check::{Faults, Kind};
use crate::proc::Process;
use crate::progress::Progress;
use crate::report::Report;
use crate::table::Table;

/// There is nothing to compare with: what it costs is the answer.
pub(crate) const GOALS: &[&str] = &[];

#[derive(Args)]
pub(crate) struct Options {
    /// Shapes to drive, one after the other: rooms, and members of each
    #[arg(long, value_delimiter = ',', default_value = "1x1000,100x10")]
    shapes: Vec<Size>,
    /// Messages one after the other, of which each hop is timed
    #[arg(long, default_value_t = 2_000)]
    alone: usize,
    /// Messages on their way at any moment, under pressure
    #[arg(long, default_value_t = 256)]
    window: usize,
    /// Seconds of pressure
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=4_000))]
    bytes: u16,
    /// Threads of rooms and journal [default: as many as CPUs]
    #[arg(long)]
    threads: Option<usize>,
    /// Threads of relays [default: as many as CPUs]
    #[arg(long)]
    workers: Option<usize>,
}

/// So many rooms of so many members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    rooms: usize,
    members: usize,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('x').map(|(rooms, members)| (rooms.parse(), members.parse()));
        match parts {
            Some((Ok(rooms), Ok(members))) if rooms > 0 && members > 0 => {
                Ok(Self { rooms, members })
            }
            _odd => Err(format!("{text:?} is not ROOMSxMEMBERS, both above zero")),
        }
    }
}

/// What came of one shape.
struct Row {
    size: Size,
    trips: Vec<Trip>,
    pressed: Pressed,
    heard: Heard,
    /// Messages that were sent one after the other.
    alone: usize,
    /// Of all threads, of those with rooms and journal, of those with relays and drivers.
    cpu: [Duration; 3],
}

pub(crate) async fn run(options: &Options, report: &mut Report) -> Result<()> {
    ensure!(options.alone > 0 && options.window > 0, "--alone and --window start at 1");
    ensure!(options.seconds > 0.0, "--seconds must be above zero");
    let cpus = std::thread::available_parallelism()?.get();
    let (threads, workers) = (options.threads.unwrap_or(cpus), options.workers.unwrap_or(cpus));
    report.server = format!("moim {} in this process", env!("CARGO_PKG_VERSION"));
    let sizes = options.shapes.iter().map(|size| format!("{}x{}", size.rooms, size.members));
    report.option("shapes", sizes.collect::<Vec<_>>());
    report.option("alone", options.alone);
    report.option("window", options.window);
    report.option("seconds", options.seconds);
    report.option("bytes", options.bytes);
    report.option("threads", threads);
    report.option("workers", workers);

    let progress = Progress::new("shapes", options.shapes.len());
    let mut rows = Vec::with_capacity(options.shapes.len());
    for size in options.shapes.iter().copied() {
        let work = Work {
            shape: Shape { rooms: size.rooms, members: size.members, threads, workers },
            alone: options.alone,
            window: options.window,
            span: Duration::from_secs_f64(options.seconds),
            text: "x".repeat(usize::from(options.bytes)),
        };
        // It has runtimes of its own.
        rows.push(tokio::task::spawn_blocking(move || work.done(size)).await??);
        progress.step(1);
    }
    progress.done();
    costs(report, &rows);
    hops(report, &rows)?;
    depths(report, &rows);
    judge(report, &rows);
    report.note("without sockets, parsing of lines, syncs and SQL; with the drivers' own cost");
    Ok(())
}

struct Work {
    shape: Shape,
    alone: usize,
    window: usize,
    span: Duration,
    text: String,
}

impl Work {
    fn done(&self, size: Size) -> Result<Row> {
        let folder = tempfile::tempdir()?;
        let bench = Bench::start(folder.path(), &self.shape).context("the actors did not start")?;
        let measured = self.measure(&bench, size);
        bench.stop();
        measured
    }

    fn measure(&self, bench: &Bench, size: Size) -> Result<Row> {
        let trips = bench.alone(self.alone, &self.text)?;
        let process = Process::ours();
        let (whole, threads) = (process.cpu()?, thread_times());
        let load = Load { window: self.window, span: self.span, text: &self.text };
        let pressed = bench.pressed(&load)?;
        let whole = process.cpu()?.since(&whole);
        let after = thread_times();
        let of = |name| of_threads(&after, name).saturating_sub(of_threads(&threads, name));
        let cpu = [whole, of(ACTOR_THREADS), of(WORKER_THREADS)];
        Ok(Row { size, trips, pressed, heard: bench.heard()?, alone: self.alone, cpu })
    }
}

/// The threads of this process: their names, and their time on a CPU.
fn thread_times() -> Vec<(String, Duration)> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let time = |path: &Path| {
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let line = std::fs::read_to_string(path.join("schedstat")).ok()?;
        let nanos = line.split_whitespace().next()?.parse().ok()?;
        Some((name.trim().to_owned(), Duration::from_nanos(nanos)))
    };
    threads.flatten().filter_map(|entry| time(&entry.path())).collect()
}

fn of_threads(all: &[(String, Duration)], name: &str) -> Duration {
    all.iter().filter(|(known, _)| known.starts_with(name)).map(|(_, time)| *time).sum()
}

fn costs(report: &mut Report, rows: &[Row]) {
    let columns = [
        "rooms x members",
        "messages/s",
        "deliveries/s",
        "messages/CPU-s",
        "deliveries/CPU-s",
        "CPU µs per message",
        "of rooms and journal",
        "of relays and drivers",
    ];
    let mut table = Table::new("costs", "Under pressure", &columns);
    for Row { size, pressed, cpu, .. } in rows {
        let (messages, deliveries) = (pressed.messages as f64, pressed.deliveries as f64);
        let took = pressed.took.as_secs_f64();
        let [whole, actors, workers] = cpu.map(|time| time.as_secs_f64());
        let by = |count: f64, time: f64| (time > 0.0).then(|| count / time);
        let each = |time: f64| (messages > 0.0 && time > 0.0).then(|| time * 1e6 / messages);
        table.row(
            format!("{} x {}", size.rooms, size.members),
            [
                by(messages, took),
                by(deliveries, took),
                by(messages, whole),
                by(deliveries, whole),
                each(whole),
                each(actors),
                each(workers),
            ],
        );
        let name = |what: &str| format!("{what}_{}x{}", size.rooms, size.members);
        let per_core = by(messages, whole).unwrap_or(0.0);
        report.figure(
            name("messages_per_core"),
            per_core,
            "/s",
            "messages by CPU-second, all threads",
        );
        let per_core = by(deliveries, whole).unwrap_or(0.0);
        report.figure(name("deliveries_per_core"), per_core, "/s", "deliveries by CPU-second");
    }
    report.table(table);
}

/// A histogram of nanoseconds up to a minute.
fn nanoseconds() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000_000, 3)?)
}

fn hops(report: &mut Report, rows: &[Row]) -> Result<()> {
    let columns = ["rooms x members", "hop", "p50 µs", "p90 µs", "p99 µs", "max µs"];
    let mut table = Table::new("hops", "One message at a time, hop by hop", &columns);
    let mut series = Vec::new();
    for Row { size, trips, .. } in rows {
        let shape = format!("{} x {}", size.rooms, size.members);
        let legs = HOPS.iter().enumerate().map(|(at, name)| (*name, Some(at)));
        let sums =
            [("whole, to the last listener", None), ("reply to the sender", Some(usize::MAX))];
        for (name, at) in legs.chain(sums) {
            let mut times = nanoseconds()?;
            for trip in trips {
                let time = match at {
                    None => trip.whole,
                    Some(at) => trip.hops.get(at).copied().unwrap_or(trip.reply),
                };
                times.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1));
            }
            let at = |quantile: f64| times.value_at_quantile(quantile) as f64 / 1e3;
            let numbers = [at(0.5), at(0.9), at(0.99), times.max() as f64 / 1e3];
            let mut cells = vec![Value::from(shape.clone()), Value::from(name)];
            cells.extend(numbers.map(|number| Value::from(crate::report::rounded(number))));
            table.rows.push(cells);
            series.push(json!({"shape": shape, "hop": name, "us": numbers, "count": times.len()}));
        }
        let name = |what: &str| format!("{what}_{}x{}", size.rooms, size.members);
        report.figure(name("trips"), trips.len() as f64, "", "messages whose every hop was seen");
    }
    report.table(table);
    report.series("hops", series);
    Ok(())
}

fn depths(report: &mut Report, rows: &[Row]) {
    let columns = ["rooms x members", "mailbox", "mean", "most"];
    let mut table = Table::new("depths", "What waited under pressure", &columns);
    let mut all = Vec::new();
    for Row { size, pressed, .. } in rows {
        let shape = format!("{} x {}", size.rooms, size.members);
        let of = |pick: fn(&moim::actors::bench::Depths) -> usize| -> Vec<(f64, f64)> {
            let point = |depths| (at(depths), pick(depths) as f64);
            pressed.depths.iter().map(point).collect()
        };
        let lines = [
            ("rooms", of(|depths| depths.rooms)),
            ("journal", of(|depths| depths.journal)),
            ("relays", of(|depths| depths.relays)),
        ];
        for (name, points) in lines {
            let sum: f64 = points.iter().map(|(_, depth)| depth).sum();
            let most = points.iter().map(|(_, depth)| *depth).fold(0.0, f64::max);
            let mean = sum / points.len().max(1) as f64;
            let numbers = [mean, most].map(|number| Value::from(crate::report::rounded(number)));
            let [mean, most] = numbers;
            table.rows.push(vec![shape.clone().into(), name.into(), mean, most]);
            all.push(Line::new(format!("{name}, {shape}"), points));
        }
    }
    report.chart(Chart {
        name: "depths",
        title: "What waited under pressure".to_owned(),
        x: Axis::linear("time", "s"),
        y: Axis::linear("messages that wait", ""),
        lines: all,
    });
    report.table(table);
}

fn at(depths: &moim::actors::bench::Depths) -> f64 {
    depths.at.as_secs_f64()
}

fn judge(report: &mut Report, rows: &[Row]) {
    let (mut faults, mut refused, mut unseen, mut odd) = (Faults::default(), 0, 0, Vec::new());
    for Row { size, trips, pressed, heard, alone, .. } in rows {
        // What nobody heard of at all shows in none of the seqs.
        let stored = *alone as u64 + pressed.messages;
        faults.lost += heard.lost + stored.saturating_sub(heard.messages) * size.members as u64;
        faults.doubled += heard.doubled;
        faults.reordered += heard.reordered;
        refused += pressed.refused;
        unseen += u64::from(trips.is_empty());
        let wanted = pressed.messages * size.members as u64;
        let differs = pressed.deliveries != wanted;
        let text = format!("{} deliveries under pressure, not {wanted}", pressed.deliveries);
        odd.extend(differs.then_some(text));
    }
    let kinds = [("lost", Kind::Lost), ("doubled", Kind::Doubled), ("reordered", Kind::Reordered)];
    report.faults(&kinds, faults);
    report.none_of("deliveries_differ", odd);
    report.check("refused", refused, Vec::new());
    report.check("without_trips", unseen, Vec::new());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_rooms_by_members() {
        assert_eq!("3x20".parse(), Ok(Size { rooms: 3, members: 20 }));
        for odd in ["3", "x", "0x1", "1x0", "ax2", "2x-1"] {
            assert!(odd.parse::<Size>().is_err(), "{odd}");
        }
    }
}
