//! Joining and leaving. Rare, so each is done singly, in its turn of the batch.

use crate::domain::{Millis, RoomId, UserId};
use crate::store::StoreError;
use crate::store::append::{
    Append, AppendRefusal, Appended, EventWriter, Line, RoomChange, StoredEvent,
};
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, Script, bulk};

use super::places::Places;
use super::{clubs, lobbies, rows};

/// Who changes place, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mover {
    pub(super) user: UserId,
    pub(super) at: Millis,
}

/// A place in rooms, read up to now; whoever was there before begins anew.
const ENTER: Bulk = bulk!(
    "INSERT INTO room_member (room_id, user_id, joined_at, join_seq, read_n, read_seq)
     SELECT room.room_id, given.user_id, given.at, room.head, room.n, room.head FROM ",
    (room_id bigint, user_id bigint, at bigint),
    " CROSS JOIN room WHERE room.room_id = given.room_id
      ON CONFLICT (room_id, user_id) DO UPDATE
         SET joined_at = excluded.joined_at, join_seq = excluded.join_seq,
             read_n = excluded.read_n, read_seq = excluded.read_seq"
);

/// Does one membership append.
pub(super) async fn change(
    conn: &mut Conn,
    places: &mut Places,
    append: &Append,
    writer: &dyn EventWriter,
) -> Result<Appended, StoreError> {
    let done = match *append {
        Append::JoinClub { club, user, at } => {
            clubs::join(conn, places, (club, Mover { user, at }), writer).await?
        }
        Append::LeaveClub { club, user, at } => {
            clubs::leave(conn, places, (club, Mover { user, at }), writer).await?
        }
        Append::JoinRoom { room, user, at } => {
            lobbies::join(conn, places, (room, Mover { user, at }), writer).await?
        }
        Append::LeaveRoom { room, user, at } => {
            lobbies::leave(conn, places, (room, Mover { user, at }), writer).await?
        }
        Append::Message(_) | Append::Mark { .. } => Err(AppendRefusal::Gone),
    };
    Ok(match done {
        Ok(rooms) => Appended::Member { rooms },
        Err(why) => Appended::Refused(why),
    })
}

/// The rooms that a change opens or closes, or why it is not done.
pub(super) type Moved = Result<Vec<RoomChange>, AppendRefusal>;

/// Gives a user a place in rooms, with everything so far counted as read.
pub(super) async fn enter(conn: &mut Conn, rooms: &[RoomId], who: Mover) -> Result<(), StoreError> {
    let given = Given::new()
        .ints(rooms.iter().map(|room| room.0))
        .ints(rooms.iter().map(|_room| who.user.0))
        .ints(rooms.iter().map(|_room| who.at.0));
    conn.given_execute(&ENTER, given).await
}

/// Writes one line into each of some rooms.
pub(super) async fn write_lines(
    conn: &mut Conn,
    places: &mut Places,
    rooms: Vec<RoomId>,
    (line, who, writer): (Line, Mover, &dyn EventWriter),
) -> Result<Vec<(RoomId, StoredEvent)>, StoreError> {
    let mut events = Vec::with_capacity(rooms.len());
    for room in rooms {
        let Some(head) = places.rooms.get_mut(&room) else { continue };
        head.head += 1;
        let body = writer.line(room, line, who.user, head.head, who.at).into();
        events.push((room, StoredEvent { seq: head.head, n: head.n, at: who.at, body }));
    }
    let mut script = Script::new();
    rows::events(&mut script, places, &events);
    script.run(conn).await?;
    Ok(events)
}

/// Each room that opens or closes, with its line.
pub(super) fn changes(rooms: &[RoomId], lines: &[(RoomId, StoredEvent)]) -> Vec<RoomChange> {
    let line = |room: RoomId| {
        lines.iter().find(|(place, _event)| *place == room).map(|(_place, event)| event.clone())
    };
    rooms.iter().map(|room| RoomChange { room: *room, line: line(*room) }).collect()
}

/// Whether a room is the one that every member of its club comes into.
pub(super) fn is_general(places: &Places, room: RoomId) -> bool {
    places.rooms.get(&room).is_some_and(|head| head.is_general)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&ENTER]).await;
    }
}
