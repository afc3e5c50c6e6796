//! What a reader does in a room for themselves: read marks, what to hear of, who has seen what.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::json::{Body, Id};
use super::rooms::readable;
use super::users::UserBody;
use super::wrong::Wrong;
use crate::domain::{MessageId, Notify, RoomId, limits};
use crate::protocol::{ErrorCode, MarkOk, Refusal, RoomUpdateData};
use crate::store::Seen;

/// A place in the log of a room.
#[derive(Deserialize, ToSchema)]
pub(super) struct ReadBody {
    /// The newest seq that was read; or the first that is to count as unread.
    #[schema(minimum = 0)]
    seq: i64,
}

impl ReadBody {
    /// The place. There is none before the log.
    pub(super) fn seq(&self) -> Result<i64, ApiError> {
        if self.seq < 0 { Err(ApiError::field("seq", Wrong::negative())) } else { Ok(self.seq) }
    }
}

/// What is unread after that.
#[derive(Serialize, ToSchema)]
pub(super) struct MarkBody {
    /// Messages read.
    read_n: i64,
    /// Messages not read.
    unread: i64,
    /// Of these, those that name the caller.
    mentions: i64,
}

impl From<MarkOk> for MarkBody {
    fn from(MarkOk { read_n, unread, mentions }: MarkOk) -> Self {
        Self { read_n, unread, mentions }
    }
}

/// Which messages make an inbox entry.
#[derive(Deserialize, ToSchema)]
pub(super) struct NotifyBody {
    /// `all`, `mentions` or `none`.
    #[serde(default)]
    #[schema(schema_with = super::words::notify)]
    notify: String,
}

/// Who has read a message.
#[derive(Serialize, ToSchema)]
pub(super) struct SeenBody {
    /// How many.
    count: i64,
    /// The first 200 of them.
    items: Vec<UserBody>,
}

/// Marks a room as read up to a seq.
#[utoipa::path(post, path = "/v1/rooms/{id}/read", tag = "rooms", params(("id" = String, Path)),
    request_body = ReadBody, responses((status = 200, body = MarkBody)))]
pub(super) async fn read(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    body: Body<ReadBody>,
) -> Result<web::Json<MarkBody>, ApiError> {
    let seq = body.seq()?;
    readable(&api, room, caller).await?;
    let mark = api.rooms.mark(room, caller.user(), seq).await?;
    Ok(web::Json(mark.into()))
}

/// Marks a room as unread from a seq on.
#[utoipa::path(post, path = "/v1/rooms/{id}/unread", tag = "rooms", params(("id" = String, Path)),
    request_body = ReadBody, responses((status = 200, body = MarkBody)))]
pub(super) async fn unread(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    body: Body<ReadBody>,
) -> Result<web::Json<MarkBody>, ApiError> {
    let seq = body.seq()?;
    readable(&api, room, caller).await?;
    let mark = api.rooms.unread(room, caller.user(), seq).await?;
    Ok(web::Json(mark.into()))
}

/// Says which messages of a room make an inbox entry for the caller.
#[utoipa::path(put, path = "/v1/rooms/{id}/notify", tag = "rooms", params(("id" = String, Path)),
    request_body = NotifyBody, responses((status = 204)))]
pub(super) async fn notify(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    body: Body<NotifyBody>,
) -> Result<HttpResponse, ApiError> {
    readable(&api, room, caller).await?;
    let notify: Notify = body.notify.parse().map_err(|why| ApiError::field("notify", why))?;
    api.store.set_notify(room, caller.user(), notify).await?;
    let d = RoomUpdateData { notify: Some(notify), ..RoomUpdateData::default() };
    api.rooms.updated_for(caller.user(), room, d).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Who of those who were there has read up to a message, but its author.
#[utoipa::path(get, path = "/v1/rooms/{id}/messages/{message}/seen", tag = "messages",
    params(("id" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = SeenBody)))]
pub(super) async fn seen(
    caller: Caller,
    api: web::Data<Api>,
    path: web::Path<(String, String)>,
) -> Result<web::Json<SeenBody>, ApiError> {
    let (room, message) = path.into_inner();
    let no_id = |_odd| ApiError::not_found();
    let (room, message): (RoomId, MessageId) =
        (room.parse().map_err(no_id)?, message.parse().map_err(no_id)?);
    let reach = readable(&api, room, caller).await?;
    if message.room != room || message.seq <= reach.after {
        return Err(ApiError::not_found());
    }
    match api.store.seen_by(room, message.seq, limits::SEEN_NAMES).await? {
        Seen::By(seen) => {
            let items = seen.users.into_iter().map(UserBody::from).collect();
            Ok(web::Json(SeenBody { count: seen.count, items }))
        }
        Seen::NoMessage => Err(ApiError::not_found()),
        Seen::Off => {
            let msg = "this club does not tell who has read what";
            Err(Refusal::new(ErrorCode::Forbidden, msg).because("seen_by_off").into())
        }
    }
}
