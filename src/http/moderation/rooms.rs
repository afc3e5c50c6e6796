//! Bans and mutes in a room of no club: by the host of a group, by admins in a lobby.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::members::{BanBody, BanEntry, MuteBody, ban_of, mute_of};
use super::permissions::{ranked, require};
use super::{Two, reason};
use crate::domain::{MembershipStatus, Millis, Permission, RoomId, RoomKind, UserId};
use crate::http::api::Api;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::json::{Body, Fields, Id};
use crate::http::page::{List, Listing, PageParams, Paging};
use crate::http::rooms::readable;
use crate::http::users::UserBody;
use crate::http::wrong::Wrong;
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Ban, Measure, Moderation, RoomStanding, Within};

/// What somebody is to a room of no club now.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct StandingBody {
    /// Who.
    user: UserBody,
    /// `active`, `left` or `banned`.
    #[schema(value_type = String, example = "banned")]
    status: MembershipStatus,
    /// Until when a ban holds (UTC ms); null with status banned is for ever.
    #[schema(value_type = Option<i64>)]
    ban_until: Option<Millis>,
    /// Until when they may not write (UTC ms).
    #[schema(value_type = Option<i64>)]
    muted_until: Option<Millis>,
}

/// Puts somebody out of a lobby or a group, whether they are in it or not, who stays out until the ban
/// ends.
#[utoipa::path(post, path = "/v1/rooms/{id}/members/{user}/ban", tag = "groups",
    params(("id" = String, Path), ("user" = String, Path)), request_body = BanBody,
    responses((status = 200, body = StandingBody)))]
pub(in crate::http) async fn ban(
    caller: Caller,
    api: web::Data<Api>,
    who: Two<RoomId, UserId>,
    body: Body<BanBody>,
) -> Result<web::Json<StandingBody>, ApiError> {
    let mut fields = Fields::default();
    let reason = reason(body.reason.as_deref(), &mut fields);
    let measure = fields.take("seconds", ban_of(body.seconds));
    fields.check()?;
    take(&api, caller, who, (measure.ok_or(ApiError::Internal)?, reason)).await
}

/// Keeps a member of a lobby or a group from writing there. They read and react all the same.
#[utoipa::path(post, path = "/v1/rooms/{id}/members/{user}/mute", tag = "groups",
    params(("id" = String, Path), ("user" = String, Path)), request_body = MuteBody,
    responses((status = 200, body = StandingBody)))]
pub(in crate::http) async fn mute(
    caller: Caller,
    api: web::Data<Api>,
    who: Two<RoomId, UserId>,
    body: Body<MuteBody>,
) -> Result<web::Json<StandingBody>, ApiError> {
    let mut fields = Fields::default();
    let reason = reason(body.reason.as_deref(), &mut fields);
    let measure = fields.take("seconds", mute_of(body.seconds));
    fields.check()?;
    take(&api, caller, who, (measure.ok_or(ApiError::Internal)?, reason)).await
}

/// Lets a member of a lobby or a group write again.
#[utoipa::path(delete, path = "/v1/rooms/{id}/members/{user}/mute", tag = "groups",
    params(("id" = String, Path), ("user" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn unmute(
    caller: Caller,
    api: web::Data<Api>,
    who: Two<RoomId, UserId>,
) -> Result<HttpResponse, ApiError> {
    undo(&api, caller, who, Measure::Unmute).await
}

/// Lets somebody come back to a lobby or a group.
#[utoipa::path(delete, path = "/v1/rooms/{id}/bans/{user}", tag = "groups",
    params(("id" = String, Path), ("user" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn unban(
    caller: Caller,
    api: web::Data<Api>,
    who: Two<RoomId, UserId>,
) -> Result<HttpResponse, ApiError> {
    undo(&api, caller, who, Measure::Unban).await
}

/// Puts a member out of a lobby or a group; who is not in it is no error. They may come back as
/// others come in.
#[utoipa::path(delete, path = "/v1/rooms/{id}/members/{user}", tag = "groups",
    params(("id" = String, Path), ("user" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn put_out(
    caller: Caller,
    api: web::Data<Api>,
    who: Two<RoomId, UserId>,
) -> Result<HttpResponse, ApiError> {
    readable(&api, who.0, caller).await?;
    if who.1 == caller.user() {
        return Err(ApiError::field(
            "user",
            Wrong::new("yourself", "is you: leave the room instead"),
        ));
    }
    undo(&api, caller, who, Measure::Kick).await
}

/// Who stays out of a lobby or a group, newest first. For who may put others out there.
#[utoipa::path(get, path = "/v1/rooms/{id}/bans", tag = "groups",
    params(("id" = String, Path), PageParams),
    responses((status = 200, body = Listing<BanEntry>)))]
pub(in crate::http) async fn bans(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    paging: Paging,
) -> Result<web::Json<Listing<BanEntry>>, ApiError> {
    let (info, rank) = ranked(&api, room, caller).await?;
    outside_clubs(info.kind)?;
    require(&info, rank, Permission::Kick)?;
    let bans = api.store.room_bans(room, Millis::now(), paging.page(List::RoomBans)?).await?;
    Ok(web::Json(paging.cut(List::RoomBans, bans, |ban: &Ban| (ban.at.0, ban.user.id.0))))
}

/// Checks that a room has moderators of its own: those of a club are its managers.
///
/// # Errors
/// 409 `private_room`; 403 `not_group` for a room of a club.
pub(super) fn outside_clubs(kind: RoomKind) -> Result<(), ApiError> {
    match kind {
        RoomKind::Group | RoomKind::Lobby => Ok(()),
        RoomKind::Private => {
            let msg = "two people have a private room for ever";
            Err(Refusal::new(ErrorCode::Conflict, msg).because("private_room").into())
        }
        RoomKind::Member | RoomKind::Manager => {
            let msg = "in a club this is done in the club, for all its rooms";
            Err(Refusal::new(ErrorCode::Forbidden, msg).because("not_group").into())
        }
    }
}

async fn take(
    api: &Api,
    caller: Caller,
    Two(room, on): Two<RoomId, UserId>,
    what: (Measure, String),
) -> Result<web::Json<StandingBody>, ApiError> {
    moderate(api, caller, (room, on), what).await?;
    let user = api.store.users(&[on]).await?.into_iter().next();
    let now = api.store.room_standing(room, on, Millis::now()).await?;
    let (Some(user), Some(now)) = (user, now) else { return Err(ApiError::not_found()) };
    let RoomStanding { status, ban_until, muted_until } = now;
    Ok(web::Json(StandingBody { user: user.into(), status, ban_until, muted_until }))
}

async fn undo(
    api: &Api,
    caller: Caller,
    Two(room, on): Two<RoomId, UserId>,
    what: Measure,
) -> Result<HttpResponse, ApiError> {
    moderate(api, caller, (room, on), (what, String::new())).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn moderate(
    api: &Api,
    caller: Caller,
    (room, on): (RoomId, UserId),
    (what, reason): (Measure, String),
) -> Result<(), ApiError> {
    readable(api, room, caller).await?;
    let (within, by, at) = (Within::Room(room), caller.user(), Millis::now());
    let reason = reason.into();
    Ok(api.rooms.moderate(Moderation { within, by, on, what, reason, settles: None, at }).await?)
}
