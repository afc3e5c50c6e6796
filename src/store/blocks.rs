//! People who want nothing to do with one another.
//!
//! *Belongs here:* who has blocked whom, and what follows for the private room of the two. *Does not
//! belong here:* who is told of what; the journal asks [`apart!`] where it makes mentions and entries.
//!
//! * **Invariant:** a private room is shut exactly while one of its two has blocked the other. The row
//!   of the room says so, as the journal reads it under its lock; what is written waits for a block
//!   under way, or came before it. With an erased account its blocks go, and what is shut stays so.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};

use super::accounts::{User, UserRow, user_columns};
use super::db::{Conn, Sql, execute, fetch_all, fetch_one, fetch_optional};
use super::given::{Bulk, Given, bulk};
use super::page::Page;
use super::{Store, StoreError};
use crate::domain::{Millis, RoomId, UserId, limits};

/// Whether one of two users, given as expressions, has blocked the other.
macro_rules! apart {
    ($one:literal, $other:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM block WHERE block.user_id = ",
            $one,
            " AND block.blocked_id = ",
            $other,
            " LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1 FROM block WHERE block.user_id = ",
            $other,
            " AND block.blocked_id = ",
            $one,
            " LIMIT 1 OFFSET 0))"
        )
    };
}
pub(super) use apart;

/// Those of some pairs that are apart.
const APART: Bulk = bulk!(
    "SELECT given.user_id, given.other_id FROM ",
    (user_id bigint, other_id bigint),
    concat!(" WHERE ", apart!("given.user_id", "given.other_id"))
);

/// Two living accounts, locked in the order of their ids: who makes the room of the two waits for who
/// blocks, and the other way round.
pub(super) const BOTH: Sql = Sql {
    sqlite: "SELECT user_id FROM account WHERE user_id IN ($1, $2) AND deleted_at IS NULL
              ORDER BY user_id",
    postgres: "SELECT user_id FROM account WHERE user_id IN ($1, $2) AND deleted_at IS NULL
                ORDER BY user_id FOR NO KEY UPDATE",
};

/// Somebody whom a user has blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Who.
    pub user: User,
    /// Since when.
    pub at: Millis,
}

/// What came of blocking somebody, or of taking that back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    /// It stands. The private room of the two, if that made a difference to it, and whether it is shut
    /// now.
    Done(Option<(RoomId, bool)>),
    /// There is nobody to block.
    Gone,
    /// The user has blocked as many people as one may.
    Full,
}

#[derive(Debug, sqlx::FromRow)]
struct BlockRow {
    blocked_at: i64,
    #[sqlx(flatten)]
    user: UserRow,
}

impl TryFrom<BlockRow> for Block {
    type Error = StoreError;

    fn try_from(row: BlockRow) -> Result<Self, StoreError> {
        Ok(Self { user: row.user.try_into()?, at: Millis(row.blocked_at) })
    }
}

impl Store {
    /// A user blocks another one, of whom there may be [`limits::BLOCKS`], or does so no longer. Once more
    /// changes nothing.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_block(
        &self,
        user: UserId,
        other: UserId,
        is_blocked: bool,
        at: Millis,
    ) -> Result<Blocked, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = set(&mut tx, (user, other), is_blocked, at).await;
        tx.end(done).await
    }

    /// Whom a user has blocked, newest first. The key of a page is (`at`, user id).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn blocks(
        &self,
        user: UserId,
        page: Page<(i64, i64)>,
    ) -> Result<Vec<Block>, StoreError> {
        let (at, id) = page.below();
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            BlockRow,
            concat!(
                "SELECT block.at AS blocked_at, ",
                user_columns!(),
                " FROM block JOIN account ON account.user_id = block.blocked_id
                  WHERE block.user_id = $1 AND (block.at, block.blocked_id) < ($2, $3)
                  ORDER BY block.at DESC, block.blocked_id DESC LIMIT $4"
            ),
            user.0,
            at,
            id,
            page.limit
        )?;
        rows.into_iter().map(Block::try_from).collect()
    }
}

