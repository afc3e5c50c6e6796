//! A disk that is full, fails to write, fails to sync, or is slow, under senders: nothing is
//! acknowledged that is not kept, senders are told when to try again, readers go on, and service
//! returns by itself. Afterwards a kill, a restart, and power cuts at moments of the whole run.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::crash::company::Habits;
use super::crash::talks::Talks;
use super::crash::verdict::judge;
use super::power::{Promises, cut_power, kill};
use crate::cli::Engine;
use crate::client::REPLY_LIMIT;
use crate::disk::{Disk, Faults, now};
use crate::endpoint::Endpoint;
use crate::http::Http;
use crate::progress::Progress;
use crate::report::Report;
use crate::scenario::{Stage, need_files};

pub(crate) const GOALS: &[&str] = &["return"];
/// From the end of a fault to the next acknowledgement. Senders are asked to wait for a second.
const RETURN_GOAL_MS: f64 = 5_000.0;
const RETURN_LIMIT: Duration = Duration::from_secs(60);
/// A read that takes longer counts as refused.
const READ_LIMIT: Duration = Duration::from_secs(5);
const BETWEEN_READS: Duration = Duration::from_millis(50);
/// A slow disk takes so much longer for each sync, in microseconds.
const SLOW: u32 = 200_000;

#[derive(Args)]
pub(crate) struct Options {
    /// How long each fault lasts, in seconds
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Clients that send
    #[arg(long, default_value_t = 20)]
    senders: usize,
    /// Rooms that they are spread over
    #[arg(long, default_value_t = 4)]
    rooms: usize,
    /// Messages a second of each sender
    #[arg(long, default_value_t = 15.0)]
    rate: f64,
    /// Power cuts at moments of the recorded run
    #[arg(long, default_value_t = 200)]
    points: usize,
}

/// A fault, and what came of it.
struct Phase {
    name: &'static str,
    begin: u64,
    end: u64,
    /// Calls that the disk refused meanwhile.
    refused: u32,
    reads: u64,
    failed_reads: Vec<String>,
    back: Duration,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let common = stage.common;
    ensure!(common.url.is_none(), "disk needs a server of its own: no --url");
    ensure!(
        common.database_url.is_none() && common.database == Engine::Sqlite,
        "disk is for SQLite"
    );
    ensure!(options.rooms > 0, "--rooms starts at 1");
    ensure!(options.senders >= options.rooms, "every room needs a sender");
    need_files(options.senders)?;
    report.option("seconds", options.seconds);
    report.option("senders", options.senders);
    report.option("rooms", options.rooms);
    report.option("rate", options.rate);
    report.option("points", options.points);

    let disk = Disk::make()?;
    let mut target = stage.target_on(&disk, report).await?;
    let Options { senders, rate, .. } = *options;
    let patience = 2 * REPLY_LIMIT;
    let habits = Habits { senders, rate, repeat: 0.05, in_flight: 4, patience, forget: 0.0 };
    let counts = (options.rooms, options.senders);
    let mut talks = Talks::start(&target.endpoint, stage, counts, habits).await?;
    report.server.clone_from(&talks.server);
    let phases = suffer(options, &disk, &target.endpoint, &talks).await?;

    let server = target.server.as_mut().context("no server of our own")?;
    kill(server, &disk).await?;
    talks.next_life();
    server.start(stage.pins.as_ref()).await.context("after the faults")?;
    let is_finished = talks.finish(&target.endpoint).await?;
    judge(report, &talks.rooms, is_finished);
    tell(report, &phases, &talks);
    talks.draw(report, &stage.sampler)?;

    let server = target.server.as_mut().context("no server of our own")?;
    kill(server, &disk).await?;
    let (real, record) = (server.data(), disk.record()?);
    let promises = Arc::new(Promises::of(&talks));
    let plan = (options.points, 0, stage.seed);
    let cut = move || cut_power(&record, &promises, &real, plan);
    let broken = tokio::task::spawn_blocking(cut).await??.broken;
    report.check("cuts_lost", broken.lost, broken.examples);
    report.check("cuts_shown_and_lost", broken.unshown, Vec::new());
    report.none_of("cuts_damaged", broken.damage);
    target.finish(report).await;
    Ok(())
}

