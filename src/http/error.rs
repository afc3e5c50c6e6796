//! What goes wrong leaves as a problem (RFC 9457). The one place that knows status codes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::wrong::{FieldError, Wrong};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::StoreError;

/// When trying again can help and nobody said when.
const RETRY: Duration = Duration::from_secs(1);

/// Why a call is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// An answer that a person can act on.
    Refused(Refusal),
    /// Fields that do not fit.
    Fields(Vec<FieldError>),
    /// The body is of a kind that is not spoken here.
    MediaType,
    /// A defect; it was logged where it was seen.
    Internal,
}

impl ApiError {
    /// A refusal with nothing but code and sentence.
    pub(super) fn new(code: ErrorCode, detail: &str) -> Self {
        Self::Refused(Refusal::new(code, detail))
    }

    /// What does not exist, or what the caller may not know of.
    pub(super) fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "there is no such thing here")
    }

    /// A single field that does not fit.
    pub(super) fn field(field: &'static str, why: impl Into<Wrong>) -> Self {
        Self::Fields(vec![why.into().at(field)])
    }

    /// Logs a defect, with the chain of its causes, and hides it from the caller.
    pub(super) fn internal(why: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %Chain(why), "a call failed");
        Self::Internal
    }

    fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(refusal) => refusal.code,
            Self::Fields(_) => ErrorCode::Invalid,
            Self::MediaType => ErrorCode::BadRequest,
            Self::Internal => ErrorCode::Internal,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.msg.clone(),
            Self::Fields(_) => "some fields do not fit".to_owned(),
            Self::MediaType => "the body must be application/json".to_owned(),
            Self::Internal => "the server made a mistake".to_owned(),
        }
    }
}

/// The status of a code; the table of the contract, section 4.
fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadRequest => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorized
        | ErrorCode::TokenExpired
        | ErrorCode::BadCredentials
        | ErrorCode::TokenReused => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::Muted | ErrorCode::Banned => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Conflict | ErrorCode::UsernameTaken => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::RateLimited | ErrorCode::SlowMode | ErrorCode::AiBudget | ErrorCode::AiBusy => {
            StatusCode::TOO_MANY_REQUESTS
        }
        ErrorCode::Overloaded | ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The code of a status that the framework chose by itself.
fn code_of(status: StatusCode) -> ErrorCode {
    match status {
        StatusCode::UNAUTHORIZED => ErrorCode::Unauthorized,
        StatusCode::FORBIDDEN => ErrorCode::Forbidden,
        StatusCode::NOT_FOUND => ErrorCode::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::TooLarge,
        StatusCode::TOO_MANY_REQUESTS => ErrorCode::RateLimited,
        StatusCode::SERVICE_UNAVAILABLE => ErrorCode::Overloaded,
        status if status.is_server_error() => ErrorCode::Internal,
        _request => ErrorCode::BadRequest,
    }
}

/// The body of every answer that says no.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Always `about:blank`: the code tells problems apart.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The name of the status.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// For people; may change.
    detail: String,
    /// The stable word that programs match.
    #[schema(schema_with = super::openapi::code)]
    code: ErrorCode,
    /// A finer stable word, where a rule names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// In how many milliseconds trying again can help.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u64>,
    /// Until when (UTC ms), for a mute or a ban.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    /// What whoever banned the caller has said to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    ban_reason: Option<Arc<str>>,
    /// The fields that do not fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// Finds this call in the logs of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// Whether trying again can help at all.
    #[serde(skip)]
    is_temporary: bool,
}

impl Problem {
    /// What the framework refused by itself.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::NOT_FOUND => "there is no such thing here",
            StatusCode::METHOD_NOT_ALLOWED => "this method is not known here",
            status if status.is_server_error() => "the server made a mistake",
            _request => "the request was not understood",
        };
        Self::new(status, code_of(status), detail.to_owned())
    }

    /// The same, with the id of its call.
    pub(super) fn of_request(mut self, id: &str) -> Self {
        self.request_id = Some(id.to_owned());
        self
    }

    fn new(status: StatusCode, code: ErrorCode, detail: String) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail,
            code,
            reason: None,
            retry_ms: None,
            until: None,
            ban_reason: None,
            errors: Vec::new(),
            request_id: None,
            is_temporary: code.is_temporary(),
        }
    }

    /// Whole seconds until trying again can help, rounded up.
    fn retry_after(&self) -> Option<u64> {
        let is_temporary = self.is_temporary && matches!(self.status, 429 | 503);
        let retry = || u64::try_from(RETRY.as_millis()).unwrap_or(1_000);
        is_temporary.then(|| self.retry_ms.unwrap_or_else(retry).div_ceil(1_000).max(1))
    }

    /// The answer.
    pub(super) fn response(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        if let Some(seconds) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        response.content_type("application/problem+json");
        match serde_json::to_vec(self) {
            Ok(body) => response.body(body),
            Err(_unwritable) => response.finish(),
        }
    }
}

