//! A model that fails in every way, and a server that is killed at any moment of an answer: every
//! question comes to exactly one end that all can see, nobody is answered twice, and rooms go on.

mod mock;
mod places;
mod verdict;
mod witness;

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};

use self::mock::{BEHAVIOURS, Mock, SOUND};
use self::places::{Company, Place};
use self::witness::Witness;
use crate::progress::Progress;
use crate::report::Report;
use crate::scenario::Stage;
use crate::server::Server;

/// All that was asked must have come to its end by then.
const SETTLED: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);

/// What server and model speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wire {
    /// OpenAI's chat completions
    Openai,
    /// Gemini's `streamGenerateContent`
    Gemini,
    /// The one in one life of the server, the other in the next
    Both,
}

impl Wire {
    /// What is spoken in a life of the server, counted from 0.
    fn in_life(self, life: usize) -> Self {
        match self {
            Self::Both if life.is_multiple_of(2) => Self::Openai,
            Self::Both => Self::Gemini,
            one => one,
        }
    }

    /// How the server reaches the mock by it.
    fn settings(self, address: &str) -> [(&'static str, String); 2] {
        let (provider, version) = match self {
            Self::Gemini => ("gemini", "v1beta"),
            Self::Openai | Self::Both => ("openai", "v1"),
        };
        let url = format!("http://{address}/{version}");
        [("MOIM_LLM_PROVIDER", provider.to_owned()), ("MOIM_LLM_BASE_URL", url)]
    }
}

#[derive(Args)]
pub(super) struct Failing {
    /// Instead: a model that fails in every way, under a server that is killed again and again
    #[arg(long)]
    pub faults: bool,
    /// With --faults: how often the server is killed
    #[arg(long, default_value_t = 60)]
    kills: usize,
    /// With --faults: questions in each life of the server, at most
    #[arg(long, default_value_t = 8)]
    at_once: usize,
    /// With --faults: the longest time from the first question to the kill, in milliseconds
    #[arg(long, default_value_t = 3_000)]
    max_life: u64,
    /// With --faults: what the model speaks
    #[arg(long, value_enum, default_value_t = Wire::Both)]
    wire: Wire,
}

pub(super) async fn run(options: &Failing, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    ensure!(options.kills > 0 && options.at_once > 0, "--kills and --at-once start at 1");
    for (name, value) in [("kills", options.kills), ("at_once", options.at_once)] {
        report.option(name, value);
    }
    report.option("max_life", options.max_life);
    report.option("wire", format!("{:?}", options.wire).to_lowercase());
    let address = mock::free_address()?;
    let mut target = stage.target_with(report, &settings(options, &address)).await?;
    let endpoint = target.endpoint.clone();
    let server = target.server.as_mut().context("no server of our own")?;
    let mock = Mock::start(server.binary(), &address).await?;
    let company = Company::found(&endpoint, &stage.name()).await?;
    let witness = Witness::start(&endpoint, &company.token, company.ids());
    witness.is_there(SETTLED).await?;

    live_and_die(options, stage, (&mut *server, &address), &company).await?;
    let is_settled = company.settle(SETTLED).await;
    // A fresh life: the model that failed so often is asked again at once.
    server.kill().await?;
    server.start(stage.pins.as_ref()).await?;
    let silent = company.go_on(SETTLED).await?;
    witness.is_level(&company.heads().await?, SETTLED).await;

    report.figure("lives", (options.kills + 1) as f64, "", "of the server, each ended by SIGKILL");
    verdict::judge(report, &company, &witness).await?;
    report.none_of("unsettled", (!is_settled).then(|| company.open_ones()).into_iter().collect());
    report.none_of("silent_rooms", silent);
    report.server = witness.server();
    drop((witness, mock));
    target.finish(report).await;
    Ok(())
}

fn settings(options: &Failing, address: &str) -> Vec<(&'static str, String)> {
    let mut settings = super::unlimited();
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
    options: &Failing,
    stage: &Stage<'_>,
    (server, address): (&mut Server, &str),
    company: &Rc<Company>,
) -> Result<()> {
    let mut random = SmallRng::seed_from_u64(stage.seed);
    let progress = Progress::new("kills", options.kills);
    for life in 1..=options.kills {
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

/// Waits until something holds; false when it did not by the limit.
async fn eventually(limit: Duration, mut holds: impl AsyncFnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !holds().await {
        if Instant::now() > deadline {
            return false;
        }
        sleep(POLL).await;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_wires_take_turns() {
        let spoken = |wire: Wire| {
            [0, 1, 2].map(|life| wire.in_life(life).settings("h:1").map(|(_, value)| value))
        };
        let openai = ["openai".to_owned(), "http://h:1/v1".to_owned()];
        let gemini = ["gemini".to_owned(), "http://h:1/v1beta".to_owned()];
        assert_eq!(spoken(Wire::Both), [openai.clone(), gemini.clone(), openai.clone()]);
        assert_eq!(spoken(Wire::Gemini), [(); 3].map(|()| gemini.clone()));
        assert_eq!(spoken(Wire::Openai), [(); 3].map(|()| openai.clone()));
    }
}
