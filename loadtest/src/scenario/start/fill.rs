//! Fills a SQLite file as years of talk would, without the server: accounts, clubs, rooms, events,
//! messages and read marks. Few rooms are busy and most are not (Zipf), texts are mostly short.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, params};

use crate::progress::Progress;

/// The first message; the last is of the day of the run.
const FIRST_AT: i64 = 1_700_000_000_000;
const ROOMS_OF_A_CLUB: u32 = 4;
/// Members of a club at most.
const MEMBERS: u32 = 60;
/// Rows of one transaction.
const CHUNK: u64 = 100_000;
/// Rows between two moves of the bar.
const STEP: usize = 1_000;

const EVENT: &str =
    "INSERT INTO room_event (room_id, seq, at, n, body) VALUES (?1, ?2, ?3, ?4, ?5)";
const MESSAGE: &str = "INSERT INTO message (room_id, seq, n, author_id, cid, text, at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const MARK: &str = "INSERT INTO room_member (room_id, user_id, read_n, read_seq)
                    VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT (room_id, user_id) DO UPDATE
                       SET read_n = excluded.read_n, read_seq = excluded.read_seq";

/// How much of each.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub messages: u64,
    pub users: u32,
    pub clubs: u32,
}

/// What was filled.
pub(super) struct Filled {
    pub messages: u64,
    pub bytes: u64,
    /// Newest seq of the room that was there before.
    pub first_head: u64,
}

/// Call it while no server runs. The file must have the tables, and one room that is no `general`.
pub(super) fn fill(file: &Path, shape: Shape, seed: u64) -> Result<Filled> {
    let mut conn = Connection::open(file)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    // Until it is full the file need not survive anything.
    conn.pragma_update(None, "journal_mode", "OFF")?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    conn.pragma_update(None, "foreign_keys", false)?;
    conn.pragma_update(None, "cache_size", -131_072)?;
    let mut random = SmallRng::seed_from_u64(seed);
    let tx = conn.transaction()?;
    let people = people(&tx, shape.users)?;
    let rooms = rooms(&tx, shape.clubs, &people)?;
    tx.commit()?;
    let counts = zipf(rooms.len(), shape.messages);
    let marks: usize = rooms.iter().map(|room| room.members.len()).sum();
    let mut pen = Pen::new(&conn, usize::try_from(shape.messages)? + marks)?;
    let mut first_head = None;
    for (room, count) in rooms.iter().zip(counts) {
        let head = pen.talk(room, count, &mut random)?;
        first_head.get_or_insert(head);
    }
    pen.done()?;
    let first_head = first_head.unwrap_or(0);
    let messages =
        conn.query_row("SELECT count(*) FROM message", [], |row| row.get::<_, i64>(0))?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    drop(conn);
    let bytes = std::fs::metadata(file)?.len();
    Ok(Filled { messages: u64::try_from(messages)?, bytes, first_head })
}

/// Leaves a write-ahead log of at least so many MiB beside the file, as a killed writer does, and
/// returns its size.
pub(super) fn leave_wal(file: &Path, mib: u64) -> Result<u64> {
    let conn = Connection::open(file)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    let log = file.with_extension("db-wal");
    let size = || std::fs::metadata(&log).map_or(0, |log| log.len());
    let text = "x".repeat(2_000);
    // A secret that no one asks for: the rows that the server reads stay as they were.
    for number in 0.. {
        if size() >= mib * 1_048_576 {
            break;
        }
        conn.execute(
            "INSERT INTO secret (name, value) VALUES ('load-test', ?1)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [format!("{number} {}", text.repeat(100)).into_bytes()],
        )?;
    }
    Ok(size())
}

fn people(tx: &Transaction<'_>, count: u32) -> Result<Vec<i64>> {
    let mut account = tx.prepare(
        "INSERT INTO account (username, username_key, display_name, display_key, password_hash,
                              role, locale, created_at)
         VALUES (?1, ?1, ?1, ?1, '-', 'user', 'ko', ?2) RETURNING user_id",
    )?;
    let mut inbox = tx.prepare("INSERT INTO inbox (user_id) VALUES (?1)")?;
    let lobby = "SELECT room_id FROM room WHERE kind = 'lobby' AND is_general";
    let lobby: i64 = tx.query_row(lobby, [], |row| row.get(0))?;
    let mut seat = tx.prepare(
        "INSERT INTO room_member (room_id, user_id, joined_at, is_inside) VALUES (?1, ?2, ?3, TRUE)",
    )?;
    let mut people = Vec::new();
    for number in 0..count {
        let name = format!("filled-{number}");
        let user = account.query_row(params![name, FIRST_AT], |row| row.get(0))?;
        inbox.execute([user])?;
        seat.execute([lobby, user, FIRST_AT])?;
        people.push(user);
    }
    Ok(people)
}

/// A room with those who talk in it.
struct Place {
    room: i64,
    members: Vec<i64>,
}

