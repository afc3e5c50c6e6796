//! Group rooms: making one, the directory, who is brought in.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::api::Api;
use super::caller::{Caller, Person};
use super::error::ApiError;
use super::json::{Body, Fields, Id, search};
use super::moderation::permissions::{ranked, require};
use super::page::{List, Listing, PageParams, Paging};
use super::rooms::{RoomBody, readable};
use super::wrong::Wrong;
use crate::actors::entry;
use crate::domain::{
    ASSISTANT, InvalidId, InvalidName, Millis, Permission, RoomId, RoomKind, RoomName, UserId,
    limits,
};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Listed, ListedQuery, NewGroup};

/// A group room to make.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewGroupBody {
    /// 1–50 characters; 2–50, and unique, when it is listed.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 50)]
    name: String,
    /// Who else is in it from the start, at most 200.
    #[schema(max_items = 200)]
    member_ids: Option<Vec<String>>,
    /// Whether people may find and join it; false by default.
    listed: Option<bool>,
}

/// Whom to bring into a room.
#[derive(Deserialize, ToSchema)]
pub(super) struct InviteBody {
    /// At most 200.
    #[serde(default)]
    #[schema(required = true, max_items = 200)]
    user_ids: Vec<String>,
}

/// What came of bringing people into a room.
#[derive(Serialize, ToSchema)]
pub(super) struct InvitedBody {
    /// Who is in it now and was not before.
    #[schema(value_type = Vec<String>)]
    added: Vec<UserId>,
    /// Who was in it.
    #[schema(value_type = Vec<String>)]
    already: Vec<UserId>,
}

/// Which rooms of the directory.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DirectoryQuery {
    /// The name contains this.
    query: Option<String>,
    /// `group` or `lobby`.
    #[param(schema_with = super::words::listed_kind)]
    kind: Option<String>,
}

/// A room that people may find.
#[derive(Serialize, ToSchema)]
pub(super) struct ListedBody {
    /// Id.
    #[schema(value_type = String, example = "r_12")]
    id: RoomId,
    /// Name.
    name: String,
    /// `group` or `lobby`.
    #[schema(value_type = String, example = "group")]
    kind: RoomKind,
    /// What is talked about.
    topic: String,
    /// Who is in it.
    member_count: i64,
    /// Whether the caller is.
    joined: bool,
    /// When it was made (UTC ms).
    #[schema(value_type = i64)]
    created_at: Millis,
}

impl From<Listed> for ListedBody {
    fn from(listed: Listed) -> Self {
        Self {
            id: listed.room,
            name: listed.name,
            kind: listed.kind,
            topic: listed.topic,
            member_count: listed.member_count,
            joined: listed.is_inside,
            created_at: listed.created_at,
        }
    }
}

/// The name of a room that people may find.
pub(super) fn listed_name(name: &RoomName) -> Result<(), InvalidName> {
    let (least, most) = limits::LISTED_NAME_CHARS;
    let fits = name.as_str().chars().count() >= least;
    if fits { Ok(()) } else { Err(InvalidName::Length(least, most)) }
}

/// The refusal of a name that a listed room has.
pub(super) fn name_taken() -> ApiError {
    let refusal = Refusal::new(ErrorCode::Conflict, "a room has this name");
    refusal.because("name_taken").into()
}

/// Makes a group room. The caller is its host.
#[utoipa::path(post, path = "/v1/rooms", tag = "groups", request_body = NewGroupBody,
    responses((status = 201, body = RoomBody)))]
pub(super) async fn make(
    Person(caller): Person,
    api: web::Data<Api>,
    body: Body<NewGroupBody>,
) -> Result<HttpResponse, ApiError> {
    let is_listed = body.listed.unwrap_or(false);
    let mut fields = Fields::default();
    let name = fields.take("name", RoomName::parse(&body.name));
    if let (Some(name), true) = (&name, is_listed) {
        fields.take("name", listed_name(name));
    }
    let members = people(body.member_ids.as_deref().unwrap_or_default());
    let members = fields.take("member_ids", members);
    fields.check()?;
    let (Some(name), Some(members)) = (name, members) else {
        return Err(ApiError::Internal);
    };
    let (by, at) = (caller.user(), Millis::now());
    api.throttle.call(by, members.len())?;
    let room = api.rooms.make_group(NewGroup { name, is_listed, by, members, at }).await?;
    let view = api.store.room_view(room, by).await?.ok_or(ApiError::Internal)?;
    api.rooms.opened(vec![by], entry(view.clone())).await;
    Ok(HttpResponse::Created().json(RoomBody::from(view)))
}

