//! Models in order of preference, each behind its breaker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::answer::{Answer, Usage};
use super::breaker::{Breaker, Open, Pass, Standing};
use super::error::{LlmError, Wait};
use super::model::ChatModel;
use super::request::Request;

/// What a request wishes for that is to be answered without a model.
pub const OFFLINE: &str = "offline";

/// How long a call may take, and how it is tried again.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Until there is a connection.
    pub connect: Duration,
    /// From the try to the first piece of text, or the first thought.
    pub first_token: Duration,
    /// From one piece, or thought, to the next.
    pub between_tokens: Duration,
    /// From the question to the end, all tries among that.
    pub whole: Duration,
    /// How long the usage is waited for behind the last word.
    pub linger: Duration,
    /// Pauses before further tries.
    pub pauses: Vec<Duration>,
    /// A provider that wants a longer pause is not tried again.
    pub longest_pause: Duration,
    /// Questions in a row that a provider may fail before it is left alone.
    pub failures: u32,
    /// How long it is left alone.
    pub rest: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_token: Duration::from_secs(15),
            between_tokens: Duration::from_secs(15),
            whole: Duration::from_secs(120),
            linger: Duration::from_secs(2),
            pauses: vec![Duration::from_millis(500), Duration::from_secs(2)],
            longest_pause: Duration::from_secs(10),
            failures: 5,
            rest: Duration::from_secs(30),
        }
    }
}

/// A model that did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// What it speaks.
    pub provider: &'static str,
    /// Its name.
    pub model: String,
    /// Why not.
    pub error: LlmError,
    /// How often it was asked.
    pub tries: u32,
    /// What it used, as far as anybody knows.
    pub spent: Spent,
}

/// What a model used that did not answer, all tries together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// What the provider counted.
    pub counted: Option<Usage>,
    /// Tokens of thoughts that nobody counted, guessed.
    pub thoughts: u64,
}

impl Spent {
    fn add(&mut self, more: Self) {
        self.thoughts = self.thoughts.saturating_add(more.thoughts);
        self.counted = match (self.counted, more.counted) {
            (Some(one), Some(other)) => Some(Usage {
                input: one.input.saturating_add(other.input),
                output: one.output.saturating_add(other.output),
            }),
            (one, other) => one.or(other),
        };
    }
}

impl Tried {
    /// What it used, where a question has so many tokens; none when it has not read it.
    #[must_use]
    pub fn used(&self, input: u64) -> Option<Usage> {
        let Spent { counted, thoughts } = self.spent;
        let has_read = self.error.may_have_cost() || counted.is_some() || thoughts > 0;
        let counted = counted.unwrap_or(Usage { input, output: 0 });
        has_read.then(|| Usage { output: counted.output.saturating_add(thoughts), ..counted })
    }
}

/// Who answers.
#[derive(Debug)]
pub enum Answered {
    /// A model.
    Model {
        /// Its answer, which has begun.
        answer: Box<Answer>,
        /// Models before it that did not answer.
        tried: Vec<Tried>,
    },
    /// No model: whoever asked answers from what the room said.
    Offline {
        /// Models that did not answer; none when none is connected.
        tried: Vec<Tried>,
    },
}

/// Nobody answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no model answered")]
pub struct NoAnswer {
    /// Every model that was asked, in order.
    pub tried: Vec<Tried>,
}

impl NoAnswer {
    /// The reason of the model that should have answered.
    #[must_use]
    pub fn error(&self) -> LlmError {
        self.tried.first().map_or(LlmError::Unreachable, |tried| tried.error)
    }
}

#[derive(Debug)]
struct Link {
    model: Arc<dyn ChatModel>,
    breaker: Arc<Mutex<Breaker>>,
}

/// Models in order of preference: the next is asked when one is left alone or fails before its
/// first word. Behind the last stands, if wished, the answer without a model. Shared by all runs.
#[derive(Debug)]
pub struct Chain {
    links: Vec<Link>,
    is_offline_last: bool,
    timing: Timing,
}

