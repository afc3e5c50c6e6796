//! What a moderator does to a member of a room of no club: the host of a group, admins in a lobby. And
//! what an admin does to the author of a message that was reported to the instance, wherever it
//! stands: the report is the warrant, and without one admins have no say among others.
//!
//! The room is locked. The act, the report that it decides and the entry of the audit log are one
//! transaction with the line.

use crate::domain::{
    InstanceRole, MembershipStatus, Millis, Overrides, Permission, Rank, RoomId, RoomKind, Rules,
    UserId,
};
use crate::store::StoreError;
use crate::store::append::AppendRefusal;
use crate::store::db::{Conn, execute, fetch_optional};
use crate::store::moderation::{Book, Case, Measure, Moderation, Note, case, note};
use crate::store::moves::{Move, Moves, Passage};
use crate::store::rooms::rank_in;
use crate::store::writer::{EventWriter, Line};

use super::bots;
use super::groups::succeed;
use super::lobbies::{Footing, footing, set_inside, set_mute};
use super::measures::{action, permission, settle_with, until};
use super::members::{Done, Mover, line_of, one, write_lines};
use super::places::Places;

/// Takes one. Nothing moves where it was so before.
pub(super) async fn take(
    conn: &mut Conn,
    places: &mut Places,
    (act, room): (&Moderation, RoomId),
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    let kind = match places.rooms.get(&room).map(|head| head.kind) {
        None => return Ok(Err(AppendRefusal::Gone)),
        // Of a club one is put out as a whole.
        Some(RoomKind::Member | RoomKind::Manager) => return Ok(Err(AppendRefusal::NotGroup)),
        Some(kind) => kind,
    };
    let place = match warrant(conn, act, room).await? {
        Ok(place) => place,
        Err(why) => return Ok(Err(why)),
    };
    let is_mute = matches!(act.what, Measure::Mute { .. });
    if kind == RoomKind::Private && !(is_mute && place.is_some()) {
        return Ok(Err(AppendRefusal::PrivateRoom));
    }
    if let Err(why) = permitted(conn, (act, room), kind, place.is_some()).await? {
        return Ok(Err(why));
    }
    let who = Mover { user: act.on, at: act.at };
    let on = footing(conn, room, who).await?;
    let done = match act.what {
        Measure::Kick => put_out(conn, places, (act, room), (on, Line::Kick), writer).await?,
        Measure::Ban { until } => {
            let moves = put_out(conn, places, (act, room), (on, Line::Ban), writer).await?;
            keep_out(conn, (room, who), (until, &act.reason)).await?;
            Some(moves.unwrap_or_default())
        }
        Measure::Unban => let_back(conn, (room, act.on)).await?.then(Moves::default),
        Measure::Mute { until } => match on {
            None => return Ok(Err(AppendRefusal::NoSuchMember)),
            Some(on) if !on.is_inside => return Ok(Err(AppendRefusal::NotActive)),
            Some(_inside) => Some(voice(conn, (room, who), Some(until)).await?),
        },
        Measure::Unmute => match on.filter(|on| on.muted_until.is_some()) {
            None => None,
            Some(_muted) => Some(voice(conn, (room, who), None).await?),
        },
    };
    settle_with(conn, act, place).await?;
    if done.is_none() && place.is_none() {
        return Ok(Ok(Moves::default()));
    }
    execute!(conn, "UPDATE room SET rev = rev + 1 WHERE room_id = $1", room.0)?;
    let book = if place.is_some() { Book::Instance } else { Book::of(kind, None) };
    let entry = Note::new(action(act.what), book, (act.by, act.at));
    let (user, until, place) = (Some(act.on), until(act.what), place.unwrap_or((room, 0)));
    note(conn, &Note { user, place: Some(place), until, reason: &act.reason, ..entry }).await?;
    Ok(Ok(done.unwrap_or_default()))
}

/// The message whose report an admin decides by the act, if that is what they do.
async fn warrant(
    conn: &mut Conn,
    act: &Moderation,
    room: RoomId,
) -> Result<Result<Option<(RoomId, i64)>, AppendRefusal>, StoreError> {
    let Some(report) = act.settles else { return Ok(Ok(None)) };
    if role(conn, act.by).await? != Some(InstanceRole::Admin) {
        return Ok(Err(AppendRefusal::Role));
    }
    Ok(match case(conn, None, report).await? {
        Case::Open(case) if case.author == act.on && case.place.0 == room => Ok(Some(case.place)),
        Case::Decided => Err(AppendRefusal::Decided),
        Case::Open(_) | Case::Gone => Err(AppendRefusal::Gone),
    })
}

