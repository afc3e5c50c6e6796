//! The two engines behind one face.
//!
//! A function of the store writes its SQL once, with `$1`, and runs it by one of the macros below
//! on whatever engine is there. Where the texts must differ, [`Sql`] holds both.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{FromRow, Postgres, Sqlite};

use super::StoreError;
use super::given::Script;
use super::kept::{Held, Kept};

/// The database, and how many statements it was sent.
#[derive(Debug, Clone)]
pub(super) struct Db {
    pub(super) pools: Pools,
    statements: Arc<AtomicU64>,
}

/// The pools of one engine.
#[derive(Debug, Clone)]
pub(super) enum Pools {
    /// One writing connection and several that only read.
    Sqlite { writer: Kept<Sqlite>, reader: Kept<Sqlite> },
    /// Two pools, so that reads can never keep the journal waiting for a connection.
    Postgres { writer: Kept<Postgres>, reader: Kept<Postgres> },
}

impl Db {
    pub(super) fn new(pools: Pools) -> Self {
        Self { pools, statements: Arc::default() }
    }

    /// Statements sent since the start.
    pub(super) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// A connection for statements that only read.
    pub(super) async fn read(&self) -> Result<Conn, StoreError> {
        Ok(self.counted(match &self.pools {
            Pools::Sqlite { reader, .. } => Engine::Sqlite(reader.acquire().await?),
            Pools::Postgres { reader, .. } => Engine::Postgres(reader.acquire().await?),
        }))
    }

    /// A connection for one writing statement, which is its own transaction.
    pub(super) async fn write(&self) -> Result<Conn, StoreError> {
        Ok(self.counted(match &self.pools {
            Pools::Sqlite { writer, .. } => Engine::Sqlite(writer.acquire().await?),
            Pools::Postgres { writer, .. } => Engine::Postgres(writer.acquire().await?),
        }))
    }

    fn counted(&self, engine: Engine) -> Conn {
        Conn { engine, statements: Arc::clone(&self.statements) }
    }

    pub(super) const fn is_sqlite(&self) -> bool {
        matches!(self.pools, Pools::Sqlite { .. })
    }

    /// A transaction that only reads: its statements see one moment.
    pub(super) async fn begin_reading(&self) -> Result<Tx, StoreError> {
        let mut tx = Tx { conn: self.read().await?, is_open: true };
        let begin =
            Sql { sqlite: "BEGIN", postgres: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
        tx.command(begin).await?;
        Ok(tx)
    }

    /// A transaction that writes. On SQLite it holds the write lock from its first moment: one that
    /// turned to writing later would be refused at once instead of waiting.
    pub(super) async fn begin(&self) -> Result<Tx, StoreError> {
        let mut tx = Tx { conn: self.write().await?, is_open: true };
        let begin =
            Sql { sqlite: "BEGIN IMMEDIATE", postgres: "BEGIN ISOLATION LEVEL READ COMMITTED" };
        tx.command(begin).await?;
        Ok(tx)
    }

    /// The transaction that a script is by itself: one call on PostgreSQL, and on SQLite if the
    /// script is small. The first statement returns rows; on PostgreSQL they have the first name of
    /// `rows` for the others, which see nothing else of what it did, and the second is a query for
    /// what the caller gets.
    ///
    /// # Errors
    /// Then nothing is kept, unless the connection was lost within.
    pub(super) async fn commit<R: Row>(
        &self,
        script: Script<'_>,
        rows: (&str, &str),
    ) -> Result<Vec<R>, StoreError> {
        let mut tx = Tx { conn: self.write().await?, is_open: true };
        tx.counts(if self.is_sqlite() { 2 } else { 0 });
        let done = script.run_as_transaction(&mut tx, rows).await;
        let is_lost = matches!(done, Err(StoreError::Unavailable(_)));
        tx.is_open = match tx.conn.engine {
            Engine::Sqlite(_) => done.is_err() && tx.command("ROLLBACK".into()).await.is_err(),
            Engine::Postgres(_) => is_lost,
        };
        done
    }
}

/// One connection, of whichever engine.
#[derive(Debug)]
pub(super) struct Conn {
    engine: Engine,
    statements: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Engine {
    Sqlite(Held<Sqlite>),
    Postgres(Held<Postgres>),
}

/// A connection borrowed for one statement.
pub(super) enum Either<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// One statement in the words of each engine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sql {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(both: &'static str) -> Self {
        Self { sqlite: both, postgres: both }
    }
}

/// A row type that reads from either engine; every `derive(FromRow)` and tuple does.
pub(super) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{}

