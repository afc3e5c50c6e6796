//! Rooms: making those of clubs, listing, showing, joining, leaving.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::api::Api;
use super::caller::Caller;
use super::clubs::{require, visible};
use super::error::ApiError;
use super::json::{Body, Fields, Id};
use super::members::MemberBody;
use super::moderation::not_any_more;
use super::page::{List, Listing, PageParams, Paging};
use super::wrong::Wrong;
use crate::actors::entry;
use crate::domain::{
    ClubId, ClubRole, Epoch, History, Millis, Notify, RoomId, RoomKind, RoomName, UserId, Waking,
    Writers, limits, optional_text,
};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{NewRoom, Reach, RoomMade, RoomMember, RoomView};

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
    /// The other one in a private room.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "u_7")]
    peer_id: Option<UserId>,
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
    /// Which messages make an inbox entry for the caller: `all`, `mentions` or `none`.
    #[schema(value_type = String, example = "mentions")]
    notify: Notify,
    /// Whether the caller has hidden it until its next message.
    hidden: bool,
}

impl From<RoomView> for RoomBody {
    fn from(view: RoomView) -> Self {
        Self {
            id: view.room,
            name: view.name.to_string(),
            kind: view.kind,
            club_id: view.club,
            peer_id: view.peer,
            epoch: view.epoch,
            head: view.head,
            n: view.n,
            read_n: view.read_n,
            unread: view.n - view.read_n,
            mentions: view.mentions,
            notify: view.notify,
            hidden: view.is_hidden,
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
    #[schema(value_type = String, example = "all")]
    history: History,
    /// `all`, or `moderators`.
    write: String,
    /// Seconds between two messages of one user.
    slow_mode_s: i64,
    /// Days after which what is said goes for good; null is for ever.
    retention_days: Option<i64>,
    /// The seq up to which it has gone; 0 for nothing.
    horizon: i64,
    /// Whether people may find and join it.
    listed: bool,
    /// The host of a group.
    #[schema(value_type = Option<String>, example = "u_7")]
    host_id: Option<UserId>,
    /// Whether one of the two of a private room has blocked the other: then nobody writes there.
    blocked: bool,
    /// What wakes the assistant: `off`, `mention` or `always`.
    #[schema(value_type = String, example = "mention")]
    assistant: Waking,
    /// Whether the room says so itself; else its club does, or nobody.
    assistant_own: bool,
    /// Whether bots may ask the assistant.
    assistant_bots: bool,
    /// Whether the room says so itself; else its club does.
    assistant_bots_own: bool,
    /// What its moderators want the assistant to be; empty for what its club wants.
    persona: String,
    /// In which language the assistant speaks, `ko` or `en`; null is its club's, else the asker's.
    ai_language: Option<String>,
    /// Which model answers; null is its club's, else the server's.
    ai_model: Option<String>,
    /// Who may read it.
    member_count: usize,
    /// Those of them who are online.
    online_count: usize,
    /// Who made it; null for a lobby.
    #[schema(value_type = Option<String>, example = "u_7")]
    created_by: Option<UserId>,
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
    /// At most 200 characters.
    #[schema(max_length = 200)]
    topic: Option<String>,
    /// `all` (default) or `since_join`.
    #[schema(schema_with = super::words::history_or_null, required = false)]
    history: Option<String>,
    /// `all` (default) or `moderators`.
    #[schema(schema_with = super::words::writers_or_null, required = false)]
    write: Option<String>,
}

/// Which rooms.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RoomsQuery {
    /// `true`: also those that the caller has hidden.
    #[param(value_type = Option<bool>)]
    hidden: Option<String>,
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
    body: Body<NewRoomBody>,
) -> Result<HttpResponse, ApiError> {
    require(&visible(&api, club, caller).await?, ClubRole::Manager)?;
    let Form { name, kind, topic, history, write } = Form::read(&body)?;
    let (topic, by, at) = (topic.as_str(), caller.user(), Millis::now());
    let new = NewRoom { club, name: &name, kind, topic, history, write, by, at };
    let view = match api.store.create_room(new).await? {
        RoomMade::Done(view) => *view,
        RoomMade::Gone => return Err(ApiError::not_found()),
        RoomMade::Denied => return Err(not_any_more(&api, club, caller).await),
    };
    let readers = api.store.roster(view.room).await?.iter().map(|row| row.user).collect();
    api.rooms.opened(readers, entry(view.clone())).await;
    Ok(HttpResponse::Created().json(RoomBody::from(view)))
}

/// A room to make, read.
struct Form {
    name: RoomName,
    kind: RoomKind,
    topic: String,
    history: History,
    write: Writers,
}

impl Form {
    fn read(body: &NewRoomBody) -> Result<Self, ApiError> {
        let mut fields = Fields::default();
        let name = fields.take("name", RoomName::parse(&body.name));
        let kind = body.kind.as_deref().map_or(Ok(RoomKind::Member), |kind| match kind.parse() {
            Ok(kind) if RoomKind::is_club_room(kind) => Ok(kind),
            _other => Err(Wrong::choice("member or manager")),
        });
        let kind = fields.take("kind", kind);
        let topic = optional_text(body.topic.as_deref().unwrap_or_default(), limits::TOPIC_CHARS);
        let topic = fields.take("topic", topic);
        let history = body.history.as_deref().map_or(Ok(History::All), str::parse);
        let history = fields.take("history", history);
        let write = body.write.as_deref().map_or(Ok(Writers::All), str::parse);
        let write = fields.take("write", write);
        match (name, kind, topic, history, write) {
            (Some(name), Some(kind), Some(topic), Some(history), Some(write)) => {
                Ok(Self { name, kind, topic, history, write })
            }
            _missing => Err(fields.refuse()),
        }
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

/// All rooms that the caller may read, without those that they have hidden.
#[utoipa::path(get, path = "/v1/rooms", tag = "rooms", params(RoomsQuery, PageParams),
    responses((status = 200, body = Listing<RoomBody>)))]
pub(super) async fn mine(
    caller: Caller,
    api: web::Data<Api>,
    query: web::Query<RoomsQuery>,
    paging: Paging,
) -> Result<web::Json<Listing<RoomBody>>, ApiError> {
    let with_hidden = match query.hidden.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_odd) => return Err(ApiError::field("hidden", Wrong::choice("true or false"))),
    };
    let rooms = api.store.rooms_of(&[caller.user()]).await?;
    let rooms = rooms.into_iter().map(|(_caller, view)| view);
    let rooms = rooms.filter(|view| with_hidden || !view.is_hidden).collect();
    Ok(web::Json(paging.cut_whole(List::Rooms, rooms, |view| view.room.0)?))
}