/// One fault after the other, each followed by a while on a sound disk.
async fn suffer(
    options: &Options,
    disk: &Disk,
    endpoint: &Endpoint,
    talks: &Talks,
) -> Result<Vec<Phase>> {
    let faults = [
        ("full", Faults { full: true, ..Faults::default() }),
        ("write_fails", Faults { write_fails: true, ..Faults::default() }),
        ("sync_fails", Faults { sync_fails: 1, ..Faults::default() }),
        ("every_second_sync_fails", Faults { sync_fails: 2, ..Faults::default() }),
        ("slow_sync", Faults { sync_delay: SLOW, ..Faults::default() }),
    ];
    let progress = Progress::new("faults", faults.len());
    let mut phases = Vec::new();
    for (name, fault) in faults {
        progress.say(name.to_owned());
        talking(talks, now()).await.context("the server does not acknowledge anything")?;
        let refused = |disk: &Disk| disk.refused().map(|(writes, syncs)| writes + syncs);
        let before = refused(disk)?;
        let begin = now();
        disk.set(fault)?;
        let (reads, failed_reads) = read_on(endpoint, talks, options.seconds).await;
        disk.set(Faults::default())?;
        let end = now();
        let back = talking(talks, end).await.with_context(|| format!("after {name}"))?;
        let refused = refused(disk)? - before;
        phases.push(Phase { name, begin, end, refused, reads, failed_reads, back });
        progress.step(1);
    }
    progress.done();
    Ok(phases)
}

/// Waits until something that was sent is acknowledged after this moment.
async fn talking(talks: &Talks, since: u64) -> Result<Duration> {
    let begin = Instant::now();
    loop {
        let players = talks.rooms.iter().flat_map(|talk| talk.company.players());
        let newest = players.filter_map(|one| one.memory.borrow().acked_at.last().copied()).max();
        if let Some(newest) = newest.filter(|newest| *newest > since) {
            return Ok(Duration::from_nanos(newest - since));
        }
        ensure!(begin.elapsed() < RETURN_LIMIT, "nothing was acknowledged in {RETURN_LIMIT:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Reads the rooms by REST for so long; how many reads there were, and which failed.
async fn read_on(endpoint: &Endpoint, talks: &Talks, seconds: u64) -> (u64, Vec<String>) {
    let mut http = Http::new(endpoint.clone());
    let (mut reads, mut failed) = (0, Vec::new());
    let until = Instant::now() + Duration::from_secs(seconds);
    let rooms = talks.rooms.iter().cycle();
    for talk in rooms {
        if Instant::now() >= until {
            break;
        }
        reads += 1;
        let path = format!("/v1/rooms/{}/messages?limit=20", talk.room);
        match timeout(READ_LIMIT, http.get(&path, Some(&talks.owner.token))).await {
            Ok(Ok(_page)) => {}
            Ok(Err(why)) => failed.push(format!("{why:#}")),
            Err(_elapsed) => failed.push(format!("{path} was not answered in {READ_LIMIT:?}")),
        }
        sleep(BETWEEN_READS).await;
    }
    (reads, failed)
}

fn tell(report: &mut Report, phases: &[Phase], talks: &Talks) {
    talks.figures(report);
    let (mut rows, mut odd, mut unfelt, mut unread) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut slowest, mut all_put_off) = (Duration::ZERO, 0);
    for phase in phases {
        let Phase { name, begin, end, refused, reads, failed_reads, back } = phase;
        let (mut acked, mut put_off) = (0, 0);
        for player in talks.rooms.iter().flat_map(|talk| talk.company.players()) {
            let memory = player.memory.borrow();
            acked += memory.acked_at.iter().filter(|at| (begin..=end).contains(at)).count();
            for one in memory.put_off.iter().filter(|one| (begin..=end).contains(&&one.at)) {
                put_off += 1;
                if one.code != "unavailable" || one.retry_ms.is_none() {
                    odd.push(format!("{name}: {} with retry_ms {:?}", one.code, one.retry_ms));
                }
            }
        }
        // A slow disk refuses nothing.
        if *refused == 0 && *name != "slow_sync" {
            unfelt.push((*name).to_owned());
        }
        unread.extend(failed_reads.iter().map(|why| format!("{name}: {why}")));
        (slowest, all_put_off) = (slowest.max(*back), all_put_off + put_off);
        rows.push(json!({
            "fault": name, "refused_by_the_disk": refused, "acknowledged": acked,
            "put_off": put_off, "reads": reads, "back_after_ms": back.as_secs_f64() * 1e3,
        }));
    }
    let reads: u64 = phases.iter().map(|phase| phase.reads).sum();
    report.figure("put_off", f64::from(all_put_off), "", "sends that were told to come again");
    report.figure("reads", reads as f64, "", "pages of history, during the faults");
    report.goal("return", slowest.as_secs_f64() * 1e3, RETURN_GOAL_MS, "ms");
    report.none_of("odd_refusals", odd);
    report.none_of("failed_reads", unread);
    report.none_of("faults_not_felt", unfelt);
    report.series("faults", rows.into_iter().collect::<Vec<Value>>());
}
