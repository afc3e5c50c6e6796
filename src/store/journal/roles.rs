//! Roles in a club: between member and manager, and who owns it. A role opens and closes rooms.

use crate::domain::{AuditAction, ClubId, ClubRole, MembershipStatus, RoomId, UserId};
use crate::store::StoreError;
use crate::store::append::AppendRefusal;
use crate::store::db::{Conn, execute};
use crate::store::given::{Bulk, Given, bulk};
use crate::store::moderation::{Book, Note, note, touch};
use crate::store::moves::{Move, Moves, Passage};
use crate::store::writer::{EventWriter, Line};

use super::bots::is_bot;
use super::clubs::{Standing, membership};
use super::letters::{self, Letter};
use super::members::{Done, Mover, enter, line_of, write_lines};
use super::places::Places;

/// What was read in rooms that are closed to a user.
const FORGET: Bulk = bulk!(
    "DELETE FROM room_member WHERE (room_id, user_id) IN (SELECT given.room_id, given.user_id FROM ",
    (room_id bigint, user_id bigint),
    ")"
);

/// Makes a member a manager, or a manager a member. For the owner.
pub(super) async fn set(
    conn: &mut Conn,
    places: &mut Places,
    (club, owner): (ClubId, Mover),
    (user, role): (UserId, ClubRole),
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    if let Err(why) = owns(conn, places, club, owner).await? {
        return Ok(Err(why));
    }
    let who = Mover { user, at: owner.at };
    let Some(known) = active(conn, club, who.user).await? else {
        return Ok(Err(AppendRefusal::NotMember));
    };
    if known == ClubRole::Owner || role == ClubRole::Owner {
        return Ok(Err(AppendRefusal::Role));
    }
    if is_bot(conn, user).await? {
        return Ok(Err(AppendRefusal::Bot));
    }
    if known == role {
        return Ok(Ok(Moves::default()));
    }
    let moves = change(conn, places, (club, who), (known, role), writer).await?;
    noted(conn, (club, owner), (user, role)).await?;
    let notices =
        letters::write(conn, places, (&[Letter::role(club, user, role)], owner), writer).await?;
    Ok(Ok(Moves { moves, notices, ..Moves::default() }))
}

/// Hands a club over to another member. For the owner, who stays as a manager.
pub(super) async fn hand_over(
    conn: &mut Conn,
    places: &mut Places,
    (club, owner): (ClubId, Mover),
    to: UserId,
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    if let Err(why) = owns(conn, places, club, owner).await? {
        return Ok(Err(why));
    }
    if to == owner.user {
        return Ok(Ok(Moves::default()));
    }
    let who = Mover { user: to, at: owner.at };
    let Some(known) = active(conn, club, who.user).await? else {
        return Ok(Err(AppendRefusal::NotActive));
    };
    if is_bot(conn, to).await? {
        return Ok(Err(AppendRefusal::Bot));
    }
    let step = (ClubRole::Owner, ClubRole::Manager);
    let mut moves = change(conn, places, (club, owner), step, writer).await?;
    moves.extend(change(conn, places, (club, who), (known, ClubRole::Owner), writer).await?);
    execute!(conn, "UPDATE club SET owner_id = $2 WHERE club_id = $1", club.0, to.0)?;
    noted(conn, (club, owner), (to, ClubRole::Owner)).await?;
    let letter = Letter::role(club, to, ClubRole::Owner);
    let notices = letters::write(conn, places, (&[letter], owner), writer).await?;
    Ok(Ok(Moves { moves, notices, ..Moves::default() }))
}

/// Gives a user a role and opens and closes what follows from it. The rooms for managers get a
/// line, whoever comes or goes: a node that missed the change finds it there.
async fn change(
    conn: &mut Conn,
    places: &mut Places,
    (club, who): (ClubId, Mover),
    (from, to): (ClubRole, ClubRole),
    writer: &dyn EventWriter,
) -> Result<Vec<Move>, StoreError> {
    execute!(
        conn,
        "UPDATE membership SET role = $3 WHERE club_id = $1 AND user_id = $2",
        club.0,
        who.user.0,
        to.word()
    )?;
    let admits = |places: &Places, room: RoomId, role: ClubRole| {
        places.rooms.get(&room).is_some_and(|head| head.kind.admits(role))
    };
    let rooms = places.rooms_of(club);
    let is_for_managers = |room: &RoomId| !admits(places, *room, ClubRole::Member);
    let managers: Vec<RoomId> = rooms.iter().copied().filter(is_for_managers).collect();
    let opened: Vec<RoomId> =
        managers.iter().copied().filter(|room| !admits(places, *room, from)).collect();
    let closed: Vec<RoomId> =
        managers.iter().copied().filter(|room| !admits(places, *room, to)).collect();
    let since = |room: RoomId| places.rooms.get(&room).map_or(0, |head| head.head);
    let passage = |room: RoomId| {
        if closed.contains(&room) {
            Passage::Went("role")
        } else if opened.contains(&room) {
            Passage::Came { since: since(room) }
        } else {
            Passage::Stands(to.into())
        }
    };
    let passages: Vec<_> = rooms.iter().map(|room| (*room, passage(*room))).collect();
    enter(conn, &opened, who).await?;
    let lines = write_lines(conn, places, managers, (Line::Role(to), who, writer)).await?;
    let given = Given::new()
        .ints(closed.iter().map(|room| room.0))
        .ints(closed.iter().map(|_room| who.user.0));
    conn.given_execute(&FORGET, given).await?;
    let step = |(room, how)| Move { room, user: who.user, how, line: line_of(&lines, room) };
    let mut moves: Vec<_> = passages.into_iter().map(step).collect();
    // Who comes into a room is at first no more than a member there.
    let came = opened.iter().map(|room| Move {
        room: *room,
        user: who.user,
        how: Passage::Stands(to.into()),
        line: None,
    });
    moves.extend(came);
    Ok(moves)
}

/// A change of roles goes into the audit log, and the rooms that have no line of it count it.
async fn noted(
    conn: &mut Conn,
    (club, owner): (ClubId, Mover),
    (user, role): (UserId, ClubRole),
) -> Result<(), StoreError> {
    touch(conn, club).await?;
    let entry = Note::new(AuditAction::Role, Book::Club(club), (owner.user, owner.at));
    note(conn, &Note { user: Some(user), detail: role.word(), ..entry }).await
}

/// Whether a living club is the user's own.
async fn owns(
    conn: &mut Conn,
    places: &Places,
    club: ClubId,
    owner: Mover,
) -> Result<Result<(), AppendRefusal>, StoreError> {
    if !places.clubs.contains_key(&club) {
        return Ok(Err(AppendRefusal::Gone));
    }
    Ok(match active(conn, club, owner.user).await? {
        Some(ClubRole::Owner) => Ok(()),
        Some(ClubRole::Manager | ClubRole::Member) => Err(AppendRefusal::Role),
        None => Err(AppendRefusal::NotMember),
    })
}

/// The role of an active member.
async fn active(
    conn: &mut Conn,
    club: ClubId,
    user: UserId,
) -> Result<Option<ClubRole>, StoreError> {
    Ok(match membership(conn, club, user).await? {
        Some(Standing { role, status: MembershipStatus::Active, .. }) => Some(role),
        Some(_gone) => None,
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&FORGET]).await;
    }
}
