//! What a moderator does to a member of a club: the state table of memberships once more, and who
//! may act on whom.
//!
//! The club and its rooms are locked. The act, the report that it decides, the notice and the entry
//! of the audit log are one transaction with the lines.

use crate::domain::{
    AuditAction, ClubId, ClubRole, MembershipStatus, Millis, Permission, Rank, RoomId, Rules,
    Settlement, UserId,
};
use crate::store::StoreError;
use crate::store::append::AppendRefusal;
use crate::store::db::{Conn, execute, fetch_optional};
use crate::store::moderation::{Book, Case, Measure, Moderation, Note, case, note, settle, touch};
use crate::store::moves::{Move, Moves, Passage, RoomChange};
use crate::store::writer::{EventWriter, Line, Removal};

use super::bots;
use super::clubs::{Standing, membership};
use super::letters::{self, Letter};
use super::members::{Done, Mover};
use super::places;
use super::places::Places;
use super::removals::{self, End};

/// Takes one. Nothing moves where it was so before.
pub(super) async fn take(
    conn: &mut Conn,
    places: &mut Places,
    (act, club): (&Moderation, ClubId),
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    if !places.clubs.contains_key(&club) {
        return Ok(Err(AppendRefusal::Gone));
    }
    let Some(rank) = rank(membership(conn, club, act.by).await?) else {
        return Ok(Err(AppendRefusal::NotMember));
    };
    let on = membership(conn, club, act.on).await?;
    let other = self::rank(on).unwrap_or(Rank::Member);
    if !Rules::of_club().allows_on(permission(act.what), rank, other) || act.by == act.on {
        return Ok(Err(AppendRefusal::Role));
    }
    let place = match settled_case(conn, (act, club)).await? {
        Ok(place) => place,
        Err(why) => return Ok(Err(why)),
    };
    let done = match act.what {
        Measure::Kick => kick(conn, places, (act, club), on, writer).await?,
        Measure::Ban { .. } => ban(conn, places, (act, club), on, writer).await?,
        Measure::Unban => unban(conn, (act, club), on).await?,
        Measure::Mute { .. } => mute(conn, places, (act, club), on).await?,
        Measure::Unmute => unmute(conn, places, (act, club), on).await?,
    };
    let Some(moves) = (match done {
        Ok(done) => done,
        Err(why) => return Ok(Err(why)),
    }) else {
        // So it was before: nothing to do, and nothing to tell.
        settle_with(conn, act, place).await?;
        return Ok(Ok(Moves::default()));
    };
    touch(conn, club).await?;
    settle_with(conn, act, place).await?;
    let (user, until) = (Some(act.on), until(act.what));
    let entry = Note::new(action(act.what), Book::Club(club), (act.by, act.at));
    note(conn, &Note { user, place, until, reason: &act.reason, ..entry }).await?;
    let removal = match act.what {
        Measure::Kick => Some(Removal::Kicked),
        Measure::Ban { .. } => Some(Removal::Banned),
        Measure::Unban | Measure::Mute { .. } | Measure::Unmute => None,
    };
    let letter = |removal| Letter::removal(club, act.on, removal, &act.reason);
    let letters: Vec<_> = removal.map(letter).into_iter().collect();
    let moderator = Mover { user: act.by, at: act.at };
    let notices = letters::write(conn, places, (&letters, moderator), writer).await?;
    Ok(Ok(Moves { moves, notices, ..Moves::default() }))
}

/// Each room that changes for somebody.
fn moves(rooms: Vec<RoomChange>, user: UserId, how: Passage) -> Vec<Move> {
    let step = |RoomChange { room, line, .. }| Move { room, user, how, line };
    rooms.into_iter().map(step).collect()
}

/// What somebody is in the club, if they are inside.
fn rank(standing: Option<Standing>) -> Option<Rank> {
    let inside = standing.filter(|standing| standing.status == MembershipStatus::Active);
    inside.map(|standing| standing.role.into())
}

pub(super) const fn permission(what: Measure) -> Permission {
    match what {
        Measure::Kick | Measure::Ban { .. } | Measure::Unban => Permission::Kick,
        Measure::Mute { .. } | Measure::Unmute => Permission::Mute,
    }
}

