//! Feedback on a learning note: asked for, tried again where that makes sense, and read.

use std::time::Duration;

use tokio::time::sleep;

use super::chain::{Answered, Chain, NoAnswer, Timing, Tried};
use super::error::{LlmError, Wait};
use super::estimate::{estimate_request, estimate_text};
use super::output::{self, Review};
use super::request::Request;
use super::{Finish, Piece, Usage};

/// How long a review may take. Nobody waits for it, so it is more patient than an answer in a room.
#[derive(Debug, Clone)]
pub struct Pace {
    /// From a try to the end of its answer.
    pub answer: Duration,
    /// Pauses before further tries, for trouble of the provider.
    pub pauses: Vec<Duration>,
    /// A provider that wants a longer pause is not tried again.
    pub longest_pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
            pauses: [2, 4, 8].map(Duration::from_secs).to_vec(),
            longest_pause: Duration::from_secs(10),
        }
    }
}

/// Why there is no review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreviewed {
    /// No model is to be asked.
    #[error("no model is connected")]
    NoModel,
    /// A model answered in another form than was asked for. It would do so again.
    #[error("the answer has not the form that was asked for")]
    Format,
    /// No model answered, however often it was asked.
    #[error(transparent)]
    Model(LlmError),
}

/// What came of it, and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewing {
    /// The review.
    pub outcome: Result<Review, Unreviewed>,
    /// The model that answered; empty when none did.
    pub model: String,
    /// Tokens of all tries; guessed where nobody counted them.
    pub usage: Usage,
    /// How often it was tried.
    pub tries: u32,
}

/// Has a note reviewed; `request` is that of [`super::prompts::til_review`].
pub async fn review(chain: &Chain, request: &Request, pace: &Pace) -> Reviewing {
    let timing = Timing {
        first_token: pace.answer,
        between_tokens: pace.answer,
        whole: pace.answer,
        pauses: Vec::new(),
        ..Timing::default()
    };
    let (outcome, model) = (Err(Unreviewed::NoModel), String::new());
    let mut done = Reviewing { outcome, model, usage: Usage::default(), tries: 0 };
    if chain.is_offline_for(request) {
        return done;
    }
    let mut pauses = pace.pauses.iter();
    loop {
        done.tries += 1;
        let why = match done.try_once(chain, request, &timing).await {
            Ok(text) => {
                done.outcome = output::review(&text).map_err(|_other| Unreviewed::Format);
                return done;
            }
            Err(why) => why,
        };
        match pauses.next().and_then(|pause| wait(why, *pause, pace.longest_pause)) {
            Some(pause) => sleep(pause).await,
            None => {
                done.outcome = Err(Unreviewed::Model(why));
                return done;
            }
        }
    }
}

impl Reviewing {
    async fn try_once(
        &mut self,
        chain: &Chain,
        request: &Request,
        timing: &Timing,
    ) -> Result<String, LlmError> {
        let (mut answer, tried) = match chain.ask_in(request, timing).await {
            Ok(Answered::Model { answer, tried }) => (answer, tried),
            Ok(Answered::Offline { tried }) | Err(NoAnswer { tried }) => {
                let nobody = NoAnswer { tried };
                self.count_in_vain(request, &nobody.tried);
                let errors = || nobody.tried.iter().map(|tried| tried.error);
                return Err(errors().find(|why| is_trouble(*why)).unwrap_or(nobody.error()));
            }
        };
        self.count_in_vain(request, &tried);
        answer.model().clone_into(&mut self.model);
        let (mut text, mut ended) = (String::new(), Ok(()));
        while let Some(piece) = answer.next().await {
            match piece {
                Ok(Piece::Text(more)) => text.push_str(&more),
                Ok(Piece::End { finish: Finish::Filter, .. }) => ended = Err(LlmError::Declined),
                Ok(Piece::End { .. }) => {}
                Err(why) => ended = Err(why),
            }
        }
        let output = answer.thoughts().saturating_add(estimate_text(&text));
        let guess = Usage { input: estimate_request(request), output };
        self.count(answer.usage().unwrap_or(guess));
        ended.map(|()| text)
    }

    /// Counts what models may have read, and thought, that did not answer.
    fn count_in_vain(&mut self, request: &Request, tried: &[Tried]) {
        let input = estimate_request(request);
        tried.iter().filter_map(|tried| tried.used(input)).for_each(|used| self.count(used));
    }

    fn count(&mut self, more: Usage) {
        self.usage.input = self.usage.input.saturating_add(more.input);
        self.usage.output = self.usage.output.saturating_add(more.output);
    }
}

/// Whether the network or the provider was in the way, and may not be next time.
const fn is_trouble(why: LlmError) -> bool {
    why.is_worth_a_retry() || matches!(why, LlmError::BrokenOff | LlmError::Timeout(Wait::Connect))
}

/// How long to wait before another try, if one makes sense.
fn wait(why: LlmError, planned: Duration, longest: Duration) -> Option<Duration> {
    let wanted = why.wanted_pause().unwrap_or_default();
    (is_trouble(why) && wanted <= longest).then_some(planned.max(wanted))
}
