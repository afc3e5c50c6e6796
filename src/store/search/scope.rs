//! In which rooms a search looks.

use std::collections::HashMap;

use super::Search;
use crate::domain::RoomId;
use crate::store::StoreError;
use crate::store::db::{Conn, fetch_all};
use crate::store::rooms::may_read;

/// The living rooms that a user (`$1`) may read, from a table expression that has them and perhaps
/// others: where each is in the index, and its head.
macro_rules! readable {
    ($from:literal, $where:literal) => {
        concat!(
            "SELECT room.room_id, coalesce(place.seq, 0), room.head FROM ",
            $from,
            " LEFT JOIN search_place place ON place.room_id = room.room_id
              WHERE ",
            $where,
            " AND room.deleted_at IS NULL AND ",
            may_read!("$1")
        )
    };
}

/// Everything that a membership or a seat may open to the user.
const ANY: &str = readable!(
    "(SELECT r.room_id FROM membership m CROSS JOIN room r
       WHERE m.user_id = $1 AND r.club_id = m.club_id
       UNION SELECT room_id FROM room_member WHERE user_id = $1) mine
     CROSS JOIN room",
    "room.room_id = mine.room_id"
);

const ONE: &str = readable!("room", "room.room_id = $2 AND ($3 IS NULL OR room.club_id = $3)");

const CLUB: &str = readable!("room", "room.club_id = $2");

/// The rooms in which a search looks: those that are meant and that the reader may read.
#[derive(Debug)]
pub(super) struct Scope {
    rooms: HashMap<RoomId, Reach>,
}

/// How far a room and its index go.
#[derive(Debug, Clone, Copy)]
struct Reach {
    indexed: i64,
    head: i64,
}

impl Scope {
    pub(super) async fn read(conn: &mut Conn, search: &Search<'_>) -> Result<Self, StoreError> {
        type Row = (i64, i64, i64);
        let reader = search.reader.0;
        let rows = match (search.room, search.club) {
            (Some(room), club) => {
                fetch_all!(conn, Row, ONE, reader, room.0, club.map(|club| club.0))?
            }
            (None, Some(club)) => fetch_all!(conn, Row, CLUB, reader, club.0)?,
            (None, None) => fetch_all!(conn, Row, ANY, reader)?,
        };
        let reach = |(room, indexed, head)| (RoomId(room), Reach { indexed, head });
        Ok(Self { rooms: rows.into_iter().map(reach).collect() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    pub(super) fn has(&self, room: RoomId) -> bool {
        self.rooms.contains_key(&room)
    }

    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn rooms(&self) -> impl Iterator<Item = RoomId> {
        self.rooms.keys().copied()
    }

    /// Rooms that go on behind the index, and where it ends.
    pub(super) fn tails(&self) -> impl Iterator<Item = (RoomId, i64)> {
        let tails = self.rooms.iter().filter(|(_room, reach)| reach.head > reach.indexed);
        tails.map(|(room, reach)| (*room, reach.indexed))
    }
}
