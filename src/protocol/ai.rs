//! What is told of the assistant's answers. The two that have a `seq` are in the log, the others pass.

use serde::Serialize;

use super::code::Refusal;
use super::event::events;
use crate::domain::{Finish, MessageId, Millis, RoomId, RunId, UserId};

events! {
    /// An answer begins: a message, empty so far.
    AiStart<'a> = "ai.start" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// Ordinal among the messages.
        n: i64,
        /// When.
        at: Millis,
        /// The answer.
        d: AiStartData<'a>,
    }
    /// More of an answer.
    AiDelta<'a> = "ai.delta" {
        /// The room.
        room: RoomId,
        /// The run.
        run: RunId,
        /// Where it belongs: bytes of the text before it.
        off: usize,
        /// What was said.
        text: &'a str,
    }
    /// A running answer so far, for who opens its room.
    AiState<'a> = "ai.state" {
        /// The room.
        room: RoomId,
        /// The run.
        run: RunId,
        /// Bytes of the text: where the next delta begins.
        off: usize,
        /// All that was said.
        text: &'a str,
    }
    /// An answer is over. It has a `seq` and no `n`.
    AiEnd<'a> = "ai.end" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// When.
        at: Millis,
        /// The answer, whole.
        d: AiEndData<'a>,
    }
    /// A question waits for its answer.
    AiWait = "ai.wait" {
        /// The room.
        room: RoomId,
        /// The question.
        message: MessageId,
        /// The run.
        run: RunId,
        /// Who asked.
        asker: UserId,
        /// How many are before it, in the room and on this server.
        place: usize,
    }
    /// A question waits no more: its turn has come, or it gets no answer.
    AiUnwait = "ai.unwait" {
        /// The room.
        room: RoomId,
        /// The question.
        message: MessageId,
        /// The run.
        run: RunId,
        /// Who asked.
        asker: UserId,
    }
    /// A question gets no answer; told to the asker.
    AiRefused<'a> = "ai.refused" {
        /// The room.
        room: RoomId,
        /// The question.
        message: MessageId,
        /// Why.
        #[serde(flatten)]
        refusal: &'a Refusal,
    }
}

/// The answer inside `ai.start`.
#[derive(Debug, Clone, Serialize)]
pub struct AiStartData<'a> {
    /// Id of the message.
    pub id: MessageId,
    /// The run.
    pub run: RunId,
    /// The assistant.
    pub by: UserId,
    /// Who asked.
    pub asker: UserId,
    /// The question.
    pub reply_to: MessageId,
    /// The message that began the thread which it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<MessageId>,
    /// Machines between it and the last human.
    pub hop: i64,
    /// The model that will answer.
    pub model: &'a str,
}

/// The answer inside `ai.end`.
#[derive(Debug, Clone, Serialize)]
pub struct AiEndData<'a> {
    /// Id of the message.
    pub id: MessageId,
    /// The assistant.
    pub by: UserId,
    /// All that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    /// Safe HTML that shows it, unless it is plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<&'a str>,
    /// Whether it was deleted meanwhile.
    #[serde(skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// What is kept of the run.
    #[serde(flatten)]
    pub run: AiDone<'a>,
}

/// What a message says of its run, while that is running.
#[derive(Debug, Clone, Serialize)]
pub struct AiRunning<'a> {
    /// The run.
    pub run: RunId,
    /// `running`.
    pub state: &'static str,
    /// Who asked.
    pub asker: UserId,
    /// The model that answers.
    pub model: &'a str,
}

/// What a message says of its run, when that is over.
#[derive(Debug, Clone, Serialize)]
pub struct AiOver<'a> {
    /// `done`.
    pub state: &'static str,
    /// The rest.
    #[serde(flatten)]
    pub run: AiDone<'a>,
}

/// A run that is over.
#[derive(Debug, Clone, Serialize)]
pub struct AiDone<'a> {
    /// The run.
    pub run: RunId,
    /// Who asked.
    pub asker: UserId,
    /// How it ended.
    pub finish: Finish,
    /// The model that answered; `offline` when none did.
    pub model: &'a str,
    /// The messages that it names as its sources.
    pub cites: Vec<Cite>,
    /// What it used.
    pub r#use: Use,
    /// What it could read.
    pub context: ContextRead<'a>,
    /// Milliseconds from the question to the first word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<i64>,
    /// Why it broke off, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
}

/// A source.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cite {
    /// The message.
    pub id: MessageId,
    /// Its seq.
    pub seq: i64,
}

/// Tokens and money.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Use {
    /// Tokens read.
    pub r#in: i64,
    /// Tokens written.
    pub out: i64,
    /// What that costs, in millionths of a US dollar; absent where no price is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_usd: Option<i64>,
    /// Whether nobody counted them and they are guessed.
    #[serde(skip_serializing_if = "is_false")]
    pub guessed: bool,
}

/// Which messages could be read.
#[derive(Debug, Clone, Serialize)]
pub struct ContextRead<'a> {
    /// Seq of the first.
    pub from: i64,
    /// Seq of the last.
    pub to: i64,
    /// How many were.
    pub used: i64,
    /// How many were left out, and why.
    pub left_out: std::collections::BTreeMap<&'a str, i64>,
    /// How many lines of a summary name no message that was read; absent where it is no summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncited: Option<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(is: &bool) -> bool {
    !*is
}
