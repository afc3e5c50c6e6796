//! What is asked of a model.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who speaks in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// People.
    User,
    /// The model.
    Assistant,
}

/// One turn of the talk with the model.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said; names, times and ids of messages stand in it as data.
    pub text: String,
}

/// How much may come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tokens of text that the provider may write.
    pub output_tokens: u32,
    /// Tokens that it may think beside these: providers count both against one limit.
    pub thought_tokens: u32,
    /// Characters of text that are taken; then the answer ends with [`super::Finish::Length`].
    pub text_chars: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output_tokens: 2_000, thought_tokens: 0, text_chars: 4_000 }
    }
}

impl Limits {
    /// Tokens that the provider may write, thoughts among them.
    #[must_use]
    pub const fn tokens(self) -> u32 {
        self.output_tokens.saturating_add(self.thought_tokens)
    }

    /// Has it write no more tokens than these; the text comes first.
    pub fn cap(&mut self, tokens: u32) {
        self.output_tokens = self.output_tokens.min(tokens);
        self.thought_tokens = self.thought_tokens.min(tokens - self.output_tokens);
    }
}

/// Tokens of thoughts as they come. Whoever has asked knows of them also when nobody waits for the
/// answer any more.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<AtomicU64>);

impl Meter {
    pub(super) fn add(&self, tokens: u64) {
        self.0.fetch_add(tokens, Ordering::Relaxed);
    }

    /// Tokens so far, by a guess.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl PartialEq for Meter {
    fn eq(&self, other: &Self) -> bool {
        self.tokens() == other.tokens()
    }
}

/// One question to a model.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// Who the model is and by which rules it answers.
    pub system: String,
    /// The talk so far, oldest first; the last one is the question.
    pub turns: Vec<Turn>,
    /// How much may come back.
    pub limits: Limits,
    /// The model that is wished for; one that a provider does not offer is its default.
    pub model: Option<String>,
    /// How freely it writes, 0 to 2; the provider's own way when absent.
    pub temperature: Option<f32>,
    /// What was thought about it so far, by every model that was asked.
    pub thoughts: Meter,
}

impl Request {
    /// A request of one turn with the usual limits.
    #[must_use]
    pub fn new(system: String, question: String) -> Self {
        let turns = vec![Turn { role: Role::User, text: question }];
        Self {
            system,
            turns,
            limits: Limits::default(),
            model: None,
            temperature: None,
            thoughts: Meter::default(),
        }
    }
}

// What people wrote must not reach a log by way of `{:?}`.
impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} with {} bytes", self.role, self.text.len())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("turns", &self.turns)
            .field("limits", &self.limits)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}
