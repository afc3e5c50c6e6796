//! What an error of the database means to a caller.

use sqlx::Error;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

use super::StoreError;

/// What one error code says.
enum Verdict {
    /// The database or the way to it is at fault; the same statement may succeed later.
    Unavailable,
    /// A named rule of the schema refused the row.
    Constraint(String),
    /// The statement itself is at fault.
    Statement,
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let verdict = match &error {
            Error::Database(inner) => judge(inner.as_ref()),
            Error::Io(_)
            | Error::Tls(_)
            | Error::Protocol(_)
            | Error::PoolTimedOut
            | Error::PoolClosed
            | Error::WorkerCrashed => Verdict::Unavailable,
            _statement => Verdict::Statement,
        };
        match verdict {
            Verdict::Unavailable => Self::Unavailable(error),
            Verdict::Constraint(constraint) => Self::Conflict { constraint },
            Verdict::Statement => Self::Statement(error),
        }
    }
}

impl StoreError {
    /// Whether the transaction was ended for the sake of another: the same once more may well go
    /// through.
    pub(super) fn is_rolled_back(&self) -> bool {
        let error = match self {
            Self::Overtaken => return true,
            Self::Unavailable(Error::Database(error)) => error,
            _other => return false,
        };
        let postgres = error.try_downcast_ref::<PgDatabaseError>();
        // A deadlock, or "55P03 lock_not_available": it would not wait.
        postgres.is_some_and(|error| error.code().starts_with("40") || error.code() == "55P03")
    }
}

fn judge(error: &dyn DatabaseError) -> Verdict {
    if let Some(sqlite) = error.try_downcast_ref::<SqliteError>() {
        judge_sqlite(sqlite)
    } else if let Some(postgres) = error.try_downcast_ref::<PgDatabaseError>() {
        judge_postgres(postgres)
    } else {
        Verdict::Statement
    }
}

/// The primary code is the low byte of the extended one.
pub(super) fn sqlite_primary_code(error: &SqliteError) -> i64 {
    error.code().and_then(|code| code.parse::<i64>().ok()).unwrap_or(0) & 0xff
}

fn judge_sqlite(error: &SqliteError) -> Verdict {
    match sqlite_primary_code(error) {
        // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB
        5 | 6 | 7 | 8 | 9 | 10 | 11 | 13 | 14 | 15 | 26 => Verdict::Unavailable,
        // CONSTRAINT: "UNIQUE constraint failed: account.username_key"
        19 => {
            let message = error.message();
            let name = message.split_once("failed: ").map_or(message, |(_kind, name)| name);
            Verdict::Constraint(name.to_owned())
        }
        _own_fault => Verdict::Statement,
    }
}

fn judge_postgres(error: &PgDatabaseError) -> Verdict {
    match error.code().get(..2) {
        // Connection, transaction rolled back (deadlock), resources, locks, operator, system.
        Some("08" | "40" | "53" | "55" | "57" | "58") => Verdict::Unavailable,
        // "25006 read_only_sql_transaction": a standby, or a disk that the operator has closed.
        Some("25") if error.code() == "25006" => Verdict::Unavailable,
        Some("23") => Verdict::Constraint(error.constraint().unwrap_or_default().to_owned()),
        _own_fault => Verdict::Statement,
    }
}
