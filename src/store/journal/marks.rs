//! Explicit read marks.

use std::collections::HashMap;

use crate::domain::{Millis, RoomId, UserId};
use crate::store::StoreError;
use crate::store::append::ReadMark;
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, bulk};

use super::places::Places;
use super::rows::{Seat, Seats, raise};

/// A mark, cut to the head as it was at its turn in the batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) room: RoomId,
    pub(super) user: UserId,
    pub(super) seq: i64,
    pub(super) at: Millis,
}

const N_AT: Bulk = bulk!(
    "SELECT given.room_id, given.seq,
            coalesce((SELECT room_event.n FROM room_event WHERE room_event.room_id = given.room_id
                         AND room_event.seq <= given.seq
                       ORDER BY room_event.seq DESC LIMIT 1),
                     -- Of what has gone everything counts as read.
                     (SELECT room.horizon_n FROM room WHERE room.room_id = given.room_id), 0)
       FROM ",
    (room_id bigint, seq bigint),
    ""
);

const STANDING: Bulk = bulk!(
    "SELECT seat.room_id, seat.user_id, seat.read_seq, seat.read_n,
            (SELECT count(*) FROM mention WHERE mention.user_id = seat.user_id
                AND mention.room_id = seat.room_id AND mention.n > seat.read_n) FROM ",
    (room_id bigint, user_id bigint),
    " CROSS JOIN room_member seat
      WHERE seat.room_id = given.room_id AND seat.user_id = given.user_id"
);

/// Raises the seats to the marks. Call it when the events of the step are written.
pub(super) async fn count(
    conn: &mut Conn,
    marks: &[Mark],
    seats: &mut Seats,
) -> Result<(), StoreError> {
    let given = Given::new()
        .ints(marks.iter().map(|mark| mark.room.0))
        .ints(marks.iter().map(|mark| mark.seq));
    let rows: Vec<(i64, i64, i64)> = conn.given_all(&N_AT, given).await?;
    let n_at: HashMap<_, _> =
        rows.into_iter().map(|(room, seq, n)| ((RoomId(room), seq), n)).collect();
    for mark in marks {
        let read_n = n_at.get(&(mark.room, mark.seq)).copied().unwrap_or(0);
        raise(seats, (mark.room, mark.user), Seat { read_n, read_seq: mark.seq });
    }
    Ok(())
}

/// Where the users of some marks stand now, in the order of the marks.
pub(super) async fn standing(
    conn: &mut Conn,
    places: &Places,
    marks: &[Mark],
) -> Result<Vec<ReadMark>, StoreError> {
    if marks.is_empty() {
        return Ok(Vec::new());
    }
    let given = Given::new()
        .ints(marks.iter().map(|mark| mark.room.0))
        .ints(marks.iter().map(|mark| mark.user.0));
    let rows: Vec<(i64, i64, i64, i64, i64)> = conn.given_all(&STANDING, given).await?;
    let standing: HashMap<_, _> = rows
        .into_iter()
        .map(|(room, user, seq, read_n, mentions)| {
            ((RoomId(room), UserId(user)), (seq, read_n, mentions))
        })
        .collect();
    marks
        .iter()
        .map(|mark| {
            let (seq, read_n, mentions) = standing
                .get(&(mark.room, mark.user))
                .copied()
                .ok_or_else(|| StoreError::Corrupt("a mark is not where it was put".to_owned()))?;
            let n = places.rooms.get(&mark.room).map_or(read_n, |head| head.n);
            Ok(ReadMark { seq, read_n, n, mentions })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&N_AT, &STANDING]).await;
    }
}
