//! A day of a club in short: people write, read, type, react, put right what they said, open and
//! close rooms, look back, search, bring files and open those of others, lose their connection. How
//! many of them does a core carry? Whatever anybody is shown is held against what was said (`town`).

mod audit;
mod day;

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::{Value, json};

use self::day::{DAY, Day, picker};
use crate::chart::{Axis, Chart, Line};
use crate::client::SignIn;
use crate::pace::Pace;
use crate::proc::Process;
use crate::progress::{Progress, note};
use crate::report::{Report, microseconds};
use crate::scenario::{Stage, need_files};
use crate::setup;
use crate::timeline::Timeline;
use crate::town::{
    Contents, Folk, Manner, Meter, Noted, Rest, Room, STRETCH, Spent, Town, picture, pictures,
    sizes,
};

pub(crate) const GOALS: &[&str] = &["p99"];
const P99_GOAL_MS: f64 = 200.0;
/// From one step of the search to the next.
const STEP: f64 = 1.5;
/// A room holds so many on the average.
const MEMBERS: usize = 50;
/// People who are in no room and try to get at what is said there. Each is held to the limits of one.
const OUTSIDERS: usize = 8;
/// Few people do all that thousands do in a day: an hour has more than twenty files of one.
const SETTINGS: [(&str, &str); 1] = [("MOIM_UPLOADS_PER_HOUR", "0")];

#[derive(Args)]
pub(crate) struct Options {
    /// Users, each with one session; with --find those of the first step
    #[arg(long, default_value_t = 1_000)]
    users: usize,
    /// Take half as many more again and again, until the 99th percentile passes 200 ms
    #[arg(long)]
    find: bool,
    /// With --find: never more than these
    #[arg(long, default_value_t = 10_000)]
    most: usize,
    /// Rooms that each user is in
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=10))]
    rooms: u8,
    /// Seconds between two actions of a user, on the average
    #[arg(long, default_value_t = 10.0)]
    every: f64,
    /// Seconds of a step
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    /// How many also follow a room by server-sent events, in percent
    #[arg(long, default_value_t = 5.0)]
    streams: f64,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u16).range(32..=4_000))]
    bytes: u16,
}

/// So many users for a while.
struct Step {
    users: usize,
    noted: Noted,
    by_stream: Histogram<u64>,
    spent: Spent,
    late: Histogram<u64>,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let Options { users, find, every, seconds, streams, .. } = *options;
    let most = if find { options.most.max(users) } else { users };
    ensure!(users > 1 && every > 0.0 && seconds > 0.0, "--users, --every, --seconds: too small");
    ensure!((0.0..=100.0).contains(&streams), "--streams is a percentage");
    need_files(most + (most as f64 * streams / 100.0) as usize + 200)?;
    report.option("users", users);
    report.option("find", find);
    report.option("most", most);
    report.option("rooms", options.rooms);
    for (name, value) in [("every", every), ("seconds", seconds), ("streams", streams)] {
        report.option(name, value);
    }
    let settings = SETTINGS.map(|(name, value)| (name, value.to_owned()));
    let target = stage.target_with(report, &settings).await?;
    let members = MEMBERS.min(users);
    let rooms = (most * usize::from(options.rooms)).div_ceil(members);
    let town =
        Town::build(&target.endpoint, &stage.name(), most, &sizes(rooms, members, None, most))
            .await?;
    let outsiders = setup::register(&target.endpoint, &stage.name(), OUTSIDERS).await?;
    town.rooms.iter().for_each(|room| Room::keep_book(room));
    let manner = Manner { sign_in: SignIn::Header, bytes: options.bytes.into(), at_once: 64 };
    let folk = Rc::new(Folk::of_town(&target.endpoint, &town, &manner)?);
    folk.tally().look_inside();
    let mut day = Day {
        folk: folk.clone(),
        town,
        rest: Rest::new(&target.endpoint),
        random: SmallRng::seed_from_u64(stage.seed),
        outsiders: outsiders.into_iter().map(|user| user.token).collect(),
        picture: Contents::Picture(picture()?),
        picker: picker(),
    };

