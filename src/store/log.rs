//! Reading the log of a room.

use super::append::StoredEvent;
use super::db::{Conn, fetch_all, fetch_optional};
use super::given::{Bulk, Given, bulk};
use super::{Store, StoreError};
use crate::domain::{Epoch, Millis, RoomId};

/// Head of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// Life of the log.
    pub epoch: Epoch,
    /// Newest seq.
    pub head: i64,
    /// Ordinal of the newest message.
    pub n: i64,
}

const HEADS: Bulk = bulk!(
    "SELECT room.room_id, room.head, room.n, room.rev FROM ",
    (room_id bigint),
    " CROSS JOIN room WHERE room.room_id = given.room_id AND +room.deleted_at IS NULL",
);

const AFTER: &str = "SELECT seq, n, at, body FROM room_event WHERE room_id = $1 AND seq > $2
                      ORDER BY seq LIMIT $3";

/// PostgreSQL knows how long bodies are without looking at them.
const NEXT: &str = "SELECT event.seq, event.n, event.at, event.body
       FROM (SELECT seq, sum(bytes) OVER (ORDER BY seq) - bytes AS ahead
               FROM (SELECT seq, octet_length(body) AS bytes FROM room_event
                      WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) AS next
            ) AS part
      CROSS JOIN room_event event
      WHERE part.ahead < $4 AND event.room_id = $1 AND event.seq = part.seq
      ORDER BY event.seq";

/// SQLite reads a row whole for whatever is asked of it. So at first it is asked for few rows, then for
/// as many as will do if they are like those, but no more than so many times what is there.
const FIRST: i64 = 16;
const WIDER: i64 = 8;

/// Where a room stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomPlace {
    /// The room.
    pub room: RoomId,
    /// Newest seq.
    pub head: i64,
    /// Messages.
    pub n: i64,
    /// Goes up with what the log does not tell.
    pub rev: i64,
}

#[derive(Debug, sqlx::FromRow)]
struct EventRow {
    seq: i64,
    n: i64,
    at: i64,
    body: String,
}

impl From<EventRow> for StoredEvent {
    fn from(row: EventRow) -> Self {
        Self { seq: row.seq, n: row.n, at: Millis(row.at), body: row.body.into() }
    }
}

impl Store {
    /// Where the log of a living room stands.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn log_head(&self, room: RoomId) -> Result<Option<LogHead>, StoreError> {
        head(&mut self.db.read().await?, room).await
    }

    /// Where these rooms stand. A room that is gone is left out.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn heads(&self, rooms: &[RoomId]) -> Result<Vec<RoomPlace>, StoreError> {
        let mut conn = self.db.read().await?;
        let given = Given::new().ints(rooms.iter().map(|room| room.0));
        let rows: Vec<(i64, i64, i64, i64)> = conn.given_all(&HEADS, given).await?;
        let place = |(room, head, n, rev)| RoomPlace { room: RoomId(room), head, n, rev };
        Ok(rows.into_iter().map(place).collect())
    }

    /// The events that follow a seq, ascending, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn events_after(
        &self,
        room: RoomId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(conn, EventRow, AFTER, room.0, after, limit)?;
        Ok(rows.into_iter().map(StoredEvent::from).collect())
    }

    /// The events after a seq, ascending: at most `limit`, and no more behind the one with which
    /// they come to `bytes`. So at least one, where there is one, and little more is read than given.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn next_events(
        &self,
        room: RoomId,
        after: i64,
        (limit, bytes): (i64, i64),
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut conn = self.db.read().await?;
        if conn.is_sqlite() {
            return step_by_step(&mut conn, (room, after), (limit, bytes)).await;
        }
        let rows = fetch_all!(conn, EventRow, NEXT, room.0, after, limit, bytes)?;
        Ok(rows.into_iter().map(StoredEvent::from).collect())
    }

    /// The last events, ascending, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn newest_events(
        &self,
        room: RoomId,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            EventRow,
            "SELECT seq, n, at, body FROM room_event WHERE room_id = $1 ORDER BY seq DESC LIMIT $2",
            room.0,
            limit
        )?;
        Ok(rows.into_iter().rev().map(StoredEvent::from).collect())
    }
}

async fn step_by_step(
    conn: &mut Conn,
    (room, after): (RoomId, i64),
    (limit, bytes): (i64, i64),
) -> Result<Vec<StoredEvent>, StoreError> {
    let (mut events, mut sum): (Vec<StoredEvent>, i64) = (Vec::new(), 0);
    let mut most = FIRST.min(limit);
    loop {
        let last = events.last().map(|event| event.seq);
        let rows = fetch_all!(conn, EventRow, AFTER, room.0, last.unwrap_or(after), most)?;
        // What lies between may have gone since the step before.
        let goes_on = |first: &EventRow| last.is_none_or(|last| first.seq == last + 1);
        if !rows.first().is_some_and(goes_on) {
            return Ok(events);
        }
        let is_end = (rows.len() as i64) < most;
        for row in rows {
            if sum < bytes {
                sum += row.body.len() as i64;
                events.push(row.into());
            }
        }
        let count = events.len() as i64;
        if is_end || sum >= bytes || count >= limit {
            return Ok(events);
        }
        let fitting = (bytes - sum).saturating_mul(count) / sum.max(1) + 1;
        most = fitting.min(WIDER * count).min(limit - count);
    }
}

/// Where the log of a living room stands.
pub(super) async fn head(conn: &mut Conn, room: RoomId) -> Result<Option<LogHead>, StoreError> {
    let row = fetch_optional!(
        conn,
        (String, i64, i64),
        "SELECT epoch, head, n FROM room WHERE room_id = $1 AND deleted_at IS NULL",
        room.0
    )?;
    Ok(row.map(|(epoch, head, n)| LogHead { epoch: Epoch(epoch.into()), head, n }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&HEADS]).await;
    }
}
