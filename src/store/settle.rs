//! A write-ahead log from an earlier life, made sure of before anything is built on it.
//!
//! When a sync fails, the system drops the pages that it could not write: from memory they still
//! read as if they had been kept, but no later sync brings them to the disk. SQLite answers such a
//! commit with an error and writes the next one over it, so within one life nothing comes of it.
//! But a process that ends right then leaves the commit in memory, whole, with a valid checksum.
//! SQLite would recover it from there and append to it; those commits are synced and acknowledged,
//! and a power cut then finds a hole in the log, where recovery stops: they would be lost.
//!
//! So every byte of a log that is found at the start is written again and synced, while nobody else
//! can use it. Then what SQLite reads is what the disk holds.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteError, SqliteLockingMode};
use sqlx::{ConnectOptions, Connection, Error};

use super::classify::sqlite_primary_code;

/// What is read and written at a time.
const PIECE: usize = 1 << 20;

/// Writes the log of a database again, if there is one, and folds it into the file.
///
/// # Errors
/// When the log cannot be read, written or synced.
pub(super) async fn settle(path: &Path) -> Result<(), Error> {
    let log = log_of(path);
    if !std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Ok(());
    }
    // Exclusively: another process that has it open made sure of the log when it began, and writes
    // to it now.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::ZERO)
        .locking_mode(SqliteLockingMode::Exclusive);
    let mut alone = options.connect().await?;
    match sqlx::raw_sql("SELECT count(*) FROM sqlite_schema").execute(&mut alone).await {
        Err(why) if is_in_use(&why) => return alone.close().await,
        done => done.map(drop)?,
    }
    let written = tokio::task::spawn_blocking(move || write_again(&log)).await;
    written.map_err(|why| Error::Io(std::io::Error::other(why)))?.map_err(Error::Io)?;
    // The last to close folds the log into the file and removes it.
    alone.close().await
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    PathBuf::from(log)
}

fn is_in_use(error: &Error) -> bool {
    let sqlite = error.as_database_error().and_then(|it| it.try_downcast_ref::<SqliteError>());
    // BUSY, LOCKED
    sqlite.is_some_and(|sqlite| matches!(sqlite_primary_code(sqlite), 5 | 6))
}

fn write_again(log: &Path) -> std::io::Result<()> {
    let mut file = File::options().read(true).write(true).open(log)?;
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    loop {
        file.seek(SeekFrom::Start(at))?;
        let length = file.read(&mut piece)?;
        let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else {
            return file.sync_all();
        };
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        at += length as u64;
    }
}
