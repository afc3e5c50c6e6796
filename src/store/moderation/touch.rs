//! The number that tells a node that it has missed something.

use crate::domain::{ClubId, Rank, ReportId, RoomId, UserId};
use crate::store::StoreError;
use crate::store::db::{Conn, Sql, execute, fetch_all};
use crate::store::rooms::rank_of_club;

/// Says of all rooms of a club that something about them has changed. Their rows must be locked: by
/// the journal, or by [`lock_rooms`].
pub(in crate::store) async fn touch(conn: &mut Conn, club: ClubId) -> Result<(), StoreError> {
    execute!(
        conn,
        "UPDATE room SET rev = rev + 1 WHERE club_id = $1 AND deleted_at IS NULL",
        club.0
    )?;
    Ok(())
}

/// Locks a living club and then its rooms, in the order that everyone keeps; none when it is gone.
pub(in crate::store) async fn lock_rooms(
    conn: &mut Conn,
    club: ClubId,
) -> Result<Option<Vec<RoomId>>, StoreError> {
    const ROOMS: Sql = Sql {
        sqlite: "SELECT room_id FROM room WHERE club_id = $1 AND deleted_at IS NULL
                  ORDER BY room_id",
        postgres: "SELECT room_id FROM room WHERE club_id = $1 AND deleted_at IS NULL
                    ORDER BY room_id FOR NO KEY UPDATE",
    };
    if !lock_club(conn, club).await? {
        return Ok(None);
    }
    let rooms = fetch_all!(conn, (i64,), ROOMS, club.0)?;
    Ok(Some(rooms.into_iter().map(|(room,)| RoomId(room)).collect()))
}

/// Locks every lobby, in the order that everyone keeps.
pub(in crate::store) async fn lock_lobbies(conn: &mut Conn) -> Result<Vec<RoomId>, StoreError> {
    const LOBBIES: Sql = Sql {
        sqlite: "SELECT room_id FROM room WHERE kind = 'lobby' AND deleted_at IS NULL
                  ORDER BY room_id",
        postgres: "SELECT room_id FROM room WHERE kind = 'lobby' AND deleted_at IS NULL
                    ORDER BY room_id FOR NO KEY UPDATE",
    };
    let rooms = fetch_all!(conn, (i64,), LOBBIES)?;
    Ok(rooms.into_iter().map(|(room,)| RoomId(room)).collect())
}

/// Locks the room of the message that a report is about; false when there is no such report.
pub(super) async fn lock_room_of(conn: &mut Conn, report: ReportId) -> Result<bool, StoreError> {
    const ROOM: Sql = Sql {
        sqlite: "SELECT room_id FROM room
                  WHERE room_id = (SELECT report.room_id FROM report WHERE report.report_id = $1)",
        postgres: "SELECT room_id FROM room
                    WHERE room_id = (SELECT report.room_id FROM report WHERE report.report_id = $1)
                      FOR NO KEY UPDATE",
    };
    Ok(!fetch_all!(conn, (i64,), ROOM, report.0)?.is_empty())
}

/// Locks a living club; false when it is gone.
pub(super) async fn lock_club(conn: &mut Conn, club: ClubId) -> Result<bool, StoreError> {
    const CLUB: Sql = Sql {
        sqlite: "SELECT club_id FROM club WHERE club_id = $1 AND deleted_at IS NULL",
        postgres: "SELECT club_id FROM club WHERE club_id = $1 AND deleted_at IS NULL
                      FOR NO KEY UPDATE",
    };
    Ok(!fetch_all!(conn, (i64,), CLUB, club.0)?.is_empty())
}

/// Whether somebody moderates a club at this moment. It must be locked: who is demoted or put out
/// meanwhile waits, or was before.
pub(super) async fn moderates(
    conn: &mut Conn,
    club: ClubId,
    user: UserId,
) -> Result<bool, StoreError> {
    Ok(rank_of_club(conn, club, user).await?.is_some_and(Rank::is_moderator))
}
