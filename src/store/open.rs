//! Opening a database: checks that answer in one line, the settings of every connection, and the
//! migrations.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteError, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Error, Executor, Sqlite};

use super::classify::sqlite_primary_code;
use super::db::{Db, Pools};
use super::kept::Kept;
use super::settle::settle;
use super::{OpenError, Store};
use crate::faults::Faults;

/// Below this SQLite may damage a database in WAL mode.
const LEAST_SQLITE: &str = "3.51.3";
/// The first with `gen_random_uuid()` built in.
const LEAST_POSTGRES: &str = "13";
/// How long a statement waits for a connection before the store counts as unavailable.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(5);
/// How long a SQLite connection waits for another process to let go of the file.
const BUSY_WITHIN: Duration = Duration::from_secs(5);
/// Connections that read a SQLite file; each is a thread.
const SQLITE_READERS: u32 = 4;
/// Page cache of a reading connection, in KiB (by SQLite's rule a negative number). The kernel keeps
/// the file's pages too: a larger cache of our own would hold them twice, four times over.
const READER_CACHE: &str = "-256";
/// Connections of one node to PostgreSQL, for writing and again as many for reading.
const POSTGRES_CONNECTIONS: u32 = 8;
/// After so long without a use, a writing connection is asked whether it is alive before it is used.
const POSTGRES_RESTS: Duration = Duration::from_secs(1);
/// The write-ahead log of SQLite is cut back to this size after a burst.
const WAL_BYTES: &str = "67108864";

/// Settings of a writing connection.
///
/// An acknowledged message must survive a power cut, whatever the server's default says. A node
/// that hangs must not hold the lock of a room for longer than others are willing to wait. Joins run
/// in the order in which they are written, as SQLite's CROSS JOIN does, and every table is looked up by an
/// index: left to its statistics, the planner at times reads a whole lobby to find one user in it, or
/// all messages there are, on several processes, to find a hundred. A statement of ours is short, and
/// never worth compiling. A plan that follows from the text is good for all values: made for each call
/// anew, which PostgreSQL prefers where it takes lists for longer than ours are, it costs more than what
/// is then looked up.
const POSTGRES_WRITER: &str = "
    SELECT set_config('synchronous_commit', 'on', false)
     WHERE current_setting('synchronous_commit') = 'off';
    SET join_collapse_limit = 1;
    SET enable_seqscan = off;
    SET max_parallel_workers_per_gather = 0;
    SET jit = off;
    SET plan_cache_mode = force_generic_plan;
    SET lock_timeout = '10s';
    SET statement_timeout = '30s';
    SET idle_in_transaction_session_timeout = '30s';";

/// Settings of a reading connection: the same plans. A write that strays to the reading pool fails here as
/// it does on SQLite.
const POSTGRES_READER: &str = "
    SET default_transaction_read_only = on;
    SET join_collapse_limit = 1;
    SET enable_seqscan = off;
    SET max_parallel_workers_per_gather = 0;
    SET jit = off;
    SET plan_cache_mode = force_generic_plan;
    SET statement_timeout = '30s';";

/// Where the data is kept. Not `Debug`: the URL may hold a password.
#[derive(Clone)]
pub enum DatabaseTarget {
    /// A SQLite file; it is made when it does not exist.
    Sqlite(PathBuf),
    /// A PostgreSQL server, by URL.
    Postgres(String),
}

impl Store {
    /// Connects and checks that this database can be used; changes nothing in it.
    ///
    /// # Errors
    /// [`OpenError`] in one line for the operator.
    pub async fn open(target: &DatabaseTarget) -> Result<Self, OpenError> {
        Self::open_with(target, &Faults::default()).await
    }

    /// The same with planted faults.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(target: &DatabaseTarget, faults: &Faults) -> Result<Self, OpenError> {
        let db = match target {
            DatabaseTarget::Sqlite(path) => open_sqlite(path, faults).await?,
            DatabaseTarget::Postgres(url) => open_postgres(url).await?,
        };
        Ok(Self {
            db,
            faults: faults.clone(),
            #[cfg(feature = "bench")]
            null: None,
        })
    }

    /// Brings the schema up to date. Nodes that start together wait for one another.
    ///
    /// # Errors
    /// [`OpenError`] when the database belongs to a newer or another program, or a statement fails.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        let done = match &self.db.pools {
            Pools::Sqlite { writer, .. } => migrate_sqlite(writer).await,
            Pools::Postgres { writer, .. } => migrate_postgres(writer.pool()).await,
        };
        done.map_err(|why| match why {
            MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
                OpenError::Newer(version)
            }
            MigrateError::VersionMismatch(version) => OpenError::Foreign(version),
            other => OpenError::Migration(other),
        })
    }

    /// Waits for what is running and closes every connection.
    pub async fn close(&self) {
        // The writer last: only it can fold the write-ahead log into the file.
        match &self.db.pools {
            Pools::Sqlite { reader, writer } => {
                reader.close().await;
                writer.close().await;
            }
            Pools::Postgres { reader, writer } => {
                reader.close().await;
                writer.close().await;
            }
        }
    }
}

