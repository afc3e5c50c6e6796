//! A room in which some never read: do the others notice, and how much memory do they hold?
//!
//! Phases alternate: in one everybody reads, in the next some do not. With `--slow` these are members
//! who read in the phases between, and catch up after each; with `--never` they come in addition,
//! by the thousand, and only while they do not read.

mod memory;

use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::chart::Chart;
use crate::client::SignIn;
use crate::http::Http;
use crate::progress::note;
use crate::report::{Report, median, microseconds};
use crate::sample::SERVER;
use crate::scenario::{Stage, need_files};
use crate::server::Target;
use crate::timeline::Timeline;
use crate::town::{Folk, Manner, Meter, Noted, Room, STRETCH, Spent, Town, over_time};

pub(crate) const GOALS: &[&str] = &["p99_ratio"];
const P99_RATIO_GOAL: f64 = 1.2;
/// The server's count of rooms of a session that turned from push to pull.
const LAGS: &str = "moim_frames_dropped_total{reason=\"Lag\"}";
/// Of one user, well below the 20 a second that the server takes.
const SENDS_A_SECOND: f64 = 15.0;

#[derive(Args)]
pub(crate) struct Options {
    /// Members of the room who have it open
    #[arg(long, default_value_t = 1_000)]
    members: usize,
    /// How many of them never read in every second phase, in percent
    #[arg(long, default_value_t = 1.0, value_name = "PERCENT", conflicts_with = "never")]
    slow: f64,
    /// So many more sessions that never read, there only in every second phase
    #[arg(long)]
    never: Option<usize>,
    /// Messages a second
    #[arg(long, default_value_t = 50.0, conflicts_with = "rate_mb")]
    rate: f64,
    /// Megabytes of text a second, instead of --rate
    #[arg(long)]
    rate_mb: Option<f64>,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u16).range(32..=11_900))]
    bytes: u16,
    /// Seconds of a phase; after 30 of silence a session is closed with 4003
    #[arg(long, default_value_t = 25.0)]
    seconds: f64,
    /// Seconds before such a phase in which their buffers fill, reported apart
    /// [default: 5 with --never, else 0]
    #[arg(long)]
    fill: Option<f64>,
    /// Pairs of phases
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// The resident memory that the server must not pass, in MiB [default: 512 with --never]
    #[arg(long)]
    memory_limit: Option<u64>,
}

/// Who is who among the sessions.
struct Cast {
    /// They read, always.
    quick: Range<usize>,
    /// They do not read in every second phase.
    lazy: Range<usize>,
    /// They send, and have nothing open.
    senders: Range<usize>,
    /// Whether the lazy are there only while they do not read.
    are_guests: bool,
    room: Rc<Room>,
}

struct Phase {
    noted: Noted,
    /// While those who did not read became level again.
    caught_up: Noted,
    spent: Spent,
    late: Histogram<u64>,
    memory: Option<(u64, u64)>,
}

