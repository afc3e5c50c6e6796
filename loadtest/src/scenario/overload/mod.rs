//! Three times more than the server can do: what it still does in good time, what it says to the
//! rest, and how soon it is itself again.

mod board;
mod fleet;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use self::board::{Counts, STRETCH};
use self::fleet::Fleet;
use crate::chart::Chart;
use crate::check::Kind;
use crate::proc::Process;
use crate::progress::{Progress, note};
use crate::report::{OUR_LIMIT, Report};
use crate::scenario::{Stage, need_files};
use crate::setup;
use crate::timeline::Timeline;

pub(crate) const GOALS: &[&str] = &["goodput_lost", "recovery"];
const LOST_GOAL: f64 = 0.1;
const RECOVERY_GOAL_S: f64 = 5.0;
/// The p99 afterwards may be so many times that of before …
const BACK_TO_NORMAL: f64 = 1.5;
/// … or this, where it was less than a machine's own moods.
const NORMAL_MS: f64 = 5.0;
/// Messages a second that the server takes of one user, less some for uneven clocks.
const USER_RATE: f64 = 18.0;
/// What each step of the search adds.
const STEP: f64 = 1.3;
/// A step that gets less of its messages through than this share has passed the peak.
const PASSED: f64 = 0.8;

#[derive(Args)]
pub(crate) struct Options {
    /// Rooms that messages go to
    #[arg(long, default_value_t = 100)]
    rooms: usize,
    /// Members of each room, each with one session; the server takes 20 messages a second of each
    #[arg(long, default_value_t = 10)]
    members: usize,
    /// Where the search for the peak begins, in messages a second
    #[arg(long, default_value_t = 400.0)]
    from: f64,
    /// The peak, when it is known: no search
    #[arg(long)]
    peak: Option<f64>,
    /// How many times the peak is sent
    #[arg(long, default_value_t = 3.0)]
    times: f64,
    /// How long the overload lasts
    #[arg(long, default_value_t = 120.0)]
    seconds: f64,
    /// How long each step of the search lasts, and half the load before and after
    #[arg(long, default_value_t = 10.0)]
    step_seconds: f64,
    /// An answer or a delivery that comes later is of no use, in milliseconds
    #[arg(long, default_value_t = 1_000)]
    deadline_ms: u64,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(32..=4_000))]
    bytes: u16,
}

/// What one phase came to.
struct Step {
    name: &'static str,
    /// Sends of the phases before that were not answered when it began.
    owed: u64,
    rate: f64,
    seconds: f64,
    phase: usize,
    /// Messages acknowledged in time, a second.
    goodput: f64,
    /// Of one core.
    our_cpu: f64,
    late: Duration,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let users = options.rooms * options.members;
    ensure!(users > 0, "--rooms and --members start at 1");
    for (name, value) in [("from", options.from), ("times", options.times)] {
        ensure!(value > 0.0, "--{name} must be above zero");
        report.option(name, value);
    }
    need_files(users)?;
    for (name, value) in [("rooms", options.rooms), ("members", options.members)] {
        report.option(name, value);
    }
    report.option("seconds", options.seconds);
    report.option("deadline_ms", options.deadline_ms);
    report.option("bytes", options.bytes);
    let target = stage.target(report).await?;
    let fleet = gather(options, stage, &target.endpoint, report).await?;

    let begin = stage.sampler.begin();
    let time = Duration::from_secs_f64(options.step_seconds);
    let mut steps = Vec::new();
    let peak = match options.peak {
        Some(peak) => peak,
        None => search(options, &fleet, time, &mut steps).await?,
    };
    // What the search left is answered first, and what still is uneven then belongs to no figure.
    let is_settled = fleet.settle().await;
    if !is_settled {
        report.note("answers of the search were still missing when the rest began");
    }
    steps.push(press("calming", &fleet, peak / 2.0, time / 2).await?);
    let before = press("before", &fleet, peak / 2.0, time).await?;
    let most = USER_RATE * users as f64;
    if peak * options.times > most {
        report.note(format!(
            "{} users may send {most:.0} messages a second: fewer than {} × the peak; \
             more --rooms or --members",
            users, options.times
        ));
    }
    note("overload");
    let rate = (peak * options.times).min(most);
    let during = press("during", &fleet, rate, Duration::from_secs_f64(options.seconds)).await?;
    let after = press("after", &fleet, peak / 2.0, time.max(Duration::from_secs(8))).await?;
    fleet.settle().await;

