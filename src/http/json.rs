//! Bodies and other input: JSON only, bounded, and every slip a problem.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::str::FromStr;

use actix_web::error::JsonPayloadError;
use actix_web::web::{Json, JsonConfig, QueryConfig};
use actix_web::{FromRequest, HttpRequest, dev};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::ApiError;
use super::wrong::{FieldError, Wrong};
use crate::domain::{DisplayName, MessageId, RoomId, limits};
use crate::protocol::ErrorCode;

/// How bodies are read.
pub(super) fn bodies() -> JsonConfig {
    JsonConfig::default()
        .limit(limits::BODY_BYTES)
        .content_type(|mime| mime.essence_str() == "application/json")
        .error_handler(|why, _request| unreadable(&why).into())
}

/// How query strings are read.
pub(super) fn queries() -> QueryConfig {
    QueryConfig::default().error_handler(|_why, _request| {
        ApiError::new(ErrorCode::BadRequest, "the query string was not understood").into()
    })
}

fn unreadable(why: &JsonPayloadError) -> ApiError {
    match why {
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            ApiError::new(ErrorCode::TooLarge, "the body is too large")
        }
        JsonPayloadError::ContentType => ApiError::MediaType,
        // serde tells place and type, never more of the body than one value of a wrong type.
        JsonPayloadError::Deserialize(why) => {
            let place = format!("line {} column {}", why.line(), why.column());
            let what = match why.classify() {
                serde_json::error::Category::Data => "a field has a wrong type",
                serde_json::error::Category::Syntax
                | serde_json::error::Category::Eof
                | serde_json::error::Category::Io => "the body is not JSON",
            };
            ApiError::new(ErrorCode::BadRequest, &format!("{what}, {place}"))
        }
        _payload => ApiError::new(ErrorCode::BadRequest, "the body could not be read"),
    }
}

/// The body of a call: a JSON object. Its fields are known by their names alone, never by their places
/// in a list, as serde would take them as well.
#[derive(Debug)]
pub(super) struct Body<T>(T);

impl<T> Body<T> {
    /// What it says.
    pub(super) fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Body<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Body<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object(PhantomData)).map(Self)
    }
}

/// Takes an object and nothing else.
struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields))
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let read = Json::<Self>::from_request(request, payload);
        Box::pin(async move { read.await.map(Json::into_inner) })
    }
}

/// The id in the path. What is no id names nothing: 404.
#[derive(Debug, Clone, Copy)]
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr + 'static> FromRequest for Id<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _body: &mut dev::Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(|id| id.parse().ok());
        ready(id.map(Self).ok_or_else(ApiError::not_found))
    }
}

/// The message in the path, of the room in the path. One of another room is not there.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtMessage(pub(super) MessageId);

impl FromRequest for AtMessage {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _body: &mut dev::Payload) -> Self::Future {
        let of = |name| request.match_info().get(name).unwrap_or_default();
        ready(at_message(of("id"), of("message")).map(Self))
    }
}

/// The message of these ids, if it is one of that room.
///
/// # Errors
/// 404 otherwise.
pub(super) fn at_message(room: &str, message: &str) -> Result<MessageId, ApiError> {
    let room: Option<RoomId> = room.parse().ok();
    let message: Option<MessageId> = message.parse().ok();
    message.filter(|at| Some(at.room) == room).ok_or_else(ApiError::not_found)
}

/// Gathers what does not fit, so that one answer names every field.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<FieldError>);

impl Fields {
    /// The value, or a note of what was wrong with its field.
    pub(super) fn take<T, E: Into<Wrong>>(
        &mut self,
        field: &'static str,
        parsed: Result<T, E>,
    ) -> Option<T> {
        parsed.map_err(|why| self.0.push(why.into().at(field))).ok()
    }

    /// Like [`Self::take`], for a field that may be absent.
    pub(super) fn take_some<T, E: Into<Wrong>>(
        &mut self,
        field: &'static str,
        parsed: Option<Result<T, E>>,
    ) -> Option<T> {
        self.take(field, parsed?)
    }

    /// Refuses unless all fits.
    ///
    /// # Errors
    /// 422 with every note.
    pub(super) fn check(self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(self.refuse()) }
    }

    /// The answer that names what does not fit.
    pub(super) fn refuse(self) -> ApiError {
        ApiError::Fields(self.0)
    }
}

/// What to look for in names, if anything: it is read like a name.
///
/// # Errors
/// 422 for what no name can hold.
pub(super) fn search(query: Option<&str>) -> Result<Option<String>, ApiError> {
    let text = query.filter(|query| !query.trim().is_empty());
    let text = text.map(DisplayName::parse).transpose();
    let text = text.map_err(|why| ApiError::field("query", why))?;
    Ok(text.map(|text| text.as_str().to_owned()))
}

/// For `#[serde(default, deserialize_with = "given")]`: tells `null` from an absent field.
pub(super) fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_not_the_same_as_absent() {
        #[derive(Deserialize)]
        struct Patch {
            #[serde(default, deserialize_with = "given")]
            capacity: Option<Option<i64>>,
        }
        let read = |text| serde_json::from_str::<Patch>(text).unwrap().capacity;
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"capacity":null}"#), Some(None));
        assert_eq!(read(r#"{"capacity":7}"#), Some(Some(7)));
    }

    #[test]
    fn a_message_is_one_of_its_room() {
        let at = MessageId { room: RoomId(12), seq: 7 };
        assert_eq!(at_message("r_12", "m_12_7"), Ok(at));
        for (room, message) in [("r_13", "m_12_7"), ("r_12", "m_12_07"), ("", "m_12_7")] {
            assert_eq!(at_message(room, message), Err(ApiError::not_found()));
        }
    }

    #[test]
    fn all_fields_that_do_not_fit_are_named_at_once() {
        let mut fields = Fields::default();
        assert_eq!(fields.take("one", Err::<(), _>(Wrong::choice("even"))), None);
        assert_eq!(fields.take("two", Ok::<_, Wrong>(2)), Some(2));
        assert_eq!(fields.take_some("three", None::<Result<(), Wrong>>), None);
        assert_eq!(fields.take_some("four", Some(Err::<(), _>(Wrong::choice("odd")))), None);
        let Err(ApiError::Fields(errors)) = fields.check() else { panic!("it fits") };
        let names: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(names, ["one", "four"]);
    }

    #[test]
    fn the_detail_does_not_repeat_the_body() {
        let why = serde_json::from_str::<String>(r#"{"password":"hunter2hunter2"}"#).unwrap_err();
        let error = unreadable(&JsonPayloadError::Deserialize(why));
        let ApiError::Refused(refusal) = error else { panic!("not refused") };
        assert_eq!(refusal.code, ErrorCode::BadRequest);
        assert!(!refusal.msg.contains("hunter2"));
    }
}
