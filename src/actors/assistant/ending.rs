//! What is made of an answer that is over.

use crate::domain::{Addresses, InvalidText, Text, limits};

/// What was said as the text of a message, and whether it had to be cut; none for nothing.
pub(super) fn text(said: &str, told: &Addresses) -> (Option<Text>, bool) {
    match Text::of_assistant(said, told) {
        Ok(text) => (Some(text), false),
        Err(InvalidText::TooLong(_)) => {
            let cut: String = said.chars().take(limits::TEXT_CHARS).collect();
            (Text::of_assistant(&cut, told).ok(), true)
        }
        Err(InvalidText::Blank | InvalidText::Unstorable) => (None, false),
    }
}

/// Why an answer broke off, as far as that concerns its readers: what is wrong with the key or the
/// address of a model is the operator's.
#[must_use]
pub fn public_reason(kind: &str) -> &'static str {
    match kind {
        "timeout" => "timeout",
        "rate_limited" | "busy" => "busy",
        "declined" => "declined",
        "too_large" => "too_large",
        "crash" => "crash",
        "restart" => "restart",
        "budget" => "budget",
        "cancel" => "cancel",
        "gone" | "stale" => "gone",
        "ai_off" => "ai_off",
        "withheld" => "withheld",
        _operators => "unavailable",
    }
}
