//! The messages of a room: reading them, one by one too, sending one.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::json::{AtMessage, Body, Fields, Id};
use super::message_body::{MessageBody, NewMessageBody, PinnedBody, SentBody};
use super::page::{List, Listing, PageParams, Paging, cursor};
use super::rooms::readable;
use super::wrong::Wrong;
use crate::actors::NewText;
use crate::domain::{Cid, FileId, InvalidId, InvalidText, MessageId, RoomId, Text, check_files};
use crate::protocol::{ErrorCode, MessageItem, Refusal};
use crate::store::{Message, Pinned, Reach, Reading, Window};

/// Which messages; at most one of the three.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WindowQuery {
    /// Those right before this seq.
    #[param(value_type = Option<i64>)]
    before_seq: Option<String>,
    /// Those right after this seq.
    #[param(value_type = Option<i64>)]
    after_seq: Option<String>,
    /// Those around this seq.
    #[param(value_type = Option<i64>)]
    around_seq: Option<String>,
}

/// Messages of a room as they stand now, ascending by seq. A page may have fewer than `limit` and
/// lead on all the same: it says 256 KiB at most, unless a single message says more.
#[utoipa::path(get, path = "/v1/rooms/{id}/messages", tag = "messages",
    params(("id" = String, Path), WindowQuery, PageParams),
    responses((status = 200, body = Listing<MessageBody>)))]
pub(super) async fn list(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    query: web::Query<WindowQuery>,
    paging: Paging,
) -> Result<web::Json<Listing<MessageItem>>, ApiError> {
    let window = window(&query, &paging, ALL)?;
    let reach = readable(&api, room, caller).await?;
    let of = Reading { reach, reader: caller.user(), thread: None };
    page(&api, of, (window, ALL), &paging).await
}

/// The two lists that a window of messages may be a page of: going back, and going on.
pub(super) type Ways = (List, List);

/// All messages of a room.
const ALL: Ways = (List::OlderMessages, List::NewerMessages);

/// A page of messages.
pub(super) async fn page(
    api: &Api,
    of: Reading,
    (window, ways): (Window, Ways),
    paging: &Paging,
) -> Result<web::Json<Listing<MessageItem>>, ApiError> {
    // One more than is given tells whether there is more. Around a seq there is no next page.
    let more = usize::from(!matches!(window, Window::Around(_)));
    let limit = i64::try_from(paging.limit() + more).unwrap_or(i64::MAX);
    let found = api.store.messages(of, window, limit).await?;
    let (messages, next) = cut(found, (window, ways), paging.limit());
    Ok(web::Json(Listing { items: messages.iter().map(MessageItem::from).collect(), next }))
}

/// Which messages a caller wants.
///
/// # Errors
/// 422 for more than one of them, and for what is none.
pub(super) fn window(query: &WindowQuery, paging: &Paging, ways: Ways) -> Result<Window, ApiError> {
    let asked = [
        ("before_seq", &query.before_seq, Window::Before as fn(i64) -> Window),
        ("after_seq", &query.after_seq, Window::After),
        ("around_seq", &query.around_seq, Window::Around),
    ];
    let mut fields = Fields::default();
    let mut windows = Vec::new();
    for (name, value, window) in asked {
        let seq = value
            .as_ref()
            .map(|value| value.parse().map_err(|_odd| Wrong::new("number", "must be a seq")));
        windows.extend(fields.take_some(name, seq).map(|seq| (name, window(seq))));
    }
    fields.check()?;
    match (windows.as_slice(), paging.has_cursor()) {
        ([], false) => Ok(Window::Newest),
        ([], true) => continued(paging, ways),
        ([(_name, window)], false) => Ok(*window),
        ([(name, _window), ..], _) => {
            let msg = "only one of before_seq, after_seq, around_seq and cursor";
            Err(ApiError::field(name, Wrong::new("either", msg)))
        }
    }
}

fn continued(paging: &Paging, (older, newer): Ways) -> Result<Window, ApiError> {
    match paging.after(newer) {
        Ok(Some(seq)) => Ok(Window::After(seq)),
        Ok(None) => Ok(Window::Newest),
        Err(_other_list) => Ok(paging.after(older)?.map_or(Window::Newest, Window::Before)),
    }
}

/// Drops what only told of more, at the far end of the window, and writes the cursor.
fn cut(
    mut messages: Vec<Message>,
    (window, (older, newer)): (Window, Ways),
    limit: usize,
) -> (Vec<Message>, Option<String>) {
    let limit = limit.min(match window {
        Window::Newest | Window::Before(_) => Message::fitting(messages.iter().rev()),
        Window::After(_) => Message::fitting(messages.iter()),
        Window::Around(_) => messages.len(),
    });
    let surplus = messages.len().saturating_sub(limit);
    if surplus == 0 {
        return (messages, None);
    }
    let next = match window {
        Window::Newest | Window::Before(_) => {
            messages.drain(..surplus);
            messages.first().map(|first| cursor(older, first.seq))
        }
        Window::After(_) => {
            messages.truncate(limit);
            messages.last().map(|last| cursor(newer, last.seq))
        }
        Window::Around(_) => None,
    };
    (messages, next)
}

