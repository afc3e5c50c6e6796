//! An answer as it comes.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::chain::{Call, Timing};
use super::error::{LlmError, Wait};
use super::model::{Part, Parts};
use super::request::{Meter, Request};

/// Bytes of text that one answer may have, whatever the request says.
const TEXT_BYTES: usize = 64 * 1024;

/// Tokens that were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Read by the model.
    pub input: u64,
    /// Written by it, thoughts among them.
    pub output: u64,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// All is said.
    Stop,
    /// A limit was met: of the provider, of the request or of ours.
    Length,
    /// A filter of the provider cut it.
    Filter,
}

/// A piece of an answer.
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// More text.
    Text(String),
    /// The end; nothing comes after it.
    End {
        /// Why.
        finish: Finish,
        /// What was used, if the provider told it.
        usage: Option<Usage>,
    },
}

/// An answer that has begun. Dropping it ends the call.
pub struct Answer {
    provider: &'static str,
    model: String,
    parts: Option<Box<dyn Parts>>,
    call: Option<Call>,
    between: Duration,
    linger: Duration,
    whole: Instant,
    quiet: Instant,
    wait: Wait,
    chars_left: usize,
    bytes_left: usize,
    has_text: bool,
    usage: Option<Usage>,
    /// Tokens of its thoughts, guessed.
    thoughts: u64,
    meter: Meter,
    finish: Option<Finish>,
    ready: VecDeque<Piece>,
    /// From the question to the first word.
    first_after: Duration,
}

impl Answer {
    pub(super) fn new(
        (provider, model): (&'static str, String),
        parts: Box<dyn Parts>,
        request: &Request,
        timing: &Timing,
        (quiet, whole): (Instant, Instant),
    ) -> Self {
        Self {
            provider,
            model,
            parts: Some(parts),
            call: None,
            between: timing.between_tokens,
            linger: timing.linger,
            whole,
            quiet,
            wait: Wait::FirstToken,
            chars_left: request.limits.text_chars,
            bytes_left: TEXT_BYTES,
            has_text: false,
            usage: None,
            thoughts: 0,
            meter: request.thoughts.clone(),
            finish: None,
            ready: VecDeque::new(),
            first_after: Duration::ZERO,
        }
    }

    /// What speaks: `openai`, `gemini` or `scripted`.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        self.provider
    }

    /// The model that answers.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// What was used as far as it is known; after an error too.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Tokens of its thoughts, guessed. Where its usage is known they are among that.
    #[must_use]
    pub fn thoughts(&self) -> u64 {
        self.thoughts
    }

    /// From the question to the first word of the model, tries before it and thoughts among that.
    #[must_use]
    pub fn first_after(&self) -> Duration {
        self.first_after
    }

    /// The next piece, or none behind the end or an error. Dropping the future loses nothing, and
    /// the clock of the model runs on.
    pub async fn next(&mut self) -> Option<Result<Piece, LlmError>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(piece));
            }
            self.parts.as_ref()?;
            if let Err(why) = self.pull().await {
                self.fail(why);
                return Some(Err(why));
            }
        }
    }

    /// Waits for the first word. A thought is none: who breaks off behind it has said nothing, and
    /// another may be asked.
    pub(super) async fn begin(&mut self, asked: Instant) -> Result<(), LlmError> {
        while self.wait == Wait::FirstToken && self.parts.is_some() {
            self.pull().await?;
        }
        self.first_after = asked.elapsed();
        Ok(())
    }

    pub(super) fn belongs_to(&mut self, mut call: Call) {
        call.alive();
        if self.parts.is_none() {
            call.succeeded();
        } else {
            self.call = Some(call);
        }
    }

    async fn pull(&mut self) -> Result<(), LlmError> {
        let (until, wait) = if self.whole < self.quiet {
            (self.whole, Wait::Whole)
        } else {
            (self.quiet, self.wait)
        };
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        let part = match timeout_at(until, parts.next()).await {
            // It said its last word; how the line ends does not matter.
            Err(_) | Ok(Err(_)) if self.finish.is_some() => None,
            Err(_elapsed) => return Err(LlmError::Timeout(wait)),
            Ok(Err(why)) => return Err(why),
            Ok(Ok(part)) => part,
        };
        match part {
            Some(Part::Text(text)) => self.take(text),
            Some(Part::Thought(tokens)) => self.think(tokens),
            Some(Part::Usage(usage)) => self.usage = Some(usage),
            Some(Part::Finish(finish)) => {
                self.finish.get_or_insert(finish);
                self.quiet = Instant::now() + self.linger;
            }
            None => return self.end(),
        }
        Ok(())
    }

    fn think(&mut self, tokens: u64) {
        self.thoughts = self.thoughts.saturating_add(tokens);
        self.meter.add(tokens);
        self.hear();
    }

    fn hear(&mut self) {
        if self.finish.is_none() {
            self.quiet = Instant::now() + self.between;
        }
    }

    fn take(&mut self, mut text: String) {
        if text.is_empty() || self.finish.is_some() {
            return;
        }
        self.wait = Wait::BetweenTokens;
        self.hear();
        let mut end = 0;
        for (at, c) in text.char_indices() {
            if self.chars_left == 0 || self.bytes_left < c.len_utf8() {
                break;
            }
            self.chars_left -= 1;
            self.bytes_left -= c.len_utf8();
            end = at + c.len_utf8();
        }
        let is_cut = end < text.len();
        text.truncate(end);
        self.has_text |= !text.trim().is_empty();
        if !text.is_empty() {
            self.ready.push_back(Piece::Text(text));
        }
        if is_cut {
            // The rest is not waited for, so what the provider counted is not known.
            self.finish = Some(Finish::Length);
            self.close();
        }
    }

    fn end(&mut self) -> Result<(), LlmError> {
        match (self.finish, self.has_text) {
            (_, true) => {}
            (Some(Finish::Filter), false) => return Err(LlmError::Declined),
            (Some(Finish::Length), false) => return Err(LlmError::NoRoom),
            (_, false) => return Err(LlmError::BadAnswer("it is empty")),
        }
        self.close();
        Ok(())
    }

    fn close(&mut self) {
        self.parts = None;
        let finish = self.finish.unwrap_or(Finish::Stop);
        self.ready.push_back(Piece::End { finish, usage: self.usage });
        if let Some(call) = self.call.take() {
            call.succeeded();
        }
    }

    fn fail(&mut self, why: LlmError) {
        self.parts = None;
        tracing::debug!(provider = self.provider, model = self.model, kind = why.kind(), "{why}");
        if let Some(call) = self.call.take() {
            call.ended_with(why);
        }
    }
}

// What a model says must not reach a log by way of `{:?}`.
impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text of {} bytes", text.len()),
            Self::End { finish, usage } => write!(f, "End by {finish:?}, {usage:?}"),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("provider", &self.provider)
            .field("model", &self.model)
            .field("usage", &self.usage)
            .field("finish", &self.finish)
            .finish_non_exhaustive()
    }
}
