//! Calls that their callers name, so that they may send them again: `Idempotency-Key`. What was done is
//! done once, and is answered the same each time.

use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, HttpMessage, HttpResponse, rt};

use super::api::Api;
use super::caller::caller;
use super::error::ApiError;
use super::secret;
use super::wrong::Wrong;
use crate::domain::{Millis, limits};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Before, Named};

/// The caller's name for a call.
const HEADER: &str = "idempotency-key";

/// Calls whose answers open something or repeat what others said, which may be deleted meanwhile, and
/// those whose bodies are files.
fn is_left_out(path: &str) -> bool {
    path.starts_with("/v1/auth/")
        || path == "/v1/files/keys"
        || path == "/v1/bots"
        || path.starts_with("/v1/bots/")
        || path.starts_with("/v1/rooms/")
            && (path.ends_with("/files") || path.ends_with("/ai/draft"))
}

/// Middleware around the calls.
pub(super) async fn once(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_meant = request.method() == Method::POST
        && request.headers().contains_key(HEADER)
        && !is_left_out(request.path());
    if !is_meant {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    }
    let (api, call) = match named(&mut request).await {
        Ok(known) => known,
        Err(why) => return Ok(request.error_response(why)),
    };
    // To its end, also when whoever asked is gone: they come back and ask what came of it.
    let doing = rt::spawn(async move { answered(&api, &call, request, next).await });
    doing.await.unwrap_or_else(|_panicked| Err(ApiError::Internal.into()))
}

/// Does what is asked, unless it was done before.
async fn answered(
    api: &Api,
    call: &Named,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let now = Millis::now();
    let since = Millis(now.0.saturating_sub(limits::ANSWER_LIFE_MS));
    let refusal = match api.store.begin_call(call, (since, now)).await {
        Ok(Before::Never) => return keep(api, call, next.call(request).await).await,
        Ok(Before::Answered(status, body)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            let mut answer = HttpResponse::build(status);
            if body.is_empty() {
                return Ok(request.into_response(answer.finish()));
            }
            return Ok(request.into_response(answer.content_type("application/json").body(body)));
        }
        Ok(Before::Another) => {
            let msg = "this Idempotency-Key was used for another call";
            Refusal::new(ErrorCode::Conflict, msg).because("key_reuse").into()
        }
        Ok(Before::Open) => {
            let msg = "the call of this Idempotency-Key is not answered";
            Refusal::new(ErrorCode::Conflict, msg).because("key_open").into()
        }
        Err(why) => ApiError::from(why),
    };
    Ok(request.error_response(refusal))
}

/// The call with its name. Its body is read, and stays there to be read.
async fn named(request: &mut ServiceRequest) -> Result<(Data<Api>, Named), ApiError> {
    let known = caller(request.request())?;
    // Who calls is limited once.
    request.extensions_mut().insert(known);
    let api = request.app_data::<Data<Api>>().cloned().ok_or(ApiError::Internal)?;
    let key = request.headers().get(HEADER).and_then(|key| key.to_str().ok()).unwrap_or_default();
    if !(1..=limits::CALL_KEY_CHARS).contains(&key.len()) {
        let most = limits::CALL_KEY_CHARS;
        let msg = format!("must be 1 to {most} ASCII characters long");
        return Err(ApiError::field(HEADER, Wrong::new("length", msg)));
    }
    let (key, asked) = (key.to_owned(), request.uri().to_string());
    let too_large = || ApiError::new(ErrorCode::TooLarge, "the body is too large");
    let body = request.extract::<Bytes>().await.map_err(|_why| too_large())?;
    if body.len() > limits::BODY_BYTES {
        return Err(too_large());
    }
    let asked = secret::fingerprint(&[asked.as_bytes(), b"\n", &body].concat());
    request.set_payload(Payload::from(body));
    Ok((api, Named { user: known.user(), key, asked }))
}

/// Keeps what was answered, if something was done; what was refused may be tried again.
async fn keep(
    api: &Api,
    call: &Named,
    response: Result<ServiceResponse<impl MessageBody + 'static>, Error>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = match response {
        Ok(response) if response.status().is_success() => response,
        refused => {
            noted(api, call, None).await;
            return refused.map(ServiceResponse::map_into_boxed_body);
        }
    };
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let body = to_bytes(body).await.map_err(|_cut_off| ApiError::Internal)?;
    let text = String::from_utf8_lossy(&body);
    noted(api, call, Some((head.status().as_u16(), &text))).await;
    Ok(ServiceResponse::new(request, head.set_body(body).map_into_boxed_body()))
}

/// It is done, whether that can be noted or not. Then its name stays open, so that it is not done twice.
async fn noted(api: &Api, call: &Named, answer: Option<(u16, &str)>) {
    if let Err(why) = api.store.end_call(call, answer).await {
        tracing::warn!("what a call was answered with is not kept: {why}");
    }
}