async fn set(
    conn: &mut Conn,
    (user, other): (UserId, UserId),
    is_blocked: bool,
    at: Millis,
) -> Result<Blocked, StoreError> {
    let (low, high) = (user.min(other), user.max(other));
    let living = fetch_all!(conn, (i64,), BOTH, low.0, high.0)?;
    if is_blocked {
        if living.len() < 2 {
            return Ok(Blocked::Gone);
        }
        // The account is locked: nobody counts beside this.
        let (others, here) = fetch_one!(
            conn,
            (i64, i64),
            "SELECT count(*) FILTER (WHERE blocked_id <> $2),
                    count(*) FILTER (WHERE blocked_id = $2) FROM block WHERE user_id = $1",
            user.0,
            other.0
        )?;
        if here == 0 && others >= limits::BLOCKS {
            return Ok(Blocked::Full);
        }
        execute!(
            conn,
            "INSERT INTO block (user_id, blocked_id, at) VALUES ($1, $2, $3)
             ON CONFLICT (user_id, blocked_id) DO NOTHING",
            user.0,
            other.0,
            at.0
        )?;
    } else {
        execute!(
            conn,
            "DELETE FROM block WHERE user_id = $1 AND blocked_id = $2",
            user.0,
            other.0
        )?;
        // With an erased account all of them went before.
        if living.len() < 2 {
            return Ok(Blocked::Done(None));
        }
    }
    let is_shut = are_apart(conn, user, other).await?;
    let room = fetch_optional!(
        conn,
        (i64,),
        "UPDATE room SET is_shut = $3, rev = rev + 1
          WHERE pair_low = $1 AND pair_high = $2 AND is_shut <> $3 RETURNING room_id",
        low.0,
        high.0,
        is_shut
    )?;
    Ok(Blocked::Done(room.map(|(room,)| (RoomId(room), is_shut))))
}

/// Whether one of two has blocked the other.
pub(super) async fn are_apart(
    conn: &mut Conn,
    one: UserId,
    other: UserId,
) -> Result<bool, StoreError> {
    let (is_apart,) =
        fetch_one!(conn, (bool,), concat!("SELECT ", apart!("$1", "$2")), one.0, other.0)?;
    Ok(is_apart)
}

/// Which of these pairs are apart. Runs no statement for none.
pub(super) async fn apart_of(
    conn: &mut Conn,
    pairs: &BTreeSet<(UserId, UserId)>,
) -> Result<HashSet<(UserId, UserId)>, StoreError> {
    if pairs.is_empty() {
        return Ok(HashSet::new());
    }
    let given = Given::new()
        .ints(pairs.iter().map(|(user, _other)| user.0))
        .ints(pairs.iter().map(|(_user, other)| other.0));
    let rows: Vec<(i64, i64)> = conn.given_all(&APART, given).await?;
    Ok(rows.into_iter().map(|(user, other)| (UserId(user), UserId(other))).collect())
}

/// Whom a user has blocked, for their export: by user id behind `after`. Tells the last of them.
pub(super) async fn of(
    conn: &mut Conn,
    (user, after): (UserId, i64),
    limit: i64,
) -> Result<(Vec<Value>, Option<i64>), StoreError> {
    let rows = fetch_all!(
        conn,
        (i64, i64),
        "SELECT blocked_id, at FROM block WHERE user_id = $1 AND blocked_id > $2
          ORDER BY blocked_id LIMIT $3",
        user.0,
        after,
        limit
    )?;
    let last = rows.last().map(|(other, _at)| *other);
    let block = |(other, at)| json!({ "user": UserId(other), "at": Millis(at) });
    Ok((rows.into_iter().map(block).collect(), last))
}

/// The blocks of an account that is erased go, and those of others that are about it.
pub(super) async fn forget(conn: &mut Conn, user: UserId) -> Result<(), StoreError> {
    execute!(conn, "DELETE FROM block WHERE user_id = $1 OR blocked_id = $1", user.0)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&APART]).await;
    }
}
