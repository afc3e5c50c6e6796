//! Thousands of clients lose the server and come back at once: connect, sign in, resume. In the same
//! run, in turn, the same clients only connect and upgrade, to a process that does nothing else.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::baseline::Baseline;
use crate::chart::{Axis, Chart, Line};
use crate::client::{Client, SignIn};
use crate::endpoint::Endpoint;
use crate::http::Http;
use crate::progress::{Progress, note};
use crate::report::{Report, median, microseconds};
use crate::scenario::{Stage, need_files};
use crate::server::{Server, Target};
use crate::town::{Deed, Folk, Manner, Meter, Spent, Town};

pub(crate) const GOALS: &[&str] = &["storm_ratio", "statements"];
const RATIO_GOAL: f64 = 2.0;
/// SQL statements for each client that resumes.
const STATEMENTS_GOAL: f64 = 0.1;
const STATEMENTS: &str = "moim_sql_statements_total";
/// A storm that takes longer has failed.
const STORM_LIMIT: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Loss {
    /// SIGKILL
    Kill,
    /// SIGTERM: the server drains
    Term,
}

#[derive(Args)]
pub(crate) struct Options {
    /// Clients, each of a user of its own
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Rooms that each has open
    #[arg(long, default_value_t = 2)]
    opened: usize,
    /// Members of a room
    #[arg(long, default_value_t = 1_000)]
    members: usize,
    /// Messages on their way when the server is lost; most of them acknowledged
    #[arg(long, default_value_t = 200)]
    messages: usize,
    /// Losses, each beside one run of accept and upgrade alone
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// How the server is lost
    #[arg(long, value_enum, default_value = "kill")]
    loss: Loss,
    /// Clients that may be between connecting and being signed in [default: all]
    #[arg(long)]
    at_once: Option<usize>,
}

/// All clients came back once.
struct Return {
    took: Duration,
    spent: Spent,
    /// The server's statements meanwhile.
    statements: Option<f64>,
    retries: u64,
    ready: Duration,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let Options { connections, opened, messages, pairs, loss, .. } = *options;
    let members = options.members.min(connections);
    ensure!(
        stage.common.url.is_none(),
        "storm ends and starts the server again: it cannot drive one by --url"
    );
    ensure!(connections > 1 && pairs > 0 && opened > 0 && members > 1, "too small to be a storm");
    need_files(connections)?;
    report.option("connections", connections);
    report.option("opened", opened);
    report.option("members", members);
    report.option("messages", messages);
    report.option("pairs", pairs);
    report.option("loss", format!("{loss:?}").to_lowercase());
    let at_once = options.at_once.unwrap_or(connections);
    report.option("at_once", at_once);
    let mut target = stage.target(report).await?;
    let sizes = vec![members; (connections * opened).div_ceil(members)];
    let town = Town::build(&target.endpoint, &stage.name(), connections, &sizes).await?;
    let manner = Manner { sign_in: SignIn::Header, bytes: 100, at_once };
    let folk = Folk::of_town(&target.endpoint, &town, &manner)?;
    folk.gather().await?;

    stage.sampler.begin();
    let (mut returns, mut bare, mut times) = (Vec::new(), Vec::new(), microseconds()?);
    for pair in 1..=pairs {
        note(&format!("loss {pair} of {pairs}"));
        send_and_lose(&folk, &town, &mut target, options).await?;
        bare.push(upgrade_all(connections, at_once, stage).await?);
        let server = target.server.as_mut().context("the server is not ours")?;
        let ready = server.start(stage.pins.as_ref()).await?;
        target.process = server.process();
        returns.push(come_back(&folk, &target, ready).await?);
        ensure!(folk.settle().await, "not everything came after the storm");
        if let Some(arrivals) = folk.tally().take()?.deed(Deed::Arrive) {
            times.add(arrivals)?;
        }
    }
    figures(report, &returns, &bare, connections);
    let names = ["resumed_p50", "resumed_p99", "resumed_p999", "resumed_max"];
    report.latency(names, &times, "of one client: from its first try until it is level");
    let resumed = [("resumed".to_owned(), &times)];
    report.chart(Chart::percentiles("resumed", "Until a client is level again", resumed));
    folk.judge(report);
    drop(folk);
    target.finish(report).await;
    Ok(())
}