/// What was played, pair by pair.
#[derive(Default)]
struct Played {
    /// All read.
    alone: Vec<Phase>,
    /// Some have stopped to read, and what the kernel holds for them is being filled.
    filling: Vec<Phase>,
    /// The same some do not read, and nothing more goes into their buffers.
    beside: Vec<Phase>,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let Options { members, slow, never, seconds, pairs, .. } = *options;
    let bytes = usize::from(options.bytes);
    let rate = options.rate_mb.map_or(options.rate, |mb| mb * 1e6 / bytes as f64);
    ensure!(
        rate > 0.0 && seconds > 0.0 && pairs > 0,
        "--rate, --seconds and --pairs start above 0"
    );
    let lazy = never.unwrap_or((members as f64 * slow / 100.0).ceil() as usize);
    let quick = if never.is_some() { members } else { members.saturating_sub(lazy) };
    ensure!(quick > 0 && lazy > 0, "there must be some who read and some who do not");
    let senders = ((rate / SENDS_A_SECOND).ceil() as usize).max(1);
    let people = quick + lazy + senders;
    need_files(people)?;
    let limit = options.memory_limit.or(never.map(|_| 512));
    for (name, value) in [("quick", quick), ("lazy", lazy), ("senders", senders), ("pairs", pairs)]
    {
        report.option(name, value);
    }
    report.option("rate", rate);
    report.option("bytes", bytes);
    report.option("seconds", seconds);
    let fill = options.fill.unwrap_or(if never.is_some() { 5.0 } else { 0.0 }).max(0.0);
    report.option("fill", fill);
    report.option("memory_limit_mib", limit);
    let target = stage.target(report).await?;
    let outboxes = memory::outboxes(&target, lazy);
    let town = Town::build(&target.endpoint, &stage.name(), people, &[people]).await?;
    let manner = Manner { sign_in: SignIn::FirstFrame, bytes, at_once: 64 };
    let tokens = town.users.iter().map(|user| user.token.clone());
    let folk = Folk::new(&target.endpoint, tokens, &manner)?;
    let cast = Cast {
        quick: 0..quick,
        lazy: quick..quick + lazy,
        senders: quick + lazy..people,
        are_guests: never.is_some(),
        room: town.rooms.first().context("no room")?.clone(),
    };
    cast.arrive(&folk).await?;

    let mut http = Http::new(target.endpoint.clone());
    // A reason that never occurred has no line.
    let lags = http.metric(LAGS).await?.unwrap_or(0.0);
    let (time, fill) = (Duration::from_secs_f64(seconds), Duration::from_secs_f64(fill));
    let begin = stage.sampler.begin();
    let played = cast.play(&folk, &target, [time, fill], rate, pairs).await?;
    figures(report, &played, outboxes, limit)?;
    let receipts = receipts(&played, begin)?;
    over_time(report, &stage.sampler, &receipts);
    let turned = http.metric(LAGS).await?.unwrap_or(0.0) - lags;
    report.figure("lags", turned, "", "sessions that the server turned from push to pull");
    if turned == 0.0 {
        report.note("nobody was slow: the kernel held all that was sent; take more or longer");
    }
    folk.judge(report);
    drop(folk);
    target.finish(report).await;
    Ok(())
}

/// What those who read were told, in all phases.
fn receipts(played: &Played, begin: Instant) -> Result<Timeline> {
    let mut receipts = Timeline::new(begin, STRETCH)?;
    for phase in played.alone.iter().chain(&played.filling).chain(&played.beside) {
        receipts.merge(phase.noted.receipts.clone())?;
    }
    Ok(receipts)
}

impl Cast {
    /// All but guests connect and open the room.
    async fn arrive(&self, folk: &Folk) -> Result<()> {
        for index in self.quick.clone().chain(self.lazy.clone()) {
            let session = folk.session(index).context("no session")?;
            session.is_timed.set(self.quick.contains(&index));
            if !(self.are_guests && self.lazy.contains(&index)) {
                session.wish(&self.room);
            }
        }
        folk.gather().await?;
        if self.are_guests {
            self.lazy.clone().for_each(|index| folk.leave(index));
        }
        Ok(())
    }

    /// The phases in which all read, and those in which some do not.
    async fn play(
        &self,
        folk: &Folk,
        target: &Target,
        [time, fill]: [Duration; 2],
        rate: f64,
        pairs: usize,
    ) -> Result<Played> {
        self.drive(folk, rate, time.mul_f64(0.1), target).await?;
        let mut played = Played::default();
        for pair in 1..=pairs {
            note(&format!("phase {pair} of {pairs}: all read"));
            played.alone.push(self.drive(folk, rate, time, target).await?);
            note(&format!("phase {pair} of {pairs}: {} never read", self.lazy.len()));
            self.stop_reading(folk).await?;
            let filling = self.drive(folk, rate, fill, target).await?;
            let mut phase = self.drive(folk, rate, time, target).await?;
            phase.follows(&filling);
            if !fill.is_zero() {
                played.filling.push(filling);
            }
            self.read_again(folk).await?;
            phase.caught_up = folk.tally().take()?;
            played.beside.push(phase);
        }
        Ok(played)
    }

