//! How many sessions each user has. Outlives the presence.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::UserId;

/// Sessions per user; shared by all workers, so that the limit holds over the node.
#[derive(Clone, Default)]
pub(super) struct Census(Arc<Mutex<HashMap<UserId, u32>>>);

impl Census {
    /// Counts a session in, if the user may have one more.
    pub(super) fn admit(&self, user: UserId, most: u32) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(user).or_insert(0);
        let may = *count < most;
        *count += u32::from(may);
        may
    }

    /// Counts a session out; gives how many are left.
    pub(super) fn release(&self, user: UserId) -> u32 {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = counts.get(&user).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            counts.remove(&user);
        } else {
            counts.insert(user, left);
        }
        left
    }

    /// Everyone with a session.
    pub(super) fn users(&self) -> Vec<UserId> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.keys().copied().collect()
    }

    /// Sessions of a user.
    pub(super) fn counts(&self, user: UserId) -> u32 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&user).copied().unwrap_or(0)
    }
}
