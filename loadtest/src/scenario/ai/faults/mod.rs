//! A model that fails in every way, and a server to which everything happens meanwhile: every question
//! comes to exactly one end that all can see, nobody is answered twice, and rooms go on.
//!
//! * `table/`: every fault at every state of a run, aimed. `random`: SIGKILL at any moment instead.
//! * `mock`: the model. `witness`: who sees it all, over all lives of the server.
//! * `places`, `verdict`: rooms and judgement of `random`.

mod mock;
mod places;
mod random;
mod table;
mod verdict;
mod witness;

use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use tokio::time::{Instant, sleep};

use self::table::Choice;
use crate::report::Report;
use crate::scenario::Stage;

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
    /// The one, and then the other
    Both,
}

impl Wire {
    /// One after the other.
    fn each(self) -> Vec<Self> {
        match self {
            Self::Both => vec![Self::Openai, Self::Gemini],
            one => vec![one],
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Gemini => "gemini",
            Self::Both => "both",
        }
    }

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
    /// Instead: a table of every fault of a model, at every state of a run, with everything that may
    /// come from outside
    #[arg(long)]
    pub faults: bool,
    /// With --faults: instead of the table SIGKILL so often, at random moments
    #[arg(long, requires = "faults")]
    kills: Option<usize>,
    /// With --kills: questions in each life of the server, at most
    #[arg(long, default_value_t = 8)]
    at_once: usize,
    /// With --kills: the longest time from the first question to the kill, in milliseconds
    #[arg(long, default_value_t = 3_000)]
    max_life: u64,
    #[command(flatten)]
    choice: Choice,
    /// With --faults: seconds until a question without an end is given up. More than half a minute
    /// where several nodes may write: what a dead node has left is taken up after some time
    #[arg(long, requires = "faults", conflicts_with = "kills", default_value_t = 75, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
    /// With --faults: what the model speaks
    #[arg(long, value_enum, default_value_t = Wire::Both)]
    wire: Wire,
}

pub(super) async fn run(options: &Failing, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    match options.kills {
        Some(kills) => random::run((options, kills), stage, report).await,
        None => table::run(options, stage, report).await,
    }
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