    async fn drive(
        &self,
        folk: &Folk,
        rate: f64,
        time: Duration,
        target: &Target,
    ) -> Result<Phase> {
        folk.tally().take()?;
        let before = target.process.map(|process| process.resident()).transpose()?;
        let begin = Instant::now();
        let meter = Meter::start(target.process)?;
        let mut turns = self.senders.clone().cycle();
        let pick = || Some((turns.next()?, self.room.clone()));
        let late = folk.drive(rate, time, pick).await?;
        ensure!(folk.settle().await, "who reads did not get everything: {}", folk.missing());
        let spent = meter.stop()?;
        let most = target.sampler.most_memory(SERVER, begin);
        let noted = folk.tally().take()?;
        // A phase may be too short to be sampled.
        let memory = before.map(|before| (before, most.unwrap_or(before).max(before)));
        Ok(Phase { noted, caught_up: folk.tally().take()?, spent, late, memory })
    }

    /// The lazy connect anew, open the room, and read nothing from then on. A fresh socket has a small
    /// window, which grows with what is read.
    async fn stop_reading(&self, folk: &Folk) -> Result<()> {
        for index in self.lazy.clone() {
            folk.leave(index);
            if self.are_guests {
                let session = folk.session(index).context("no session")?;
                session.wish(&self.room);
            }
        }
        folk.gather().await?;
        self.lazy.clone().for_each(|index| folk.set_reading(index, false));
        Ok(())
    }

    /// Guests leave. Members read on; those who were closed meanwhile come back and resume.
    async fn read_again(&self, folk: &Folk) -> Result<()> {
        for index in self.lazy.clone() {
            if self.are_guests {
                folk.leave(index);
                folk.session(index).context("no session")?.forget_all();
            }
            folk.set_reading(index, true);
        }
        if self.are_guests {
            return Ok(());
        }
        ensure!(folk.settle().await, "who was slow did not become level: {}", folk.missing());
        Ok(())
    }
}

impl Phase {
    fn p99_ms(&self) -> f64 {
        self.noted.receipts.total().value_at_quantile(0.99) as f64 / 1e3
    }

    /// Memory counts from before the buffers filled.
    fn follows(&mut self, filling: &Self) {
        let joined = |(before, most): (u64, u64), (_, later): (u64, u64)| (before, most.max(later));
        self.memory = filling.memory.zip(self.memory).map(|(first, then)| joined(first, then));
    }
}