pub(super) const fn action(what: Measure) -> AuditAction {
    match what {
        Measure::Kick => AuditAction::Kick,
        Measure::Ban { .. } => AuditAction::Ban,
        Measure::Unban => AuditAction::Unban,
        Measure::Mute { .. } => AuditAction::Mute,
        Measure::Unmute => AuditAction::Unmute,
    }
}

pub(super) const fn until(what: Measure) -> Option<Millis> {
    match what {
        Measure::Ban { until } => until,
        Measure::Mute { until } => Some(until),
        Measure::Kick | Measure::Unban | Measure::Unmute => None,
    }
}

/// The message whose reports the act decides, if there is one and nobody has decided.
async fn settled_case(
    conn: &mut Conn,
    (act, club): (&Moderation, ClubId),
) -> Result<Result<Option<(RoomId, i64)>, AppendRefusal>, StoreError> {
    let Some(report) = act.settles else { return Ok(Ok(None)) };
    Ok(match case(conn, Some(club), report).await? {
        Case::Open(case) if case.author == act.on => Ok(Some(case.place)),
        Case::Decided => Err(AppendRefusal::Decided),
        Case::Open(_) | Case::Gone => Err(AppendRefusal::Gone),
    })
}

/// Decides the reports of the message that an act is about, if it is about one.
pub(super) async fn settle_with(
    conn: &mut Conn,
    act: &Moderation,
    place: Option<(RoomId, i64)>,
) -> Result<(), StoreError> {
    let how = match act.what {
        Measure::Kick => Settlement::Kick,
        Measure::Ban { .. } => Settlement::Ban,
        Measure::Mute { .. } => Settlement::Mute,
        Measure::Unban | Measure::Unmute => return Ok(()),
    };
    match place {
        Some(place) => settle(conn, place, how, (act.by, act.at)).await,
        None => Ok(()),
    }
}

/// How the rooms change for somebody. None: it was so before.
type Turn = Result<Option<Vec<Move>>, AppendRefusal>;

async fn kick(
    conn: &mut Conn,
    places: &mut Places,
    (act, club): (&Moderation, ClubId),
    on: Option<Standing>,
    writer: &dyn EventWriter,
) -> Result<Turn, StoreError> {
    let Some(on) = on else { return Ok(Err(AppendRefusal::NoSuchMember)) };
    match on.status {
        MembershipStatus::Kicked => Ok(Ok(None)),
        MembershipStatus::Left | MembershipStatus::Banned => Ok(Err(AppendRefusal::NotActive)),
        MembershipStatus::Active => {
            let end = End { line: Line::Kick, status: MembershipStatus::Kicked };
            let who = Mover { user: act.on, at: act.at };
            let rooms = removals::remove(conn, places, (club, who, on.role), (end, writer)).await?;
            let mut moves = moves(rooms, act.on, Passage::Went("kicked"));
            moves.extend(bots::leave_club(conn, places, (club, who), (end, writer)).await?);
            Ok(Ok(Some(moves)))
        }
    }
}

async fn ban(
    conn: &mut Conn,
    places: &mut Places,
    (act, club): (&Moderation, ClubId),
    on: Option<Standing>,
    writer: &dyn EventWriter,
) -> Result<Turn, StoreError> {
    let Measure::Ban { until } = act.what else { return Ok(Ok(None)) };
    let who = Mover { user: act.on, at: act.at };
    let moves = match on {
        Some(Standing { role, status: MembershipStatus::Active, .. }) => {
            let end = End { line: Line::Ban, status: MembershipStatus::Banned };
            let rooms = removals::remove(conn, places, (club, who, role), (end, writer)).await?;
            let mut moves = moves(rooms, act.on, Passage::Went("banned"));
            moves.extend(bots::leave_club(conn, places, (club, who), (end, writer)).await?);
            moves
        }
        Some(_outside) => Vec::new(),
        None if is_account(conn, act.on).await? => Vec::new(),
        None => return Ok(Err(AppendRefusal::NoSuchMember)),
    };
    execute!(
        conn,
        "INSERT INTO membership (club_id, user_id, role, status, joined_at, left_at, ban_until,
                                 ban_reason)
         VALUES ($1, $2, 'member', 'banned', $3, $3, $4, $5)
         ON CONFLICT (club_id, user_id) DO UPDATE
            SET role = 'member', status = 'banned', left_at = $3, ban_until = $4, ban_reason = $5",
        club.0,
        act.on.0,
        act.at.0,
        until.map(|until| until.0),
        &*act.reason
    )?;
    Ok(Ok(Some(moves)))
}

