//! The tables of the contract: error codes and close codes.

use std::sync::Arc;

use serde::Serialize;

use crate::domain::{Denied, InvalidFiles, Least};

/// Defines the error codes: name, word on the wire, whether trying again can help.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, temporary: $temporary:literal;)+) => {
        /// Why a request was refused; stable words that programs may match.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $word)] $name),+
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word on the wire.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// Whether the same request may succeed later.
            #[must_use]
            pub const fn is_temporary(self) -> bool {
                match self { $(Self::$name => $temporary),+ }
            }
        }
    };
}

error_codes! {
    /// Not understood: malformed JSON, a wrong type, an unknown op.
    BadRequest = "bad_request", temporary: false;
    /// No valid token.
    Unauthorized = "unauthorized", temporary: false;
    /// The access token ran out.
    TokenExpired = "token_expired", temporary: false;
    /// Wrong name or password; which of the two is not told.
    BadCredentials = "bad_credentials", temporary: false;
    /// A refresh token came a second time: its whole family is revoked.
    TokenReused = "token_reused", temporary: false;
    /// Known and not allowed.
    Forbidden = "forbidden", temporary: false;
    /// May read, may not write for a while.
    Muted = "muted", temporary: true;
    /// Out, and stays out.
    Banned = "banned", temporary: false;
    /// Does not exist, or one may not know that it does.
    NotFound = "not_found", temporary: false;
    /// Stands against what is there.
    Conflict = "conflict", temporary: false;
    /// The username is taken.
    UsernameTaken = "username_taken", temporary: false;
    /// Too long or too big.
    TooLarge = "too_large", temporary: false;
    /// A field does not fit.
    Invalid = "invalid", temporary: false;
    /// Too many requests.
    RateLimited = "rate_limited", temporary: true;
    /// The room takes one message per user and interval.
    SlowMode = "slow_mode", temporary: true;
    /// The assistant's budget is used up.
    AiBudget = "ai_budget", temporary: true;
    /// The assistant is answering already.
    AiBusy = "ai_busy", temporary: true;
    /// A queue is full; nothing was done.
    Overloaded = "overloaded", temporary: true;
    /// The store does not answer; nothing was promised.
    Unavailable = "unavailable", temporary: true;
    /// A defect of the server.
    Internal = "internal", temporary: false;
}

/// An answer that says no: the code, a sentence for people, and when to come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The stable word.
    pub code: ErrorCode,
    /// For people; may change.
    pub msg: String,
    /// A finer stable word, where a rule names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The field that does not fit, where one alone is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'static str>,
    /// Whether the same request may succeed later.
    pub temporary: bool,
    /// In how many milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
    /// Until when (UTC ms), for a mute or a ban.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// What whoever banned the caller has said to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ban_reason: Option<Arc<str>>,
}

impl Refusal {
    /// A refusal with nothing but code and sentence.
    #[must_use]
    pub fn new(code: ErrorCode, msg: impl Into<String>) -> Self {
        let (msg, temporary) = (msg.into(), code.is_temporary());
        let (reason, field, retry_ms, until, ban_reason) = (None, None, None, None, None);
        Self { code, msg, reason, field, temporary, retry_ms, until, ban_reason }
    }

    /// A refusal of a field, with what is wrong with it.
    #[must_use]
    pub fn of_field(code: ErrorCode, field: &'static str, why: impl std::fmt::Display) -> Self {
        Self { field: Some(field), ..Self::new(code, format!("{field} {why}")) }
    }

    /// The same, with the time after which trying again can help.
    #[must_use]
    pub fn retry_in(mut self, retry: std::time::Duration) -> Self {
        self.retry_ms = Some(u64::try_from(retry.as_millis()).unwrap_or(u64::MAX).max(1));
        self
    }

    /// The same, with the moment at which it ends by itself.
    #[must_use]
    pub const fn until(mut self, until: Option<i64>) -> Self {
        self.until = until;
        self
    }

    /// The same, with the words of whoever banned the caller, if they said any.
    #[must_use]
    pub fn banned_for(mut self, words: Arc<str>) -> Self {
        self.ban_reason = Some(words).filter(|words| !words.is_empty());
        self
    }

    /// The same, with a finer reason.
    #[must_use]
    pub const fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }
}

impl From<Denied> for Refusal {
    fn from(why: Denied) -> Self {
        match why {
            Denied::Muted(until) => Self {
                until: Some(until.0),
                ..Self::new(ErrorCode::Muted, "you may read, not write")
            },
            Denied::Blocked => Self::new(ErrorCode::Forbidden, "one of you has blocked the other")
                .because("blocked"),
            Denied::Rank(Least::Nobody) => {
                Self::new(ErrorCode::Forbidden, "nobody may do this here").because("role")
            }
            Denied::Rank(least) => {
                let msg = format!("this takes the rank {least} or a higher one");
                Self::new(ErrorCode::Forbidden, msg).because("role")
            }
        }
    }
}

impl From<InvalidFiles> for Refusal {
    fn from(why: InvalidFiles) -> Self {
        let reason = match why {
            InvalidFiles::TooMany(_) => "too_many_files",
            InvalidFiles::Twice => "file_twice",
        };
        Self::new(ErrorCode::Invalid, format!("files {why}")).because(reason)
    }
}

/// Why the server closes a socket. 4000–4399 mean *reconnect and resume*, 4400–4499 *sign in
/// again first*, 4500–4999 *do not come back*; below 4000 the codes of RFC 6455, section 7.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// Answer to the client's own close.
    Normal,
    /// RFC 6455: the peer broke the protocol.
    Protocol,
    /// RFC 6455: text that is not UTF-8.
    NotUtf8,
    /// RFC 6455: a message over `max_frame`.
    TooBig,
    /// This node ends.
    Shutdown,
    /// A part of the server broke; what it held starts anew.
    Restart,
    /// A write was stuck for 30 s.
    TooSlow,
    /// Nothing was heard for twice the heartbeat.
    HeartbeatMissed,
    /// No token, or it expired.
    TokenMissing,
    /// Twenty malformed frames in a minute.
    BadFrames,
    /// Signed out elsewhere.
    Revoked,
    /// Banned from the instance.
    Banned,
    /// More sessions than a user may have.
    TooManySessions,
    /// The offered version of the protocol is not spoken here.
    Version,
}

impl CloseCode {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::Protocol => 1002,
            Self::NotUtf8 => 1007,
            Self::TooBig => 1009,
            Self::Shutdown => 4001,
            Self::Restart => 4002,
            Self::TooSlow => 4003,
            Self::HeartbeatMissed => 4009,
            Self::TokenMissing => 4401,
            Self::BadFrames => 4500,
            Self::Revoked => 4501,
            Self::Banned => 4503,
            Self::TooManySessions => 4504,
            Self::Version => 4505,
        }
    }

    /// A word for people who look at the close frame, and the label of the metric.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Normal => "bye",
            Self::Protocol => "protocol error",
            Self::NotUtf8 => "not utf-8",
            Self::TooBig => "too big",
            Self::Shutdown => "shutdown",
            Self::Restart => "restart",
            Self::TooSlow => "too slow",
            Self::HeartbeatMissed => "heartbeat missed",
            Self::TokenMissing => "token missing or expired",
            Self::BadFrames => "bad frames",
            Self::Revoked => "revoked",
            Self::Banned => "banned",
            Self::TooManySessions => "too many sessions",
            Self::Version => "protocol version",
        }
    }
}
