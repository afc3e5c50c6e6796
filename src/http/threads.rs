//! Threads: those that the caller follows, what is in one, and how far it was read.

use actix_web::web;

use super::api::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::json::{AtMessage, Body, Id};
use super::message_body::{MessageBody, ThreadBody, ThreadMarkBody};
use super::messages::{Ways, WindowQuery, find, page, window};
use super::page::{List, Listing, PageParams, Paging};
use super::reading::ReadBody;
use super::rooms::readable;
use crate::domain::RoomId;
use crate::protocol::MessageItem;
use crate::store::{Message, Reading, Thread};

/// The messages of a thread.
const WAYS: Ways = (List::OlderInThread, List::NewerInThread);

/// The threads of a room that the caller follows: began, or wrote in. The one with the newest message
/// comes first; a page says no more than one of messages.
#[utoipa::path(get, path = "/v1/rooms/{id}/threads", tag = "threads",
    params(("id" = String, Path), PageParams),
    responses((status = 200, body = Listing<ThreadBody>)))]
pub(super) async fn mine(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    paging: Paging,
) -> Result<web::Json<Listing<ThreadBody>>, ApiError> {
    let reach = readable(&api, room, caller).await?;
    let threads = api.store.threads(reach, caller.user(), paging.page(List::Threads)?).await?;
    let fitting = Message::fitting(threads.iter().map(|thread| &thread.root));
    let paging = paging.upto(fitting);
    Ok(web::Json(paging.cut(List::Threads, threads, |thread: &Thread| thread.last_seq)))
}

/// The messages of a thread besides its root, ascending by seq; windows and pages as of a room.
#[utoipa::path(get, path = "/v1/rooms/{id}/threads/{message}/messages", tag = "threads",
    params(("id" = String, Path), ("message" = String, Path), WindowQuery, PageParams),
    responses((status = 200, body = Listing<MessageBody>)))]
pub(super) async fn messages(
    caller: Caller,
    api: web::Data<Api>,
    AtMessage(root): AtMessage,
    query: web::Query<WindowQuery>,
    paging: Paging,
) -> Result<web::Json<Listing<MessageItem>>, ApiError> {
    let window = window(&query, &paging, WAYS)?;
    let reach = readable(&api, root.room, caller).await?;
    find(&api, (caller, reach), root).await?;
    let of = Reading { reach, reader: caller.user(), thread: Some(root.seq) };
    page(&api, of, (window, WAYS), &paging).await
}

/// Marks a thread as read up to a seq. Nothing is unread in one that the caller does not follow.
#[utoipa::path(post, path = "/v1/rooms/{id}/threads/{message}/read", tag = "threads",
    params(("id" = String, Path), ("message" = String, Path)), request_body = ReadBody,
    responses((status = 200, body = ThreadMarkBody)))]
pub(super) async fn read(
    caller: Caller,
    api: web::Data<Api>,
    AtMessage(root): AtMessage,
    body: Body<ReadBody>,
) -> Result<web::Json<ThreadMarkBody>, ApiError> {
    let seq = body.seq()?;
    let reach = readable(&api, root.room, caller).await?;
    find(&api, (caller, reach), root).await?;
    let user = caller.user();
    let marked = api.store.mark_thread((root.room, root.seq), user, seq).await?;
    let Some(mark) = marked else {
        return Ok(web::Json(ThreadMarkBody { seq: 0, unread: 0 }));
    };
    api.rooms.thread_read(user, root, mark).await;
    Ok(web::Json(ThreadMarkBody { seq: mark.seq, unread: mark.unread }))
}
