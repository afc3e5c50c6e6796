//! The clubs and rooms that a batch touches, locked, with their state.

use std::collections::{BTreeSet, HashMap};

use super::inboxes::Inboxes;
use crate::domain::{ClubId, ClubRole, RoomId, RoomKind};
use crate::store::StoreError;
use crate::store::append::Append;
use crate::store::assistant::{Ledger, RunStep};
use crate::store::db::{Conn, Sql};
use crate::store::given::{Bulk, Given, bulk};
use crate::store::moderation::{Book, Within};
use crate::store::search;

/// A room under lock. `head` and `n` go up as the batch takes numbers.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) head: i64,
    pub(super) n: i64,
    pub(super) kind: RoomKind,
    pub(super) club: Option<ClubId>,
    pub(super) is_general: bool,
    /// Whether some member hears of each message by an inbox entry.
    pub(super) is_watched: bool,
    /// Seconds between two messages of one member; 0 where there is no pace.
    pub(super) slow_mode_s: i64,
    /// Whether one of the two of a private room has blocked the other.
    pub(super) is_shut: bool,
}

/// A club under lock.
#[derive(Debug)]
pub(super) struct ClubState {
    pub(super) join_policy: String,
    pub(super) capacity: Option<i64>,
    pub(super) member_count: i64,
}

/// Everything under lock. What is not in here is deleted or never was.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) rooms: HashMap<RoomId, Head>,
    pub(super) clubs: HashMap<ClubId, ClubState>,
    pub(super) inboxes: Inboxes,
    /// What runs put aside and settle, until the end of the batch.
    pub(super) ledger: Ledger,
}

impl Places {
    /// Whether nobody writes in a room, because of a block.
    pub(super) fn is_shut(&self, room: RoomId) -> bool {
        self.rooms.get(&room).is_some_and(|head| head.is_shut)
    }

    /// Where it is written down what moderators do in a room.
    pub(super) fn book(&self, room: RoomId) -> Option<Book> {
        self.rooms.get(&room).map(|head| Book::of(head.kind, head.club))
    }

    /// The rooms of a club, in the order of their ids.
    pub(super) fn rooms_of(&self, club: ClubId) -> Vec<RoomId> {
        let mut rooms: Vec<_> = self
            .rooms
            .iter()
            .filter(|(_room, head)| head.club == Some(club))
            .map(|(room, _head)| *room)
            .collect();
        rooms.sort_unstable();
        rooms
    }
}

/// The rooms of a club that a member of a role may read, in the order of their ids.
pub(super) fn readable(places: &Places, club: ClubId, role: ClubRole) -> Vec<RoomId> {
    let is_open = |room: &RoomId| places.rooms.get(room).is_some_and(|head| head.kind.admits(role));
    places.rooms_of(club).into_iter().filter(is_open).collect()
}

const LOCK_CLUBS: Bulk = bulk!(
    "SELECT club.club_id, club.join_policy, club.capacity, club.member_count FROM ",
    (club_id bigint),
    " CROSS JOIN club WHERE club.club_id = given.club_id AND club.deleted_at IS NULL
      ORDER BY club.club_id",
    postgres " FOR NO KEY UPDATE OF club"
);

const ROOMS_OF_CLUBS: Bulk = bulk!(
    "SELECT room.room_id FROM ",
    (club_id bigint),
    " CROSS JOIN room WHERE room.club_id = given.club_id AND room.deleted_at IS NULL"
);

const LOCK_ROOMS: Bulk = bulk!(
    "SELECT room.room_id, room.head, room.n, room.kind, room.club_id, room.is_general,
            room.notify = 'all' OR room.is_watched AS is_watched, room.slow_mode_s, room.is_shut FROM ",
    (room_id bigint),
    " CROSS JOIN room WHERE room.room_id = given.room_id AND +room.deleted_at IS NULL
      ORDER BY room.room_id",
    postgres " FOR NO KEY UPDATE OF room"
);

#[derive(Debug, sqlx::FromRow)]
struct HeadRow {
    room_id: i64,
    head: i64,
    n: i64,
    kind: String,
    club_id: Option<i64>,
    is_general: bool,
    is_watched: bool,
    slow_mode_s: i64,
    is_shut: bool,
}

/// Clubs that have closed, of which one node at a time tells the members.
const LOCK_CLOSINGS: Bulk = bulk!(
    "SELECT closing.club_id FROM ",
    (club_id bigint),
    " CROSS JOIN closing WHERE closing.club_id = given.club_id ORDER BY closing.club_id",
    postgres " FOR NO KEY UPDATE OF closing"
);

