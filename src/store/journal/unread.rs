//! A read mark that may also go back: "unread from here".

use crate::domain::{RoomId, UserId};
use crate::store::StoreError;
use crate::store::append::{AppendRefusal, Appended, ReadMark};
use crate::store::db::{Conn, execute, fetch_one, fetch_optional};
use crate::store::rooms::{may_read, visible_after};

use super::places::Places;

/// Moves the mark of a user right before a seq, or before the first that the user may see.
pub(super) async fn set(
    conn: &mut Conn,
    places: &Places,
    (room, user): (RoomId, UserId),
    seq: i64,
) -> Result<Appended, StoreError> {
    const FLOOR: &str = concat!(
        "SELECT ",
        visible_after!("$2"),
        " FROM room WHERE room.room_id = $1 AND ",
        may_read!("$2")
    );
    let Some(head) = places.rooms.get(&room) else {
        return Ok(Appended::Refused(AppendRefusal::Gone));
    };
    let Some((floor,)) = fetch_optional!(conn, (i64,), FLOOR, room.0, user.0)? else {
        return Ok(Appended::Refused(AppendRefusal::NotMember));
    };
    let seq = seq.saturating_sub(1).clamp(floor.min(head.head), head.head);
    let (read_n,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "SELECT coalesce((SELECT n FROM room_event WHERE room_id = $1 AND seq <= $2
                           ORDER BY seq DESC LIMIT 1),
                         (SELECT horizon_n FROM room WHERE room_id = $1), 0)",
        room.0,
        seq
    )?;
    execute!(
        conn,
        "INSERT INTO room_member (room_id, user_id, read_n, read_seq, is_opened)
         VALUES ($1, $2, $3, $4, TRUE)
         ON CONFLICT (room_id, user_id) DO UPDATE
            SET read_n = $3, read_seq = $4, is_opened = TRUE",
        room.0,
        user.0,
        read_n,
        seq
    )?;
    let (mentions,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "SELECT count(*) FROM mention WHERE user_id = $1 AND room_id = $2 AND n > $3",
        user.0,
        room.0,
        read_n
    )?;
    Ok(Appended::Marked(ReadMark { seq, read_n, n: head.n, mentions }, None))
}