impl Chain {
    /// A chain of models; without any it is offline.
    #[must_use]
    pub fn new(models: Vec<Arc<dyn ChatModel>>, is_offline_last: bool, timing: Timing) -> Self {
        let breaker = || Arc::new(Mutex::new(Breaker::new(timing.failures, timing.rest)));
        let link = |model| Link { model, breaker: breaker() };
        let is_offline_last = is_offline_last || models.is_empty();
        let links = models.into_iter().map(link).collect();
        Self { links, is_offline_last, timing }
    }

    /// Only the answer without a model.
    #[must_use]
    pub fn offline() -> Self {
        Self::new(Vec::new(), true, Timing::default())
    }

    /// Whether no model is connected at all.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.links.is_empty()
    }

    /// Whether no model is to be asked.
    #[must_use]
    pub fn is_offline_for(&self, request: &Request) -> bool {
        self.is_offline() || request.model.as_deref() == Some(OFFLINE)
    }

    /// Who is asked, in order: whoever offers the model that is wished for comes first.
    fn links(&self, request: &Request) -> Vec<&Link> {
        if self.is_offline_for(request) {
            return Vec::new();
        }
        let wish = request.model.as_deref();
        let is_other =
            |link: &&Link| wish.is_some_and(|wish| link.model.model_for(request) != wish);
        let mut links: Vec<_> = self.links.iter().collect();
        links.sort_by_key(is_other);
        links
    }

    /// Models that may be asked, in order.
    pub fn models(&self, request: &Request) -> impl Iterator<Item = String> {
        self.links(request).into_iter().map(|link| link.model.model_for(request))
    }

    /// The model that is asked first.
    #[must_use]
    pub fn first_model(&self, request: &Request) -> Option<String> {
        self.models(request).next()
    }

    /// How the breakers stand: provider, its own model, standing; in order of preference.
    #[must_use]
    pub fn standings(&self) -> Vec<(&'static str, String, Standing)> {
        let (now, plain) = (Instant::now(), Request::new(String::new(), String::new()));
        let standing = |link: &Link| {
            let standing = locked(&link.breaker).standing(now);
            (link.model.provider(), link.model.model_for(&plain), standing)
        };
        self.links.iter().map(standing).collect()
    }

    /// Asks until one answers, and waits for its first word.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn ask(&self, request: &Request) -> Result<Answered, NoAnswer> {
        self.ask_in(request, &self.timing).await
    }

    /// The same in a time of its own. How often a provider may fail stays the chain's.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn ask_in(&self, request: &Request, timing: &Timing) -> Result<Answered, NoAnswer> {
        let asked = Instant::now();
        let mut tried = Vec::new();
        for link in self.links(request) {
            let outcome = match link.admit() {
                Ok(call) => link.ask(call, request, (timing, asked)).await,
                Err(Open { retry_after }) => {
                    Err((LlmError::Resting { retry_after }, 0, Spent::default()))
                }
            };
            let (error, tries, spent) = match outcome {
                Ok(answer) => {
                    tell_of(&tried, answer.model());
                    return Ok(Answered::Model { answer: Box::new(answer), tried });
                }
                Err(failed) => failed,
            };
            let (provider, model) = (link.model.provider(), link.model.model_for(request));
            tracing::debug!(provider, model, kind = error.kind(), tries, "no answer: {error}");
            tried.push(Tried { provider, model, error, tries, spent });
            if asked.elapsed() >= timing.whole {
                break;
            }
        }
        if self.is_offline_last || self.is_offline_for(request) {
            tell_of(&tried, OFFLINE);
            return Ok(Answered::Offline { tried });
        }
        Err(NoAnswer { tried })
    }
}

impl Timing {
    /// How long to wait before another try, if one makes sense.
    fn pause(&self, why: LlmError, planned: Duration) -> Option<Duration> {
        if !why.is_worth_a_retry() {
            return None;
        }
        let wanted = why.wanted_pause().unwrap_or_default();
        (wanted <= self.longest_pause).then_some(planned.max(wanted))
    }
}

