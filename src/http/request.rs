//! What every call has: an id, a span, a number in the metrics, and problems where it fails. And HEAD,
//! which is GET without its body.
//!
//! Never in a span or a log: the query string (it may hold a token), headers, bodies.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use bytes::Bytes;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::api;
use super::error::{ApiError, Problem};
use super::secret;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Middleware around everything.
pub(super) async fn follow(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let id = secret::request_id();
    let span = tracing::info_span!(
        "request",
        request.id = %id,
        method = %request.method(),
        route = request.match_pattern().as_deref().unwrap_or("none"),
        status = Empty,
        duration_ms = Empty,
    );
    let is_head = request.method() == Method::HEAD;
    if is_head {
        request.head_mut().method = Method::GET;
    }
    let response = next.call(request).instrument(span.clone()).await?;
    let mut response = as_problem(response, &id);
    if is_head {
        response = response.map_body(|_head, body| Unsent(body.size()).boxed());
    }
    span.in_scope(|| log(&response, begun));
    Ok(response)
}

/// A body that is told of and not sent.
struct Unsent(BodySize);

impl MessageBody for Unsent {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

/// Gives the answer its id, and a problem as its body where it says no.
fn as_problem(
    response: ServiceResponse<impl MessageBody + 'static>,
    id: &str,
) -> ServiceResponse<BoxBody> {
    let (request, response) = response.into_parts();
    let error = response.error().and_then(Error::as_error::<ApiError>);
    let problem = match error {
        Some(error) => Some(Problem::from(error)),
        None if is_failure(&response) => Some(Problem::of_status(response.status())),
        None => None,
    };
    let mut response = match problem {
        Some(problem) => retold(&response, &problem.of_request(id)),
        None => response.map_into_boxed_body(),
    };
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    ServiceResponse::new(request, response)
}

fn is_failure<B>(response: &HttpResponse<B>) -> bool {
    response.status().is_client_error() || response.status().is_server_error()
}

/// The problem, with what else the answer said: `Allow`, and what middleware added.
fn retold<B>(response: &HttpResponse<B>, problem: &Problem) -> HttpResponse {
    let mut told = problem.response();
    for (name, value) in response.headers() {
        if !told.headers().contains_key(name) {
            told.headers_mut().append(name.clone(), value.clone());
        }
    }
    told
}

fn log(response: &ServiceResponse, begun: Instant) {
    let status = response.status();
    let took = begun.elapsed();
    let span = Span::current();
    span.record("status", status.as_u16());
    span.record("duration_ms", u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    if let Some(api) = api::of(response.request()) {
        api.metrics.responded(status.as_u16());
    }
    if status.is_server_error() {
        tracing::warn!("a call was answered with a failure");
    } else {
        tracing::debug!("a call was answered");
    }
}