    figures(report, &fleet, peak, (&before, &during, &after));
    steps.extend([before, during, after]);
    report.series("phases", rows(&fleet, &steps));
    let mut acks = Timeline::new(begin, STRETCH)?;
    steps.iter().try_for_each(|step| {
        let phase = fleet.board.read(step.phase, |phase| phase.acks.clone());
        phase.map_or(Ok(()), |phase| acks.merge(phase))
    })?;
    report.chart(stage.sampler.efficiency("Acknowledgements", &acks.counts()));
    judge(report, &fleet);
    target.finish(report).await;
    Ok(())
}

async fn gather(
    options: &Options,
    stage: &Stage<'_>,
    endpoint: &crate::endpoint::Endpoint,
    report: &mut Report,
) -> Result<Fleet> {
    let (name, members) = (stage.name(), options.members);
    let users = setup::register(endpoint, &name, options.rooms * members).await?;
    let progress = Progress::new("rooms", options.rooms);
    let (mut clubs, mut rooms) = (Vec::new(), Vec::new());
    for (number, owner) in users.iter().step_by(members).enumerate() {
        let club = setup::make_club(endpoint, owner, &format!("{name}-{number}"), 1).await?;
        rooms.push(club.rooms.first().context("a club without a room")?.clone());
        clubs.push(club.id);
        progress.step(1);
    }
    progress.done();
    let club_of = move |user: usize| clubs.get(user / members).cloned().unwrap_or_default();
    setup::join(endpoint, &users, club_of).await?;
    let room_of = |user: usize| rooms.get(user / members).cloned().unwrap_or_default();
    let limits = (Duration::from_millis(options.deadline_ms), usize::from(options.bytes));
    let (fleet, server) = Fleet::gather(endpoint, &users, room_of, limits).await?;
    report.server = server;
    Ok(fleet)
}

/// Steps up until less gets through than is sent; the most that got through is the peak.
async fn search(
    options: &Options,
    fleet: &Fleet,
    time: Duration,
    steps: &mut Vec<Step>,
) -> Result<f64> {
    let most = USER_RATE * (options.rooms * options.members) as f64;
    let (mut rate, mut peak) = (options.from.min(most), 0.0_f64);
    let progress = Progress::new("peak", 0);
    loop {
        let step = press("search", fleet, rate, time).await?;
        progress.say(format!("{:.0} of {rate:.0} messages/s in time", step.goodput));
        let is_ours = 100.0 * step.our_cpu > OUR_LIMIT;
        let has_passed = step.goodput < PASSED * rate || is_ours;
        if !is_ours || peak == 0.0 {
            peak = peak.max(step.goodput);
        }
        steps.push(step);
        if has_passed || rate >= most {
            break;
        }
        rate = (rate * STEP).min(most);
    }
    progress.done();
    ensure!(peak > 0.0, "nothing was acknowledged in time at {} messages/s", options.from);
    Ok(peak)
}

async fn press(name: &'static str, fleet: &Fleet, rate: f64, time: Duration) -> Result<Step> {
    let owed = fleet.board.unanswered();
    let us = Process::ours();
    let (begin, cpu) = (std::time::Instant::now(), us.cpu()?);
    let (phase, late) = fleet.press(rate, time).await?;
    let seconds = begin.elapsed().as_secs_f64().max(1e-9);
    let our_cpu = us.cpu()?.since(&cpu).as_secs_f64() / seconds;
    let counts = counts(fleet, phase);
    let goodput = counts.acked as f64 / seconds;
    Ok(Step { name, owed, rate, seconds, phase, goodput, our_cpu, late })
}

fn counts(fleet: &Fleet, phase: usize) -> Counts {
    fleet.board.read(phase, |phase| phase.counts.clone()).unwrap_or_default()
}

