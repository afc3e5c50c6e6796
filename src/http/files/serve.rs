//! Files, given to who may read their room.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    self, Charset, ContentDisposition, ContentRange, ContentRangeSpec, DispositionParam,
    DispositionType, ETag, EntityTag, ExtendedValue,
};
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev, web};
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt, try_unfold};
use serde::Deserialize;
use utoipa::ToSchema;

use super::ranges::{Part, part};
use crate::domain::{DeviceId, FileId, Millis, UserId};
use crate::files::{Chunks, FileError, is_shown};
use crate::http::api::{self, Api};
use crate::http::caller::{Caller, bearer, caller};
use crate::http::error::ApiError;
use crate::http::json::Id;
use crate::http::secret;
use crate::protocol::ErrorCode;
use crate::store::KeptFile;

/// Whether a reader still may read is looked at again after so long, while a file is sent.
const LOOK: Duration = Duration::from_secs(1);
/// A file is nobody's page: it runs nothing, loads nothing and sends nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
/// Asked for again each time, so that who may not read any more gets nothing; what a browser has is
/// not sent twice.
const CACHE: &str = "private, no-cache";

/// Who opens a file: by a token, or by a key in the address.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Opener {
    user: UserId,
    device: DeviceId,
}

#[derive(Deserialize)]
struct InUrl {
    key: Option<String>,
}

impl FromRequest for Opener {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _body: &mut dev::Payload) -> Self::Future {
        let opener = opener(request);
        Box::pin(async move { opener })
    }
}

fn opener(request: &HttpRequest) -> Result<Opener, ApiError> {
    if bearer(request).is_some() {
        let Caller { claims } = caller(request)?;
        return Ok(Opener { user: claims.user, device: claims.device });
    }
    let api = api::of(request).ok_or(ApiError::Internal)?;
    let no = || ApiError::new(ErrorCode::Unauthorized, "an access token or a key is needed");
    let query = web::Query::<InUrl>::from_query(request.query_string());
    let key = query.ok().and_then(|query| query.into_inner().key).ok_or_else(no)?;
    let file = request.match_info().get("id").and_then(|id| id.parse().ok());
    let file: FileId = file.ok_or_else(ApiError::not_found)?;
    let known = api.tokens.files().check(&key, file, Millis::now());
    let (user, device) =
        known.filter(|(_, device)| !api.tokens.is_revoked(*device)).ok_or_else(no)?;
    api.throttle.request(user)?;
    Ok(Opener { user, device })
}

/// The bytes of a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(in crate::http) struct Content(());

/// A file as it was uploaded; a picture without what it tells about its maker.
#[utoipa::path(get, path = "/files/{id}/{name}", tag = "files",
    params(("id" = String, Path),
        ("name" = String, Path, description = "for people and for programs that save; anything"),
        ("key" = Option<String>, Query, description = "in place of a token"),
        ("range" = Option<String>, Header, description = "one range of bytes")),
    responses((status = 200, body = Content, content_type = "*/*"),
        (status = 206, description = "the range", body = Content, content_type = "*/*"),
        (status = 304, description = "the caller has it")))]
pub(in crate::http) async fn original(
    opener: Opener,
    request: HttpRequest,
    api: web::Data<Api>,
    Id(file): Id<FileId>,
) -> Result<HttpResponse, ApiError> {
    let kept = open(&api, file, opener.user).await?;
    let (mime, size) = (kept.file.mime.clone(), kept.file.size);
    answer(&request, api, opener, (&kept, false), (&mime, size)).await
}

/// The small copy of a picture.
#[utoipa::path(get, path = "/files/{id}/preview", tag = "files",
    params(("id" = String, Path),
        ("key" = Option<String>, Query, description = "in place of a token")),
    responses((status = 200, body = Content, content_type = "image/jpeg"),
        (status = 206, description = "the range", body = Content, content_type = "image/jpeg"),
        (status = 304, description = "the caller has it")))]
pub(in crate::http) async fn preview(
    opener: Opener,
    request: HttpRequest,
    api: web::Data<Api>,
    Id(file): Id<FileId>,
) -> Result<HttpResponse, ApiError> {
    let kept = open(&api, file, opener.user).await?;
    let (mime, size) = kept.preview.clone().ok_or_else(ApiError::not_found)?;
    answer(&request, api, opener, (&kept, true), (&mime, size)).await
}

async fn open(api: &Api, file: FileId, user: UserId) -> Result<KeptFile, ApiError> {
    api.store.open_file(file, user).await?.ok_or_else(ApiError::not_found)
}

