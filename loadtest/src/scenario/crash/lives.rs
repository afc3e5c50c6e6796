//! The lives of the server: how long each lasts, how it ends, and how fast the next begins.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;

use super::talks::Talks;
use super::{GRACE, Options, Signal};
use crate::progress::Progress;
use crate::report::median;
use crate::scenario::Stage;
use crate::server::Server;

/// One life of the server, as it ended, and the birth of the next.
pub(super) struct Life {
    pub lived: Duration,
    pub acked: usize,
    /// From SIGTERM to the end, when nothing cut that short.
    pub ending: Option<Duration>,
    pub restart: Duration,
}

pub(super) async fn live_and_die(
    options: &Options,
    stage: &Stage<'_>,
    server: &mut Server,
    talks: &Talks,
) -> Result<Vec<Life>> {
    let mut random = SmallRng::seed_from_u64(stage.seed);
    let progress = Progress::new("kills", options.kills);
    let mut lives: Vec<Life> = Vec::with_capacity(options.kills);
    let mut acked = 0;
    while lives.len() < options.kills || acked < options.acks {
        let life = random.random_range(options.min_life..=options.max_life);
        let born = Instant::now();
        sleep(Duration::from_millis(life)).await;
        let lived = born.elapsed();
        let ending = end(options, server, &lives).await?;
        talks.next_life();
        let restart = server.start(stage.pins.as_ref()).await.context("after a kill")?;
        let now = talks.acked();
        lives.push(Life { lived, acked: now - acked, ending, restart });
        acked = now;
        progress.step(1);
        progress.say(format!("{now} acknowledged"));
    }
    // The last life must show that all came back.
    talks.all_open().await;
    sleep(Duration::from_millis(options.max_life)).await;
    progress.done();
    Ok(lives)
}

/// Ends the server as asked; how long it took, when it was let.
async fn end(options: &Options, server: &mut Server, lives: &[Life]) -> Result<Option<Duration>> {
    if options.signal == Signal::Kill {
        server.kill().await?;
        return Ok(None);
    }
    let number = lives.len() % (options.then_kill.len() + 1);
    let share = number.checked_sub(1).and_then(|at| options.then_kill.get(at));
    let known: Vec<f64> =
        lives.iter().filter_map(|life| life.ending).map(|took| took.as_secs_f64()).collect();
    // The first of each round ends undisturbed, and tells how long that takes.
    let Some((share, usual)) = share.zip(median(&known)) else {
        let took = server.end_within(GRACE).await?;
        if took.is_none() {
            bail!("the server did not end within {GRACE:?} of SIGTERM");
        }
        return Ok(took);
    };
    server.end_within(Duration::from_secs_f64(usual * f64::from(*share) / 100.0)).await
}