impl From<&ApiError> for Problem {
    fn from(error: &ApiError) -> Self {
        let mut problem = Self::new(error.status_code(), error.code(), error.detail());
        match error {
            ApiError::Refused(refusal) => {
                problem.reason = refusal.reason;
                problem.retry_ms = refusal.retry_ms;
                problem.until = refusal.until;
                problem.ban_reason.clone_from(&refusal.ban_reason);
                problem.is_temporary = refusal.temporary;
            }
            ApiError::Fields(errors) => problem.errors.clone_from(errors),
            ApiError::MediaType | ApiError::Internal => {}
        }
        problem
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code().word())
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            other => status_of(other.code()),
        }
    }

    fn error_response(&self) -> HttpResponse {
        Problem::from(self).response()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for ApiError {
    fn from(why: StoreError) -> Self {
        let hidden = Self::internal(&why);
        match why {
            StoreError::Unavailable(_) | StoreError::Overtaken => {
                let msg = "the store does not answer";
                Self::Refused(Refusal::new(ErrorCode::Unavailable, msg).retry_in(RETRY))
            }
            StoreError::Conflict { .. } | StoreError::Statement(_) | StoreError::Corrupt(_) => {
                hidden
            }
        }
    }
}

/// Turns what a named constraint refused into an answer.
pub(super) trait OnConstraint<T> {
    /// `answer`, when the constraint has `name` in its name.
    ///
    /// # Errors
    /// The answer, or whatever else the store said.
    fn on_constraint(self, name: &str, answer: impl FnOnce() -> ApiError) -> Result<T, ApiError>;
}

impl<T> OnConstraint<T> for Result<T, StoreError> {
    fn on_constraint(self, name: &str, answer: impl FnOnce() -> ApiError) -> Result<T, ApiError> {
        match self {
            // SQLite names table and column where PostgreSQL names the index.
            Err(StoreError::Conflict { constraint }) if constraint.contains(name) => Err(answer()),
            other => Ok(other?),
        }
    }
}

/// An error and what caused it, in one line.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(why) = cause {
            write!(f, ": {why}")?;
            cause = why.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(problem: &Problem) -> serde_json::Value {
        serde_json::to_value(problem).unwrap()
    }

    fn header<'a>(response: &'a HttpResponse, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn a_refusal_becomes_a_problem_with_its_code() {
        let refusal = Refusal::new(ErrorCode::Forbidden, "no").because("not_open");
        let problem = json(&Problem::from(&ApiError::from(refusal)).of_request("q1"));
        let wanted = serde_json::json!({
            "type": "about:blank", "title": "Forbidden", "status": 403, "detail": "no",
            "code": "forbidden", "reason": "not_open", "request_id": "q1",
        });
        assert_eq!(problem, wanted);
    }

    #[test]
    fn fields_are_named() {
        let problem = json(&Problem::from(&ApiError::field("limit", Wrong::range(1, 200, ""))));
        assert_eq!(problem["status"], 422);
        assert_eq!(problem["code"], "invalid");
        let wanted = serde_json::json!({ "field": "limit", "reason": "range", "least": 1, "most": 200,
                                         "message": "must be 1 to 200" });
        assert_eq!(problem["errors"], serde_json::json!([wanted]));
    }

    #[test]
    fn retry_after_is_in_whole_seconds_and_never_too_early() {
        let after = |retry: Option<u64>| {
            let mut refusal = Refusal::new(ErrorCode::RateLimited, "slower");
            refusal.retry_ms = retry;
            let response = ApiError::from(refusal).error_response();
            header(&response, "retry-after").map(str::to_owned)
        };
        assert_eq!(after(Some(1)).as_deref(), Some("1"));
        assert_eq!(after(Some(1_000)).as_deref(), Some("1"));
        assert_eq!(after(Some(1_001)).as_deref(), Some("2"));
        assert_eq!(after(None).as_deref(), Some("1"));
        assert_eq!(header(&ApiError::Internal.error_response(), "retry-after"), None);
    }

    #[test]
    fn what_the_framework_refuses_is_a_problem_too() {
        let problem = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(json(&problem)["code"], "bad_request");
        let response = Problem::of_status(StatusCode::NOT_FOUND).response();
        assert_eq!(header(&response, "content-type"), Some("application/problem+json"));
        assert_eq!(json(&Problem::of_status(StatusCode::BAD_GATEWAY))["code"], "internal");
    }

    #[test]
    fn every_code_has_the_status_of_the_contract() {
        let table: Vec<_> =
            ErrorCode::ALL.iter().map(|code| (code.word(), status_of(*code).as_u16())).collect();
        let wanted = [
            ("bad_request", 400),
            ("unauthorized", 401),
            ("token_expired", 401),
            ("bad_credentials", 401),
            ("token_reused", 401),
            ("forbidden", 403),
            ("muted", 403),
            ("banned", 403),
            ("not_found", 404),
            ("conflict", 409),
            ("username_taken", 409),
            ("too_large", 413),
            ("invalid", 422),
            ("rate_limited", 429),
            ("slow_mode", 429),
            ("ai_budget", 429),
            ("ai_busy", 429),
            ("overloaded", 503),
            ("unavailable", 503),
            ("internal", 500),
        ];
        assert_eq!(table, wanted);
    }
}
