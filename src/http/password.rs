//! Passwords: argon2id, as many at a time as there are cores; a few wait for one, none for long.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::error::ApiError;
use crate::domain::Password;
use crate::protocol::{ErrorCode, Refusal};

/// Passes over the memory.
const PASSES: u32 = 2;
/// Lanes; each hash has one thread.
const LANES: u32 = 1;
/// Whoever waits longer for a core is sent away.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many may wait for each core: what it does in some seconds. Each holds its connection and its
/// request, and would give up before its turn came if there were more before it.
const WAITING: usize = 64;
/// When those who found no place come again.
const RETRY: Duration = Duration::from_secs(2);

/// The cost of a hash is not one that argon2 knows.
#[derive(Debug, thiserror::Error)]
#[error("passwords cannot be hashed with {memory_kib} KiB of memory: {why}")]
pub struct UnusableCost {
    memory_kib: u32,
    why: String,
}

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    hasher: Argon2<'static>,
    cores: Arc<Semaphore>,
    /// Of those who are at a core, and those who wait for one.
    places: Arc<Semaphore>,
    /// A hash of nobody's password, so that an unknown name takes as long as a known one.
    nobody: Arc<str>,
}

impl Passwords {
    /// With this much memory for each hash.
    ///
    /// # Errors
    /// When argon2 does not work with so little or so much.
    pub fn new(memory_kib: u32) -> Result<Self, UnusableCost> {
        let unusable = |why: String| UnusableCost { memory_kib, why };
        let params = Params::new(memory_kib, PASSES, LANES, None)
            .map_err(|why| unusable(why.to_string()))?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&hasher, b"nobody").map_err(|why| unusable(why.to_string()))?;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let places = Arc::new(Semaphore::new(cores * (1 + WAITING)));
        let cores = Arc::new(Semaphore::new(cores));
        Ok(Self { hasher, cores, places, nobody: nobody.into() })
    }

    /// The hash of a new password, with its salt and cost.
    ///
    /// # Errors
    /// `overloaded` when too many wait.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, ApiError> {
        let hasher = self.hasher.clone();
        let hashed = self.on_a_core(move || hash(&hasher, password.as_bytes())).await?;
        hashed.map_err(|why| ApiError::internal(&why))
    }

    /// Whether this is the password behind a hash. Without a hash the answer is no, and takes as
    /// long.
    ///
    /// # Errors
    /// `overloaded` when too many wait.
    pub(super) async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, ApiError> {
        let hasher = self.hasher.clone();
        let nobody = Arc::clone(&self.nobody);
        let is_known = hash.is_some();
        let is_right = move || {
            let hash = PasswordHash::new(hash.as_deref().unwrap_or(&nobody))?;
            Ok::<_, argon2::password_hash::phc::Error>(
                hasher.verify_password(password.as_bytes(), &hash).is_ok(),
            )
        };
        let is_right = self.on_a_core(is_right).await?.map_err(|why| ApiError::internal(&why))?;
        Ok(is_known && is_right)
    }

    async fn on_a_core<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_full| overloaded())?;
        let core = Arc::clone(&self.cores).acquire_owned();
        let core = match tokio::time::timeout(PATIENCE, core).await {
            Ok(Ok(core)) => core,
            Ok(Err(_closed)) => return Err(overloaded()),
            Err(_elapsed) => return Err(overloaded()),
        };
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            // Held by the work, not by the caller: one who hangs up does not make room early.
            drop((core, place));
            done
        });
        done.await.map_err(|why| ApiError::internal(&why))
    }
}

fn overloaded() -> ApiError {
    Refusal::new(ErrorCode::Overloaded, "too many sign in at once").retry_in(RETRY).into()
}

fn hash(hasher: &Argon2<'_>, password: &[u8]) -> Result<String, argon2::password_hash::Error> {
    Ok(hasher.hash_password(password)?.to_string())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let passwords = Passwords::new(64).unwrap();
        let password = Password::parse("correct horse", "mina").unwrap();
        let hash = passwords.hash(password).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=2,p=1$"), "{hash}");
        let says = async |raw: &str, hash: Option<&String>| {
            passwords.verify(raw.to_owned(), hash.cloned()).await.unwrap()
        };
        assert!(says("correct horse", Some(&hash)).await);
        assert!(!says("wrong horse", Some(&hash)).await);
        assert!(!says("correct horse", None).await);
        assert!(!says("nobody", None).await);
    }

    #[tokio::test]
    async fn who_finds_no_place_to_wait_is_sent_away_at_once() {
        let passwords = Passwords::new(64).unwrap();
        let cores = u32::try_from(passwords.cores.available_permits()).unwrap();
        let busy = Arc::clone(&passwords.cores).acquire_many_owned(cores).await.unwrap();
        let places = passwords.places.available_permits();
        let verify = || passwords.verify("correct horse".to_owned(), None);
        let mut waiting: Vec<_> = (0..places).map(|_| Box::pin(verify())).collect();
        for one in &mut waiting {
            assert!(one.now_or_never().is_none());
        }
        let refused = verify().await;
        let Err(ApiError::Refused(refusal)) = refused else { panic!("{refused:?}") };
        assert_eq!(refusal.code, ErrorCode::Overloaded);
        assert_eq!(refusal.retry_ms, Some(2_000));
        // Who hangs up gives the place to another, and all who wait have their turn.
        waiting.truncate(1);
        let late = verify();
        drop(busy);
        for one in waiting {
            assert!(!one.await.unwrap());
        }
        assert!(!late.await.unwrap());
        assert_eq!(passwords.places.available_permits(), places);
    }

    #[test]
    fn an_unusable_cost_is_told() {
        assert!(Passwords::new(0).is_err());
    }
}
