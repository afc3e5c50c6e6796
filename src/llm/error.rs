//! Why there is no answer, or no more of it.

use std::time::Duration;

/// What was waited for, in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// A connection.
    Connect,
    /// The first piece of text.
    FirstToken,
    /// The next piece of text.
    BetweenTokens,
    /// The end of the answer.
    Whole,
}

impl Wait {
    const fn words(self) -> &'static str {
        match self {
            Self::Connect => "a connection",
            Self::FirstToken => "the first word",
            Self::BetweenTokens => "the next word",
            Self::Whole => "the end of the answer",
        }
    }
}

/// Why a model did not answer, or broke off. Every text in it is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    /// No connection: refused, no such host, no trust in its certificate.
    #[error("the model cannot be reached")]
    Unreachable,
    /// The provider has trouble of its own.
    #[error("the provider answered {0}")]
    Failing(u16),
    /// The same, and it says when to come back.
    #[error("the provider answered {status}")]
    Overloaded {
        /// What it answered.
        status: u16,
        /// When to come back.
        retry_after: Duration,
    },
    /// The connection ended in the middle of the answer.
    #[error("the answer broke off")]
    BrokenOff,
    /// It failed too often just now and is left alone.
    #[error("the model failed repeatedly and is left alone for a while")]
    Resting {
        /// Until it is tried again.
        retry_after: Duration,
    },
    /// It took too long.
    #[error("waited too long for {}", .0.words())]
    Timeout(Wait),
    /// Too many calls, or nothing left on the account.
    #[error("the provider allows no more calls for now")]
    RateLimited {
        /// When to come back, if it said so.
        retry_after: Option<Duration>,
    },
    /// The key is wrong, or may not use this model.
    #[error("the provider does not accept the key")]
    BadKey,
    /// There is no such model, or no such address.
    #[error("the provider does not know the model, or the address is wrong")]
    UnknownModel,
    /// What came is no answer; what was wrong.
    #[error("the answer makes no sense: {0}")]
    BadAnswer(&'static str),
    /// It thought until its tokens were used up.
    #[error("the model used up its tokens before its first word")]
    NoRoom,
    /// More was asked than the model can read.
    #[error("the question is too long for the model")]
    TooLarge,
    /// The provider would not take the request, with its status.
    #[error("the provider refused the request ({0})")]
    Refused(u16),
    /// A filter of the provider held the answer back.
    #[error("the provider held the answer back")]
    Declined,
    /// The address of the model is this server's own.
    #[error("the address of the model is this server itself")]
    OwnAddress,
}

impl LlmError {
    /// The word that is stored and counted.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Unreachable
            | Self::Failing(_)
            | Self::Overloaded { .. }
            | Self::BrokenOff
            | Self::Resting { .. } => "unavailable",
            Self::Timeout(_) => "timeout",
            Self::RateLimited { .. } => "rate_limited",
            Self::BadKey => "bad_key",
            Self::UnknownModel => "unknown_model",
            Self::BadAnswer(_) => "bad_answer",
            Self::NoRoom => "no_room",
            Self::TooLarge => "too_large",
            Self::Refused(_) => "refused",
            Self::Declined => "declined",
            Self::OwnAddress => "own_address",
        }
    }

    /// Whether the provider may have read the question before this happened, and counts it.
    #[must_use]
    pub const fn may_have_cost(self) -> bool {
        match self {
            Self::BrokenOff
            | Self::Timeout(Wait::FirstToken | Wait::BetweenTokens | Wait::Whole)
            | Self::BadAnswer(_)
            | Self::NoRoom
            | Self::Declined => true,
            Self::Unreachable
            | Self::Failing(_)
            | Self::Overloaded { .. }
            | Self::Resting { .. }
            | Self::Timeout(Wait::Connect)
            | Self::RateLimited { .. }
            | Self::BadKey
            | Self::UnknownModel
            | Self::TooLarge
            | Self::Refused(_)
            | Self::OwnAddress => false,
        }
    }

    /// Whether the same call may succeed in a moment, asked before the first word.
    #[must_use]
    pub const fn is_worth_a_retry(self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::Failing(_)
                | Self::Overloaded { .. }
                | Self::RateLimited { .. }
        )
    }

    /// When the provider wants to be asked again, if it said so.
    pub(super) const fn wanted_pause(self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after, .. } => Some(retry_after),
            Self::RateLimited { retry_after } => retry_after,
            _other => None,
        }
    }

    /// Whether it says that the provider is in trouble; the others are answers of one that is well.
    #[must_use]
    pub const fn is_trouble(self) -> bool {
        match self {
            Self::Unreachable
            | Self::Failing(_)
            | Self::Overloaded { .. }
            | Self::BrokenOff
            | Self::Timeout(_)
            | Self::RateLimited { .. }
            | Self::BadAnswer(_) => true,
            Self::Resting { .. }
            | Self::BadKey
            | Self::UnknownModel
            | Self::NoRoom
            | Self::TooLarge
            | Self::Refused(_)
            | Self::Declined
            | Self::OwnAddress => false,
        }
    }

    /// What a status other than success means, before its body is looked at.
    pub(super) const fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            401 | 403 => Self::BadKey,
            402 | 429 => Self::RateLimited { retry_after },
            404 => Self::UnknownModel,
            413 => Self::TooLarge,
            408 | 500.. => match retry_after {
                Some(retry_after) => Self::Overloaded { status, retry_after },
                None => Self::Failing(status),
            },
            other => Self::Refused(other),
        }
    }
}
