//! Kicks, bans and mutes.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Two, moderates, reason, seconds};
use crate::domain::{
    BAN_SECONDS, ClubId, ClubRole, MUTE_SECONDS, MembershipStatus, Millis, UserId,
};
use crate::http::api::Api;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::json::{Body, Fields, Id};
use crate::http::page::{List, Listing, PageParams, Paging};
use crate::http::users::UserBody;
use crate::http::wrong::Wrong;
use crate::store::{Ban, Measure, Moderation, Within};

/// Putting a member out.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct KickBody {
    /// Told to the member, and kept in the audit log.
    #[schema(max_length = 255)]
    pub(super) reason: Option<String>,
}

/// Putting somebody out who is to stay out.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct BanBody {
    /// For how long; absent is for ever.
    #[schema(minimum = 60, maximum = 316224000)]
    pub(super) seconds: Option<i64>,
    /// Told to them for as long as it holds, and kept in the audit log.
    #[schema(max_length = 255)]
    pub(super) reason: Option<String>,
}

/// Keeping a member from writing.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct MuteBody {
    /// For how long.
    #[schema(required = true, minimum = 60, maximum = 2419200)]
    pub(super) seconds: Option<i64>,
    /// Kept in the audit log.
    #[schema(max_length = 255)]
    pub(super) reason: Option<String>,
}

/// What somebody is to a club now.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MembershipBody {
    /// Who.
    user: UserBody,
    /// `owner`, `manager` or `member`.
    #[schema(value_type = String, example = "member")]
    role: ClubRole,
    /// `active`, `left`, `kicked` or `banned`.
    #[schema(value_type = String, example = "kicked")]
    status: MembershipStatus,
    /// Until when a ban holds (UTC ms); null with status banned is for ever.
    #[schema(value_type = Option<i64>)]
    ban_until: Option<Millis>,
    /// Until when they may not write (UTC ms).
    #[schema(value_type = Option<i64>)]
    muted_until: Option<Millis>,
}

/// Somebody who stays out.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BanEntry {
    /// Who.
    user: UserBody,
    /// Since when (UTC ms).
    #[schema(value_type = i64)]
    banned_at: Millis,
    /// Until when (UTC ms); null is for ever.
    #[schema(value_type = Option<i64>)]
    until: Option<Millis>,
    /// In the words of the moderator, as they were told; may be empty.
    reason: String,
}

impl From<Ban> for BanEntry {
    fn from(ban: Ban) -> Self {
        let Ban { user, at, until, reason } = ban;
        Self { user: user.into(), banned_at: at, until, reason }
    }
}

/// Puts a member out. They may come back as the policy allows. For managers and the owner, on lower
/// roles.
#[utoipa::path(post, path = "/v1/clubs/{id}/members/{user}/kick", tag = "members",
    params(("id" = String, Path), ("user" = String, Path)), request_body = KickBody,
    responses((status = 200, body = MembershipBody)))]
pub(in crate::http) async fn kick(
    caller: Caller,
    api: web::Data<Api>,
    who: Two<ClubId, UserId>,
    body: Body<KickBody>,
) -> Result<web::Json<MembershipBody>, ApiError> {
    let mut fields = Fields::default();
    let reason = reason(body.reason.as_deref(), &mut fields);
    fields.check()?;
    take(&api, caller, who, (Measure::Kick, reason)).await
}

/// Puts somebody out, member or not, who stays out until the ban ends.
#[utoipa::path(post, path = "/v1/clubs/{id}/members/{user}/ban", tag = "members",
    params(("id" = String, Path), ("user" = String, Path)), request_body = BanBody,
    responses((status = 200, body = MembershipBody)))]
pub(in crate::http) async fn ban(
    caller: Caller,
    api: web::Data<Api>,
    who: Two<ClubId, UserId>,
    body: Body<BanBody>,
) -> Result<web::Json<MembershipBody>, ApiError> {
    let mut fields = Fields::default();
    let reason = reason(body.reason.as_deref(), &mut fields);
    let measure = fields.take("seconds", ban_of(body.seconds));
    fields.check()?;
    take(&api, caller, who, (measure.ok_or(ApiError::Internal)?, reason)).await
}