/// Sends, waits until most is acknowledged, and takes the server away under the rest.
async fn send_and_lose(
    folk: &Folk,
    town: &Town,
    target: &mut Target,
    options: &Options,
) -> Result<()> {
    for number in 0..options.messages {
        let user = number * 7 % folk.len();
        if let Some(room) = town.rooms_of(user).first() {
            folk.send(user, room, Instant::now()).await;
        }
    }
    let left = options.messages / 10;
    ensure!(folk.wait_until(|| folk.unanswered() <= left).await, "sends were not acknowledged");
    folk.expect_loss(true);
    let server: &mut Server = target.server.as_mut().context("the server is not ours")?;
    match options.loss {
        Loss::Kill => server.kill().await?,
        Loss::Term => server.stop().await?,
    }
    // Their sockets end by themselves, but those that were being written to may need a while.
    (0..folk.len()).for_each(|index| folk.leave(index));
    Ok(())
}

async fn come_back(folk: &Folk, target: &Target, ready: Duration) -> Result<Return> {
    let mut http = Http::new(target.endpoint.clone());
    let statements = http.metric(STATEMENTS).await?;
    folk.tally().take()?;
    folk.tally().forget_arrivals();
    let retries = folk.tally().retries();
    let count = folk.len();
    let progress = Progress::new("resumed", count);
    let meter = Meter::start(target.process)?;
    let begin = Instant::now();
    (0..count).for_each(|index| folk.arrive(index));
    let mut again = begin;
    let is_done = || {
        let arrived = folk.tally().arrived();
        progress.reach(arrived);
        // Who was dropped in the crush comes again, as a client does.
        if again.elapsed() > Duration::from_secs(1) {
            again = Instant::now();
            (0..count).for_each(|index| folk.arrive(index));
        }
        arrived >= count || begin.elapsed() > STORM_LIMIT
    };
    folk.wait_until(is_done).await;
    progress.done();
    let spent = meter.stop()?;
    ensure!(folk.tally().arrived() >= count, "{} of {count} resumed", folk.tally().arrived());
    folk.expect_loss(false);
    let after = http.metric(STATEMENTS).await?;
    Ok(Return {
        took: folk.tally().arrived_at() - begin,
        spent,
        statements: statements.zip(after).map(|(before, after)| after - before),
        retries: folk.tally().retries() - retries,
        ready,
    })
}

/// The same number of clients, to a process that only accepts and upgrades.
async fn upgrade_all(count: usize, at_once: usize, stage: &Stage<'_>) -> Result<Return> {
    let upgrader = Baseline::upgrading(stage.pins.as_ref())?;
    let _followed = stage.sampler.follow("accept and upgrade", upgrader.process());
    let endpoint = Rc::new(Endpoint::local(upgrader.addr));
    let gate = Rc::new(tokio::sync::Semaphore::new(at_once));
    let retries = Rc::new(Cell::new(0));
    let meter = Meter::start(Some(upgrader.process()))?;
    let begin = Instant::now();
    let mut arriving = JoinSet::new();
    for _ in 0..count {
        let (endpoint, gate, retries) = (endpoint.clone(), gate.clone(), retries.clone());
        arriving.spawn_local(async move {
            let _turn = gate.acquire().await;
            while begin.elapsed() < STORM_LIMIT {
                match Client::upgrade(&endpoint, Some("none")).await {
                    Ok(client) => return Some((client, Instant::now())),
                    Err(_again) => retries.update(|retries| retries + 1),
                }
            }
            None
        });
    }
    let (mut held, mut last) = (Vec::with_capacity(count), begin);
    while let Some(arrived) = arriving.join_next().await {
        let (client, at) = arrived?.context("the upgrader did not take everyone")?;
        last = last.max(at);
        held.push(client);
    }
    let spent = meter.stop()?;
    let took = last - begin;
    Ok(Return { took, spent, statements: None, retries: retries.get(), ready: Duration::ZERO })
}

