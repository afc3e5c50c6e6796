//! Many join one room within seconds: how often everybody is told, beside telling each of each.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::chart::Chart;
use crate::client::SignIn;
use crate::pace::Pace;
use crate::progress::Progress;
use crate::report::Report;
use crate::scenario::{Stage, need_files};
use crate::town::{Deed, Folk, Manner, Meter, Noted, Room, Spent, Town};

pub(crate) const GOALS: &[&str] = &["presence_share"];
/// Of what telling each join to each would send.
const SHARE_GOAL: f64 = 0.02;

#[derive(Args)]
pub(crate) struct Options {
    /// Clients that sign in and open the room
    #[arg(long, default_value_t = 2_000)]
    joins: usize,
    /// Seconds within which they do, at an even rate
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How many leave again, in percent; they are online for ten seconds more
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(0..=90))]
    leave: u8,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let Options { joins, seconds, leave } = *options;
    ensure!(joins > 1 && seconds > 0.0, "--joins starts at 2, --seconds above zero");
    need_files(joins)?;
    report.option("joins", joins);
    report.option("seconds", seconds);
    report.option("leave", leave);
    let target = stage.target(report).await?;
    let town = Town::build(&target.endpoint, &stage.name(), joins, &[joins]).await?;
    let room = town.rooms.first().context("no room")?.clone();
    // By header: a session that names no wishes hears everything.
    let manner = Manner { sign_in: SignIn::Header, bytes: 32, at_once: joins };
    let folk = Folk::of_town(&target.endpoint, &town, &manner)?;

    let meter = Meter::start(target.process)?;
    let begin = stage.sampler.begin();
    let mut pace = Pace::per_second(joins as f64 / seconds)?;
    let progress = Progress::new("joins", joins);
    for index in 0..joins {
        pace.due().await;
        folk.arrive(index);
        progress.step(1);
    }
    progress.done();
    ensure!(
        folk.wait_until(|| folk.tally().arrived() >= joins).await,
        "{} of {joins} joined",
        folk.tally().arrived()
    );
    let joined = folk.tally().arrived_at() - begin;
    let wrong = wait_for_count(&folk, &room, joins).await;
    let agreed = begin.elapsed();
    let spent = meter.stop()?;
    let noted = folk.tally().take()?;

    let times = [joined, agreed];
    join_figures(report, joins, times, &noted, &spent)?;

    let gone = joins * usize::from(leave) / 100;
    (0..gone).for_each(|index| folk.leave(index));
    let begin = Instant::now();
    let wrong_after = wait_for_count(&folk, &room, joins - gone).await;
    report.figure("left_known", begin.elapsed().as_secs_f64(), "s", "until the rest know who left");
    let after = folk.tally().take()?;
    let each = after.presence_frames as f64 / (joins - gone).max(1) as f64;
    report.figure("frames_per_client_left", each, "", "until then");
    report.none_of("count_differs", wrong);
    report.none_of("count_differs_after", wrong_after);
    folk.judge(report);
    drop(folk);
    target.finish(report).await;
    Ok(())
}

fn join_figures(
    report: &mut Report,
    joins: usize,
    [joined, agreed]: [Duration; 2],
    noted: &Noted,
    spent: &Spent,
) -> Result<()> {
    report.figure("joined", joined.as_secs_f64(), "s", "from the first connect to the last open");
    report.figure("agreed", agreed.as_secs_f64(), "s", "until every client knows the right count");
    let frames = noted.presence_frames as f64;
    report.figure("presence_frames", frames, "", "received by all until then");
    report.figure("frames_per_client", frames / joins as f64, "", "presence and its diffs");
    let naive = joins as f64 * (joins as f64 - 1.0) / 2.0;
    report.figure("frames_naive", naive, "", "if each join were told to each who is there");
    report.goal("presence_share", frames / naive, SHARE_GOAL, "×");
    if let Some(each) = spent.each_us(joins as u64) {
        report.figure(
            "cpu_per_join",
            each,
            "µs",
            "of the server: upgrade, sign-in, open, presence",
        );
    }
    spent.report(report);
    let opens = noted.deed(Deed::Arrive).context("no arrivals")?;
    let names = ["join_p50", "join_p99", "join_p999", "join_max"];
    report.latency(names, opens, "connect, sign in and open");
    let times = [("joined".to_owned(), opens)];
    report.chart(Chart::percentiles("joins", "Until a client is in the room", times));
    Ok(())
}

/// Waits until all who are here were told this count; returns those who were not.
async fn wait_for_count(folk: &Folk, room: &Room, count: usize) -> Vec<String> {
    let differs = |index: &usize| {
        let online = folk.session(*index).and_then(|session| session.online(room));
        folk.is_here(*index) && online != Some(count as u64)
    };
    folk.wait_until(|| !(0..folk.len()).any(|index| differs(&index))).await;
    let told = |index| folk.session(index).and_then(|session| session.online(room));
    let wrong = (0..folk.len()).filter(differs);
    wrong.map(|index| format!("session {index} was told {:?} of {count}", told(index))).collect()
}
