//! Writing the index: which tokens stand for which messages.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::files::carries_file;
use super::spot::{Spot, point_of};
use crate::domain::{
    MessageId, Millis, RoomId, Token, UserId, author_token, file_token, holds_link, link_token,
    room_token, tokens,
};
use crate::store::StoreError;
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, Script, bulk};

/// The columns of a [`Source`].
macro_rules! source {
    () => {
        concat!(
            "SELECT m.room_id, m.seq, m.at, m.author_id, m.text, ",
            carries_file!("m"),
            " AS carries_file FROM "
        )
    };
}

/// Messages behind a seq, up to another, ascending.
const WINDOWS: Bulk = bulk!(
    source!(),
    (room_id bigint, after bigint, upto bigint),
    " CROSS JOIN message m
      WHERE m.room_id = given.room_id AND m.seq > given.after AND m.seq <= given.upto
      ORDER BY m.room_id, m.seq"
);

const MESSAGES: Bulk = bulk!(
    source!(),
    (room_id bigint, seq bigint),
    " CROSS JOIN message m WHERE m.room_id = given.room_id AND m.seq = given.seq"
);

const NEW_PLACES: Bulk = bulk!(
    "INSERT INTO search_place (room_id, seq) SELECT room_id, 0 FROM ",
    (room_id bigint),
    " WHERE TRUE ORDER BY room_id ON CONFLICT (room_id) DO NOTHING"
);

const PLACES: Bulk = bulk!(
    "SELECT place.room_id, place.seq FROM ",
    (room_id bigint),
    " CROSS JOIN search_place place WHERE place.room_id = given.room_id ORDER BY place.room_id",
    postgres " FOR UPDATE OF place"
);

/// SQLite: everything that stands at some points.
const STANDING: Bulk = bulk!(
    "SELECT e.room_id, e.seq FROM ",
    (spot bigint),
    " CROSS JOIN search_entry e WHERE e.spot = given.spot"
);

/// SQLite.
const NO_TOKENS: Bulk =
    bulk!("DELETE FROM search_token WHERE rowid IN (SELECT spot FROM ", (spot bigint), ")");

/// SQLite.
const TOKENS: Bulk = bulk!(
    "INSERT INTO search_token (rowid, tokens) SELECT spot, tokens FROM ",
    (spot bigint, tokens text),
    ""
);

/// SQLite.
const ENTRIES: Bulk = bulk!(
    "INSERT INTO search_entry (spot, room_id, seq) SELECT spot, room_id, seq FROM ",
    (spot bigint, room_id bigint, seq bigint),
    " WHERE TRUE ON CONFLICT (spot, room_id, seq) DO NOTHING"
);

/// PostgreSQL: the same with the tokens.
const ENTRIES_WITH_TOKENS: Bulk = bulk!(
    "INSERT INTO search_entry (spot, room_id, seq, tokens)
     SELECT spot, room_id, seq, tokens::integer[] FROM ",
    (spot bigint, room_id bigint, seq bigint, tokens text),
    " ON CONFLICT (spot, room_id, seq) DO UPDATE SET tokens = excluded.tokens"
);

const NO_ENTRIES: Bulk = bulk!(
    "DELETE FROM search_entry WHERE (spot, room_id, seq) IN (SELECT spot, room_id, seq FROM ",
    (spot bigint, room_id bigint, seq bigint),
    ")"
);

/// What the index is made from.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Source {
    pub(super) room_id: i64,
    pub(super) seq: i64,
    at: i64,
    author_id: i64,
    text: Option<String>,
    carries_file: bool,
}

/// A message with its tokens; none when its text is gone.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) room: RoomId,
    pub(super) seq: i64,
    point: i64,
    pub(super) tokens: Vec<Token>,
}

impl From<Source> for Entry {
    fn from(source: Source) -> Self {
        let room = RoomId(source.room_id);
        let mut found = Vec::new();
        if let Some(text) = &source.text {
            found = tokens(text);
            found.extend([room_token(room), author_token(UserId(source.author_id))]);
            found.extend(source.carries_file.then(file_token));
            found.extend(holds_link(text).then(link_token));
        }
        let point = point_of(Millis(source.at), room);
        Self { room, seq: source.seq, point, tokens: found }
    }
}

impl Entry {
    const fn spot(&self) -> Spot {
        Spot { point: self.point, room: self.room, seq: self.seq }
    }
}

/// A stretch of a room's log, behind one seq and up to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) room: RoomId,
    pub(super) after: i64,
    pub(super) upto: i64,
}

/// The messages of some stretches, by room and seq.
pub(super) async fn read_windows(
    conn: &mut Conn,
    windows: &[Window],
) -> Result<Vec<Entry>, StoreError> {
    let given = Given::new()
        .ints(windows.iter().map(|window| window.room.0))
        .ints(windows.iter().map(|window| window.after))
        .ints(windows.iter().map(|window| window.upto));
    let sources: Vec<Source> = conn.given_all(&WINDOWS, given).await?;
    Ok(sources.into_iter().map(Entry::from).collect())
}

