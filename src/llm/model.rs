//! A model that can be asked, and one that only says what a script says.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use super::answer::{Finish, Usage};
use super::error::LlmError;
use super::request::Request;

/// One thing that a provider says.
#[derive(Clone, PartialEq, Eq)]
pub enum Part {
    /// Text of the answer.
    Text(String),
    /// It thinks, so many tokens by a guess: a sign of life, nothing to show.
    Thought(u64),
    /// What it used so far; a later one replaces it.
    Usage(Usage),
    /// Why it stops. What follows is at most the usage.
    Finish(Finish),
}

/// What a provider says, in order.
pub trait Parts: Send {
    /// The next part, or none at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the rest cannot be had.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Part>, LlmError>>;
}

/// The beginning of an answer; dropping it, or the parts, ends the call.
pub type Asked<'a> = BoxFuture<'a, Result<Box<dyn Parts>, LlmError>>;

/// Something that answers. Timeouts, retries and limits of what it says are not its own: see
/// [`super::Chain`].
pub trait ChatModel: Send + Sync + fmt::Debug {
    /// What it speaks, for receipts and metrics.
    fn provider(&self) -> &'static str;

    /// The model that would answer this request.
    fn model_for(&self, request: &Request) -> String;

    /// Asks once.
    fn ask<'a>(&'a self, request: &'a Request) -> Asked<'a>;
}

/// What a script says to a request.
type Script = dyn Fn(&Request) -> Vec<Result<Part, LlmError>> + Send + Sync;

/// A model without a network, whose answers are a function of the request.
#[derive(Clone)]
pub struct ScriptedModel {
    name: String,
    script: Arc<Script>,
}

impl ScriptedModel {
    /// Answers as the script says, at once.
    #[must_use]
    pub fn new(
        name: &str,
        script: impl Fn(&Request) -> Vec<Result<Part, LlmError>> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.to_owned(), script: Arc::new(script) }
    }

    /// Answers with one text, and says that it cost nothing.
    #[must_use]
    pub fn saying(name: &str, text: impl Fn(&Request) -> String + Send + Sync + 'static) -> Self {
        Self::new(name, move |request| {
            vec![
                Ok(Part::Text(text(request))),
                Ok(Part::Usage(Usage::default())),
                Ok(Part::Finish(Finish::Stop)),
            ]
        })
    }
}

impl ChatModel for ScriptedModel {
    fn provider(&self) -> &'static str {
        "scripted"
    }

    fn model_for(&self, _request: &Request) -> String {
        self.name.clone()
    }

    fn ask<'a>(&'a self, request: &'a Request) -> Asked<'a> {
        let parts: VecDeque<_> = (self.script)(request).into();
        async move { Ok(Box::new(Scripted(parts)) as Box<dyn Parts>) }.boxed()
    }
}

struct Scripted(VecDeque<Result<Part, LlmError>>);

impl Parts for Scripted {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Part>, LlmError>> {
        let next = self.0.pop_front().transpose();
        async move { next }.boxed()
    }
}

impl fmt::Debug for ScriptedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScriptedModel").field(&self.name).finish()
    }
}

// What a model says must not reach a log by way of `{:?}`.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text of {} bytes", text.len()),
            Self::Thought(tokens) => write!(f, "Thought of {tokens} tokens"),
            Self::Usage(usage) => usage.fmt(f),
            Self::Finish(finish) => finish.fmt(f),
        }
    }
}
