//! Moderation: putting members out, keeping them from writing, reports, the audit log, what a club
//! does not want to read, and who may do what in a room.

pub(super) mod audit;
pub(super) mod filters;
pub(super) mod members;
pub(super) mod mutes;
pub(super) mod permissions;
pub(super) mod reports;
pub(super) mod rooms;

use std::future::{Ready, ready};
use std::ops::RangeInclusive;
use std::str::FromStr;

use actix_web::{FromRequest, HttpRequest, dev};

use super::api::Api;
use super::caller::Caller;
use super::clubs::{no_longer, require, visible};
use super::erasures::admin;
use super::error::ApiError;
use super::json::Fields;
use crate::domain::{ClubId, ClubRole, REASON_CHARS, optional_text};
use crate::http::wrong::Wrong;
use crate::protocol::{ErrorCode, Refusal};

/// The two ids in a path: of what holds, and of what is held. What is no id names nothing: 404.
#[derive(Debug, Clone, Copy)]
pub(super) struct Two<A, B>(pub(super) A, pub(super) B);

impl<A: FromStr + 'static, B: FromStr + 'static> FromRequest for Two<A, B> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _body: &mut dev::Payload) -> Self::Future {
        let mut parts = request.match_info().iter().map(|(_name, part)| part);
        let first = parts.next().and_then(|part| part.parse().ok());
        let second = parts.next().and_then(|part| part.parse().ok());
        let both = first.zip(second).map(|(first, second)| Self(first, second));
        ready(both.ok_or_else(ApiError::not_found))
    }
}

/// Checks that the caller moderates a club.
///
/// # Errors
/// 404 for who may not know of it, 403 for who does not.
async fn moderates(api: &Api, club: ClubId, caller: Caller) -> Result<(), ApiError> {
    require(&visible(api, club, caller).await?, ClubRole::Manager)
}

/// The answer to who moderated a club when the call began, and did not when it was to be done.
pub(super) async fn not_any_more(
    api: &Api,
    club: impl Into<Option<ClubId>>,
    caller: Caller,
) -> ApiError {
    let asked = match club.into() {
        Some(club) => return no_longer(api, club, caller, ClubRole::Manager).await,
        None => admin(api, caller).await,
    };
    // And is again.
    let again = || Refusal::new(ErrorCode::Forbidden, "this takes another role").because("role");
    asked.err().unwrap_or_else(|| again().into())
}

/// The reason of a moderator; empty for none.
fn reason(raw: Option<&str>, fields: &mut Fields) -> String {
    let reason = optional_text(raw.unwrap_or_default(), REASON_CHARS);
    fields.take("reason", reason).unwrap_or_default()
}

/// A span in seconds.
fn seconds(raw: Option<i64>, range: &RangeInclusive<i64>) -> Result<Option<i64>, Wrong> {
    match raw {
        Some(odd) if !range.contains(&odd) => {
            Err(Wrong::range(*range.start(), *range.end(), " seconds"))
        }
        fits => Ok(fits),
    }
}
