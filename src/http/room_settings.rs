//! What moderators set in a room, and its end.

use std::str::FromStr;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::api::Api;
use super::caller::Caller;
use super::error::{ApiError, OnConstraint};
use super::groups::{listed_name, name_taken};
use super::json::{Body, Fields, Id, given};
use super::moderation::permissions::{denied, ranked, require};
use super::rooms::{RoomDetail, detail, private};
use super::wrong::Wrong;
use crate::domain::{
    History, Millis, PERSONA_CHARS, Permission, RoomId, RoomKind, RoomName, Waking, Writers,
    limits, optional_text,
};
use crate::protocol::{ErrorCode, Refusal, RoomUpdateData};
use crate::store::{RoomChanged, RoomInfo, RoomPatch};

/// A change to a room: what is absent stays, null clears (but for `history` and `write`).
#[derive(Deserialize, ToSchema)]
pub(super) struct RoomPatchBody {
    /// 1–50 characters; 2–50, and unique, when it is listed.
    #[schema(min_length = 1, max_length = 50)]
    name: Option<String>,
    /// At most 200 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 200)]
    topic: Option<Option<String>>,
    /// `all` or `since_join`.
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = super::words::history, required = false)]
    history: Option<Option<String>>,
    /// `all` or `moderators`.
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = super::words::writers, required = false)]
    write: Option<Option<String>>,
    /// Seconds between two messages of one user, at most 21,600; 0 is none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 21_600)]
    slow_mode_s: Option<Option<i64>>,
    /// Days after which what is said goes for good, at most 3,650; null is for ever.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 3_650)]
    retention_days: Option<Option<i64>>,
    /// Whether people may find and join it. For groups.
    listed: Option<bool>,
    /// What wakes the assistant; null is what its club says.
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = super::words::waking_or_null, required = false)]
    assistant: Option<Option<String>>,
    /// Whether bots may ask the assistant; null is what its club says.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    assistant_bots: Option<Option<bool>>,
    /// What the assistant is to be, at most 500 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 500)]
    persona: Option<Option<String>>,
    /// In which language the assistant speaks, `ko` or `en`; null is its club's, else the asker's.
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = super::words::language_or_null, required = false)]
    ai_language: Option<Option<String>>,
    /// Which model answers, of those that `GET /v1/ai` lists; null is its club's, else the server's.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    ai_model: Option<Option<String>>,
}

/// A word that stands for something; null stands for nothing.
fn word<T: FromStr>(said: &Option<String>) -> Result<T, T::Err> {
    said.as_deref().unwrap_or_default().parse()
}

/// What is to be different.
#[derive(Debug, Default)]
struct Wish {
    name: Option<RoomName>,
    topic: Option<String>,
    history: Option<History>,
    write: Option<Writers>,
    slow_mode_s: Option<i64>,
    is_listed: Option<bool>,
    retention_days: Option<Option<i64>>,
    waking: Option<Option<Waking>>,
    lets_bots_ask: Option<Option<bool>>,
    persona: Option<String>,
    language: Option<String>,
    model: Option<String>,
}

/// What a room may say of the language of the assistant.
pub(super) fn spoken(language: &str) -> Result<String, Wrong> {
    match language {
        "" | "ko" | "en" => Ok(language.to_owned()),
        _other => Err(Wrong::choice("ko, en or null")),
    }
}

/// What may be said of the model that answers.
pub(super) fn offered(model: &str, models: &[String]) -> Result<String, Wrong> {
    let is_known = model.is_empty() || models.iter().any(|known| known == model);
    if is_known {
        Ok(model.to_owned())
    } else {
        Err(Wrong::new("model", "is no model of this server"))
    }
}

impl Wish {
    fn read(body: &RoomPatchBody, room: &RoomInfo, models: &[String]) -> Result<Self, ApiError> {
        let mut fields = Fields::default();
        let name = fields.take_some("name", body.name.as_deref().map(RoomName::parse));
        if name.is_some() && room.kind == RoomKind::Lobby {
            fields.take("name", Err::<(), _>(Wrong::new("operator", "is given by the operator")));
        }
        if body.listed.is_some() && room.kind != RoomKind::Group {
            fields.take("listed", Err::<(), _>(Wrong::new("not_group", "is for group rooms")));
        }
        let topic = body
            .topic
            .as_ref()
            .map(|topic| optional_text(topic.as_deref().unwrap_or_default(), limits::TOPIC_CHARS));
        let slow = body.slow_mode_s.map(|slow| match slow.unwrap_or(0) {
            slow if (0..=limits::SLOW_MODE_S).contains(&slow) => Ok(slow),
            _odd => Err(Wrong::range(0, limits::SLOW_MODE_S, "")),
        });
        let retention = body.retention_days.map(|days| match days {
            Some(days) if !(1..=limits::RETENTION_DAYS).contains(&days) => {
                Err(Wrong::range(1, limits::RETENTION_DAYS, ""))
            }
            days => Ok(days),
        });
        let wish = Self {
            topic: fields.take_some("topic", topic),
            // These two are always said: null is refused like any other word.
            history: fields.take_some("history", body.history.as_ref().map(word)),
            write: fields.take_some("write", body.write.as_ref().map(word)),
            slow_mode_s: fields.take_some("slow_mode_s", slow),
            retention_days: fields.take_some("retention_days", retention),
            is_listed: body.listed,
            lets_bots_ask: body.assistant_bots,
            waking: fields.take_some(
                "assistant",
                body.assistant
                    .as_ref()
                    .map(|word| word.as_deref().map(str::parse::<Waking>).transpose()),
            ),
            persona: fields.take_some(
                "persona",
                text(&body.persona, |persona| optional_text(persona, PERSONA_CHARS)),
            ),
            language: fields.take_some("ai_language", text(&body.ai_language, spoken)),
            model: fields
                .take_some("ai_model", text(&body.ai_model, |model| offered(model, models))),
            name,
        };
        if room.kind == RoomKind::Group && wish.is_listed.unwrap_or(room.is_listed) {
            let name = wish.name.clone().map_or_else(|| RoomName::parse(&room.name), Ok);
            fields.take("name", name.and_then(|name| listed_name(&name)));
        }
        fields.check()?;
        Ok(wish)
    }

