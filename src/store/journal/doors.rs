//! Joining and leaving one room, by what kind of room it is.

use crate::domain::{ClubRole, RoomId, RoomKind};
use crate::store::StoreError;
use crate::store::append::AppendRefusal;
use crate::store::db::{Conn, execute, fetch_optional};
use crate::store::moves::{Moves, Passage};
use crate::store::rooms::may_read;
use crate::store::writer::{EventWriter, Line};

use super::members::{Done, Mover, line_of, one, write_lines};
use super::places::Places;
use super::{groups, lobbies};

/// Enters a room that may be entered so.
pub(super) async fn join(
    conn: &mut Conn,
    places: &mut Places,
    (room, who): (RoomId, Mover),
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    match places.rooms.get(&room).map(|head| head.kind) {
        Some(RoomKind::Lobby) => lobbies::join(conn, places, (room, who), writer).await,
        Some(RoomKind::Group) => groups::join(conn, places, (room, who), writer).await,
        Some(RoomKind::Member | RoomKind::Manager) => {
            say_hello(conn, places, (room, who), writer).await
        }
        Some(RoomKind::Private) => Ok(Err(AppendRefusal::PrivateRoom)),
        None => Ok(Err(AppendRefusal::Gone)),
    }
}

/// Leaves a room that may be left so.
pub(super) async fn leave(
    conn: &mut Conn,
    places: &mut Places,
    (room, who): (RoomId, Mover),
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    match places.rooms.get(&room).map(|head| head.kind) {
        Some(RoomKind::Lobby) => lobbies::leave(conn, places, (room, who), writer).await,
        Some(RoomKind::Group) => groups::leave(conn, places, (room, who), writer).await,
        // A club is left as a whole.
        Some(RoomKind::Member | RoomKind::Manager) => Ok(Err(AppendRefusal::NotGroup)),
        Some(RoomKind::Private) => Ok(Err(AppendRefusal::PrivateRoom)),
        None => Ok(Err(AppendRefusal::Gone)),
    }
}

/// The first explicit join of a club room by who may read it anyhow: a line, and nothing else.
async fn say_hello(
    conn: &mut Conn,
    places: &mut Places,
    (room, who): (RoomId, Mover),
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    const READER: &str = concat!(
        "SELECT room.is_general OR coalesce(seen.is_announced, FALSE), m.role
           FROM room LEFT JOIN room_member seen
                  ON seen.room_id = room.room_id AND seen.user_id = $2
                JOIN membership m ON m.club_id = room.club_id AND m.user_id = $2
          WHERE room.room_id = $1 AND ",
        may_read!("$2")
    );
    const ANNOUNCE: &str = "INSERT INTO room_member (room_id, user_id, is_announced)
         VALUES ($1, $2, TRUE)
         ON CONFLICT (room_id, user_id) DO UPDATE SET is_announced = TRUE";
    let row = fetch_optional!(conn, (bool, String), READER, room.0, who.user.0)?;
    let Some((is_announced, role)) = row else {
        return Ok(Err(AppendRefusal::NotMember));
    };
    if is_announced {
        return Ok(Ok(Moves::default()));
    }
    execute!(conn, ANNOUNCE, room.0, who.user.0)?;
    let lines = write_lines(conn, places, vec![room], (Line::Join, who, writer)).await?;
    let how = Passage::Stands(role.parse::<ClubRole>()?.into());
    Ok(Ok(one(room, who.user, how, line_of(&lines, room))))
}
