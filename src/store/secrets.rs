//! Secrets that all nodes share.

use super::db::{execute, fetch_one};
use super::{Store, StoreError};

impl Store {
    /// Keeps `fresh` under a name that is new; gives what is kept, the same on every node.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn keep_secret(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut conn = self.db.write().await?;
        execute!(
            conn,
            "INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            name,
            fresh
        )?;
        // A second statement: only that sees what another node kept in the meantime.
        let (value,): (Vec<u8>,) =
            fetch_one!(conn, (Vec<u8>,), "SELECT value FROM secret WHERE name = $1", name)?;
        Ok(value)
    }
}