    fn patch(&self) -> RoomPatch<'_> {
        RoomPatch {
            name: self.name.as_ref(),
            topic: self.topic.as_deref(),
            history: self.history,
            write: self.write,
            slow_mode_s: self.slow_mode_s,
            is_listed: self.is_listed,
            retention_days: self.retention_days,
            waking: self.waking,
            lets_bots_ask: self.lets_bots_ask,
            persona: self.persona.as_deref(),
            language: self.language.as_deref(),
            model: self.model.as_deref(),
        }
    }

    /// What of it is news.
    fn news<'n>(&self, was: &RoomInfo, now: &'n RoomInfo) -> Option<RoomUpdateData<'n>> {
        let news = RoomUpdateData {
            name: (was.name != now.name).then_some(now.name.as_str()),
            topic: (was.topic != now.topic).then_some(now.topic.as_str()),
            history: (was.history != now.history).then_some(now.history),
            write: self.write.filter(|_wish| was.write != now.write),
            slow_mode_s: (was.slow_mode_s != now.slow_mode_s).then_some(now.slow_mode_s),
            retention_days: (was.retention_days != now.retention_days)
                .then_some(now.retention_days.unwrap_or(0)),
            listed: (was.is_listed != now.is_listed).then_some(now.is_listed),
            assistant: (was.waking != now.waking).then_some(now.waking),
            assistant_bots: (was.lets_bots_ask != now.lets_bots_ask).then_some(now.lets_bots_ask),
            ..RoomUpdateData::default()
        };
        let is_same = was == &RoomInfo { head: was.head, n: was.n, rev: was.rev, ..now.clone() };
        (!is_same).then_some(news)
    }
}

/// Changes a room. For who may configure it: managers and the owner of its club, unless it says
/// otherwise, the host of a group, admins in a lobby.
#[utoipa::path(patch, path = "/v1/rooms/{id}", tag = "rooms", params(("id" = String, Path)),
    request_body = RoomPatchBody, responses((status = 200, body = RoomDetail)))]
pub(super) async fn change(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    body: Body<RoomPatchBody>,
) -> Result<web::Json<RoomDetail>, ApiError> {
    let was = configured(&api, room, caller).await?;
    if was.kind == RoomKind::Private {
        return Err(private());
    }
    let wish = Wish::read(&body, &was, &api.settings.ai_models)?;
    let who = (caller.user(), Millis::now());
    let changed = api.store.update_room(room, wish.patch(), who).await;
    match changed.on_constraint("name_key", name_taken)? {
        RoomChanged::Done(now) => {
            if let Some(news) = wish.news(&was, &now) {
                api.rooms.updated(room, news).await;
            }
            if was.retention_days != now.retention_days {
                api.rooms.retention_changed();
            }
            Ok(web::Json(detail(&api, room, caller).await?))
        }
        RoomChanged::Denied => Err(denied()),
        RoomChanged::Gone | RoomChanged::General => {
            Err(api.rooms.why_not(room, caller.user()).await.into())
        }
    }
}

/// Deletes a room for everybody. For managers and the owner of its club, and the host of a group.
#[utoipa::path(delete, path = "/v1/rooms/{id}", tag = "rooms", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn delete(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
) -> Result<HttpResponse, ApiError> {
    let deleted = || HttpResponse::NoContent().finish();
    let was = match configured(&api, room, caller).await {
        Ok(was) => was,
        Err(why) => {
            let is_done = api.store.has_deleted(room, caller.user()).await?;
            return if is_done { Ok(deleted()) } else { Err(why) };
        }
    };
    match was.kind {
        RoomKind::Private => return Err(private()),
        RoomKind::Lobby => {
            let msg = "lobbies are the operator's";
            return Err(Refusal::new(ErrorCode::Forbidden, msg).because("lobby").into());
        }
        RoomKind::Member | RoomKind::Manager | RoomKind::Group => {}
    }
    match api.store.delete_room(room, (caller.user(), Millis::now())).await? {
        RoomChanged::Done(_room) => {
            api.rooms.deleted(vec![room]);
            Ok(deleted())
        }
        RoomChanged::Denied => Err(denied()),
        // Somebody else deleted it meanwhile, or the caller has no say there any more.
        RoomChanged::Gone if api.store.has_deleted(room, caller.user()).await? => Ok(deleted()),
        RoomChanged::Gone => Err(api.rooms.why_not(room, caller.user()).await.into()),
        RoomChanged::General => {
            let msg = "a club keeps its general room";
            Err(Refusal::new(ErrorCode::Conflict, msg).because("general").into())
        }
    }
}

/// A field that null clears, read.
pub(super) fn text<E>(
    given: &Option<Option<String>>,
    read: impl Fn(&str) -> Result<String, E>,
) -> Option<Result<String, E>> {
    given.as_ref().map(|text| read(text.as_deref().unwrap_or_default()))
}

/// A room that the caller may change.
async fn configured(api: &Api, room: RoomId, caller: Caller) -> Result<RoomInfo, ApiError> {
    let (info, rank) = ranked(api, room, caller).await?;
    // In a private room nobody is more than the other, and there is nothing to configure.
    if info.kind != RoomKind::Private {
        require(&info, rank, Permission::Configure)?;
    }
    Ok(info)
}
