//! The messages of a room: reading them, sending one.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::api::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::json::{Fields, Id};
use super::page::{List, Listing, PageParams, Paging, cursor};
use super::rooms::readable;
use crate::actors::NewText;
use crate::domain::{Cid, InvalidText, MessageId, RoomId, Text};
use crate::protocol::{ErrorCode, MessageItem, Refusal, SendOk};
use crate::store::{Message, Window};

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

/// A message as it stands now.
#[derive(ToSchema)]
#[schema(as = Message)]
#[expect(dead_code, reason = "the description of `MessageItem`, which knows nothing of OpenAPI")]
pub(super) struct MessageBody {
    /// Id.
    #[schema(example = "m_12_1043")]
    id: String,
    /// Place of its `msg.new` in the log.
    seq: i64,
    /// Ordinal among the messages of the room.
    n: i64,
    /// When the server took it (UTC ms).
    at: i64,
    /// Author.
    #[schema(example = "u_3")]
    by: String,
    /// The author's own id of the send.
    cid: Option<String>,
    /// The text; absent in the tombstone of a deleted message.
    text: Option<String>,
    /// Safe HTML that shows the text; absent where it is plain, and in a tombstone.
    html: Option<String>,
    /// Which message it answers.
    #[schema(required = true)]
    reply_to: Option<String>,
    /// 1, and one more with each edit.
    rev: i64,
    /// When it was last edited (UTC ms).
    edited_at: Option<i64>,
    /// Whether only the tombstone is left.
    deleted: bool,
    /// Reactions, by emoji.
    #[schema(value_type = Vec<Object>)]
    reactions: (),
    /// Whether it is pinned.
    pinned: bool,
}

/// A message to send.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewMessageBody {
    /// 1–4,000 characters, not blank.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 4000)]
    text: String,
    /// The sender's own id of this send: sent again, it is one message.
    #[schema(max_length = 64)]
    cid: Option<String>,
    /// Which message of the room it answers.
    reply_to: Option<String>,
}

/// Where a message stands in the log.
#[derive(Serialize, ToSchema)]
pub(super) struct SentBody {
    /// Place in the log.
    seq: i64,
    /// Ordinal among the messages.
    n: i64,
    /// Id.
    #[schema(value_type = String, example = "m_12_1043")]
    id: MessageId,
    /// When the server took it (UTC ms).
    at: i64,
    /// Whether this `cid` was there already.
    dup: bool,
}

impl From<SendOk> for SentBody {
    fn from(sent: SendOk) -> Self {
        let SendOk { seq, n, id, at, dup } = sent;
        Self { seq, n, id, at: at.0, dup }
    }
}

/// Messages of a room as they stand now, ascending by seq. A page may have fewer than `limit` and
/// lead on all the same: it has 256 KiB of text at most, unless a single message has more.
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
    let window = window(&query, &paging)?;
    let reach = readable(&api, room, caller).await?;
    // One more than is given tells whether there is more. Around a seq there is no next page.
    let more = usize::from(!matches!(window, Window::Around(_)));
    let limit = i64::try_from(paging.limit() + more).unwrap_or(i64::MAX);
    let found = api.store.messages(reach, window, limit).await?;
    let (messages, next) = cut(found, window, paging.limit());
    Ok(web::Json(Listing { items: messages.iter().map(MessageItem::from).collect(), next }))
}

fn window(query: &WindowQuery, paging: &Paging) -> Result<Window, ApiError> {
    let asked = [
        ("before_seq", &query.before_seq, Window::Before as fn(i64) -> Window),
        ("after_seq", &query.after_seq, Window::After),
        ("around_seq", &query.around_seq, Window::Around),
    ];
    let mut fields = Fields::default();
    let mut windows = Vec::new();
    for (name, value, window) in asked {
        let seq = value.as_ref().map(|value| value.parse().map_err(|_odd| "must be a seq"));
        windows.extend(fields.take_some(name, seq).map(|seq| (name, window(seq))));
    }
    fields.check()?;
    match (windows.as_slice(), paging.has_cursor()) {
        ([], false) => Ok(Window::Newest),
        ([], true) => continued(paging),
        ([(_name, window)], false) => Ok(*window),
        ([(name, _window), ..], _) => {
            Err(ApiError::field(name, "only one of before_seq, after_seq, around_seq and cursor"))
        }
    }
}

fn continued(paging: &Paging) -> Result<Window, ApiError> {
    match paging.after(List::NewerMessages) {
        Ok(Some(seq)) => Ok(Window::After(seq)),
        Ok(None) => Ok(Window::Newest),
        Err(_other_list) => {
            Ok(paging.after(List::OlderMessages)?.map_or(Window::Newest, Window::Before))
        }
    }
}

/// Drops what only told of more, at the far end of the window, and writes the cursor.
fn cut(mut messages: Vec<Message>, window: Window, limit: usize) -> (Vec<Message>, Option<String>) {
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
            messages.first().map(|first| cursor(List::OlderMessages, first.seq))
        }
        Window::After(_) => {
            messages.truncate(limit);
            messages.last().map(|last| cursor(List::NewerMessages, last.seq))
        }
        Window::Around(_) => None,
    };
    (messages, next)
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
    body: web::Json<NewMessageBody>,
) -> Result<HttpResponse, ApiError> {
    readable(&api, room, caller).await?;
    let (text, cid, reply_to) = parse(room, &body)?;
    api.throttle.send(caller.user())?;
    let cid = cid.unwrap_or_else(|| api.rooms.own_cid());
    let sent = api.rooms.send(room, caller.user(), NewText { cid, text, reply_to }).await?;
    let mut answer = if sent.dup { HttpResponse::Ok() } else { HttpResponse::Created() };
    Ok(answer.json(SentBody::from(sent)))
}

type Draft = (Text, Option<Cid>, Option<i64>);

fn parse(room: RoomId, body: &NewMessageBody) -> Result<Draft, ApiError> {
    let text = Text::parse(&body.text);
    if let Err(why @ InvalidText::TooLong(_)) = &text {
        return Err(ApiError::new(ErrorCode::TooLarge, &format!("the text {why}")));
    }
    let mut fields = Fields::default();
    let text = fields.take("text", text);
    let cid = fields.take_some("cid", body.cid.as_deref().map(Cid::parse));
    let reply_to = body.reply_to.as_deref().map(str::parse::<MessageId>);
    let reply_to = fields.take_some("reply_to", reply_to);
    fields.check()?;
    let reply_to = match reply_to {
        Some(message) if message.room != room => {
            let refusal = Refusal::new(ErrorCode::Invalid, "reply_to is no message of this room");
            return Err(refusal.because("no_such_message").into());
        }
        other => other.map(|message| message.seq),
    };
    Ok((text.ok_or(ApiError::Internal)?, cid, reply_to))
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
        window(&query, &paging)
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
        let body = |text: &str| NewMessageBody { text: text.to_owned(), cid: None, reply_to: None };
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
        };
        assert_eq!(parse(RoomId(1), &body("m_1_5")).unwrap().2, Some(5));
        assert!(parse(RoomId(1), &body("m_2_5")).is_err());
        assert!(parse(RoomId(1), &body("nonsense")).is_err());
    }
}
