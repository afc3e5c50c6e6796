//! Joining and leaving a lobby.

use crate::domain::{RoomId, RoomKind};
use crate::store::StoreError;
use crate::store::append::{AppendRefusal, EventWriter, Line};
use crate::store::db::{Conn, execute, fetch_optional};

use super::members::{Moved, Mover, changes, enter, write_lines};
use super::places::Places;

/// Enters a lobby.
pub(super) async fn join(
    conn: &mut Conn,
    places: &mut Places,
    (room, who): (RoomId, Mover),
    writer: &dyn EventWriter,
) -> Result<Moved, StoreError> {
    match places.rooms.get(&room).map(|head| head.kind) {
        Some(RoomKind::Lobby) => {}
        Some(_closed) => return Ok(Err(AppendRefusal::NotOpen)),
        None => return Ok(Err(AppendRefusal::Gone)),
    }
    if is_inside(conn, room, who).await? {
        return Ok(Ok(Vec::new()));
    }
    enter(conn, &[room], who).await?;
    execute!(
        conn,
        "UPDATE room_member SET is_inside = TRUE WHERE room_id = $1 AND user_id = $2",
        room.0,
        who.user.0
    )?;
    let lines = write_lines(conn, places, vec![room], (Line::Join, who, writer)).await?;
    Ok(Ok(changes(&[room], &lines)))
}

/// Leaves a lobby: the line first, so that the leaver is still there to see it.
pub(super) async fn leave(
    conn: &mut Conn,
    places: &mut Places,
    (room, who): (RoomId, Mover),
    writer: &dyn EventWriter,
) -> Result<Moved, StoreError> {
    match places.rooms.get(&room).map(|head| head.kind) {
        Some(RoomKind::Lobby) => {}
        Some(_closed) => return Ok(Err(AppendRefusal::NotOpen)),
        None => return Ok(Err(AppendRefusal::Gone)),
    }
    if !is_inside(conn, room, who).await? {
        return Ok(Err(AppendRefusal::NotMember));
    }
    let lines = write_lines(conn, places, vec![room], (Line::Leave, who, writer)).await?;
    execute!(
        conn,
        "UPDATE room_member SET is_inside = FALSE WHERE room_id = $1 AND user_id = $2",
        room.0,
        who.user.0
    )?;
    Ok(Ok(changes(&[room], &lines)))
}

async fn is_inside(conn: &mut Conn, room: RoomId, who: Mover) -> Result<bool, StoreError> {
    let row = fetch_optional!(
        conn,
        (bool,),
        "SELECT is_inside FROM room_member WHERE room_id = $1 AND user_id = $2",
        room.0,
        who.user.0
    )?;
    Ok(row.is_some_and(|(is_inside,)| is_inside))
}
