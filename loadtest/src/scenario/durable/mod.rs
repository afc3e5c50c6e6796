//! Closed-loop senders: how many messages a second become durable, beside a bare group commit that
//! writes the same rows in batches of the same size, in the same run.

mod answer;
mod bare;
mod figures;
mod places;
mod rounds;
mod senders;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::bare::Bare;
use self::places::Places;
use self::rounds::{Pair, bare_round, server_round, settle};
use self::senders::{Plan, Senders};
use crate::client::{Client, SignIn};
use crate::progress::Progress;
use crate::report::Report;
use crate::scenario::{Stage, need_files};

pub(crate) const GOALS: &[&str] = &["durable_ratio"];
const WARM_UP: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(crate) struct Options {
    /// Clients that send, each its next message when the one before is acknowledged
    #[arg(long, default_value_t = 1_000)]
    senders: usize,
    /// Rooms over which they are spread
    #[arg(long, default_value_t = 50)]
    rooms: usize,
    /// Seconds of one round
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Rounds of the server, each followed by one of the bare group commit
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=4_000))]
    bytes: u16,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let time = Duration::try_from_secs_f64(options.seconds).context("--seconds")?;
    ensure!(!time.is_zero() && options.pairs > 0, "--seconds and --pairs must be above zero");
    let rooms = options.rooms;
    ensure!(rooms > 0 && options.senders >= rooms, "--rooms is between 1 and --senders");
    need_files(options.senders)?;
    for (name, value) in [("senders", options.senders), ("rooms", rooms), ("pairs", options.pairs)]
    {
        report.option(name, value);
    }
    report.option("seconds", options.seconds);
    report.option("bytes", options.bytes);
    let mut target = stage.target(report).await?;

    let places = Places::make(&target.endpoint, &stage.name(), options).await?;
    // Before the first message: the copy holds the people and the rooms, and no talk.
    let bare = Bare::copy(&mut target, stage).await?;
    let (mut observer, welcome) =
        Client::connect(&target.endpoint, &places.owner.token, SignIn::FirstFrame).await?;
    report.server = welcome.server;
    let heads = places.heads(&mut observer).await?;
    // Nobody reads for it during the rounds, so its heartbeats would stay without an answer.
    drop(observer);
    let text = usize::from(options.bytes);
    let plan = Plan { rooms: places.rooms.clone(), text };
    let mut senders = Senders::connect(&target.endpoint, &places.users, plan).await?;
    senders.round(WARM_UP).await?;
    let mut writer = match &bare {
        Some(bare) => Some(bare.start(text, stage).await?),
        None => None,
    };
    let followed =
        writer.as_ref().map(|it| stage.sampler.follow("bare group commit", it.process()));
    stage.sampler.begin();

    let progress = Progress::new("rounds", options.pairs);
    let mut pairs = Vec::new();
    for _ in 0..options.pairs {
        let server = server_round(&target, &mut senders, time).await?;
        settle(&target).await?;
        let bare = match &mut writer {
            Some(writer) => Some(bare_round(&target, writer, time, server.batch).await?),
            None => None,
        };
        pairs.push(Pair { server, bare });
        progress.step(1);
    }
    progress.done();
    drop((followed, writer));

    figures::fill(report, &pairs)?;
    let (mut observer, _) =
        Client::connect(&target.endpoint, &places.owner.token, SignIn::FirstFrame).await?;
    let ends = places.heads(&mut observer).await?;
    places::judge(report, &senders.seqs(), &heads, &ends);
    report.none_of("refused", senders.refused());
    report.none_of("dropped", senders.dropped());
    if let Some(bare) = bare {
        bare.compare(senders.acked(), report).await?;
    }
    drop(senders);
    target.finish(report).await;
    Ok(())
}
