//! New files, within their limits.

use crate::domain::{FileId, Millis, UserId};
use crate::store::db::{Conn, execute, fetch_one};
use crate::store::{Store, StoreError};

use super::types::{File, FileLimits, FileRoom, NewFile, NoRoomForFile};

/// A file counts as so many bytes at least: more than its row and its place cost.
const LEAST: i64 = 4_096;
/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// What a file of this size, with a small copy of that, counts for.
pub(super) fn counted(size: i64, preview: i64) -> i64 {
    size.saturating_add(preview).max(LEAST)
}

impl Store {
    /// How much room there is for a user at a moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn file_room(
        &self,
        user: UserId,
        at: Millis,
        limits: FileLimits,
    ) -> Result<FileRoom, StoreError> {
        let mut conn = self.db.read().await?;
        let (day, all) = fetch_one!(
            conn,
            (Option<i64>, i64),
            "SELECT (SELECT bytes FROM file_day WHERE user_id = $1 AND day = $2),
                    (SELECT bytes FROM file_sum WHERE one = 1)",
            user.0,
            at.0.div_euclid(DAY)
        )?;
        Ok(FileRoom { day: limits.day - day.unwrap_or(0), all: limits.all - all })
    }

    /// Keeps a file that no message uses yet.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_file(
        &self,
        new: NewFile<'_>,
        limits: FileLimits,
    ) -> Result<Result<FileId, NoRoomForFile>, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = add(&mut tx, new, limits).await;
        tx.end(done).await
    }

    /// Drops a file that could not be kept.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn drop_file(&self, file: FileId) -> Result<(), StoreError> {
        let mut conn = self.db.write().await?;
        execute!(conn, "UPDATE file SET is_dropped = TRUE WHERE file_id = $1", file.0)?;
        Ok(())
    }
}

async fn add(
    conn: &mut Conn,
    new: NewFile<'_>,
    limits: FileLimits,
) -> Result<Result<FileId, NoRoomForFile>, StoreError> {
    let weight = counted(new.size, new.preview.map_or(0, |(_mime, size)| size));
    let counted = execute!(
        conn,
        "INSERT INTO file_day (user_id, day, bytes) SELECT $1, $2, $3 WHERE $3 <= $4
         ON CONFLICT (user_id, day) DO UPDATE SET bytes = file_day.bytes + excluded.bytes
          WHERE file_day.bytes + excluded.bytes <= $4",
        new.uploader.0,
        new.at.0.div_euclid(DAY),
        weight,
        limits.day
    )?;
    if counted == 0 {
        return Ok(Err(NoRoomForFile::Day));
    }
    let counted = execute!(
        conn,
        "UPDATE file_sum SET bytes = bytes + $1 WHERE one = 1 AND bytes + $1 <= $2",
        weight,
        limits.all
    )?;
    if counted == 0 {
        // What was counted for the day is taken back: nothing of it is kept.
        execute!(
            conn,
            "UPDATE file_day SET bytes = bytes - $3 WHERE user_id = $1 AND day = $2",
            new.uploader.0,
            new.at.0.div_euclid(DAY),
            weight
        )?;
        return Ok(Err(NoRoomForFile::All));
    }
    Ok(Ok(insert(conn, new, (None, 0)).await?))
}

/// Keeps a file of a message that comes from elsewhere, whatever the limits of people are.
pub(in crate::store) async fn bring(
    conn: &mut Conn,
    new: NewFile<'_>,
    (message, place): (i64, i64),
) -> Result<File, StoreError> {
    let weight = counted(new.size, new.preview.map_or(0, |(_mime, size)| size));
    execute!(conn, "UPDATE file_sum SET bytes = bytes + $1 WHERE one = 1", weight)?;
    let id = insert(conn, new, (Some(message), place)).await?;
    let (name, mime) = (new.name.as_str().to_owned(), new.mime.to_owned());
    let has_preview = new.preview.is_some();
    Ok(File { id, name, mime, size: new.size, sides: new.sides, has_preview })
}

async fn insert(
    conn: &mut Conn,
    new: NewFile<'_>,
    (message, place): (Option<i64>, i64),
) -> Result<FileId, StoreError> {
    let (preview_mime, preview_size) = new.preview.unzip();
    let (width, height) = new.sides.unzip();
    let (id,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "INSERT INTO file (room_id, uploader_id, blob, name, mime, size, width, height,
                           preview_mime, preview_size, created_at, message_seq, place)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING file_id",
        new.room.0,
        new.uploader.0,
        new.blob,
        new.name.as_str(),
        new.mime,
        new.size,
        width,
        height,
        preview_mime,
        preview_size.unwrap_or(0),
        new.at.0,
        message,
        place
    )?;
    Ok(FileId(id))
}
