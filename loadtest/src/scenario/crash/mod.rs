//! SIGKILL or SIGTERM again and again under senders. Whatever was acknowledged must be in the log
//! once, at the acknowledged place, and every client must have seen the log as it is.

pub(super) mod company;
pub(super) mod history;
mod lives;
mod notes;
pub(super) mod pictures;
pub(super) mod player;
pub(super) mod talks;
pub(super) mod verdict;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use self::company::Habits;
use self::lives::{Life, live_and_die};
use self::talks::Talks;
use self::verdict::{examine, judge, rude_partings};
use crate::chart::{Axis, Chart, Line};
use crate::client::REPLY_LIMIT;
use crate::report::{Report, median};
use crate::scenario::{Stage, need_files};

pub(crate) const GOALS: &[&str] = &["restart", "ending"];
const RESTART_GOAL_MS: f64 = 1_000.0;
/// What the server allows itself from SIGTERM to its end.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Args)]
pub(crate) struct Options {
    /// How often the server is killed
    #[arg(long, default_value_t = 20)]
    kills: usize,
    /// Go on until so many messages are acknowledged, too
    #[arg(long, default_value_t = 0)]
    acks: usize,
    /// Clients that send
    #[arg(long, default_value_t = 20)]
    senders: usize,
    /// Clients that only listen
    #[arg(long, default_value_t = 5)]
    listeners: usize,
    /// Rooms that the clients are spread over
    #[arg(long, default_value_t = 1)]
    rooms: usize,
    /// Messages a second of each sender; the server takes 20 of a user, after 200 at once
    #[arg(long, default_value_t = 15.0)]
    rate: f64,
    /// Sends of one client that may be unanswered at the same time
    #[arg(long, default_value_t = 4)]
    in_flight: usize,
    /// Share of the sends that are made twice at once, as after a lost reply
    #[arg(long, default_value_t = 0.05)]
    repeat: f64,
    /// The shortest life between ready and the signal, in milliseconds
    #[arg(long, default_value_t = 20)]
    min_life: u64,
    /// The longest
    #[arg(long, default_value_t = 1_500)]
    max_life: u64,
    /// How the server is ended
    #[arg(long, default_value = "kill")]
    signal: Signal,
    /// With --signal term: SIGKILL as well, at these percentages of the time that ending takes
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..100))]
    then_kill: Vec<u8>,
}

/// How a life of the server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Signal {
    /// SIGKILL
    Kill,
    /// SIGTERM: clients are told, what was accepted is finished
    Term,
}

impl Options {
    fn check(&self, stage: &Stage<'_>) -> Result<()> {
        ensure!(
            stage.common.url.is_none(),
            "crash kills the server, so it must have started it: no --url"
        );
        ensure!(self.rooms > 0, "--rooms starts at 1");
        ensure!(self.senders >= self.rooms, "every room needs a sender");
        ensure!(self.min_life <= self.max_life, "--min-life is above --max-life");
        ensure!(self.rate > 0.0, "--rate must be above zero");
        ensure!(self.in_flight > 0, "--in-flight starts at 1");
        ensure!((0.0..=1.0).contains(&self.repeat), "--repeat is a share: 0 to 1");
        ensure!(
            self.then_kill.is_empty() || self.signal == Signal::Term,
            "--then-kill goes with --signal term"
        );
        need_files(self.senders + self.listeners)
    }

    fn note(&self, report: &mut Report) {
        for (name, value) in [
            ("kills", self.kills),
            ("acks", self.acks),
            ("senders", self.senders),
            ("listeners", self.listeners),
            ("rooms", self.rooms),
            ("in_flight", self.in_flight),
        ] {
            report.option(name, value);
        }
        report.option("rate", self.rate);
        report.option("repeat", self.repeat);
        report.option("life_ms", json!([self.min_life, self.max_life]));
        report.option("signal", format!("{:?}", self.signal).to_lowercase());
        report.option("then_kill", json!(self.then_kill));
    }
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    options.check(stage)?;
    options.note(report);
    let mut target = stage.target(report).await?;
    let Options { senders, listeners, rooms, rate, repeat, in_flight, .. } = *options;
    let habits =
        Habits { senders, rate, repeat, in_flight, patience: 2 * REPLY_LIMIT, forget: 0.0 };
    let mut talks = Talks::start(&target.endpoint, stage, (rooms, senders + listeners), habits)
        .await
        .context("cannot set the rooms up")?;
    report.server.clone_from(&talks.server);
    let server = target.server.as_mut().context("no server of our own")?;
    let lives = live_and_die(options, stage, server, &talks).await?;
    let is_finished = talks.finish(&target.endpoint).await?;
    figures(report, &talks, &lives);
    talks.draw(report, &stage.sampler)?;
    report.chart(restarts(&lives));
    let in_order = |(number, life): (usize, &Life)| life.ending.map(|_took| number);
    let in_order: BTreeSet<usize> = lives.iter().enumerate().filter_map(in_order).collect();
    judge(report, &talks.rooms, is_finished);
    report.none_of("rude_partings", rude_partings(&talks.rooms, &in_order));
    let file = target.sqlite_file();
    target.finish(report).await;
    if let Some((_folder, file)) = file {
        report.none_of("database_damaged", examine(&file)?);
    }
    Ok(())
}

fn restarts(lives: &[Life]) -> Chart {
    let points = (1..).map(f64::from).zip(lives);
    let points = points.map(|(life, one)| (life, one.restart.as_secs_f64() * 1e3)).collect();
    Chart {
        name: "restarts",
        title: "From spawn to ready, life by life".to_owned(),
        x: Axis::linear("life", ""),
        y: Axis::linear("ready", "ms"),
        lines: vec![Line::new("server", points)],
    }
}

fn figures(report: &mut Report, talks: &Talks, lives: &[Life]) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let mut restarts: Vec<f64> = lives.iter().map(|life| ms(life.restart)).collect();
    restarts.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let last = restarts.len().saturating_sub(1);
        restarts.get((last as f64 * share).ceil() as usize).copied().unwrap_or(0.0)
    };
    report.figure("lives", lives.len() as f64, "", "of the server, each ended by a signal");
    for (name, share) in [("restart_median", 0.5), ("restart_p99", 0.99), ("restart_max", 1.0)] {
        report.figure(name, at(share), "ms", "from spawn to /readyz");
    }
    let endings: Vec<f64> = lives.iter().filter_map(|life| life.ending).map(ms).collect();
    let slowest_ending = endings.iter().copied().fold(0.0, f64::max);
    if let Some(middle) = median(&endings) {
        let cut_short = (lives.len() - endings.len()) as f64;
        report.figure("ending_median", middle, "ms", "from SIGTERM to the end of the process");
        report.figure("ending_max", slowest_ending, "ms", "from SIGTERM to the end of the process");
        report.figure("cut_short", cut_short, "", "endings that SIGKILL did not let finish");
    }
    talks.figures(report);
    if !restarts.is_empty() {
        report.goal("restart", at(1.0), RESTART_GOAL_MS, "ms");
    }
    if !endings.is_empty() {
        report.goal("ending", slowest_ending, ms(GRACE), "ms");
    }
    let row = |life: &Life| {
        json!({
            "lived_ms": ms(life.lived),
            "acknowledged": life.acked,
            "ending_ms": life.ending.map(ms),
            "restart_ms": ms(life.restart),
        })
    };
    report.series("lives", lives.iter().map(row).collect::<Vec<Value>>());
}
