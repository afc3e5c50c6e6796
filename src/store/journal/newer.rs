//! What newcomers are not told: an event of the log says nothing of a message that one of its readers
//! does not see.

use crate::domain::RoomId;
use crate::store::StoreError;
use crate::store::db::{Conn, fetch_optional};

/// Whether somebody came to the room who does not see the message and hears what is done to it.
pub(super) async fn has_newer(
    conn: &mut Conn,
    (room, message): (RoomId, i64),
) -> Result<bool, StoreError> {
    let newer = fetch_optional!(
        conn,
        (i64,),
        "SELECT room.room_id FROM room JOIN room_member seat ON seat.room_id = room.room_id
          WHERE room.room_id = $1 AND room.history = 'since_join' AND seat.join_seq >= $2 LIMIT 1",
        room.0,
        message
    )?;
    Ok(newer.is_some())
}