/// Locks the places of rooms in the order of their ids, making those that are missing. Who moves a
/// place, or renews what stands before it, holds it until its commit.
pub(in crate::store) async fn lock_places(
    conn: &mut Conn,
    rooms: &BTreeSet<RoomId>,
) -> Result<BTreeMap<RoomId, i64>, StoreError> {
    let given = || Given::new().ints(rooms.iter().map(|room| room.0));
    conn.given_execute(&NEW_PLACES, given()).await?;
    let places: Vec<(i64, i64)> = conn.given_all(&PLACES, given()).await?;
    Ok(places.into_iter().map(|(room, seq)| (RoomId(room), seq)).collect())
}

/// Brings the index in line with messages whose text was changed or removed in this transaction. What
/// is not in the index yet is left to whoever follows the log. Takes a few statements for many
/// messages; hold the locks of their rooms.
pub(in crate::store) async fn renew(
    conn: &mut Conn,
    messages: &[MessageId],
) -> Result<(), StoreError> {
    if messages.is_empty() {
        return Ok(());
    }
    let rooms = messages.iter().map(|message| message.room).collect();
    let places = lock_places(conn, &rooms).await?;
    let is_in =
        |message: &&MessageId| places.get(&message.room).is_some_and(|place| message.seq <= *place);
    let messages: BTreeSet<MessageId> = messages.iter().filter(is_in).copied().collect();
    let entries = read(conn, &messages).await?;
    write(conn, entries).await
}

async fn read(conn: &mut Conn, messages: &BTreeSet<MessageId>) -> Result<Vec<Entry>, StoreError> {
    let given = Given::new()
        .ints(messages.iter().map(|message| message.room.0))
        .ints(messages.iter().map(|message| message.seq));
    let sources: Vec<Source> = conn.given_all(&MESSAGES, given).await?;
    Ok(sources.into_iter().map(Entry::from).collect())
}

/// Writes entries as they are now, over those that may stand there.
pub(super) async fn write(conn: &mut Conn, entries: Vec<Entry>) -> Result<(), StoreError> {
    if conn.is_sqlite() {
        write_sqlite(conn, entries).await
    } else {
        write_postgres(conn, entries).await
    }
}

async fn write_postgres(conn: &mut Conn, entries: Vec<Entry>) -> Result<(), StoreError> {
    let (gone, entries): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.tokens.is_empty());
    let lists: Vec<String> = entries.iter().map(|entry| list(&entry.tokens)).collect();
    let given = spots(&entries).texts(lists.iter().map(String::as_str));
    let mut script = Script::new();
    script.add(&NO_ENTRIES, spots(&gone));
    script.add(&ENTRIES_WITH_TOKENS, given);
    script.run(conn).await
}

/// FTS5 has one row for a point, and a row cannot be changed: all that stands there is written anew.
async fn write_sqlite(conn: &mut Conn, mut entries: Vec<Entry>) -> Result<(), StoreError> {
    let points: BTreeSet<i64> = entries.iter().map(|entry| entry.point).collect();
    let given = || Given::new().ints(points.iter().copied());
    let standing: Vec<(i64, i64)> = conn.given_all(&STANDING, given()).await?;
    if !standing.is_empty() {
        let known: BTreeSet<_> = entries.iter().map(|entry| (entry.room.0, entry.seq)).collect();
        let others = standing.iter().filter(|place| !known.contains(place));
        let others = others.map(|(room, seq)| MessageId { room: RoomId(*room), seq: *seq });
        entries.extend(read(conn, &others.collect()).await?);
        conn.given_execute(&NO_TOKENS, given()).await?;
    }
    let (gone, entries): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.tokens.is_empty());
    let mut rows: BTreeMap<i64, BTreeSet<Token>> = BTreeMap::new();
    for entry in &entries {
        rows.entry(entry.point).or_default().extend(&entry.tokens);
    }
    let lists: Vec<String> = rows.values().map(list).collect();
    let given = Given::new().ints(rows.keys().copied()).texts(lists.iter().map(String::as_str));
    let mut script = Script::new();
    if !standing.is_empty() {
        script.add(&NO_ENTRIES, spots(&gone));
    }
    script.add(&ENTRIES, spots(&entries));
    script.add(&TOKENS, given);
    script.run(conn).await
}

fn spots(entries: &[Entry]) -> Given<'static> {
    let spots = || entries.iter().map(Entry::spot);
    Given::new()
        .ints(spots().map(|spot| spot.point))
        .ints(spots().map(|spot| spot.room.0))
        .ints(spots().map(|spot| spot.seq))
}

/// Numbers as both engines read them: an array, or words of digits.
fn list<'a>(tokens: impl IntoIterator<Item = &'a Token>) -> String {
    let mut list = String::from("{");
    for token in tokens {
        if list.len() > 1 {
            list.push(',');
        }
        let _infallible = write!(list, "{}", token.0);
    }
    list.push('}');
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        let statements = [&WINDOWS, &MESSAGES, &NEW_PLACES, &PLACES, &STANDING, &NO_TOKENS];
        crate::store::plans::check(&statements).await;
        crate::store::plans::check(&[&TOKENS, &ENTRIES, &NO_ENTRIES]).await;
    }
}
