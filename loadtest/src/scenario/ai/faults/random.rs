//! SIGKILL at any moment of some answers, again and again, while a model fails in every way.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;

use super::mock::{self, BEHAVIOURS, Mock, SOUND};
use super::places::{Company, Place};
use super::witness::Witness;
use super::{Failing, SETTLED, verdict};
use crate::progress::Progress;
use crate::report::Report;
use crate::scenario::Stage;
use crate::server::Server;

pub(super) async fn run(
    (options, kills): (&Failing, usize),
    stage: &Stage<'_>,
    report: &mut Report,
) -> Result<()> {
    ensure!(kills > 0 && options.at_once > 0, "--kills and --at-once start at 1");
    for (name, value) in [("kills", kills), ("at_once", options.at_once)] {
        report.option(name, value);
    }
    report.option("max_life", options.max_life);
    report.option("wire", options.wire.word());
    let address = mock::free_address()?;
    let mut target = stage.target_with(report, &settings(options, &address)).await?;
    let endpoint = target.endpoint.clone();
    let server = target.server.as_mut().context("no server of our own")?;
    let mock = Mock::start(server.binary(), &address).await?;
    let company = Company::found(&endpoint, &stage.name()).await?;
    let witness = Witness::start(&endpoint, &company.token, company.ids());
    witness.is_there(SETTLED).await?;

    live_and_die((options, kills), stage, (&mut *server, &address), &company).await?;
    let is_settled = company.settle(SETTLED).await;
    // A fresh life: the model that failed so often is asked again at once.
    server.kill().await?;
    server.start(stage.pins.as_ref()).await?;
    let silent = company.go_on(SETTLED).await?;
    witness.is_level(&company.heads().await?, SETTLED).await;

    report.figure("lives", (kills + 1) as f64, "", "of the server, each ended by SIGKILL");
    verdict::judge(report, &company, &witness).await?;
    report.none_of("unsettled", (!is_settled).then(|| company.open_ones()).into_iter().collect());
    report.none_of("silent_rooms", silent);
    report.server = witness.server();
    drop((witness, mock));
    target.finish(report).await;
    Ok(())
}

fn settings(options: &Failing, address: &str) -> Vec<(&'static str, String)> {
    let mut settings = super::super::unlimited();
    let places = (2 * options.at_once).clamp(8, 1_000);
    settings.extend([
        ("MOIM_LLM_MODEL", SOUND.to_owned()),
        ("MOIM_AI_MODELS", BEHAVIOURS.join(",")),
        ("MOIM_AI_CONCURRENCY", places.to_string()),
        // Short enough that a kill may come before or behind each of them.
        ("MOIM_AI_CONNECT_MS", "1000".to_owned()),
        ("MOIM_AI_FIRST_TOKEN_MS", "700".to_owned()),
        ("MOIM_AI_BETWEEN_TOKENS_MS", "700".to_owned()),
        ("MOIM_AI_ANSWER_MS", "5000".to_owned()),
        // Answers break off by the hundred here, each with a warning.
        ("MOIM_LOG", "error".to_owned()),
    ]);
    settings.extend(options.wire.in_life(0).settings(address));
    settings
}

async fn live_and_die(
    (options, kills): (&Failing, usize),
    stage: &Stage<'_>,
    (server, address): (&mut Server, &str),
    company: &Rc<Company>,
) -> Result<()> {
    let mut random = SmallRng::seed_from_u64(stage.seed);
    let progress = Progress::new("kills", kills);
    for life in 1..=kills {
        let mut idle: Vec<Rc<Place>> = company.idle();
        idle.shuffle(&mut random);
        for place in idle.into_iter().take(options.at_once) {
            company.ask(place);
        }
        sleep(Duration::from_millis(random.random_range(0..=options.max_life))).await;
        server.kill().await?;
        server.set(options.wire.in_life(life).settings(address));
        server.start(stage.pins.as_ref()).await.context("after a kill")?;
        // Often enough the next kill meets a server that is still clearing up behind the last.
        let limit = if random.random_bool(0.5) { SETTLED } else { Duration::from_millis(200) };
        company.settle(limit).await;
        progress.say(format!("{} questions", company.asked()));
        progress.step(1);
    }
    progress.done();
    Ok(())
}
