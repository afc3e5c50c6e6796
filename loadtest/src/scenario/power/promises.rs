//! What clients were told, and whether a database keeps it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};

use crate::check::Message;
use crate::scenario::crash::talks::Talks;
use crate::scenario::crash::verdict::examine;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) enum How {
    /// To its sender, as the answer.
    Acknowledged,
    /// To somebody, as an event.
    Shown,
}

/// That a message is in the log at a place.
#[derive(Clone, Debug)]
pub(in crate::scenario) struct Promise {
    /// When it reached the client, on the clock of the record.
    pub at: u64,
    pub how: How,
    pub room: String,
    pub message: Message,
}

/// All promises in the order of time.
pub(in crate::scenario) struct Promises(Vec<Promise>);

impl Promises {
    pub(in crate::scenario) fn of(talks: &Talks) -> Self {
        let mut all = Vec::new();
        for talk in &talks.rooms {
            let mut shown: BTreeMap<u64, Promise> = BTreeMap::new();
            for player in talk.company.players() {
                let memory = player.memory.borrow();
                let promise = |how, message: &Message, at: &u64| Promise {
                    at: *at,
                    how,
                    room: talk.room.clone(),
                    message: message.clone(),
                };
                let acked = memory.acked.iter().zip(&memory.acked_at);
                all.extend(acked.map(|(message, at)| promise(How::Acknowledged, message, at)));
                for (message, at) in memory.seen.iter().zip(&memory.seen_at) {
                    let first = shown.get(&message.seq).is_none_or(|held| *at < held.at);
                    if first {
                        shown.insert(message.seq, promise(How::Shown, message, at));
                    }
                }
            }
            all.extend(shown.into_values());
        }
        all.sort_by_key(|promise| promise.at);
        Self(all)
    }

    pub(in crate::scenario) fn all(&self) -> &[Promise] {
        &self.0
    }

    /// Those that were made up to this moment.
    pub(in crate::scenario) fn until(&self, moment: u64) -> &[Promise] {
        let made = self.0.partition_point(|promise| promise.at <= moment);
        self.0.get(..made).unwrap_or_default()
    }
}

/// What became of the promises.
#[derive(Debug, Default)]
pub(in crate::scenario) struct Broken {
    /// Acknowledged messages that are gone, or hold something else.
    pub lost: u64,
    /// Messages that were shown to somebody and are gone.
    pub unshown: u64,
    /// What is wrong with the database itself.
    pub damage: Vec<String>,
    pub examples: Vec<String>,
}

impl Broken {
    pub(in crate::scenario) fn is_sound(&self) -> bool {
        self.lost == 0 && self.unshown == 0 && self.damage.is_empty()
    }

    pub(in crate::scenario) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.unshown += other.unshown;
        self.damage.extend(other.damage);
        self.examples.extend(other.examples);
    }
}

/// Lets SQLite recover the database in a folder, and looks for every promise in it.
pub(in crate::scenario) fn examine_folder(folder: &Path, promises: &[Promise]) -> Result<Broken> {
    let file = folder.join("moim.db");
    let mut broken = Broken::default();
    if std::fs::metadata(&file).is_ok_and(|file| file.len() > 0) {
        broken.damage = match examine(&file) {
            Ok(damage) => damage,
            Err(why) => vec![format!("it cannot be read: {why:#}")],
        };
    } else if promises.is_empty() {
        return Ok(broken);
    }
    let held = if broken.damage.is_empty() { held(&file) } else { Ok(HashMap::new()) };
    let held = held.or_else(|why| {
        // Before the first migration there are no tables, and nobody was promised anything.
        if promises.is_empty() { Ok(HashMap::new()) } else { Err(why) }
    });
    match held {
        Ok(held) => count(&held, promises, &mut broken),
        Err(why) => {
            broken.damage.push(format!("{why:#}"));
            count(&HashMap::new(), promises, &mut broken);
        }
    }
    Ok(broken)
}

/// The messages by room and seq, as `room id cid`.
type Held = HashMap<(String, u64), Message>;

fn held(file: &Path) -> Result<Held> {
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let odd: i64 = database
        .query_row(
            "SELECT count(*) FROM room LEFT JOIN
                 (SELECT room_id, count(*) AS events, max(seq) AS last FROM room_event
                   GROUP BY room_id) USING (room_id)
              WHERE head <> coalesce(last, 0) OR head <> coalesce(events, 0)",
            [],
            |row| row.get(0),
        )
        .context("the rooms cannot be read")?;
    anyhow::ensure!(odd == 0, "{odd} rooms whose log has a hole, or another head");
    let mut statement = database.prepare("SELECT room_id, seq, cid FROM message")?;
    let rows = statement.query_map([], |row| {
        let (room, seq, cid): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let message =
            Message { seq: u64::try_from(seq).unwrap_or(0), id: format!("m_{room}_{seq}"), cid };
        Ok(((format!("r_{room}"), message.seq), message))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn count(held: &Held, promises: &[Promise], broken: &mut Broken) {
    for Promise { how, room, message, .. } in promises {
        let found = held.get(&(room.clone(), message.seq));
        if found == Some(message) {
            continue;
        }
        match how {
            How::Acknowledged => broken.lost += 1,
            How::Shown => broken.unshown += 1,
        }
        if broken.examples.len() < 2 {
            broken.examples.push(format!("{how:?} in {room}: {message:?}; held: {found:?}"));
        }
    }
}
