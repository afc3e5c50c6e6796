//! Rooms: making, listing, showing, joining, leaving, reading up to a place.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::Api;
use super::caller::Caller;
use super::clubs::{require, visible};
use super::error::{ApiError, OnConstraint};
use super::json::{Fields, Id};
use super::members::MemberBody;
use super::page::{List, Listing, PageParams, Paging};
use crate::actors::entry;
use crate::domain::{ClubId, ClubRole, Epoch, Millis, RoomId, RoomKind, RoomName};
use crate::store::{NewRoom, RoomMember, RoomView};

/// A room as one of its readers sees it in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct RoomBody {
    /// Id.
    #[schema(value_type = String, example = "r_12")]
    id: RoomId,
    /// Name.
    name: String,
    /// `member`, `manager`, `group`, `private` or `lobby`.
    #[schema(value_type = String, example = "member")]
    kind: RoomKind,
    /// The club it belongs to.
    #[schema(value_type = Option<String>, example = "c_1")]
    club_id: Option<ClubId>,
    /// Life of its log.
    #[schema(value_type = String)]
    epoch: Epoch,
    /// Newest seq.
    head: i64,
    /// Messages there are.
    n: i64,
    /// Messages that the caller has read.
    read_n: i64,
    /// Messages that the caller has not read.
    unread: i64,
    /// Of these, those that name the caller.
    mentions: i64,
}

impl From<RoomView> for RoomBody {
    fn from(view: RoomView) -> Self {
        Self {
            id: view.room,
            name: view.name,
            kind: view.kind,
            club_id: view.club,
            epoch: view.epoch,
            head: view.head,
            n: view.n,
            read_n: view.read_n,
            unread: view.n - view.read_n,
            mentions: view.mentions,
        }
    }
}

/// A room with its settings.
#[derive(Serialize, ToSchema)]
pub(super) struct RoomDetail {
    /// As in the list.
    #[serde(flatten)]
    room: RoomBody,
    /// What is talked about.
    topic: String,
    /// `all`, or `since_join`.
    history: String,
    /// `all`, or `moderators`.
    write: String,
    /// Seconds between two messages of one user.
    slow_mode_s: i64,
    /// When it was made (UTC ms).
    #[schema(value_type = i64)]
    created_at: Millis,
}

/// A room to make.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewRoomBody {
    /// 1–50 characters.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 50)]
    name: String,
    /// `member` (default) or `manager`.
    #[schema(schema_with = super::words::room_kind_or_null, required = false)]
    kind: Option<String>,
}

/// Up to where a room was read.
#[derive(Deserialize, ToSchema)]
pub(super) struct ReadBody {
    /// The newest seq that was read.
    seq: i64,
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

/// What came of joining a room.
#[derive(Serialize, ToSchema)]
pub(super) struct RoomJoined {
    /// Whether the caller was not in it before.
    joined: bool,
}

/// Makes a room of a club. For managers and the owner.
#[utoipa::path(post, path = "/v1/clubs/{id}/rooms", tag = "rooms", params(("id" = String, Path)),
    request_body = NewRoomBody, responses((status = 201, body = RoomBody)))]
pub(super) async fn make(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
    body: web::Json<NewRoomBody>,
) -> Result<HttpResponse, ApiError> {
    require(&visible(&api, club, caller).await?, ClubRole::Manager)?;
    let (name, kind) = parse(&body)?;
    let new = NewRoom { club, name: &name, kind, by: caller.user(), at: Millis::now() };
    let made = api.store.create_room(new).await;
    let view = made.on_constraint("room_club", ApiError::not_found)?;
    let readers = api.store.roster(view.room).await?.iter().map(|row| row.user).collect();
    api.rooms.opened(readers, entry(view.clone())).await;
    Ok(HttpResponse::Created().json(RoomBody::from(view)))
}

fn parse(body: &NewRoomBody) -> Result<(RoomName, RoomKind), ApiError> {
    let mut fields = Fields::default();
    let name = fields.take("name", RoomName::parse(&body.name));
    let kind = body.kind.as_deref().map_or(Ok(RoomKind::Member), |kind| match kind.parse() {
        Ok(kind) if RoomKind::is_club_room(kind) => Ok(kind),
        _other => Err("must be member or manager"),
    });
    let kind = fields.take("kind", kind);
    match (name, kind) {
        (Some(name), Some(kind)) => Ok((name, kind)),
        _missing => Err(fields.refuse()),
    }
}

/// The rooms of a club that the caller may read. For members.
#[utoipa::path(get, path = "/v1/clubs/{id}/rooms", tag = "rooms",
    params(("id" = String, Path), PageParams),
    responses((status = 200, body = Listing<RoomBody>)))]
pub(super) async fn of_club(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
    paging: Paging,
) -> Result<web::Json<Listing<RoomBody>>, ApiError> {
    require(&visible(&api, club, caller).await?, ClubRole::Member)?;
    let rooms = api.store.club_rooms(club, caller.user()).await?;
    Ok(web::Json(paging.cut_whole(List::Rooms, rooms, |view| view.room.0)?))
}