async fn migrate_sqlite(writer: &Kept<Sqlite>) -> Result<(), MigrateError> {
    let mut conn = writer.acquire().await?;
    sqlx::migrate!("migrations/sqlite").run(conn.lend()).await
}

/// On a connection of its own: the pool's would give up waiting for another node's migration.
async fn migrate_postgres(pool: &PgPool) -> Result<(), MigrateError> {
    let migrator: Migrator = sqlx::migrate!("migrations/postgres");
    let mut conn = PgConnection::connect_with(&pool.connect_options()).await?;
    let done = migrator.run(&mut conn).await;
    // The lock of the migration dies with the connection.
    conn.close().await?;
    done
}

async fn open_sqlite(path: &Path, faults: &Faults) -> Result<Db, OpenError> {
    let why_not = |why: std::io::Error| OpenError::File { path: path.into(), why: why.to_string() };
    make_private(path).map_err(why_not)?;
    settle(path).await.map_err(|why| sqlite_says(path, why))?;
    let options =
        SqliteConnectOptions::new().filename(path).foreign_keys(true).busy_timeout(BUSY_WITHIN);
    let writer = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous(faults))
        .pragma("journal_size_limit", WAL_BYTES)
        // What was deleted is to be gone, from the pages as well.
        .pragma("secure_delete", "ON")
        .optimize_on_close(true, None);
    let writer = sqlite_pool(1).connect_with(writer).await.map_err(|why| sqlite_says(path, why))?;
    let (found,): (String,) = sqlx::query_as("SELECT sqlite_version()")
        .fetch_one(&writer)
        .await
        .map_err(|why| sqlite_says(path, why))?;
    if version(&found) < version(LEAST_SQLITE) {
        return Err(OpenError::TooOld { engine: "SQLite", found, least: LEAST_SQLITE });
    }
    let reader = options.read_only(true).pragma("cache_size", READER_CACHE);
    // Connected at once: as long as one connection is open, the writer may lose its own without the
    // log being read back from the file, which after a failed sync is not what the disk holds.
    let reader = sqlite_pool(SQLITE_READERS).connect_with(reader).await;
    let reader = reader.map_err(|why| sqlite_says(path, why))?;
    // The log stands beside the file now. SQLite syncs the folder as well, with its first commit,
    // but does not mind when that fails.
    keep_name(path).map_err(why_not)?;
    // A thread of ours does not go away.
    let keep = |pool| Kept::new(pool, Duration::MAX);
    Ok(Db::new(Pools::Sqlite { writer: keep(writer), reader: keep(reader) }))
}

/// Everything that was committed must be on the disk.
fn synchronous(faults: &Faults) -> SqliteSynchronous {
    match faults.synchronous() {
        Some("OFF") => SqliteSynchronous::Off,
        Some("NORMAL") => SqliteSynchronous::Normal,
        _nothing_planted => SqliteSynchronous::Full,
    }
}

/// Makes the folder and the file before SQLite does, so that only their owner can read them.
/// SQLite gives the files beside it the same rights.
fn make_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let parts = folder.ancestors().filter(|part| !part.as_os_str().is_empty());
        let missing: Vec<&Path> = parts.take_while(|part| !part.exists()).collect();
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        missing.into_iter().try_for_each(keep_name)?;
    }
    let mut file = std::fs::OpenOptions::new();
    file.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    file.open(path).map(drop)
}

