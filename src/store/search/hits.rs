//! Asking the index.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use super::files::carries_file;
use super::scope::Scope;
use super::spot::{Spot, least_point};
use super::verdict::may_see;
use super::{Carried, Search};
use crate::domain::{
    RoomId, SearchText, Token, UserId, author_token, file_token, link_token, room_token,
};
use crate::store::StoreError;
use crate::store::db::{Conn, Either};
use crate::store::messages::{Message, MessageRow, message_columns};

/// Asked for beyond a page at first: some of what the index names is not meant.
pub(super) const SPARE: usize = 14;
/// Asked for at once at most.
pub(super) const MOST: usize = 1_024;
/// The index is told the rooms, up to so many: measured, more cost it more than leaving out rooms
/// afterwards. Who may read more rooms may read a larger part of what it names.
const ROOMS: usize = 16;
/// On PostgreSQL, entries from the newest on that are looked at one by one before the index by token
/// is asked; and the most, where these promise that it will do.
const FEW: i64 = 2_000;
const MANY: i64 = 40_000;

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

impl<'r, R> FromRow<'r, R> for Hit
where
    R: Row,
    for<'c> &'c str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    MessageRow: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let (hits, point): (i64, i64) = (row.try_get("hits")?, row.try_get("spot")?);
        let (room, seq) = (RoomId(row.try_get("entry_room")?), row.try_get("entry_seq")?);
        let is_seen = row.try_get::<Option<i64>, _>("seq")?.is_some();
        let message = if is_seen { Some(MessageRow::from_row(row)?.of(room)) } else { None };
        Ok(Self {
            count: usize::try_from(hits).unwrap_or(0),
            spot: Spot { point, room, seq },
            message,
            carries_file: row.try_get::<Option<bool>, _>("carries_file")?.unwrap_or(false),
        })
    }
}

/// What both engines tell of an entry, and of its message where the reader (`$5`) may see it.
macro_rules! told {
    ($hits:literal, $entry:literal) => {
        concat!(
            "SELECT ",
            $hits,
            " AS hits, ",
            $entry,
            ".spot, ",
            $entry,
            ".room_id AS entry_room, ",
            $entry,
            ".seq AS entry_seq, ",
            carries_file!("m"),
            " AS carries_file, ",
            message_columns!()
        )
    };
}

/// The message of an entry.
macro_rules! message_of {
    ($entry:literal) => {
        concat!(
            " LEFT JOIN room_member seen ON seen.user_id = $5 AND seen.room_id = room.room_id
              LEFT JOIN message m ON m.room_id = ",
            $entry,
            ".room_id AND m.seq = ",
            $entry,
            ".seq AND ",
            may_see!("m", "$5")
        )
    };
}

/// `$1` tokens, `$2` to `$4` the spot below which, `$6` the least point, `$7` how many spots.
const SQLITE: &str = concat!(
    "WITH hit AS MATERIALIZED (
         SELECT rowid AS spot FROM search_token
          WHERE search_token MATCH $1 AND rowid <= $2 AND rowid >= $6
          ORDER BY rowid DESC LIMIT $7) ",
    told!("(SELECT count(*) FROM hit)", "e"),
    " FROM hit CROSS JOIN search_entry e CROSS JOIN room",
    message_of!("e"),
    " WHERE e.spot = hit.spot AND (e.spot, e.room_id, e.seq) < ($2, $3, $4)
        AND room.room_id = e.room_id
      ORDER BY e.spot DESC, e.room_id DESC, e.seq DESC"
);

/// The same parameters, of some entries that PostgreSQL finds in a way of ours.
macro_rules! postgres {
    ($($entries:literal),+) => {
        concat!(
            told!("count(*) OVER ()", "e"),
            " FROM (", $($entries,)+ ") e CROSS JOIN room",
            message_of!("e"),
            " WHERE room.room_id = e.room_id
              ORDER BY e.spot DESC, e.room_id DESC, e.seq DESC"
        )
    };
}

