//! What a room keeps no longer goes for good, a piece from the beginning of its log: events, messages
//! and all that hangs on them; of a room that was deleted, all of it. What stays is the horizon: seq
//! and ordinal of the last that went.

use crate::domain::{Millis, RoomId};
use crate::store::act::{Act, Acted, DroppedNotices};
use crate::store::append::{AppendRefusal, Appended};
use crate::store::db::{Conn, Sql, execute, fetch_all, fetch_optional};
use crate::store::writer::EventWriter;
use crate::store::{Store, StoreError};

use super::acts::{Outcome, UNCHANGED};
use super::places::Places;
use super::{deletes, quotes};

/// Events in one piece.
const PIECE: i64 = 250;
/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// What goes last, of a table with a place in the log of a room.
const GONE: &[&str] = &[
    "DELETE FROM thread_member WHERE room_id = $1 AND root_seq <= $2",
    "DELETE FROM thread WHERE room_id = $1 AND root_seq <= $2",
    "DELETE FROM ai_quote WHERE room_id = $1 AND quoted_seq <= $2",
    // An answer may stand behind its question; then both go with it.
    "DELETE FROM ai_run WHERE room_id = $1 AND question_seq <= $2 AND status = 'done'
        AND coalesce(message_seq, 0) <= $2",
    "DELETE FROM message WHERE room_id = $1 AND seq <= $2",
    "DELETE FROM room_event WHERE room_id = $1 AND seq <= $2",
];

/// What else there is of a room that was deleted.
const GONE_AT_LAST: &[&str] = &[
    "DELETE FROM pace WHERE room_id = $1",
    "UPDATE ai_run SET text = '' WHERE room_id = $1 AND text <> ''",
];

const LOCK_DELETED: Sql = Sql {
    sqlite: "SELECT head, n FROM room WHERE room_id = $1 AND deleted_at IS NOT NULL",
    postgres: "SELECT head, n FROM room WHERE room_id = $1 AND deleted_at IS NOT NULL
                  FOR NO KEY UPDATE",
};

/// Sweeps a piece of what was taken before a moment.
pub(super) async fn sweep(
    conn: &mut Conn,
    places: &mut Places,
    (act, before): (&Act, Millis),
    writer: &dyn EventWriter,
) -> Result<Outcome, StoreError> {
    if !places.rooms.contains_key(&act.room) {
        return Ok(Err(AppendRefusal::Gone));
    }
    let Some(reach) = reach(conn, act.room, before).await? else { return Ok(Ok(UNCHANGED)) };
    let mut acted = Acted::default();
    let answers = quotes::reaching_back(conn, (act.room, reach.0)).await?;
    if !answers.is_empty() {
        acted = deletes::entomb(conn, places, (act, &answers), writer).await?;
    }
    let gone = piece(conn, act, reach, writer).await?;
    acted.mentions.extend(gone.mentions);
    acted.dropped.extend(gone.dropped);
    Ok(Ok(Appended::Acted(acted)))
}

/// Takes away a piece that reaches up to there.
async fn piece(
    conn: &mut Conn,
    act: &Act,
    (horizon, n): (i64, i64),
    writer: &dyn EventWriter,
) -> Result<Acted, StoreError> {
    let room = act.room;
    let messages = fetch_all!(
        conn,
        (i64, i64, bool),
        "SELECT seq, n, NOT is_deleted FROM message WHERE room_id = $1 AND seq <= $2 ORDER BY seq",
        room.0,
        horizon
    )?;
    let said = messages.iter().filter(|(.., has_text)| *has_text);
    let said: Vec<i64> = said.map(|(seq, ..)| *seq).collect();
    // First as if they were deleted: that finds later texts of theirs, and what is told elsewhere.
    deletes::erase(conn, (room, &said), writer).await?;
    let targets: Vec<_> = messages.iter().map(|(seq, n, _)| (*seq, *n)).collect();
    let mentions = deletes::forget_mentions(conn, room, &targets).await?;
    let seqs: Vec<i64> = messages.iter().map(|(seq, ..)| *seq).collect();
    let dropped = deletes::drop_notices(conn, (act, &seqs), writer).await?;
    for statement in GONE {
        execute!(conn, *statement, room.0, horizon)?;
    }
    execute!(
        conn,
        "UPDATE room SET horizon = $2, horizon_n = $3, rev = rev + 1 WHERE room_id = $1",
        room.0,
        horizon,
        n
    )?;
    Ok(Acted { mentions, dropped, ..Acted::default() })
}

/// The same in a room that was deleted: all of it goes, whenever it was said.
async fn deleted(
    conn: &mut Conn,
    act: &Act,
    writer: &dyn EventWriter,
) -> Result<Vec<DroppedNotices>, StoreError> {
    let Some((head, n)) = fetch_optional!(conn, (i64, i64), LOCK_DELETED, act.room.0)? else {
        return Ok(Vec::new());
    };
    // When nothing is left the horizon is at the head all the same, or the room would come again.
    let reach = reach(conn, act.room, Millis(i64::MAX)).await?.unwrap_or((head, n));
    let Acted { dropped, .. } = piece(conn, act, reach, writer).await?;
    if reach.0 >= head {
        for statement in GONE_AT_LAST {
            execute!(conn, *statement, act.room.0)?;
        }
    }
    Ok(dropped)
}

/// How far a piece reaches: seq and ordinal of its last event. The log is in the order in which it was
/// taken, but for moments.
async fn reach(
    conn: &mut Conn,
    room: RoomId,
    before: Millis,
) -> Result<Option<(i64, i64)>, StoreError> {
    let events = fetch_all!(
        conn,
        (i64, i64, i64),
        "SELECT seq, n, at FROM room_event WHERE room_id = $1 ORDER BY seq LIMIT $2",
        room.0,
        PIECE
    )?;
    let old = events.into_iter().take_while(|(_seq, _n, at)| *at < before.0);
    Ok(old.last().map(|(seq, n, _at)| (seq, n)))
}

impl Store {
    /// A room that was deleted, and still has what was said in it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn next_deleted(&self) -> Result<Option<RoomId>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (i64,),
            "SELECT room_id FROM room WHERE deleted_at IS NOT NULL AND horizon < head
              ORDER BY room_id LIMIT 1"
        )?;
        Ok(row.map(|(room,)| RoomId(room)))
    }

    /// Sweeps a piece of a room that was deleted; tells whose inboxes lose what.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sweep_deleted(
        &self,
        act: &Act,
        writer: &dyn EventWriter,
    ) -> Result<Vec<DroppedNotices>, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = deleted(&mut tx, act, writer).await;
        tx.end(done).await
    }

    /// The next room, by id, that still has what it keeps no longer; and from when on it is kept.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn next_overdue(
        &self,
        after: i64,
        now: Millis,
    ) -> Result<Option<(RoomId, Millis)>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (i64, i64),
            "SELECT room.room_id, $2 - room.retention_days * $3 FROM room
              WHERE room.retention_days IS NOT NULL AND room.deleted_at IS NULL
                AND room.room_id > $1
                AND (SELECT event.at FROM room_event event WHERE event.room_id = room.room_id
                      ORDER BY event.seq LIMIT 1) < $2 - room.retention_days * $3
              ORDER BY room.room_id LIMIT 1",
            after,
            now.0,
            DAY_MS
        )?;
        Ok(row.map(|(room, before)| (RoomId(room), Millis(before))))
    }
}
