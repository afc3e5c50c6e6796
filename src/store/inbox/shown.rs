//! When entries were first shown to their user.

use std::collections::BTreeMap;

use crate::domain::{Millis, UserId};
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, bulk};
use crate::store::{Store, StoreError};

/// Entries of a user that were shown: all from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownNotices {
    /// Whose.
    pub user: UserId,
    /// Seq of the first.
    pub first: i64,
    /// Seq of the last.
    pub last: i64,
    /// When.
    pub at: Millis,
}

/// Which of given entries were not shown before. Whoever reads or drops one just now is not waited
/// for: this holds many rows of many users, and they hold some of those in another order.
const FRESH: Bulk = bulk!(
    "SELECT notice.notice_id, given.at FROM ",
    (user_id bigint, first_seq bigint, last_seq bigint, at bigint),
    " CROSS JOIN notice
       WHERE notice.user_id = given.user_id
         AND notice.seq BETWEEN given.first_seq AND given.last_seq
         AND notice.delivered_at IS NULL",
    postgres " FOR NO KEY UPDATE OF notice SKIP LOCKED"
);

/// The first time wins, also where two devices were shown the same.
const DELIVERED: Bulk = bulk!(
    "UPDATE notice SET delivered_at = given.at FROM ",
    (notice_id bigint, at bigint),
    " WHERE notice.notice_id = given.notice_id AND notice.delivered_at IS NULL"
);

impl Store {
    /// Writes down when entries were first shown. It is the first time that stays, and being shown
    /// is not being read.
    ///
    /// # Errors
    /// When the store does not answer; then nothing is written.
    pub async fn note_shown(&self, shown: &[ShownNotices]) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let done = note_shown(&mut tx, shown).await;
        tx.end(done).await
    }
}

async fn note_shown(conn: &mut Conn, shown: &[ShownNotices]) -> Result<(), StoreError> {
    let given = Given::new()
        .ints(shown.iter().map(|shown| shown.user.0))
        .ints(shown.iter().map(|shown| shown.first))
        .ints(shown.iter().map(|shown| shown.last))
        .ints(shown.iter().map(|shown| shown.at.0));
    let fresh: Vec<(i64, i64)> = conn.given_all(&FRESH, given).await?;
    let mut first: BTreeMap<i64, i64> = BTreeMap::new();
    for (notice, at) in fresh {
        first.entry(notice).and_modify(|known| *known = at.min(*known)).or_insert(at);
    }
    if first.is_empty() {
        return Ok(());
    }
    let given = Given::new().ints(first.keys().copied()).ints(first.values().copied());
    conn.given_execute(&DELIVERED, given).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&FRESH, &DELIVERED]).await;
    }
}
