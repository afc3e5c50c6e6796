//! Who is in a club: joining, leaving, the list.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::api::Api;
use super::caller::Caller;
use super::clubs::{require, visible};
use super::error::ApiError;
use super::json::Id;
use super::page::{List, Listing, PageParams, Paging};
use super::users::UserBody;
use crate::actors::RoomsHandle;
use crate::domain::{Availability, ClubId, ClubRole, MembershipStatus, Millis};
use crate::store::{ClubMember, RoomMember, User};

/// A member of a club or room.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberBody {
    /// Who.
    user: UserBody,
    /// `owner`, `manager` or `member`.
    #[schema(value_type = String, example = "member")]
    role: ClubRole,
    /// Since when (UTC ms).
    #[schema(value_type = i64)]
    joined_at: Millis,
    /// Whether there is a live session.
    online: bool,
    /// How they are: `online`, `away` or `dnd`; null without a live session.
    #[schema(value_type = Option<String>, example = "online")]
    state: Option<Availability>,
}

impl MemberBody {
    /// A member of a club, with what only the live part knows.
    pub(super) fn of_club(member: ClubMember, rooms: &RoomsHandle) -> Self {
        let ClubMember { user, role, joined_at } = member;
        Self::of(user, role, joined_at, rooms)
    }

    /// A member of a room, with what only the live part knows.
    pub(super) fn of_room(member: RoomMember, rooms: &RoomsHandle) -> Self {
        let RoomMember { user, role, joined_at } = member;
        Self::of(user, role, joined_at, rooms)
    }

    fn of(user: User, role: ClubRole, joined_at: Millis, rooms: &RoomsHandle) -> Self {
        let online = rooms.is_online(user.id);
        let state = online.then(|| rooms.status(user.id).state);
        Self { user: user.into(), role, joined_at, online, state }
    }
}

/// What came of asking to join.
#[derive(Serialize, ToSchema)]
pub(super) struct JoinedBody {
    /// `active`.
    #[schema(value_type = String, example = "active")]
    status: MembershipStatus,
}

/// Joins an open club.
#[utoipa::path(post, path = "/v1/clubs/{id}/join", tag = "members", params(("id" = String, Path)),
    responses((status = 200, body = JoinedBody)))]
pub(super) async fn join(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
) -> Result<web::Json<JoinedBody>, ApiError> {
    api.throttle.join(caller.user())?;
    visible(&api, club, caller).await?;
    api.rooms.join_club(club, caller.user()).await?;
    Ok(web::Json(JoinedBody { status: MembershipStatus::Active }))
}

/// Leaves a club, and with it all its rooms.
#[utoipa::path(post, path = "/v1/clubs/{id}/leave", tag = "members", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn leave(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
) -> Result<HttpResponse, ApiError> {
    api.rooms.leave_club(club, caller.user()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The members of a club, newest first. For members.
#[utoipa::path(get, path = "/v1/clubs/{id}/members", tag = "members",
    params(("id" = String, Path), PageParams),
    responses((status = 200, body = Listing<MemberBody>)))]
pub(super) async fn list(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
    paging: Paging,
) -> Result<web::Json<Listing<MemberBody>>, ApiError> {
    require(&visible(&api, club, caller).await?, ClubRole::Member)?;
    let members = api.store.club_members(club, paging.page(List::ClubMembers)?).await?;
    let key_of = |member: &ClubMember| (member.joined_at.0, member.user.id.0);
    let page: Listing<ClubMember> = paging.cut(List::ClubMembers, members, key_of);
    Ok(web::Json(page.map(|member| MemberBody::of_club(member, &api.rooms))))
}
