//! Keys: what lets one user open one file for a while, by its address alone.
//!
//! A page shows a picture by an address, and no header goes with that. A ticket would have to be
//! asked for and stored each time; a token in an address opens everything. So the page asks for a
//! key: it is signed, bound to the user, the sign-in and the file, and runs out within a quarter of
//! an hour. It says who asks and nothing more: whether that user may read the room is asked of the
//! store at each call, and a sign-in that has ended opens nothing.

use std::time::Duration;

use actix_web::web;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{DeviceId, FileId, Millis, UserId};
use crate::http::api::Api;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::json::{Body, Fields};
use crate::http::wrong::Wrong;

/// A key holds for this at least, and for three times as long at most.
const LEAST: Duration = Duration::from_secs(5 * 60);
/// Keys of one window are the same, so that a browser finds again what it has.
const WINDOW: Duration = Duration::from_secs(10 * 60);
/// Files that one call asks for.
const MOST: usize = 100;
/// Bytes of user, sign-in and end.
const CLAIMS: usize = 24;
/// Bytes of the signature that are kept: 128 bits.
const SEAL: usize = 16;
/// Tells these signatures from others that are made with the same secret.
const PURPOSE: &[u8] = b"moim file keys";

/// Signs and checks keys.
pub(in crate::http) struct FileKeys(hmac::Key);

impl FileKeys {
    /// `secret` is the one of the tokens, which all nodes share.
    pub(in crate::http) fn new(secret: &[u8]) -> Self {
        let own = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), PURPOSE);
        Self(hmac::Key::new(hmac::HMAC_SHA256, own.as_ref()))
    }

    /// A key, and until when it holds.
    fn make(&self, caller: Caller, file: FileId, now: Millis) -> (String, Millis) {
        let window = i64::try_from(WINDOW.as_millis()).unwrap_or(i64::MAX);
        let until = Millis((now.plus(LEAST).0 / window + 1) * window);
        let mut bytes = claims(caller.user(), caller.device(), until).to_vec();
        bytes.extend_from_slice(&self.seal(&bytes, file));
        (BASE64_URL_SAFE_NO_PAD.encode(bytes), until)
    }

    /// Whose key this is, if it is one for this file that holds.
    pub(super) fn check(&self, key: &str, file: FileId, now: Millis) -> Option<(UserId, DeviceId)> {
        let mut bytes = [0; CLAIMS + SEAL];
        let length = BASE64_URL_SAFE_NO_PAD.decode_slice(key, &mut bytes).ok()?;
        let (claims, seal) = bytes.get(..length)?.split_first_chunk::<CLAIMS>()?;
        let is_sealed = aws_lc_rs::constant_time::verify_slices_are_equal;
        is_sealed(seal, &self.seal(claims, file)).ok()?;
        let (user, rest) = claims.split_first_chunk::<8>()?;
        let (device, until) = rest.split_first_chunk::<8>()?;
        let until = i64::from_be_bytes(until.try_into().ok()?);
        let who = (UserId(i64::from_be_bytes(*user)), DeviceId(i64::from_be_bytes(*device)));
        (until > now.0).then_some(who)
    }

    fn seal(&self, claims: &[u8], file: FileId) -> [u8; SEAL] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(claims);
        context.update(&file.0.to_be_bytes());
        let seal = context.sign();
        seal.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

fn claims(user: UserId, device: DeviceId, until: Millis) -> [u8; CLAIMS] {
    let mut claims = [0; CLAIMS];
    let parts = [user.0, device.0, until.0].map(i64::to_be_bytes);
    claims.copy_from_slice(parts.as_flattened());
    claims
}

/// Files to open by their addresses.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct KeysBody {
    /// Ids of files, at most 100.
    #[serde(default)]
    #[schema(required = true, value_type = Vec<String>, max_items = 100, example = json!(["fi_7"]))]
    ids: Option<Vec<String>>,
}

/// Keys for them.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Keys {
    /// In the order of the ids.
    items: Vec<FileKey>,
    /// For how many seconds they hold.
    expires_in: i64,
}

/// A key.
#[derive(Serialize, ToSchema)]
struct FileKey {
    /// The file.
    #[schema(value_type = String, example = "fi_7")]
    id: FileId,
    /// To be put behind `url` or `preview_url`, as `?key=`.
    key: String,
}

/// Keys for files, so that a page can show them by their addresses.
#[utoipa::path(post, path = "/v1/files/keys", tag = "files", request_body = KeysBody,
    responses((status = 200, body = Keys)))]
pub(in crate::http) async fn keys(
    caller: Caller,
    api: web::Data<Api>,
    body: Body<KeysBody>,
) -> Result<web::Json<Keys>, ApiError> {
    let mut fields = Fields::default();
    let asked =
        fields.take("ids", body.ids.as_ref().ok_or_else(|| Wrong::new("needed", "is required")));
    let ids: Result<Vec<FileId>, _> = asked.into_iter().flatten().map(|id| id.parse()).collect();
    let ids = fields.take("ids", ids).unwrap_or_default();
    if ids.len() > MOST {
        fields.take("ids", Err::<(), _>(Wrong::too_many(MOST)));
    }
    fields.check()?;
    let now = Millis::now();
    let mut until = now.plus(LEAST);
    let mut items = Vec::with_capacity(ids.len());
    for id in ids {
        let (key, end) = api.tokens.files().make(caller, id, now);
        until = end;
        items.push(FileKey { id, key });
    }
    Ok(web::Json(Keys { items, expires_in: (until.0 - now.0) / 1_000 }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::actors::Claims;

    fn signer() -> FileKeys {
        FileKeys::new(b"a key of thirty-two bytes, no less")
    }

    fn caller() -> Caller {
        Caller {
            claims: Claims {
                user: UserId(7),
                device: DeviceId(3),
                until: Millis(0),
                is_bots: false,
            },
        }
    }

    const NOW: Millis = Millis(1_766_000_000_000);

    #[test]
    fn a_key_opens_its_file_for_its_user_and_a_while() {
        let (key, until) = signer().make(caller(), FileId(9), NOW);
        assert_eq!(signer().check(&key, FileId(9), NOW), Some((UserId(7), DeviceId(3))));
        assert_eq!(signer().check(&key, FileId(10), NOW), None);
        assert_eq!(signer().check(&key, FileId(9), until), None);
        let life = until.0 - NOW.0;
        assert!((5 * 60_000..=15 * 60_000).contains(&life), "{life}");
        let other = FileKeys::new(b"another key of thirty-two bytes, too");
        assert_eq!(other.check(&key, FileId(9), NOW), None);
        assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    }

    #[test]
    fn keys_of_one_window_are_the_same() {
        let key = |ms: i64| signer().make(caller(), FileId(9), Millis(NOW.0 + ms)).0;
        let begin = 600_000 - NOW.0 % 600_000;
        assert_eq!(key(begin), key(begin + 299_000));
        assert_ne!(key(begin), key(begin + 600_000));
    }

    proptest! {
        #[test]
        fn no_other_bytes_are_a_key(
            at in 0..40_usize, byte in 1..=255_u8, text in "[A-Za-z0-9_-]{0,60}"
        ) {
            let (key, _) = signer().make(caller(), FileId(9), NOW);
            let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&key).unwrap();
            bytes[at] ^= byte;
            let forged = BASE64_URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(signer().check(&forged, FileId(9), NOW), None);
            prop_assert_eq!(signer().check(&text, FileId(9), NOW), None);
        }
    }
}
