//! Half of a load, for half an hour, while sessions come and go: does memory grow, do descriptors,
//! does latency creep up?

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::task::spawn_local;

use crate::chart::{Axis, Chart, Line};
use crate::client::SignIn;
use crate::endpoint::Endpoint;
use crate::pace::Pace;
use crate::proc::Process;
use crate::progress::Progress;
use crate::report::Report;
use crate::scenario::{Stage, need_files};
use crate::server::Target;
use crate::setup;
use crate::timeline::Timeline;
use crate::town::{Folk, Manner, Meter, Noted, Rest, STRETCH, Spent, Town, pictures, sizes, slope};

pub(crate) const GOALS: &[&str] = &["memory_slope", "descriptor_slope", "p99_drift"];
const MEMORY_SLOPE_GOAL_KIB: f64 = 256.0;
const DESCRIPTOR_SLOPE_GOAL: f64 = 0.5;
const P99_DRIFT_GOAL: f64 = 1.2;
/// The share of the time after which the fits begin: caches and buffers are full by then.
const WARM_UP: f64 = 0.2;
/// An access token holds for 30 minutes.
const REFRESH_WITHIN: Duration = Duration::from_secs(15 * 60);

#[derive(Args)]
pub(crate) struct Options {
    /// Minutes of the whole run
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// The full load in messages a second; half of it is sent
    #[arg(long, default_value_t = 1_000.0)]
    rate: f64,
    /// Users, each with one session
    #[arg(long, default_value_t = 500)]
    users: usize,
    /// Rooms, each of a club of its own
    #[arg(long, default_value_t = 200)]
    rooms: usize,
    /// Members of a room
    #[arg(long, default_value_t = 15)]
    members: usize,
    /// Departures, closings and pages of history a second, all together
    #[arg(long, default_value_t = 20.0)]
    churn: f64,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(32..=4_000))]
    bytes: u16,
}

/// What the time brought.
struct Run {
    begin: Instant,
    readings: Vec<Reading>,
    /// Of the time after the warm-up.
    thirds: [Noted; 3],
    /// In the last third.
    spent: Spent,
    late: Histogram<u64>,
}

/// One reading of the server's process.
#[derive(Clone, Copy)]
struct Reading {
    minute: f64,
    rss_kib: f64,
    descriptors: f64,
}

struct Soak {
    folk: Rc<Folk>,
    town: Town,
    rest: Rc<Rest>,
    endpoint: Endpoint,
    random: RefCell<SmallRng>,
    members: Vec<Vec<usize>>,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let Options { minutes, rate, users, rooms, members, churn, .. } = *options;
    ensure!(minutes > 0.0 && rate > 0.0 && churn > 0.0, "--minutes, --rate, --churn start above 0");
    ensure!(users > 1 && rooms > 0 && (2..=users).contains(&members), "too few users or rooms");
    need_files(users + 100)?;
    for (name, value) in [("users", users), ("rooms", rooms), ("members", members)] {
        report.option(name, value);
    }
    for (name, value) in [("minutes", minutes), ("rate", rate), ("churn", churn)] {
        report.option(name, value);
    }
    let target = stage.target(report).await?;
    let sizes = sizes(rooms, members, None, users);
    let town = Town::build(&target.endpoint, &stage.name(), users, &sizes).await?;
    let manner = Manner { sign_in: SignIn::Header, bytes: options.bytes.into(), at_once: 64 };
    let folk = Rc::new(Folk::of_town(&target.endpoint, &town, &manner)?);
    folk.gather().await?;
    let soak = Soak {
        members: town.members(),
        rest: Rest::new(&target.endpoint),
        endpoint: target.endpoint.clone(),
        random: RefCell::new(SmallRng::seed_from_u64(stage.seed)),
        folk: folk.clone(),
        town,
    };
    let whole = Duration::from_secs_f64(minutes * 60.0);
    let run = soak.last(whole, rate / 2.0, churn, &target).await?;
    // Those who are away come back, and everything that was sent must be there.
    folk.gather().await?;
    let is_level = folk.settle().await;
    if !is_level {
        report.note(folk.missing());
    }
    figures(report, &run.readings, &run.thirds);
    let [.., last] = &run.thirds;
    last.report(report, &run.spent, &run.late);
    let mut receipts = Timeline::new(run.begin, STRETCH)?;
    run.thirds.iter().try_for_each(|third| receipts.merge(third.receipts.clone()))?;
    pictures(report, &stage.sampler, &receipts);
    report.note("figures that are no slope and no drift are of the last third");
    folk.judge(report);
    drop(soak);
    drop(folk);
    target.finish(report).await;
    Ok(())
}

