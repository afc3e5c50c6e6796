//! Files, coming in: streamed to the disk, never whole in memory, refused as early as can be.

use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::{IntoParams, ToSchema};

use super::serve::Content;
use crate::domain::{FileName, Millis, Permission, RoomId};
use crate::files::{FileError, Incoming, Looked};
use crate::http::api::Api;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::json::Id;
use crate::http::secret;
use crate::protocol::{ErrorCode, FileItem, Refusal};
use crate::store::{File, FileRoom, NewFile, NoRoomForFile};

/// An upload of which nothing comes for so long is given up.
const IDLE: Duration = Duration::from_secs(30);
/// When a full disk is worth another try.
const FULL_RETRY: Duration = Duration::from_secs(60);
/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// What a file is called.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct NameQuery {
    /// What the file is called; made harmless, and cut to 200 characters.
    name: Option<String>,
}

/// A file that was uploaded.
#[derive(Serialize, ToSchema)]
#[schema(as = File)]
pub(in crate::http) struct FileBody {
    /// Id.
    #[schema(example = "fi_7")]
    id: String,
    /// Where it is.
    #[schema(example = "/files/fi_7/photo.jpg")]
    url: String,
    /// What it is called.
    name: String,
    /// What it is, by its content.
    mime: String,
    /// Bytes.
    size: i64,
    /// Of a picture, upright.
    width: Option<i64>,
    /// Of a picture, upright.
    height: Option<i64>,
    /// Where a small copy of a picture is, if one was made.
    preview_url: Option<String>,
}

/// Uploads a file for a message in a room; unused it is kept for a day. The body is the file.
#[utoipa::path(post, path = "/v1/rooms/{id}/files", tag = "files",
    params(("id" = String, Path), NameQuery),
    request_body(content = Content, content_type = "application/octet-stream"),
    responses((status = 201, body = FileBody)))]
pub(in crate::http) async fn upload(
    caller: Caller,
    request: HttpRequest,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    query: web::Query<NameQuery>,
    body: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let name = FileName::clean(query.name.as_deref().unwrap_or_default());
    allowed(&api, room, caller).await?;
    let most = Most::of(&api, caller).await?;
    if let Some(declared) = declared(&request) {
        most.check(declared)?;
    }
    let _counted = api.uploads.enter(caller.user())?;
    api.throttle.upload(caller.user())?;
    let incoming = receive(&api, body, most).await?;
    let looked = api.files.look(incoming).await.map_err(|why| refusal(&why))?;
    let item = keep(&api, room, caller, &name, &looked).await?;
    Ok(HttpResponse::Created().json(item))
}

/// Checks that the caller may bring files into a room, and write there.
async fn allowed(api: &Api, room: RoomId, caller: Caller) -> Result<(), ApiError> {
    let (standing, info) =
        (api.store.standing(room, caller.user()).await?, api.store.room(room).await?);
    let (Some(standing), Some(info)) = (standing, info) else {
        return Err(api.rooms.why_not(room, caller.user()).await.into());
    };
    let settings = info.settings();
    for permission in [Permission::Send, Permission::Attach] {
        settings.check(standing, permission, Millis::now()).map_err(Refusal::from)?;
    }
    Ok(())
}

/// How many bytes an upload may have, and why no more.
#[derive(Debug, Clone, Copy)]
struct Most {
    one: u64,
    room: FileRoom,
}

impl Most {
    async fn of(api: &Api, caller: Caller) -> Result<Self, ApiError> {
        let now = Millis::now();
        let limits = api.settings.file_limits;
        let room = api.store.file_room(caller.user(), now, limits).await?;
        Ok(Self { one: api.settings.file_bytes, room })
    }

    fn check(self, bytes: u64) -> Result<(), ApiError> {
        let fits = |limit: i64| u64::try_from(limit).is_ok_and(|limit| bytes <= limit);
        if bytes > self.one {
            let msg = format!("the file has more than {} bytes", self.one);
            Err(ApiError::new(ErrorCode::TooLarge, &msg))
        } else if !fits(self.room.day) {
            Err(no_room(NoRoomForFile::Day))
        } else if !fits(self.room.all) {
            Err(no_room(NoRoomForFile::All))
        } else {
            Ok(())
        }
    }
}