fn people(ids: &[String]) -> Result<Vec<UserId>, Wrong> {
    if ids.len() > limits::INVITED {
        return Err(Wrong::too_many(limits::INVITED));
    }
    let id = |id: &String| match id.parse() {
        // It answers where it is asked, without a place of its own.
        Ok(ASSISTANT) => Err(Wrong::new("no_person", format!("{id:?} is no person"))),
        Ok(user) => Ok(user),
        Err(why @ InvalidId) => Err(Wrong::new("id", format!("{id:?}: {why}"))),
    };
    ids.iter().map(id).collect()
}

/// Rooms that people may find, newest first: listed groups, and lobbies.
#[utoipa::path(get, path = "/v1/rooms/directory", tag = "groups",
    params(DirectoryQuery, PageParams), responses((status = 200, body = Listing<ListedBody>)))]
pub(super) async fn directory(
    caller: Caller,
    api: web::Data<Api>,
    query: web::Query<DirectoryQuery>,
    paging: Paging,
) -> Result<web::Json<Listing<ListedBody>>, ApiError> {
    let text = search(query.query.as_deref())?;
    let kind = match query.kind.as_deref() {
        None | Some("") => None,
        Some("group") => Some(RoomKind::Group),
        Some("lobby") => Some(RoomKind::Lobby),
        Some(_odd) => return Err(ApiError::field("kind", Wrong::choice("group or lobby"))),
    };
    let page = paging.page(List::Directory)?;
    let asked = ListedQuery { query: text.as_deref(), kind, page };
    let rooms = api.store.directory(asked, caller.user()).await?;
    Ok(web::Json(paging.cut(List::Directory, rooms, |listed| listed.room.0)))
}

/// Brings people into a group room. For its members; who is in it already is no error.
#[utoipa::path(post, path = "/v1/rooms/{id}/members", tag = "groups",
    params(("id" = String, Path)), request_body = InviteBody,
    responses((status = 200, body = InvitedBody)))]
pub(super) async fn invite(
    Person(caller): Person,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    body: Body<InviteBody>,
) -> Result<web::Json<InvitedBody>, ApiError> {
    readable(&api, room, caller).await?;
    let mut already = people(&body.user_ids).map_err(|why| ApiError::field("user_ids", why))?;
    if already.is_empty() {
        return Err(ApiError::field("user_ids", Wrong::new("blank", "must name somebody")));
    }
    already.sort_unstable();
    already.dedup();
    permitted(&api, room, caller, Permission::Invite).await?;
    api.throttle.call(caller.user(), already.len())?;
    let added = api.rooms.invite(room, caller.user(), already.clone()).await?;
    already.retain(|user| !added.contains(user));
    Ok(web::Json(InvitedBody { added, already }))
}

/// Checks what a group may say otherwise. In rooms of other kinds nobody does these things.
async fn permitted(
    api: &Api,
    room: RoomId,
    caller: Caller,
    permission: Permission,
) -> Result<(), ApiError> {
    let (info, rank) = ranked(api, room, caller).await?;
    if info.kind == RoomKind::Group { require(&info, rank, permission) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_name_is_no_single_letter() {
        let name = |text: &str| RoomName::parse(text).unwrap();
        assert!(listed_name(&name("go")).is_ok());
        assert!(listed_name(&name("모임")).is_ok());
        assert_eq!(listed_name(&name("g")), Err(InvalidName::Length(2, 50)));
    }

    #[test]
    fn people_are_named_by_their_ids() {
        let ids = |ids: &[&str]| people(&ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        assert_eq!(ids(&["u_2", "u_1"]), Ok(vec![UserId(2), UserId(1)]));
        assert!(ids(&["u_2", "mina"]).is_err());
        assert!(ids(&["u_2", "u_ai"]).is_err());
        assert!(ids(&["u_2"; 201]).is_err());
    }
}
