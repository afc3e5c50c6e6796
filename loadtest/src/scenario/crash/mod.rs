//! SIGKILL again and again under senders. Whatever was acknowledged must be in the log once, at the
//! acknowledged place, and every client must have seen the log as it is.

pub(super) mod company;
pub(super) mod history;
pub(super) mod player;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::time::sleep;

use self::company::{Company, Habits};
use crate::check::{Faults, Kind, Message, audit, compare};
use crate::client::{Client, REPLY_LIMIT, SignIn};
use crate::http::{Endpoint, Http};
use crate::progress::Progress;
use crate::report::{Report, median};
use crate::scenario::{Stage, need_files};
use crate::server::Server;
use crate::setup;

pub(crate) const GOALS: &[&str] = &["restart"];
const RESTART_GOAL_MS: f64 = 1_000.0;
const OPEN_LIMIT: Duration = Duration::from_secs(30);
const FINISH_LIMIT: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct Options {
    /// How often the server is killed
    #[arg(long, default_value_t = 20)]
    kills: usize,
    /// Clients that send
    #[arg(long, default_value_t = 20)]
    senders: usize,
    /// Clients that only listen
    #[arg(long, default_value_t = 5)]
    listeners: usize,
    /// Messages a second of each sender; the server takes 20 of a user
    #[arg(long, default_value_t = 15.0)]
    rate: f64,
    /// Share of the sends that are made twice at once, as after a lost reply
    #[arg(long, default_value_t = 0.05)]
    repeat: f64,
    /// The shortest life between ready and SIGKILL, in milliseconds
    #[arg(long, default_value_t = 20)]
    min_life: u64,
    /// The longest
    #[arg(long, default_value_t = 1_500)]
    max_life: u64,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    ensure!(
        stage.common.url.is_none(),
        "crash kills the server, so it must have started it: no --url"
    );
    ensure!(options.senders > 0, "--senders starts at 1");
    ensure!(options.min_life <= options.max_life, "--min-life is above --max-life");
    ensure!(options.rate > 0.0, "--rate must be above zero");
    ensure!((0.0..=1.0).contains(&options.repeat), "--repeat is a share: 0 to 1");
    let clients = options.senders + options.listeners;
    need_files(clients)?;
    for (name, value) in
        [("kills", options.kills), ("senders", options.senders), ("listeners", options.listeners)]
    {
        report.option(name, value);
    }
    report.option("rate", options.rate);
    report.option("repeat", options.repeat);
    report.option("life_ms", json!([options.min_life, options.max_life]));
    let mut target = stage.target(report).await?;

    let name = stage.name();
    let users = setup::register(&target.endpoint, &name, clients).await?;
    let owner = users.first().context("no users")?.clone();
    let club = setup::make_club(&target.endpoint, &owner, &name, 1).await?;
    let id = club.id.clone();
    setup::join(&target.endpoint, &users, move |_| id.clone()).await?;
    let room = club.rooms.first().context("no room")?.clone();
    let start;
    (report.server, start) = look(&target.endpoint, &owner.token, &room).await?;

    let Options { senders, rate, repeat, .. } = *options;
    let habits = Habits { senders, rate, repeat, patience: 2 * REPLY_LIMIT, forget: 0.0 };
    let mut company = Company::start(&target.endpoint, users, &room, habits, stage.seed);
    ensure!(company.all_open(OPEN_LIMIT).await, "not every client could open the room");
    let server = target.server.as_mut().context("no server of our own")?;
    let lives = kill_and_restart(options, stage, server, &company).await?;

    let all_acked = company.finish(FINISH_LIMIT).await;
    let log = history::read(&mut Http::new(target.endpoint.clone()), &owner.token, &room).await?;
    let head = log.last().map_or(0, |message| message.seq);
    let all_there = company.reach(head, FINISH_LIMIT).await;
    figures(report, &company, &lives, &log);
    judge(report, &company, (start + 1, &log), (all_acked, all_there));
    target.finish(report).await;
    Ok(())
}

/// One life of the server, as it ended, and the birth of the next.
struct Life {
    lived: Duration,
    acked: usize,
    restart: Duration,
}

async fn kill_and_restart(
    options: &Options,
    stage: &Stage<'_>,
    server: &mut Server,
    company: &Company,
) -> Result<Vec<Life>> {
    let mut random = SmallRng::seed_from_u64(stage.seed);
    let progress = Progress::new("kills", options.kills);
    let mut lives = Vec::with_capacity(options.kills);
    let mut acked = 0;
    for _ in 0..options.kills {
        let life = random.random_range(options.min_life..=options.max_life);
        let born = Instant::now();
        sleep(Duration::from_millis(life)).await;
        server.kill().await?;
        let lived = born.elapsed();
        let restart = server.start(stage.pins.as_ref()).await.context("after a kill")?;
        let now = company.acked();
        lives.push(Life { lived, acked: now - acked, restart });
        acked = now;
        progress.step(1);
        progress.say(format!("{now} acknowledged"));
    }
    // The last life must show that all came back.
    company.all_open(OPEN_LIMIT).await;
    sleep(Duration::from_millis(options.max_life)).await;
    progress.done();
    Ok(lives)
}

