//! What would come of a question, as far as that is known before it stands: a call that asks is told
//! at once. Nothing is put aside meanwhile, so who comes at the same moment may still be refused later.

use std::collections::BTreeMap;
use std::time::Duration;

use super::busy;
use super::message::AssistantSettings;
use super::prepare::{self, Ask, NOT_YET, Prepared, Unprepared};
use super::purse::{no_budget, price};
use super::shepherd::LEAST;
use crate::actors::rooms::RoomsHandle;
use crate::actors::seat::Answer;
use crate::domain::{RoomId, RunId, UserId};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Budgets, Run, StoreError};

/// Who takes longer to say what they know says nothing: then the question shows it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether a new question would be answered.
pub(in crate::actors) async fn may_ask(
    rooms: &RoomsHandle,
    (room, asker): (RoomId, UserId),
    (text, read_seq): (String, i64),
) -> Result<(), Refusal> {
    let (range, left_out, goes_on) = (None, BTreeMap::new(), None);
    let ask = Ask { room, asker, seq: NOT_YET, text, read_seq, range, left_out, goes_on };
    verdict(rooms, ask).await
}

/// Whether a question would be answered that is asked once more, or whose answer is to go on.
pub(in crate::actors) async fn may_ask_again(
    rooms: &RoomsHandle,
    (run, asker): (&Run, UserId),
    goes_on: Option<RunId>,
) -> Result<(), Refusal> {
    let text = rooms.store.text_of(run.room, run.question).await;
    let Some(text) = text.map_err(|why| store_error(&why))? else { return Err(gone()) };
    verdict(rooms, Ask { asker, goes_on, ..Ask::of(run, text) }).await
}

async fn verdict(rooms: &RoomsHandle, ask: Ask) -> Result<(), Refusal> {
    let (answer, looked) = Answer::channel();
    if !rooms.assistant.look(ask.asker, answer) {
        return Err(busy());
    }
    if let Ok(Ok(verdict)) = tokio::time::timeout(PATIENCE, looked).await {
        verdict?;
    }
    let settings = &rooms.assistant.settings;
    if settings.models.is_offline() || settings.budgets == Budgets::default() {
        return Ok(());
    }
    match prepare::read(&rooms.store, settings, ask).await {
        Ok(prepared) => budget(rooms, settings, &prepared).await,
        // Whoever may not read there, or is gone, is told so when they write.
        Err(Unprepared::Stale | Unprepared::Gone | Unprepared::Off) => Ok(()),
        Err(Unprepared::Store(why)) => Err(store_error(&why)),
    }
}

/// Whether the budgets have enough left, asked as the answer would ask.
async fn budget(
    rooms: &RoomsHandle,
    settings: &AssistantSettings,
    prepared: &Prepared,
) -> Result<(), Refusal> {
    let request = &prepared.request;
    if settings.models.is_offline_for(request) {
        return Ok(());
    }
    let most = i64::from(request.limits.tokens());
    let wish = (prepared.input, (most, LEAST.min(most)), price(settings, request));
    let who = (prepared.asker, Some(prepared.room), prepared.context.club);
    let fits = rooms.store.could_reserve_ai(who, wish, &settings.budgets, settings.today()).await;
    if fits.map_err(|why| store_error(&why))? { Ok(()) } else { Err(no_budget(settings)) }
}

/// The room does not want it.
pub(in crate::actors) fn ai_off() -> Refusal {
    Refusal::new(ErrorCode::Forbidden, "the assistant is off in this room").because("ai_off")
}

/// There is nothing to answer any more.
pub(super) fn gone() -> Refusal {
    Refusal::new(ErrorCode::Conflict, "the question is gone").because("gone")
}

fn store_error(why: &StoreError) -> Refusal {
    tracing::error!("what would come of a question could not be read: {why}");
    Refusal::new(ErrorCode::Unavailable, "the store does not answer")
        .retry_in(Duration::from_secs(1))
}
