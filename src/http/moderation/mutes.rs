//! Who may not write for now, for who decides that.

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

use super::moderates;
use super::permissions::{ranked, require};
use super::rooms::outside_clubs;
use crate::domain::{ClubId, Millis, Permission, RoomId};
use crate::http::api::Api;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::json::Id;
use crate::http::page::{List, Listing, PageParams, Paging};
use crate::http::users::UserBody;
use crate::store::Mute;

/// Somebody who may not write.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MuteEntry {
    /// Who.
    user: UserBody,
    /// Until when (UTC ms).
    #[schema(value_type = i64)]
    until: Millis,
}

impl From<Mute> for MuteEntry {
    fn from(mute: Mute) -> Self {
        Self { user: mute.user.into(), until: mute.until }
    }
}

/// Which members of a club may not write, the newest member first. For managers and the owner.
#[utoipa::path(get, path = "/v1/clubs/{id}/mutes", tag = "members",
    params(("id" = String, Path), PageParams),
    responses((status = 200, body = Listing<MuteEntry>)))]
pub(in crate::http) async fn of_club(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
    paging: Paging,
) -> Result<web::Json<Listing<MuteEntry>>, ApiError> {
    moderates(&api, club, caller).await?;
    let mutes = api.store.mutes(club, Millis::now(), paging.page(List::Mutes)?).await?;
    Ok(web::Json(paging.cut(List::Mutes, mutes, key)))
}

/// Who in a lobby or a group may not write there, the newest member first. For who may mute there.
#[utoipa::path(get, path = "/v1/rooms/{id}/mutes", tag = "groups",
    params(("id" = String, Path), PageParams),
    responses((status = 200, body = Listing<MuteEntry>)))]
pub(in crate::http) async fn of_room(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    paging: Paging,
) -> Result<web::Json<Listing<MuteEntry>>, ApiError> {
    let (info, rank) = ranked(&api, room, caller).await?;
    outside_clubs(info.kind)?;
    require(&info, rank, Permission::Mute)?;
    let mutes = api.store.room_mutes(room, Millis::now(), paging.page(List::RoomMutes)?).await?;
    Ok(web::Json(paging.cut(List::RoomMutes, mutes, key)))
}

fn key(mute: &Mute) -> (i64, i64) {
    (mute.joined_at.0, mute.user.id.0)
}