/// The room that is there already comes first: its people are its owner alone.
fn rooms(tx: &Transaction<'_>, clubs: u32, people: &[i64]) -> Result<Vec<Place>> {
    let (room, owner) = tx.query_row(
        "SELECT room.room_id, club.owner_id FROM room JOIN club ON club.club_id = room.club_id
          WHERE NOT room.is_general ORDER BY room.room_id LIMIT 1",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut places = vec![Place { room, members: vec![owner] }];
    let mut club = tx.prepare(
        "INSERT INTO club (name, name_key, greeting, description, kind, category, visibility,
                           join_policy, member_count, owner_id, created_at)
         VALUES (?1, ?1, 'hello', 'filled', 'community', 'other', 'public', 'open', ?2, ?3, ?4)
         RETURNING club_id",
    )?;
    let mut member = tx.prepare(
        "INSERT INTO membership (club_id, user_id, role, status, joined_at)
         VALUES (?1, ?2, ?3, 'active', ?4)",
    )?;
    let mut room = tx.prepare(
        "INSERT INTO room (kind, club_id, name, is_general, created_by, created_at)
         VALUES ('member', ?1, ?2, ?3, ?4, ?5) RETURNING room_id",
    )?;
    for number in 0..clubs {
        let members: Vec<i64> = (0..MEMBERS)
            .filter_map(|place| {
                let at = (number as usize * 37 + place as usize * 101) % people.len();
                people.get(at).copied()
            })
            .collect::<std::collections::BTreeSet<i64>>()
            .into_iter()
            .collect();
        let owner = *members.first().context("nobody can own a club")?;
        let count = i64::try_from(members.len())?;
        let values = params![format!("filled-{number}"), count, owner, FIRST_AT];
        let id: i64 = club.query_row(values, |row| row.get(0))?;
        for user in &members {
            let role = if *user == owner { "owner" } else { "member" };
            member.execute(params![id, user, role, FIRST_AT])?;
        }
        for place in 0..=ROOMS_OF_A_CLUB {
            let name = if place == 0 { "general".to_owned() } else { format!("room-{place}") };
            let values = params![id, name, place == 0, owner, FIRST_AT];
            let room = room.query_row(values, |row| row.get(0))?;
            places.push(Place { room, members: members.clone() });
        }
    }
    Ok(places)
}

/// How many of `total` each of `places` gets: the first twice as many as the second, three times as
/// many as the third, and so on.
fn zipf(places: usize, total: u64) -> Vec<u64> {
    let weight = |place: usize| 1.0 / (place as f64 + 1.0);
    let sum: f64 = (0..places).map(weight).sum();
    let mut left = total;
    let mut counts: Vec<u64> = (0..places)
        .map(|place| {
            let count = ((total as f64 * weight(place) / sum) as u64).min(left);
            left -= count;
            count
        })
        .collect();
    if let Some(first) = counts.first_mut() {
        *first += left;
    }
    counts
}

/// Writes rows, many in a transaction: one for each row takes minutes where people are many.
struct Pen<'c> {
    conn: &'c Connection,
    /// Since the last commit, and since the bar was moved.
    rows: u64,
    unseen: usize,
    progress: Progress,
}

impl<'c> Pen<'c> {
    fn new(conn: &'c Connection, rows: usize) -> Result<Self> {
        conn.execute_batch("BEGIN")?;
        Ok(Self { conn, rows: 0, unseen: 0, progress: Progress::new("filling", rows) })
    }

    fn wrote(&mut self) -> Result<()> {
        (self.rows, self.unseen) = (self.rows + 1, self.unseen + 1);
        if self.unseen == STEP {
            self.progress.step(std::mem::take(&mut self.unseen));
        }
        if self.rows == CHUNK {
            self.rows = 0;
            self.conn.execute_batch("COMMIT; BEGIN")?;
        }
        Ok(())
    }

    fn done(self) -> Result<()> {
        self.progress.done();
        Ok(self.conn.execute_batch("COMMIT")?)
    }

    /// Writes the log of a room behind what is there, and returns its head.
    fn talk(&mut self, place: &Place, count: u64, random: &mut SmallRng) -> Result<u64> {
        let Place { room, members } = place;
        ensure!(!members.is_empty(), "a room without people");
        let begin = "SELECT head, n FROM room WHERE room_id = ?1";
        let begin: (i64, i64) =
            self.conn.query_row(begin, [room], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (mut seq, mut n) = begin;
        for _ in 0..count {
            (seq, n) = (seq + 1, n + 1);
            let at = FIRST_AT + n * 1_000;
            let author = members.get(random.random_range(0..members.len())).copied();
            // Twice random: mostly short, at times long.
            let longest = random.random_range(1..=24);
            let text = "가나다 abc ".repeat(random.random_range(1..=longest));
            let body = format!(
                r#"{{"ev":"msg.new","room":"r_{room}","seq":{seq},"n":{n},"at":{at},"d":{{"id":"m_{room}_{seq}","by":"u_{}","cid":"c-{seq}","text":"{text}","mentions":[]}}}}"#,
                author.unwrap_or(0)
            );
            self.conn.prepare_cached(EVENT)?.execute(params![room, seq, at, n, body])?;
            let cid = format!("c-{seq}");
            let row = params![room, seq, n, author, cid, text, at];
            self.conn.prepare_cached(MESSAGE)?.execute(row)?;
            self.wrote()?;
        }
        let head = "UPDATE room SET head = ?2, n = ?3 WHERE room_id = ?1";
        self.conn.prepare_cached(head)?.execute([*room, seq, n])?;
        for user in members {
            self.conn.prepare_cached(MARK)?.execute([*room, *user, n, seq])?;
            self.wrote()?;
        }
        Ok(u64::try_from(seq)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_places_get_most_and_nothing_is_left_over() {
        let counts = zipf(100, 10_000);
        assert_eq!(counts.iter().sum::<u64>(), 10_000);
        assert!(counts.is_sorted_by(|one, next| one >= next));
        let half: u64 = counts.iter().take(10).sum();
        assert!(half > 5_000, "{half}");
        assert_eq!(zipf(3, 2).iter().sum::<u64>(), 2);
    }
}
