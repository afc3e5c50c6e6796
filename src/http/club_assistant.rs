//! What a club says of the assistant, for those of its rooms that do not say so themselves.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::Api;
use super::assistant::UsageBody;
use super::caller::Caller;
use super::clubs::{no_longer, require, visible};
use super::error::ApiError;
use super::json::{Body, Fields, Id, given};
use super::room_settings::{offered, spoken, text};
use crate::domain::{ClubId, ClubRole, Millis, PERSONA_CHARS, Waking, optional_text};
use crate::store::{ClubAssistant, ClubAssistantChange, ClubAssistantPatch};

/// What a club says of the assistant.
#[derive(Serialize, ToSchema)]
pub(super) struct ClubAssistantBody {
    /// What wakes it: `off`, `mention` or `always`.
    #[schema(value_type = String, example = "mention")]
    assistant: Waking,
    /// Whether bots may ask it.
    assistant_bots: bool,
    /// What it is to be; empty for nothing.
    persona: String,
    /// In which language it speaks, `ko` or `en`; null is the asker's.
    ai_language: Option<String>,
    /// Which model answers; null is the server's.
    ai_model: Option<String>,
}

impl From<ClubAssistant> for ClubAssistantBody {
    fn from(said: ClubAssistant) -> Self {
        let word = |word: String| Some(word).filter(|word| !word.is_empty());
        Self {
            assistant: said.waking,
            assistant_bots: said.lets_bots_ask,
            persona: said.manner.persona,
            ai_language: word(said.manner.language),
            ai_model: word(said.manner.model),
        }
    }
}

/// A change to that: what is absent stays, null clears (but for `assistant`).
#[derive(Deserialize, ToSchema)]
pub(super) struct ClubAssistantPatchBody {
    /// What wakes it in rooms that do not say so themselves.
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = super::words::waking, required = false)]
    assistant: Option<Option<String>>,
    /// Whether bots may ask it in rooms that do not say so themselves.
    assistant_bots: Option<bool>,
    /// What it is to be, at most 500 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 500)]
    persona: Option<Option<String>>,
    /// In which language it speaks, `ko` or `en`; null is the asker's.
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = super::words::language_or_null, required = false)]
    ai_language: Option<Option<String>>,
    /// Which model answers, of those that `GET /v1/ai` lists; null is the server's.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    ai_model: Option<Option<String>>,
}

/// What a club says of the assistant. For its members.
#[utoipa::path(get, path = "/v1/clubs/{id}/ai", tag = "ai", params(("id" = String, Path)),
    operation_id = "club", responses((status = 200, body = ClubAssistantBody)))]
pub(super) async fn show(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
) -> Result<web::Json<ClubAssistantBody>, ApiError> {
    require(&visible(&api, club, caller).await?, ClubRole::Member)?;
    let said = api.store.club_assistant(club).await?.ok_or_else(ApiError::not_found)?;
    Ok(web::Json(said.into()))
}

/// Changes it, for all rooms of the club that do not say so themselves. For its managers and its
/// owner. When this answers, the rooms obey it.
#[utoipa::path(patch, path = "/v1/clubs/{id}/ai", tag = "ai", params(("id" = String, Path)),
    operation_id = "change_club", request_body = ClubAssistantPatchBody,
    responses((status = 200, body = ClubAssistantBody)))]
pub(super) async fn change(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
    body: Body<ClubAssistantPatchBody>,
) -> Result<web::Json<ClubAssistantBody>, ApiError> {
    require(&visible(&api, club, caller).await?, ClubRole::Manager)?;
    let mut fields = Fields::default();
    // A club always says what wakes it: null is refused like any other word.
    let waking = |word: &Option<String>| word.as_deref().unwrap_or_default().parse();
    let waking = fields.take_some("assistant", body.assistant.as_ref().map(waking));
    let persona = text(&body.persona, |persona| optional_text(persona, PERSONA_CHARS));
    let persona = fields.take_some("persona", persona);
    let language = fields.take_some("ai_language", text(&body.ai_language, spoken));
    let model = text(&body.ai_model, |model| offered(model, &api.settings.ai_models));
    let model = fields.take_some("ai_model", model);
    fields.check()?;
    let patch = ClubAssistantPatch {
        waking,
        lets_bots_ask: body.assistant_bots,
        persona: persona.as_deref(),
        language: language.as_deref(),
        model: model.as_deref(),
    };
    let who = (caller.user(), Millis::now());
    match api.store.set_club_assistant(club, &patch, who).await? {
        ClubAssistantChange::Done(said, rooms) => {
            api.rooms.inherited(&rooms).await;
            Ok(web::Json(said.into()))
        }
        ClubAssistantChange::Gone => Err(ApiError::not_found()),
        ClubAssistantChange::Denied => Err(no_longer(&api, club, caller, ClubRole::Manager).await),
    }
}

/// What a club has used today. For its managers and its owner.
#[utoipa::path(get, path = "/v1/clubs/{id}/ai/usage", tag = "ai", params(("id" = String, Path)),
    operation_id = "usage_of_club", responses((status = 200, body = UsageBody)))]
pub(super) async fn usage(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
) -> Result<web::Json<UsageBody>, ApiError> {
    require(&visible(&api, club, caller).await?, ClubRole::Manager)?;
    let spent = api.store.ai_spent_in_club(club, api.rooms.assistant.today()).await?;
    Ok(web::Json(UsageBody::of(spent, api.rooms.assistant.budgets().club)))
}
