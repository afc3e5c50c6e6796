//! Load generator, checker and baselines for a Moim server.
//!
//! * `scenario/` one file or folder per load shape; each fills a `Report`.
//! * `client`, `frame`, `http`, `endpoint`: the cheap clients, and whom they call. `crowd`: a room full of them, and what they saw.
//!   `setup`: users, clubs and rooms by REST.
//! * `town/`: sessions that follow rooms, judged by seq over lost connections.
//! * `server`: starts and ends the server under test, on a free `port`; `driven`: which one it is. `proc`: what it costs, from `/proc`. `cage`: a bound on its memory.
//! * `pace`: when open-loop sends are due. `scan`: what a delivery says. `timeline`: latency over time. `sample`: CPU and memory
//!   over time, of each `subject`. `chart`: pictures as data.
//! * `check`: lost, doubled, reordered. `report`: figures, checks and goals, for people or as JSON;
//!   `page`: as a page with pictures.
//! * `cost`, `nodes`, `metrics`: CPU of several processes, of each node, and what the server counts itself.
//! * `database`, `postgres`: what the server writes to; a PostgreSQL of our own.
//! * `disk/`: a disk that remembers what was synced, fails on demand and loses power.
//! * `baseline/`: what the server is compared with in the same run.
//! * `chaos/`: a proxy that does to connections what networks do.

mod baseline;
mod cage;
mod chaos;
mod chart;
mod check;
mod cli;
mod client;
mod cost;
mod crowd;
mod database;
mod date;
mod disk;
mod driven;
mod endpoint;
mod frame;
mod http;
mod json;
mod metrics;
mod nodes;
mod pace;
mod page;
mod port;
mod postgres;
mod proc;
mod progress;
mod report;
mod sample;
mod scan;
mod scenario;
mod server;
mod setup;
mod sse;
mod subject;
mod table;
mod timeline;
mod town;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use crate::cli::{Cli, Command, Common};
use crate::progress::warn;
use crate::report::Report;

/// Where results are kept, from the project's folder.
const RESULTS: &str = "loadtest/results";
/// The run could not be made; a run that failed its checks ends with 1.
const NOT_RUN: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            warn(&format!("error: {error:#}"));
            ExitCode::from(NOT_RUN)
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<bool> {
    if let Command::Baseline(options) = &cli.command {
        baseline::serve(options)?;
        return Ok(true);
    }
    if let Command::UpgradeServer = &cli.command {
        baseline::upgrade::serve()?;
        return Ok(true);
    }
    if let Command::GroupCommit(options) = &cli.command {
        baseline::groupcommit::serve(options)?;
        return Ok(true);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut terminate = signal(SignalKind::terminate())?;
        // Dropping the run ends the processes it started.
        tokio::select! {
            passed = run(cli) => passed,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
            _ = terminate.recv() => anyhow::bail!("told to stop"),
        }
    })
}

/// A run whose report could not be kept would be for nothing.
fn check_folder(common: &Common) -> anyhow::Result<()> {
    let results = Path::new(RESULTS);
    if common.keep {
        anyhow::ensure!(
            results.is_dir(),
            "no {RESULTS} here: run it from the project's folder, or use --out"
        );
        return driven::check_folder(results);
    }
    common.out.as_deref().map_or(Ok(()), driven::check_folder)
}

/// Where the report is kept, if it is.
fn folder(common: &Common, report: &Report) -> Option<PathBuf> {
    if !common.keep {
        return common.out.clone();
    }
    let name = format!("{}-{}", report.date(), report.machine.short_name());
    Some(Path::new(RESULTS).join(name))
}

async fn run(cli: Cli) -> anyhow::Result<bool> {
    let Cli { command, common } = cli;
    if let Command::Proxy(options) = &command {
        chaos::run(options, common.seed).await?;
        return Ok(true);
    }
    check_folder(&common)?;
    let mut report = scenario::run(&command, &common).await?;
    report.close();
    if common.json {
        warn(&report.text());
        std::io::stdout().write_all(report.json()?.as_bytes())?;
    } else {
        std::io::stdout().write_all(report.text().as_bytes())?;
    }
    // Last: whatever becomes of the disk, the report has been told.
    if let Some(folder) = folder(&common, &report) {
        let file = report.keep(&folder)?;
        warn(&format!("kept in {}", file.display()));
    }
    Ok(report.passed)
}