impl Soak {
    /// Sends and churns until the end.
    async fn last(&self, whole: Duration, rate: f64, churn: f64, target: &Target) -> Result<Run> {
        let (begin, process) = (target.sampler.begin(), target.process);
        let read_every = (whole / 120).clamp(Duration::from_millis(100), Duration::from_secs(5));
        let refreshes = self.folk.len() as f64 / REFRESH_WITHIN.as_secs_f64();
        let (mut sends, mut churns) = (Pace::per_second(rate)?, Pace::per_second(churn)?);
        let mut reads = Pace::per_second(1.0 / read_every.as_secs_f64())?;
        let mut tokens = Pace::per_second(refreshes)?;
        let third = whole.mul_f64((1.0 - WARM_UP) / 3.0);
        let mut next_third = begin + whole.mul_f64(WARM_UP);
        let (mut readings, mut thirds, mut refreshed) = (Vec::new(), Vec::new(), 0);
        let mut meter = Meter::start(process)?;
        let mut spent = meter.stop()?;
        let progress = Progress::new("seconds", usize::try_from(whole.as_secs())?);
        while thirds.len() < 4 {
            tokio::select! {
                due = sends.due() => self.send(due).await,
                due = churns.due() => self.churn(due).await,
                due = tokens.due() => {
                    self.refresh(refreshed % self.folk.len().max(1), due);
                    refreshed += 1;
                }
                _ = reads.due() => {
                    let minute = begin.elapsed().as_secs_f64() / 60.0;
                    readings.extend(process.and_then(|process| Reading::of(process, minute)));
                    progress.say(format!("{} deliveries", self.folk.tally().look(|n| n.deliveries)));
                }
            }
            if Instant::now() >= next_third {
                // The first of the four is the warm-up.
                thirds.push(self.folk.tally().take()?);
                spent = meter.stop()?;
                meter = Meter::start(process)?;
                next_third += third;
            }
        }
        progress.done();
        thirds.remove(0);
        let thirds = thirds.try_into().ok().context("a run has three thirds")?;
        Ok(Run { begin, readings, thirds, spent, late: sends.late().clone() })
    }

    fn any(&self, count: usize) -> usize {
        self.random.borrow_mut().random_range(0..count.max(1))
    }

    async fn send(&self, due: Instant) {
        let room = self.any(self.town.rooms.len());
        let members = self.members.get(room).map_or(&[][..], Vec::as_slice);
        let first = self.any(members.len());
        // What somebody says who is away would wait for their return, and only that.
        let mut turn = members.iter().cycle().skip(first).take(members.len());
        let user = turn.find(|user| self.folk.is_here(**user)).copied();
        if let (Some(user), Some(room)) = (user, self.town.rooms.get(room)) {
            self.folk.send(user, room, due).await;
        }
    }

    /// One session leaves and comes back, closes a room and opens it again, or reads a page.
    async fn churn(&self, due: Instant) {
        let index = self.any(self.folk.len());
        let rooms = self.town.rooms_of(index);
        let Some(room) = rooms.get(self.any(rooms.len())) else { return };
        let away = Duration::from_millis(self.any(2_000) as u64);
        match self.any(4) {
            0 => self.rest.history(&self.folk, index, room, due),
            1 => self.folk.reopen(index, room, away, due).await,
            _ => self.folk.go_away(index, away),
        }
    }

    /// A session that lasts longer than its token shows a fresh one.
    fn refresh(&self, index: usize, due: Instant) {
        let Some(user) = self.town.users.get(index) else { return };
        let (folk, endpoint) = (self.folk.clone(), self.endpoint.clone());
        let name = user.username.clone();
        spawn_local(async move {
            match setup::login(&endpoint, &name).await {
                Ok(user) => folk.refresh(index, user.token, due).await,
                Err(error) => folk.tally().refuse(|| format!("{error:#}")),
            }
        });
    }
}

impl Reading {
    fn of(process: Process, minute: f64) -> Option<Self> {
        let rss_kib = process.resident().ok()? as f64 / 1024.0;
        Some(Self { minute, rss_kib, descriptors: process.descriptors() as f64 })
    }
}

fn figures(report: &mut Report, readings: &[Reading], thirds: &[Noted; 3]) {
    let end = readings.last().map_or(0.0, |reading| reading.minute);
    let warm: Vec<Reading> =
        readings.iter().filter(|reading| reading.minute >= end * WARM_UP).copied().collect();
    let points = |of: &[Reading], value: fn(&Reading) -> f64| {
        of.iter().map(|reading| (reading.minute, value(reading))).collect::<Vec<_>>()
    };
    if let Some(growth) = slope(&points(&warm, |reading| reading.rss_kib)) {
        report.figure("memory_slope", growth, "KiB/min", "of a line through the resident memory");
        report.goal("memory_slope", growth, MEMORY_SLOPE_GOAL_KIB, "KiB/min");
    }
    if let Some(growth) = slope(&points(&warm, |reading| reading.descriptors)) {
        report.figure("descriptor_slope", growth, "1/min", "of a line through the open files");
        report.goal("descriptor_slope", growth, DESCRIPTOR_SLOPE_GOAL, "1/min");
    }
    if let (Some(first), Some(last)) = (warm.first(), warm.last()) {
        report.figure("rss_warm", first.rss_kib / 1024.0, "MiB", "after the warm-up");
        report.figure("rss_end", last.rss_kib / 1024.0, "MiB", "at the end");
    }
    let p99 = |noted: &Noted| noted.receipts.total().value_at_quantile(0.99) as f64 / 1e3;
    let [first, _, last] = thirds;
    report.figure("p99_first_third", p99(first), "ms", "after the warm-up");
    report.figure("p99_last_third", p99(last), "ms", "at the end");
    report.goal("p99_drift", p99(last) / p99(first).max(1e-3), P99_DRIFT_GOAL, "×");
    let open = readings.iter().map(|reading| (reading.minute * 60.0, reading.descriptors));
    report.chart(Chart {
        name: "descriptors",
        title: "Open files over time".to_owned(),
        x: Axis::linear("time", "s"),
        y: Axis::linear("open files", ""),
        lines: vec![Line::new("server", open.collect())],
    });
    let row = |reading: &Reading| {
        json!({
            "minute": reading.minute,
            "rss_kib": reading.rss_kib,
            "descriptors": reading.descriptors,
        })
    };
    report.series("process", readings.iter().map(row).collect::<Vec<_>>());
    let thirds: Vec<_> = thirds.iter().map(|noted| noted.receipts.series()).collect();
    report.series("thirds", thirds);
}
