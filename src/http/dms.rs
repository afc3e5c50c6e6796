//! Private rooms: one for each pair of people, made when one of them first asks for it.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::api::Api;
use super::caller::Caller;
use super::error::{ApiError, OnConstraint};
use super::json::{Body, Id};
use super::rooms::{RoomBody, readable};
use super::wrong::Wrong;
use crate::actors::entry;
use crate::domain::{Denied, Millis, RoomId, UserId};
use crate::protocol::{ErrorCode, Refusal, RoomUpdateData};
use crate::store::{RoomView, StoreError};

/// With whom.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewDmBody {
    /// The other one.
    #[serde(default)]
    #[schema(required = true, example = "u_7")]
    user_id: String,
}

/// The private room of the caller and another user: made, or the one that is there.
#[utoipa::path(post, path = "/v1/dms", tag = "dms", request_body = NewDmBody,
    responses((status = 201, body = RoomBody),
        (status = 200, body = RoomBody, description = "it was there already")))]
pub(super) async fn open(
    caller: Caller,
    api: web::Data<Api>,
    body: Body<NewDmBody>,
) -> Result<HttpResponse, ApiError> {
    let other = body.user_id.parse::<UserId>().map_err(|why| ApiError::field("user_id", why))?;
    if other == caller.user() {
        return Err(ApiError::field("user_id", Wrong::new("yourself", "is you")));
    }
    api.throttle.call(caller.user(), 1)?;
    let pair = api.store.pair(caller.user(), other, Millis::now()).await;
    let pair = match pair {
        Err(StoreError::Conflict { constraint }) if constraint == "bot_pair" => {
            let msg = "a bot talks in private with its maker alone";
            return Err(Refusal::new(ErrorCode::Forbidden, msg).because("bot").into());
        }
        pair => pair.on_constraint("room_pair_account", ApiError::not_found)?,
    };
    let (room, is_new) = pair.ok_or_else(|| Refusal::from(Denied::Blocked))?;
    if !is_new {
        let view = view(&api, room, caller.user()).await?;
        return Ok(HttpResponse::Ok().json(RoomBody::from(view)));
    }
    for user in [other, caller.user()] {
        let view = view(&api, room, user).await?;
        api.rooms.opened(vec![user], entry(view)).await;
    }
    let view = view(&api, room, caller.user()).await?;
    Ok(HttpResponse::Created().json(RoomBody::from(view)))
}

async fn view(api: &Api, room: RoomId, user: UserId) -> Result<RoomView, ApiError> {
    api.store.room_view(room, user).await?.ok_or_else(ApiError::not_found)
}

/// Hides a private room from the caller's list until its next message.
#[utoipa::path(put, path = "/v1/rooms/{id}/hidden", tag = "dms", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn hide(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
) -> Result<HttpResponse, ApiError> {
    set_hidden(&api, caller, room, true).await
}

/// Shows a hidden room again.
#[utoipa::path(delete, path = "/v1/rooms/{id}/hidden", tag = "dms",
    params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn show(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
) -> Result<HttpResponse, ApiError> {
    set_hidden(&api, caller, room, false).await
}

async fn set_hidden(
    api: &Api,
    caller: Caller,
    room: RoomId,
    is_hidden: bool,
) -> Result<HttpResponse, ApiError> {
    readable(api, room, caller).await?;
    if !api.store.hide_room(room, caller.user(), is_hidden).await? {
        let msg = "only private rooms can be hidden";
        return Err(Refusal::new(ErrorCode::Conflict, msg).because("not_private").into());
    }
    let d = RoomUpdateData { hidden: Some(is_hidden), ..RoomUpdateData::default() };
    api.rooms.updated_for(caller.user(), room, d).await;
    Ok(HttpResponse::NoContent().finish())
}