fn figures(report: &mut Report, company: &Company, lives: &[Life], log: &[Message]) {
    let restarts: Vec<f64> = lives.iter().map(|life| life.restart.as_secs_f64() * 1e3).collect();
    let slowest = restarts.iter().copied().fold(0.0, f64::max);
    report.figure(
        "restart_median",
        median(&restarts).unwrap_or(0.0),
        "ms",
        "from spawn to /readyz",
    );
    report.figure("restart_max", slowest, "ms", "from spawn to /readyz");
    let sum = |pick: fn(&player::Memory) -> u64| {
        company.players().iter().map(|one| pick(&one.memory.borrow())).sum::<u64>() as f64
    };
    report.figure("acknowledged", company.acked() as f64, "", "sends, over all lives");
    report.figure("in_the_log", log.len() as f64, "", "messages in the room's history");
    report.figure(
        "answered_as_dup",
        sum(|memory| memory.dups),
        "",
        "durable before the kill, acknowledged after",
    );
    report.figure("resumes", sum(|memory| memory.resumes), "", "open with since that was resumed");
    report.figure("replayed", sum(|memory| memory.replayed), "", "events sent again on resume");
    let connects: u64 = company.players().iter().map(|one| one.connects.get()).sum();
    report.figure("connects", connects as f64, "", "of all clients");
    let gap = company.players().iter().map(|one| one.longest_gap.get()).max().unwrap_or_default();
    report.figure(
        "longest_absence",
        gap.as_secs_f64() * 1e3,
        "ms",
        "lost to open again, any client",
    );
    if !restarts.is_empty() {
        report.goal("restart", slowest, RESTART_GOAL_MS, "ms");
    }
    let row = |life: &Life| {
        json!({
            "lived_ms": life.lived.as_secs_f64() * 1e3,
            "acknowledged": life.acked,
            "restart_ms": life.restart.as_secs_f64() * 1e3,
        })
    };
    report.series("lives", lives.iter().map(row).collect::<Vec<Value>>());
}

pub(super) fn judge(
    report: &mut Report,
    company: &Company,
    (first, log): (u64, &[Message]),
    (all_acked, all_there): (bool, bool),
) {
    let head = log.last().map_or(0, |message| message.seq);
    let (mut sent, mut acked) = (BTreeSet::new(), Vec::new());
    let (mut seen, mut by_seq) = (Faults::default(), Faults::default());
    let (mut broken, mut refusals) = (Vec::new(), Vec::new());
    for player in company.players() {
        let memory = player.memory.borrow();
        sent.extend(memory.sent.iter().cloned());
        acked.extend(memory.acked.iter().cloned());
        let told = log.iter().filter(|message| message.seq > memory.start()).cloned();
        seen.add(compare(&memory.name, &told.collect::<Vec<_>>(), &memory.seen));
        // Other events than messages have seqs too.
        by_seq.add(memory.watch().verdict(head));
        broken.extend(memory.broken.iter().map(|what| format!("{}: {what}", memory.name)));
        refusals.extend(player.refusals.borrow().iter().cloned());
    }
    let in_log = audit(log, first, &acked, &sent);
    let in_log_kinds = [
        ("log_lost", Kind::Lost),
        ("log_doubled", Kind::Doubled),
        ("log_reordered", Kind::Reordered),
        ("log_differs", Kind::Differing),
    ];
    report.faults(&in_log_kinds, in_log);
    let seen_kinds = [
        ("seen_lost", Kind::Lost),
        ("seen_doubled", Kind::Doubled),
        ("seen_reordered", Kind::Reordered),
        ("seen_differs", Kind::Differing),
    ];
    report.faults(&seen_kinds, seen);
    let odd = by_seq.lost + by_seq.doubled + by_seq.reordered;
    report.check("seqs_broken", odd, by_seq.examples);
    report.none_of("contract_broken", broken);
    report.check("unacknowledged", (sent.len() - acked.len().min(sent.len())) as u64, Vec::new());
    report.check("not_finished", u64::from(!all_acked) + u64::from(!all_there), Vec::new());
    if let Some(first) = refusals.first() {
        report.note(format!("{} sign-ins were refused, the first with: {first}", refusals.len()));
    }
}

/// The server's name, and the newest seq of the room before anybody has sent.
pub(super) async fn look(endpoint: &Endpoint, token: &str, room: &str) -> Result<(String, u64)> {
    let (mut client, welcome) = Client::connect(endpoint, token, SignIn::Header).await?;
    let opened = client.open(2, room).await?;
    let head = opened.get("head").and_then(Value::as_u64).context("open told no head")?;
    Ok((welcome.server, head))
}
