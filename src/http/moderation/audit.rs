//! What moderators did.

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

use super::moderates;
use super::permissions::ranked;
use crate::domain::{AuditId, ClubId, MessageId, Millis, RoomId, UserId};
use crate::http::api::Api;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::json::Id;
use crate::http::page::{List, Listing, PageParams, Paging};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::AuditEntry;

/// One act of a moderator.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AuditBody {
    /// Id.
    #[schema(value_type = String, example = "au_4")]
    id: AuditId,
    /// When (UTC ms).
    #[schema(value_type = i64)]
    at: Millis,
    /// Who did it.
    #[schema(value_type = String, example = "u_3")]
    by: UserId,
    /// What: `member.kick`, `member.ban` … Words are added, never changed.
    action: String,
    /// To whom.
    #[schema(value_type = Option<String>, example = "u_7")]
    user: Option<UserId>,
    /// Where.
    #[schema(value_type = Option<String>, example = "r_12")]
    room: Option<RoomId>,
    /// To which message.
    #[schema(value_type = Option<String>, example = "m_12_1043")]
    message: Option<MessageId>,
    /// Until when (UTC ms), of what ends by itself.
    #[schema(value_type = Option<i64>)]
    until: Option<Millis>,
    /// In the words of the moderator; may be empty.
    reason: String,
    /// What changed, for acts that have more to say; for people.
    detail: String,
}

impl From<AuditEntry> for AuditBody {
    fn from(entry: AuditEntry) -> Self {
        let place = entry.room.zip(entry.message_seq);
        Self {
            id: entry.id,
            at: entry.at,
            by: entry.by,
            action: entry.action,
            user: entry.user,
            room: entry.room,
            message: place.map(|(room, seq)| MessageId { room, seq }),
            until: entry.until,
            reason: entry.reason,
            detail: entry.detail,
        }
    }
}

/// What moderators did in a room, newest first. For its moderators: managers and the owner of its
/// club, the host of a group, admins in a lobby.
#[utoipa::path(get, path = "/v1/rooms/{id}/audit", tag = "audit",
    params(("id" = String, Path), PageParams),
    responses((status = 200, body = Listing<AuditBody>)))]
pub(in crate::http) async fn of_room(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    paging: Paging,
) -> Result<web::Json<Listing<AuditBody>>, ApiError> {
    let (info, rank) = ranked(&api, room, caller).await?;
    if !rank.is_moderator() {
        let refusal = Refusal::new(ErrorCode::Forbidden, "this is for moderators");
        return Err(refusal.because("role").into());
    }
    let page = paging.page(List::RoomAudit)?;
    let entries = api.store.audit_of_room((room, info.kind), page).await?;
    Ok(web::Json(paging.cut(List::RoomAudit, entries, |entry: &AuditEntry| entry.id.0)))
}

/// What moderators of a club did, newest first. For managers and the owner.
#[utoipa::path(get, path = "/v1/clubs/{id}/audit", tag = "audit",
    params(("id" = String, Path), PageParams),
    responses((status = 200, body = Listing<AuditBody>)))]
pub(in crate::http) async fn list(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
    paging: Paging,
) -> Result<web::Json<Listing<AuditBody>>, ApiError> {
    moderates(&api, club, caller).await?;
    let entries = api.store.audit(club, paging.page(List::Audit)?).await?;
    Ok(web::Json(paging.cut(List::Audit, entries, |entry: &AuditEntry| entry.id.0)))
}
