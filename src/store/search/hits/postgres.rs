//! A GIN index gives all that it finds, in no order. So what is common is found by going over the
//! entries from the newest on, and only what is rare by the index.
//!
//! Whether the words or the time lead to fewer is never left to the planner: without statistics it goes
//! by both, and so over all entries since some time.

use sqlx::postgres::PgRow;
use sqlx::{Error, FromRow, Row};

use super::{Answer, Ask, Hit, Hits, MOST};
use crate::domain::{RoomId, Token};
use crate::store::StoreError;
use crate::store::db::{Conn, Either, fetch_optional};
use crate::store::messages::{MessageRow, message_columns};
use crate::store::search::files::carries_file;
use crate::store::search::left::has_left;
use crate::store::search::spot::Spot;
use crate::store::search::verdict::may_see;

/// Entries from the newest on that are looked at before the index is asked.
const FEW: i64 = 600;
/// And the most, where the first ones promise that it will do.
const MANY: i64 = 40_000;

/// An entry, with its message if the reader may see it.
struct Entry {
    spot: Spot,
    hit: Option<Hit>,
}

impl<'r> FromRow<'r, PgRow> for Entry {
    fn from_row(row: &'r PgRow) -> Result<Self, Error> {
        let (point, room) = (row.try_get("spot")?, RoomId(row.try_get("entry_room")?));
        let spot = Spot { point, room, seq: row.try_get("entry_seq")? };
        if row.try_get::<Option<i64>, _>("seq")?.is_none() {
            return Ok(Self { spot, hit: None });
        }
        let hit = Hit {
            message: MessageRow::from_row(row)?.of(room),
            carries_file: row.try_get::<Option<bool>, _>("carries_file")?.unwrap_or(false),
            left: row.try_get("has_left")?,
        };
        Ok(Self { spot, hit: Some(hit) })
    }
}

/// Some entries with their messages: `$1` tokens, `$2` to `$4` the spot below which, `$5` the reader,
/// `$6` the least point, `$7` how many, `$8` tokens of which one will do, `$10` whether files are
/// looked for, `$11` whether to say what is left.
macro_rules! entries {
    ($($entries:literal),+) => {
        concat!(
            "SELECT e.spot, e.room_id AS entry_room, e.seq AS entry_seq, CASE WHEN $10 THEN ",
            carries_file!("m"),
            " END AS carries_file, CASE WHEN $11 THEN ",
            has_left!("m"),
            " END AS has_left, ",
            message_columns!(),
            " FROM (", $($entries,)+ ") e CROSS JOIN room
              LEFT JOIN room_member seen ON seen.user_id = $5 AND seen.room_id = room.room_id
              LEFT JOIN message m ON m.room_id = e.room_id AND m.seq = e.seq AND ",
            may_see!("m", "$5"),
            " WHERE room.room_id = e.room_id
              ORDER BY e.spot DESC, e.room_id DESC, e.seq DESC"
        )
    };
}

