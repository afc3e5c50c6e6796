//! A run on the wire: a question to the assistant, and what came of it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Finish, MessageId, Millis, Mode, RoomId, RunId, UserId};
use crate::store::{Manifest, Run, RunStatus};

/// Tokens and money.
#[derive(Serialize, ToSchema)]
pub(super) struct UseBody {
    /// Tokens read.
    #[serde(rename = "in")]
    pub(super) input: i64,
    /// Tokens written.
    #[serde(rename = "out")]
    pub(super) output: i64,
    /// What that cost, in millionths of a US dollar; null where no price is known.
    pub(super) micro_usd: Option<i64>,
    /// Whether nobody counted the tokens, or some of them; absent where all were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) guessed: Option<bool>,
}

/// What an answer has read.
#[derive(Serialize, ToSchema)]
pub(super) struct RunContextBody {
    /// Seq of the first message that it could read.
    from: i64,
    /// Seq of the last.
    to: i64,
    /// How many it has read.
    used: i64,
    /// How many it left out, and why.
    left_out: BTreeMap<String, i64>,
}

impl From<Manifest> for RunContextBody {
    fn from(manifest: Manifest) -> Self {
        let Manifest { range: (from, to), used, left_out } = manifest;
        Self { from, to, used, left_out }
    }
}

/// A source of an answer.
#[derive(Serialize, ToSchema)]
pub(super) struct CiteBody {
    /// The message.
    #[schema(value_type = String, example = "m_12_990")]
    id: MessageId,
    /// Its seq.
    seq: i64,
}

/// A question and what came of it.
#[derive(Serialize, ToSchema)]
pub(super) struct RunBody {
    /// Id.
    #[schema(value_type = String, example = "run_5")]
    id: RunId,
    /// Where.
    #[schema(value_type = String, example = "r_12")]
    room: RoomId,
    /// Who asks.
    #[schema(value_type = String, example = "u_7")]
    asker: UserId,
    /// The question.
    #[schema(value_type = String, example = "m_12_1043")]
    question: MessageId,
    /// The answer, once it has begun.
    #[schema(value_type = Option<String>, example = "m_12_1044")]
    message: Option<MessageId>,
    /// 1, and one more each time it is asked again.
    attempt: i64,
    /// `queued`, `running` or `done`.
    status: &'static str,
    /// How many come before it while it waits, as `ai.wait` says; null when it does not wait, and as
    /// long as nobody was told.
    place: Option<usize>,
    /// `stop`, `length`, `cancel`, `budget` or `error`; null where no answer has ended.
    #[schema(value_type = Option<String>)]
    finish: Option<Finish>,
    /// The model.
    model: String,
    /// `reply`, or `catch_up` for what the asker has missed; null until the answer begins.
    #[schema(value_type = Option<String>, example = "reply")]
    mode: Option<Mode>,
    /// What it reads; null until the answer begins.
    context: Option<RunContextBody>,
    /// The messages that the answer names as its sources, once it is over.
    cites: Vec<CiteBody>,
    /// What it used.
    #[serde(rename = "use")]
    usage: UseBody,
    /// Milliseconds from the question to the first word.
    first_ms: Option<i64>,
    /// When it was asked (UTC ms).
    #[schema(value_type = i64)]
    asked_at: Millis,
    /// When the answer began (UTC ms).
    #[schema(value_type = Option<i64>)]
    started_at: Option<Millis>,
    /// When it was over (UTC ms).
    #[schema(value_type = Option<i64>)]
    ended_at: Option<Millis>,
    /// Why there is no answer, or no more of it, in a word; the operator's troubles only for admins,
    /// and so why another model had to answer than the first.
    error: Option<String>,
    /// What was asked, `openai`, `gemini` or `offline`. For admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
}

impl RunBody {
    pub(super) fn of(
        run: Run,
        place: Option<usize>,
        (micro_usd, is_guessed): (Option<i64>, bool),
        is_admin: bool,
    ) -> Self {
        let room = run.room;
        // What ended well has none for its readers, whatever became of the model that was asked first.
        let is_well = run.finish.is_some_and(|finish| finish != Finish::Error);
        let error = run.error.as_deref().filter(|_error| !is_well).map(plain);
        let cite = |seq| CiteBody { id: MessageId { room, seq }, seq };
        let status = match run.status {
            RunStatus::Queued => "queued",
            RunStatus::Running => "running",
            RunStatus::Done => "done",
        };
        Self {
            id: run.id,
            room,
            asker: run.asker,
            question: MessageId { room, seq: run.question },
            message: run.message.map(|seq| MessageId { room, seq }),
            attempt: run.attempt,
            status,
            place: place.filter(|_place| run.status == RunStatus::Queued),
            finish: run.finish,
            model: run.model,
            mode: run.mode,
            context: run.manifest.map(RunContextBody::from),
            cites: run.cites.into_iter().map(cite).collect(),
            usage: UseBody {
                input: run.tokens.0,
                output: run.tokens.1,
                micro_usd,
                guessed: is_guessed.then_some(true),
            },
            first_ms: run.first_ms,
            asked_at: run.asked_at,
            started_at: run.started_at,
            ended_at: run.ended_at,
            error: if is_admin { run.error } else { error },
            provider: is_admin.then_some(run.provider),
        }
    }
}

/// Why an answer broke off, as far as that concerns its readers.
fn plain(error: &str) -> String {
    crate::actors::public_reason(error).to_owned()
}
