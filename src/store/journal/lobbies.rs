//! Joining and leaving a lobby.

use crate::domain::{Millis, Rank, RoomId, UserId};
use crate::store::StoreError;
use crate::store::append::AppendRefusal;
use crate::store::db::{Conn, execute, fetch_optional};
use crate::store::moderation::{Within, ban_reason};
use crate::store::moves::{Move, Moves, Passage};
use crate::store::rooms::rank_in;
use crate::store::writer::{EventWriter, Line};

use super::bots::{self, Leash};
use super::members::{Done, Mover, enter, line_of, one, write_lines};
use super::places::Places;

/// Enters a lobby.
pub(super) async fn join(
    conn: &mut Conn,
    places: &mut Places,
    (room, who): (RoomId, Mover),
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    let before = footing(conn, room, who).await?;
    match before {
        Some(Footing { is_inside: true, .. }) => return Ok(Ok(Moves::default())),
        Some(Footing { banned: Some(until), .. }) => {
            let reason = ban_reason(conn, Within::Room(room), who.user).await?;
            return Ok(Err(AppendRefusal::Banned { until, reason }));
        }
        Some(_left) => {}
        None => {}
    }
    let leash = bots::in_room(conn, room, who).await?;
    if leash == Leash::Short {
        return Ok(Err(AppendRefusal::MakerOutside));
    }
    enter(conn, &[room], who).await?;
    set_inside(conn, room, who, true).await?;
    let since = places.rooms.get(&room).map_or(0, |head| head.head);
    let lines = write_lines(conn, places, vec![room], (Line::Join, who, writer)).await?;
    let mut moves = one(room, who.user, Passage::Came { since }, line_of(&lines, room));
    // Who comes is a member, until something else is said of them: an admin is more.
    if let Some(rank) = rank_in(conn, room, who.user).await?.filter(|rank| *rank > Rank::Member) {
        let how = Passage::Stands(rank);
        moves.moves.push(Move { room, user: who.user, how, line: None });
    }
    moves.moves.extend(kept_mute(conn, (room, who), (before, leash)).await?);
    Ok(Ok(moves))
}

/// Who comes in is as mute as they were, and a bot as its maker.
pub(super) async fn kept_mute(
    conn: &mut Conn,
    (room, who): (RoomId, Mover),
    (before, leash): (Option<Footing>, Leash),
) -> Result<Option<Move>, StoreError> {
    let own = before.and_then(|before| before.muted_until);
    let muted_until = leash.muted_until(own);
    if muted_until != own {
        set_mute(conn, (room, who.user), muted_until).await?;
    }
    let footing = Footing { is_inside: true, muted_until, banned: None };
    Ok(footing.still_muted(room, who))
}

/// Keeps it that somebody may not write until then, or may again.
pub(super) async fn set_mute(
    conn: &mut Conn,
    (room, user): (RoomId, UserId),
    until: Option<Millis>,
) -> Result<(), StoreError> {
    execute!(
        conn,
        "UPDATE room_member SET muted_until = $3 WHERE room_id = $1 AND user_id = $2",
        room.0,
        user.0,
        until.map(|until| until.0)
    )?;
    Ok(())
}

/// What somebody is, or was, in a room that is no club room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Footing {
    pub(super) is_inside: bool,
    pub(super) muted_until: Option<Millis>,
    /// Whether they stay out now, and until when; none within is for ever.
    pub(super) banned: Option<Option<Millis>>,
}

impl Footing {
    /// Who comes back is as mute as they were.
    pub(super) fn still_muted(self, room: RoomId, who: Mover) -> Option<Move> {
        let until = self.muted_until.filter(|until| *until > who.at)?;
        Some(Move { room, user: who.user, how: Passage::Muted(Some(until)), line: None })
    }
}

/// Reads it; none for who never was there.
pub(super) async fn footing(
    conn: &mut Conn,
    room: RoomId,
    who: Mover,
) -> Result<Option<Footing>, StoreError> {
    let row = fetch_optional!(
        conn,
        (bool, Option<i64>, Option<i64>, Option<i64>),
        "SELECT is_inside, muted_until, banned_at, ban_until FROM room_member
          WHERE room_id = $1 AND user_id = $2",
        room.0,
        who.user.0
    )?;
    Ok(row.map(|(is_inside, muted_until, banned_at, ban_until)| {
        let ban_until = ban_until.map(Millis);
        let is_banned = banned_at.is_some() && ban_until.is_none_or(|until| until > who.at);
        let banned = is_banned.then_some(ban_until);
        Footing { is_inside, muted_until: muted_until.map(Millis), banned }
    }))
}

/// Leaves a lobby: the line first, so that the leaver is still there to see it.
pub(super) async fn leave(
    conn: &mut Conn,
    places: &mut Places,
    (room, who): (RoomId, Mover),
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    if !is_inside(conn, room, who).await? {
        return Ok(Err(AppendRefusal::NotMember));
    }
    let lines = write_lines(conn, places, vec![room], (Line::Leave, who, writer)).await?;
    set_inside(conn, room, who, false).await?;
    let mut moves = one(room, who.user, Passage::Went("left"), line_of(&lines, room));
    let with = (Line::Leave, writer);
    moves.moves.extend(bots::leave_room(conn, places, (room, who), with).await?);
    Ok(Ok(moves))
}

/// Whether a user is inside a room that is no club room.
pub(super) async fn is_inside(
    conn: &mut Conn,
    room: RoomId,
    who: Mover,
) -> Result<bool, StoreError> {
    let row = fetch_optional!(
        conn,
        (bool,),
        "SELECT is_inside FROM room_member WHERE room_id = $1 AND user_id = $2",
        room.0,
        who.user.0
    )?;
    Ok(row.is_some_and(|(is_inside,)| is_inside))
}

/// Lets a user in, or out. Who is in is banned no more.
pub(super) async fn set_inside(
    conn: &mut Conn,
    room: RoomId,
    who: Mover,
    is_inside: bool,
) -> Result<(), StoreError> {
    execute!(
        conn,
        "UPDATE room_member
            SET is_inside = $3, banned_at = CASE WHEN $3 THEN NULL ELSE banned_at END,
                ban_until = CASE WHEN $3 THEN NULL ELSE ban_until END,
                ban_reason = CASE WHEN $3 THEN '' ELSE ban_reason END
          WHERE room_id = $1 AND user_id = $2",
        room.0,
        who.user.0,
        is_inside
    )?;
    Ok(())
}
