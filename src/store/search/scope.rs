//! In which rooms a search looks.

use std::collections::HashMap;

use sqlx::types::Json;

use super::Search;
use crate::domain::RoomId;
use crate::store::StoreError;
use crate::store::db::{Conn, Sql, fetch_one};
use crate::store::rooms::may_read;

/// The living rooms that a user (`$1`) may read, from a table expression that has them and perhaps
/// others: where each is in the index, and its head.
macro_rules! readable {
    ($from:literal, $where:literal) => {
        concat!(
            "SELECT room.room_id, coalesce(place.seq, 0) AS indexed, room.head FROM ",
            $from,
            " LEFT JOIN search_place place ON place.room_id = room.room_id
              WHERE ",
            $where,
            " AND ",
            may_read!("$1")
        )
    };
}

/// The same for both engines, as one row: see `hits/sqlite.rs`. Beside them, how many entries
/// PostgreSQL thinks the whole index has.
macro_rules! packed {
    ($from:literal, $where:literal) => {
        Sql {
            sqlite: concat!(
                "SELECT '[' || coalesce(group_concat(json_array(room_id, indexed, head), ','), '')
                            || ']', 0 FROM (",
                readable!($from, $where),
                ") readable"
            ),
            postgres: concat!(
                "SELECT coalesce(json_agg(json_build_array(room_id, indexed, head)), '[]'),
                        (SELECT greatest(reltuples, 0)::bigint FROM pg_class
                          WHERE oid = 'search_entry'::regclass)
                   FROM (",
                readable!($from, $where),
                ") readable"
            ),
        }
    };
}

/// Everything that a membership or a seat may open to the user.
const ANY: Sql = packed!(
    "(SELECT r.room_id FROM membership m CROSS JOIN room r
       WHERE m.user_id = $1 AND m.status = 'active'
         AND r.club_id = m.club_id AND r.deleted_at IS NULL
       UNION SELECT room_id FROM room_member WHERE user_id = $1) mine
     CROSS JOIN room",
    "room.room_id = mine.room_id AND +room.deleted_at IS NULL"
);

const ONE: Sql = packed!(
    "room",
    "room.room_id = $2 AND ($3 IS NULL OR room.club_id = $3) AND room.deleted_at IS NULL"
);

const CLUB: Sql = packed!("room", "room.club_id = $2 AND room.deleted_at IS NULL");

/// The rooms in which a search looks: those that are meant and that the reader may read.
#[derive(Debug)]
pub(super) struct Scope {
    rooms: HashMap<RoomId, Reach>,
    all_entries: i64,
}

/// How far a room and its index go.
#[derive(Debug, Clone, Copy)]
struct Reach {
    indexed: i64,
    head: i64,
}

impl Scope {
    pub(super) async fn read(conn: &mut Conn, search: &Search<'_>) -> Result<Self, StoreError> {
        type Rows = Json<Vec<(i64, i64, i64)>>;
        let reader = search.reader.0;
        let (Json(rooms), all_entries) = match (search.room, search.club) {
            (Some(room), club) => {
                fetch_one!(conn, (Rows, i64), ONE, reader, room.0, club.map(|club| club.0))?
            }
            (None, Some(club)) => fetch_one!(conn, (Rows, i64), CLUB, reader, club.0)?,
            (None, None) => fetch_one!(conn, (Rows, i64), ANY, reader)?,
        };
        let reach = |(room, indexed, head)| (RoomId(room), Reach { indexed, head });
        Ok(Self { rooms: rooms.into_iter().map(reach).collect(), all_entries })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    pub(super) fn has(&self, room: RoomId) -> bool {
        self.rooms.contains_key(&room)
    }

    /// How many entries the index has of these rooms, about.
    pub(super) fn entries(&self) -> i64 {
        self.rooms.values().map(|reach| reach.indexed).sum()
    }

    /// How many entries the whole index has, as far as PostgreSQL knows.
    pub(super) fn all_entries(&self) -> i64 {
        self.all_entries.max(self.entries())
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
