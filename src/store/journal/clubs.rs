//! Joining and leaving a club: the state table of memberships, the capacity, the lines.

use crate::domain::{ClubId, ClubRole, MembershipStatus, Millis, RoomId, UserId};
use crate::store::StoreError;
use crate::store::append::AppendRefusal;
use crate::store::db::{Conn, execute, fetch_optional};
use crate::store::moderation::{Within, ban_reason, touch};
use crate::store::moves::{Move, RoomChange};
use crate::store::writer::{EventWriter, Line};

use super::bots::{self, Leash};
use super::measures::set_mute;
use super::members::{Moved, Mover, changes, enter, is_general, write_lines};
use super::places::{self, Places};
use super::removals::{self, End};

/// A membership as far as coming and going look at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) role: ClubRole,
    pub(super) status: MembershipStatus,
    ban_until: Option<Millis>,
    pub(super) muted_until: Option<Millis>,
}

/// Enters an open club. The checks stand in the order of their importance to the user.
pub(super) async fn join(
    conn: &mut Conn,
    places: &mut Places,
    (club, who): (ClubId, Mover),
    writer: &dyn EventWriter,
) -> Result<Moved, StoreError> {
    if !places.clubs.contains_key(&club) {
        return Ok(Err(AppendRefusal::Gone));
    }
    let before = membership(conn, club, who.user).await?;
    match before {
        Some(Standing { status: MembershipStatus::Active, .. }) => return Ok(Ok(Vec::new())),
        Some(Standing { status: MembershipStatus::Banned, ban_until, .. })
            if ban_until.is_none_or(|until| until > who.at) =>
        {
            let reason = ban_reason(conn, Within::Club(club), who.user).await?;
            return Ok(Err(AppendRefusal::Banned { until: ban_until, reason }));
        }
        Some(_gone) => {}
        None => {}
    }
    let leash = bots::in_club(conn, club, who.user).await?;
    if leash == Leash::Short {
        return Ok(Err(AppendRefusal::MakerOutside));
    }
    let Some(state) = places.clubs.get_mut(&club) else { return Ok(Err(AppendRefusal::Gone)) };
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
                ban_until = NULL, ban_reason = ''",
        club.0,
        who.user.0,
        who.at.0
    )?;
    let rooms: Vec<RoomId> = places::readable(places, club, ClubRole::Member);
    enter(conn, &rooms, who).await?;
    let lines = rooms.iter().copied().filter(|room| is_general(places, *room)).collect();
    let lines = write_lines(conn, places, lines, (Line::Join, who, writer)).await?;
    let mut changes = changes(places, &rooms, &lines);
    let own = before.and_then(|before| before.muted_until);
    let muted_until = leash.muted_until(own);
    if muted_until != own {
        set_mute(conn, (club, who.user), muted_until.map(|until| until.0)).await?;
    }
    changes.iter_mut().for_each(|change| change.muted_until = muted_until);
    Ok(Ok(changes))
}

/// The rooms that close to who leaves, and their bots who go with them; or why it is not done.
pub(super) type Left = Result<(Vec<RoomChange>, Vec<Move>), AppendRefusal>;

/// Leaves a club: the lines first, so that the leaver is still there to see them.
pub(super) async fn leave(
    conn: &mut Conn,
    places: &mut Places,
    (club, who): (ClubId, Mover),
    writer: &dyn EventWriter,
) -> Result<Left, StoreError> {
    if !places.clubs.contains_key(&club) {
        return Ok(Err(AppendRefusal::Gone));
    }
    let role = match membership(conn, club, who.user).await? {
        Some(Standing { role: ClubRole::Owner, status: MembershipStatus::Active, .. }) => {
            return Ok(Err(AppendRefusal::OwnerStays));
        }
        Some(Standing { role, status: MembershipStatus::Active, .. }) => role,
        Some(_gone) => return Ok(Err(AppendRefusal::NotMember)),
        None => return Ok(Err(AppendRefusal::NotMember)),
    };
    let end = End { line: Line::Leave, status: MembershipStatus::Left };
    let rooms = removals::remove(conn, places, (club, who, role), (end, writer)).await?;
    let bots = bots::leave_club(conn, places, (club, who), (end, writer)).await?;
    touch(conn, club).await?;
    Ok(Ok((rooms, bots)))
}

/// What somebody is, or was, in a club.
pub(super) async fn membership(
    conn: &mut Conn,
    club: ClubId,
    user: UserId,
) -> Result<Option<Standing>, StoreError> {
    let row = fetch_optional!(
        conn,
        (String, String, Option<i64>, Option<i64>),
        "SELECT role, status, ban_until, muted_until FROM membership
          WHERE club_id = $1 AND user_id = $2",
        club.0,
        user.0
    )?;
    row.map(|(role, status, ban_until, muted_until)| {
        let (ban_until, muted_until) = (ban_until.map(Millis), muted_until.map(Millis));
        Ok(Standing { role: role.parse()?, status: status.parse()?, ban_until, muted_until })
    })
    .transpose()
}

/// Keeps the number of members beside the club; its row is locked.
pub(super) async fn count_members(
    conn: &mut Conn,
    club: ClubId,
    count: i64,
) -> Result<(), StoreError> {
    execute!(conn, "UPDATE club SET member_count = $2 WHERE club_id = $1", club.0, count)?;
    Ok(())
}
