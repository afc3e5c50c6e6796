//! Whoever reads a room has read what it put into their inbox.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::{Millis, NoticeId, RoomId, UserId};
use crate::store::StoreError;
use crate::store::append::NoticesRead;
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, bulk};

/// Users who have read rooms up to a seq, and when.
pub(super) type Readers = BTreeMap<(RoomId, UserId), (i64, Millis)>;

/// What users have read of the inbox.
pub(super) type Read = HashMap<(RoomId, UserId), NoticesRead>;

/// An entry about the room itself is read with any part of it.
const READ: Bulk = bulk!(
    "UPDATE notice SET read_at = given.at FROM ",
    (room_id bigint, user_id bigint, upto bigint, at bigint),
    " WHERE notice.user_id = given.user_id AND notice.room_id = given.room_id
        AND coalesce(notice.message_seq, 0) <= given.upto
        AND notice.read_at IS NULL AND notice.dropped_at IS NULL
      RETURNING notice.room_id, notice.user_id, notice.notice_id"
);

/// The same, room by room and by the entry's own key: without statistics PostgreSQL takes entries that are
/// unread for few, and compares all there are with all that is given.
const READ_POSTGRES: Bulk = bulk!(
    "UPDATE notice SET read_at = found.at
       FROM (SELECT given.at, of_room.notice_id FROM ",
    (room_id bigint, user_id bigint, upto bigint, at bigint),
    " CROSS JOIN LATERAL (SELECT notice.notice_id FROM notice
                           WHERE notice.user_id = given.user_id AND notice.room_id = given.room_id
                             AND coalesce(notice.message_seq, 0) <= given.upto
                             AND notice.read_at IS NULL AND notice.dropped_at IS NULL
                          OFFSET 0) of_room) found
      WHERE notice.notice_id = found.notice_id
        AND +notice.read_at IS NULL AND +notice.dropped_at IS NULL
      RETURNING notice.room_id, notice.user_id, notice.notice_id"
);

const UNREAD: Bulk = bulk!(
    "SELECT given.user_id,
            (SELECT count(*) FROM notice WHERE notice.user_id = given.user_id
                AND notice.read_at IS NULL AND notice.dropped_at IS NULL) FROM ",
    (user_id bigint),
    ""
);

/// Adds a reader; the further of two places counts.
pub(super) fn add(readers: &mut Readers, place: (RoomId, UserId), upto: i64, at: Millis) {
    let known = readers.entry(place).or_insert((upto, at));
    *known = (known.0.max(upto), known.1.max(at));
}

/// Marks the entries as read; gives those that were not read before.
pub(super) async fn read(conn: &mut Conn, readers: &Readers) -> Result<Read, StoreError> {
    if readers.is_empty() {
        return Ok(Read::new());
    }
    let given = Given::new()
        .ints(readers.keys().map(|(room, _user)| room.0))
        .ints(readers.keys().map(|(_room, user)| user.0))
        .ints(readers.values().map(|(upto, _at)| *upto))
        .ints(readers.values().map(|(_upto, at)| at.0));
    let read = if conn.is_sqlite() { &READ } else { &READ_POSTGRES };
    let rows: Vec<(i64, i64, i64)> = conn.given_all(read, given).await?;
    let users: BTreeSet<i64> = rows.iter().map(|(_room, user, _notice)| *user).collect();
    let counts: Vec<(i64, i64)> = conn.given_all(&UNREAD, Given::new().ints(users)).await?;
    let counts: HashMap<_, _> = counts.into_iter().collect();
    let mut read = Read::new();
    for (room, user, notice) in rows {
        let unread = counts.get(&user).copied().unwrap_or(0);
        let user = UserId(user);
        let fresh = || NoticesRead { user, ids: Vec::new(), unread };
        read.entry((RoomId(room), user)).or_insert_with(fresh).ids.push(NoticeId(notice));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&READ, &UNREAD]).await;
    }
}