/// Two groups of one name wait for each other, in the middle of their batches: so one lane at a time
/// makes groups. The number only has to differ from other locks.
const QUEUE_GROUPS: Sql = Sql { sqlite: "", postgres: "SELECT pg_advisory_xact_lock(5017002)" };

/// Takes the locks in the order that everyone keeps (`store/mod.rs`), as far as the batch says which it
/// will need: of clubs, rooms, and what follows them. Inboxes come with the steps.
pub(super) async fn lock(conn: &mut Conn, batch: &[Append]) -> Result<Places, StoreError> {
    let (mut clubs, mut rooms, mut closed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for append in batch {
        match append {
            Append::Message(message) => rooms.insert(message.room.0),
            Append::Act(act) => rooms.insert(act.room.0),
            Append::Previews(new) => rooms.insert(new.room.0),
            Append::Run(step) => rooms.insert(step.room().0),
            Append::Mark { room, .. }
            | Append::Unread { room, .. }
            | Append::FanOut { room, .. }
            | Append::JoinRoom { room, .. }
            | Append::LeaveRoom { room, .. }
            | Append::Invite { room, .. } => rooms.insert(room.0),
            Append::JoinClub { club, .. }
            | Append::LeaveClub { club, .. }
            | Append::SetRole { club, .. }
            | Append::HandOver { club, .. } => clubs.insert(club.0),
            Append::Moderate(act) => match act.within {
                Within::Club(club) => clubs.insert(club.0),
                Within::Room(room) => rooms.insert(room.0),
            },
            // It is not there any more.
            Append::TellClosed { club } => closed.insert(club.0),
            // It is not there yet.
            Append::MakeGroup(_) => false,
        };
    }
    let mut places = Places::default();
    if !clubs.is_empty() {
        lock_clubs(conn, &clubs, &mut places).await?;
        let given = Given::new().ints(clubs);
        let more: Vec<(i64,)> = conn.given_all(&ROOMS_OF_CLUBS, given).await?;
        rooms.extend(more.into_iter().map(|(room,)| room));
    }
    let rows: Vec<HeadRow> = conn.given_all(&LOCK_ROOMS, Given::new().ints(rooms)).await?;
    for row in rows {
        let head = Head {
            head: row.head,
            n: row.n,
            kind: row.kind.parse()?,
            club: row.club_id.map(ClubId),
            is_general: row.is_general,
            is_watched: row.is_watched,
            slow_mode_s: row.slow_mode_s,
            is_shut: row.is_shut,
        };
        places.rooms.insert(RoomId(row.room_id), head);
    }
    let _held: Vec<(i64,)> = conn.given_all(&LOCK_CLOSINGS, Given::new().ints(closed)).await?;
    if !conn.is_sqlite() {
        lock_behind(conn, batch, &places).await?;
    }
    Ok(places)
}

/// PostgreSQL: takes the places of the search in rooms where texts change, and the turn to make groups.
async fn lock_behind(conn: &mut Conn, batch: &[Append], places: &Places) -> Result<(), StoreError> {
    let changed = batch.iter().filter_map(|append| match append {
        Append::Act(act) if act.deed.changes_texts() => Some(act.room),
        Append::Run(step) if matches!(**step, RunStep::End(_)) => Some(step.room()),
        _others => None,
    });
    let rooms: BTreeSet<RoomId> = changed.filter(|room| places.rooms.contains_key(room)).collect();
    if !rooms.is_empty() {
        search::lock_places(conn, &rooms).await?;
    }
    if batch.iter().any(|append| matches!(append, Append::MakeGroup(_))) {
        conn.command(QUEUE_GROUPS).await?;
    }
    Ok(())
}

async fn lock_clubs(
    conn: &mut Conn,
    clubs: &BTreeSet<i64>,
    places: &mut Places,
) -> Result<(), StoreError> {
    let given = Given::new().ints(clubs.iter().copied());
    let rows: Vec<(i64, String, Option<i64>, i64)> = conn.given_all(&LOCK_CLUBS, given).await?;
    places.clubs.extend(rows.into_iter().map(|(club, join_policy, capacity, member_count)| {
        (ClubId(club), ClubState { join_policy, capacity, member_count })
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        let all = [&LOCK_CLUBS, &ROOMS_OF_CLUBS, &LOCK_ROOMS, &LOCK_CLOSINGS];
        crate::store::plans::check(&all).await;
    }
}
