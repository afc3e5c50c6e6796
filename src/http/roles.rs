//! Who is what in a club: roles, and the owner.

use actix_web::web;
use serde::Deserialize;
use utoipa::ToSchema;

use super::api::Api;
use super::caller::Caller;
use super::club_body::ClubBody;
use super::clubs::{require, visible};
use super::error::ApiError;
use super::json::{Body, Id};
use super::members::MemberBody;
use super::wrong::Wrong;
use crate::domain::{ClubId, ClubRole, UserId};

/// The role of a member.
#[derive(Deserialize, ToSchema)]
pub(super) struct RoleBody {
    /// `member` or `manager`.
    #[serde(default)]
    #[schema(schema_with = super::words::given_role)]
    role: String,
}

/// Who owns a club from now on.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewOwnerBody {
    /// A member.
    #[serde(default)]
    #[schema(required = true, example = "u_7")]
    user_id: String,
}

/// Makes a member a manager, or a manager a member. For the owner.
#[utoipa::path(patch, path = "/v1/clubs/{id}/members/{user}", tag = "members",
    params(("id" = String, Path), ("user" = String, Path)),
    request_body = RoleBody, responses((status = 200, body = MemberBody)))]
pub(super) async fn set_role(
    caller: Caller,
    api: web::Data<Api>,
    path: web::Path<(String, String)>,
    body: Body<RoleBody>,
) -> Result<web::Json<MemberBody>, ApiError> {
    let (club, user) = path.into_inner();
    let no_id = |_odd| ApiError::not_found();
    let (club, user): (ClubId, UserId) =
        (club.parse().map_err(no_id)?, user.parse().map_err(no_id)?);
    require(&visible(&api, club, caller).await?, ClubRole::Owner)?;
    let role = match body.role.parse() {
        Ok(role @ (ClubRole::Member | ClubRole::Manager)) => role,
        Ok(ClubRole::Owner) | Err(_) => {
            return Err(ApiError::field("role", Wrong::choice("member or manager")));
        }
    };
    api.rooms.set_role(club, caller.user(), user, role).await?;
    let member = api.store.club_member(club, user).await?.ok_or_else(ApiError::not_found)?;
    Ok(web::Json(MemberBody::of_club(member, &api.rooms)))
}

/// Hands a club over to another member. For the owner, who is a manager from then on.
#[utoipa::path(post, path = "/v1/clubs/{id}/owner", tag = "members",
    params(("id" = String, Path)), request_body = NewOwnerBody,
    responses((status = 200, body = ClubBody)))]
pub(super) async fn hand_over(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
    body: Body<NewOwnerBody>,
) -> Result<web::Json<ClubBody>, ApiError> {
    require(&visible(&api, club, caller).await?, ClubRole::Owner)?;
    let to: UserId = body.user_id.parse().map_err(|why| ApiError::field("user_id", why))?;
    api.rooms.hand_over_club(club, caller.user(), to).await?;
    Ok(web::Json(visible(&api, club, caller).await?.into()))
}
