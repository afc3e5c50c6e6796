//! What the index does not have yet.

use super::Search;
use super::files::carries_file;
use super::gather::Gather;
use super::hits::Hit;
use super::scope::Scope;
use super::spot::{Spot, least_point, point};
use super::verdict::may_see;
use crate::domain::RoomId;
use crate::store::StoreError;
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, bulk};
use crate::store::messages::{MessageRow, message_columns};

/// Most rows that one search looks at; the number stands in the statement, too.
const MOST: usize = 1_000;

/// The newest messages behind the index in each of these rooms, below a spot and not older than a
/// point.
const TAIL: Bulk = bulk!(
    concat!(
        "SELECT m.room_id, ", carries_file!("m"), " AS carries_file, ", message_columns!(),
        " FROM "
    ),
    (room_id bigint, indexed bigint, reader bigint, least bigint, point bigint,
     point_room bigint, point_seq bigint),
    concat!(
        " CROSS JOIN room CROSS JOIN message m
          LEFT JOIN room_member seen
                 ON seen.user_id = given.reader AND seen.room_id = room.room_id
          WHERE room.room_id = given.room_id
            AND m.room_id = given.room_id AND m.seq > given.indexed
            AND ", point!("m"), " >= given.least
            AND (", point!("m"), ", m.room_id, m.seq)
              < (given.point, given.point_room, given.point_seq)
            AND ", may_see!("m", "given.reader"),
        " ORDER BY ", point!("m"), " DESC, m.room_id DESC, m.seq DESC LIMIT 1000"
    )
);

#[derive(Debug, sqlx::FromRow)]
struct TailRow {
    room_id: i64,
    carries_file: bool,
    #[sqlx(flatten)]
    message: MessageRow,
}

/// Looks at the messages that the index does not have yet.
pub(super) async fn look(
    conn: &mut Conn,
    search: &Search<'_>,
    scope: &Scope,
    gather: &mut Gather<'_>,
) -> Result<(), StoreError> {
    let tails: Vec<(RoomId, i64)> = scope.tails().collect();
    if tails.is_empty() {
        return Ok(());
    }
    let Spot { point, room, seq } = gather.index_from();
    let least = search.since.map_or(0, least_point);
    let each = |value: i64| tails.iter().map(move |_tail| value);
    let given = Given::new()
        .ints(tails.iter().map(|(room, _indexed)| room.0))
        .ints(tails.iter().map(|(_room, indexed)| *indexed))
        .ints(each(search.reader.0))
        .ints(each(least))
        .ints(each(point))
        .ints(each(room.0))
        .ints(each(seq));
    let rows: Vec<TailRow> = conn.given_all(&TAIL, given).await?;
    let rows = rows.into_iter().map(|row| (row.message.of(RoomId(row.room_id)), row.carries_file));
    let mut rows: Vec<_> = rows
        .map(|(message, file)| (Spot::of(message.at, message.room, message.seq), message, file))
        .collect();
    // Rooms come in lists, each with its own newest.
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.0));
    rows.truncate(MOST);
    if rows.len() == MOST
        && let Some((last, ..)) = rows.last()
    {
        gather.cut_tail(*last);
    }
    for (_spot, message, carries_file) in rows {
        gather.take(Hit { message, carries_file, left: None });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&TAIL]).await;
        assert!(TAIL.after.ends_with(&format!("LIMIT {MOST}")));
    }
}
