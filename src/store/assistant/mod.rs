//! The runs of the assistant: what was asked, what came of it, what it used.
//!
//! *Belongs here:* rows of runs and of what was spent, and what a run may read of its room. *Does not
//! belong here:* the log: a run begins and ends by the journal (`journal/runs.rs`), and the row of a
//! question is written there too, together with the question.
//!
//! **Invariant:** a run goes from `queued` to `running` to `done` and never back, each step in one
//! transaction with what it writes into the log. So nobody answers a question twice, whoever takes it
//! up, and however often.

mod context;
mod ledger;
mod own;
#[cfg(feature = "faults")]
mod planted;
mod prospect;
mod runs;
mod seen;
mod spend;

pub use context::{Context, ContextLine};
pub(super) use ledger::Ledger;
pub(super) use own::{days, questions};
pub use prospect::Prospect;
pub(super) use runs::OPEN_RUNS;
pub use runs::{AskedAgain, Run, RunStatus};
pub use spend::{Budget, Budgets, Reserved, Spent};
pub(super) use spend::{Spending, Wanted};

use std::collections::BTreeMap;

use super::append::{StoredEvent, StoredNotice};
use crate::domain::{Day, Finish, Millis, Mode, RoomId, RunId, Text, UserId};

/// A step of a run that stands in the log.
#[derive(Debug, Clone)]
pub enum RunStep {
    /// The answer begins.
    Begin(RunBegin),
    /// It is over.
    End(RunEnd),
}

impl RunStep {
    /// The room that it is written in.
    #[must_use]
    pub const fn room(&self) -> RoomId {
        match self {
            Self::Begin(begin) => begin.room,
            Self::End(end) => end.room,
        }
    }

    /// Bytes of what was said.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::End(end) => end.text.as_ref().map_or(0, |text| text.as_str().len()),
            Self::Begin(_) => 0,
        }
    }
}

/// An answer that begins.
#[derive(Debug, Clone)]
pub struct RunBegin {
    /// Which run.
    pub run: RunId,
    /// Its room.
    pub room: RoomId,
    /// Who looks after it: the life of a node.
    pub node: i64,
    /// The model that will answer, as far as that is known.
    pub model: String,
    /// What it is to be.
    pub mode: Mode,
    /// What it reads.
    pub manifest: Manifest,
    /// Tokens that it reads, at most.
    pub input: i64,
    /// Tokens that it may write, at most and at least.
    pub output: (i64, i64),
    /// What a million of them costs, read and written, in micro-USD.
    pub price: (i64, i64),
    /// What may be spent.
    pub budgets: Budgets,
    /// On which day.
    pub day: Day,
    /// When.
    pub at: Millis,
}

/// An answer that is over.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// Which run.
    pub run: RunId,
    /// Its room.
    pub room: RoomId,
    /// How it ended.
    pub finish: Finish,
    /// All that was said; none for nothing.
    pub text: Option<Text>,
    /// What it used.
    pub receipt: Receipt,
    /// Why it broke off, for the operator; or why another model had to answer.
    pub reason: Option<String>,
    /// When.
    pub at: Millis,
}

/// What an answer reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// First and last message that it can read.
    pub range: (i64, i64),
    /// How many of them it reads.
    pub used: i64,
    /// How many are left out, and why.
    pub left_out: BTreeMap<String, i64>,
}

/// What an answer used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What spoke: `openai`, `gemini`, `offline`.
    pub provider: String,
    /// The model.
    pub model: String,
    /// Seqs of the messages that the answer names as its sources.
    pub cites: Vec<i64>,
    /// Tokens that were read.
    pub input: i64,
    /// Tokens that were written.
    pub output: i64,
    /// Whether nobody counted them and they are guessed.
    pub is_guessed: bool,
    /// What that costs, where a price is known.
    pub micro_usd: Option<i64>,
    /// What it has read.
    pub manifest: Manifest,
    /// How many lines of a summary name no message that it has read; none where it is no summary.
    pub uncited: Option<i64>,
    /// From the question to the first word, where there was one.
    pub first_ms: Option<i64>,
    /// Why it broke off, as far as that concerns its readers.
    pub error: Option<String>,
}

/// What came of a step.
#[derive(Debug, Clone)]
pub enum RunStepped {
    /// The answer stands in the log, empty.
    Begun {
        /// The event.
        event: StoredEvent,
        /// Tokens that it may write.
        output: i64,
    },
    /// It is over.
    Ended {
        /// The event.
        event: StoredEvent,
        /// The seq of the answer.
        message: i64,
        /// Inbox entries written with it.
        notices: Vec<StoredNotice>,
    },
    /// Another answer is running in the room.
    Busy,
    /// A budget is used up, until the day ends.
    NoBudget,
    /// Somebody else has taken this step, or the run is gone.
    Stale,
}

/// A question to the assistant that stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It waits for its answer.
    Run(RunId),
    /// Too many wait in the room.
    Busy,
    /// Nobody is to be asked there.
    InVain,
    /// A bot asks, and bots may not there.
    NoBots,
    /// A bot asks, and there are too many machines between it and a human.
    TooFar,
}

/// An answer that begins, with its numbers, before it is written.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "as in the event")]
pub struct RunBegun<'a> {
    pub run: RunId,
    pub room: RoomId,
    pub seq: i64,
    pub n: i64,
    pub at: Millis,
    pub question: i64,
    pub thread: Option<i64>,
    pub hop: i64,
    pub asker: UserId,
    pub model: &'a str,
}

/// An answer that is over, with its numbers, before it is written.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "as in the event")]
pub struct RunEnded<'a> {
    pub end: &'a RunEnd,
    pub message: i64,
    pub seq: i64,
    pub asker: UserId,
    /// Whether the answer was deleted meanwhile.
    pub is_deleted: bool,
    /// Whether somebody hears the event who may not read the answer.
    pub is_withheld: bool,
}
