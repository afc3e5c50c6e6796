//! Random secrets: refresh tokens, tickets, keys. Only their hashes are kept.

use std::fmt::Write;

use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::error::ApiError;

/// Bytes of a secret: 256 bits.
const BYTES: usize = 32;

/// A secret that was just made.
pub(super) struct Fresh {
    /// For the client.
    pub(super) text: String,
    /// For the store.
    pub(super) hash: Vec<u8>,
}

impl Fresh {
    /// Makes one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(super) fn make() -> Result<Self, ApiError> {
        let text = BASE64_URL_SAFE_NO_PAD.encode(random::<BYTES>()?);
        Ok(Self { hash: hash(&text), text })
    }
}

/// What the store keeps of a secret.
pub(super) fn hash(secret: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().to_vec()
}

/// The first bytes of a hash, for people: tells keys and files apart.
pub(super) fn fingerprint(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref().get(..8).unwrap_or_default())
}

/// An id for a call. It need not be unguessable, only its own.
pub(super) fn request_id() -> String {
    hex(&random::<8>().unwrap_or_default())
}

/// A name that nobody can guess: 256 bits in hexadecimal.
///
/// # Errors
/// When the system gives no randomness.
pub(super) fn unguessable() -> Result<String, ApiError> {
    Ok(hex(&random::<BYTES>()?))
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a string cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn random<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|why| ApiError::internal(&why))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_256_bits_and_is_never_the_same() {
        let (one, other) = (Fresh::make().unwrap(), Fresh::make().unwrap());
        assert_eq!(one.text.len(), 43);
        assert_ne!(one.text, other.text);
        assert_eq!(one.hash, hash(&one.text));
        assert_eq!(one.hash.len(), 32);
    }

    #[test]
    fn bytes_are_written_in_two_digits() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
        assert_eq!(request_id().len(), 16);
    }
}
