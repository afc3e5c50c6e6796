//! What all providers have in common on the wire: how they say that something is wrong.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use super::error::LlmError;
use super::model::Part;

pub(super) mod gemini;
pub(super) mod openai;

/// How much a model is to think. What a provider, or a model of it, does not know it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thinking {
    /// So many tokens: Gemini's budget; 0 is not at all, and -1 as many as it likes.
    Tokens(i32),
    /// As much as this word says, such as `low`.
    Effort(String),
}

/// Parts that were read and not yet taken.
pub(super) type Queue = VecDeque<Part>;

/// Words by which providers name what their status does not tell.
const WORDS: &[(&str, LlmError)] = &[
    ("context_length_exceeded", LlmError::TooLarge),
    ("maximum context length", LlmError::TooLarge),
    ("exceeds the maximum number of tokens", LlmError::TooLarge),
    ("exceed context", LlmError::TooLarge),
    ("api_key_invalid", LlmError::BadKey),
    ("api key not valid", LlmError::BadKey),
    ("invalid_api_key", LlmError::BadKey),
    ("unauthenticated", LlmError::BadKey),
    ("authentication_error", LlmError::BadKey),
    ("permission_denied", LlmError::BadKey),
    ("model_not_found", LlmError::UnknownModel),
    ("not_found", LlmError::UnknownModel),
    ("resource_exhausted", LlmError::RateLimited { retry_after: None }),
    ("insufficient_quota", LlmError::RateLimited { retry_after: None }),
    ("rate_limit", LlmError::RateLimited { retry_after: None }),
];

/// What a refusal means, by its status and then by its words. The words are only looked at.
pub(super) fn refusal(status: u16, retry_after: Option<Duration>, body: &[u8]) -> LlmError {
    let by_status = LlmError::of_status(status, retry_after);
    // Where the status says enough, the words are not asked: they may quote what people wrote.
    if !matches!(by_status, LlmError::Refused(_)) {
        return by_status;
    }
    let error = serde_json::from_slice::<Value>(body).unwrap_or_default();
    named(&error).unwrap_or(by_status)
}

/// An error that stands where an answer was expected.
pub(super) fn error_in(value: &Value) -> Option<LlmError> {
    let error = value.get("error").filter(|error| !error.is_null())?;
    let code = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let by_code = code
        .filter(|code| (400..=599).contains(code))
        .map(|code| LlmError::of_status(code, None))
        .filter(|error| !matches!(error, LlmError::Refused(_)));
    Some(by_code.or_else(|| named(value)).unwrap_or(LlmError::Failing(code.unwrap_or(500))))
}

fn named(value: &Value) -> Option<LlmError> {
    let value = value.get(0).unwrap_or(value);
    let error = value.get("error").unwrap_or(value);
    let mut said = String::new();
    for field in ["code", "type", "status", "message"] {
        if let Some(text) = error.get(field).and_then(Value::as_str) {
            said.extend(text.chars().take(1_000).flat_map(char::to_lowercase));
            said.push(' ');
        }
    }
    for detail in error.get("details").and_then(Value::as_array).into_iter().flatten() {
        if let Some(text) = detail.get("reason").and_then(Value::as_str) {
            said.push_str(&text.to_lowercase());
        }
    }
    WORDS.iter().find(|(word, _)| said.contains(word)).map(|(_, error)| *error)
}
