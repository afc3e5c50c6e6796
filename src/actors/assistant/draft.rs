//! A suggestion: the next line in the asker's own voice, for the asker alone. Nothing of it is in a
//! log.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::message::{DraftAsk, Drafted};
use super::prepare::{inherit, language, lines, place};
use super::purse::{Purse, number};
use crate::actors::rooms::RoomsHandle;
use crate::llm::prompts::{self, Draft};
use crate::llm::{
    Answered, LlmError, NoAnswer, Piece, Usage, estimate_request, estimate_text, output,
};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Context, StoreError};

/// Messages that a draft looks back on.
const LINES: i64 = 10;
/// Tokens that it must be allowed to write at least.
const LEAST: i64 = 32;

/// Writes a draft.
pub(super) async fn draft(rooms: &RoomsHandle, ask: DraftAsk) -> Result<Drafted, Refusal> {
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
    let mut request = request(&context, &ask, settings.minutes_ahead);
    if settings.models.is_offline_for(&request) {
        return Err(no_model());
    }
    let (means, spender) = ((store, &**settings), (ask.asker, Some(ask.room), context.club));
    let purse = Purse::fill(means, spender, &mut request, LEAST).await;
    let Some(purse) = purse.map_err(|why| store_error(&why))? else {
        let msg = "the assistant's budget of today is used up";
        let refusal = Refusal::new(ErrorCode::AiBudget, msg).because("budget");
        return Err(refusal.retry_in(settings.until_tomorrow()));
    };
    let said = collect(rooms, &request).await;
    let input = estimate_request(&request);
    let (usage, model) = match &said {
        Ok(said) => {
            let guess = Usage { input, output: estimate_text(&said.text) };
            (said.usage.unwrap_or(guess), Some(said.model.clone()))
        }
        Err((_why, true)) => (Usage { input, output: 0 }, None),
        Err((_why, false)) => (Usage::default(), None),
    };
    let model = model.or_else(|| settings.models.first_model(&request)).unwrap_or_default();
    let cost = purse.settle(means, &model, usage).await.map_err(|why| store_error(&why))?;
    let said = said.map_err(|(why, _may_have_cost)| unanswered(why))?;
    let text = output::draft(&said.text, &[&context.asker_name]).map_err(|_empty| {
        Refusal::new(ErrorCode::Unavailable, "nothing came to mind").because("empty")
    })?;
    let tokens = (number(usage.input), number(usage.output));
    Ok(Drafted { text, model, tokens, micro_usd: cost, context: range })
}

fn request(context: &Context, ask: &DraftAsk, minutes_ahead: i32) -> crate::llm::Request {
    let language = language(context);
    let lines = lines(ask.room, &context.lines, ask.asker);
    let place = place(context, language, minutes_ahead);
    let seed = RandomState::new().build_hasher().finish();
    let (asker, hint) = (context.asker_name.as_str(), ask.hint.as_deref());
    let mut request = prompts::draft(&Draft { place, lines: &lines, asker, hint, seed });
    if !context.manner.model.is_empty() {
        request.model = Some(context.manner.model.clone());
    }
    request
}

/// What a model said, whole.
struct Said {
    text: String,
    usage: Option<Usage>,
    model: String,
}

/// Asks for a draft. With the reason why there is none comes whether it may have cost something.
async fn collect(
    rooms: &RoomsHandle,
    request: &crate::llm::Request,
) -> Result<Said, (LlmError, bool)> {
    let asked = rooms.assistant.settings.models.ask(request).await;
    let mut answer = match asked {
        Ok(Answered::Model { answer, .. }) => answer,
        Ok(Answered::Offline { tried }) | Err(NoAnswer { tried }) => {
            let nobody = NoAnswer { tried };
            return Err((nobody.error(), nobody.may_have_cost()));
        }
    };
    let mut text = String::new();
    while let Some(piece) = answer.next().await {
        if let Piece::Text(more) = piece.map_err(|why| (why, true))? {
            text.push_str(&more);
        }
    }
    Ok(Said { text, usage: answer.usage(), model: answer.model().to_owned() })
}

fn no_model() -> Refusal {
    Refusal::new(ErrorCode::Conflict, "no model is connected").because("no_model")
}

fn unanswered(why: LlmError) -> Refusal {
    tracing::warn!("a draft was not written: {why}");
    Refusal::new(ErrorCode::Unavailable, "the model does not answer").because("no_answer")
}

fn store_error(why: &StoreError) -> Refusal {
    tracing::error!("a draft could not be prepared: {why}");
    Refusal::new(ErrorCode::Unavailable, "the store does not answer")
}
