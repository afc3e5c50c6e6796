//! Who calls: extractors that answer before the body is read.

use std::future::{Future, Ready, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Query;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, dev, http::header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::{self, Api};
use super::auth;
use super::error::ApiError;
use crate::actors::{CheckToken, Claims};
use crate::domain::{DeviceId, UserId};
use crate::protocol::{ErrorCode, Refusal};

/// The signed-in user behind a call: `Authorization: Bearer …`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    /// What the token says.
    pub(super) claims: Claims,
}

impl Caller {
    /// Who.
    pub(super) const fn user(&self) -> UserId {
        self.claims.user
    }

    /// By which sign-in.
    pub(super) const fn device(&self) -> DeviceId {
        self.claims.device
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _body: &mut dev::Payload) -> Self::Future {
        ready(caller(request))
    }
}

pub(super) fn caller(request: &HttpRequest) -> Result<Caller, ApiError> {
    if let Some(known) = request.extensions().get::<Caller>() {
        return Ok(*known);
    }
    let api = api::of(request).ok_or(ApiError::Internal)?;
    let token = bearer(request).ok_or_else(no_token)?;
    admit(api, api.tokens.check(token)?)
}

fn admit(api: &Api, claims: Claims) -> Result<Caller, ApiError> {
    api.throttle.request(claims.user)?;
    Ok(Caller { claims })
}

fn no_token() -> ApiError {
    ApiError::new(ErrorCode::Unauthorized, "an access token is needed")
}

pub(super) fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A caller who is no bot: what follows is not for machines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person(pub(super) Caller);

impl FromRequest for Person {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _body: &mut dev::Payload) -> Self::Future {
        ready(caller(request).and_then(person))
    }
}

fn person(caller: Caller) -> Result<Person, ApiError> {
    if caller.claims.is_bots {
        let refusal = Refusal::new(ErrorCode::Forbidden, "this is not for bots");
        return Err(refusal.because("bot").into());
    }
    Ok(Person(caller))
}

/// The caller of a stream. An `EventSource` sends no header: it may sign in by `?ticket=` or
/// `?access_token=`, as a socket may.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamCaller(pub(super) Caller);

/// Signs in, for a client that cannot send `Authorization`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InUrl {
    /// The access token, where there is no `Authorization`.
    access_token: Option<String>,
    /// A ticket of `POST /v1/auth/ticket`: it signs in once, and stays in no log for long.
    ticket: Option<String>,
}

impl FromRequest for StreamCaller {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _body: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { stream_caller(&request).await.map(Self) })
    }
}

/// What a token says that perhaps is to be looked up first.
pub(super) async fn known(api: &Api, token: &str) -> Result<Claims, Refusal> {
    if let Some(learning) = api.tokens.learn(token) {
        learning.await?;
    }
    api.tokens.check(token)
}

/// Middleware around the calls: looks up whose the token of a bot is, before anybody asks for the caller.
pub(super) async fn introduce(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let learning = api::of(request.request()).and_then(|api| {
        let learning = api.tokens.learn(bearer(request.request())?)?;
        let from = origin(api, request.peer_addr().map(|peer| peer.ip()), request.headers());
        Some(api.throttle.anonymous(from).map(|()| learning))
    });
    let learnt = match learning {
        Some(Ok(learning)) => learning.await,
        Some(Err(refusal)) => Err(refusal),
        None => Ok(()),
    };
    match learnt {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
        Err(refusal) => Ok(request.error_response(ApiError::from(refusal))),
    }
}

async fn stream_caller(request: &HttpRequest) -> Result<Caller, ApiError> {
    if bearer(request).is_some() {
        return caller(request);
    }
    let api = api::of(request).ok_or(ApiError::Internal)?;
    let Ok(Query(InUrl { access_token, ticket })) = Query::from_query(request.query_string())
    else {
        return Err(no_token());
    };
    let claims = match (access_token, ticket) {
        (Some(token), _) => known(api, &token).await?,
        (None, Some(ticket)) => auth::redeem_ticket(api, &ticket).await?,
        (None, None) => return Err(no_token()),
    };
    admit(api, claims)
}

/// Where a call without a token comes from; limited per address.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientAddress(pub(super) IpAddr);

impl FromRequest for ClientAddress {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _body: &mut dev::Payload) -> Self::Future {
        let admitted = match api::of(request) {
            Some(api) => {
                let peer = request.peer_addr().map(|peer| peer.ip());
                let from = origin(api, peer, request.headers());
                api.throttle.anonymous(from).map(|()| Self(from)).map_err(ApiError::from)
            }
            None => Err(ApiError::Internal),
        };
        ready(admitted)
    }
}

impl ClientAddress {
    /// The address with the part of the single household cut off: /24 or /48.
    pub(super) fn shortened(self) -> String {
        match self.0 {
            IpAddr::V4(address) => {
                let [a, b, c, _host] = address.octets();
                format!("{}/24", Ipv4Addr::new(a, b, c, 0))
            }
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}::/48")
            }
        }
    }
}

/// Where a call comes from, for whatever is counted or written down by address.
pub(super) fn origin(api: &Api, peer: Option<IpAddr>, headers: &header::HeaderMap) -> IpAddr {
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    api.settings.proxies.origin(peer, headers)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_scheme_is_read_without_case() {
        let token = |value: &str| {
            let request = TestRequest::get().insert_header(("authorization", value));
            bearer(&request.to_http_request()).map(str::to_owned)
        };
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(token("Basic abc"), None);
        assert_eq!(token("abc"), None);
    }

    #[test]
    fn addresses_are_shortened() {
        let short = |text: &str| ClientAddress(text.parse().unwrap()).shortened();
        assert_eq!(short("203.0.113.77"), "203.0.113.0/24");
        assert_eq!(short("2001:db8:7:8::1"), "2001:db8:7::/48");
    }
}
