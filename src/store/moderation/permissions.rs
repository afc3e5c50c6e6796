//! Who may do what in a room, where it says so itself.

use crate::domain::{
    AuditAction, ClubId, Least, Millis, Overrides, Permission, RoomId, RoomKind, Rules, UserId,
};
use crate::store::db::{Conn, Sql, execute, fetch_optional};
use crate::store::rooms::rank_in;
use crate::store::{Store, StoreError};

use super::audit::{Book, Note, note};
use super::types::PermissionChange;

/// The room stands still while it is judged who may change it.
const LOCK: Sql = Sql {
    sqlite: "SELECT kind, club_id, permissions, write FROM room
              WHERE room_id = $1 AND deleted_at IS NULL",
    postgres: "SELECT kind, club_id, permissions, write FROM room
                WHERE room_id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE",
};

impl Store {
    /// Changes who may do what in a room: each permission gets a lowest rank, or goes back to the
    /// default. All of it or nothing.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_permissions(
        &self,
        room: RoomId,
        wishes: &[(Permission, Option<Least>)],
        (by, at): (UserId, Millis),
    ) -> Result<PermissionChange, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = change(&mut tx, room, wishes, (by, at)).await;
        tx.end(done).await
    }
}

async fn change(
    conn: &mut Conn,
    room: RoomId,
    wishes: &[(Permission, Option<Least>)],
    who: (UserId, Millis),
) -> Result<PermissionChange, StoreError> {
    let row = fetch_optional!(conn, (String, Option<i64>, String, String), LOCK, room.0)?;
    let rank = rank_in(conn, room, who.0).await?;
    let (Some((kind, club, permissions, write)), Some(rank)) = (row, rank) else {
        return Ok(PermissionChange::Gone);
    };
    let kind: RoomKind = kind.parse()?;
    let before = Overrides::read(&permissions, &write);
    if !Rules::of(kind).with(&before).allows(Permission::Configure, rank) {
        return Ok(PermissionChange::Denied);
    }
    let mut overrides = before.clone();
    for (permission, wish) in wishes {
        if let Err(why) = overrides.set(kind, *permission, *wish, rank) {
            return Ok(PermissionChange::Invalid(*permission, why));
        }
    }
    if overrides == before {
        return Ok(PermissionChange::Done);
    }
    execute!(
        conn,
        "UPDATE room SET permissions = $2, write = $3, rev = rev + 1 WHERE room_id = $1",
        room.0,
        overrides.to_string(),
        overrides.write()
    )?;
    let detail = told(wishes);
    let entry = Note::new(AuditAction::Permissions, Book::of(kind, club.map(ClubId)), who);
    note(conn, &Note { place: Some((room, 0)), detail: &detail, ..entry }).await?;
    Ok(PermissionChange::Done)
}

/// A change as the audit log shows it.
fn told(wishes: &[(Permission, Option<Least>)]) -> String {
    let word = |(permission, least): &(Permission, Option<Least>)| {
        format!("{permission}={}", least.map_or("default", Least::word))
    };
    wishes.iter().map(word).collect::<Vec<_>>().join(" ")
}
