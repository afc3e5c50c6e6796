//! Joining and leaving a club: the state table of memberships, the capacity, the lines.

use crate::domain::{ClubId, ClubRole, MembershipStatus, RoomId};
use crate::store::StoreError;
use crate::store::append::{AppendRefusal, Line};
use crate::store::db::{Conn, execute, fetch_all, fetch_optional};
use crate::store::writer::EventWriter;

use super::members::{Moved, Mover, changes, enter, is_general, write_lines};
use super::places::Places;

/// A membership as far as joining, leaving and roles look at it.
pub(super) struct Standing {
    pub(super) role: ClubRole,
    pub(super) status: MembershipStatus,
    ban_until: Option<i64>,
}

/// Enters an open club. The checks stand in the order of their importance to the user.
pub(super) async fn join(
    conn: &mut Conn,
    places: &mut Places,
    (club, who): (ClubId, Mover),
    writer: &dyn EventWriter,
) -> Result<Moved, StoreError> {
    let Some(state) = places.clubs.get_mut(&club) else { return Ok(Err(AppendRefusal::Gone)) };
    match membership(conn, club, who).await? {
        Some(Standing { status: MembershipStatus::Active, .. }) => return Ok(Ok(Vec::new())),
        Some(Standing { status: MembershipStatus::Banned, ban_until, .. })
            if ban_until.is_none_or(|until| until > who.at.0) =>
        {
            return Ok(Err(AppendRefusal::Banned));
        }
        Some(_gone) => {}
        None => {}
    }
    if state.join_policy != "open" {
        return Ok(Err(AppendRefusal::NotOpen));
    }
    if state.capacity.is_some_and(|capacity| state.member_count >= capacity) {
        return Ok(Err(AppendRefusal::Full));
    }
    state.member_count += 1;
    count_members(conn, club, state.member_count).await?;
    execute!(
        conn,
        "INSERT INTO membership (club_id, user_id, role, status, joined_at)
         VALUES ($1, $2, 'member', 'active', $3)
         ON CONFLICT (club_id, user_id) DO UPDATE
            SET role = 'member', status = 'active', joined_at = $3, left_at = NULL,
                ban_until = NULL",
        club.0,
        who.user.0,
        who.at.0
    )?;
    let is_open = |room: &RoomId| {
        places.rooms.get(room).is_some_and(|head| head.kind.admits(ClubRole::Member))
    };
    let rooms: Vec<RoomId> = places.rooms_of(club).into_iter().filter(is_open).collect();
    enter(conn, &rooms, who).await?;
    let lines = rooms.iter().copied().filter(|room| is_general(places, *room)).collect();
    let lines = write_lines(conn, places, lines, (Line::Join, who, writer)).await?;
    Ok(Ok(changes(places, &rooms, &lines)))
}

/// Leaves a club: the lines first, so that the leaver is still there to see them.
pub(super) async fn leave(
    conn: &mut Conn,
    places: &mut Places,
    (club, who): (ClubId, Mover),
    writer: &dyn EventWriter,
) -> Result<Moved, StoreError> {
    let Some(state) = places.clubs.get_mut(&club) else { return Ok(Err(AppendRefusal::Gone)) };
    let role = match membership(conn, club, who).await? {
        Some(Standing { role: ClubRole::Owner, status: MembershipStatus::Active, .. }) => {
            return Ok(Err(AppendRefusal::OwnerStays));
        }
        Some(Standing { role, status: MembershipStatus::Active, .. }) => role,
        Some(_gone) => return Ok(Err(AppendRefusal::NotMember)),
        None => return Ok(Err(AppendRefusal::NotMember)),
    };
    state.member_count -= 1;
    count_members(conn, club, state.member_count).await?;
    let seen = fetch_all!(
        conn,
        (i64,),
        "SELECT seen.room_id FROM room JOIN room_member seen ON seen.room_id = room.room_id
          WHERE room.club_id = $1 AND seen.user_id = $2",
        club.0,
        who.user.0
    )?;
    let was_open =
        |room: &RoomId| places.rooms.get(room).is_some_and(|head| head.kind.admits(role));
    let rooms: Vec<RoomId> = places.rooms_of(club).into_iter().filter(was_open).collect();
    let lines = rooms
        .iter()
        .copied()
        .filter(|room| is_general(places, *room) || seen.contains(&(room.0,)))
        .collect();
    let lines = write_lines(conn, places, lines, (Line::Leave, who, writer)).await?;
    execute!(
        conn,
        "UPDATE membership SET status = 'left', left_at = $3 WHERE club_id = $1 AND user_id = $2",
        club.0,
        who.user.0,
        who.at.0
    )?;
    execute!(
        conn,
        "DELETE FROM room_member WHERE user_id = $2
            AND room_id IN (SELECT room_id FROM room WHERE club_id = $1)",
        club.0,
        who.user.0
    )?;
    Ok(Ok(changes(places, &rooms, &lines)))
}

pub(super) async fn membership(
    conn: &mut Conn,
    club: ClubId,
    who: Mover,
) -> Result<Option<Standing>, StoreError> {
    let row = fetch_optional!(
        conn,
        (String, String, Option<i64>),
        "SELECT role, status, ban_until FROM membership WHERE club_id = $1 AND user_id = $2",
        club.0,
        who.user.0
    )?;
    row.map(|(role, status, ban_until)| {
        Ok(Standing { role: role.parse()?, status: status.parse()?, ban_until })
    })
    .transpose()
}

/// Keeps the number of members beside the club; its row is locked.
async fn count_members(conn: &mut Conn, club: ClubId, count: i64) -> Result<(), StoreError> {
    execute!(conn, "UPDATE club SET member_count = $2 WHERE club_id = $1", club.0, count)?;
    Ok(())
}