impl Link {
    async fn ask(
        &self,
        call: Call,
        request: &Request,
        (timing, asked): (&Timing, Instant),
    ) -> Result<Answer, (LlmError, u32, Spent)> {
        let mut pauses = timing.pauses.iter();
        // A probe is one request, not three.
        let mut pauses =
            if call.is_probe() { [].iter() } else { pauses.by_ref().as_slice().iter() };
        let (mut tries, mut spent) = (0, Spent::default());
        loop {
            tries += 1;
            let why = match self.try_once(request, (timing, asked)).await {
                Ok(mut answer) => {
                    answer.belongs_to(call);
                    return Ok(answer);
                }
                Err((why, more)) => {
                    spent.add(more);
                    why
                }
            };
            let pause = pauses.next().and_then(|pause| timing.pause(why, *pause));
            match pause {
                Some(pause) if asked.elapsed() + pause < timing.whole => sleep(pause).await,
                _no_more => {
                    call.ended_with(why);
                    return Err((why, tries, spent));
                }
            }
        }
    }

    async fn try_once(
        &self,
        request: &Request,
        (timing, asked): (&Timing, Instant),
    ) -> Result<Answer, (LlmError, Spent)> {
        let whole = asked + timing.whole;
        let first = Instant::now() + timing.first_token;
        let wait = if whole < first { Wait::Whole } else { Wait::FirstToken };
        let parts = timeout_at(first.min(whole), self.model.ask(request))
            .await
            .unwrap_or(Err(LlmError::Timeout(wait)))
            .map_err(|why| (why, Spent::default()))?;
        let who = (self.model.provider(), self.model.model_for(request));
        let mut answer = Answer::new(who, parts, request, timing, (first, whole));
        match answer.begin(asked).await {
            Ok(()) => Ok(answer),
            Err(why) => {
                let counted = answer.usage();
                let thoughts = if counted.is_some() { 0 } else { answer.thoughts() };
                Err((why, Spent { counted, thoughts }))
            }
        }
    }

    fn admit(&self) -> Result<Call, Open> {
        let pass = locked(&self.breaker).admit(Instant::now())?;
        Ok(Call { breaker: Arc::clone(&self.breaker), pass: Some(pass) })
    }
}

/// A call that a breaker let through. Its outcome is told once; when it is dropped before, it was
/// given up by whoever asked.
#[derive(Debug)]
pub(super) struct Call {
    breaker: Arc<Mutex<Breaker>>,
    pass: Option<Pass>,
}

impl Call {
    fn is_probe(&self) -> bool {
        self.pass.is_some_and(|pass| pass.is_probe)
    }

    pub(super) fn alive(&mut self) {
        self.pass = self.pass.map(|pass| locked(&self.breaker).alive(pass));
    }

    pub(super) fn succeeded(mut self) {
        if let Some(pass) = self.pass.take() {
            locked(&self.breaker).succeeded(pass);
        }
    }

    pub(super) fn ended_with(mut self, why: LlmError) {
        if !why.is_trouble() {
            self.succeeded();
        } else if let Some(pass) = self.pass.take() {
            locked(&self.breaker).failed(pass, Instant::now());
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            locked(&self.breaker).given_up(pass, Instant::now());
        }
    }
}

/// Says why others had to answer: who asks sees an answer, and only the operator that it is another's.
fn tell_of(tried: &[Tried], instead: &str) {
    for Tried { provider, model, error, tries, .. } in tried {
        let kind = error.kind();
        tracing::warn!(provider, model, kind, tries, instead, "another had to answer: {error}");
    }
}

/// The lock guards a few words and is never held across anything that waits.
fn locked(breaker: &Mutex<Breaker>) -> MutexGuard<'_, Breaker> {
    breaker.lock().unwrap_or_else(PoisonError::into_inner)
}