    let (mut steps, mut count) = (Vec::<Step>::new(), users);
    let begin = stage.sampler.begin();
    loop {
        note(&format!("{count} users"));
        steps.push(day.step(count, options, target.process).await?);
        let is_held = steps.last().is_some_and(|step| step.p99_ms() <= P99_GOAL_MS);
        if !find || !is_held || count >= most {
            break;
        }
        count = ((count as f64 * STEP) as usize).min(most);
    }
    figures(report, &steps)?;
    let mut receipts = Timeline::new(begin, STRETCH)?;
    steps.iter().try_for_each(|step| receipts.merge(step.noted.receipts.clone()))?;
    pictures(report, &stage.sampler, &receipts);
    audit::audit(&day, &target.endpoint, report).await?;
    folk.judge(report);
    drop(day);
    drop(folk);
    target.finish(report).await;
    Ok(())
}

impl Day {
    async fn step(
        &mut self,
        users: usize,
        options: &Options,
        process: Option<Process>,
    ) -> Result<Step> {
        let folk = self.folk.clone();
        folk.gather_first(users).await?;
        let count = (users as f64 * options.streams / 100.0).ceil() as usize;
        let whose = (0..count.min(users))
            .filter_map(|index| Some((index, self.town.rooms_of(index).into_iter().next()?)));
        let streams = folk.streams(whose.collect::<Vec<_>>().into_iter())?;
        ensure!(folk.wait_until(|| streams.are_open()).await, "event streams did not open");
        let rate = users as f64 / options.every;
        folk.tally().take()?;
        let meter = Meter::start(process)?;
        let mut pace = Pace::per_second(rate)?;
        let actions = (rate * options.seconds).ceil() as usize;
        let progress = Progress::new("actions", actions);
        for _ in 0..actions {
            let due = pace.due().await;
            self.act(users, due).await;
            progress.step(1);
        }
        progress.done();
        let spent = meter.stop()?;
        // Whoever is away comes back, and what was sent must be there, for the streams too.
        let longest_pause = Duration::from_secs(2);
        tokio::time::sleep(longest_pause).await;
        folk.gather_first(users).await?;
        let is_level = folk.wait_until(|| self.rest.is_idle()).await
            && folk.settle().await
            && folk.wait_until(|| streams.are_level()).await;
        if !is_level {
            folk.tally().refuse(|| folk.missing());
        }
        folk.tally().blame(streams.verdict());
        streams.failed().into_iter().for_each(|why| folk.tally().refuse(|| why));
        let (noted, late) = (folk.tally().take()?, pace.late().clone());
        Ok(Step { users, noted, by_stream: streams.times(), spent, late })
    }
}

impl Step {
    /// The worst of all actions, and of the receipts.
    fn p99_ms(&self) -> f64 {
        let deeds = DAY.iter().filter_map(|action| self.noted.deed(action.deed));
        let all = deeds.chain([self.noted.receipts.total(), &self.by_stream]);
        all.map(|times| times.value_at_quantile(0.99)).max().unwrap_or(0) as f64 / 1e3
    }
}

fn figures(report: &mut Report, steps: &[Step]) -> Result<()> {
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
    for action in DAY {
        let times = shown.noted.deed(action.deed).cloned().map_or_else(microseconds, Ok)?;
        for (name, quantile) in action.figures.into_iter().zip([0.5, 0.99]) {
            let value = times.value_at_quantile(quantile) as f64 / 1e3;
            report.figure(name, value, "ms", "from when it was due to its answer");
        }
    }
    let stream = shown.by_stream.value_at_quantile(0.99) as f64 / 1e3;
    report.figure("stream_p99", stream, "ms", "receipts of the event streams");
    shown.noted.report(report, &shown.spent, &shown.late);
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
    let row = |step: &Step| -> Value {
        let p99 = |times: &Histogram<u64>| times.value_at_quantile(0.99) as f64 / 1e3;
        let each = DAY.iter().filter_map(|action| {
            let [_, name] = action.figures;
            Some((name.to_owned(), json!(p99(step.noted.deed(action.deed)?))))
        });
        json!({
            "users": step.users,
            "p99_worst_ms": step.p99_ms(),
            "server_cpu_percent": step.spent.server_share(),
            "load_tester_cpu_percent": step.spent.our_share(),
            "deliveries": step.noted.deliveries,
            "p99_ms": each.collect::<serde_json::Map<_, _>>(),
        })
    };
    report.series("steps", steps.iter().map(row).collect::<Vec<_>>());
    Ok(())
}
