//! Joining and leaving a lobby.

use crate::domain::{Rank, RoomId};
use crate::store::StoreError;
use crate::store::append::AppendRefusal;
use crate::store::db::{Conn, execute, fetch_optional};
use crate::store::moves::{Move, Moves, Passage};
use crate::store::rooms::rank_in;
use crate::store::writer::{EventWriter, Line};

use super::members::{Done, Mover, enter, line_of, one, write_lines};
use super::places::Places;

/// Enters a lobby.
pub(super) async fn join(
    conn: &mut Conn,
    places: &mut Places,
    (room, who): (RoomId, Mover),
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    if is_inside(conn, room, who).await? {
        return Ok(Ok(Moves::default()));
    }
    enter(conn, &[room], who).await?;
    set_inside(conn, room, who, true).await?;
    let since = places.rooms.get(&room).map_or(0, |head| head.head);
    let lines = write_lines(conn, places, vec![room], (Line::Join, who, writer)).await?;
    let mut moves = one(room, who.user, Passage::Came { since }, line_of(&lines, room));
    // Who comes is a member, until something else is said of them: an admin is more.
    if let Some(rank) = rank_in(conn, room, who.user).await?.filter(|rank| *rank > Rank::Member) {
        let how = Passage::Stands(rank);
        moves.moves.push(Move { room, user: who.user, how, line: None });
    }
    Ok(Ok(moves))
}

/// Leaves a lobby: the line first, so that the leaver is still there to see it.
pub(super) async fn leave(
    conn: &mut Conn,
    places: &mut Places,
    (room, who): (RoomId, Mover),
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    if !is_inside(conn, room, who).await? {
        return Ok(Err(AppendRefusal::NotMember));
    }
    let lines = write_lines(conn, places, vec![room], (Line::Leave, who, writer)).await?;
    set_inside(conn, room, who, false).await?;
    Ok(Ok(one(room, who.user, Passage::Went("left"), line_of(&lines, room))))
}

/// Whether a user is inside a room that is no club room.
pub(super) async fn is_inside(
    conn: &mut Conn,
    room: RoomId,
    who: Mover,
) -> Result<bool, StoreError> {
    let row = fetch_optional!(
        conn,
        (bool,),
        "SELECT is_inside FROM room_member WHERE room_id = $1 AND user_id = $2",
        room.0,
        who.user.0
    )?;
    Ok(row.is_some_and(|(is_inside,)| is_inside))
}

/// Lets a user in, or out.
pub(super) async fn set_inside(
    conn: &mut Conn,
    room: RoomId,
    who: Mover,
    is_inside: bool,
) -> Result<(), StoreError> {
    execute!(
        conn,
        "UPDATE room_member SET is_inside = $3 WHERE room_id = $1 AND user_id = $2",
        room.0,
        who.user.0,
        is_inside
    )?;
    Ok(())
}
