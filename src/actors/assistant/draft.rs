//! A suggestion: the next line in the asker's own voice, for the asker alone. Nothing of it is in a
//! log.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::discretion::Discretion;
use super::message::{AssistantSettings, DraftAsk, Drafted};
use super::prepare::{by_people, inherit, language, lines, place};
use super::purse::{InVain, Purse, no_budget};
use crate::actors::rooms::RoomsHandle;
use crate::llm::prompts::{self, Draft};
use crate::llm::{
    Answered, LlmError, NoAnswer, Piece, Tried, Usage, estimate_request, estimate_text, output,
};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Context, StoreError};

/// Messages that a draft looks back on.
const LINES: i64 = 10;
/// Tokens that it must be allowed to write at least.
const LEAST: i64 = 32;

/// Writes a draft, and counts what came of it.
pub(super) async fn draft(rooms: &RoomsHandle, ask: DraftAsk) -> Result<Drafted, Refusal> {
    let drafted = write(rooms, ask).await;
    let why = |why: &Refusal| why.reason.unwrap_or_else(|| why.code.word());
    rooms.metrics.assistant.drafted(drafted.as_ref().map_or_else(why, |_draft| "done"));
    drafted
}

async fn write(rooms: &RoomsHandle, ask: DraftAsk) -> Result<Drafted, Refusal> {
    let (store, settings) = (&rooms.store, &rooms.assistant.settings);
    if settings.models.is_offline() {
        return Err(no_model());
    }
    let context = store.ai_context((ask.room, ask.asker), (0, i64::MAX), LINES).await;
    let context = context.map_err(|why| store_error(&why))?;
    let mut context = context.ok_or_else(|| Refusal::new(ErrorCode::NotFound, "no such room"))?;
    inherit(&mut context, settings);
    let (Some(first), Some(last)) = (context.lines.first(), context.lines.last()) else {
        let msg = "nobody has said anything yet";
        return Err(Refusal::new(ErrorCode::Conflict, msg).because("empty_room"));
    };
    let range = (first.seq, last.seq, i64::try_from(context.lines.len()).unwrap_or(0));
    let mut request = request(&context, &ask, settings);
    if settings.models.is_offline_for(&request) {
        return Err(no_model());
    }
    let (means, spender) = ((store, &**settings), (ask.asker, Some(ask.room), context.club));
    let purse = Purse::fill(means, spender, &mut request, LEAST).await;
    let Some(purse) = purse.map_err(|why| store_error(&why))? else {
        return Err(no_budget(settings));
    };
    let said = collect(rooms, &request).await;
    let output = said.thoughts.saturating_add(estimate_text(&said.text));
    let guess = Usage { input: estimate_request(&request), output };
    let usage = said.usage.unwrap_or(guess);
    let first = || settings.models.first_model(&request).unwrap_or_default();
    let model = said.model.clone().unwrap_or_else(first);
    let in_vain = InVain::of(&said.tried, guess.input);
    let settled = purse.settle(means, (&model, usage), &in_vain).await;
    let (tokens, micro_usd) = settled.map_err(|why| store_error(&why))?;
    rooms.metrics.assistant.used(tokens, micro_usd);
    said.ended.map_err(unanswered)?;
    let open = by_people(&context).chain(ask.hint.as_deref());
    let mut discretion = Discretion::of(&request, &context.manner.persona, open);
    discretion.take(&said.text);
    if discretion.is_broken() {
        let msg = "the model told on how it was asked";
        return Err(Refusal::new(ErrorCode::Unavailable, msg).because("withheld"));
    }
    let text = output::draft(&said.text, &[&context.asker_name]).map_err(|_empty| {
        Refusal::new(ErrorCode::Unavailable, "nothing came to mind").because("empty")
    })?;
    let is_guessed = said.usage.is_none() || !in_vain.is_nothing();
    Ok(Drafted { text, model, tokens, micro_usd, is_guessed, context: range })
}

fn request(context: &Context, ask: &DraftAsk, settings: &AssistantSettings) -> crate::llm::Request {
    let language = language(context);
    let lines = lines(ask.room, &context.lines, ask.asker);
    let place = place(context, language, settings.minutes_ahead);
    let seed = RandomState::new().build_hasher().finish();
    let (asker, hint) = (context.asker_name.as_str(), ask.hint.as_deref());
    let mut request = prompts::draft(&Draft { place, lines: &lines, asker, hint, seed });
    request.limits.thought_tokens = settings.thought_tokens;
    if !context.manner.model.is_empty() {
        request.model = Some(context.manner.model.clone());
    }
    request
}

/// What a model said.
struct Said {
    text: String,
    /// What it counted.
    usage: Option<Usage>,
    /// Tokens of its thoughts, guessed.
    thoughts: u64,
    model: Option<String>,
    /// Who was asked before, and did not answer.
    tried: Vec<Tried>,
    ended: Result<(), LlmError>,
}

/// Asks for a draft.
async fn collect(rooms: &RoomsHandle, request: &crate::llm::Request) -> Said {
    let asked = rooms.assistant.settings.models.ask(request).await;
    let (mut answer, tried) = match asked {
        Ok(Answered::Model { answer, tried }) => (answer, tried),
        Ok(Answered::Offline { tried }) | Err(NoAnswer { tried }) => {
            let nobody = NoAnswer { tried };
            let (usage, ended) = (Some(Usage::default()), Err(nobody.error()));
            let (text, thoughts) = (String::new(), 0);
            return Said { text, usage, thoughts, model: None, tried: nobody.tried, ended };
        }
    };
    let (mut text, mut ended) = (String::new(), Ok(()));
    while let Some(piece) = answer.next().await {
        match piece {
            Ok(Piece::Text(more)) => text.push_str(&more),
            Ok(Piece::End { .. }) => {}
            Err(why) => ended = Err(why),
        }
    }
    let (usage, thoughts) = (answer.usage(), answer.thoughts());
    Said { text, usage, thoughts, model: Some(answer.model().to_owned()), tried, ended }
}

fn no_model() -> Refusal {
    let refusal = Refusal::new(ErrorCode::Unavailable, "no model is connected");
    // To ask again does not help.
    Refusal { temporary: false, ..refusal.because("no_model") }
}

fn unanswered(why: LlmError) -> Refusal {
    tracing::warn!("a draft was not written: {why}");
    Refusal::new(ErrorCode::Unavailable, "the model does not answer").because("no_answer")
}

fn store_error(why: &StoreError) -> Refusal {
    tracing::error!("a draft could not be prepared: {why}");
    Refusal::new(ErrorCode::Unavailable, "the store does not answer")
}
