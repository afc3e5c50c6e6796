//! The rows that a step of the batch leaves, each kind in one statement.

use std::collections::BTreeMap;

use crate::domain::{RoomId, UserId};
use crate::store::StoreError;
use crate::store::append::StoredEvent;
use crate::store::db::{Conn, Sql};
use crate::store::given::{Given, bulk};

use super::places::Places;
use super::talk::Draft;

/// How far users have read after a step; the highest of several marks of one user.
pub(super) type Seats = BTreeMap<(RoomId, UserId), Seat>;

/// A place in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) read_n: i64,
    pub(super) read_seq: i64,
}

/// Raises a seat; a lower mark changes nothing.
pub(super) fn raise(seats: &mut Seats, place: (RoomId, UserId), to: Seat) {
    let seat = seats.entry(place).or_insert(to);
    seat.read_n = seat.read_n.max(to.read_n);
    seat.read_seq = seat.read_seq.max(to.read_seq);
}

const HEADS: Sql = bulk!(
    "UPDATE room SET head = given.head, n = given.n FROM ",
    (1 room_id bigint, 2 head bigint, 3 n bigint),
    " WHERE room.room_id = given.room_id"
);

const EVENTS: Sql = bulk!(
    "INSERT INTO room_event (room_id, seq, at, n, body) SELECT room_id, seq, at, n, body FROM ",
    (1 room_id bigint, 2 seq bigint, 3 at bigint, 4 n bigint, 5 body text),
    ""
);

const MESSAGES: Sql = bulk!(
    "INSERT INTO message (room_id, seq, n, author_id, cid, text, reply_to, at)
     SELECT room_id, seq, n, author_id, cid, text, reply_to, at FROM ",
    (1 room_id bigint, 2 seq bigint, 3 n bigint, 4 author_id bigint, 5 cid text, 6 text text,
     7 reply_to bigint, 8 at bigint),
    ""
);

const MENTIONS: Sql = bulk!(
    "INSERT INTO mention (user_id, room_id, n) SELECT user_id, room_id, n FROM ",
    (1 user_id bigint, 2 room_id bigint, 3 n bigint),
    ""
);

const SEATS: Sql = bulk!(
    "INSERT INTO room_member (room_id, user_id, read_n, read_seq)
     SELECT room_id, user_id, read_n, read_seq FROM ",
    (1 room_id bigint, 2 user_id bigint, 3 read_n bigint, 4 read_seq bigint),
    " WHERE TRUE
      ON CONFLICT (room_id, user_id) DO UPDATE
         SET read_n = CASE WHEN excluded.read_n > room_member.read_n
                           THEN excluded.read_n ELSE room_member.read_n END,
             read_seq = CASE WHEN excluded.read_seq > room_member.read_seq
                             THEN excluded.read_seq ELSE room_member.read_seq END"
);

/// Events with their rooms, in log order, and the heads that they move.
pub(super) async fn events(
    conn: &mut Conn,
    places: &Places,
    events: &[(RoomId, StoredEvent)],
) -> Result<(), StoreError> {
    let mut rooms: Vec<_> = events.iter().map(|(room, _event)| *room).collect();
    rooms.sort_unstable();
    rooms.dedup();
    let heads = || rooms.iter().filter_map(|room| Some((*room, places.rooms.get(room)?)));
    let given = Given::new()
        .ints(heads().map(|(room, _head)| room.0))
        .ints(heads().map(|(_room, head)| head.head))
        .ints(heads().map(|(_room, head)| head.n));
    conn.given_execute(&HEADS, given).await?;
    let given = Given::new()
        .ints(events.iter().map(|(room, _event)| room.0))
        .ints(events.iter().map(|(_room, event)| event.seq))
        .ints(events.iter().map(|(_room, event)| event.at.0))
        .ints(events.iter().map(|(_room, event)| event.n))
        .texts(events.iter().map(|(_room, event)| &*event.body));
    conn.given_execute(&EVENTS, given).await
}

/// Messages, and who they name.
pub(super) async fn messages(conn: &mut Conn, drafts: &[Draft<'_>]) -> Result<(), StoreError> {
    let given = Given::new()
        .ints(drafts.iter().map(|draft| draft.message.room.0))
        .ints(drafts.iter().map(|draft| draft.seq))
        .ints(drafts.iter().map(|draft| draft.n))
        .ints(drafts.iter().map(|draft| draft.message.author.0))
        .texts(drafts.iter().map(|draft| draft.message.cid.as_str()))
        .texts(drafts.iter().map(|draft| draft.message.text.as_str()))
        .maybe_ints(drafts.iter().map(|draft| draft.message.reply_to))
        .ints(drafts.iter().map(|draft| draft.message.at.0));
    conn.given_execute(&MESSAGES, given).await?;
    let named =
        || drafts.iter().flat_map(|draft| draft.mentions.iter().map(move |user| (user, draft)));
    let given = Given::new()
        .ints(named().map(|(user, _draft)| user.0))
        .ints(named().map(|(_user, draft)| draft.message.room.0))
        .ints(named().map(|(_user, draft)| draft.n));
    conn.given_execute(&MENTIONS, given).await
}

/// Read marks; one never lowers what stands.
pub(super) async fn seats(conn: &mut Conn, seats: &Seats) -> Result<(), StoreError> {
    let given = Given::new()
        .ints(seats.keys().map(|(room, _user)| room.0))
        .ints(seats.keys().map(|(_room, user)| user.0))
        .ints(seats.values().map(|seat| seat.read_n))
        .ints(seats.values().map(|seat| seat.read_seq));
    conn.given_execute(&SEATS, given).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&HEADS, &EVENTS, &MESSAGES, &MENTIONS, &SEATS]).await;
    }
}
