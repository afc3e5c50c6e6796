//! FTS5: it gives its rows by falling rowid as it finds them, and no more than it is asked for.

use serde::Deserialize;
use sqlx::types::Json;

use super::{Answer, Ask, Hit, Hits};
use crate::domain::RoomId;
use crate::store::StoreError;
use crate::store::db::{Conn, fetch_one};
use crate::store::messages::{MessageRow, message_columns};
use crate::store::search::files::carries_file;
use crate::store::search::left::has_left;
use crate::store::search::spot::{Spot, room_bits};
use crate::store::search::verdict::may_see;

/// `$1` tokens, `$2` to `$4` the spot below which, `$5` the reader, `$6` the least point, `$7` how
/// many spots, `$8` the lowest bits of rooms that are meant, if not all, `$9` whether files are looked
/// for, `$10` whether to say what is left.
///
/// All that is found is one row: each row of SQLite wakes the reading thread, which for a page of
/// them is more work than finding them.
const HITS: &str = concat!(
    "WITH hit AS MATERIALIZED (
         SELECT rowid AS spot FROM search_token
          WHERE search_token MATCH $1 AND rowid <= $2 AND rowid >= $6
          ORDER BY rowid DESC LIMIT $7)
     SELECT (SELECT count(*) FROM hit), (SELECT min(spot) FROM hit),
            '[' || coalesce(group_concat(found.entry, ','), '') || ']'
       FROM (SELECT json_array(e.room_id, CASE WHEN $9 THEN ",
    carries_file!("m"),
    " END, CASE WHEN $10 THEN ",
    has_left!("m"),
    " END, json_array(",
    message_columns!(),
    ")) AS entry
               FROM hit CROSS JOIN search_entry e CROSS JOIN room CROSS JOIN message m
               LEFT JOIN room_member seen ON seen.user_id = $5 AND seen.room_id = room.room_id
              WHERE ($8 IS NULL OR (hit.spot & 1023) IN (SELECT value FROM json_each($8)))
                AND e.spot = hit.spot AND (e.spot, e.room_id, e.seq) < ($2, $3, $4)
                AND room.room_id = e.room_id AND m.room_id = e.room_id AND m.seq = e.seq AND ",
    may_see!("m", "$5"),
    ") found"
);

/// More than these of the 1,024 leave out too little.
const MOST_BITS: usize = 512;

/// An entry as it is packed.
#[derive(Debug, Deserialize)]
struct Entry {
    room: i64,
    carries_file: Option<i64>,
    left: Option<i64>,
    message: MessageRow,
}

impl From<Entry> for Hit {
    fn from(entry: Entry) -> Self {
        Self {
            message: entry.message.of(RoomId(entry.room)),
            carries_file: entry.carries_file == Some(1),
            left: entry.left.map(|left| left != 0),
        }
    }
}

impl Hits {
    pub(super) async fn next_of_sqlite(
        &self,
        conn: &mut Conn,
        Ask { below, most, asks_left }: Ask,
    ) -> Result<Answer, StoreError> {
        let (named, lowest, Json(entries)) = fetch_one!(
            conn,
            (i64, Option<i64>, Json<Vec<Entry>>),
            HITS,
            self.expression(),
            below.point,
            below.room.0,
            below.seq,
            self.reader.0,
            self.least,
            i64::try_from(most).unwrap_or(i64::MAX),
            self.bits(),
            self.wants_files,
            asks_left
        )?;
        let named = usize::try_from(named).unwrap_or(0);
        Ok(Answer {
            named,
            down_to: lowest.filter(|_lowest| named >= most).map(Spot::below),
            hits: entries.into_iter().map(Hit::from).collect(),
        })
    }

    /// What FTS5 is asked: digits and two words of its own, never anything that a person typed.
    fn expression(&self) -> String {
        let all = self.all.iter().map(|token| token.0.to_string());
        let any: Vec<_> = self.any.iter().map(|token| token.0.to_string()).collect();
        let any = (!any.is_empty()).then(|| format!("({})", any.join(" OR ")));
        any.into_iter().chain(all).collect::<Vec<_>>().join(" AND ")
    }

    /// The lowest bits of the spots of the rooms, which are those of their points, unless the index is
    /// told the rooms, or there are so many that nearly all bits are good.
    fn bits(&self) -> Option<String> {
        let mut bits: Vec<i64> = self.rooms.iter().map(|room| room_bits(*room)).collect();
        bits.sort_unstable();
        bits.dedup();
        let is_worth_it = (1..=MOST_BITS).contains(&bits.len());
        let bits: Vec<_> = bits.iter().map(i64::to_string).collect();
        is_worth_it.then(|| format!("[{}]", bits.join(",")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Token, UserId};

    fn hits(all: &[i32], any: &[i32], rooms: &[i64]) -> Hits {
        Hits {
            reader: UserId(1),
            least: 0,
            all: all.iter().map(|token| Token(*token)).collect(),
            any: any.iter().map(|token| Token(*token)).collect(),
            rooms: rooms.iter().map(|room| RoomId(*room)).collect(),
            wants_files: false,
            entries: 0,
            named: 0,
            seen: 0,
        }
    }

    #[test]
    fn the_index_is_asked_by_numbers() {
        assert_eq!(hits(&[1, 2], &[], &[]).expression(), "1 AND 2");
        assert_eq!(hits(&[3], &[7, 8], &[]).expression(), "(7 OR 8) AND 3");
    }

    #[test]
    fn rooms_are_the_lowest_bits_of_their_spots() {
        assert_eq!(hits(&[1], &[], &[]).bits(), None);
        assert_eq!(hits(&[1], &[], &[5, 1029, 3, -1]).bits().as_deref(), Some("[3,5,1023]"));
        let many: Vec<i64> = (0..600).collect();
        assert_eq!(hits(&[1], &[], &many).bits(), None);
    }

    #[test]
    fn rooms_are_told_once_few_of_what_is_named_are_theirs() {
        let mut one = hits(&[1], &[], &[5]);
        one.tell_rooms();
        assert_eq!((one.all.len(), one.any.len(), one.rooms.len()), (2, 0, 0));
        one.tell_rooms();
        assert_eq!((one.all.len(), one.any.len(), one.rooms.len()), (2, 0, 0));
        let mut few = hits(&[1], &[], &[5, 6]);
        few.tell_rooms();
        assert_eq!((few.all.len(), few.any.len(), few.rooms.len()), (1, 2, 0));
        let mut many = hits(&[1], &[], &(0..17).collect::<Vec<_>>());
        many.tell_rooms();
        assert_eq!((many.all.len(), many.any.len(), many.rooms.len()), (1, 0, 17));
    }
}
