//! A day of a club in short: people write, read, type, react, put right what they said, open and
//! close rooms, look back, search, bring files and open those of others, lose their connection; now
//! and then they answer aside, pin, delete, write to one person, ask the assistant. How many of them
//! does a core carry? Whatever anybody is shown is held against what was said (`town`).

mod audit;
mod day;
mod figures;
mod rarer;

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use hdrhistogram::Histogram;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use self::day::{Day, Mix, picker};
use crate::client::SignIn;
use crate::pace::Pace;
use crate::proc::Process;
use crate::progress::{Progress, note};
use crate::report::Report;
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
/// Few people do all that thousands do in a day: an hour has more than twenty files of one, and a
/// minute more than five questions.
const SETTINGS: [(&str, &str); 2] =
    [("MOIM_UPLOADS_PER_HOUR", "0"), ("MOIM_AI_QUESTIONS_PER_MINUTE", "1000")];

#[derive(Args)]
pub(crate) struct Options {
    /// How often each thing is done
    #[arg(long, value_enum, default_value = "day")]
    mix: Mix,
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
    let mix = options.mix.to_possible_value();
    report.option("mix", mix.map(|mix| mix.get_name().to_owned()));
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
        pairs: Rc::default(),
        picker: picker(options.mix),
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
    figures::all(report, options.mix, &steps)?;
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
