//! Making rooms.

use crate::domain::Epoch;
use crate::domain::RoomId;
use crate::store::db::{Conn, Sql, fetch_one, fetch_optional};
use crate::store::{Store, StoreError};

use super::types::{NewRoom, RoomView};

/// The club is locked, so that a room is not made in one that is being deleted, and everyone who
/// joins at the same moment either finds the room or is there before it.
const LOCK_CLUB: Sql = Sql {
    sqlite: "SELECT club_id FROM club WHERE club_id = $1 AND deleted_at IS NULL",
    postgres: "SELECT club_id FROM club WHERE club_id = $1 AND deleted_at IS NULL
                  FOR NO KEY UPDATE",
};

impl Store {
    /// Makes a room of a club.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with `room_club` when there is no such living club.
    pub async fn create_room(&self, new: NewRoom<'_>) -> Result<RoomView, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = make(&mut tx, new).await;
        tx.end(done).await
    }
}

async fn make(conn: &mut Conn, new: NewRoom<'_>) -> Result<RoomView, StoreError> {
    if fetch_optional!(conn, (i64,), LOCK_CLUB, new.club.0)?.is_none() {
        return Err(StoreError::Conflict { constraint: "room_club".to_owned() });
    }
    let (room, epoch): (i64, String) = fetch_one!(
        conn,
        (i64, String),
        "INSERT INTO room (kind, club_id, name, created_by, created_at) VALUES ($1, $2, $3, $4, $5)
         RETURNING room_id, epoch",
        new.kind.word(),
        new.club.0,
        new.name.as_str(),
        new.by.0,
        new.at.0
    )?;
    Ok(RoomView {
        room: RoomId(room),
        name: new.name.as_str().to_owned(),
        kind: new.kind,
        club: Some(new.club),
        epoch: Epoch(epoch.into()),
        head: 0,
        n: 0,
        read_n: 0,
        mentions: 0,
    })
}
