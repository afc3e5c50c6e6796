//! What SQLite's files forget. What was deleted is written over in the pages of the database
//! (`secure_delete`); the write-ahead log holds what pages were before, until it is written over itself.

use super::db::Sql;
use super::{Store, StoreError};

/// Gives way at once to whoever reads from the log: the next try comes.
const EMPTY: Sql = Sql {
    sqlite: "PRAGMA busy_timeout = 20; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout = 5000;",
    postgres: "",
};

impl Store {
    /// Empties the write-ahead log of SQLite unless somebody reads from it just now. PostgreSQL looks
    /// after its own.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn empty_wal(&self) -> Result<(), StoreError> {
        if self.db.is_sqlite() { self.db.write().await?.command(EMPTY).await } else { Ok(()) }
    }
}
