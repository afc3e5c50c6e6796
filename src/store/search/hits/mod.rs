//! Asking the index.

mod postgres;
mod sqlite;

use super::scope::Scope;
use super::spot::{Spot, least_point};
use super::{Carried, Search};
use crate::domain::{
    RoomId, SearchText, Token, UserId, author_token, file_token, link_token, room_token,
};
use crate::store::StoreError;
use crate::store::db::Conn;
use crate::store::messages::Message;

/// Asked for beyond a page at first: the one that tells of a next page, and some for what the index
/// names and is not meant.
pub(super) const SPARE: usize = 4;
/// Messages read at once at most.
pub(super) const MOST: usize = 1_024;
/// The index is told the rooms, up to so many: measured, more cost it more than leaving out rooms
/// afterwards. Who may read more rooms may read a larger part of what it names.
const ROOMS: usize = 16;
/// SQLite's index is told rooms of so many entries together. It goes along the list of a room page by
/// page: with one of a million entries two words took five times as long as without. What stands in
/// other rooms is left out by the lowest bits of its spot, at next to no cost.
const ENTRIES: i64 = 4_000;
/// Rooms with more are told to it, too, when fewer than one in so many that it named were theirs.
const ONE_IN: usize = 2_000;

/// Something that the index names and the reader may see.
#[derive(Debug)]
pub(super) struct Hit {
    /// The message.
    pub(super) message: Message,
    /// Whether it carries a file, where files are looked for.
    pub(super) carries_file: bool,
    /// Whether anything is left on it, where that was asked.
    pub(super) left: Option<bool>,
}

/// What one question brought.
#[derive(Debug)]
pub(super) struct Answer {
    /// How many spots the index named.
    pub(super) named: usize,
    /// Down to here all of them were looked at; none at the end of the index.
    pub(super) down_to: Option<Spot>,
    /// Those that the reader may see.
    pub(super) hits: Vec<Hit>,
}

/// What the index is asked, again and again, from one spot on.
pub(super) struct Hits {
    reader: UserId,
    least: i64,
    /// All of them.
    all: Vec<Token>,
    /// And one of them, unless there are none.
    any: Vec<Token>,
    rooms: Vec<RoomId>,
    wants_files: bool,
    /// Entries of the whole index, about; on PostgreSQL.
    entries: i64,
    named: usize,
    seen: usize,
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    /// Below this spot.
    pub(super) below: Spot,
    /// So many spots.
    pub(super) most: usize,
    /// Also whether anything is left on the messages: worth it where most of them are on the page.
    pub(super) asks_left: bool,
}

impl Hits {
    pub(super) fn new(search: &Search<'_>, scope: &Scope, conn: &Conn) -> Self {
        let mut all = search.text.map(SearchText::tokens).unwrap_or_default();
        all.extend(search.author.map(author_token));
        all.extend(search.has.map(|what| match what {
            Carried::File => file_token(),
            Carried::Link => link_token(),
        }));
        let mut hits = Self {
            reader: search.reader,
            least: search.since.map_or(0, least_point),
            all,
            any: Vec::new(),
            rooms: scope.rooms().collect(),
            wants_files: search.has == Some(Carried::File),
            entries: scope.all_entries(),
            named: 0,
            seen: 0,
        };
        if !conn.is_sqlite() || scope.entries() <= ENTRIES {
            hits.tell_rooms();
        }
        hits
    }

    fn tell_rooms(&mut self) {
        let rooms = std::mem::take(&mut self.rooms);
        match rooms.as_slice() {
            [room] => self.all.push(room_token(*room)),
            _few if rooms.len() <= ROOMS => self.any = rooms.into_iter().map(room_token).collect(),
            _many => self.rooms = rooms,
        }
    }

    /// The next spots that the index names, newest first, with what stands there.
    pub(super) async fn next(&mut self, conn: &mut Conn, ask: Ask) -> Result<Answer, StoreError> {
        if !conn.is_sqlite() {
            return self.next_of_postgres(conn, ask).await;
        }
        let answer = self.next_of_sqlite(conn, ask).await?;
        self.named += answer.named;
        self.seen += answer.hits.len();
        if self.named / ONE_IN > self.seen {
            self.tell_rooms();
        }
        Ok(answer)
    }
}
