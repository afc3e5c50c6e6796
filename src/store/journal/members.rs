//! Joining and leaving. Rare, so each is done singly, in its turn of the batch.

use crate::domain::{Millis, RoomId, UserId};
use crate::store::StoreError;
use crate::store::append::{Append, AppendRefusal, Appended, StoredEvent};
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, Script, bulk};
use crate::store::moderation::Within;
use crate::store::moves::{Move, Moves, Passage, RoomChange};
use crate::store::writer::{EventWriter, Line};

use super::places::Places;
use super::{closings, clubs, doors, groups, measures, roles, room_measures, rows, unread};

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
            let who = Mover { user, at };
            let joined = clubs::join(conn, places, (club, who), writer).await?;
            joined.map(|rooms| (rooms, Vec::new()))
        }
        Append::LeaveClub { club, user, at } => {
            clubs::leave(conn, places, (club, Mover { user, at }), writer).await?
        }
        ref other => return act(conn, places, other, writer).await,
    };
    Ok(match done {
        Ok((rooms, bots)) => Appended::Member { rooms, bots },
        Err(why) => Appended::Refused(why),
    })
}

/// Does what concerns rooms rather than clubs, and roles.
async fn act(
    conn: &mut Conn,
    places: &mut Places,
    append: &Append,
    writer: &dyn EventWriter,
) -> Result<Appended, StoreError> {
    let done = match append {
        Append::JoinRoom { room, user, at } => {
            doors::join(conn, places, (*room, Mover { user: *user, at: *at }), writer).await?
        }
        Append::LeaveRoom { room, user, at } => {
            doors::leave(conn, places, (*room, Mover { user: *user, at: *at }), writer).await?
        }
        Append::MakeGroup(new) => groups::make(conn, places, new, writer).await?,
        Append::Invite { room, by, users, at } => {
            let host = Mover { user: *by, at: *at };
            groups::invite(conn, places, (*room, host), users, writer).await?
        }
        Append::SetRole { club, by, user, role, at } => {
            let owner = Mover { user: *by, at: *at };
            roles::set(conn, places, (*club, owner), (*user, *role), writer).await?
        }
        Append::HandOver { club, by, to, at } => {
            let owner = Mover { user: *by, at: *at };
            roles::hand_over(conn, places, (*club, owner), *to, writer).await?
        }
        Append::TellClosed { club } => closings::next(conn, places, *club, writer).await?,
        Append::Moderate(act) => match act.within {
            Within::Club(club) => measures::take(conn, places, (act, club), writer).await?,
            Within::Room(room) => room_measures::take(conn, places, (act, room), writer).await?,
        },
        Append::Unread { room, user, seq } => {
            return unread::set(conn, places, (*room, *user), *seq).await;
        }
        Append::Message(_)
        | Append::Act(_)
        | Append::Run(_)
        | Append::FanOut { .. }
        | Append::Previews(_)
        | Append::Mark { .. }
        | Append::JoinClub { .. }
        | Append::LeaveClub { .. } => Err(AppendRefusal::Gone),
    };
    Ok(match done {
        Ok(moves) => Appended::Moved(moves),
        Err(why) => Appended::Refused(why),
    })
}

/// The rooms that a change opens or closes, or why it is not done.
pub(super) type Moved = Result<Vec<RoomChange>, AppendRefusal>;

/// Who moved how, or why it is not done.
pub(super) type Done = Result<Moves, AppendRefusal>;

/// One user moved in one room.
pub(super) fn one(room: RoomId, user: UserId, how: Passage, line: Option<StoredEvent>) -> Moves {
    Moves { moves: vec![Move { room, user, how, line }], ..Moves::default() }
}

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
    let lines = rooms.into_iter().map(|room| (room, who.user)).collect();
    write_each(conn, places, lines, (line, who.at, writer)).await
}

/// Writes one line for each pair of room and user, in this order.
pub(super) async fn write_each(
    conn: &mut Conn,
    places: &mut Places,
    lines: Vec<(RoomId, UserId)>,
    (line, at, writer): (Line, Millis, &dyn EventWriter),
) -> Result<Vec<(RoomId, StoredEvent)>, StoreError> {
    let mut events = Vec::with_capacity(lines.len());
    for (room, user) in lines {
        let Some(head) = places.rooms.get_mut(&room) else { continue };
        head.head += 1;
        let body = writer.line(room, line, user, head.head, at).into();
        events.push((room, StoredEvent { seq: head.head, n: head.n, at, body }));
    }
    let mut script = Script::new();
    rows::events(&mut script, places, &events);
    script.run(conn).await?;
    Ok(events)
}

/// Each room that opens or closes, with its line.
pub(super) fn changes(
    places: &Places,
    rooms: &[RoomId],
    lines: &[(RoomId, StoredEvent)],
) -> Vec<RoomChange> {
    let change = |room: &RoomId| {
        let line = line_of(lines, *room);
        let head = places.rooms.get(room).map_or(0, |head| head.head);
        let since = line.as_ref().map_or(head, |line| line.seq - 1);
        RoomChange { room: *room, since, line, muted_until: None }
    };
    rooms.iter().map(change).collect()
}

/// The line that was written into a room.
pub(super) fn line_of(lines: &[(RoomId, StoredEvent)], room: RoomId) -> Option<StoredEvent> {
    lines.iter().find(|(place, _event)| *place == room).map(|(_place, event)| event.clone())
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
