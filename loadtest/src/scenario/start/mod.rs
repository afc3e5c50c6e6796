//! From spawn to `/readyz`: on an empty folder, on a large database, and on one whose writer was
//! killed with a large write-ahead log.

mod fill;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use self::fill::{Filled, Shape};
use crate::chart::{Axis, Chart, Line};
use crate::client::{Client, SignIn};
use crate::database::Database;
use crate::progress::{Progress, note};
use crate::report::{Report, median};
use crate::scenario::Stage;
use crate::server::{Server, Target};
use crate::setup;

pub(crate) const GOALS: &[&str] = &["ready_empty", "ready_full"];
const EMPTY_GOAL_MS: f64 = 200.0;
const FULL_GOAL_MS: f64 = 1_000.0;

#[derive(Args)]
pub(crate) struct Options {
    /// Messages in the large database; ten million are about 5 GB in the temporary folder
    #[arg(long, default_value_t = 10_000_000)]
    messages: u64,
    /// Accounts in it
    #[arg(long, default_value_t = 10_000)]
    users: u32,
    /// Clubs in it, each with four rooms besides its `general`
    #[arg(long, default_value_t = 500)]
    clubs: u32,
    /// Starts of each kind
    #[arg(long, default_value_t = 5)]
    starts: usize,
    /// Size of the write-ahead log that a killed writer left
    #[arg(long, default_value_t = 64)]
    wal_mib: u64,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    ensure!(options.starts > 0, "--starts starts at 1");
    ensure!(options.users > 0 && options.clubs > 0, "--users and --clubs start at 1");
    report.option("messages", options.messages);
    report.option("users", options.users);
    report.option("clubs", options.clubs);
    report.option("starts", options.starts);
    report.option("wal_mib", options.wal_mib);
    let mut target = stage.target(report).await?;
    let Some(Database::Sqlite(file)) = target.database.clone() else {
        bail!("start fills the SQLite file of a server of its own: no --url, no PostgreSQL");
    };
    let empty = on_empty_folders(options, stage).await?;

    // A person who can sign in, and whose club is the first to be filled.
    let name = stage.name();
    let users = setup::register(&target.endpoint, &name, 1).await?;
    let user = users.into_iter().next().context("no user")?;
    let club = setup::make_club(&target.endpoint, &user, &name, 1).await?;
    let room = club.rooms.first().context("no room")?.clone();
    let server = target.server.as_mut().context("no server of our own")?;
    server.stop().await?;
    note(&format!("filling {}", file.display()));
    let shape = Shape { messages: options.messages, users: options.users, clubs: options.clubs };
    let seed = stage.seed;
    let fill = {
        let file = file.clone();
        move || fill::fill(&file, shape, seed)
    };
    let filled = tokio::task::spawn_blocking(fill).await??;

    let mut wrong = Vec::new();
    let mut full = Vec::new();
    for _ in 0..options.starts {
        full.push(server.start(stage.pins.as_ref()).await?);
        wrong.extend(wrong_head(server, &user.token, &room, filled.first_head).await?);
        server.stop().await?;
    }
    let wal = fill::leave_wal(&file, options.wal_mib)?;
    let after_wal = server.start(stage.pins.as_ref()).await?;
    let mut killed = Vec::new();
    for _ in 0..options.starts {
        server.kill().await?;
        killed.push(server.start(stage.pins.as_ref()).await?);
    }
    wrong.extend(wrong_head(server, &user.token, &room, filled.first_head).await?);
    report.server = welcome(server, &user.token).await?;
    figures(report, &filled, &Times { empty, full, killed, after_wal, wal });
    report.none_of("wrong_heads", wrong);
    target.finish(report).await;
    Ok(())
}

/// Each start on a folder of its own.
async fn on_empty_folders(options: &Options, stage: &Stage<'_>) -> Result<Vec<Duration>> {
    let progress = Progress::new("empty", options.starts);
    let mut times = Vec::new();
    for _ in 0..options.starts {
        let reading = (stage.pins.as_ref(), &stage.sampler);
        let mut target = Target::prepare_with(stage.common, reading, &[], None).await?;
        times.extend(target.ready);
        if let Some(server) = &mut target.server {
            server.stop().await?;
        }
        progress.step(1);
    }
    progress.done();
    Ok(times)
}

/// A server that is ready must know what it has.
async fn wrong_head(
    server: &Server,
    token: &str,
    room: &str,
    expected: u64,
) -> Result<Option<String>> {
    let endpoint = server.endpoint();
    let (mut client, _) = Client::connect(&endpoint, token, SignIn::FirstFrame).await?;
    let opened = client.open(2, room).await?;
    let head = opened.get("head").and_then(Value::as_u64);
    let is_right = head == Some(expected);
    Ok((!is_right).then(|| format!("{room} has its head at {head:?}, filled up to {expected}")))
}

async fn welcome(server: &Server, token: &str) -> Result<String> {
    let (_client, welcome) = Client::connect(&server.endpoint(), token, SignIn::FirstFrame).await?;
    Ok(welcome.server)
}

struct Times {
    empty: Vec<Duration>,
    full: Vec<Duration>,
    killed: Vec<Duration>,
    after_wal: Duration,
    /// Bytes of the log that the server found.
    wal: u64,
}

fn figures(report: &mut Report, filled: &Filled, times: &Times) {
    let millis = |times: &[Duration]| -> Vec<f64> {
        times.iter().map(|time| time.as_secs_f64() * 1e3).collect()
    };
    let (empty, full, killed) = (millis(&times.empty), millis(&times.full), millis(&times.killed));
    report.figure("messages", filled.messages as f64, "", "in the large database");
    report.figure("database_size", filled.bytes as f64 / 1048576.0, "MiB", "of its file");
    let most = |times: &[f64]| times.iter().copied().fold(0.0, f64::max);
    report.figure("ready_empty_max", most(&empty), "ms", "from spawn to /readyz, empty folder");
    report.figure("ready_full_max", most(&full), "ms", "large database, ended in order before");
    report.figure("ready_killed_max", most(&killed), "ms", "large database, killed before");
    report.figure("wal_left", times.wal as f64 / 1048576.0, "MiB", "by a writer that was killed");
    let after_wal = times.after_wal.as_secs_f64() * 1e3;
    report.figure("ready_wal", after_wal, "ms", "large database with that log");
    if let Some(middle) = median(&empty) {
        report.goal("ready_empty", middle, EMPTY_GOAL_MS, "ms");
    }
    // The worst of what a large database was started from.
    let worst = most(&full).max(most(&killed)).max(after_wal);
    report.goal("ready_full", worst, FULL_GOAL_MS, "ms");
    report.note("the file is in the page cache: a start from a cold disk is slower");
    let line = |label: &str, times: &[f64]| {
        Line::new(label, (1..).zip(times).map(|(i, time)| (f64::from(i), *time)).collect())
    };
    report.chart(Chart {
        name: "ready",
        title: "From spawn to ready".to_owned(),
        x: Axis::linear("start", ""),
        y: Axis::linear("time", "ms"),
        lines: vec![line("empty", &empty), line("large", &full), line("killed", &killed)],
    });
    report.series("starts", json!({"empty_ms": empty, "full_ms": full, "killed_ms": killed}));
}
