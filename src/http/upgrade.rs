//! The way to a WebSocket. actix-http hands over every request that wants to leave HTTP, before
//! any route or middleware sees it: everything that those do for the other calls is done here.
//!
//! After the handshake the session owns the socket and the HTTP machinery with its buffers is gone;
//! so is the worker's count of this connection: limits and the end of the node are the session's
//! own (see `actors/`).

use std::convert::Infallible;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_codec::Framed;
use actix_http::{HttpMessage, Request, h1, ws};
use actix_web::body::MessageBody;
use actix_web::http::header::HeaderValue;
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{Data, Query};
use actix_web::{HttpResponse, ResponseError};
use bytes::BytesMut;
use serde::Deserialize;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tracing::Instrument;

use super::api::Api;
use super::auth;
use super::caller::{known, origin};
use super::error::{ApiError, Problem};
use super::secret;
use super::security;
#[cfg(feature = "faults")]
use crate::actors::Echo;
use crate::actors::{Accepted, Claims, Connection, Session, Worker};
use crate::protocol::{CloseCode, ErrorCode, Refusal};

/// The one path that becomes a WebSocket.
pub(super) const PATH: &str = "/v1/ws";
/// The same edge with an echo behind it, for tests against RFC 6455.
#[cfg(feature = "faults")]
const ECHO: &str = "/v1/echo";
/// The sub-protocol.
const PROTOCOL: &str = "moim.v1";
/// A refusal is small; a peer that does not take it for so long is gone.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// When the kernel begins to ask whether a silent peer is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Bytes that the kernel holds for one socket. Left to itself it takes megabytes for a client that
/// does not read; what waits is to be counted in the outbox. Linux counts its own overhead too, and
/// takes up to twice as much.
const SEND_BYTES: usize = 128 * 1024;
/// How long the kernel keeps sending to a peer that takes nothing: longer than a session waits, so
/// that a session ends with its own word.
const USER_TIMEOUT: Duration = Duration::from_secs(45);

/// A request that wants to leave HTTP, and its connection.
pub type Upgrade = (Request, Framed<TcpStream, h1::Codec>);

/// Turns the connection into a session, or refuses with a problem and closes it.
///
/// # Errors
/// None: what goes wrong is answered or ends the connection.
pub async fn upgrade(
    api: Data<Api>,
    worker: Rc<Worker>,
    (request, framed): Upgrade,
) -> Result<(), Infallible> {
    let id = secret::request_id();
    let span = tracing::info_span!("upgrade", request.id = %id, method = %request.method());
    async move {
        let parts = framed.into_parts();
        let mut socket = parts.io;
        match admit(&api, &request).await {
            Ok(admitted) => {
                let mut head = parts.write_buf;
                switching(&request, admitted.speaks, &mut head);
                let early = parts.read_buf;
                let wrong_version = admitted.speaks == Speaks::Another;
                let Admitted { claims, connection, .. } = admitted;
                // Who was signed out while a ticket was redeemed was not there yet to be closed.
                let is_over = claims.is_some_and(|who| api.tokens.is_revoked(who.device));
                let close = wrong_version.then_some(CloseCode::Version);
                let close = close.or(is_over.then_some(CloseCode::Revoked));
                let accepted = Accepted { socket, head, early, claims, close, connection };
                #[cfg(feature = "faults")]
                if request.path() == ECHO {
                    Echo::start(&worker, accepted);
                    return;
                }
                Session::start(&worker, accepted);
            }
            Err(error) => {
                let status = error.status_code().as_u16();
                api.metrics.responded(status);
                tracing::debug!(status, code = %error, "a handshake was refused");
                let problem = Problem::from(&error).of_request(&id);
                write(&mut socket, &refusal(&problem, &id)).await;
                // The answer must be read before the connection can be reset.
                let _gone_already = socket.shutdown().await;
            }
        }
    }
    .instrument(span)
    .await;
    Ok(())
}

/// Which version of the protocol a client offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// None was named: ours.
    Unnamed,
    /// Ours.
    Ours,
    /// Only others.
    Another,
}

struct Admitted {
    claims: Option<Claims>,
    speaks: Speaks,
    connection: Connection,
}

#[derive(Deserialize)]
struct InUrl {
    access_token: Option<String>,
    ticket: Option<String>,
}

async fn admit(api: &Api, request: &Request) -> Result<Admitted, ApiError> {
    if !is_ours(request.path()) || request.method() == Method::CONNECT {
        return Err(ApiError::not_found());
    }
    if api.is_draining.load(Ordering::Acquire) {
        let refusal = Refusal::new(ErrorCode::Unavailable, "this node is ending");
        return Err(refusal.retry_in(Duration::from_secs(1)).into());
    }
    let from = origin(api, request.peer_addr().map(|peer| peer.ip()), request.headers());
    api.throttle.anonymous(from)?;
    ws::verify_handshake(request.head())
        .map_err(|why| ApiError::new(ErrorCode::BadRequest, &why.to_string()))?;
    if !is_origin_allowed(api, request) {
        return Err(ApiError::new(ErrorCode::Forbidden, "this origin may not connect"));
    }
    // Before a ticket is used up.
    let connection = api.shared.connections.take()?;
    let claims = claims(api, request).await?;
    Ok(Admitted { claims, speaks: speaks(request), connection })
}

