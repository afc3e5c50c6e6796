//! What somebody uploaded.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{ExportMark, PAGE, Read, next};
use crate::domain::{FileId, Millis, RoomId, UserId};
use crate::store::StoreError;
use crate::store::db::{Conn, fetch_all};
use crate::store::given::{Bulk, Given, bulk};

const OF_MESSAGES: Bulk = bulk!(
    "SELECT file.message_seq, file.file_id, file.name, file.mime, file.size FROM ",
    (room_id bigint, seq bigint),
    " CROSS JOIN file
      WHERE file.room_id = given.room_id AND file.message_seq = given.seq AND NOT file.is_dropped
      ORDER BY file.message_seq, file.place"
);

/// What some messages of a room brought; by the seq of the message.
pub(super) async fn of_messages(
    conn: &mut Conn,
    room: i64,
    seqs: impl Iterator<Item = i64> + Clone,
) -> Result<HashMap<i64, Vec<Value>>, StoreError> {
    let given = Given::new().ints(seqs.clone().map(|_seq| room)).ints(seqs);
    let rows: Vec<(i64, i64, String, String, i64)> = conn.given_all(&OF_MESSAGES, given).await?;
    let mut files: HashMap<i64, Vec<Value>> = HashMap::new();
    for (seq, id, name, mime, size) in rows {
        let file = json!({ "id": FileId(id), "name": name, "mime": mime, "size": size });
        files.entry(seq).or_default().push(file);
    }
    Ok(files)
}

/// Uploads that no message has brought yet.
pub(super) async fn unsent(
    conn: &mut Conn,
    user: UserId,
    after: &ExportMark,
) -> Result<Read, StoreError> {
    let rows = fetch_all!(
        conn,
        (i64, i64, String, String, i64, i64),
        "SELECT file_id, room_id, name, mime, size, created_at FROM file
          WHERE message_seq IS NULL AND (created_at, file_id) > ($2, $3) AND uploader_id = $1
            AND NOT is_dropped
          ORDER BY created_at, file_id LIMIT $4",
        user.0,
        after.first,
        after.second,
        PAGE
    )?;
    let last = rows.last().map(|(id, .., at)| ExportMark::at(*at, *id, ""));
    let next = next(rows.len(), last);
    let file = |(id, room, name, mime, size, at)| {
        json!({ "id": FileId(id), "room": RoomId(room), "name": name, "mime": mime,
                "size": size, "at": Millis(at) })
    };
    Ok((rows.into_iter().map(file).collect(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&OF_MESSAGES]).await;
    }
}