/// One message.
#[utoipa::path(get, path = "/v1/rooms/{id}/messages/{message}", tag = "messages",
    params(("id" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = MessageBody)))]
pub(super) async fn show(
    caller: Caller,
    api: web::Data<Api>,
    AtMessage(at): AtMessage,
) -> Result<web::Json<MessageItem>, ApiError> {
    let reach = readable(&api, at.room, caller).await?;
    let message = find(&api, (caller, reach), at).await?;
    Ok(web::Json(MessageItem::from(&message)))
}

/// A message that is there.
///
/// # Errors
/// 404 otherwise.
pub(super) async fn find(
    api: &Api,
    (caller, reach): (Caller, Reach),
    at: MessageId,
) -> Result<Message, ApiError> {
    let of = Reading { reach, reader: caller.user(), thread: None };
    api.store.message(of, at.seq).await?.ok_or_else(ApiError::not_found)
}

/// The pinned messages of a room, the last one pinned first; a page says no more than one of messages.
#[utoipa::path(get, path = "/v1/rooms/{id}/pins", tag = "messages",
    params(("id" = String, Path), PageParams),
    responses((status = 200, body = Listing<PinnedBody>)))]
pub(super) async fn pins(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    paging: Paging,
) -> Result<web::Json<Listing<PinnedBody>>, ApiError> {
    let reach = readable(&api, room, caller).await?;
    let of = Reading { reach, reader: caller.user(), thread: None };
    let pins = api.store.pins(of, paging.page(List::Pins)?).await?;
    let fitting = Message::fitting(pins.iter().map(|pin| &pin.message));
    Ok(web::Json(paging.upto(fitting).cut(List::Pins, pins, |pin: &Pinned| pin.seq)))
}

/// Sends a message. The answer comes when it is durable.
#[utoipa::path(post, path = "/v1/rooms/{id}/messages", tag = "messages",
    params(("id" = String, Path)), request_body = NewMessageBody,
    responses((status = 201, body = SentBody),
        (status = 200, body = SentBody, description = "this `cid` was there already")))]
pub(super) async fn send(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    body: Body<NewMessageBody>,
) -> Result<HttpResponse, ApiError> {
    readable(&api, room, caller).await?;
    let Draft { text, cid, reply_to, thread, files } = parse(room, &body)?;
    api.throttle.send(caller.user())?;
    let cid = cid.unwrap_or_else(|| api.rooms.own_cid());
    let is_bots = caller.claims.is_bots;
    let new = NewText { cid, text, reply_to, thread, files, is_asked: false, is_bots };
    let sent = api.rooms.send(room, caller.user(), new).await?;
    let mut answer = if sent.dup { HttpResponse::Ok() } else { HttpResponse::Created() };
    Ok(answer.json(SentBody::from(sent)))
}

#[derive(Debug)]
struct Draft {
    text: Text,
    cid: Option<Cid>,
    reply_to: Option<i64>,
    thread: Option<i64>,
    files: Vec<FileId>,
}

fn parse(room: RoomId, body: &NewMessageBody) -> Result<Draft, ApiError> {
    let files = files(body)?;
    let parse = if files.is_empty() { Text::parse } else { Text::parse_beside_files };
    let text = parse(&body.text);
    if let Err(why @ InvalidText::TooLong(_)) = &text {
        return Err(ApiError::new(ErrorCode::TooLarge, &format!("the text {why}")));
    }
    let mut fields = Fields::default();
    let text = fields.take("text", text);
    let cid = fields.take_some("cid", body.cid.as_deref().map(Cid::parse));
    let reply_to = body.reply_to.as_deref().map(str::parse::<MessageId>);
    let reply_to = fields.take_some("reply_to", reply_to);
    let thread = body.thread.as_deref().map(str::parse::<MessageId>);
    let thread = fields.take_some("thread", thread);
    fields.check()?;
    let reply_to = within(room, reply_to, ("reply_to", "no_such_message"))?;
    let thread = within(room, thread, ("thread", "no_such_thread"))?;
    Ok(Draft { text: text.ok_or(ApiError::Internal)?, cid, reply_to, thread, files })
}

