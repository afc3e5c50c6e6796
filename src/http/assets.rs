//! The page: the files of `web/`, inside the program, prepared once at start.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io::Write;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::api::Api;
use super::error::ApiError;
use super::secret;

#[derive(rust_embed::Embed)]
#[folder = "web"]
struct Files;

/// The page of the client.
const INDEX: &str = "index.html";

struct Asset {
    content_type: &'static str,
    plain: Variant,
    /// Only where it is smaller.
    gzip: Option<Variant>,
}

struct Variant {
    body: Bytes,
    etag: String,
}

/// The files of the page, ready to send.
pub struct Assets(HashMap<String, Asset>);

impl Assets {
    /// Takes the files out of the program and compresses them.
    #[must_use]
    pub fn load() -> Self {
        let files = Files::iter().filter(|path| !is_hidden(path));
        let prepared = files.filter_map(|path| {
            let file = Files::get(&path)?;
            let etag = secret::hex(&file.metadata.sha256_hash());
            Some((path.to_string(), Asset::prepare(content_type(&path)?, file.data.into(), &etag)))
        });
        Self(prepared.collect())
    }

    fn find(&self, path: &str) -> Option<&Asset> {
        let name = match path.strip_prefix('/')? {
            "" => INDEX,
            // Links from notifications, and what admins see; the page finds its way by itself.
            name if name.starts_with("rooms/") || name == "admin/actors" => INDEX,
            name => name,
        };
        self.0.get(name)
    }
}

impl Asset {
    fn prepare(content_type: &'static str, body: Vec<u8>, etag: &str) -> Self {
        let gzip = compressed(&body)
            .filter(|small| small.len() < body.len())
            .map(|small| Variant { body: small.into(), etag: format!("\"{etag}-gzip\"") });
        let plain = Variant { body: body.into(), etag: format!("\"{etag}\"") };
        Self { content_type, plain, gzip }
    }
}

fn compressed(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// Dot files are an editor's or a system's, not the page's.
fn is_hidden(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.'))
}

/// The content type by ending; files of other kinds are not served.
fn content_type(path: &str) -> Option<&'static str> {
    let (_name, ending) = path.rsplit_once('.')?;
    Some(match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _unknown => return None,
    })
}

/// A file of the page.
#[expect(clippy::needless_pass_by_value, reason = "a handler owns what it is called with")]
pub(super) fn file(
    request: HttpRequest,
    api: web::Data<Api>,
) -> Ready<Result<HttpResponse, ApiError>> {
    let asset = api.assets.find(request.path()).ok_or_else(ApiError::not_found);
    ready(asset.map(|asset| answer(&request, asset)))
}

fn answer(request: &HttpRequest, asset: &Asset) -> HttpResponse {
    let gzip = asset.gzip.as_ref().filter(|_gzip| takes_gzip(request));
    let variant = gzip.unwrap_or(&asset.plain);
    let is_known = is_known(request, &variant.etag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::ETAG, variant.etag.as_str()))
        // Kept by the browser, asked for again each time: a new version is seen at once.
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::VARY, "accept-encoding"));
    if is_known {
        return response.finish();
    }
    if gzip.is_some() {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    response.content_type(asset.content_type).body(variant.body.clone())
}

fn values<'a>(
    request: &'a HttpRequest,
    name: &header::HeaderName,
) -> impl Iterator<Item = &'a str> {
    let lines = request.headers().get_all(name).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// RFC 9110, section 13.1.2: compared weakly.
fn is_known(request: &HttpRequest, etag: &str) -> bool {
    values(request, &header::IF_NONE_MATCH)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
}

/// RFC 9110, section 12.5.3: named, and not with weight zero.
fn takes_gzip(request: &HttpRequest) -> bool {
    values(request, &header::ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(1.0, |q| q.parse().unwrap_or(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && weight > 0.0_f32
    })
}

/// Where the documentation of the calls is.
pub(super) fn to_docs() -> Ready<HttpResponse> {
    let place = HeaderValue::from_static("/v1/docs/");
    ready(HttpResponse::PermanentRedirect().insert_header((header::LOCATION, place)).finish())
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::TestRequest;

    use super::*;

    fn get(asset: &Asset, headers: &[(&'static str, &str)]) -> HttpResponse {
        let request = headers.iter().fold(TestRequest::get(), |r, h| r.insert_header(*h));
        answer(&request.to_http_request(), asset)
    }

    fn header(response: &HttpResponse, name: &str) -> String {
        response.headers().get(name).map_or_else(String::new, |v| v.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_page_is_inside() {
        let assets = Assets::load();
        assert!(assets.find("/").is_some());
        assert!(assets.find("/rooms/r_1").is_some());
        assert!(assets.find("/admin/actors").is_some());
        assert!(assets.find("/admin/else").is_none());
        assert_eq!(
            assets.find("/js/app.js").unwrap().content_type,
            "text/javascript; charset=utf-8"
        );
        assert!(assets.find("/js/../index.html").is_none());
        assert!(assets.find("/nothing").is_none());
        assert!(assets.find("nothing").is_none());
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let asset = Asset::prepare("text/css", vec![b'x'; 1_000], "ab");
        let fresh = get(&asset, &[]);
        assert_eq!(header(&fresh, "etag"), "\"ab\"");
        assert_eq!(header(&fresh, "content-encoding"), "");
        for known in ["\"ab\"", "W/\"ab\"", "\"cd\", \"ab\"", "*"] {
            let response = get(&asset, &[("if-none-match", known)]);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(get(&asset, &[("if-none-match", "\"cd\"")]).status(), StatusCode::OK);
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let asset = Asset::prepare("text/css", vec![b'x'; 1_000], "ab");
        let coding =
            |accepted| header(&get(&asset, &[("accept-encoding", accepted)]), "content-encoding");
        assert_eq!(coding("gzip, br"), "gzip");
        assert_eq!(coding("br;q=1.0, GZIP;q=0.5"), "gzip");
        assert_eq!(coding("gzip;q=0"), "");
        assert_eq!(coding("br"), "");
        let known = [("accept-encoding", "gzip"), ("if-none-match", "\"ab-gzip\"")];
        assert_eq!(get(&asset, &known).status(), StatusCode::NOT_MODIFIED);
        let tiny = Asset::prepare("text/css", b"x".to_vec(), "ab");
        assert!(tiny.gzip.is_none());
    }

    #[test]
    fn hidden_and_unknown_files_are_not_served() {
        assert!(is_hidden(".DS_Store"));
        assert!(is_hidden("js/.secret/app.js"));
        assert!(!is_hidden("js/app.js"));
        assert_eq!(content_type("notes.txt"), None);
        assert_eq!(content_type("Makefile"), None);
    }
}
