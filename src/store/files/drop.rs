//! What goes: the files of deleted messages, uploads that nobody used.

use std::time::Duration;

use crate::domain::{FileId, Millis, RoomId};
use crate::store::db::{Conn, Sql, execute, fetch_all};
use crate::store::given::{Bulk, Given, bulk};
use crate::store::{Store, StoreError};

/// Files that one sweep takes at a time.
const SOME: i64 = 200;
/// Counts of days are kept so long.
const DAYS_MS: i64 = 3 * 24 * 60 * 60 * 1_000;

const DROP: Bulk = bulk!(
    "UPDATE file SET is_dropped = TRUE FROM ",
    (room_id bigint, seq bigint),
    " WHERE file.room_id = given.room_id AND file.message_seq = given.seq"
);

/// A file that a message takes at this moment is left to it.
const DROP_UNUSED: Sql = Sql {
    sqlite: "UPDATE file SET is_dropped = TRUE WHERE message_seq IS NULL AND file_id IN
                (SELECT file_id FROM file
                  WHERE message_seq IS NULL AND created_at < $1 AND NOT is_dropped
                  ORDER BY created_at LIMIT $2)",
    postgres: "UPDATE file SET is_dropped = TRUE WHERE message_seq IS NULL AND file_id IN
                (SELECT file_id FROM file
                  WHERE message_seq IS NULL AND created_at < $1 AND NOT is_dropped
                  ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
};

/// Gives the events that told them.
const FORGET: Bulk = bulk!(
    "DELETE FROM message_preview WHERE (room_id, seq) IN (SELECT given.room_id, given.seq FROM ",
    (room_id bigint, seq bigint),
    ") RETURNING event_seq"
);

const ERASE: Bulk = bulk!(
    "DELETE FROM file WHERE is_dropped AND file_id IN (SELECT given.file_id FROM ",
    (file_id bigint),
    ")"
);

/// Drops what deleted messages of a room had besides their texts, within the transaction that
/// deletes them: nobody can open the files from here on, and there are no previews. Gives the seqs of
/// the events of the log that told these: the caller takes out what they say.
pub(in crate::store) async fn drop_of(
    conn: &mut Conn,
    room: RoomId,
    seqs: &[i64],
) -> Result<Vec<i64>, StoreError> {
    let given = || Given::new().ints(seqs.iter().map(|_seq| room.0)).ints(seqs.iter().copied());
    conn.given_execute(&DROP, given()).await?;
    let told: Vec<(i64,)> = conn.given_all(&FORGET, given()).await?;
    Ok(told.into_iter().map(|(seq,)| seq).collect())
}

/// What was found behind the links of a text that was edited holds no longer.
pub(in crate::store) async fn forget_previews(
    conn: &mut Conn,
    room: RoomId,
    seq: i64,
) -> Result<(), StoreError> {
    execute!(
        conn,
        "UPDATE message_preview SET body = '[]' WHERE room_id = $1 AND seq = $2",
        room.0,
        seq
    )?;
    Ok(())
}

impl Store {
    /// Drops some uploads that no message has used for `life`, and gives some dropped files, with
    /// the keys of their bytes: remove those, then say so with [`Self::erase_files`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn dropped_files(
        &self,
        now: Millis,
        life: Duration,
    ) -> Result<Vec<(FileId, String)>, StoreError> {
        let before = now.0.saturating_sub(i64::try_from(life.as_millis()).unwrap_or(i64::MAX));
        let mut conn = self.db.write().await?;
        execute!(conn, DROP_UNUSED, before, SOME)?;
        execute!(conn, "DELETE FROM file_day WHERE day < $1", (now.0 - DAYS_MS) / 86_400_000)?;
        let rows = fetch_all!(
            conn,
            (i64, String),
            "SELECT file_id, blob FROM file WHERE is_dropped ORDER BY file_id LIMIT $1",
            SOME
        )?;
        Ok(rows.into_iter().map(|(id, blob)| (FileId(id), blob)).collect())
    }

    /// Forgets dropped files whose bytes are gone; there is room for others then.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn erase_files(&self, files: &[FileId]) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let done = erase(&mut tx, files).await;
        tx.end(done).await
    }
}

/// Another node may sweep too: what it has is left to it.
const WEIGHTS: Bulk = bulk!(
    "SELECT file.file_id, file.size, file.preview_size FROM ",
    (file_id bigint),
    " CROSS JOIN file WHERE file.file_id = given.file_id AND file.is_dropped",
    postgres " FOR UPDATE OF file SKIP LOCKED"
);

async fn erase(conn: &mut Conn, files: &[FileId]) -> Result<(), StoreError> {
    let given = Given::new().ints(files.iter().map(|file| file.0));
    let free: Vec<(i64, i64, i64)> = conn.given_all(&WEIGHTS, given).await?;
    let freed: i64 =
        free.iter().map(|(_file, size, preview)| super::write::counted(*size, *preview)).sum();
    conn.given_execute(&ERASE, Given::new().ints(free.iter().map(|(file, ..)| *file))).await?;
    execute!(conn, "UPDATE file_sum SET bytes = bytes - $1 WHERE one = 1", freed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        let all = [&DROP, &FORGET, &ERASE, &WEIGHTS];
        crate::store::plans::check(&all).await;
    }
}
