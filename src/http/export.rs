//! What the server has of the caller, for the caller: one JSON document, written as it is read.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use serde_json::{Value, json};

use super::api::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::me::account;
use crate::domain::{Millis, UserId};
use crate::store::{Device, ExportMark, ExportPart, Store, StoreError, User};

/// The version of the document: it goes up when something in it comes to mean something else.
const VERSION: u32 = 1;

/// What the server has of the caller: profile, sessions, clubs, rooms and read marks, messages with
/// their earlier texts, files not yet sent, reactions, pins, threads, bots (without their tokens), notifications,
/// reports, questions to the assistant and what it used for them. It comes in pieces, as it is read.
#[utoipa::path(get, path = "/v1/me/export", tag = "me",
    responses((status = 200, content_type = "application/json", body = Object)))]
pub(super) async fn export(caller: Caller, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let now = Millis::now();
    let user = account(&api, caller).await?;
    let devices = api.store.devices(user.id, now).await?;
    let begin = Bytes::from(beginning(&user, &devices, now)?);
    let pages = pages(api.store.clone(), user.id, begin);
    let name = r#"attachment; filename="moim-export.json""#;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .streaming(pages))
}

/// Everything before the parts that are read in pages.
fn beginning(user: &User, devices: &[Device], now: Millis) -> Result<String, ApiError> {
    let sessions: Vec<Value> = devices
        .iter()
        .map(|device| {
            json!({ "id": device.id, "name": device.name, "ip": device.ip,
                    "created_at": device.created_at, "seen_at": device.seen_at })
        })
        .collect();
    let head = json!({
        "format": "moim-account", "version": VERSION, "exported_at": now,
        "profile": { "id": user.id, "username": user.username, "display_name": user.display_name,
                     "status_text": user.status_text, "kind": user.kind, "role": user.role,
                     "locale": user.locale, "created_at": user.created_at },
        "sessions": sessions,
    });
    let mut text = serde_json::to_string(&head).map_err(|why| ApiError::internal(&why))?;
    // More follows in the same object.
    text.pop();
    Ok(text)
}

/// Where the document is.
struct Place {
    store: Store,
    user: UserId,
    begin: Option<Bytes>,
    /// The part that is being read, and the parts behind it.
    part: usize,
    after: ExportMark,
    is_begun: bool,
    has_items: bool,
}

/// The document, a page at a time: the next is read when the client has taken the last.
fn pages(
    store: Store,
    user: UserId,
    begin: Bytes,
) -> impl Stream<Item = Result<Bytes, StoreError>> {
    let (begin, after) = (Some(begin), ExportMark::default());
    let place = Place { store, user, begin, part: 0, after, is_begun: false, has_items: false };
    stream::try_unfold(place, |mut place| async move {
        let text = place.next().await?;
        Ok(text.map(|text| (text, place)))
    })
}

impl Place {
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        if let Some(begin) = self.begin.take() {
            return Ok(Some(begin));
        }
        let Some(part) = ExportPart::ALL.get(self.part).copied() else {
            // The last part has closed the object.
            return Ok(None);
        };
        let mut text = String::new();
        if !std::mem::replace(&mut self.is_begun, true) {
            text.push_str(&format!(",\"{}\":[", part.word()));
        }
        let (items, next) = self.store.export(self.user, part, &self.after).await?;
        for item in items {
            text.push_str(if std::mem::replace(&mut self.has_items, true) { ",\n" } else { "\n" });
            text.push_str(&item.to_string());
        }
        match next {
            Some(next) => self.after = next,
            None => {
                self.part += 1;
                (self.is_begun, self.has_items) = (false, false);
                self.after = ExportMark::default();
                text.push(']');
                if self.part == ExportPart::ALL.len() {
                    text.push('}');
                }
            }
        }
        Ok(Some(Bytes::from(text)))
    }
}
