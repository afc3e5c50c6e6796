//! A GIN index gives all that it finds, in no order. So what is common is found by going over the
//! entries from the newest on, and only what is rare by the index.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use super::{Hit, Hits, message_of_entry};
use crate::domain::{RoomId, Token};
use crate::store::StoreError;
use crate::store::db::{Conn, Either};
use crate::store::messages::{MessageRow, message_columns};
use crate::store::search::files::carries_file;
use crate::store::search::spot::Spot;

/// Entries from the newest on that are looked at before the index is asked; and the most, where the
/// first ones promise that it will do.
const FEW: i64 = 2_000;
const MANY: i64 = 40_000;

impl<'r, R> FromRow<'r, R> for Hit
where
    R: Row,
    for<'c> &'c str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    MessageRow: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let (count, point): (i64, i64) = (row.try_get("hits")?, row.try_get("spot")?);
        let (room, seq) = (RoomId(row.try_get("entry_room")?), row.try_get("entry_seq")?);
        let is_seen = row.try_get::<Option<i64>, _>("seq")?.is_some();
        let message = if is_seen { Some(MessageRow::from_row(row)?.of(room)) } else { None };
        Ok(Self {
            count: usize::try_from(count).unwrap_or(0),
            spot: Spot { point, room, seq },
            message,
            carries_file: row.try_get::<Option<bool>, _>("carries_file")?.unwrap_or(false),
        })
    }
}

/// Some entries with their messages: `$1` tokens, `$2` to `$4` the spot below which, `$5` the reader,
/// `$6` the least point, `$7` how many, `$8` tokens of which one will do.
macro_rules! entries {
    ($($entries:literal),+) => {
        concat!(
            "SELECT count(*) OVER () AS hits, e.spot, e.room_id AS entry_room,
                    e.seq AS entry_seq, ",
            carries_file!("m"),
            " AS carries_file, ",
            message_columns!(),
            " FROM (", $($entries,)+ ") e CROSS JOIN room",
            message_of_entry!("$5"),
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

/// Asks the index for all. Left to itself, with the limit in sight, the planner would at times go
/// over the whole table from its end.
macro_rules! pick {
    ($tokens:literal) => {
        entries!(
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

impl Hits {
    pub(super) async fn next_of_postgres(
        &self,
        conn: &mut Conn,
        below: Spot,
        most: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        let few = self.ask(conn, &WALK, below, (most, Some(FEW))).await?;
        if few.len() >= most {
            return Ok(few);
        }
        // Were all like these, so many would have to be looked at; and some more.
        let [found, wanted] = [few.len(), most].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let needed = FEW.saturating_mul(wanted).saturating_mul(3) / (2 * found.max(1));
        if found > 0 && needed <= MANY {
            let many = self.ask(conn, &WALK, below, (most, Some(needed))).await?;
            if many.len() >= most {
                return Ok(many);
            }
        }
        self.ask(conn, &PICK, below, (most, None)).await
    }

    async fn ask(
        &self,
        conn: &mut Conn,
        [alone, with_any]: &[&'static str; 2],
        below: Spot,
        (most, entries): (usize, Option<i64>),
    ) -> Result<Vec<Hit>, StoreError> {
        let Either::Postgres(conn) = conn.either() else { return Ok(Vec::new()) };
        // The index is planned for anew each time: a plan for any tokens is a bad one for most.
        let hits = sqlx::query_as(if self.any.is_empty() { *alone } else { *with_any })
            .persistent(entries.is_some())
            .bind(numbers(&self.all))
            .bind(below.point)
            .bind(below.room.0)
            .bind(below.seq)
            .bind(self.reader.0)
            .bind(self.least)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .bind(numbers(&self.any))
            .bind(entries.unwrap_or(0));
        Ok(hits.fetch_all(conn).await?)
    }
}

fn numbers(tokens: &[Token]) -> Vec<i32> {
    tokens.iter().map(|token| token.0).collect()
}
