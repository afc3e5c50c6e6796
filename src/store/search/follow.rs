//! Following the logs: what they hold behind the index is put into it, some at a time.

use std::collections::{BTreeSet, HashMap};

use super::entries::{Entry, Window, lock_places, read_windows, write};
use crate::domain::RoomId;
use crate::store::db::{Conn, fetch_all, fetch_one};
use crate::store::given::{Bulk, Given, bulk};
use crate::store::{Store, StoreError};

/// Log entries of one chunk at most.
const ENTRIES: i64 = 128;
/// Tokens of one chunk, about. A chunk holds the writer of SQLite for some milliseconds.
const TOKENS: usize = 4_000;

/// A room whose log goes on behind its place in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// The room.
    pub room: RoomId,
    /// Up to which seq it is in the index.
    pub indexed: i64,
    /// Newest seq.
    pub head: i64,
}

/// What a chunk did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Followed {
    /// Messages that came into the index.
    pub messages: usize,
    /// Rooms of the chunk and the places that they reached.
    pub places: Vec<(RoomId, i64)>,
}

const BEHIND: Bulk = bulk!(
    "SELECT room.room_id, coalesce(place.seq, 0), room.head FROM ",
    (room_id bigint),
    " CROSS JOIN room LEFT JOIN search_place place ON place.room_id = room.room_id
      WHERE room.room_id = given.room_id AND +room.deleted_at IS NULL
        AND room.head > coalesce(place.seq, 0)"
);

/// Goes over all rooms: asked at the start, and rarely.
const ALL_BEHIND: &str = "SELECT room.room_id, coalesce(place.seq, 0), room.head
      FROM room LEFT JOIN search_place place ON place.room_id = room.room_id
     WHERE room.deleted_at IS NULL AND room.head > coalesce(place.seq, 0)";

const MOVE: Bulk = bulk!(
    "UPDATE search_place SET seq = given.seq FROM ",
    (room_id bigint, seq bigint),
    " WHERE search_place.room_id = given.room_id"
);

/// Lets FTS5 put some of its parts together: so many pages at a time.
const MERGE: &str = "INSERT INTO search_token (search_token, rank) VALUES ('merge', 32)";

impl Store {
    /// Which of these rooms go on behind the index.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn search_behind(&self, rooms: &[RoomId]) -> Result<Vec<Behind>, StoreError> {
        let mut conn = self.db.read().await?;
        let given = Given::new().ints(rooms.iter().map(|room| room.0));
        let rows: Vec<(i64, i64, i64)> = conn.given_all(&BEHIND, given).await?;
        Ok(rows.into_iter().map(behind).collect())
    }

    /// All rooms that go on behind the index.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn all_search_behind(&self) -> Result<Vec<Behind>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(conn, (i64, i64, i64), ALL_BEHIND)?;
        Ok(rows.into_iter().map(behind).collect())
    }

    /// Puts the next messages of some rooms into the index: one chunk, in one short transaction. What
    /// another node put there meanwhile is left out.
    ///
    /// # Errors
    /// When the store does not answer; nothing is kept then.
    pub async fn follow_search(&self, rooms: &[Behind]) -> Result<Followed, StoreError> {
        let windows = windows(rooms);
        if windows.is_empty() {
            return Ok(Followed::default());
        }
        let mut tx = self.db.begin().await?;
        let done = follow(&mut tx, windows).await;
        tx.end(done).await
    }

    /// Puts parts of the index together where the engine leaves that to us, a little at a time.
    /// Returns whether there is more to do.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn settle_search(&self) -> Result<bool, StoreError> {
        if self.engine() != "sqlite" {
            return Ok(false);
        }
        let mut tx = self.db.begin().await?;
        let done = merge(&mut tx).await;
        tx.end(done).await
    }
}

fn behind((room, indexed, head): (i64, i64, i64)) -> Behind {
    Behind { room: RoomId(room), indexed, head }
}

/// As much of each room as fits, one room after the other.
fn windows(rooms: &[Behind]) -> Vec<Window> {
    let mut left = ENTRIES;
    let window = |behind: &Behind| {
        let upto = behind.head.min(behind.indexed.saturating_add(left));
        left -= upto - behind.indexed;
        Window { room: behind.room, after: behind.indexed, upto }
    };
    rooms.iter().map(window).filter(|window| window.upto > window.after).collect()
}

async fn follow(conn: &mut Conn, windows: Vec<Window>) -> Result<Followed, StoreError> {
    let rooms: BTreeSet<RoomId> = windows.iter().map(|window| window.room).collect();
    let places = lock_places(conn, &rooms).await?;
    let is_next = |window: &Window| places.get(&window.room) == Some(&window.after);
    let mut windows: Vec<_> = windows.into_iter().filter(is_next).collect();
    let mut entries = read_windows(conn, &windows).await?;
    cut(&mut windows, &mut entries);
    let messages = entries.iter().filter(|entry| !entry.tokens.is_empty()).count();
    write(conn, entries).await?;
    let given = Given::new()
        .ints(windows.iter().map(|window| window.room.0))
        .ints(windows.iter().map(|window| window.upto));
    conn.given_execute(&MOVE, given).await?;
    let places = windows.into_iter().map(|window| (window.room, window.upto)).collect();
    Ok(Followed { messages, places })
}

/// Leaves the rest to the next chunk when there are too many tokens, but never everything.
fn cut(windows: &mut Vec<Window>, entries: &mut Vec<Entry>) {
    let mut sum = 0;
    let mut fits = |entry: &Entry| {
        let is_first = sum == 0;
        sum += entry.tokens.len();
        is_first || sum <= TOKENS
    };
    let Some(rest) = entries.iter().position(|entry| !fits(entry)) else {
        return;
    };
    let left: HashMap<RoomId, i64> =
        entries.drain(rest..).rev().map(|entry| (entry.room, entry.seq - 1)).collect();
    for window in windows.iter_mut() {
        if let Some(upto) = left.get(&window.room) {
            window.upto = *upto;
        }
    }
    windows.retain(|window| window.upto > window.after);
}

async fn merge(conn: &mut Conn) -> Result<bool, StoreError> {
    const CHANGES: &str = "SELECT total_changes()";

    let (before,): (i64,) = fetch_one!(conn, (i64,), CHANGES)?;
    conn.command(MERGE.into()).await?;
    let (after,): (i64,) = fetch_one!(conn, (i64,), CHANGES)?;
    // The statement itself is one.
    Ok(after - before > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&BEHIND, &MOVE]).await;
    }

    #[test]
    fn a_chunk_takes_as_much_of_each_room_as_fits() {
        let behind = |room, indexed, head| Behind { room: RoomId(room), indexed, head };
        let rooms = [behind(1, 5, 105), behind(2, 7, 7), behind(3, 0, 1_000), behind(4, 0, 9)];
        let windows: Vec<_> = windows(&rooms).iter().map(|w| (w.room.0, w.after, w.upto)).collect();
        assert_eq!(windows, [(1, 5, 105), (3, 0, 28)]);
    }
}
