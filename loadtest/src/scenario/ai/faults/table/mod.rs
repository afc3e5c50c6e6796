//! Every fault of a model at every state of a run, and at each of them everything that may come from
//! outside: each question comes to exactly one end, and the room goes on.
//!
//! Nothing is aimed by the clock: what stands between server and model holds a call at the point
//! where something is to happen (`tap.rs`), and what members hear tells the rest.

mod choice;
mod hall;
mod life;
mod rows;
mod tap;
mod verdict;

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::{join_all, try_join_all};
use tokio::task::{JoinHandle, spawn_local};

pub(super) use self::choice::Choice;
use self::hall::Hall;
use self::life::{Tried, act, finish, meet};
use self::rows::{Act, State};
use self::tap::Tap;
use self::verdict::Known;
use super::mock::{self, Mock, SOUND};
use super::witness::Witness;
use super::{Failing, SETTLED, Wire};
use crate::progress::Progress;
use crate::report::Report;
use crate::scenario::Stage;
use crate::server::Server;

/// The kill among ends that are being written waits for the first of them, but not for longer.
const FIRST_END: Duration = Duration::from_secs(1);

pub(super) async fn run(options: &Failing, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    report.option("wire", options.wire.word());
    report.option("patience", options.patience);
    let patience = Duration::from_secs(options.patience);
    let cells = options.choice.cells(stage.seed)?;
    let total = cells.len();
    let address = mock::free_address()?;
    let tap = Tap::start(address.clone()).await?;
    let wires = options.wire.each();
    let first = wires.first().copied().unwrap_or(Wire::Openai);
    let settings = settings(first, &tap.address);
    let mut target = stage.target_with(report, &settings).await?;
    let endpoint = target.endpoint.clone();
    let server = target.server.as_mut().context("no server of our own")?;
    let mock = Mock::start(server.binary(), &address).await?;
    let guests = wires.len() * State::ALL.len();
    let hall = Hall::found(&endpoint, &stage.name(), tap, (cells, guests), patience).await?;
    hall.witness.is_there(SETTLED).await?;

    let progress = Progress::new("cells", wires.len() * total);
    let (mut all, mut kills) = (Vec::new(), 0_u32);
    for (at, wire) in wires.iter().enumerate() {
        if at > 0 {
            server.kill().await?;
            server.set(wire.settings(&hall.tap.address));
            server.start(stage.pins.as_ref()).await.context("with another wire")?;
        }
        for state in State::ALL {
            all.extend(undisturbed(&hall, (state, wire.word()), &progress).await?);
            let to_kill = hall.cells(state, Act::Kill).len();
            if to_kill > 0 {
                all.extend(killed(&hall, (state, wire.word()), (&mut *server, stage)).await?);
                kills += 1;
                progress.step(to_kill);
            }
        }
    }
    progress.done();
    report.figure("kills", f64::from(kills), "", "SIGKILL, each at one state of a run");
    conclude(report, &hall, &all).await?;
    report.server = hall.witness.server();
    drop((hall, mock));
    target.finish(report).await;
    Ok(())
}

fn settings(wire: Wire, address: &str) -> Vec<(&'static str, String)> {
    let mut settings = super::super::unlimited();
    settings.extend([
        ("MOIM_LLM_MODEL", SOUND.to_owned()),
        ("MOIM_AI_MODELS", rows::models().join(",")),
        ("MOIM_AI_CONCURRENCY", "1000".to_owned()),
        // Each fault is to reach the server: who fails is not left alone.
        ("MOIM_AI_PROVIDER_FAILURES", "1000000".to_owned()),
        // Long enough to hold a call while a whole row of others comes to the same point.
        ("MOIM_AI_CONNECT_MS", "2000".to_owned()),
        ("MOIM_AI_FIRST_TOKEN_MS", "6000".to_owned()),
        ("MOIM_AI_BETWEEN_TOKENS_MS", "6000".to_owned()),
        ("MOIM_AI_ANSWER_MS", "14000".to_owned()),
        // Answers break off by the hundred here, each with a warning.
        ("MOIM_LOG", "error".to_owned()),
    ]);
    settings.extend(wire.settings(address));
    settings
}

/// All that happens at a state but a kill: the cells of one act are met together, and finish while
/// those of the next are met.
async fn undisturbed(
    hall: &Rc<Hall>,
    (state, wire): (State, &'static str),
    progress: &Progress,
) -> Result<Vec<Tried>> {
    let mut finishing: Vec<JoinHandle<Tried>> = Vec::new();
    for what in Act::ALL.into_iter().filter(|act| *act != Act::Kill) {
        let met = met(hall, (state, what), wire).await?;
        if what == Act::Kick && !met.is_empty() {
            hall.kick().await?;
        }
        let done = join_all(met.into_iter().map(|tried| act(hall.clone(), tried))).await;
        for tried in done {
            let (hall, progress) = (hall.clone(), progress.clone());
            finishing.push(spawn_local(async move {
                let tried = finish(hall, tried).await;
                progress.step(1);
                tried
            }));
        }
    }
    Ok(try_join_all(finishing).await?)
}

/// The cells of a state and an act, each in that state.
async fn met(
    hall: &Rc<Hall>,
    (state, what): (State, Act),
    wire: &'static str,
) -> Result<Vec<Tried>> {
    if what == Act::Kick {
        hall.next_guest();
    }
    let cells = hall.cells(state, what).into_iter();
    try_join_all(cells.map(|cell| meet(hall.clone(), cell, wire))).await
}

/// A whole column at once: when all are in the state, the server dies.
async fn killed(
    hall: &Rc<Hall>,
    (state, wire): (State, &'static str),
    (server, stage): (&mut Server, &Stage<'_>),
) -> Result<Vec<Tried>> {
    let mut met = met(hall, (state, Act::Kill), wire).await?;
    if state == State::Ending {
        // The ends go into the log now: some are in it when the first is heard, and some are not.
        let heard = |met: &[Tried]| met.iter().filter(|tried| tried.has_ended(hall)).count();
        let before = heard(&met);
        met.iter().for_each(|tried| tried.release(hall));
        hall.until(FIRST_END, || heard(&met) > before).await;
    }
    server.kill().await?;
    for tried in &mut met {
        tried.dies(hall);
        tried.release(hall);
    }
    server.start(stage.pins.as_ref()).await.context("after a kill")?;
    Ok(join_all(met.into_iter().map(|tried| finish(hall.clone(), tried))).await)
}

/// Has the logs replayed to somebody new, reads the histories, and judges.
async fn conclude(report: &mut Report, hall: &Rc<Hall>, all: &[Tried]) -> Result<()> {
    let late = Witness::come_late(&hall.endpoint, &hall.watcher.token, &hall.witness.epochs());
    late.is_there(SETTLED).await?;
    late.is_level(&hall.witness.heads(), hall.patience).await;
    let mut known = Known { hall, late: &late, answers: std::collections::HashMap::new() };
    for tried in all {
        if !known.answers.contains_key(&tried.room) {
            let answers = verdict::answers(hall, &tried.room).await?;
            known.answers.insert(tried.room.clone(), answers);
        }
    }
    verdict::judge(report, &known, all);
    report.none_of("nobody_asked", known.strange(all));
    report.none_of("witness", hall.witness.broken());
    report.none_of("replayed", late.broken());
    Ok(())
}