/// The seq of a message of this room.
fn within(
    room: RoomId,
    message: Option<MessageId>,
    (field, reason): (&str, &'static str),
) -> Result<Option<i64>, ApiError> {
    match message {
        Some(message) if message.room != room => {
            let msg = format!("{field} is no message of this room");
            Err(Refusal::new(ErrorCode::Invalid, msg).because(reason).into())
        }
        other => Ok(other.map(|message| message.seq)),
    }
}

fn files(body: &NewMessageBody) -> Result<Vec<FileId>, ApiError> {
    let ids = body.files.iter().flatten().map(|id| id.parse());
    let ids = ids.collect::<Result<_, InvalidId>>();
    let ids = ids.map_err(|why| ApiError::field("files", why))?;
    Ok(check_files(ids).map_err(Refusal::from)?)
}

#[cfg(test)]
mod tests {
    use actix_web::FromRequest;
    use actix_web::test::TestRequest;

    use super::*;
    use crate::domain::{Millis, UserId, limits};

    fn asked(query: &str) -> Result<Window, ApiError> {
        let request = TestRequest::with_uri(&format!("/?{query}")).to_http_request();
        let mut body = actix_web::dev::Payload::None;
        let paging = Paging::from_request(&request, &mut body).into_inner()?;
        let Ok(web::Query(query)) = web::Query::from_query(query) else {
            return Err(ApiError::Internal);
        };
        window(&query, &paging, ALL)
    }

    fn message(seq: i64) -> Message {
        Message {
            room: RoomId(1),
            seq,
            n: seq,
            at: Millis(0),
            author: UserId(1),
            cid: "c".to_owned(),
            text: Some("hi".to_owned()),
            html: None,
            reply_to: None,
            rev: 1,
            edited_at: None,
            ai: None,
            reactions: Vec::new(),
            is_pinned: false,
            thread: None,
            files: Vec::new(),
            previews: Vec::new(),
            hop: 0,
        }
    }

    fn wide(seq: i64) -> Message {
        Message { text: Some("x".repeat(limits::PAGE_BYTES / 2 + 1)), ..message(seq) }
    }

    fn seqs(messages: &[Message]) -> Vec<i64> {
        messages.iter().map(|message| message.seq).collect()
    }

    #[test]
    fn windows_exclude_one_another() {
        assert_eq!(asked(""), Ok(Window::Newest));
        assert_eq!(asked("before_seq=9"), Ok(Window::Before(9)));
        assert_eq!(asked("after_seq=9&limit=2"), Ok(Window::After(9)));
        assert_eq!(asked("around_seq=9"), Ok(Window::Around(9)));
        for odd in ["before_seq=9&after_seq=1", "before_seq=x", "after_seq=", "around_seq=1.5"] {
            assert!(matches!(asked(odd), Err(ApiError::Fields(_))), "{odd}");
        }
        let cursor = cursor(List::OlderMessages, 5);
        assert!(asked(&format!("before_seq=9&cursor={cursor}")).is_err());
    }

    #[test]
    fn a_page_leads_on_in_its_own_direction() {
        let three = || (1..=3).map(message).collect::<Vec<_>>();
        let cut = |messages, window, limit| cut(messages, (window, ALL), limit);
        let (kept, next) = cut(three(), Window::Newest, 2);
        assert_eq!(seqs(&kept), [2, 3]);
        assert_eq!(asked(&format!("cursor={}", next.unwrap())), Ok(Window::Before(2)));
        let (kept, next) = cut(three(), Window::After(0), 2);
        assert_eq!(seqs(&kept), [1, 2]);
        assert_eq!(asked(&format!("cursor={}", next.unwrap())), Ok(Window::After(2)));
        assert_eq!(cut(three(), Window::Before(9), 3).1, None);
        assert_eq!(cut(three(), Window::Around(2), 2).0.len(), 3);
        // Two of these have more text than a page.
        let long = || vec![wide(1), message(2), wide(3)];
        let (kept, next) = cut(long(), Window::Before(9), 9);
        assert_eq!(seqs(&kept), [2, 3]);
        assert_eq!(asked(&format!("cursor={}", next.unwrap())), Ok(Window::Before(2)));
        let (kept, next) = cut(long(), Window::After(0), 9);
        assert_eq!(seqs(&kept), [1, 2]);
        assert_eq!(asked(&format!("cursor={}", next.unwrap())), Ok(Window::After(2)));
        assert!(asked(&format!("cursor={}", cursor(List::Rooms, 2))).is_err());
    }

    #[test]
    fn a_long_text_is_too_large_and_a_blank_one_does_not_fit() {
        let body = |text: &str| NewMessageBody {
            text: text.to_owned(),
            cid: None,
            reply_to: None,
            thread: None,
            files: None,
        };
        let code = |text: &str| match parse(RoomId(1), &body(text)) {
            Err(ApiError::Refused(refusal)) => Some(refusal.code),
            Err(ApiError::Fields(_)) => Some(ErrorCode::Invalid),
            _other => None,
        };
        assert_eq!(code(&"x".repeat(4_001)), Some(ErrorCode::TooLarge));
        assert_eq!(code(" \n"), Some(ErrorCode::Invalid));
        assert_eq!(code("hi"), None);
    }

    #[test]
    fn an_answer_stays_in_its_room() {
        let body = |reply_to: &str| NewMessageBody {
            text: "hi".to_owned(),
            cid: None,
            reply_to: Some(reply_to.to_owned()),
            thread: None,
            files: None,
        };
        assert_eq!(parse(RoomId(1), &body("m_1_5")).unwrap().reply_to, Some(5));
        assert!(parse(RoomId(1), &body("m_2_5")).is_err());
        assert!(parse(RoomId(1), &body("nonsense")).is_err());
    }
}