/// Goes over `$9` entries, until there are enough.
macro_rules! walk {
    ($tokens:literal) => {
        entries!(
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

/// Asks the index for all, by the tokens alone: the spot is hidden from the planner. Left to itself, with
/// the limit in sight, it would at times go over the whole table from its end.
macro_rules! pick {
    ($tokens:literal) => {
        entries!(
            "WITH found AS MATERIALIZED (
                 SELECT spot, room_id, seq FROM search_entry
                  WHERE ",
            $tokens,
            " AND spot + 0 <= $2 AND spot + 0 >= $6)
              SELECT spot, room_id, seq FROM found WHERE (spot, room_id, seq) < ($2, $3, $4)
               ORDER BY spot DESC, room_id DESC, seq DESC LIMIT $7"
        )
    };
}

/// The texts without and with tokens of which one will do.
type Way = [&'static str; 2];

const WALK: Way = [walk!("tokens @> $1"), walk!("tokens @> $1 AND tokens && $8")];
const PICK: Way = [pick!("tokens @> $1"), pick!("tokens @> $1 AND tokens && $8")];

/// How many entries there are since a point, below a spot; no more than `$5`.
const SINCE: &str = "SELECT count(*) FROM (
         SELECT 1 FROM search_entry WHERE (spot, room_id, seq) < ($1, $2, $3) AND spot >= $4
          ORDER BY spot DESC, room_id DESC, seq DESC LIMIT $5) newest";

impl Hits {
    pub(super) async fn next_of_postgres(
        &self,
        conn: &mut Conn,
        ask: Ask,
    ) -> Result<Answer, StoreError> {
        // Each spot is a row, also those that the reader may not see.
        let ask = Ask { most: ask.most.min(MOST), ..ask };
        let entries = self.entries(conn, ask).await?;
        let last = entries.last().map(|entry| entry.spot);
        Ok(Answer {
            named: entries.len(),
            down_to: last.filter(|_last| entries.len() >= ask.most),
            hits: entries.into_iter().filter_map(|entry| entry.hit).collect(),
        })
    }

    async fn entries(&self, conn: &mut Conn, ask: Ask) -> Result<Vec<Entry>, StoreError> {
        let few = self.ask(conn, WALK, ask, FEW).await?;
        if few.len() >= ask.most {
            return Ok(few);
        }
        if let Some(walk) = walk(few.len(), ask.most, self.entries) {
            let many = self.ask(conn, WALK, ask, walk).await?;
            if many.len() >= ask.most {
                return Ok(many);
            }
        }
        let most = worth(few.len(), self.entries);
        let since =
            if self.least > 0 { self.since(conn, ask.below, most + 1).await? } else { None };
        match since {
            Some(all) if all <= FEW => Ok(few),
            Some(all) if all <= most => self.ask(conn, WALK, ask, all).await,
            _unbounded => self.ask(conn, PICK, ask, 0).await,
        }
    }

    /// How many entries the time leaves, up to so many.
    async fn since(
        &self,
        conn: &mut Conn,
        below: Spot,
        most: i64,
    ) -> Result<Option<i64>, StoreError> {
        let Spot { point, room, seq } = below;
        let row = fetch_optional!(conn, (i64,), SINCE, point, room.0, seq, self.least, most)?;
        Ok(row.map(|(entries,)| entries))
    }

    async fn ask(
        &self,
        conn: &mut Conn,
        [alone, with_any]: Way,
        Ask { below, most, asks_left }: Ask,
        entries: i64,
    ) -> Result<Vec<Entry>, StoreError> {
        let Either::Postgres(lent) = conn.either() else { return Ok(Vec::new()) };
        let hits = sqlx::query_as(if self.any.is_empty() { alone } else { with_any })
            .bind(numbers(&self.all))
            .bind(below.point)
            .bind(below.room.0)
            .bind(below.seq)
            .bind(self.reader.0)
            .bind(self.least)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .bind(numbers(&self.any))
            .bind(entries)
            .bind(self.wants_files)
            .bind(asks_left);
        let done = hits.fetch_all(lent).await;
        conn.heard(done)
    }
}

/// How many entries to go over for so many, when of the first ones so many were found: were all like
/// these, and some more. None when the index would name fewer than that, out of all of its entries.
fn walk(found: usize, wanted: usize, entries: i64) -> Option<i64> {
    let [found, wanted] = [found, wanted].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    let needed = FEW.saturating_mul(wanted).saturating_mul(3) / (2 * found.max(1));
    let named = found.saturating_mul(entries) / FEW;
    (needed <= named.min(MANY)).then_some(needed)
}

/// The most entries that are gone over because of their time alone: what the index would name is read
/// from everywhere, and costs no less.
fn worth(found: usize, entries: i64) -> i64 {
    let found = i64::try_from(found).unwrap_or(i64::MAX).max(1);
    (found.saturating_mul(entries) / FEW).clamp(FEW, MANY)
}

fn numbers(tokens: &[Token]) -> Vec<i32> {
    tokens.iter().map(|token| token.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_gone_over_where_the_index_would_name_more() {
        assert_eq!(walk(0, 54, 1_000_000), None, "the index knows at once");
        assert_eq!(walk(2, 54, 1_000_000), None, "3,000 instead of 24,000");
        assert_eq!(walk(9, 54, 1_000_000), Some(5_400));
        assert_eq!(walk(2, 54, 100_000_000), Some(24_300));
        assert_eq!(walk(1, 54, i64::MAX), None, "too many");
        assert_eq!(walk(30, usize::MAX, 0), None);
    }

    #[test]
    fn a_time_is_gone_over_up_to_what_the_index_would_name() {
        assert_eq!(worth(0, 49_000), FEW, "those were gone over anyway");
        assert_eq!(worth(0, 1_000_000), 1_666);
        assert_eq!(worth(3, 1_000_000), 5_000);
        assert_eq!(worth(500, i64::MAX), MANY);
    }
}
