//! Numbers of unread mentions, for those for whom they changed.

use crate::domain::{RoomId, UserId};
use crate::store::StoreError;
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, bulk};

const UNREAD: Bulk = bulk!(
    "SELECT given.user_id,
            (SELECT count(*) FROM mention WHERE mention.user_id = given.user_id
                AND mention.room_id = given.room_id
                AND mention.n > coalesce((SELECT seat.read_n FROM room_member seat
                     WHERE seat.room_id = given.room_id AND seat.user_id = given.user_id), 0)) FROM ",
    (room_id bigint, user_id bigint),
    ""
);

/// Unread messages of a room that name these users, for each of them.
pub(super) async fn unread(
    conn: &mut Conn,
    room: RoomId,
    users: impl Iterator<Item = UserId>,
) -> Result<Vec<(UserId, i64)>, StoreError> {
    let users: Vec<i64> = users.map(|user| user.0).collect();
    let given = Given::new().ints(users.iter().map(|_user| room.0)).ints(users.iter().copied());
    let rows: Vec<(i64, i64)> = conn.given_all(&UNREAD, given).await?;
    Ok(rows.into_iter().map(|(user, count)| (UserId(user), count)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&UNREAD]).await;
    }
}
