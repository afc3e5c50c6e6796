//! Writes the talk into the tables, without the server.

use std::collections::VecDeque;
use std::path::Path;

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rusqlite::{Connection, params};

use super::words::{Query, Words};
use crate::database;
use crate::progress::Progress;

/// The first message.
const FIRST_AT: i64 = 1_750_000_000_000;
/// Rows of one statement or transaction.
const CHUNK: usize = 10_000;

const EVENT: &str =
    "INSERT INTO room_event (room_id, seq, at, n, body) VALUES (?1, ?2, ?3, ?4, ?5)";
const MESSAGE: &str = "INSERT INTO message (room_id, seq, n, author_id, cid, text, at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const EVENTS: &str = "INSERT INTO room_event (room_id, seq, at, n, body)
    SELECT $1, seq, at, n, body
      FROM UNNEST($2::bigint[], $3::bigint[], $4::bigint[], $5::text[]) AS given (seq, at, n, body)";
const MESSAGES: &str = "INSERT INTO message (room_id, seq, n, author_id, cid, text, at)
    SELECT $1, seq, n, $6, 'c-' || seq, text, at
      FROM UNNEST($2::bigint[], $3::bigint[], $4::bigint[], $5::text[]) AS given (seq, at, n, text)";

/// A room to fill.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) room: i64,
    pub(super) author: i64,
    pub(super) messages: usize,
    /// Milliseconds between two messages.
    pub(super) pace: i64,
}

/// One message.
struct Row {
    seq: i64,
    n: i64,
    at: i64,
    text: String,
    body: String,
}

/// What each query should find: the newest seqs of a room.
pub(super) type Expected = Vec<VecDeque<i64>>;

/// Makes the talk of a room, behind what is there, in chunks.
struct Talk<'t> {
    place: Place,
    words: &'t Words,
    random: SmallRng,
    begin: (i64, i64),
    done: usize,
    queries: &'t [Query],
    most: usize,
    expected: Expected,
}

impl<'t> Talk<'t> {
    fn new(
        place: Place,
        words: &'t Words,
        (seed, begin): (u64, (i64, i64)),
        (queries, most): (&'t [Query], usize),
    ) -> Self {
        let random = SmallRng::seed_from_u64(seed ^ place.room.cast_unsigned());
        let expected = vec![VecDeque::new(); queries.len()];
        Self { place, words, random, begin, done: 0, queries, most, expected }
    }

    fn chunk(&mut self) -> Vec<Row> {
        let some = (self.place.messages - self.done).min(CHUNK);
        (0..some).map(|_| self.row()).collect()
    }

    fn row(&mut self) -> Row {
        self.done += 1;
        let number = self.done as i64;
        let (seq, n) = (self.begin.0 + number, self.begin.1 + number);
        let Place { room, author, pace, .. } = self.place;
        let (at, text) = (FIRST_AT + number * pace, self.words.text(&mut self.random));
        for (query, seqs) in self.queries.iter().zip(&mut self.expected) {
            if query.is_in(&text) {
                seqs.push_front(seq);
                seqs.truncate(self.most);
            }
        }
        let body = format!(
            r#"{{"ev":"msg.new","room":"r_{room}","seq":{seq},"n":{n},"at":{at},"d":{{"id":"m_{room}_{seq}","by":"u_{author}","cid":"c-{seq}","text":"{text}","reply_to":null,"mentions":[]}}}}"#
        );
        Row { seq, n, at, text, body }
    }

    fn head(&self) -> (i64, i64) {
        (self.begin.0 + self.done as i64, self.begin.1 + self.done as i64)
    }
}

/// Fills a SQLite file that nobody uses, and says what the queries should find in the first place.
pub(super) fn sqlite(
    file: &Path,
    (words, seed): (&Words, u64),
    places: &[Place],
    (queries, most): (&[Query], usize),
) -> Result<Expected> {
    let mut conn = Connection::open(file)?;
    conn.pragma_update(None, "journal_mode", "OFF")?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    conn.pragma_update(None, "cache_size", -131_072)?;
    let mut first = None;
    for place in places {
        let begin = "SELECT head, n FROM room WHERE room_id = ?1";
        let begin = conn.query_row(begin, [place.room], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let asked = if first.is_none() { queries } else { &[] };
        let mut talk = Talk::new(*place, words, (seed, begin), (asked, most));
        let progress = Progress::new("messages", place.messages);
        while talk.done < place.messages {
            let rows = talk.chunk();
            let tx = conn.transaction()?;
            {
                let mut event = tx.prepare_cached(EVENT)?;
                let mut message = tx.prepare_cached(MESSAGE)?;
                for Row { seq, n, at, text, body } in &rows {
                    event.execute(params![place.room, seq, at, n, body])?;
                    let cid = format!("c-{seq}");
                    message.execute(params![place.room, seq, n, place.author, cid, text, at])?;
                }
            }
            let (head, n) = talk.head();
            tx.execute(
                "UPDATE room SET head = ?2, n = ?3 WHERE room_id = ?1",
                [place.room, head, n],
            )?;
            tx.commit()?;
            progress.step(rows.len());
        }
        progress.done();
        first.get_or_insert(talk.expected);
    }
    conn.pragma_update(None, "journal_mode", "WAL")?;
    first.context("no room to fill")
}

/// The same on PostgreSQL. Call it within a `LocalSet`.
pub(super) async fn postgres(
    url: &str,
    (words, seed): (&Words, u64),
    places: &[Place],
    (queries, most): (&[Query], usize),
) -> Result<Expected> {
    let client = database::connect(&database::config(url, None)?).await?;
    client.batch_execute("SET synchronous_commit = off").await?;
    let mut first = None;
    for place in places {
        let begin = "SELECT head, n FROM room WHERE room_id = $1";
        let begin = client.query_one(begin, &[&place.room]).await?;
        let begin = (begin.try_get(0)?, begin.try_get(1)?);
        let asked = if first.is_none() { queries } else { &[] };
        let mut talk = Talk::new(*place, words, (seed, begin), (asked, most));
        let progress = Progress::new("messages", place.messages);
        while talk.done < place.messages {
            let rows = talk.chunk();
            let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
            let ats: Vec<i64> = rows.iter().map(|row| row.at).collect();
            let ns: Vec<i64> = rows.iter().map(|row| row.n).collect();
            let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
            let bodies: Vec<&str> = rows.iter().map(|row| row.body.as_str()).collect();
            client.execute(EVENTS, &[&place.room, &seqs, &ats, &ns, &bodies]).await?;
            let given: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
                [&place.room, &seqs, &ats, &ns, &texts, &place.author];
            client.execute(MESSAGES, &given).await?;
            let (head, n) = talk.head();
            let heads = "UPDATE room SET head = $2, n = $3 WHERE room_id = $1";
            client.execute(heads, &[&place.room, &head, &n]).await?;
            progress.step(rows.len());
        }
        progress.done();
        first.get_or_insert(talk.expected);
    }
    client.batch_execute("VACUUM ANALYZE").await?;
    first.context("no room to fill")
}
