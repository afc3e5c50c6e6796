//! The power goes, thousands of times, at the worst moments: a server runs under senders on a disk
//! that records what was written and synced, and the folder is rebuilt as each cut would have left
//! it. Whatever was acknowledged before the cut must be in the database that SQLite recovers.

mod points;
mod promises;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::time::sleep;

pub(super) use self::points::{Findings, cut_power};
pub(super) use self::promises::{Promise, Promises};
use super::crash::company::Habits;
use super::crash::history;
use super::crash::talks::Talks;
use crate::cli::Engine;
use crate::client::REPLY_LIMIT;
use crate::disk::{Disk, Faults};
use crate::http::Http;
use crate::progress::Progress;
use crate::report::Report;
use crate::scenario::{Stage, need_files};
use crate::server::Server;
use crate::setup;

#[derive(Args)]
pub(crate) struct Options {
    /// How often the power is cut
    #[arg(long, default_value_t = 2_000)]
    points: usize,
    /// How long the server runs under senders, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How often it is killed and started again meanwhile
    #[arg(long, default_value_t = 2)]
    restarts: u32,
    /// Clients that send
    #[arg(long, default_value_t = 20)]
    senders: usize,
    /// Rooms that they are spread over
    #[arg(long, default_value_t = 4)]
    rooms: usize,
    /// Messages a second of each sender
    #[arg(long, default_value_t = 15.0)]
    rate: f64,
    /// Every n-th sync fails, and what it should have kept is dropped from memory as if it were kept
    #[arg(long, default_value_t = 0)]
    failing_sync: u32,
    /// A negative control: syncs of the write-ahead log do nothing, and the run must fail
    #[arg(long)]
    lying_sync: bool,
    /// So many of the cut folders are also served by the real server, and read by REST
    #[arg(long, default_value_t = 10)]
    served: usize,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let common = stage.common;
    ensure!(common.url.is_none(), "power needs a server of its own: no --url");
    ensure!(
        common.database_url.is_none() && common.database == Engine::Sqlite,
        "power cuts are for SQLite: PostgreSQL's own developers cut its power"
    );
    ensure!(options.rooms > 0, "--rooms starts at 1");
    ensure!(options.senders >= options.rooms, "every room needs a sender");
    need_files(options.senders)?;
    report.option("points", options.points);
    report.option("seconds", options.seconds);
    report.option("restarts", options.restarts);
    report.option("senders", options.senders);
    report.option("rooms", options.rooms);
    report.option("rate", options.rate);
    report.option("failing_sync", options.failing_sync);
    report.option("lying_sync", options.lying_sync);

    let disk = Disk::make()?;
    let mut target = stage.target_on(&disk, report).await?;
    let Options { senders, rate, .. } = *options;
    let patience = 2 * REPLY_LIMIT;
    let habits = Habits { senders, rate, repeat: 0.05, in_flight: 4, patience, forget: 0.0 };
    let counts = (options.rooms, options.senders);
    let talks = Talks::start(&target.endpoint, stage, counts, habits).await?;
    report.server.clone_from(&talks.server);
    let server = target.server.as_mut().context("no server of our own")?;
    talk(options, stage, &disk, server).await?;
    kill(server, &disk).await?;
    let promises = Promises::of(&talks);
    talks.draw(report, &stage.sampler)?;
    let owner = talks.owner.username.clone();
    let rooms: Vec<String> = talks.rooms.iter().map(|talk| talk.room.clone()).collect();
    // They would talk on with the servers that are started below.
    drop(talks);

    let real = server.data();
    let (promises, samples) = (Arc::new(promises), options.served.min(options.points));
    let (disk_record, told) = (disk.record()?, Arc::clone(&promises));
    let plan = (options.points, samples, stage.seed);
    let cut = move || cut_power(&disk_record, &told, &real, plan);
    let findings = tokio::task::spawn_blocking(cut).await??;
    tell(report, &disk, &promises, &findings)?;
    let mut unserved = Vec::new();
    for (folder, moment) in &findings.samples {
        if !folder.path().join("kept/moim.db").exists() {
            continue;
        }
        let mut server = Server::new(common, None, &[], &stage.sampler)?;
        server.keep_in(&folder.path().join("kept"));
        let served = serve(&mut server, (&owner, &rooms), promises.until(*moment)).await;
        match served.with_context(|| format!("a folder cut at {moment}")) {
            Ok(missing) => unserved.extend(missing),
            Err(why) => unserved.push(format!("{why:#}")),
        }
    }
    report.figure("served", findings.samples.len() as f64, "", "cut folders that the server read");
    report.none_of("served_lost", unserved);
    target.finish(report).await;
    Ok(())
}

/// SIGKILL between two changes of the disk, so that the record has all of them.
pub(super) async fn kill(server: &mut Server, disk: &Disk) -> Result<()> {
    disk.halt().await?;
    server.kill().await?;
    disk.go_on()
}

/// The time under load, with its restarts.
async fn talk(
    options: &Options,
    stage: &Stage<'_>,
    disk: &Disk,
    server: &mut Server,
) -> Result<()> {
    let faults = Faults {
        sync_fails: options.failing_sync,
        sync_lies: options.lying_sync,
        ..Faults::default()
    };
    disk.set(faults)?;
    let parts = options.restarts + 1;
    let progress = Progress::new("recording", parts as usize);
    for part in 1..=parts {
        sleep(Duration::from_secs(options.seconds) / parts).await;
        if part < parts {
            kill(server, disk).await?;
            // What fails now and then must not keep it from starting.
            disk.set(Faults { sync_fails: 0, ..faults })?;
            server.start(stage.pins.as_ref()).await.context("after a kill")?;
            disk.set(faults)?;
        }
        progress.step(1);
    }
    progress.done();
    Ok(())
}

fn tell(report: &mut Report, disk: &Disk, promises: &Promises, findings: &Findings) -> Result<()> {
    let Findings { cuts, losing, broken, promises: looked_for, writes, .. } = findings;
    report.figure("cuts", *cuts as f64, "", "of the power");
    report.figure("losing_cuts", *losing as f64, "", "after which something was missing");
    report.figure(
        "promised",
        promises.all().len() as f64,
        "",
        "acknowledged, or shown to somebody",
    );
    report.figure("looked_for", *looked_for as f64, "", "promises, over all cuts");
    report.figure("writes", *writes as f64, "", "recorded");
    let (_writes, syncs) = disk.refused()?;
    report.figure("failed_syncs", f64::from(syncs), "", "that the disk refused");
    report.check("lost", broken.lost, broken.examples.iter().take(5).cloned().collect());
    report.check("shown_and_lost", broken.unshown, Vec::new());
    report.none_of("damaged", broken.damage.clone());
    Ok(())
}

/// Starts the real server on a folder and reads every room: what of the promises is not there.
async fn serve(
    server: &mut Server,
    (owner, rooms): (&str, &[String]),
    promises: &[Promise],
) -> Result<Vec<String>> {
    server.start(None).await?;
    let mut missing = Vec::new();
    if !promises.is_empty() {
        let owner = setup::login(&server.endpoint(), owner).await?;
        let mut http = Http::new(server.endpoint());
        for room in rooms {
            let log = history::read(&mut http, &owner.token, room).await?;
            let mine = promises.iter().filter(|promise| promise.room == *room);
            for Promise { message, .. } in mine {
                let found = log.binary_search_by_key(&message.seq, |held| held.seq);
                if found.ok().and_then(|at| log.get(at)) != Some(message) {
                    missing.push(format!("{message:?} in {room}"));
                }
            }
        }
    }
    server.stop().await?;
    Ok(missing)
}
