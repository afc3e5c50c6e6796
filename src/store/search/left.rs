//! What is left on the messages of a page: files, previews, reactions, pins, threads.

use crate::domain::UserId;
use crate::store::StoreError;
use crate::store::db::Conn;
use crate::store::files::fill_found;
use crate::store::given::{Bulk, Given, bulk};
use crate::store::messages::Message;
use crate::store::traces::trace;

/// Whether anything is left on the message of an expression, in SQL: on most there is nothing.
macro_rules! has_left {
    ($message:literal) => {
        concat!(
            "(",
            $message,
            ".thread IS NOT NULL
              OR EXISTS (SELECT 1 FROM thread
                          WHERE thread.room_id = ",
            $message,
            ".room_id
                            AND thread.root_seq = ",
            $message,
            ".seq LIMIT 1 OFFSET 0)
              OR EXISTS (SELECT 1 FROM reaction_count counted
                          WHERE counted.room_id = ",
            $message,
            ".room_id
                            AND counted.message_seq = ",
            $message,
            ".seq LIMIT 1 OFFSET 0)
              OR EXISTS (SELECT 1 FROM pin
                          WHERE pin.room_id = ",
            $message,
            ".room_id
                            AND pin.message_seq = ",
            $message,
            ".seq LIMIT 1 OFFSET 0)
              OR EXISTS (SELECT 1 FROM file
                          WHERE file.room_id = ",
            $message,
            ".room_id
                            AND file.message_seq = ",
            $message,
            ".seq LIMIT 1 OFFSET 0)
              OR EXISTS (SELECT 1 FROM message_preview p
                          WHERE p.room_id = ",
            $message,
            ".room_id
                            AND p.seq = ",
            $message,
            ".seq LIMIT 1 OFFSET 0))"
        )
    };
}
pub(super) use has_left;

/// Which messages have anything: each row of SQLite wakes the reading thread.
const LEFT: Bulk = bulk!(
    "SELECT given.i FROM ",
    (i bigint, room_id bigint, message_seq bigint),
    concat!(
        " CROSS JOIN message m
          WHERE m.room_id = given.room_id AND m.seq = given.message_seq AND ",
        has_left!("m")
    )
);

/// Fills in what a reader sees on messages that were read without it. Beside each stands whether
/// anything is left on it, where that is known.
pub(super) async fn fill(
    conn: &mut Conn,
    reader: UserId,
    messages: Vec<(Message, Option<bool>)>,
) -> Result<Vec<Message>, StoreError> {
    let unknown = || (0_i64..).zip(&messages).filter(|(_i, (_message, left))| left.is_none());
    let given = Given::new()
        .ints(unknown().map(|(i, _message)| i))
        .ints(unknown().map(|(_i, (message, _left))| message.room.0))
        .ints(unknown().map(|(_i, (message, _left))| message.seq));
    let rows: Vec<(i64,)> = conn.given_all(&LEFT, given).await?;
    let (meant, others): (Vec<_>, Vec<_>) = (0..)
        .zip(messages)
        .partition(|(i, (_message, left))| left.unwrap_or_else(|| rows.contains(&(*i,))));
    let alone = |(i, (message, _left)): (i64, (Message, Option<bool>))| (i, message);
    let mut others: Vec<_> = others.into_iter().map(alone).collect();
    if !meant.is_empty() {
        let (places, meant): (Vec<i64>, Vec<Message>) = meant.into_iter().map(alone).unzip();
        let mut meant = trace(conn, reader, meant).await?;
        fill_found(conn, meant.iter_mut()).await?;
        others.extend(places.into_iter().zip(meant));
        others.sort_unstable_by_key(|(i, _message)| *i);
    }
    Ok(others.into_iter().map(|(_i, message)| message).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&LEFT]).await;
    }
}
