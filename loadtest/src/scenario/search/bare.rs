//! The same questions without the server: one statement that names a page of messages, with the
//! rights of the reader, on a connection of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rusqlite::{Connection, OpenFlags};
use tokio_postgres::Client;

use super::words::{Query, tokens};
use crate::database::{self, Database};

/// What both engines ask of the messages that an index names.
macro_rules! seen {
    ($hit:literal, $reader:literal) => {
        concat!(
            " CROSS JOIN room CROSS JOIN message m
              LEFT JOIN room_member seen ON seen.user_id = ",
            $reader,
            " AND seen.room_id = room.room_id
              WHERE room.room_id = ",
            $hit,
            ".room_id AND room.deleted_at IS NULL AND m.room_id = ",
            $hit,
            ".room_id AND m.seq = ",
            $hit,
            ".seq AND m.text IS NOT NULL
                AND (room.history = 'all' OR m.seq > coalesce(seen.join_seq, 0))
                AND CASE WHEN room.club_id IS NULL THEN
                        EXISTS (SELECT 1 FROM room_member i WHERE i.room_id = room.room_id
                                   AND i.user_id = ",
            $reader,
            " AND i.is_inside)
                    ELSE EXISTS (SELECT 1 FROM membership i WHERE i.club_id = room.club_id
                                   AND i.user_id = ",
            $reader,
            " AND i.status = 'active'
                                   AND (room.kind = 'member' OR i.role <> 'member')) END"
        )
    };
}

const COLUMNS: &str =
    "m.room_id, m.seq, m.n, m.at, m.author_id, m.cid, m.text, m.reply_to, m.rev, m.edited_at";

/// How PostgreSQL may come to the entries that hold the tokens.
const WALK: &str = "SELECT spot, room_id, seq FROM (
        SELECT * FROM search_entry ORDER BY spot DESC, room_id DESC, seq DESC LIMIT 40000) newest
     WHERE tokens @> $1 LIMIT $2";
const PICK: &str = "WITH found AS MATERIALIZED (
        SELECT spot, room_id, seq FROM search_entry WHERE tokens @> $1)
    SELECT spot, room_id, seq FROM found ORDER BY spot DESC, room_id DESC, seq DESC LIMIT $2";

/// Asked for beyond what is wanted, where rows of another room may be among them.
const SPARE: i64 = 8;

/// A connection that asks.
pub(super) enum Bare {
    Sqlite(Connection),
    Postgres(Client),
}

impl Bare {
    /// Call it within a `LocalSet`.
    pub(super) async fn open(database: &Database) -> Result<Self> {
        Ok(match database {
            Database::Sqlite(file) => Self::Sqlite(read_only(file)?),
            Database::Postgres { url, name } => {
                let client = database::connect(&database::config(url, name.as_deref())?).await?;
                client.batch_execute("SET join_collapse_limit = 1").await?;
                Self::Postgres(client)
            }
        })
    }

    /// Asks once and gives the time and the rows that came. Where there are two ways to ask, both are
    /// taken and the faster one counts: nobody who writes a statement by hand would take the other.
    pub(super) async fn ask(
        &self,
        query: &Query,
        (reader, room): (i64, i64),
        most: i64,
    ) -> Result<(Duration, usize)> {
        match self {
            Self::Sqlite(conn) => {
                let told = ask_sqlite(conn, &tokens(query, Some(room)), most, reader)?;
                if !query.in_room {
                    return Ok((told.took, told.rooms.len()));
                }
                let untold = ask_sqlite(conn, &tokens(query, None), most + SPARE, reader)?;
                // Without the room it is an answer only where it found enough, or all there is.
                let here = untold.rooms.iter().filter(|other| **other == room).count() as i64;
                let is_whole = here >= most || (untold.rooms.len() as i64) < most + SPARE;
                let took = if is_whole { told.took.min(untold.took) } else { told.took };
                Ok((took, told.rooms.len()))
            }
            Self::Postgres(client) => {
                let tokens = tokens(query, Some(room));
                let mut best: Option<(Duration, usize)> = None;
                for way in [WALK, PICK] {
                    let sql = format!(
                        "SELECT {COLUMNS} FROM ({way}) e{}
                          ORDER BY e.spot DESC, e.room_id DESC, e.seq DESC",
                        seen!("e", "$3")
                    );
                    let begin = Instant::now();
                    let rows = client.query(&sql, &[&tokens, &most, &reader]).await?;
                    let took = begin.elapsed();
                    // The walk is an answer only where it found enough.
                    let is_whole = way == PICK || rows.len() as i64 >= most;
                    if is_whole && best.is_none_or(|(before, _)| took < before) {
                        best = Some((took, rows.len()));
                    }
                }
                best.ok_or_else(|| anyhow::anyhow!("no way led to an answer"))
            }
        }
    }
}

/// What one statement brought.
struct Answer {
    took: Duration,
    /// The room of each row.
    rooms: Vec<i64>,
}

fn ask_sqlite(conn: &Connection, tokens: &[i32], most: i64, reader: i64) -> Result<Answer> {
    let all: Vec<String> = tokens.iter().map(i32::to_string).collect();
    let begin = Instant::now();
    let sql = format!(
        "SELECT {COLUMNS} FROM (SELECT rowid AS spot FROM search_token
             WHERE search_token MATCH ?1 ORDER BY rowid DESC LIMIT ?2) hit
         CROSS JOIN search_entry e{} AND e.spot = hit.spot
         ORDER BY e.spot DESC, e.room_id DESC, e.seq DESC",
        seen!("e", "?3")
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query((all.join(" AND "), most, reader))?;
    let mut rooms = Vec::new();
    while let Some(row) = rows.next()? {
        let _text: String = row.get(6)?;
        rooms.push(row.get(0)?);
    }
    Ok(Answer { took: begin.elapsed(), rooms })
}

fn read_only(file: &Path) -> Result<Connection> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    Ok(conn)
}