impl Conn {
    /// The connection for one statement, which is counted. [`Self::heard`] takes its result.
    pub(super) fn either(&mut self) -> Either<'_> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        match &mut self.engine {
            Engine::Sqlite(conn) => Either::Sqlite(conn.lend()),
            Engine::Postgres(conn) => Either::Postgres(conn.lend()),
        }
    }

    /// Passes the result of a statement on, and remembers whether the connection is sound. One on
    /// which nothing was heard is not kept at hand.
    pub(super) fn heard<T>(&mut self, done: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        let done = done.map_err(StoreError::from);
        let is_well = !matches!(done, Err(StoreError::Unavailable(_)));
        match &mut self.engine {
            Engine::Sqlite(conn) => conn.ended(is_well),
            Engine::Postgres(conn) => conn.ended(is_well),
        }
        done
    }

    /// Whether SQLite answers, where the ways of the engines part.
    pub(super) const fn is_sqlite(&self) -> bool {
        matches!(self.engine, Engine::Sqlite(_))
    }

    /// A call holds more statements than the one that [`Self::either`] counts.
    pub(super) fn counts(&self, more: usize) {
        self.statements.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// Runs a statement without parameters and without preparing it.
    pub(super) async fn command(&mut self, sql: Sql) -> Result<(), StoreError> {
        let done = match self.either() {
            Either::Sqlite(conn) => sqlx::raw_sql(sql.sqlite).execute(conn).await.map(drop),
            Either::Postgres(conn) => sqlx::raw_sql(sql.postgres).execute(conn).await.map(drop),
        };
        self.heard(done)
    }

    fn close_on_drop(&mut self) {
        match &mut self.engine {
            Engine::Sqlite(conn) => conn.close_on_drop(),
            Engine::Postgres(conn) => conn.close_on_drop(),
        }
    }
}

/// An open transaction. One that is dropped half-way (its future was cancelled) closes its
/// connection: nothing of it is kept and no later user inherits it.
#[derive(Debug)]
pub(super) struct Tx {
    conn: Conn,
    is_open: bool,
}

impl Tx {
    /// Commits when the work succeeded, rolls back when it did not.
    pub(super) async fn end<T>(mut self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        let done = match done {
            Ok(value) => self.command("COMMIT".into()).await.map(|()| value),
            Err(why) => Err(why),
        };
        // A roll-back that fails leaves the transaction open, and `drop` closes the connection.
        self.is_open = done.is_err() && self.command("ROLLBACK".into()).await.is_err();
        done
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if self.is_open {
            self.conn.close_on_drop();
        }
    }
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

/// Runs a query on either engine: `query!(fetch_all, conn, RowType, sql, bind, …)`.
macro_rules! query {
    ($fetch:ident, $conn:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let sql = $crate::store::db::Sql::from($sql);
        let rows: Result<_, sqlx::Error> = match $conn.either() {
            $crate::store::db::Either::Sqlite(conn) => {
                sqlx::query_as::<_, $row>(sql.sqlite)$(.bind($bind))*.$fetch(conn).await
            }
            $crate::store::db::Either::Postgres(conn) => {
                sqlx::query_as::<_, $row>(sql.postgres)$(.bind($bind))*.$fetch(conn).await
            }
        };
        $conn.heard(rows)
    }};
}

/// All rows.
macro_rules! fetch_all {
    ($($arg:tt)*) => { $crate::store::db::query!(fetch_all, $($arg)*) };
}

/// The only row, if there is one.
macro_rules! fetch_optional {
    ($($arg:tt)*) => { $crate::store::db::query!(fetch_optional, $($arg)*) };
}

/// The only row, of a statement that always has one.
macro_rules! fetch_one {
    ($($arg:tt)*) => { $crate::store::db::query!(fetch_one, $($arg)*) };
}

/// Rows one by one, and none behind the first that is enough: many who ask at once for much hold no
/// more than they are given.
macro_rules! fetch_until {
    ($is_enough:expr, $conn:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let (sql, mut is_enough) = ($crate::store::db::Sql::from($sql), $is_enough);
        /// Reads until it is enough.
        macro_rules! read {
            ($rows:expr) => {{
                let mut rows = $rows;
                loop {
                    match futures_util::TryStreamExt::try_next(&mut rows).await {
                        Ok(Some(row)) => {
                            if is_enough(row) {
                                break Ok(());
                            }
                        }
                        Ok(None) => break Ok(()),
                        Err(problem) => break Err(problem),
                    }
                }
            }};
        }
        let done: Result<(), sqlx::Error> = match $conn.either() {
            $crate::store::db::Either::Sqlite(conn) => {
                read!(sqlx::query_as::<_, $row>(sql.sqlite)$(.bind($bind))*.fetch(conn))
            }
            $crate::store::db::Either::Postgres(conn) => {
                read!(sqlx::query_as::<_, $row>(sql.postgres)$(.bind($bind))*.fetch(conn))
            }
        };
        $conn.heard(done)
    }};
}

/// Runs a statement and gives the number of rows that it touched.
macro_rules! execute {
    ($conn:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let sql = $crate::store::db::Sql::from($sql);
        let done: Result<u64, sqlx::Error> = match $conn.either() {
            $crate::store::db::Either::Sqlite(conn) => {
                sqlx::query(sql.sqlite)$(.bind($bind))*.execute(conn).await.map(|r| r.rows_affected())
            }
            $crate::store::db::Either::Postgres(conn) => {
                sqlx::query(sql.postgres)$(.bind($bind))*.execute(conn).await.map(|r| r.rows_affected())
            }
        };
        $conn.heard(done)
    }};
}

pub(super) use {execute, fetch_all, fetch_one, fetch_optional, fetch_until, query};
