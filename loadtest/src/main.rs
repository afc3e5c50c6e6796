//! Load generator, checker and baselines for a Moim server.
//!
//! * `scenario/` one file or folder per load shape; each fills a `Report`.
//! * `client`, `frame`, `http`: the cheap clients. `crowd`: a room full of them, and what they saw. `setup`: users, clubs and rooms by REST.
//! * `server`: starts and ends the server under test. `proc`: what it costs, from `/proc`.
//! * `pace`: when open-loop sends are due. `timeline`: latency over time. `sample`: CPU and memory
//!   over time. `chart`: pictures as data.
//! * `check`: lost, doubled, reordered. `report`: figures, checks and goals, for people or as JSON.
//! * `baseline/`: what the server is compared with in the same run.

mod baseline;
mod chart;
mod check;
mod cli;
mod client;
mod crowd;
mod frame;
mod http;
mod pace;
mod proc;
mod progress;
mod report;
mod sample;
mod scenario;
mod server;
mod setup;
mod table;
mod timeline;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use crate::cli::{Cli, Command};
use crate::progress::warn;

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

async fn run(cli: Cli) -> anyhow::Result<bool> {
    let Cli { command, common } = cli;
    let mut report = scenario::run(&command, &common).await?;
    report.close();
    if let Some(folder) = &common.out {
        let file = report.keep(folder)?;
        warn(&format!("kept in {}", file.display()));
    }
    if common.json {
        warn(&report.text());
        std::io::stdout().write_all(report.json()?.as_bytes())?;
    } else {
        std::io::stdout().write_all(report.text().as_bytes())?;
    }
    Ok(report.passed)
}
