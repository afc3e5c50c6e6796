//! Searching the messages that the caller may read.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::api::Api;
use super::caller::Caller;
use super::clubs::{require, visible};
use super::error::ApiError;
use super::json::Fields;
use super::message_body::MessageBody;
use super::page::{List, Listing, PageParams, Paging, cursor};
use super::wrong::Wrong;
use crate::domain::{ClubId, ClubRole, InvalidQuery, Millis, RoomId, SearchText, UserId};
use crate::protocol::{ErrorCode, MessageItem, Refusal};
use crate::store::{Carried, Message, Search, Spot};

/// What to look for. Without words, an author or something carried must be named.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// Words, all of which must be there; "words between quotes" as they stand; -word: not this
    /// one. No other sign has a meaning.
    #[param(max_length = 200)]
    q: Option<String>,
    /// In this room.
    #[param(example = "r_12")]
    room: Option<String>,
    /// In the rooms of this club.
    #[param(example = "c_1")]
    club: Option<String>,
    /// By this author.
    #[param(example = "u_3")]
    from: Option<String>,
    /// Taken before this time (UTC ms), or before this day (UTC) began.
    #[param(example = "2026-11-20")]
    before: Option<String>,
    /// Taken at this time (UTC ms) or later, or since this day (UTC) began.
    #[param(example = "2026-11-01")]
    after: Option<String>,
    /// Carrying a file or a link.
    #[param(schema_with = super::words::carried)]
    has: Option<String>,
}

/// The same, read.
#[derive(Debug)]
struct Asked {
    text: Option<SearchText>,
    room: Option<RoomId>,
    club: Option<ClubId>,
    author: Option<UserId>,
    since: Option<Millis>,
    until: Option<Millis>,
    has: Option<Carried>,
}

/// A message with its room.
#[derive(Serialize)]
struct Placed {
    room: RoomId,
    #[serde(flatten)]
    message: MessageItem,
}

/// Something that was found.
#[derive(Serialize)]
pub(super) struct FoundItem {
    message: Placed,
    highlights: Vec<[usize; 2]>,
}

/// A message with its room.
#[derive(ToSchema)]
#[schema(as = PlacedMessage)]
#[expect(dead_code, reason = "the description of `Placed`")]
struct PlacedBody {
    /// Its room.
    #[schema(example = "r_12")]
    room: String,
    /// As in the lists of its room.
    #[schema(inline)]
    #[serde(flatten)]
    message: MessageBody,
}

/// Something that was found.
#[derive(ToSchema)]
#[schema(as = Found)]
#[expect(dead_code, reason = "the description of `FoundItem`")]
pub(super) struct FoundBody {
    /// The message.
    message: PlacedBody,
    /// Where in its text the words stand: first character and length, in characters (Unicode scalar
    /// values), ascending.
    highlights: Vec<[i64; 2]>,
}

/// Messages that the caller may read, newest first. A page may hold fewer than asked for, even none,
/// and have a next one.
#[utoipa::path(get, path = "/v1/search", tag = "messages", params(SearchQuery, PageParams),
    responses((status = 200, body = Listing<FoundBody>)))]
pub(super) async fn find(
    caller: Caller,
    api: web::Data<Api>,
    query: web::Query<SearchQuery>,
    paging: Paging,
) -> Result<web::Json<Listing<FoundItem>>, ApiError> {
    let asked = parse(&query)?;
    let after = paging.after(List::Found)?;
    if let Some(club) = asked.club {
        require(&visible(&api, club, caller).await?, ClubRole::Member)?;
    }
    let search = Search {
        reader: caller.user(),
        text: asked.text.as_ref(),
        room: asked.room,
        club: asked.club,
        author: asked.author,
        since: asked.since,
        until: asked.until,
        has: asked.has,
        after: after.map(|(point, room, seq)| Spot { point, room: RoomId(room), seq }),
        limit: paging.limit(),
    };
    let found = match (api.store.search(&search).await?, asked.room) {
        (Some(found), _room) => found,
        // A room that the caller may not read does not exist for them, but for who is banned.
        (None, Some(room)) => return Err(api.rooms.why_not(room, caller.user()).await.into()),
        (None, None) => return Err(ApiError::not_found()),
    };
    let next = found.next.map(|Spot { point, room, seq }| (point, room.0, seq));
    let text = asked.text.as_ref();
    let items = found.messages.iter().map(|message| item(message, text)).collect();
    Ok(web::Json(Listing { items, next: next.map(|key| cursor(List::Found, key)) }))
}

fn item(message: &Message, wanted: Option<&SearchText>) -> FoundItem {
    let spans = match (wanted, &message.text) {
        (Some(wanted), Some(text)) => wanted.spans(text),
        _no_words => Vec::new(),
    };
    let message = Placed { room: message.room, message: MessageItem::from(message) };
    FoundItem { message, highlights: spans.iter().map(|span| [span.start, span.len]).collect() }
}

fn parse(query: &SearchQuery) -> Result<Asked, ApiError> {
    let mut fields = Fields::default();
    let asked = Asked {
        room: fields.take_some("room", query.room.as_deref().map(str::parse)),
        club: fields.take_some("club", query.club.as_deref().map(str::parse)),
        author: fields.take_some("from", query.from.as_deref().map(str::parse)),
        since: fields.take_some("after", query.after.as_deref().map(Millis::parse)),
        until: fields.take_some("before", query.before.as_deref().map(Millis::parse)),
        has: fields.take_some("has", query.has.as_deref().map(carried)),
        text: None,
    };
    fields.check()?;
    let words = query.q.as_deref().filter(|words| !words.trim().is_empty());
    let text = match words {
        Some(words) => Some(SearchText::parse(words).map_err(refused)?),
        None if asked.author.is_some() || asked.has.is_some() => None,
        None => return Err(refused(InvalidQuery::Empty)),
    };
    Ok(Asked { text, ..asked })
}

fn carried(word: &str) -> Result<Carried, Wrong> {
    match word {
        "file" => Ok(Carried::File),
        "link" => Ok(Carried::Link),
        _other => Err(Wrong::choice("file or link")),
    }
}

fn refused(why: InvalidQuery) -> ApiError {
    let refusal = Refusal::new(ErrorCode::Invalid, format!("the search {why}"));
    refusal.because(why.reason()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Asked, ApiError> {
        parse(&web::Query::from_query(query).unwrap())
    }

    fn reason(query: &str) -> Option<&'static str> {
        match asked(query) {
            Err(ApiError::Refused(refusal)) => refusal.reason,
            _other => None,
        }
    }

    #[test]
    fn what_cannot_be_looked_for_has_a_reason() {
        assert_eq!(reason(""), Some("query_empty"));
        assert_eq!(reason("q=%20&room=r_1"), Some("query_empty"));
        assert_eq!(reason("q=-word&from=u_1"), Some("query_empty"));
        assert_eq!(reason("q=%EA%B0%80"), Some("query_short"));
        assert_eq!(reason("q=ab%00"), Some("query_odd"));
        assert_eq!(reason(&format!("q={}", "a".repeat(10_000))), Some("query_long"));
        assert!(asked("from=u_1").is_ok_and(|asked| asked.text.is_none()));
        assert!(asked("has=link&q=").is_ok_and(|asked| asked.has == Some(Carried::Link)));
    }

    #[test]
    fn every_field_that_does_not_fit_is_named() {
        let odd = "q=word&room=12&club=r_1&from=me&before=soon&after=2026-02-30&has=cake";
        let Err(ApiError::Fields(errors)) = asked(odd) else { panic!("it fits") };
        let names: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(names, ["room", "club", "from", "after", "before", "has"]);
    }
}
