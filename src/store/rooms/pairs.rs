//! Private rooms: one for each pair of people, for ever.

use crate::domain::{Millis, RoomId, RoomKind, UserId};
use crate::store::blocks::{BOTH, are_apart};
use crate::store::bots::may_pair;
use crate::store::db::{Conn, execute, fetch_all, fetch_optional};
use crate::store::{Store, StoreError};

impl Store {
    /// The private room of two different people, and whether it was made just now. Asked for by
    /// both at once it is still one. None while one of them has blocked the other.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one of them does not exist, or both are the same, or one is a bot
    /// that the other has not made.
    pub async fn pair(
        &self,
        one: UserId,
        other: UserId,
        at: Millis,
    ) -> Result<Option<(RoomId, bool)>, StoreError> {
        let pair = (one.min(other), one.max(other));
        let known = find(&mut self.db.read().await?, pair).await?;
        if let Some((room, is_shut)) = known {
            return Ok((!is_shut).then_some((room, false)));
        }
        if pair.0 == pair.1 {
            return Err(StoreError::Conflict { constraint: "room_pair".to_owned() });
        }
        let mut tx = self.db.begin().await?;
        let done = make(&mut tx, one, pair, at).await;
        tx.end(done).await
    }
}

/// The room of a pair, and whether it is shut.
async fn find(
    conn: &mut Conn,
    pair: (UserId, UserId),
) -> Result<Option<(RoomId, bool)>, StoreError> {
    let row = fetch_optional!(
        conn,
        (i64, bool),
        "SELECT room_id, is_shut FROM room WHERE pair_low = $1 AND pair_high = $2",
        pair.0.0,
        pair.1.0
    )?;
    Ok(row.map(|(room, is_shut)| (RoomId(room), is_shut)))
}

async fn make(
    conn: &mut Conn,
    by: UserId,
    pair: (UserId, UserId),
    at: Millis,
) -> Result<Option<(RoomId, bool)>, StoreError> {
    let living = fetch_all!(conn, (i64,), BOTH, pair.0.0, pair.1.0)?;
    if living.len() < 2 {
        return Err(StoreError::Conflict { constraint: "room_pair_account".to_owned() });
    }
    if !may_pair(conn, pair.0, pair.1).await? {
        return Err(StoreError::Conflict { constraint: "bot_pair".to_owned() });
    }
    if are_apart(conn, pair.0, pair.1).await? {
        return Ok(None);
    }
    // Whoever comes second waits here for the first, and then finds its room.
    let made = fetch_optional!(
        conn,
        (i64,),
        "INSERT INTO room (kind, name, notify, pair_low, pair_high, created_by, created_at)
         VALUES ('private', '', $1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING RETURNING room_id",
        RoomKind::Private.default_notify().word(),
        pair.0.0,
        pair.1.0,
        by.0,
        at.0
    )?;
    let Some((room,)) = made else {
        let known = find(conn, pair).await?;
        let known = known.ok_or_else(|| StoreError::Corrupt("a pair without a room".to_owned()))?;
        return Ok(Some((known.0, false)));
    };
    execute!(
        conn,
        "INSERT INTO room_member (room_id, user_id, joined_at, is_inside)
         VALUES ($1, $2, $4, TRUE), ($1, $3, $4, TRUE)",
        room,
        pair.0.0,
        pair.1.0,
        at.0
    )?;
    Ok(Some((RoomId(room), true)))
}