/// Whether a path becomes a WebSocket.
fn is_ours(path: &str) -> bool {
    #[cfg(feature = "faults")]
    if path == ECHO {
        return true;
    }
    path == PATH
}

fn text<'r>(request: &'r Request, name: &header::HeaderName) -> Option<&'r str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// A browser names the page that connects; a page of another site is let in only by name.
fn is_origin_allowed(api: &Api, request: &Request) -> bool {
    let Some(value) = request.headers().get(header::ORIGIN) else {
        return true;
    };
    let Ok(origin) = value.to_str().map(str::to_ascii_lowercase) else {
        return false;
    };
    let named = |allowed: &String| *allowed == "*" || *allowed == origin;
    if api.settings.allowed_origins.iter().any(named)
        || api.settings.public_url.as_ref().is_some_and(|url| url.to_ascii_lowercase() == origin)
    {
        return true;
    }
    let host = origin.split_once("://").map(|(_scheme, host)| host);
    let ours = text(request, &header::HOST).map(str::to_ascii_lowercase);
    host.is_some() && host == ours.as_deref()
}

/// The token may come with the handshake; one that does must be good.
async fn claims(api: &Api, request: &Request) -> Result<Option<Claims>, ApiError> {
    if let Some(value) = text(request, &header::AUTHORIZATION) {
        let token = value.split_once(' ').filter(|(how, _)| how.eq_ignore_ascii_case("bearer"));
        let refused = || ApiError::new(ErrorCode::Unauthorized, "a bearer token is wanted");
        let (_, token) = token.ok_or_else(refused)?;
        return Ok(Some(known(api, token.trim()).await?));
    }
    let query = request.uri().query().unwrap_or_default();
    let Ok(Query(InUrl { access_token, ticket })) = Query::from_query(query) else {
        return Err(ApiError::new(ErrorCode::BadRequest, "the query cannot be read"));
    };
    match (ticket, access_token) {
        (Some(ticket), _) => Ok(Some(auth::redeem_ticket(api, &ticket).await?)),
        (None, Some(token)) => Ok(Some(known(api, &token).await?)),
        (None, None) => Ok(None),
    }
}

fn speaks(request: &Request) -> Speaks {
    let mut offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).peekable();
    if offered.peek().is_none() {
        return Speaks::Unnamed;
    }
    let is_ours = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim() == PROTOCOL);
    if is_ours { Speaks::Ours } else { Speaks::Another }
}

/// RFC 6455, section 4.2.2.
fn switching(request: &Request, speaks: Speaks, out: &mut BytesMut) {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY);
    let accept = ws::hash_key(key.map(HeaderValue::as_bytes).unwrap_or_default());
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
          sec-websocket-accept: ",
    );
    out.extend_from_slice(&accept);
    if speaks == Speaks::Ours {
        out.extend_from_slice(b"\r\nsec-websocket-protocol: ");
        out.extend_from_slice(PROTOCOL.as_bytes());
    }
    out.extend_from_slice(b"\r\n\r\n");
}

/// The problem as bytes: nobody else writes on this connection.
fn refusal(problem: &Problem, id: &str) -> Vec<u8> {
    let response: HttpResponse = problem.response();
    let status = response.status();
    let mut head = format!(
        "HTTP/1.1 {} {}\r\nconnection: close\r\nx-request-id: {id}\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    );
    if status == StatusCode::BAD_REQUEST {
        // RFC 6455, section 4.4: says which version is spoken.
        head.push_str("sec-websocket-version: 13\r\n");
    }
    for (name, value) in response.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    for (name, value) in security::headers() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = response.into_body().try_into_bytes().unwrap_or_default();
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&body);
    bytes
}

async fn write(socket: &mut TcpStream, bytes: &[u8]) -> bool {
    let written = tokio::time::timeout(WRITE_WITHIN, socket.write_all(bytes)).await;
    matches!(written, Ok(Ok(())))
}

/// How connections are, set on one or, where they inherit it, once on the socket that listens. A
/// peer that vanished, or reads nothing for a while, is noticed by the kernel: also that of an event
/// stream, whose response is not looked at while it cannot be written. Little of what waits is out
/// of our sight, and small frames leave at once.
pub fn prepare(socket: &impl AsFd) {
    let socket = SockRef::from(socket);
    let _unsupported = socket.set_send_buffer_size(SEND_BYTES);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    let _unsupported = socket.set_tcp_keepalive(&keepalive);
    #[cfg(target_os = "linux")]
    let _unsupported = socket.set_tcp_user_timeout(Some(USER_TIMEOUT));
    let _unsupported = socket.set_tcp_nodelay(true);
}

/// Whether an accepted socket is as the listening one was made: five system calls less for each.
pub const INHERITS: bool = cfg!(target_os = "linux");

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_is_as_the_socket_that_listens() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        prepare(&listener);
        let _peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        let socket = SockRef::from(&socket);
        assert!(socket.send_buffer_size().unwrap() <= 2 * SEND_BYTES);
        assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
    }
}