/// Whether who acts may do this, and to whom.
async fn permitted(
    conn: &mut Conn,
    (act, room): (&Moderation, RoomId),
    kind: RoomKind,
    has_warrant: bool,
) -> Result<Result<(), AppendRefusal>, StoreError> {
    let Some(role) = role(conn, act.on).await? else {
        return Ok(Err(AppendRefusal::NoSuchMember));
    };
    // An admin who has left a lobby is one all the same.
    let is_peer = role == InstanceRole::Admin && (has_warrant || kind == RoomKind::Lobby);
    if is_peer || act.by == act.on {
        return Ok(Err(AppendRefusal::Role));
    }
    if has_warrant {
        return Ok(Ok(()));
    }
    let Some(rank) = rank_in(conn, room, act.by).await? else {
        return Ok(Err(AppendRefusal::NotMember));
    };
    let said = fetch_optional!(
        conn,
        (String, String),
        "SELECT permissions, write FROM room WHERE room_id = $1",
        room.0
    )?;
    let said = said.map(|(permissions, write)| Overrides::read(&permissions, &write));
    let rules = Rules::of(kind).with(&said.unwrap_or_default());
    let other = rank_in(conn, room, act.on).await?.unwrap_or(Rank::Member);
    let needed: Permission = permission(act.what);
    let may = rules.allows_on(needed, rank, other);
    Ok(if may { Ok(()) } else { Err(AppendRefusal::Role) })
}

/// What a living account is on the instance.
async fn role(conn: &mut Conn, user: UserId) -> Result<Option<InstanceRole>, StoreError> {
    let row = fetch_optional!(
        conn,
        (String,),
        "SELECT role FROM account WHERE user_id = $1 AND deleted_at IS NULL",
        user.0
    )?;
    Ok(row.map(|(role,)| role.parse()).transpose()?)
}

/// Puts out who is inside: the line first, so that who goes is still there to see it.
async fn put_out(
    conn: &mut Conn,
    places: &mut Places,
    (act, room): (&Moderation, RoomId),
    (on, line): (Option<Footing>, Line),
    writer: &dyn EventWriter,
) -> Result<Option<Moves>, StoreError> {
    if !on.is_some_and(|on| on.is_inside) {
        return Ok(None);
    }
    let who = Mover { user: act.on, at: act.at };
    let status =
        if line == Line::Ban { MembershipStatus::Banned } else { MembershipStatus::Kicked };
    let lines = write_lines(conn, places, vec![room], (line, who, writer)).await?;
    set_inside(conn, room, who, false).await?;
    let mut moves = one(room, act.on, Passage::Went(status.word()), line_of(&lines, room));
    moves.moves.extend(bots::leave_room(conn, places, (room, who), (line, writer)).await?);
    let is_group = places.rooms.get(&room).is_some_and(|head| head.kind == RoomKind::Group);
    if is_group {
        succeed(conn, places, (room, who), &mut moves).await?;
    }
    Ok(Some(moves))
}

async fn keep_out(
    conn: &mut Conn,
    (room, who): (RoomId, Mover),
    (until, reason): (Option<Millis>, &str),
) -> Result<(), StoreError> {
    execute!(
        conn,
        "INSERT INTO room_member (room_id, user_id, banned_at, ban_until, ban_reason)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (room_id, user_id) DO UPDATE
            SET banned_at = $3, ban_until = $4, ban_reason = $5",
        room.0,
        who.user.0,
        who.at.0,
        until.map(|until| until.0),
        reason
    )?;
    Ok(())
}

/// Somebody may come back; false when they might anyway.
async fn let_back(conn: &mut Conn, (room, user): (RoomId, UserId)) -> Result<bool, StoreError> {
    let lifted = execute!(
        conn,
        "UPDATE room_member SET banned_at = NULL, ban_until = NULL, ban_reason = ''
          WHERE room_id = $1 AND user_id = $2 AND banned_at IS NOT NULL",
        room.0,
        user.0
    )?;
    Ok(lifted > 0)
}

/// Somebody may not write until then, or may again, and so it is with their bots. A bot may never where
/// its maker may not.
async fn voice(
    conn: &mut Conn,
    (room, who): (RoomId, Mover),
    until: Option<Millis>,
) -> Result<Moves, StoreError> {
    let until = bots::in_room(conn, room, who).await?.muted_until(until);
    set_mute(conn, (room, who.user), until).await?;
    let step = Move { room, user: who.user, how: Passage::Muted(until), line: None };
    let mut moves = vec![step];
    moves.extend(bots::mute_in_room(conn, (room, who.user), until).await?);
    Ok(Moves { moves, ..Moves::default() })
}