fn figures(
    report: &mut Report,
    fleet: &Fleet,
    peak: f64,
    (before, during, after): (&Step, &Step, &Step),
) {
    let second = "1/s";
    report.figure("peak", peak, second, "most messages acknowledged in time");
    report.figure("sent", during.rate, second, "messages during the overload");
    // Counted again: the last answers came after the phase.
    let counted = counts(fleet, during.phase);
    let goodput = counted.acked as f64 / during.seconds;
    report.figure("goodput", goodput, second, "of these, acknowledged in time");
    let delivered = counted.delivered as f64 / during.seconds;
    report.figure("delivered", delivered, second, "deliveries in time");
    let late = counted.acked_late as f64 / during.seconds;
    report.figure("acked_late", late, second, "acknowledged too late to be of use");
    let refused = counted.all_refused() as f64 / during.seconds;
    report.figure("refused", refused, second, "refused with a time to come back");
    report.figure("lags", fleet.lags() as f64, "", "times a session turned from push to pull");
    let kept = [("load_tester_before", before), ("load_tester_cpu", during)];
    for (name, step) in kept {
        report.figure(name, 100.0 * step.our_cpu, "%", "of one core, by the load tester");
    }
    let late = during.late.as_secs_f64() * 1e3;
    report.figure(
        "sender_late_p99",
        late,
        "ms",
        "the load tester's own delay, inside all latencies",
    );
    let p99 = |step: &Step| {
        let times = |phase: &board::Phase| phase.acks.total().value_at_quantile(0.99) as f64 / 1e3;
        fleet.board.read(step.phase, times).unwrap_or(0.0)
    };
    let about = "due to acknowledged, at half the peak, with nothing left of the search";
    report.figure("p99_before", p99(before), "ms", about);
    report.figure("p99_during", p99(during), "ms", "of what was taken");
    report.figure("p99_after", p99(after), "ms", "at half the peak again");
    report.goal("goodput_lost", 1.0 - goodput / peak, LOST_GOAL, "of peak");
    let normal = (p99(before) * BACK_TO_NORMAL).max(NORMAL_MS);
    if let Some(recovery) = recovery(fleet, after, normal) {
        report.goal("recovery", recovery, RECOVERY_GOAL_S, "s");
    }
    for (name, title, step) in
        [("during", "Acknowledged during the overload", during), ("after", "And afterwards", after)]
    {
        let chart = fleet.board.read(step.phase, |phase| phase.acks.chart(name, title));
        chart.into_iter().for_each(|chart| report.chart(chart));
    }
    let steps = [("before", before), ("during", during), ("after", after)];
    let times = steps.map(|(name, step)| {
        let times = fleet.board.read(step.phase, |phase| phase.acks.total().clone());
        times.map(|times| (name.to_owned(), times))
    });
    let times: Vec<_> = times.into_iter().flatten().collect();
    let lines = times.iter().map(|(name, times)| (name.clone(), times));
    report.chart(Chart::percentiles("latency", "From due to acknowledged", lines));
}

/// Seconds until the p99 was back and stayed.
fn recovery(fleet: &Fleet, after: &Step, normal_ms: f64) -> Option<f64> {
    let rows = fleet.board.read(after.phase, |phase| phase.acks.series())?;
    let late = rows.as_array()?.iter().rev().find(|row| {
        let p99 = row.get("p99_us").and_then(Value::as_f64).unwrap_or(f64::MAX);
        p99 / 1e3 > normal_ms
    });
    let end = |row: &Value| row.get("at_s").and_then(Value::as_f64).unwrap_or(0.0);
    Some(late.map_or(0.0, |row| end(row) + STRETCH.as_secs_f64()))
}

fn rows(fleet: &Fleet, steps: &[Step]) -> Value {
    let row = |step: &Step| {
        json!({
            "name": step.name,
            "owed": step.owed,
            "rate": step.rate,
            "seconds": step.seconds,
            "goodput": step.goodput,
            "counts": counts(fleet, step.phase),
            "load_tester_cpu": step.our_cpu,
            "sender_late_p99_ms": step.late.as_secs_f64() * 1e3,
            "acks": fleet.board.read(step.phase, |phase| phase.acks.series()),
        })
    };
    steps.iter().map(row).collect()
}

fn judge(report: &mut Report, fleet: &Fleet) {
    let kinds = [("lost", Kind::Lost), ("doubled", Kind::Doubled), ("reordered", Kind::Reordered)];
    report.faults(&kinds, fleet.verdict());
    let owed = fleet.board.owed();
    report.check("unanswered", fleet.board.unanswered(), owed);
    report.none_of("contract_broken", fleet.board.broken.borrow().clone());
    report.none_of("sessions_ended", fleet.endings());
}
