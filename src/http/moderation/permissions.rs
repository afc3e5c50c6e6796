//! Who may do what in a room.

use std::collections::BTreeMap;

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Least, Millis, Permission, Rank, RoomId};
use crate::http::api::Api;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::json::{Body, Fields, Id};
use crate::http::rooms::readable;
use crate::protocol::{ErrorCode, Refusal, RoomUpdateData};
use crate::store::{PermissionChange, RoomInfo};

/// Who may do what in a room.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PermissionsBody {
    /// What the caller is here: `member`, `moderator` or `owner`.
    #[schema(value_type = String, example = "member")]
    rank: Rank,
    /// Each permission with the lowest rank that has it: one of those, or `nobody`.
    #[schema(value_type = BTreeMap<String, String>)]
    permissions: BTreeMap<&'static str, Least>,
    /// What the caller may do.
    may: Vec<&'static str>,
    /// Where the room says something of its own.
    own: Vec<&'static str>,
    /// Where a room of this kind may.
    settable: Vec<&'static str>,
    /// Until when the caller may not write here all the same (UTC ms).
    #[schema(value_type = Option<i64>)]
    muted_until: Option<Millis>,
    /// Why, in the words of the moderator; may be empty.
    mute_reason: String,
}

/// Who may do what from now on: each permission that is named gets a lowest rank, `member`,
/// `moderator`, `owner` or `nobody`; null goes back to the default.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = BTreeMap<String, Option<String>>)]
pub(in crate::http) struct PermissionsPatch(BTreeMap<String, Option<String>>);

/// Who may do what in a room, for those who may read it.
#[utoipa::path(get, path = "/v1/rooms/{id}/permissions", tag = "permissions",
    params(("id" = String, Path)), responses((status = 200, body = PermissionsBody)))]
pub(in crate::http) async fn show(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
) -> Result<web::Json<PermissionsBody>, ApiError> {
    permissions(&api, room, caller).await
}

/// Changes who may do what in a room. For those who may configure it.
#[utoipa::path(patch, path = "/v1/rooms/{id}/permissions", tag = "permissions",
    params(("id" = String, Path)), request_body = PermissionsPatch,
    responses((status = 200, body = PermissionsBody)))]
pub(in crate::http) async fn change(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    body: Body<PermissionsPatch>,
) -> Result<web::Json<PermissionsBody>, ApiError> {
    readable(&api, room, caller).await?;
    let wishes = wishes(&body.0)?;
    let who = (caller.user(), Millis::now());
    match api.store.set_permissions(room, &wishes, who).await? {
        PermissionChange::Done => {}
        PermissionChange::Gone => return Err(ApiError::not_found()),
        PermissionChange::Denied => return Err(denied()),
        PermissionChange::Invalid(permission, why) => {
            return Err(ApiError::field(permission.word(), why));
        }
    }
    if wishes.iter().any(|(permission, _least)| *permission == Permission::Send) {
        // It is a setting of the room as well, which everybody is told of.
        let info = api.store.room(room).await?.ok_or_else(ApiError::not_found)?;
        let write = info.write.parse().ok();
        api.rooms.updated(room, RoomUpdateData { write, ..RoomUpdateData::default() }).await;
    } else {
        api.rooms.refresh(&[room]).await;
    }
    permissions(&api, room, caller).await
}

/// The refusal of who may not change a room.
pub(in crate::http) fn denied() -> ApiError {
    let refusal = Refusal::new(ErrorCode::Forbidden, "you may not configure this room");
    refusal.because("role").into()
}

/// A room, and what the caller is there.
///
/// # Errors
/// 403 `banned` for who is banned from its club; 404 for a room that does not exist for the caller.
pub(in crate::http) async fn ranked(
    api: &Api,
    room: RoomId,
    caller: Caller,
) -> Result<(RoomInfo, Rank), ApiError> {
    let Some(rank) = api.store.rank(room, caller.user()).await? else {
        return Err(api.rooms.why_not(room, caller.user()).await.into());
    };
    let info = api.store.room(room).await?.ok_or_else(ApiError::not_found)?;
    Ok((info, rank))
}

/// Checks that somebody of a rank may do something in a room.
///
/// # Errors
/// 403 `role` otherwise.
pub(in crate::http) fn require(
    room: &RoomInfo,
    rank: Rank,
    permission: Permission,
) -> Result<(), ApiError> {
    if room.settings().rules.allows(permission, rank) {
        return Ok(());
    }
    let msg = format!("you may not do this here: {permission}");
    Err(Refusal::new(ErrorCode::Forbidden, msg).because("role").into())
}

async fn permissions(
    api: &Api,
    room: RoomId,
    caller: Caller,
) -> Result<web::Json<PermissionsBody>, ApiError> {
    let (info, rank) = ranked(api, room, caller).await?;
    let settings = info.settings();
    let overrides = info.overrides();
    let all = Permission::all;
    // What an older version let it say means nothing.
    let settable = || all().filter(|one| one.is_settable(info.kind));
    let word = |permission: Permission| permission.word();
    let mute = api.store.own_mute(room, caller.user(), Millis::now()).await?;
    Ok(web::Json(PermissionsBody {
        rank,
        permissions: all().map(|one| (one.word(), settings.rules.least(one))).collect(),
        may: all().filter(|one| settings.lets(*one, rank)).map(word).collect(),
        own: settable().filter(|one| overrides.get(*one).is_some()).map(word).collect(),
        settable: settable().map(word).collect(),
        muted_until: mute.as_ref().map(|mute| mute.until),
        mute_reason: mute.map(|mute| mute.reason).unwrap_or_default(),
    }))
}

type Wishes = Vec<(Permission, Option<Least>)>;

fn wishes(body: &BTreeMap<String, Option<String>>) -> Result<Wishes, ApiError> {
    let mut fields = Fields::default();
    let mut wishes = Vec::new();
    for (name, least) in body {
        let Some(permission) = fields.take("permission", name.parse::<Permission>()) else {
            continue;
        };
        let least = least.as_deref().map(str::parse::<Least>).transpose();
        wishes.extend(fields.take(permission.word(), least).map(|least| (permission, least)));
    }
    fields.check()?;
    Ok(wishes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_permission_and_no_rank_is_named() {
        let read = |text: &str| wishes(&serde_json::from_str::<PermissionsPatch>(text).unwrap().0);
        let read = |text: &str| {
            read(text).map_err(|error| match error {
                ApiError::Fields(fields) => fields.iter().map(|field| field.field).collect(),
                _other => Vec::new(),
            })
        };
        let pin = (Permission::Pin, Some(Least::Owner));
        let wanted = vec![(Permission::Attach, None), pin];
        assert_eq!(read(r#"{"pin":"owner","attach":null}"#), Ok(wanted));
        assert_eq!(read("{}"), Ok(Vec::new()));
        let odd = r#"{"fly":"member","pin":"emperor"}"#;
        assert_eq!(read(odd), Err(vec!["permission", "pin"]));
    }
}
