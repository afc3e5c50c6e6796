//! Many small rooms at a fixed rate, all alike or by Zipf's law: what a delivery costs when there
//! are few of it to a message, and whether every room has exactly its own.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::client::SignIn;
use crate::progress::note;
use crate::report::Report;
use crate::scenario::{Stage, need_files};
use crate::server::Target;
use crate::town::{Folk, Manner, Meter, Noted, Picker, Room, Spent, Town, pictures, sizes};

pub(crate) const GOALS: &[&str] = &["p99"];
const P99_GOAL_MS: f64 = 200.0;
/// Rooms that one user is in, if nothing else is asked for.
const ROOMS_OF_A_USER: usize = 10;

#[derive(Args)]
pub(crate) struct Options {
    /// Rooms, each of a club of its own
    #[arg(long, default_value_t = 1_500)]
    rooms: usize,
    /// Members of a room, on the average
    #[arg(long, default_value_t = 10)]
    members: usize,
    /// Users, each with one session [default: so many that each is in ten rooms]
    #[arg(long)]
    users: Option<usize>,
    /// Rooms that each session leaves closed, where nothing must be heard
    #[arg(long, default_value_t = 1)]
    closed: usize,
    /// Messages a second in all rooms together
    #[arg(long, default_value_t = 1_000.0)]
    rate: f64,
    /// Seconds of sending
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// Spread members and messages by Zipf's law with this exponent [default: evenly]
    #[arg(long, value_name = "EXPONENT")]
    zipf: Option<f64>,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(32..=4_000))]
    bytes: u16,
    /// Sign-ins under way at the same time
    #[arg(long, default_value_t = 64)]
    at_once: usize,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let Options { rooms, members, closed, rate, seconds, zipf, .. } = *options;
    ensure!(rooms > 0 && members > 1, "--rooms starts at 1 and --members at 2");
    ensure!(rate > 0.0 && seconds > 0.0, "--rate and --seconds must be above zero");
    ensure!(zipf.is_none_or(|s| s > 0.0), "--zipf must be above zero");
    let users = options.users.unwrap_or((rooms * members).div_ceil(ROOMS_OF_A_USER)).max(members);
    let sizes = sizes(rooms, members, zipf, users);
    need_files(users)?;
    for (name, value) in
        [("rooms", rooms), ("members", members), ("users", users), ("closed", closed)]
    {
        report.option(name, value);
    }
    report.option("rate", rate);
    report.option("seconds", seconds);
    report.option("zipf", zipf);
    report.option("bytes", options.bytes);
    let target = stage.target(report).await?;
    note(&format!(
        "{users} users in {rooms} rooms, the largest of {}",
        sizes.iter().max().unwrap_or(&0)
    ));
    let town = Town::build(&target.endpoint, &stage.name(), users, &sizes).await?;
    let manner = Manner {
        sign_in: SignIn::FirstFrame,
        bytes: options.bytes.into(),
        at_once: options.at_once,
    };
    let tokens = town.users.iter().map(|user| user.token.clone());
    let folk = Folk::new(&target.endpoint, tokens, &manner)?;
    let listeners = wish(&folk, &town, closed);
    folk.gather().await?;

    let seats = town.members();
    let places = Picker::new(rooms, zipf);
    let mut random = SmallRng::seed_from_u64(stage.seed);
    let mut pick = || {
        let room = places.pick(&mut random);
        let members = seats.get(room)?;
        let user = members.get(random.random_range(0..members.len().max(1)))?;
        Some((*user, town.rooms.get(room)?.clone()))
    };
    let run = measure(&folk, options, &target, &mut pick).await?;

    report.figure("sessions", folk.here() as f64, "", "signed in at the end");
    report.figure("listeners", listeners as f64, "", "opened rooms of all sessions");
    let largest = sizes.iter().max().context("no rooms")?;
    report.figure("largest_room", *largest as f64, "", "members");
    run.noted.report(report, &run.spent, &run.late);
    pictures(report, &stage.sampler, &run.noted.receipts);
    let p99 = run.noted.receipts.total().value_at_quantile(0.99) as f64 / 1e3;
    report.goal("p99", p99, P99_GOAL_MS, "ms");
    folk.judge(report);
    drop(folk);
    target.finish(report).await;
    Ok(())
}

/// Each session opens all its rooms but the last ones. Returns how many are opened.
fn wish(folk: &Folk, town: &Town, closed: usize) -> usize {
    let mut listeners = 0;
    for (index, session) in folk.sessions().enumerate() {
        let homes = town.rooms_of(index);
        let opened = homes.len().saturating_sub(closed).max(1).min(homes.len());
        listeners += opened;
        homes.iter().take(opened).for_each(|room| session.wish(room));
    }
    listeners
}

/// What the sending brought.
struct Run {
    noted: Noted,
    spent: Spent,
    late: Histogram<u64>,
}

async fn measure(
    folk: &Folk,
    options: &Options,
    target: &Target,
    mut pick: impl FnMut() -> Option<(usize, Rc<Room>)>,
) -> Result<Run> {
    let Options { rate, seconds, .. } = *options;
    // Every room is awake before anything is counted, and the allocator has seen the load.
    let warm_up = Duration::from_secs_f64(seconds.min(2.0) / 2.0);
    folk.drive(rate, warm_up, &mut pick).await?;
    folk.settle().await;
    folk.tally().take()?;
    target.sampler.begin();
    let meter = Meter::start(target.process)?;
    let late = folk.drive(rate, Duration::from_secs_f64(seconds), &mut pick).await?;
    folk.settle().await;
    let spent = meter.stop()?;
    Ok(Run { noted: folk.tally().take()?, spent, late })
}