async fn unban(
    conn: &mut Conn,
    (act, club): (&Moderation, ClubId),
    on: Option<Standing>,
) -> Result<Turn, StoreError> {
    let is_banned = on.is_some_and(|on| on.status == MembershipStatus::Banned);
    if !is_banned {
        return Ok(Ok(None));
    }
    execute!(
        conn,
        "UPDATE membership SET status = 'left', ban_until = NULL, ban_reason = ''
          WHERE club_id = $1 AND user_id = $2",
        club.0,
        act.on.0
    )?;
    Ok(Ok(Some(Vec::new())))
}

async fn mute(
    conn: &mut Conn,
    places: &Places,
    (act, club): (&Moderation, ClubId),
    on: Option<Standing>,
) -> Result<Turn, StoreError> {
    let (Some(on), Measure::Mute { until }) = (on, act.what) else {
        return Ok(Err(AppendRefusal::NoSuchMember));
    };
    if on.status != MembershipStatus::Active {
        return Ok(Err(AppendRefusal::NotActive));
    }
    let moves = voice(conn, places, (act, club), (on, Some(until))).await?;
    Ok(Ok(Some(moves)))
}

async fn unmute(
    conn: &mut Conn,
    places: &Places,
    (act, club): (&Moderation, ClubId),
    on: Option<Standing>,
) -> Result<Turn, StoreError> {
    let Some(on) = on.filter(|on| on.muted_until.is_some()) else { return Ok(Ok(None)) };
    let moves = voice(conn, places, (act, club), (on, None)).await?;
    Ok(Ok(Some(moves)))
}

/// Somebody may not write until then, or may again, and so it is with their bots. A bot may never where
/// its maker may not.
async fn voice(
    conn: &mut Conn,
    places: &Places,
    (act, club): (&Moderation, ClubId),
    (on, until): (Standing, Option<Millis>),
) -> Result<Vec<Move>, StoreError> {
    let until = bots::in_club(conn, club, act.on).await?.muted_until(until);
    set_mute(conn, (club, act.on), until.map(|until| until.0)).await?;
    let is_inside = on.status == MembershipStatus::Active;
    let mut moves =
        if is_inside { everywhere(places, (act, club), on.role, until) } else { Vec::new() };
    moves.extend(bots::mute_in_club(conn, places, (club, act.on), until).await?);
    Ok(moves)
}

pub(super) async fn set_mute(
    conn: &mut Conn,
    (club, user): (ClubId, UserId),
    until: Option<i64>,
) -> Result<(), StoreError> {
    execute!(
        conn,
        "UPDATE membership SET muted_until = $3 WHERE club_id = $1 AND user_id = $2",
        club.0,
        user.0,
        until
    )?;
    Ok(())
}

/// May not write in any room of the club until then, or may again. No log tells of it.
fn everywhere(
    places: &Places,
    (act, club): (&Moderation, ClubId),
    role: ClubRole,
    until: Option<Millis>,
) -> Vec<Move> {
    let (user, how) = (act.on, Passage::Muted(until));
    let rooms = places::readable(places, club, role);
    rooms.into_iter().map(|room| Move { room, user, how, line: None }).collect()
}

async fn is_account(conn: &mut Conn, user: UserId) -> Result<bool, StoreError> {
    let row = fetch_optional!(
        conn,
        (i64,),
        "SELECT user_id FROM account WHERE user_id = $1 AND deleted_at IS NULL",
        user.0
    )?;
    Ok(row.is_some())
}
