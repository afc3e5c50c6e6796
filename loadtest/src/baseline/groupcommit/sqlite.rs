//! The bare group commit on SQLite: prepared statements, row by row, in one thread.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rusqlite::{Connection, TransactionBehavior, params};

use super::rows::{Draft, Rows, Seat, by_room, now_ms, places};
use super::{SEATS, Written};

const HEAD: &str = "UPDATE room SET head = head + ?2, n = n + ?2 WHERE room_id = ?1
                    RETURNING head, n";
const EVENT: &str =
    "INSERT INTO room_event (room_id, seq, at, n, body) VALUES (?1, ?2, ?3, ?4, ?5)";
const MESSAGE: &str = "INSERT INTO message (room_id, seq, n, author_id, cid, text, at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const MARK: &str = "INSERT INTO room_member (room_id, user_id, read_n, read_seq)
                    VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT (room_id, user_id) DO UPDATE
                       SET read_n = max(excluded.read_n, read_n),
                           read_seq = max(excluded.read_seq, read_seq)";

pub(super) struct Writer {
    conn: Connection,
    rows: Rows,
}

impl Writer {
    /// Opens the file with the settings of the server's writing connection.
    pub(super) fn open(file: &Path, filler: (usize, usize)) -> Result<Self> {
        let conn = Connection::open(file)?;
        conn.pragma_update(None, "journal_mode", "WAL")?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "journal_size_limit", 67_108_864)?;
        conn.pragma_update(None, "foreign_keys", true)?;
        let seats = conn
            .prepare(SEATS)?
            .query_map([], |row| Ok(Seat { room: row.get(0)?, user: row.get(1)? }))?
            .collect::<Result<Vec<_>, _>>()?;
        ensure!(!seats.is_empty(), "nobody may write in this database");
        Ok(Self { conn, rows: Rows::new(seats, filler) })
    }

    pub(super) fn run(&mut self, time: Duration, batch: usize) -> Result<Written> {
        let mut written = Written::default();
        let begin = Instant::now();
        while begin.elapsed() < time {
            let drafts = self.rows.batch(batch.max(1));
            self.commit(&drafts)?;
            written.messages += drafts.len() as u64;
            written.commits += 1;
        }
        written.micros = u64::try_from(begin.elapsed().as_micros())?;
        Ok(written)
    }

    fn commit(&mut self, drafts: &[Draft]) -> Result<()> {
        let at = now_ms();
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut head = tx.prepare_cached(HEAD)?;
            let mut heads = BTreeMap::new();
            for (room, count) in by_room(drafts) {
                let place = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
                heads.insert(room, head.query_row([room, count], place)?);
            }
            let mut event = tx.prepare_cached(EVENT)?;
            let mut message = tx.prepare_cached(MESSAGE)?;
            let mut mark = tx.prepare_cached(MARK)?;
            let Rows { text, event: body, .. } = &self.rows;
            for (draft, (seq, n)) in drafts.iter().zip(places(drafts, &heads)) {
                let Seat { room, user } = draft.seat;
                event.execute(params![room, seq, at, n, body])?;
                message.execute(params![room, seq, n, user, draft.cid, text, at])?;
                mark.execute([room, user, n, seq])?;
            }
        }
        Ok(tx.commit()?)
    }
}