async fn answer(
    request: &HttpRequest,
    api: web::Data<Api>,
    opener: Opener,
    (kept, is_preview): (&KeptFile, bool),
    (mime, size): (&str, i64),
) -> Result<HttpResponse, ApiError> {
    let size = u64::try_from(size).unwrap_or(0);
    // The key of the bytes never changes its bytes, and is nobody's business.
    let tag = secret::fingerprint(format!("{}/{is_preview}", kept.blob).as_bytes());
    let tag = EntityTag::new_strong(tag);
    let part = part(request, &tag, size);
    let mut response = HttpResponse::build(match &part {
        Part::NotModified => StatusCode::NOT_MODIFIED,
        Part::Whole => StatusCode::OK,
        Part::Some(_) => StatusCode::PARTIAL_CONTENT,
        Part::Unsatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
    });
    response
        .insert_header(ETag(tag))
        .insert_header((header::CACHE_CONTROL, CACHE))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header(disposition(&kept.file.name, mime));
    let range = match part {
        Part::NotModified => return Ok(response.finish()),
        Part::Unsatisfiable => {
            let spec = ContentRangeSpec::Bytes { range: None, instance_length: Some(size) };
            return Ok(response.insert_header(ContentRange(spec)).finish());
        }
        Part::Whole => 0..size,
        Part::Some(range) => {
            let ends = Some((range.start, range.end - 1));
            let spec = ContentRangeSpec::Bytes { range: ends, instance_length: Some(size) };
            response.insert_header(ContentRange(spec));
            range
        }
    };
    response.content_type(if mime == "text/plain" { "text/plain; charset=utf-8" } else { mime });
    let length = range.end - range.start;
    let chunks = api.files.read(&kept.blob, is_preview, range).await;
    let chunks = chunks.map_err(|why| unreadable(&why))?;
    let chunks = watched(api, opener, kept.file.id, chunks);
    Ok(response.body(SizedStream::new(length, chunks.boxed_local())))
}

/// How a file is shown or saved. Its name goes twice: in the old way without what that cannot
/// say, and in UTF-8.
fn disposition(name: &str, mime: &str) -> ContentDisposition {
    let disposition =
        if is_shown(mime) { DispositionType::Inline } else { DispositionType::Attachment };
    let plain = name.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '_' });
    let utf8 = ExtendedValue {
        charset: Charset::Ext("UTF-8".to_owned()),
        language_tag: None,
        value: name.as_bytes().to_vec(),
    };
    let parameters =
        vec![DispositionParam::Filename(plain.collect()), DispositionParam::FilenameExt(utf8)];
    ContentDisposition { disposition, parameters }
}

fn unreadable(why: &FileError) -> ApiError {
    match why {
        FileError::Missing => {
            tracing::error!("the bytes of a file are missing");
            ApiError::not_found()
        }
        other => {
            tracing::error!(source = ?std::error::Error::source(other), "a file cannot be read: {other}");
            ApiError::new(ErrorCode::Unavailable, "the file cannot be read now")
        }
    }
}

/// The bytes, as long as their reader may read them: who loses the room, or signs out, gets no
/// more of what is under way.
fn watched(
    api: web::Data<Api>,
    opener: Opener,
    file: FileId,
    chunks: Chunks,
) -> impl Stream<Item = Result<Bytes, FileError>> {
    let state = (api, chunks, Instant::now());
    try_unfold(state, move |(api, mut chunks, mut looked)| async move {
        if looked.elapsed() >= LOOK {
            let is_lost = api.tokens.is_revoked(opener.device)
                || !matches!(api.store.open_file(file, opener.user).await, Ok(Some(_)));
            if is_lost {
                return Err(FileError::Missing);
            }
            looked = Instant::now();
        }
        let chunk = chunks.next().await.transpose()?;
        Ok(chunk.map(|chunk| (chunk, (api, chunks, looked))))
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::TryIntoHeaderValue;

    use super::*;

    fn shown(name: &str, mime: &str) -> String {
        let value = disposition(name, mime).try_into_value().unwrap();
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_name_of_any_kind_fits_into_a_header() {
        assert_eq!(
            shown("a b.png", "image/png"),
            "inline; filename=\"a b.png\"; filename*=UTF-8''a%20b.png"
        );
        let korean = shown("회의록.pdf", "application/pdf");
        assert_eq!(
            korean,
            "attachment; filename=\"___.pdf\"; filename*=UTF-8''%ED%9A%8C%EC%9D%98%EB%A1%9D.pdf"
        );
        assert!(shown("a\";x=\"y", "text/html").starts_with("attachment; "));
    }
}
