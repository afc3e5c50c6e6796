//! The inboxes that a batch writes to, under lock. They are locked by user. Which they are shows only
//! step by step, so a step may come to one that lies before what is held already. That one is not
//! waited for: if it is not free, the batch is rolled back and begins anew with all that it knows of.

use std::collections::{BTreeSet, HashMap};

use crate::domain::UserId;
use crate::store::StoreError;
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, bulk};

/// Waits for those that are held by others.
const LOCK: Bulk = bulk!(
    "SELECT inbox.user_id, inbox.head, account.locale FROM ",
    (user_id bigint),
    " CROSS JOIN inbox CROSS JOIN account
      WHERE inbox.user_id = given.user_id AND account.user_id = inbox.user_id
      ORDER BY inbox.user_id",
    postgres " FOR NO KEY UPDATE OF inbox"
);

/// Waits for nobody.
const LOCK_FREE: Bulk = bulk!(
    "SELECT inbox.user_id, inbox.head, account.locale FROM ",
    (user_id bigint),
    " CROSS JOIN inbox CROSS JOIN account
      WHERE inbox.user_id = given.user_id AND account.user_id = inbox.user_id
      ORDER BY inbox.user_id",
    postgres " FOR NO KEY UPDATE OF inbox NOWAIT"
);

/// An inbox under lock.
pub(super) struct Inbox {
    pub(super) head: i64,
    pub(super) locale: String,
}

/// Those of a batch.
#[derive(Debug, Default)]
pub(super) struct Inboxes {
    /// All that one of its tries has come to.
    known: BTreeSet<i64>,
    /// The last that this transaction holds.
    last: Option<i64>,
    /// A piece of a batch does not know what those before it hold.
    is_piece: bool,
}

impl Inboxes {
    /// Begins a transaction: takes what is known from earlier ones.
    pub(super) async fn begin(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        (self.last, self.is_piece) = (None, false);
        self.lock(conn, self.known.clone()).await.map(drop)
    }

    /// From here on pieces come, one after the other.
    pub(super) const fn in_pieces(&mut self) {
        self.is_piece = true;
    }

    /// Takes the inboxes of these users.
    pub(super) async fn lock(
        &mut self,
        conn: &mut Conn,
        users: BTreeSet<i64>,
    ) -> Result<HashMap<UserId, Inbox>, StoreError> {
        let is_next = self.last.is_none_or(|last| users.first().is_some_and(|user| *user > last));
        let lock = if is_next && !self.is_piece { &LOCK } else { &LOCK_FREE };
        self.known.extend(&users);
        self.last = self.last.max(users.last().copied());
        let rows: Vec<(i64, i64, String)> = conn.given_all(lock, Given::new().ints(users)).await?;
        let inbox = |(user, head, locale)| (UserId(user), Inbox { head, locale });
        Ok(rows.into_iter().map(inbox).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&LOCK, &LOCK_FREE]).await;
    }
}
