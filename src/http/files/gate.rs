//! How many uploads at once: each holds a file that counts for no quota yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::UserId;
use crate::protocol::{ErrorCode, Refusal};

/// Uploads of one user.
const OF_ONE: usize = 4;
/// Uploads of all.
const OF_ALL: usize = 64;

/// Counts uploads. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Uploads(Arc<Mutex<HashMap<UserId, usize>>>);

/// An upload under way; dropped, it is counted no more.
#[derive(Debug)]
pub(super) struct Pass {
    uploads: Uploads,
    user: UserId,
}

impl Uploads {
    /// Lets one more begin.
    ///
    /// # Errors
    /// `rate_limited` when the user has enough under way, `overloaded` when all together have.
    pub(super) fn enter(&self, user: UserId) -> Result<Pass, Refusal> {
        let mut counts = self.counts();
        if counts.values().sum::<usize>() >= OF_ALL {
            let refusal = Refusal::new(ErrorCode::Overloaded, "too many uploads at once");
            return Err(refusal.retry_in(Duration::from_secs(5)));
        }
        let own = counts.entry(user).or_default();
        if *own >= OF_ONE {
            let refusal = Refusal::new(ErrorCode::RateLimited, "finish your other uploads first");
            return Err(refusal.because("uploads_at_once").retry_in(Duration::from_secs(1)));
        }
        *own += 1;
        Ok(Pass { uploads: self.clone(), user })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut counts = self.uploads.counts();
        if let Some(own) = counts.get_mut(&self.user) {
            *own -= 1;
            if *own == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_and_all_together_have_a_limit() {
        let uploads = Uploads::default();
        let code = |user: i64| uploads.enter(UserId(user)).map_err(|refusal| refusal.code);
        let mut passes: Vec<_> = (0..OF_ONE).map(|_| code(1).unwrap()).collect();
        assert_eq!(code(1).unwrap_err(), ErrorCode::RateLimited);
        passes.extend((2..).map_while(|user| code(user).ok()));
        assert_eq!(passes.len(), OF_ALL);
        assert_eq!(code(2).unwrap_err(), ErrorCode::Overloaded);
        drop(passes);
        assert!(code(1).is_ok() && uploads.counts().is_empty());
    }
}
