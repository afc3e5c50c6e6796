//! One file or folder per load shape.
//!
//! Belongs here: what is done to the server, and what is read out of it.
//! Does not belong here: clients, processes, judging and printing; those are shared.
//!
//! A new scenario is a file with `Options`, `GOALS` and `run`, a line below and one in `cli`.

#[cfg(feature = "actors")]
pub(crate) mod actors;
pub(crate) mod ai;
pub(crate) mod catchup;
pub(crate) mod crash;
pub(crate) mod cuts;
pub(crate) mod disk;
pub(crate) mod durable;
pub(crate) mod fanout;
pub(crate) mod idle;
pub(crate) mod mixed;
pub(crate) mod overload;
pub(crate) mod power;
pub(crate) mod presence;
pub(crate) mod rooms;
pub(crate) mod scale;
pub(crate) mod search;
pub(crate) mod slow;
pub(crate) mod soak;
pub(crate) mod start;
pub(crate) mod storm;

use anyhow::{Result, bail};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::cli::{Command, Common};
use crate::database::Database;
use crate::disk::Disk;
use crate::driven;
use crate::proc::{Pins, Process, raise_file_limit};
use crate::progress::warn;
use crate::report::Report;
use crate::sample::{LOAD_TESTER, Sampler};
use crate::server::{Target, fresh_seed};

pub(crate) async fn run(command: &Command, common: &Common) -> Result<Report> {
    let seed = common.seed.unwrap_or_else(fresh_seed);
    let (name, goals) = named(command)?;
    let mut report = Report::new(name, goals, &common.require, seed)?;
    driven::note(common, &mut report)?;
    let pins = if common.pin { Pins::split()? } else { None };
    report.option("pinned", pins.is_some());
    if common.pin && pins.is_none() {
        warn("there is only one CPU: nothing is pinned");
    }
    let sampler = Sampler::start();
    let ours = sampler.follow(LOAD_TESTER, Process::ours());
    let stage = Stage { common, pins, seed, sampler };
    match command {
        #[cfg(feature = "actors")]
        Command::Actors(options) => actors::run(options, &mut report).await?,
        Command::Idle(options) => idle::run(options, &stage, &mut report).await?,
        Command::Fanout(options) => fanout::run(options, &stage, &mut report).await?,
        Command::Crash(options) => crash::run(options, &stage, &mut report).await?,
        Command::Cuts(options) => cuts::run(options, &stage, &mut report).await?,
        Command::Disk(options) => disk::run(options, &stage, &mut report).await?,
        Command::Power(options) => power::run(options, &stage, &mut report).await?,
        Command::Overload(options) => overload::run(options, &stage, &mut report).await?,
        Command::Rooms(options) => rooms::run(options, &stage, &mut report).await?,
        Command::Catchup(options) => catchup::run(options, &stage, &mut report).await?,
        Command::Presence(options) => presence::run(options, &stage, &mut report).await?,
        Command::Storm(options) => storm::run(options, &stage, &mut report).await?,
        Command::Slow(options) => slow::run(options, &stage, &mut report).await?,
        Command::Scale(options) => scale::run(options, &stage, &mut report).await?,
        Command::Durable(options) => durable::run(options, &stage, &mut report).await?,
        Command::Search(options) => search::run(options, &stage, &mut report).await?,
        Command::Start(options) => start::run(options, &stage, &mut report).await?,
        Command::Soak(options) => soak::run(options, &stage, &mut report).await?,
        Command::Ai(options) => ai::run(options, &stage, &mut report).await?,
        Command::Mixed(options) => mixed::run(options, &stage, &mut report).await?,
        Command::Proxy(_)
        | Command::Baseline(_)
        | Command::UpgradeServer
        | Command::GroupCommit(_) => {}
    }
    drop(ours);
    stage.sampler.report(&mut report);
    Ok(report)
}

