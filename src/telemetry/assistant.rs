//! The numbers of the assistant.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Direction {
    direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: &'static str,
}

/// As many as the operator has set up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Provider {
    provider: &'static str,
    model: String,
}

/// What is counted of questions and answers.
#[derive(Debug)]
pub struct AssistantNumbers {
    /// Answers that began.
    pub started: Counter,
    /// Questions that wait for their turn.
    pub waiting: Gauge,
    /// Answers that are worked on.
    pub working: Gauge,
    /// Pieces of answers put into outboxes.
    pub deltas: Counter,
    /// Questions that were taken back before their turn.
    pub taken_back: Counter,
    ended: Family<Outcome, Counter>,
    refused: Family<Code, Counter>,
    drafts: Family<Outcome, Counter>,
    reviews: Family<Outcome, Counter>,
    breakers: Family<Provider, Gauge>,
    micro_usd: Counter,
    tokens: Family<Direction, Counter>,
    first_token: Histogram,
}

impl AssistantNumbers {
    pub(super) fn new() -> Self {
        let numbers = Self {
            started: Counter::default(),
            waiting: Gauge::default(),
            working: Gauge::default(),
            deltas: Counter::default(),
            taken_back: Counter::default(),
            ended: Family::default(),
            refused: Family::default(),
            drafts: Family::default(),
            reviews: Family::default(),
            breakers: Family::default(),
            micro_usd: Counter::default(),
            tokens: Family::default(),
            first_token: Histogram::new(exponential_buckets(0.01, 2.0, 14)),
        };
        // Shown from the start, so that an alert has something to look at.
        for outcome in ["stop", "timeout", "crash"] {
            numbers.ended.get_or_create(&Outcome { outcome }).inc_by(0);
        }
        for family in [&numbers.drafts, &numbers.reviews] {
            family.get_or_create(&Outcome { outcome: "done" }).inc_by(0);
        }
        for code in ["ai_busy", "ai_budget"] {
            numbers.refused.get_or_create(&Code { code }).inc_by(0);
        }
        for direction in ["in", "out"] {
            numbers.tokens.get_or_create(&Direction { direction }).inc_by(0);
        }
        numbers
    }

    pub(super) fn register(&self, r: &mut Registry) {
        r.register("ai_started", "answers that began", self.started.clone());
        r.register("ai_ended", "answers that ended, by outcome", self.ended.clone());
        r.register("ai_refused", "questions that got no answer, by code", self.refused.clone());
        r.register(
            "ai_taken_back",
            "questions taken back before their turn",
            self.taken_back.clone(),
        );
        r.register("ai_drafts", "drafts that were asked for, by outcome", self.drafts.clone());
        r.register(
            "ai_reviews",
            "notes that were to be reviewed, by outcome",
            self.reviews.clone(),
        );
        r.register("ai_waiting", "questions that wait for their turn", self.waiting.clone());
        r.register("ai_working", "answers that are worked on", self.working.clone());
        r.register("ai_tokens", "tokens of models, by direction", self.tokens.clone());
        r.register("ai_micro_usd", "what that cost, by the table", self.micro_usd.clone());
        r.register(
            "ai_breaker",
            "providers: 0 is asked, 1 tried out, 2 left alone",
            self.breakers.clone(),
        );
        r.register(
            "ai_first_token_seconds",
            "time from asking a model to its first word",
            self.first_token.clone(),
        );
        r.register("ai_deltas", "pieces of answers put into outboxes", self.deltas.clone());
    }

    /// A question was told that there will be no answer.
    pub(crate) fn refused(&self, code: &'static str) {
        self.refused.get_or_create(&Code { code }).inc();
    }

    /// A draft was written, or the word of why not.
    pub(crate) fn drafted(&self, outcome: &'static str) {
        self.drafts.get_or_create(&Outcome { outcome }).inc();
    }

    /// A note was reviewed, or the word of why not.
    pub(crate) fn reviewed(&self, outcome: &'static str) {
        self.reviews.get_or_create(&Outcome { outcome }).inc();
    }

    /// How the breaker of a provider stands, looked up when somebody asks.
    pub(crate) fn breaker(&self, provider: &'static str, model: String, standing: i64) {
        self.breakers.get_or_create(&Provider { provider, model }).set(standing);
    }

    /// An answer ended: how, or why it broke off; how long its model took to the first word.
    pub(crate) fn ended(&self, outcome: &'static str, first: Option<Duration>) {
        self.ended.get_or_create(&Outcome { outcome }).inc();
        if let Some(first) = first {
            self.first_token.observe(first.as_secs_f64());
        }
    }

    /// Tokens that models have read and written, and what that cost, where a price is known.
    pub(crate) fn used(&self, (input, output): (i64, i64), micro_usd: Option<i64>) {
        self.micro_usd.inc_by(micro_usd.and_then(|cost| u64::try_from(cost).ok()).unwrap_or(0));
        for (direction, tokens) in [("in", input), ("out", output)] {
            let tokens = u64::try_from(tokens).unwrap_or(0);
            self.tokens.get_or_create(&Direction { direction }).inc_by(tokens);
        }
    }
}
