//! A membership ends: the lines first, so that who goes is still there to see them, then the rooms.

use crate::domain::{ClubId, ClubRole, MembershipStatus, RoomId};
use crate::store::StoreError;
use crate::store::db::{Conn, execute, fetch_all};
use crate::store::moves::RoomChange;
use crate::store::writer::{EventWriter, Line};

use super::clubs::count_members;
use super::members::{Mover, changes, is_general, write_lines};
use super::places::{self, Places};

/// How it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) line: Line,
    pub(super) status: MembershipStatus,
}

/// Takes an active member of this role out of a club and all its rooms. The line goes to `general`
/// and to the rooms that they had joined, opened or written in: whoever has one open sees the line,
/// also before it is noted that they opened it.
pub(super) async fn remove(
    conn: &mut Conn,
    places: &mut Places,
    (club, who, role): (ClubId, Mover, ClubRole),
    (end, writer): (End, &dyn EventWriter),
) -> Result<Vec<RoomChange>, StoreError> {
    if let Some(state) = places.clubs.get_mut(&club) {
        state.member_count -= 1;
        count_members(conn, club, state.member_count).await?;
    }
    let seen = fetch_all!(
        conn,
        (i64,),
        "SELECT seen.room_id FROM room JOIN room_member seen ON seen.room_id = room.room_id
          WHERE room.club_id = $1 AND seen.user_id = $2
            AND (seen.is_opened OR seen.is_announced)",
        club.0,
        who.user.0
    )?;
    let rooms: Vec<RoomId> = places::readable(places, club, role);
    let lines = rooms
        .iter()
        .copied()
        .filter(|room| {
            is_general(places, *room)
                || seen.contains(&(room.0,))
                || writer.is_listening(*room, who.user)
        })
        .collect();
    let lines = write_lines(conn, places, lines, (end.line, who, writer)).await?;
    execute!(
        conn,
        "UPDATE membership SET status = $4, left_at = $3 WHERE club_id = $1 AND user_id = $2",
        club.0,
        who.user.0,
        who.at.0,
        end.status.word()
    )?;
    execute!(
        conn,
        "DELETE FROM room_member WHERE user_id = $2
            AND room_id IN (SELECT room_id FROM room WHERE club_id = $1)",
        club.0,
        who.user.0
    )?;
    Ok(changes(places, &rooms, &lines))
}
