//! What can go wrong below.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A named constraint or unique index refused the row; the caller knows what that means.
    #[error("constraint {constraint:?} refused the row")]
    Conflict {
        /// Name of the constraint (SQLite: `table.column, …` of the unique index).
        constraint: String,
    },
    /// The database cannot be reached, is full, or failed to read or write: try again later.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// Another transaction was faster, and this one was built on what was before: it was rolled back,
    /// and finds the truth when it is done again.
    #[error("another transaction was faster")]
    Overtaken,
    /// A statement failed for a reason of its own: a defect, or a value that cannot be stored.
    #[error("a statement failed")]
    Statement(#[source] sqlx::Error),
    /// A row holds what no version of this program wrote.
    #[error("a row could not be read: {0}")]
    Corrupt(String),
}

/// Why a database could not be opened: each in one line that an operator can act on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or file cannot be made, read or written.
    #[error("cannot use the data file {}: {why}", path.display())]
    File {
        /// The data file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The file is something else.
    #[error("{} is not a SQLite database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// An engine with known defects, or without what is needed here.
    #[error("{engine} {found} is too old: {least} or newer is needed")]
    TooOld {
        /// `SQLite` or `PostgreSQL`.
        engine: &'static str,
        /// The version that is there.
        found: String,
        /// The oldest version that works.
        least: &'static str,
    },
    /// The URL cannot be read. It is not repeated, for it may hold a password.
    #[error("the database URL cannot be read: {0}")]
    Url(String),
    /// Nobody answers.
    #[error("the PostgreSQL server at {server} does not answer")]
    Unreachable {
        /// Host and port, or the folder of the socket.
        server: String,
    },
    /// The server answers, with no.
    #[error("the PostgreSQL server at {server} refused: {why}")]
    Refused {
        /// Host and port, or the folder of the socket.
        server: String,
        /// What it said.
        why: String,
    },
    /// A database that cannot hold every text.
    #[error("the PostgreSQL database must be encoded as UTF8, not as {0}")]
    Encoding(String),
    /// Migrations that this program does not know have run.
    #[error("the database was made by a newer version of this program (migration {0})")]
    Newer(i64),
    /// A migration is not what ran on this database.
    #[error("the database was made by another build of this program (migration {0} differs)")]
    Foreign(i64),
    /// A migration failed.
    #[error("a migration of the database failed")]
    Migration(#[source] MigrateError),
    /// Anything else.
    #[error("the database cannot be opened")]
    Other(#[source] sqlx::Error),
}
