//! Marking entries as read. The journal drops and marks entries room by room, and holds some of a user
//! while it comes to others. So here nobody waits who holds one: those that are free go together, the
//! others one by one.

use crate::domain::{Millis, UserId};
use crate::store::StoreError;
use crate::store::db::{Conn, Db, Sql, fetch_all};
use crate::store::given::{Bulk, Given, bulk};

use super::ReadSelection;

const UPTO: Sql = Sql {
    sqlite: UNREAD_UPTO,
    postgres: "SELECT notice_id FROM notice
                WHERE user_id = $1 AND seq <= $2 AND read_at IS NULL AND dropped_at IS NULL
                  FOR NO KEY UPDATE SKIP LOCKED",
};

const UNREAD_UPTO: &str = "SELECT notice_id FROM notice
      WHERE user_id = $1 AND seq <= $2 AND read_at IS NULL AND dropped_at IS NULL";

/// Those by id that are the user's own.
const IDS: Bulk = bulk!(
    "SELECT notice.notice_id FROM ",
    (user_id bigint, notice_id bigint),
    " CROSS JOIN notice WHERE notice.notice_id = given.notice_id
         AND notice.user_id = given.user_id AND notice.read_at IS NULL",
    postgres " FOR NO KEY UPDATE OF notice SKIP LOCKED"
);

const UNREAD_IDS: Bulk = bulk!(
    "SELECT notice.notice_id FROM ",
    (user_id bigint, notice_id bigint),
    " CROSS JOIN notice WHERE notice.notice_id = given.notice_id
         AND notice.user_id = given.user_id AND notice.read_at IS NULL"
);

const READ: Bulk = bulk!(
    "UPDATE notice SET read_at = given.at FROM ",
    (notice_id bigint, at bigint),
    " WHERE notice.notice_id = given.notice_id AND notice.read_at IS NULL"
);

/// Whether those that somebody has just now are among those that are asked for.
#[derive(Clone, Copy)]
enum Which {
    Free,
    All,
}

/// Marks entries of a user.
pub(super) async fn mark(
    db: &Db,
    user: UserId,
    which: &ReadSelection,
    at: Millis,
) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let done = mark_free(&mut tx, user, which, at).await;
    tx.end(done).await?;
    if db.is_sqlite() {
        return Ok(());
    }
    let left = unread(&mut db.read().await?, user, which, Which::All).await?;
    for notice in left {
        // Each is a transaction of its own.
        read(&mut db.write().await?, &[notice], at).await?;
    }
    Ok(())
}

async fn mark_free(
    conn: &mut Conn,
    user: UserId,
    which: &ReadSelection,
    at: Millis,
) -> Result<(), StoreError> {
    let free = unread(conn, user, which, Which::Free).await?;
    read(conn, &free, at).await
}

async fn unread(
    conn: &mut Conn,
    user: UserId,
    which: &ReadSelection,
    those: Which,
) -> Result<Vec<(i64,)>, StoreError> {
    match (which, those) {
        (ReadSelection::Upto(seq), Which::Free) => fetch_all!(conn, (i64,), UPTO, user.0, seq),
        (ReadSelection::Upto(seq), Which::All) => {
            fetch_all!(conn, (i64,), UNREAD_UPTO, user.0, seq)
        }
        (ReadSelection::Ids(ids), those) => {
            let given =
                Given::new().ints(ids.iter().map(|_id| user.0)).ints(ids.iter().map(|id| id.0));
            let bulk = if matches!(those, Which::Free) { &IDS } else { &UNREAD_IDS };
            conn.given_all(bulk, given).await
        }
    }
}

async fn read(conn: &mut Conn, notices: &[(i64,)], at: Millis) -> Result<(), StoreError> {
    let given = Given::new()
        .ints(notices.iter().map(|(notice,)| *notice))
        .ints(notices.iter().map(|_notice| at.0));
    conn.given_execute(&READ, given).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&IDS, &UNREAD_IDS, &READ]).await;
    }
}