fn no_room(why: NoRoomForFile) -> ApiError {
    let refusal = match why {
        NoRoomForFile::Day => {
            let left = DAY - Millis::now().0.rem_euclid(DAY);
            Refusal::new(ErrorCode::RateLimited, "you have uploaded enough for today")
                .because("file_day")
                .retry_in(Duration::from_millis(left.unsigned_abs()))
        }
        NoRoomForFile::All => full(),
    };
    refusal.into()
}

fn full() -> Refusal {
    Refusal::new(ErrorCode::Unavailable, "there is no room for more files")
        .because("storage_full")
        .retry_in(FULL_RETRY)
}

fn declared(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn receive(api: &Api, mut body: web::Payload, most: Most) -> Result<Incoming, ApiError> {
    let mut incoming = api.files.receive().await.map_err(|why| refusal(&why))?;
    let end = Instant::now() + api.settings.upload_within;
    loop {
        let piece = match timeout_at(end, timeout(IDLE, body.next())).await {
            Ok(Ok(piece)) => piece,
            Ok(Err(_elapsed)) => return Err(given_up("upload_idle", "the upload stood still")),
            // However little is missing: bytes that trickle in hold a place as long as they do.
            Err(_elapsed) => return Err(given_up("upload_slow", "the upload took too long")),
        };
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|why| cut_off(&why))?;
        most.check(incoming.size().saturating_add(piece.len() as u64))?;
        incoming.write(&piece).await.map_err(|why| refusal(&why))?;
    }
    if incoming.size() == 0 {
        let refusal = Refusal::new(ErrorCode::Invalid, "the file is empty");
        return Err(refusal.because("empty_file").into());
    }
    Ok(incoming)
}

fn given_up(reason: &'static str, why: &str) -> ApiError {
    Refusal::new(ErrorCode::BadRequest, why).because(reason).into()
}

fn cut_off(why: &PayloadError) -> ApiError {
    tracing::debug!("an upload was cut off: {why}");
    ApiError::new(ErrorCode::BadRequest, "the upload was cut off")
}

/// Keeps what was looked at. The row is there first: bytes that no row knows would never go.
async fn keep(
    api: &Api,
    room: RoomId,
    caller: Caller,
    name: &FileName,
    looked: &Looked,
) -> Result<FileItem, ApiError> {
    let blob = secret::unguessable()?;
    let bytes = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
    let sides = looked.sides.map(|(width, height)| (i64::from(width), i64::from(height)));
    let new = NewFile {
        room,
        uploader: caller.user(),
        blob: &blob,
        name,
        mime: looked.mime,
        size: bytes(looked.size),
        sides,
        preview: looked.preview.map(|(mime, size)| (mime, bytes(size))),
        at: Millis::now(),
    };
    let id = api.store.add_file(new, api.settings.file_limits).await?.map_err(no_room)?;
    if let Err(why) = api.files.keep(looked, &blob).await {
        // The next sweep takes what is there of it.
        if let Err(why) = api.store.drop_file(id).await {
            tracing::warn!("a file that could not be kept is dropped later: {why}");
        }
        return Err(refusal(&why));
    }
    let (name, mime) = (name.as_str().to_owned(), looked.mime.to_owned());
    let has_preview = looked.preview.is_some();
    Ok(FileItem::from(&File { id, name, mime, size: bytes(looked.size), sides, has_preview }))
}

fn refusal(why: &FileError) -> ApiError {
    match why {
        FileError::Full => full().into(),
        FileError::Picture(bad) => {
            Refusal::new(ErrorCode::Invalid, bad.to_string()).because("bad_image").into()
        }
        FileError::Busy => {
            let refusal = Refusal::new(ErrorCode::Overloaded, "too many pictures at once");
            refusal.retry_in(Duration::from_secs(5)).into()
        }
        FileError::Missing | FileError::Disk(_) | FileError::Store(_) => {
            tracing::error!(source = ?std::error::Error::source(why), "a file cannot be kept: {why}");
            let refusal = Refusal::new(ErrorCode::Unavailable, "the file cannot be kept now");
            refusal.retry_in(Duration::from_secs(5)).into()
        }
    }
}