/// Syncs the folder that a new file or folder is in: where a name is lost in a power cut, what it
/// led to is lost with it, however well that was synced.
fn keep_name(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if cfg!(unix) {
        std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn sqlite_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_WITHIN)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn sqlite_says(path: &Path, error: Error) -> OpenError {
    let path = path.to_path_buf();
    match &error {
        Error::Database(inner) => match inner.try_downcast_ref::<SqliteError>() {
            Some(sqlite) if sqlite_primary_code(sqlite) == 26 => OpenError::NotADatabase { path },
            _other => OpenError::File { path, why: inner.message().to_owned() },
        },
        Error::Io(why) => OpenError::File { path, why: why.to_string() },
        _other => OpenError::Other(error),
    }
}

async fn open_postgres(url: &str) -> Result<Db, OpenError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|why| OpenError::Url(why.to_string()))?
        .application_name("moim");
    let server = match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let writer = postgres_pool(POSTGRES_WRITER)
        .connect_with(options.clone())
        .await
        .map_err(|why| postgres_says(&server, why))?;
    check_postgres(&writer).await.map_err(|why| match why {
        OpenError::Other(error) => postgres_says(&server, error),
        why => why,
    })?;
    let reader = postgres_pool(POSTGRES_READER).connect_lazy_with(options);
    let writer = Kept::new(writer, POSTGRES_RESTS);
    // A read has no reason to fail when the server was started again.
    let reader = Kept::new(reader, Duration::ZERO);
    Ok(Db::new(Pools::Postgres { writer, reader }))
}

async fn check_postgres(pool: &PgPool) -> Result<(), OpenError> {
    let (encoding, found): (String, String) = sqlx::query_as(
        "SELECT current_setting('server_encoding'), current_setting('server_version')",
    )
    .fetch_one(pool)
    .await
    .map_err(OpenError::Other)?;
    if encoding != "UTF8" {
        return Err(OpenError::Encoding(encoding));
    }
    if version(&found) < version(LEAST_POSTGRES) {
        return Err(OpenError::TooOld { engine: "PostgreSQL", found, least: LEAST_POSTGRES });
    }
    Ok(())
}

fn postgres_pool(settings: &'static str) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE_WITHIN)
        .after_connect(move |conn, _meta| {
            Box::pin(async move { conn.execute(sqlx::raw_sql(settings)).await.map(drop) })
        })
}

fn postgres_says(server: &str, error: Error) -> OpenError {
    let server = server.to_owned();
    match &error {
        // A handshake of TLS that fails is an error of what was read.
        Error::Io(why) if why.kind() == std::io::ErrorKind::InvalidData => {
            OpenError::Refused { server, why: why.to_string() }
        }
        Error::Io(_) | Error::PoolTimedOut => OpenError::Unreachable { server },
        Error::Database(inner) => OpenError::Refused { server, why: inner.message().to_owned() },
        Error::Tls(why) => OpenError::Refused { server, why: why.to_string() },
        _other => OpenError::Other(error),
    }
}

/// The leading numbers of a version: `15.6 (Debian …)` is `[15, 6]`.
fn version(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()
        .unwrap_or_default()
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(version("3.51.3") >= version(LEAST_SQLITE));
        assert!(version("3.51.10") > version(LEAST_SQLITE));
        assert!(version("3.50.9") < version(LEAST_SQLITE));
        assert!(version("15.6 (Debian 15.6-0+deb12u1)") > version(LEAST_POSTGRES));
        assert!(version("12.18") < version(LEAST_POSTGRES));
        assert!(version("18beta1") > version(LEAST_POSTGRES));
    }

    #[tokio::test]
    async fn every_setting_is_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let target = DatabaseTarget::Sqlite(folder.path().join("moim.db"));
        let store = Store::open(&target).await.unwrap();
        store.migrate().await.unwrap();
        let Pools::Sqlite { writer, reader } = &store.db.pools else { unreachable!() };
        for (name, on_writer, on_reader) in [
            ("journal_mode", "wal", "wal"),
            ("synchronous", "2", "2"),
            ("foreign_keys", "1", "1"),
            ("busy_timeout", "5000", "5000"),
            ("journal_size_limit", WAL_BYTES, "-1"),
        ] {
            for (kept, expected) in [(writer, on_writer), (reader, on_reader)] {
                let pool = kept.pool();
                let pragma = sqlx::AssertSqlSafe(format!("PRAGMA {name}"));
                let row = sqlx::query(pragma).fetch_one(pool).await.unwrap();
                let found: String = row.try_get_unchecked(0).unwrap();
                assert_eq!(found, expected, "{name}");
            }
        }
        let stray = sqlx::query("UPDATE room SET n = 9").execute(reader.pool()).await;
        assert!(stray.is_err(), "a reader cannot write");
        assert_eq!(
            (
                writer.pool().options().get_max_connections(),
                reader.pool().options().get_max_connections()
            ),
            (1, 4)
        );
        store.close().await;
    }
}