/// The name of a scenario, and the goals that it may be held to.
fn named(command: &Command) -> Result<(&'static str, &'static [&'static str])> {
    Ok(match command {
        #[cfg(feature = "actors")]
        Command::Actors(_) => ("actors", actors::GOALS),
        Command::Idle(_) => ("idle", idle::GOALS),
        Command::Fanout(_) => ("fanout", fanout::GOALS),
        Command::Crash(_) => ("crash", crash::GOALS),
        Command::Cuts(_) => ("cuts", cuts::GOALS),
        Command::Disk(_) => ("disk", disk::GOALS),
        Command::Power(_) => ("power", &[][..]),
        Command::Overload(_) => ("overload", overload::GOALS),
        Command::Rooms(_) => ("rooms", rooms::GOALS),
        Command::Catchup(_) => ("catchup", catchup::GOALS),
        Command::Presence(_) => ("presence", presence::GOALS),
        Command::Storm(_) => ("storm", storm::GOALS),
        Command::Slow(_) => ("slow", slow::GOALS),
        Command::Scale(_) => ("scale", scale::GOALS),
        Command::Durable(_) => ("durable", durable::GOALS),
        Command::Search(_) => ("search", search::GOALS),
        Command::Start(_) => ("start", start::GOALS),
        Command::Soak(_) => ("soak", soak::GOALS),
        Command::Ai(_) => ("ai", ai::GOALS),
        Command::Mixed(_) => ("mixed", mixed::GOALS),
        Command::Proxy(_)
        | Command::Baseline(_)
        | Command::UpgradeServer
        | Command::GroupCommit(_) => bail!("not a scenario"),
    })
}

/// What every scenario is handed.
pub(crate) struct Stage<'a> {
    pub common: &'a Common,
    pub pins: Option<Pins>,
    pub seed: u64,
    /// Reads all processes of the run.
    pub sampler: Sampler,
}

impl Stage<'_> {
    /// Starts or finds the server and notes how long it took to be ready.
    pub(crate) async fn target(&self, report: &mut Report) -> Result<Target> {
        self.target_with(report, &[]).await
    }

    /// The same with settings that the scenario needs; what the command line sets wins.
    pub(crate) async fn target_with(
        &self,
        report: &mut Report,
        settings: &[(&str, String)],
    ) -> Result<Target> {
        self.prepare(report, settings, None).await
    }

    /// The same with a disk between the server and its folder.
    pub(crate) async fn target_on(&self, disk: &Disk, report: &mut Report) -> Result<Target> {
        self.prepare(report, &[], Some(disk)).await
    }

    async fn prepare(
        &self,
        report: &mut Report,
        settings: &[(&str, String)],
        disk: Option<&Disk>,
    ) -> Result<Target> {
        let reading = (self.pins.as_ref(), &self.sampler);
        let target = Target::prepare_with(self.common, reading, settings, disk).await?;
        report.option("database", target.database.as_ref().map_or("unknown", Database::engine));
        if let Some(ready) = target.ready {
            report.figure("ready", ready.as_secs_f64() * 1e3, "ms", "from spawn to /readyz, empty");
        }
        if target.process.is_none() {
            report.note("no process figures: the server was not started here and no --pid given");
        }
        Ok(target)
    }

    /// The beginning of names that no other run has used.
    pub(crate) fn name(&self) -> String {
        let mut random = SmallRng::seed_from_u64(fresh_seed());
        format!("load-{:08x}", random.random::<u32>())
    }
}

/// Raises the limit of open files, and refuses a run that would not fit.
pub(crate) fn need_files(sockets: usize) -> Result<()> {
    /// Standard streams, timers, REST connections, files under /proc.
    const SPARE: usize = 100;
    let limit = usize::try_from(raise_file_limit()).unwrap_or(usize::MAX);
    if sockets + SPARE > limit {
        bail!(
            "{sockets} sockets need {} open files and this system allows {limit} to a process: \
             ask for at most {}, or raise the hard limit (ulimit -Hn)",
            sockets + SPARE,
            limit.saturating_sub(SPARE)
        );
    }
    Ok(())
}