fn figures(report: &mut Report, returns: &[Return], bare: &[Return], count: usize) {
    let middle = |of: &[Return], pick: &dyn Fn(&Return) -> Option<f64>| {
        median(&of.iter().filter_map(pick).collect::<Vec<_>>())
    };
    let took = |outcome: &Return| Some(outcome.took.as_secs_f64());
    let cpu = |outcome: &Return| outcome.spent.each_us(count as u64);
    let ratio = |(ours, bare): (&Return, &Return)| {
        ours.took.as_secs_f64() / bare.took.as_secs_f64().max(1e-9)
    };
    let ratios: Vec<f64> = returns.iter().zip(bare).map(ratio).collect();
    report.figure(
        "resumed",
        middle(returns, &took).unwrap_or(0.0),
        "s",
        "until the last is resumed",
    );
    report.figure("upgraded", middle(bare, &took).unwrap_or(0.0), "s", "accept and upgrade alone");
    if let Some(ratio) = median(&ratios) {
        report.figure("storm_ratio", ratio, "×", "resumed by upgraded, median of the pairs");
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        report.figure("storm_ratio_least", least, "×", "of the pairs");
        let most = ratios.iter().copied().fold(0.0, f64::max);
        report.figure("storm_ratio_most", most, "×", "of the pairs");
        report.goal("storm_ratio", ratio, RATIO_GOAL, "×");
    }
    for (name, of) in [("cpu_per_client", returns), ("cpu_per_client_bare", bare)] {
        if let Some(each) = middle(of, &cpu) {
            report.figure(name, each, "µs", "of the server, or of accept and upgrade alone");
        }
    }
    match middle(returns, &|outcome| Some(outcome.statements? / count as f64)) {
        Some(each) => {
            report.figure("statements_per_client", each, "", "SQL while all resumed");
            report.goal("statements", each, STATEMENTS_GOAL, "");
        }
        None => report.note(format!("the server does not count {STATEMENTS}")),
    }
    let restart = returns.iter().map(|outcome| outcome.ready.as_secs_f64() * 1e3);
    report.figure("restart_max", restart.fold(0.0, f64::max), "ms", "from spawn to /readyz");
    let retries: u64 = returns.iter().map(|outcome| outcome.retries).sum();
    report.figure("retries", retries as f64, "", "connections that were tried again, all losses");
    let share = |of: &[Return]| of.iter().map(|one| one.spent.our_share()).fold(0.0, f64::max);
    let about = "of one core: near 100, the clients are the limit";
    report.figure("load_tester_cpu", share(returns), "%", about);
    report.figure("load_tester_cpu_bare", share(bare), "%", about);
    rows(report, returns, bare);
}

/// Each loss, as it was.
fn rows(report: &mut Report, returns: &[Return], bare: &[Return]) {
    let line = |label: &str, of: &[Return]| {
        let at = |(round, one): (usize, &Return)| (round as f64 + 1.0, one.took.as_secs_f64());
        Line::new(label, of.iter().enumerate().map(at).collect())
    };
    let (x, y) = (Axis::linear("pair", ""), Axis::linear("until the last client", "s"));
    let lines = vec![line("resumed", returns), line("upgraded", bare)];
    let title = "All clients at once".to_owned();
    report.chart(Chart { name: "storms", title, x, y, lines });
    let row = |one: &Return| -> Value {
        json!({
            "took_s": one.took.as_secs_f64(),
            "cpu_s": one.spent.server.map(|cpu| cpu.as_secs_f64()),
            "load_tester_cpu_s": one.spent.ours.as_secs_f64(),
            "statements": one.statements,
            "retries": one.retries,
        })
    };
    let all = |of: &[Return]| of.iter().map(row).collect::<Vec<_>>();
    report.series("rounds", json!({"resumed": all(returns), "upgraded": all(bare)}));
}
