//! Asking the index.

mod postgres;
mod sqlite;

use super::scope::Scope;
use super::spot::{Spot, least_point};
use super::{Carried, Search};
use crate::domain::{SearchText, Token, UserId, author_token, file_token, link_token, room_token};
use crate::store::StoreError;
use crate::store::db::Conn;
use crate::store::messages::Message;

/// Asked for beyond a page at first: the one that tells of a next page, and some for what the index
/// names and is not meant.
pub(super) const SPARE: usize = 4;
/// Asked for at once at most.
pub(super) const MOST: usize = 1_024;
/// The index is told the rooms, up to so many: measured, more cost it more than leaving out rooms
/// afterwards. Who may read more rooms may read a larger part of what it names.
const ROOMS: usize = 16;

/// Something that the index names.
#[derive(Debug)]
pub(super) struct Hit {
    /// Spots that the index named: the same for all of a list.
    pub(super) count: usize,
    /// Where it stands.
    pub(super) spot: Spot,
    /// The message, if the reader may see it.
    pub(super) message: Option<Message>,
    /// Whether it carries a file.
    pub(super) carries_file: bool,
}

/// The message `m` of an entry `e` of a `room`, in SQL: none where the reader may not see it.
macro_rules! message_of_entry {
    ($reader:literal) => {
        concat!(
            " LEFT JOIN room_member seen ON seen.user_id = ",
            $reader,
            " AND seen.room_id = room.room_id
              LEFT JOIN message m ON m.room_id = e.room_id AND m.seq = e.seq AND ",
            $crate::store::search::verdict::may_see!("m", $reader)
        )
    };
}
use message_of_entry;

/// What the index is asked, again and again, from one spot on.
pub(super) struct Hits {
    reader: UserId,
    least: i64,
    /// All of them.
    all: Vec<Token>,
    /// And one of them, unless there are none.
    any: Vec<Token>,
}

impl Hits {
    pub(super) fn new(search: &Search<'_>, scope: &Scope) -> Self {
        let mut all = search.text.map(SearchText::tokens).unwrap_or_default();
        all.extend(search.author.map(author_token));
        all.extend(search.has.map(|what| match what {
            Carried::File => file_token(),
            Carried::Link => link_token(),
        }));
        let mut any = Vec::new();
        if scope.len() <= ROOMS {
            any.extend(scope.rooms().map(room_token));
        }
        if any.len() == 1 {
            all.append(&mut any);
        }
        let least = search.since.map_or(0, least_point);
        Self { reader: search.reader, least, all, any }
    }

    /// The next `most` spots that the index names below this one, newest first, with what stands
    /// there.
    pub(super) async fn next(
        &self,
        conn: &mut Conn,
        below: Spot,
        most: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        if conn.is_sqlite() {
            self.next_of_sqlite(conn, below, most).await
        } else {
            self.next_of_postgres(conn, below, most).await
        }
    }
}
