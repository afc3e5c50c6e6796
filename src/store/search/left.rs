//! What is left on the messages of a page: files, previews, reactions, pins, threads.

use crate::domain::UserId;
use crate::store::StoreError;
use crate::store::db::Conn;
use crate::store::files::fill_found;
use crate::store::given::{Bulk, Given, bulk};
use crate::store::messages::Message;
use crate::store::traces::{join_threads, trace};

/// Which messages have anything: most have nothing, and each row of SQLite wakes the reading thread.
const LEFT: Bulk = bulk!(
    "SELECT given.i FROM ",
    (i bigint, room_id bigint, message_seq bigint),
    concat!(
        " CROSS JOIN message m",
        join_threads!(),
        "WHERE m.room_id = given.room_id AND m.seq = given.message_seq
           AND (m.thread IS NOT NULL OR thread.count IS NOT NULL
             OR EXISTS (SELECT 1 FROM reaction_count counted
                         WHERE counted.room_id = m.room_id AND counted.message_seq = m.seq)
             OR EXISTS (SELECT 1 FROM pin
                         WHERE pin.room_id = m.room_id AND pin.message_seq = m.seq)
             OR EXISTS (SELECT 1 FROM file
                         WHERE file.room_id = m.room_id AND file.message_seq = m.seq)
             OR EXISTS (SELECT 1 FROM message_preview p
                         WHERE p.room_id = m.room_id AND p.seq = m.seq))"
    )
);

/// Fills in what a reader sees on messages that were read without it.
pub(super) async fn fill(
    conn: &mut Conn,
    reader: UserId,
    messages: Vec<Message>,
) -> Result<Vec<Message>, StoreError> {
    let given = Given::new()
        .ints((0..).take(messages.len()))
        .ints(messages.iter().map(|message| message.room.0))
        .ints(messages.iter().map(|message| message.seq));
    let rows: Vec<(i64,)> = conn.given_all(&LEFT, given).await?;
    if rows.is_empty() {
        return Ok(messages);
    }
    let (meant, mut others): (Vec<_>, Vec<_>) =
        (0..).zip(messages).partition(|(i, _message)| rows.contains(&(*i,)));
    let (places, meant): (Vec<i64>, Vec<Message>) = meant.into_iter().unzip();
    let mut meant = trace(conn, reader, meant).await?;
    fill_found(conn, meant.iter_mut()).await?;
    others.extend(places.into_iter().zip(meant));
    others.sort_unstable_by_key(|(i, _message)| *i);
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
