//! What a member wants of a room: which inbox entries, and whether to see it in the list.

use crate::domain::{Notify, RoomId, RoomKind, UserId};
use crate::store::db::{Conn, Sql, execute, fetch_optional};
use crate::store::given::{Bulk, Given, bulk};
use crate::store::{Store, StoreError};

use super::rights::may_read;

/// A living room, locked as the journal locks it.
const LOCK: Sql = Sql {
    sqlite: "SELECT kind, n FROM room WHERE room_id = $1 AND deleted_at IS NULL",
    postgres: "SELECT kind, n FROM room WHERE room_id = $1 AND deleted_at IS NULL
                  FOR NO KEY UPDATE",
};

const OPENED: Bulk = bulk!(
    "INSERT INTO room_member (room_id, user_id, is_opened)
     SELECT given.room_id, given.user_id, TRUE FROM ",
    (room_id bigint, user_id bigint),
    concat!(
        " CROSS JOIN room WHERE room.room_id = given.room_id AND ",
        may_read!("given.user_id"),
        " ON CONFLICT (room_id, user_id) DO UPDATE SET is_opened = TRUE"
    )
);

impl Store {
    /// Says which messages of a room make an inbox entry for a user who may read it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_notify(
        &self,
        room: RoomId,
        user: UserId,
        notify: Notify,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let done = set(&mut tx, room, user, notify).await;
        tx.end(done).await
    }

    /// Notes who has opened a room of a club for the first time. Who is not in it any more is left
    /// out.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_opened(&self, room: RoomId, users: &[UserId]) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let done = note_opened(&mut tx, room, users).await;
        tx.end(done).await
    }

    /// Hides a private room until its next message, or shows it again. False for a room that
    /// cannot be hidden.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn hide_room(
        &self,
        room: RoomId,
        user: UserId,
        is_hidden: bool,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = hide(&mut tx, room, user, is_hidden).await;
        tx.end(done).await
    }
}

async fn set(
    conn: &mut Conn,
    room: RoomId,
    user: UserId,
    notify: Notify,
) -> Result<(), StoreError> {
    if fetch_optional!(conn, (String, i64), LOCK, room.0)?.is_none() {
        return Ok(());
    }
    execute!(
        conn,
        "INSERT INTO room_member (room_id, user_id, notify) VALUES ($1, $2, $3)
         ON CONFLICT (room_id, user_id) DO UPDATE SET notify = $3",
        room.0,
        user.0,
        notify.word()
    )?;
    execute!(
        conn,
        "UPDATE room SET is_watched = EXISTS (SELECT 1 FROM room_member seen
                                               WHERE seen.room_id = $1 AND seen.notify = 'all')
          WHERE room_id = $1",
        room.0
    )?;
    Ok(())
}

/// The room is locked: nobody is put out meanwhile, whose row would come back.
async fn note_opened(conn: &mut Conn, room: RoomId, users: &[UserId]) -> Result<(), StoreError> {
    if fetch_optional!(conn, (String, i64), LOCK, room.0)?.is_none() {
        return Ok(());
    }
    let given =
        Given::new().ints(users.iter().map(|_user| room.0)).ints(users.iter().map(|user| user.0));
    conn.given_execute(&OPENED, given).await
}

async fn hide(
    conn: &mut Conn,
    room: RoomId,
    user: UserId,
    is_hidden: bool,
) -> Result<bool, StoreError> {
    let row = fetch_optional!(conn, (String, i64), LOCK, room.0)?;
    let Some((_kind, n)) = row.filter(|(kind, _n)| kind == RoomKind::Private.word()) else {
        return Ok(false);
    };
    execute!(
        conn,
        "UPDATE room_member SET hidden_n = $3 WHERE room_id = $1 AND user_id = $2 AND is_inside",
        room.0,
        user.0,
        is_hidden.then_some(n)
    )?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&OPENED]).await;
    }
}
