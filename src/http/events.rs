//! Server-sent events: the log of a room, and the inbox, as streams that resume.

use std::rc::Rc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::Api;
use super::caller::{Caller, InUrl, StreamCaller};
use super::error::ApiError;
use super::json::Id;
use crate::actors::{EventBody, Since, Worker};
use crate::domain::RoomId;
use crate::protocol::ErrorCode;

/// Where a stream begins, for a client that cannot send `Last-Event-ID`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SinceQuery {
    /// `<epoch>-<seq>`: the events behind it. Absent: live only.
    since: Option<String>,
}

/// The events of a room log.
#[utoipa::path(get, path = "/v1/rooms/{id}/events", tag = "events",
    security(("token" = []), ()),
    params(("id" = String, Path), SinceQuery, InUrl,
        ("last-event-id" = Option<String>, Header, description = "wins over `since`")),
    responses((status = 200, body = String, content_type = "text/event-stream")))]
pub(super) async fn of_room(
    StreamCaller(caller): StreamCaller,
    request: HttpRequest,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    query: web::Query<SinceQuery>,
) -> Result<HttpResponse, ApiError> {
    let since = since(&request, &query);
    let events = worker(&request)?.room_events(caller.claims, room, since).await?;
    stream(&api, caller, events)
}

/// The events of the caller's inbox.
#[utoipa::path(get, path = "/v1/inbox/events", tag = "events",
    security(("token" = []), ()),
    params(SinceQuery, InUrl,
        ("last-event-id" = Option<String>, Header, description = "wins over `since`")),
    responses((status = 200, body = String, content_type = "text/event-stream")))]
pub(super) async fn of_inbox(
    StreamCaller(caller): StreamCaller,
    request: HttpRequest,
    api: web::Data<Api>,
    query: web::Query<SinceQuery>,
) -> Result<HttpResponse, ApiError> {
    let since = since(&request, &query);
    let events = worker(&request)?.inbox_events(caller.claims, since).await?;
    stream(&api, caller, events)
}

fn worker(request: &HttpRequest) -> Result<&Rc<Worker>, ApiError> {
    request.app_data::<Rc<Worker>>().ok_or(ApiError::Internal)
}

fn since(request: &HttpRequest, query: &SinceQuery) -> Since {
    let header = request.headers().get("last-event-id");
    // A header that is no text is a position that cannot be read.
    let header = header.map(|id| id.to_str().unwrap_or("-"));
    match header.filter(|id| !id.is_empty()).or(query.since.as_deref()) {
        Some(position) => position.parse().map_or(Since::Malformed, Since::At),
        None => Since::Live,
    }
}

/// The answer. A sign-in that ended while the stream began was not there yet to be closed: it is
/// looked for once more, now that whatever ends it from here on finds the stream.
fn stream(api: &Api, caller: Caller, events: EventBody) -> Result<HttpResponse, ApiError> {
    if api.tokens.is_revoked(caller.device()) {
        return Err(ApiError::new(ErrorCode::Unauthorized, "this sign-in has ended"));
    }
    let response = HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // A proxy that gathers output would hold events back.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn asked(header: Option<&str>, query: Option<&str>) -> Since {
        let mut request = TestRequest::default();
        if let Some(id) = header {
            request = request.insert_header(("last-event-id", id));
        }
        let query = SinceQuery { since: query.map(str::to_owned) };
        since(&request.to_http_request(), &query)
    }

    #[test]
    fn the_header_wins_and_a_malformed_position_is_told() {
        let at = |text: &str| Since::At(text.parse().unwrap());
        assert_eq!(asked(None, None), Since::Live);
        assert_eq!(asked(None, Some("a1-5")), at("a1-5"));
        assert_eq!(asked(Some("a1-7"), Some("a1-5")), at("a1-7"));
        assert_eq!(asked(Some(""), Some("a1-5")), at("a1-5"));
        assert_eq!(asked(Some("nonsense"), Some("a1-5")), Since::Malformed);
        assert_eq!(asked(None, Some("")), Since::Malformed);
    }
}
