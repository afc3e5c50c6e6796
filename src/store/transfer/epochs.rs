//! New lives for all logs, after a backup was put back.

use crate::store::db::{Sql, execute};
use crate::store::{Store, StoreError};

impl Store {
    /// Gives the log of every room and inbox a new life: after a backup was put back, positions of
    /// clients are of a future that did not happen. Tells how many. For a server that does not run.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn renew_epochs(&self) -> Result<u64, StoreError> {
        const ROOMS: Sql = Sql {
            sqlite: "UPDATE room SET epoch = lower(hex(randomblob(6)))",
            postgres: "UPDATE room SET epoch = substr(replace(gen_random_uuid()::text, '-', ''), 1, 12)",
        };
        const INBOXES: Sql = Sql {
            sqlite: "UPDATE inbox SET epoch = lower(hex(randomblob(6)))",
            postgres: "UPDATE inbox SET epoch = substr(replace(gen_random_uuid()::text, '-', ''), 1, 12)",
        };
        let mut conn = self.db.write().await?;
        Ok(execute!(conn, ROOMS)? + execute!(conn, INBOXES)?)
    }
}