/// Keeps a member from writing. They read and react all the same.
#[utoipa::path(post, path = "/v1/clubs/{id}/members/{user}/mute", tag = "members",
    params(("id" = String, Path), ("user" = String, Path)), request_body = MuteBody,
    responses((status = 200, body = MembershipBody)))]
pub(in crate::http) async fn mute(
    caller: Caller,
    api: web::Data<Api>,
    who: Two<ClubId, UserId>,
    body: Body<MuteBody>,
) -> Result<web::Json<MembershipBody>, ApiError> {
    let mut fields = Fields::default();
    let reason = reason(body.reason.as_deref(), &mut fields);
    let measure = fields.take("seconds", mute_of(body.seconds));
    fields.check()?;
    take(&api, caller, who, (measure.ok_or(ApiError::Internal)?, reason)).await
}

/// Lets a member write again.
#[utoipa::path(delete, path = "/v1/clubs/{id}/members/{user}/mute", tag = "members",
    params(("id" = String, Path), ("user" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn unmute(
    caller: Caller,
    api: web::Data<Api>,
    who: Two<ClubId, UserId>,
) -> Result<HttpResponse, ApiError> {
    undo(&api, caller, who, Measure::Unmute).await
}

/// Lets somebody come back.
#[utoipa::path(delete, path = "/v1/clubs/{id}/bans/{user}", tag = "members",
    params(("id" = String, Path), ("user" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn unban(
    caller: Caller,
    api: web::Data<Api>,
    who: Two<ClubId, UserId>,
) -> Result<HttpResponse, ApiError> {
    undo(&api, caller, who, Measure::Unban).await
}

/// Who stays out of a club, newest first. For managers and the owner.
#[utoipa::path(get, path = "/v1/clubs/{id}/bans", tag = "members",
    params(("id" = String, Path), PageParams),
    responses((status = 200, body = Listing<BanEntry>)))]
pub(in crate::http) async fn bans(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
    paging: Paging,
) -> Result<web::Json<Listing<BanEntry>>, ApiError> {
    moderates(&api, club, caller).await?;
    let bans = api.store.bans(club, Millis::now(), paging.page(List::Bans)?).await?;
    Ok(web::Json(paging.cut(List::Bans, bans, |ban: &Ban| (ban.at.0, ban.user.id.0))))
}

/// A ban of so many seconds.
pub(super) fn ban_of(span: Option<i64>) -> Result<Measure, Wrong> {
    let span = seconds(span, &BAN_SECONDS)?;
    Ok(Measure::Ban { until: span.map(later) })
}

/// A mute of so many seconds.
pub(super) fn mute_of(span: Option<i64>) -> Result<Measure, Wrong> {
    let span = seconds(span, &MUTE_SECONDS)?.ok_or_else(|| Wrong::new("needed", "is missing"))?;
    Ok(Measure::Mute { until: later(span) })
}

fn later(seconds: i64) -> Millis {
    Millis(Millis::now().0.saturating_add(seconds.saturating_mul(1_000)))
}

async fn take(
    api: &Api,
    caller: Caller,
    Two(club, on): Two<ClubId, UserId>,
    (what, reason): (Measure, String),
) -> Result<web::Json<MembershipBody>, ApiError> {
    moderates(api, club, caller).await?;
    let (within, by, at) = (Within::Club(club), caller.user(), Millis::now());
    let reason = reason.into();
    api.rooms.moderate(Moderation { within, by, on, what, reason, settles: None, at }).await?;
    let user = api.store.users(&[on]).await?.into_iter().next();
    let membership = api.store.membership(club, on).await?;
    let (Some(user), Some(now)) = (user, membership) else { return Err(ApiError::not_found()) };
    Ok(web::Json(MembershipBody {
        user: user.into(),
        role: now.role,
        status: now.status,
        ban_until: now.ban_until,
        muted_until: now.muted_until,
    }))
}

async fn undo(
    api: &Api,
    caller: Caller,
    Two(club, on): Two<ClubId, UserId>,
    what: Measure,
) -> Result<HttpResponse, ApiError> {
    moderates(api, club, caller).await?;
    let (within, by, at) = (Within::Club(club), caller.user(), Millis::now());
    let reason = "".into();
    api.rooms.moderate(Moderation { within, by, on, what, reason, settles: None, at }).await?;
    Ok(HttpResponse::NoContent().finish())
}
