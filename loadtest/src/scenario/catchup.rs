//! Clients that are some hundred messages behind come back at once: how long until the last has
//! everything, and what a replayed event costs.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;

use crate::chart::{Axis, Chart, Line};
use crate::client::SignIn;
use crate::progress::Progress;
use crate::report::{Report, median, microseconds};
use crate::scenario::{Stage, need_files};
use crate::server::Target;
use crate::town::{Deed, Folk, Manner, Meter, Room, Spent, Town};

pub(crate) const GOALS: &[&str] = &["caught_up"];
const CAUGHT_UP_GOAL_S: f64 = 5.0;
/// They stay connected and send; the server takes a burst of 200 messages of one user.
const SENDERS: usize = 10;

#[derive(Args)]
pub(crate) struct Options {
    /// Clients that come back
    #[arg(long, default_value_t = 500)]
    clients: usize,
    /// Messages that they are behind; a resume takes up to 5,000
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=4_900))]
    behind: u32,
    /// Times that they come back, each followed by one with nothing to catch up
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(32..=4_000))]
    bytes: u16,
}

/// One return of all clients.
struct Return {
    took: Duration,
    spent: Spent,
    replayed: u64,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let Options { clients, behind, rounds, .. } = *options;
    ensure!(clients > 0 && rounds > 0, "--clients and --rounds start at 1");
    need_files(clients + SENDERS)?;
    report.option("clients", clients);
    report.option("behind", behind);
    report.option("rounds", rounds);
    report.option("bytes", options.bytes);
    let target = stage.target(report).await?;
    let people = clients + SENDERS;
    let town = Town::build(&target.endpoint, &stage.name(), people, &[people]).await?;
    let room = town.rooms.first().context("no room")?.clone();
    let manner =
        Manner { sign_in: SignIn::FirstFrame, bytes: options.bytes.into(), at_once: people };
    let folk = Folk::of_town(&target.endpoint, &town, &manner)?;
    folk.gather().await?;

    stage.sampler.begin();
    let (mut returns, mut level, mut times) = (Vec::new(), Vec::new(), microseconds()?);
    let progress = Progress::new("rounds", 2 * rounds);
    for _ in 0..rounds {
        for (count, outcomes) in [(behind, &mut returns), (0, &mut level)] {
            let (outcome, arrivals) = come_back(&folk, &target, &room, count).await?;
            if count > 0 {
                times.add(arrivals)?;
            }
            outcomes.push(outcome);
            progress.step(1);
        }
    }
    progress.done();
    figures(report, &returns, &level);
    let names = ["each_p50", "each_p99", "each_p999", "each_max"];
    report.latency(names, &times, "of one client: from its connect until it has everything");
    let lines = [("behind", &returns), ("level", &level)].map(|(label, outcomes)| {
        let at =
            |(round, outcome): (usize, &Return)| (round as f64 + 1.0, outcome.took.as_secs_f64());
        Line::new(label, outcomes.iter().enumerate().map(at).collect())
    });
    let (x, y) = (Axis::linear("round", ""), Axis::linear("until the last is level", "s"));
    let title = "Return of all clients".to_owned();
    report.chart(Chart { name: "returns", title, x, y, lines: lines.into() });
    report.chart(efficiency(&returns));
    report.chart(Chart::percentiles(
        "arrival",
        "Until a client has everything",
        [("behind".to_owned(), &times)],
    ));
    folk.judge(report);
    drop(folk);
    target.finish(report).await;
    Ok(())
}

/// What the server sends again by the CPU time it takes, connects and sign-ins included.
fn efficiency(returns: &[Return]) -> Chart {
    let points = returns.iter().zip(1..).filter_map(|(outcome, round)| {
        let used = outcome.spent.server?.as_secs_f64();
        (used > 0.0).then(|| (f64::from(round), outcome.replayed as f64 / used))
    });
    Chart {
        name: "per_cpu_second",
        title: "Replayed events per CPU-second, round by round".to_owned(),
        x: Axis::linear("round", ""),
        y: Axis::linear("events", "1/CPU-s"),
        lines: vec![Line::new("server", points.collect())],
    }
}

/// All leave, `count` messages are sent, all come back.
async fn come_back(
    folk: &Folk,
    target: &Target,
    room: &Rc<Room>,
    count: u32,
) -> Result<(Return, hdrhistogram::Histogram<u64>)> {
    let clients = SENDERS..folk.len();
    clients.clone().for_each(|index| folk.leave(index));
    for number in 0..count {
        folk.send(usize::try_from(number)? % SENDERS, room, Instant::now()).await;
    }
    ensure!(folk.settle().await, "the senders did not get their messages through");
    folk.tally().take()?;
    folk.tally().forget_arrivals();
    let meter = Meter::start(target.process)?;
    let begin = Instant::now();
    clients.clone().for_each(|index| folk.arrive(index));
    let wanted = clients.len();
    let is_done = folk.wait_until(|| folk.tally().arrived() >= wanted).await;
    ensure!(is_done, "{} of {wanted} clients came back", folk.tally().arrived());
    let took = folk.tally().arrived_at() - begin;
    let spent = meter.stop()?;
    let noted = folk.tally().take()?;
    let arrivals = noted.deed(Deed::Arrive).context("no arrivals")?.clone();
    Ok((Return { took, spent, replayed: noted.replayed }, arrivals))
}

fn figures(report: &mut Report, returns: &[Return], level: &[Return]) {
    let middle = |of: &[Return], pick: fn(&Return) -> Option<f64>| {
        median(&of.iter().filter_map(pick).collect::<Vec<_>>())
    };
    let took = |outcome: &Return| Some(outcome.took.as_secs_f64());
    let cpu = |outcome: &Return| Some(outcome.spent.server?.as_secs_f64() * 1e6);
    if let Some(took) = middle(returns, took) {
        report.figure(
            "caught_up",
            took,
            "s",
            "until the last has everything, median of the rounds",
        );
        report.goal("caught_up", took, CAUGHT_UP_GOAL_S, "s");
    }
    if let Some(took) = middle(level, took) {
        report.figure("caught_up_level", took, "s", "the same with nothing to catch up");
    }
    let replayed = returns.first().map_or(0, |outcome| outcome.replayed);
    report.figure("replayed", replayed as f64, "", "events of one round, all clients");
    if let (Some(behind), Some(level)) = (middle(returns, cpu), middle(level, cpu)) {
        let each = (behind - level) / replayed.max(1) as f64;
        report.figure("cpu_per_replayed", each, "µs", "of the server, less that of a level return");
    }
    let ours = returns.iter().map(|outcome| outcome.spent.our_share()).fold(0.0, f64::max);
    report.figure("load_tester_cpu", ours, "%", "of one core: near 100, the clients are the limit");
    let rows = |of: &[Return]| {
        let row = |outcome: &Return| {
            json!({
                "took_s": outcome.took.as_secs_f64(),
                "replayed": outcome.replayed,
                "server_cpu_s": outcome.spent.server.map(|cpu| cpu.as_secs_f64()),
                "load_tester_cpu_s": outcome.spent.ours.as_secs_f64(),
            })
        };
        of.iter().map(row).collect::<Vec<_>>()
    };
    report.series("rounds", json!({"behind": rows(returns), "level": rows(level)}));
}
