//! FTS5: it gives its rows by falling rowid as it finds them, and no more than it is asked for.

use serde::Deserialize;
use sqlx::types::Json;

use super::{Hit, Hits, message_of_entry};
use crate::domain::RoomId;
use crate::store::StoreError;
use crate::store::db::{Conn, fetch_one};
use crate::store::messages::{MessageRow, message_columns};
use crate::store::search::files::carries_file;
use crate::store::search::spot::Spot;

/// `$1` tokens, `$2` to `$4` the spot below which, `$5` the reader, `$6` the least point, `$7` how
/// many spots.
///
/// All that is found is one row: each row of SQLite wakes the reading thread, which for a page of
/// them is more work than finding them.
const HITS: &str = concat!(
    "WITH hit AS MATERIALIZED (
         SELECT rowid AS spot FROM search_token
          WHERE search_token MATCH $1 AND rowid <= $2 AND rowid >= $6
          ORDER BY rowid DESC LIMIT $7)
     SELECT (SELECT count(*) FROM hit),
            '[' || coalesce(group_concat(found.entry, ','), '') || ']'
       FROM (SELECT CASE WHEN m.seq IS NULL THEN json_array(e.spot, e.room_id, e.seq)
                         ELSE json_array(e.spot, e.room_id, e.seq, ",
    carries_file!("m"),
    ", json_array(",
    message_columns!(),
    ")) END AS entry
               FROM hit CROSS JOIN search_entry e CROSS JOIN room",
    message_of_entry!("$5"),
    "         WHERE e.spot = hit.spot AND (e.spot, e.room_id, e.seq) < ($2, $3, $4)
                AND room.room_id = e.room_id) found"
);

/// An entry as it is packed.
#[derive(Debug, Deserialize)]
struct Entry {
    point: i64,
    room: i64,
    seq: i64,
    #[serde(default)]
    carries_file: i64,
    #[serde(default)]
    message: Option<MessageRow>,
}

impl Hits {
    pub(super) async fn next_of_sqlite(
        &self,
        conn: &mut Conn,
        below: Spot,
        most: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        let (count, Json(entries)) = fetch_one!(
            conn,
            (i64, Json<Vec<Entry>>),
            HITS,
            self.expression(),
            below.point,
            below.room.0,
            below.seq,
            self.reader.0,
            self.least,
            i64::try_from(most).unwrap_or(i64::MAX)
        )?;
        let count = usize::try_from(count).unwrap_or(0);
        let hit = |entry: Entry| {
            let room = RoomId(entry.room);
            Hit {
                count,
                spot: Spot { point: entry.point, room, seq: entry.seq },
                message: entry.message.map(|row| row.of(room)),
                carries_file: entry.carries_file != 0,
            }
        };
        let mut hits: Vec<Hit> = entries.into_iter().map(hit).collect();
        hits.sort_unstable_by_key(|hit| std::cmp::Reverse(hit.spot));
        Ok(hits)
    }

    /// What FTS5 is asked: digits and two words of its own, never anything that a person typed.
    fn expression(&self) -> String {
        let all = self.all.iter().map(|token| token.0.to_string());
        let any: Vec<_> = self.any.iter().map(|token| token.0.to_string()).collect();
        let any = (!any.is_empty()).then(|| format!("({})", any.join(" OR ")));
        any.into_iter().chain(all).collect::<Vec<_>>().join(" AND ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Token, UserId};

    #[test]
    fn the_index_is_asked_by_numbers() {
        let hits = |all: &[i32], any: &[i32]| Hits {
            reader: UserId(1),
            least: 0,
            all: all.iter().map(|token| Token(*token)).collect(),
            any: any.iter().map(|token| Token(*token)).collect(),
        };
        assert_eq!(hits(&[1, 2], &[]).expression(), "1 AND 2");
        assert_eq!(hits(&[3], &[7, 8]).expression(), "(7 OR 8) AND 3");
    }
}