/// All rooms that the caller may read.
#[utoipa::path(get, path = "/v1/rooms", tag = "rooms", params(PageParams),
    responses((status = 200, body = Listing<RoomBody>)))]
pub(super) async fn mine(
    caller: Caller,
    api: web::Data<Api>,
    paging: Paging,
) -> Result<web::Json<Listing<RoomBody>>, ApiError> {
    let rooms = views(&api, caller).await?;
    Ok(web::Json(paging.cut_whole(List::Rooms, rooms, |view| view.room.0)?))
}

async fn views(api: &Api, caller: Caller) -> Result<Vec<RoomView>, ApiError> {
    let rooms = api.store.rooms_of(&[caller.user()]).await?;
    Ok(rooms.into_iter().map(|(_caller, view)| view).collect())
}

/// One room that the caller may read.
#[utoipa::path(get, path = "/v1/rooms/{id}", tag = "rooms", params(("id" = String, Path)),
    responses((status = 200, body = RoomDetail)))]
pub(super) async fn show(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
) -> Result<web::Json<RoomDetail>, ApiError> {
    let view = views(&api, caller).await?.into_iter().find(|view| view.room == room);
    let (Some(view), Some(info)) = (view, api.store.room(room).await?) else {
        return Err(ApiError::not_found());
    };
    Ok(web::Json(RoomDetail {
        room: view.into(),
        topic: info.topic,
        history: info.history,
        write: info.write,
        slow_mode_s: info.slow_mode_s,
        created_at: info.created_at,
    }))
}

/// Checks that the caller may read a room.
///
/// # Errors
/// 404 otherwise: such a room does not exist for the caller.
pub(super) async fn readable(api: &Api, room: RoomId, caller: Caller) -> Result<(), ApiError> {
    let may = api.rooms.may_read(room, caller.user()).await?;
    if may { Ok(()) } else { Err(ApiError::not_found()) }
}

/// Who may read a room, newest first. For those who may.
#[utoipa::path(get, path = "/v1/rooms/{id}/members", tag = "rooms",
    params(("id" = String, Path), PageParams),
    responses((status = 200, body = Listing<MemberBody>)))]
pub(super) async fn members(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    paging: Paging,
) -> Result<web::Json<Listing<MemberBody>>, ApiError> {
    readable(&api, room, caller).await?;
    let members = api.store.room_members(room, paging.page(List::RoomMembers)?).await?;
    let key_of = |member: &RoomMember| (member.joined_at.0, member.user.id.0);
    let page: Listing<RoomMember> = paging.cut(List::RoomMembers, members, key_of);
    Ok(web::Json(page.map(|member| MemberBody::of_room(member, &api.rooms))))
}

/// Joins a lobby.
#[utoipa::path(post, path = "/v1/rooms/{id}/join", tag = "rooms", params(("id" = String, Path)),
    responses((status = 200, body = RoomJoined)))]
pub(super) async fn join(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
) -> Result<web::Json<RoomJoined>, ApiError> {
    let is_inside = api.rooms.may_read(room, caller.user()).await?;
    let info = api.store.room(room).await?;
    let is_lobby = info.is_some_and(|info| info.kind == RoomKind::Lobby);
    if !is_inside && !is_lobby {
        return Err(ApiError::not_found());
    }
    if !is_inside {
        api.rooms.join_room(room, caller.user()).await?;
    }
    Ok(web::Json(RoomJoined { joined: !is_inside }))
}

/// Leaves a lobby.
#[utoipa::path(post, path = "/v1/rooms/{id}/leave", tag = "rooms", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn leave(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
) -> Result<HttpResponse, ApiError> {
    readable(&api, room, caller).await?;
    api.rooms.leave_room(room, caller.user()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Marks a room as read up to a seq.
#[utoipa::path(post, path = "/v1/rooms/{id}/read", tag = "rooms", params(("id" = String, Path)),
    request_body = ReadBody, responses((status = 200, body = MarkBody)))]
pub(super) async fn read(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    body: web::Json<ReadBody>,
) -> Result<web::Json<MarkBody>, ApiError> {
    readable(&api, room, caller).await?;
    let mark = api.rooms.mark(room, caller.user(), body.seq).await?;
    let (read_n, unread, mentions) = (mark.read_n, mark.unread, mark.mentions);
    Ok(web::Json(MarkBody { read_n, unread, mentions }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_club_makes_rooms_of_its_own_kinds_only() {
        let parsed = |name: &str, kind: Option<&str>| {
            let kind = kind.map(str::to_owned);
            parse(&NewRoomBody { name: name.to_owned(), kind }).map(|(_name, kind)| kind)
        };
        assert_eq!(parsed("plans", None), Ok(RoomKind::Member));
        assert_eq!(parsed("plans", Some("manager")), Ok(RoomKind::Manager));
        assert!(parsed("plans", Some("lobby")).is_err());
        assert!(parsed("  ", Some("member")).is_err());
    }
}