/// Goes from the newest on, over `$9` entries, until there are enough: the way to what is common.
macro_rules! walk {
    ($tokens:literal) => {
        postgres!(
            "SELECT spot, room_id, seq FROM (
                 SELECT spot, room_id, seq, tokens FROM search_entry
                  WHERE (spot, room_id, seq) < ($2, $3, $4) AND spot >= $6
                  ORDER BY spot DESC, room_id DESC, seq DESC LIMIT $9) newest
              WHERE ",
            $tokens,
            " LIMIT $7"
        )
    };
}

/// Asks the index by token for all: the way to what is rare. Left to itself, with the limit in sight,
/// the planner would at times go over the whole table from its end.
macro_rules! pick {
    ($tokens:literal) => {
        postgres!(
            "WITH found AS MATERIALIZED (
                 SELECT spot, room_id, seq FROM search_entry
                  WHERE ",
            $tokens,
            " AND spot <= $2 AND spot >= $6)
              SELECT spot, room_id, seq FROM found WHERE (spot, room_id, seq) < ($2, $3, $4)
               ORDER BY spot DESC, room_id DESC, seq DESC LIMIT $7"
        )
    };
}

const WALK: [&str; 2] = [walk!("tokens @> $1"), walk!("tokens @> $1 AND tokens && $8")];
const PICK: [&str; 2] = [pick!("tokens @> $1"), pick!("tokens @> $1 AND tokens && $8")];

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
        let Either::Sqlite(sqlite) = conn.either() else {
            return self.next_of_postgres(conn, below, most).await;
        };
        let hits = sqlx::query_as(SQLITE)
            .bind(self.expression())
            .bind(below.point)
            .bind(below.room.0)
            .bind(below.seq)
            .bind(self.reader.0)
            .bind(self.least)
            .bind(i64::try_from(most).unwrap_or(i64::MAX));
        Ok(hits.fetch_all(sqlite).await?)
    }

    async fn next_of_postgres(
        &self,
        conn: &mut Conn,
        below: Spot,
        most: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        let few = self.ask_postgres(conn, &WALK, below, (most, FEW)).await?;
        if few.len() >= most {
            return Ok(few);
        }
        // Were all like these, so many would have to be looked at; and some more.
        let found = i64::try_from(few.len()).unwrap_or(i64::MAX);
        let wanted = i64::try_from(most).unwrap_or(i64::MAX);
        let needed = FEW.saturating_mul(wanted).saturating_mul(3) / (2 * found.max(1));
        if found > 0 && needed <= MANY {
            let many = self.ask_postgres(conn, &WALK, below, (most, needed)).await?;
            if many.len() >= most {
                return Ok(many);
            }
        }
        self.ask_postgres(conn, &PICK, below, (most, 0)).await
    }

    async fn ask_postgres(
        &self,
        conn: &mut Conn,
        [alone, with_rooms]: &[&'static str; 2],
        below: Spot,
        (most, entries): (usize, i64),
    ) -> Result<Vec<Hit>, StoreError> {
        let Either::Postgres(conn) = conn.either() else { return Ok(Vec::new()) };
        let sql = if self.any.is_empty() { alone } else { with_rooms };
        // Planned anew each time: a plan for any tokens is a bad one for most.
        let hits = sqlx::query_as(*sql)
            .persistent(false)
            .bind(numbers(&self.all))
            .bind(below.point)
            .bind(below.room.0)
            .bind(below.seq)
            .bind(self.reader.0)
            .bind(self.least)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .bind(numbers(&self.any))
            .bind(entries);
        Ok(hits.fetch_all(conn).await?)
    }

    /// What FTS5 is asked: digits and two words of its own, never anything that a person typed.
    fn expression(&self) -> String {
        let all = self.all.iter().map(|token| token.0.to_string());
        let any: Vec<_> = self.any.iter().map(|token| token.0.to_string()).collect();
        let any = (!any.is_empty()).then(|| format!("({})", any.join(" OR ")));
        any.into_iter().chain(all).collect::<Vec<_>>().join(" AND ")
    }
}

fn numbers(tokens: &[Token]) -> Vec<i32> {
    tokens.iter().map(|token| token.0).collect()
}