fn figures(report: &mut Report, played: &Played, outboxes: u64, limit: Option<u64>) -> Result<()> {
    let Played { alone, filling, beside } = played;
    let ratios: Vec<f64> = alone
        .iter()
        .zip(beside)
        .map(|(alone, beside)| beside.p99_ms() / alone.p99_ms().max(1e-3))
        .collect();
    let ratio = median(&ratios).context("no pairs")?;
    report.figure("p99_ratio", ratio, "×", "of who reads: with slow ones by without, median");
    let (least, most) = ratios.iter().fold((f64::MAX, 0.0_f64), |(l, m), r| (l.min(*r), m.max(*r)));
    report.figure("p99_ratio_least", least, "×", "of the pairs");
    report.figure("p99_ratio_most", most, "×", "of the pairs");
    report.goal("p99_ratio", ratio, P99_RATIO_GOAL, "×");
    while_filling(report, played);
    let mut all = Vec::new();
    for (phases, names, label) in [
        (alone, ["latency_p50", "latency_p99", "latency_p999", "latency_max"], "all read"),
        (beside, ["beside_p50", "beside_p99", "beside_p999", "beside_max"], "beside slow ones"),
    ] {
        let mut times = microseconds()?;
        for phase in phases {
            times.add(phase.noted.receipts.total())?;
        }
        report.latency(names, &times, "of who reads: from when it was due to each receipt");
        all.push((label.to_owned(), times));
    }
    let lines = all.iter().map(|(label, times)| (label.clone(), times));
    report.chart(Chart::percentiles("latency", "Latency of those who read", lines));
    let closed: u64 = beside.iter().map(|phase| phase.noted.too_slow).sum();
    report.figure("closed_too_slow", closed as f64, "", "slow ones that were closed with 4003");
    let lags: u64 = beside.iter().map(|phase| phase.caught_up.lags).sum();
    report.figure("lags_read", lags as f64, "", "slow ones that found a lag, and pulled");
    memory::report(report, alone, beside, outboxes, limit);
    let share = |pick: fn(&Phase) -> Option<f64>| {
        alone.iter().chain(beside).filter_map(pick).fold(0.0, f64::max)
    };
    let cpu = share(|phase| phase.spent.server_share());
    report.figure("server_cpu", cpu, "%", "of one core, the busiest phase");
    let about = "of one core, the busiest phase: near 100, the clients are the limit";
    report.figure("load_tester_cpu", share(|phase| Some(phase.spent.our_share())), "%", about);
    let late = share(|phase| Some(phase.late.value_at_quantile(0.99) as f64 / 1e3));
    report.figure("send_late_p99", late, "ms", "our own delay, the worst phase");
    let phases = json!({"alone": rows(alone), "filling": rows(filling), "beside": rows(beside)});
    report.series("phases", phases);
    Ok(())
}

/// How those who read fare until the buffers of the others are full. It has no goal, and is told
/// beside the one of the time afterwards.
fn while_filling(report: &mut Report, Played { alone, filling, beside }: &Played) {
    let p99 = |phases: &[Phase]| phases.iter().map(Phase::p99_ms).collect::<Vec<f64>>();
    let (steady, p99) = (median(&p99(beside)).unwrap_or(0.0), p99(filling));
    report.figure("steady_p99", steady, "ms", "of who reads, when the buffers are full");
    let Some(middle) = median(&p99) else { return };
    let most = |of: fn(&Phase) -> f64| filling.iter().map(of).fold(0.0, f64::max);
    let usual = alone.iter().map(Phase::p99_ms).fold(f64::MAX, f64::min);
    report.figure("filling_p99", middle, "ms", "of who reads, while the buffers fill");
    report.figure("filling_p99_most", p99.iter().copied().fold(0.0, f64::max), "ms", "the worst");
    let ratio = middle / usual.max(1e-3);
    report.figure("filling_p99_ratio", ratio, "×", "by the least when all read; no goal");
    let text =
        format!("of the steady time alone: {steady:.1} ms; filling: {middle:.1} ms, {ratio:.1} ×");
    report.beside_goal("p99_ratio", text);
    let took = most(|phase| phase.spent.took.as_secs_f64());
    report.figure("filling_took", took, "s", "until all was received that was sent in --fill");
    let cpu = most(|phase| phase.spent.server.map_or(0.0, |cpu| cpu.as_secs_f64()));
    report.figure("filling_server_cpu", cpu, "s", "of the server, for one filling at most");
}

fn rows(phases: &[Phase]) -> Vec<Value> {
    let row = |phase: &Phase| {
        let times = phase.noted.receipts.total();
        json!({
            "p50_us": times.value_at_quantile(0.5),
            "p99_us": times.value_at_quantile(0.99),
            "max_us": times.max(),
            "deliveries": phase.noted.deliveries,
            "took_s": phase.spent.took.as_secs_f64(),
            "server_cpu_s": phase.spent.server.map(|cpu| cpu.as_secs_f64()),
            "load_tester_cpu_s": phase.spent.ours.as_secs_f64(),
            "too_slow": phase.noted.too_slow,
            "rss_before": phase.memory.map(|(before, _)| before),
            "rss_most": phase.memory.map(|(_, most)| most),
            "latency": phase.noted.receipts.series(),
        })
    };
    phases.iter().map(row).collect()
}
