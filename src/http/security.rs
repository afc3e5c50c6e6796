//! What browsers may do with our answers.

use actix_cors::Cors;
use actix_web::http::{Method, header};
use actix_web::middleware::{Condition, DefaultHeaders};

use super::api::ApiSettings;

/// The page loads its own files, talks to its own server, and is nobody's frame.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; media-src 'self'; connect-src 'self' ws: wss:; font-src 'self'; manifest-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The page of the calls sets styles on its elements.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
    font-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What the page never needs.
const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=()";

/// How long a browser may remember what another origin is allowed.
const PREFLIGHT_SECONDS: usize = 600;

/// The headers of every answer that does not say otherwise. Answers are for their asker alone:
/// what may be kept says so itself.
pub(super) const fn headers() -> [(&'static str, &'static str); 7] {
    [
        ("content-security-policy", PAGE_POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("permissions-policy", PERMISSIONS),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ]
}

/// Puts [`headers`] on the answers.
pub(super) fn everywhere() -> DefaultHeaders {
    headers().into_iter().fold(DefaultHeaders::new(), DefaultHeaders::add)
}

/// The looser policy of the documentation page; wrapped inside, it wins.
pub(super) fn docs() -> DefaultHeaders {
    DefaultHeaders::new().add(("content-security-policy", DOCS_POLICY))
}

/// Which other origins may call from a browser. There are no cookies here: a call is who its
/// token says.
pub(super) fn origins(settings: &ApiSettings) -> Condition<Cors> {
    let cors = Cors::default()
        .allowed_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT])
        .allowed_header("last-event-id")
        .allowed_header("idempotency-key")
        .expose_headers(["x-request-id", "retry-after"])
        .max_age(PREFLIGHT_SECONDS);
    let named = || settings.allowed_origins.iter().chain(&settings.public_url);
    let cors = named().fold(cors, |cors, origin| match origin.as_str() {
        "*" => cors.send_wildcard().allow_any_origin(),
        origin => cors.allowed_origin(origin.trim_end_matches('/')),
    });
    Condition::new(named().next().is_some(), cors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_inline_script_runs_anywhere() {
        for policy in [PAGE_POLICY, DOCS_POLICY] {
            let script = policy.split(';').find(|part| part.trim().starts_with("script-src"));
            assert_eq!(script.map(str::trim), Some("script-src 'self'"));
            assert!(policy.contains("default-src 'none'"));
            assert!(!policy.contains("  "), "{policy}");
        }
        assert!(!PAGE_POLICY.contains("unsafe"));
    }
}