/// One room that the caller may read.
#[utoipa::path(get, path = "/v1/rooms/{id}", tag = "rooms", params(("id" = String, Path)),
    responses((status = 200, body = RoomDetail)))]
pub(super) async fn show(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
) -> Result<web::Json<RoomDetail>, ApiError> {
    Ok(web::Json(detail(&api, room, caller).await?))
}

/// A room with its settings, as the caller sees it; `not_found` for one that is not there for them.
pub(super) async fn detail(
    api: &Api,
    room: RoomId,
    caller: Caller,
) -> Result<RoomDetail, ApiError> {
    let view = api.store.room_view(room, caller.user()).await?;
    let (Some(view), Some(info)) = (view, api.store.room(room).await?) else {
        return Err(api.rooms.why_not(room, caller.user()).await.into());
    };
    let (member_count, online_count) = api.rooms.counts(room).await?;
    Ok(RoomDetail {
        room: view.into(),
        topic: info.topic,
        history: info.history,
        write: info.write,
        slow_mode_s: info.slow_mode_s,
        retention_days: info.retention_days,
        horizon: info.horizon,
        listed: info.is_listed,
        host_id: info.host,
        blocked: info.is_shut,
        assistant: info.waking,
        assistant_own: info.has_own_waking,
        assistant_bots: info.lets_bots_ask,
        assistant_bots_own: info.has_own_bots,
        persona: info.assistant.persona,
        ai_language: Some(info.assistant.language).filter(|language| !language.is_empty()),
        ai_model: Some(info.assistant.model).filter(|model| !model.is_empty()),
        member_count,
        online_count,
        created_by: info.created_by,
        created_at: info.created_at,
    })
}

/// Checks that the caller may read a room, and says how much of it.
///
/// # Errors
/// 403 `banned` for who is banned from its club; 404 otherwise: such a room does not exist for the
/// caller.
pub(super) async fn readable(api: &Api, room: RoomId, caller: Caller) -> Result<Reach, ApiError> {
    match api.store.reach(room, caller.user()).await? {
        Some(reach) => Ok(reach),
        None => Err(api.rooms.why_not(room, caller.user()).await.into()),
    }
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

/// Joins a lobby or a listed group. In a room of their club members say hello by that, once.
#[utoipa::path(post, path = "/v1/rooms/{id}/join", tag = "rooms", params(("id" = String, Path)),
    responses((status = 200, body = RoomJoined)))]
pub(super) async fn join(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
) -> Result<web::Json<RoomJoined>, ApiError> {
    let is_inside = api.rooms.may_read(room, caller.user()).await?;
    let info = api.store.room(room).await?.ok_or_else(ApiError::not_found)?;
    let joined = match info.kind {
        RoomKind::Lobby | RoomKind::Group | RoomKind::Member | RoomKind::Manager => {
            if !is_inside && !info.is_listed {
                return Err(api.rooms.why_not(room, caller.user()).await.into());
            }
            api.rooms.join_room(room, caller.user()).await?
        }
        // One is in it from the beginning, or never.
        RoomKind::Private if is_inside => return Err(private()),
        RoomKind::Private => return Err(ApiError::not_found()),
    };
    Ok(web::Json(RoomJoined { joined }))
}

/// The refusal of what cannot be done to a private room.
pub(super) fn private() -> ApiError {
    let msg = "two people have a private room for ever";
    Refusal::new(ErrorCode::Conflict, msg).because("private_room").into()
}

/// Leaves a lobby or a group.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_club_makes_rooms_of_its_own_kinds_only() {
        let parsed = |name: &str, kind: Option<&str>| {
            let (name, kind) = (name.to_owned(), kind.map(str::to_owned));
            let body = NewRoomBody { name, kind, topic: None, history: None, write: None };
            Form::read(&body).map(|form| form.kind)
        };
        assert_eq!(parsed("plans", None), Ok(RoomKind::Member));
        assert_eq!(parsed("plans", Some("manager")), Ok(RoomKind::Manager));
        assert!(parsed("plans", Some("lobby")).is_err());
        assert!(parsed("  ", Some("member")).is_err());
    }
}
