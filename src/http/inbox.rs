//! The caller's notifications: the list, and marking as read.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::api::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::json::{Body, Fields};
use super::page::{List, Listing, PageParams, Paging};
use super::wrong::Wrong;
use crate::domain::{ClubId, InvalidId, MessageId, Millis, NoticeId, RoomId, UserId, limits};
use crate::store::{Notice, NoticeFilter, ReadSelection};

/// One notification.
#[derive(Serialize, ToSchema)]
pub(super) struct NoticeBody {
    /// Id.
    #[schema(value_type = String, example = "n_1")]
    id: NoticeId,
    /// Place in the inbox log.
    seq: i64,
    /// `mention`, `reply`, `dm`, `chat`, `room_invite`, `club_role`, `club_removed` …
    kind: String,
    /// Where it happened.
    #[schema(value_type = Option<String>, example = "r_12")]
    room: Option<RoomId>,
    /// Which message.
    #[schema(value_type = Option<String>, example = "m_12_1043")]
    message: Option<MessageId>,
    /// In which club.
    #[schema(value_type = Option<String>, example = "c_1")]
    club: Option<ClubId>,
    /// Who caused it.
    #[schema(value_type = Option<String>, example = "u_3")]
    from: Option<UserId>,
    /// Headline in the caller's language.
    title: String,
    /// First words.
    body: String,
    /// Path in the page that shows it.
    link: Option<String>,
    /// When (UTC ms).
    #[schema(value_type = i64)]
    at: Millis,
    /// When it was first shown somewhere (UTC ms).
    #[schema(value_type = Option<i64>)]
    delivered_at: Option<Millis>,
    /// When it was read (UTC ms).
    #[schema(value_type = Option<i64>)]
    read_at: Option<Millis>,
}

impl From<Notice> for NoticeBody {
    fn from(notice: Notice) -> Self {
        let place = notice.room.zip(notice.message_seq);
        let told = Told::of(&notice.event);
        Self {
            id: notice.id,
            seq: notice.seq,
            kind: notice.kind,
            room: notice.room,
            message: place.map(|(room, seq)| MessageId { room, seq }),
            club: told.club,
            from: notice.from,
            title: notice.title,
            body: notice.body,
            link: told.link,
            at: notice.at,
            delivered_at: notice.delivered_at,
            read_at: notice.read_at,
        }
    }
}

/// What only the event of an entry says.
#[derive(Default, Deserialize)]
struct Told {
    link: Option<String>,
    club: Option<ClubId>,
}

impl Told {
    fn of(event: &str) -> Self {
        #[derive(Deserialize)]
        struct Event {
            d: Told,
        }
        serde_json::from_str::<Event>(event).map(|event| event.d).unwrap_or_default()
    }
}

/// Which notifications.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InboxQuery {
    /// `true`: only those that were not read.
    #[param(value_type = Option<bool>)]
    unread: Option<String>,
}

/// Which notifications were read: either of the two.
#[derive(Deserialize, ToSchema)]
pub(super) struct InboxReadBody {
    /// All up to and including this seq.
    upto_seq: Option<i64>,
    /// These, at most 200.
    #[schema(max_items = 200)]
    ids: Option<Vec<String>>,
}

/// What is unread after that.
#[derive(Serialize, ToSchema)]
pub(super) struct UnreadBody {
    /// Notifications that were not read.
    unread: i64,
}

/// The caller's notifications, newest first.
#[utoipa::path(get, path = "/v1/inbox", tag = "inbox", params(InboxQuery, PageParams),
    responses((status = 200, body = Listing<NoticeBody>)))]
pub(super) async fn list(
    caller: Caller,
    api: web::Data<Api>,
    query: web::Query<InboxQuery>,
    paging: Paging,
) -> Result<web::Json<Listing<NoticeBody>>, ApiError> {
    let filter = match query.unread.as_deref() {
        None | Some("false") => NoticeFilter::All,
        Some("true") => NoticeFilter::Unread,
        Some(_odd) => return Err(ApiError::field("unread", Wrong::choice("true or false"))),
    };
    let page = paging.page(List::Notices)?;
    let notices = api.store.notices(caller.user(), filter, page).await?;
    Ok(web::Json(paging.cut(List::Notices, notices, |notice| notice.seq)))
}

/// Marks notifications as read, on all devices of the caller.
#[utoipa::path(post, path = "/v1/inbox/read", tag = "inbox", request_body = InboxReadBody,
    responses((status = 200, body = UnreadBody)))]
pub(super) async fn read(
    caller: Caller,
    api: web::Data<Api>,
    body: Body<InboxReadBody>,
) -> Result<web::Json<UnreadBody>, ApiError> {
    let which = selection(&body)?;
    let unread = api.store.mark_notices(caller.user(), &which, Millis::now()).await?;
    api.rooms.inbox_read(caller.user(), &which, unread).await;
    Ok(web::Json(UnreadBody { unread }))
}

fn selection(body: &InboxReadBody) -> Result<ReadSelection, ApiError> {
    let (_default, most) = limits::PAGE;
    match (body.upto_seq, &body.ids) {
        (Some(seq), None) => Ok(ReadSelection::Upto(seq)),
        (None, Some(ids)) if ids.len() <= most => {
            let ids: Result<Vec<NoticeId>, InvalidId> = ids.iter().map(|id| id.parse()).collect();
            let mut fields = Fields::default();
            let ids = fields.take("ids", ids);
            ids.map(ReadSelection::Ids).ok_or_else(|| fields.refuse())
        }
        (None, Some(_many)) => Err(ApiError::field("ids", Wrong::too_many(most))),
        (Some(_), Some(_)) | (None, None) => {
            Err(ApiError::field("upto_seq", Wrong::either("upto_seq", "ids")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_a_place_or_ids_are_meant() {
        let read = |upto_seq, ids: Option<&[&str]>| {
            let ids = ids.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
            selection(&InboxReadBody { upto_seq, ids })
        };
        assert_eq!(read(Some(5), None), Ok(ReadSelection::Upto(5)));
        let one = ReadSelection::Ids(vec![NoticeId(1)]);
        assert_eq!(read(None, Some(&["n_1"])), Ok(one));
        assert!(read(None, None).is_err());
        assert!(read(Some(5), Some(&[])).is_err());
        assert!(read(None, Some(&["u_1"])).is_err());
        assert!(read(None, Some(&["n_1"; 201])).is_err());
    }
}
