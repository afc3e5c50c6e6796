//! Reading files: one that somebody wants to open, and those of messages.

use std::collections::HashMap;

use crate::domain::{FileId, LinkPreview, RoomId, UserId};
use crate::store::db::{Conn, fetch_all, fetch_optional};
use crate::store::given::{Bulk, Given, bulk};
use crate::store::messages::Message;
use crate::store::rooms::{may_read, visible_after};
use crate::store::{Store, StoreError};

use super::types::{File, KeptFile};

/// The columns of a [`FileRow`], of a table that is called `file` in the statement.
macro_rules! file_columns {
    () => {
        "file.file_id, file.name, file.mime, file.size, file.width, file.height,
         file.preview_mime IS NOT NULL AS has_preview"
    };
}
pub(in crate::store) use file_columns;

#[derive(Debug, sqlx::FromRow)]
pub(in crate::store) struct FileRow {
    file_id: i64,
    name: String,
    mime: String,
    size: i64,
    width: Option<i64>,
    height: Option<i64>,
    has_preview: bool,
}

impl From<FileRow> for File {
    fn from(row: FileRow) -> Self {
        Self {
            id: FileId(row.file_id),
            name: row.name,
            mime: row.mime,
            size: row.size,
            sides: row.width.zip(row.height),
            has_preview: row.has_preview,
        }
    }
}

#[derive(Debug, sqlx::FromRow)]
struct KeptRow {
    #[sqlx(flatten)]
    file: FileRow,
    room_id: i64,
    blob: String,
    preview_mime: Option<String>,
    preview_size: i64,
}

/// What a message has besides its text: a file, or a list of previews.
#[derive(Debug, sqlx::FromRow)]
struct BesideRow {
    seq: i64,
    #[sqlx(flatten)]
    file: FileRow,
    body: Option<String>,
}

/// Files in their places; then the previews, the last of a message behind those before.
const BESIDE: &str = concat!(
    "SELECT file.message_seq AS seq, file.place, ",
    file_columns!(),
    ", CAST(NULL AS TEXT) AS body FROM file
      WHERE file.room_id = $1 AND file.message_seq BETWEEN $2 AND $3 AND NOT file.is_dropped
     UNION ALL
     SELECT seq, event_seq, 0, '', '', 0, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), FALSE, body
       FROM message_preview WHERE room_id = $1 AND seq BETWEEN $2 AND $3
     ORDER BY 1, 2"
);

const FILES: Bulk = bulk!(
    concat!("SELECT given.i, ", file_columns!(), " FROM "),
    (i bigint, room_id bigint, seq bigint),
    " CROSS JOIN file
      WHERE file.room_id = given.room_id AND file.message_seq = given.seq AND NOT file.is_dropped
      ORDER BY given.i, file.place"
);

const PREVIEWS: Bulk = bulk!(
    "SELECT given.i, p.body FROM ",
    (i bigint, room_id bigint, seq bigint),
    " CROSS JOIN message_preview p
      WHERE p.room_id = given.room_id AND p.seq = given.seq ORDER BY given.i, p.event_seq"
);

#[derive(Debug, sqlx::FromRow)]
struct FoundFile {
    i: i64,
    #[sqlx(flatten)]
    file: FileRow,
}

impl Store {
    /// A file that a user may open now: of a room that they may read, sent with a message that they
    /// see, or uploaded by themselves.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn open_file(
        &self,
        file: FileId,
        user: UserId,
    ) -> Result<Option<KeptFile>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            KeptRow,
            concat!(
                "SELECT ",
                file_columns!(),
                ", file.room_id, file.blob, file.preview_mime, file.preview_size
                   FROM file JOIN room ON room.room_id = file.room_id
                  WHERE file.file_id = $1 AND NOT file.is_dropped AND room.deleted_at IS NULL
                    AND CASE WHEN file.message_seq IS NULL THEN file.uploader_id = $2
                             ELSE file.message_seq > ",
                visible_after!("$2"),
                " END AND ",
                may_read!("$2")
            ),
            file.0,
            user.0
        )?;
        Ok(row.map(|row| KeptFile {
            file: row.file.into(),
            room: RoomId(row.room_id),
            blob: row.blob,
            preview: row.preview_mime.map(|mime| (mime, row.preview_size)),
        }))
    }
}

/// Gives messages of a room, in the order of their seqs or against it, their files and previews.
pub(in crate::store) async fn fill(
    conn: &mut Conn,
    room: RoomId,
    messages: &mut [Message],
) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
        return Ok(());
    };
    let (first, last) = (first.seq.min(last.seq), first.seq.max(last.seq));
    let rows = fetch_all!(conn, BesideRow, BESIDE, room.0, first, last)?;
    if rows.is_empty() {
        return Ok(());
    }
    let mut by_seq: HashMap<i64, &mut Message> =
        messages.iter_mut().map(|message| (message.seq, message)).collect();
    for row in rows {
        // A message that was deleted a moment ago may have left some behind.
        let Some(message) = by_seq.get_mut(&row.seq) else { continue };
        match row.body {
            Some(body) => message.previews = previews(&body)?,
            None => message.files.push(row.file.into()),
        }
    }
    Ok(())
}

/// The same for messages of any rooms, in any order.
pub(in crate::store) async fn fill_found<'m>(
    conn: &mut Conn,
    messages: impl Iterator<Item = &'m mut Message>,
) -> Result<(), StoreError> {
    let mut messages: Vec<_> = messages.collect();
    let of = |messages: &[&mut Message]| {
        Given::new()
            .ints((0..).take(messages.len()))
            .ints(messages.iter().map(|message| message.room.0).collect::<Vec<_>>())
            .ints(messages.iter().map(|message| message.seq).collect::<Vec<_>>())
    };
    let at = |i: i64| usize::try_from(i).unwrap_or(usize::MAX);
    let files: Vec<FoundFile> = conn.given_all(&FILES, of(&messages)).await?;
    for FoundFile { i, file } in files {
        if let Some(message) = messages.get_mut(at(i)) {
            message.files.push(file.into());
        }
    }
    let lists: Vec<(i64, String)> = conn.given_all(&PREVIEWS, of(&messages)).await?;
    for (i, body) in lists {
        if let Some(message) = messages.get_mut(at(i)) {
            message.previews = previews(&body)?;
        }
    }
    Ok(())
}

pub(super) fn previews(body: &str) -> Result<Vec<LinkPreview>, StoreError> {
    serde_json::from_str(body).map_err(|why| StoreError::Corrupt(format!("previews: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&FILES, &PREVIEWS]).await;
    }
}
