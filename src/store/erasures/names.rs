//! Names of accounts that were erased: held for a while, so that nobody takes the place of somebody
//! who has just gone.

use std::time::Duration;

use crate::domain::Millis;
use crate::store::db::{execute, fetch_one};
use crate::store::{Store, StoreError};

/// So long a name is held.
const HELD: Duration = Duration::from_secs(30 * 24 * 3_600);

impl Store {
    /// Whether a lower-case username is somebody's, or was until a while ago.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn name_is_held(&self, key: &str) -> Result<bool, StoreError> {
        let mut conn = self.db.read().await?;
        let (is_held,): (bool,) = fetch_one!(
            conn,
            (bool,),
            "SELECT EXISTS (SELECT 1 FROM account WHERE username_key = $1)",
            key
        )?;
        Ok(is_held)
    }

    /// Lets go of the names of accounts that were erased long ago; tells how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn free_names(&self, now: Millis) -> Result<u64, StoreError> {
        let held_ms = i64::try_from(HELD.as_millis()).unwrap_or(i64::MAX);
        // No name that can be given has a colon.
        let mut conn = self.db.write().await?;
        execute!(
            conn,
            "UPDATE account SET username_key = 'deleted:' || user_id
              WHERE deleted_at < $1 AND username_key <> 'deleted:' || user_id",
            now.0.saturating_sub(held_ms)
        )
    }
}
