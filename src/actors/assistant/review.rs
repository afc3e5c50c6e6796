//! Feedback on a learning note, for whoever keeps such notes: a model reads it and judges. Nothing of
//! it is in a log or a room; whoever asks keeps what comes of it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use super::message::AssistantSettings;
use super::prepare::NAME;
use super::purse::{InVain, Purse};
use crate::actors::rooms::RoomsHandle;
use crate::actors::seat::Answer;
use crate::actors::task;
use crate::domain::{ClubId, UserId};
use crate::llm::output::Review;
use crate::llm::prompts::{self, Language, Place, TilReview};
use crate::llm::{self, LlmError, Pace, Request, Unreviewed};
use crate::store::{Manner, Store, StoreError};
use crate::telemetry::AssistantNumbers;

/// Tokens that a review must be allowed to write at least.
const LEAST: i64 = 256;

/// A learning note to be reviewed.
#[derive(Clone)]
pub struct Note {
    /// Who asks for the review, and spends for it.
    pub asker: UserId,
    /// The club of the note.
    pub club: ClubId,
    /// Its name.
    pub club_name: String,
    /// What the club says of the assistant; what it does not say the operator may. English is for
    /// those who say so.
    pub manner: Manner,
    /// The title of the note.
    pub title: String,
    /// The note, as it was when the review was asked for.
    pub body: String,
}

/// A review, and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// The review.
    pub review: Review,
    /// The model that wrote it.
    pub model: String,
    /// Tokens read and written, of all tries.
    pub tokens: (i64, i64),
    /// What that cost in millionths of a US dollar, where a price is known.
    pub micro_usd: Option<i64>,
}

/// Why there is no review. Every text in it is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// No model is connected, or the club wants none.
    #[error("no model is connected")]
    NoModel,
    /// A budget of today is used up.
    #[error("the assistant's budget of today is used up")]
    Budget {
        /// Until there is another one.
        retry: Duration,
    },
    /// A model answered in another form than was asked for; it is not asked again.
    #[error("the answer has not the form that was asked for")]
    Format,
    /// No model answered, however often it was asked.
    #[error("{0}")]
    Model(LlmError),
    /// The store does not answer, or something of ours broke.
    #[error("this could not be done")]
    Unavailable,
}

impl ReviewError {
    /// The word that is stored and counted.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::NoModel => "no_model",
            Self::Budget { .. } => "ai_budget",
            Self::Format => "format",
            Self::Model(why) => why.kind(),
            Self::Unavailable => "internal",
        }
    }
}

impl RoomsHandle {
    /// Has a learning note reviewed. It takes up to two minutes when a provider is in trouble; who
    /// stops waiting stops nothing, so that what was put aside is settled in any case.
    ///
    /// # Errors
    /// As [`review`].
    pub async fn review(&self, note: Note) -> Result<Reviewed, ReviewError> {
        let rooms = self.clone();
        let (answer, reviewed) = Answer::channel();
        task::beside(async move {
            let (settings, numbers) = (&rooms.assistant.settings, &rooms.metrics.assistant);
            let means = (&rooms.store, &**settings, numbers);
            let reviewed = task::caught(review(means, &note, &Pace::default())).await;
            answer.give(reviewed.unwrap_or(Err(ReviewError::Unavailable)));
        });
        reviewed.await.unwrap_or(Err(ReviewError::Unavailable))
    }
}

/// Has a learning note reviewed: puts aside what it may use, asks, reads the answer and settles; all
/// of it is counted. To be awaited to its end: what was put aside stays so otherwise.
///
/// # Errors
/// When there is no review.
pub async fn review(
    (store, settings, numbers): (&Store, &AssistantSettings, &AssistantNumbers),
    note: &Note,
    pace: &Pace,
) -> Result<Reviewed, ReviewError> {
    let done = ask((store, settings, numbers), note, pace).await;
    numbers.reviewed(done.as_ref().map_or_else(|why| why.kind(), |_review| "done"));
    done
}

async fn ask(
    (store, settings, numbers): (&Store, &AssistantSettings, &AssistantNumbers),
    note: &Note,
    pace: &Pace,
) -> Result<Reviewed, ReviewError> {
    let mut request = request(settings, note);
    if !settings.is_on || settings.models.is_offline_for(&request) {
        return Err(ReviewError::NoModel);
    }
    let (means, spender) = ((store, settings), (note.asker, None, Some(note.club)));
    let purse = Purse::fill(means, spender, &mut request, LEAST).await;
    let Some(purse) = purse.map_err(|why| store_error(&why))? else {
        return Err(ReviewError::Budget { retry: settings.until_tomorrow() });
    };
    let done = llm::review(&settings.models, &request, pace).await;
    let model = match done.model.as_str() {
        "" => settings.models.first_model(&request).unwrap_or_default(),
        _known => done.model,
    };
    let settled = purse.settle(means, (&model, done.usage), &InVain::default()).await;
    let (tokens, micro_usd) = settled.map_err(|why| store_error(&why))?;
    numbers.used(tokens, micro_usd);
    let review = done.outcome.map_err(|why| {
        tracing::warn!(club.id = %note.club, model, tries = done.tries, "no review: {why}");
        match why {
            Unreviewed::NoModel => ReviewError::NoModel,
            Unreviewed::Format => ReviewError::Format,
            Unreviewed::Model(why) => ReviewError::Model(why),
        }
    })?;
    Ok(Reviewed { review, model, tokens, micro_usd })
}

fn request(settings: &AssistantSettings, note: &Note) -> Request {
    let (own, other) = (&note.manner, &settings.manner);
    let or = |own: &'_ str, other: &'_ str| if own.is_empty() { other } else { own }.to_owned();
    let persona = or(&own.persona, &other.persona);
    let is_english = or(&own.language, &other.language) == "en";
    let place = Place {
        language: if is_english { Language::En } else { Language::Ko },
        club: Some(&note.club_name),
        room: "",
        persona: Some(persona.as_str()).filter(|persona| !persona.is_empty()),
        assistant: NAME,
        minutes_ahead: settings.minutes_ahead,
    };
    let seed = RandomState::new().build_hasher().finish();
    let (title, body) = (note.title.as_str(), note.body.as_str());
    let mut request = prompts::til_review(&TilReview { place, title, body, seed });
    request.limits.thought_tokens = settings.thought_tokens;
    request.model = Some(own.model.clone()).filter(|model| !model.is_empty());
    request
}

fn store_error(why: &StoreError) -> ReviewError {
    tracing::error!("a review could not be prepared or settled: {why}");
    ReviewError::Unavailable
}

// What people wrote must not reach a log by way of `{:?}`.
impl std::fmt::Debug for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { asker, club, .. } = self;
        f.debug_struct("Note").field("asker", asker).field("club", club).finish_non_exhaustive()
    }
}
