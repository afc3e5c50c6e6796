//! Where bots may be: only where their makers are. They come in behind them, go with them, and are as
//! mute; whoever changes the one place changes the others in the same transaction, under the same locks.

use crate::domain::{ClubId, ClubRole, MembershipStatus, Millis, RoomId, UserId};
use crate::store::StoreError;
use crate::store::bots::maker_of;
use crate::store::db::{Conn, fetch_all};
use crate::store::moves::{Move, Passage};
use crate::store::writer::{EventWriter, Line};

use super::clubs::membership;
use super::lobbies::{Footing, footing, set_inside};
use super::members::{Mover, line_of, write_lines};
use super::places::{self, Places};
use super::removals::{self, End};

/// What holds of somebody because somebody else made them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leash {
    /// Nothing: nobody made them.
    None,
    /// They are a bot, and may come in. Their maker may not write until then.
    Long(Option<Millis>),
    /// They are a bot whose maker is outside.
    Short,
}

impl Leash {
    /// Until when somebody may not write who by themselves may not until `own`.
    pub(super) fn muted_until(self, own: Option<Millis>) -> Option<Millis> {
        match self {
            Self::Long(makers) => own.max(makers),
            Self::None | Self::Short => own,
        }
    }
}

/// What holds of somebody in a club.
pub(super) async fn in_club(
    conn: &mut Conn,
    club: ClubId,
    user: UserId,
) -> Result<Leash, StoreError> {
    let Some(maker) = maker_of(conn, user).await? else { return Ok(Leash::None) };
    Ok(match membership(conn, club, maker).await? {
        Some(maker) if maker.status == MembershipStatus::Active => Leash::Long(maker.muted_until),
        _outside => Leash::Short,
    })
}

/// What holds of somebody in a room of no club.
pub(super) async fn in_room(
    conn: &mut Conn,
    room: RoomId,
    who: Mover,
) -> Result<Leash, StoreError> {
    let Some(maker) = maker_of(conn, who.user).await? else { return Ok(Leash::None) };
    Ok(match footing(conn, room, Mover { user: maker, ..who }).await? {
        Some(Footing { is_inside: true, muted_until, .. }) => Leash::Long(muted_until),
        _outside => Leash::Short,
    })
}

/// Whether somebody is a bot.
pub(super) async fn is_bot(conn: &mut Conn, user: UserId) -> Result<bool, StoreError> {
    Ok(maker_of(conn, user).await?.is_some())
}

/// Somebody is out of a club: so are their bots.
pub(super) async fn leave_club(
    conn: &mut Conn,
    places: &mut Places,
    (club, who): (ClubId, Mover),
    (end, writer): (End, &dyn EventWriter),
) -> Result<Vec<Move>, StoreError> {
    let bots = fetch_all!(
        conn,
        (i64,),
        "SELECT m.user_id FROM bot JOIN membership m ON m.user_id = bot.user_id
          WHERE bot.maker_id = $1 AND m.club_id = $2 AND m.status = 'active' ORDER BY m.user_id",
        who.user.0,
        club.0
    )?;
    // Only the maker is banned: a bot comes back with them.
    let end = match end.line {
        Line::Leave => end,
        _put_out => End { line: Line::Kick, status: MembershipStatus::Kicked },
    };
    let mut moves = Vec::new();
    for (bot,) in bots {
        let who = Mover { user: UserId(bot), at: who.at };
        let step = (club, who, ClubRole::Member);
        let rooms = removals::remove(conn, places, step, (end, writer)).await?;
        moves.extend(rooms.into_iter().map(|change| Move {
            room: change.room,
            user: who.user,
            how: Passage::Went(end.status.word()),
            line: change.line,
        }));
    }
    Ok(moves)
}

/// Somebody is out of a room of no club: so are their bots.
pub(super) async fn leave_room(
    conn: &mut Conn,
    places: &mut Places,
    (room, who): (RoomId, Mover),
    (line, writer): (Line, &dyn EventWriter),
) -> Result<Vec<Move>, StoreError> {
    let bots = fetch_all!(
        conn,
        (i64,),
        "SELECT own.user_id FROM bot JOIN room_member own ON own.user_id = bot.user_id
          WHERE bot.maker_id = $1 AND own.room_id = $2 AND own.is_inside ORDER BY own.user_id",
        who.user.0,
        room.0
    )?;
    let (line, status) = match line {
        Line::Leave => (line, MembershipStatus::Left),
        _put_out => (Line::Kick, MembershipStatus::Kicked),
    };
    let mut moves = Vec::new();
    for (bot,) in bots {
        let who = Mover { user: UserId(bot), at: who.at };
        let lines = write_lines(conn, places, vec![room], (line, who, writer)).await?;
        set_inside(conn, room, who, false).await?;
        let how = Passage::Went(status.word());
        moves.push(Move { room, user: who.user, how, line: line_of(&lines, room) });
    }
    Ok(moves)
}

/// Somebody may not write in a club until then, or may again: so it is with their bots.
pub(super) async fn mute_in_club(
    conn: &mut Conn,
    places: &Places,
    (club, maker): (ClubId, UserId),
    until: Option<Millis>,
) -> Result<Vec<Move>, StoreError> {
    let bots = fetch_all!(
        conn,
        (i64,),
        "UPDATE membership SET muted_until = $3
          WHERE club_id = $1 AND status = 'active'
            AND user_id IN (SELECT bot.user_id FROM bot WHERE bot.maker_id = $2)
         RETURNING user_id",
        club.0,
        maker.0,
        until.map(|until| until.0)
    )?;
    let rooms = places::readable(places, club, ClubRole::Member);
    let step = |(bot,): (i64,)| {
        rooms.iter().map(move |room| Move {
            room: *room,
            user: UserId(bot),
            how: Passage::Muted(until),
            line: None,
        })
    };
    Ok(bots.into_iter().flat_map(step).collect())
}

/// The same in a room of no club.
pub(super) async fn mute_in_room(
    conn: &mut Conn,
    (room, maker): (RoomId, UserId),
    until: Option<Millis>,
) -> Result<Vec<Move>, StoreError> {
    let bots = fetch_all!(
        conn,
        (i64,),
        "UPDATE room_member SET muted_until = $3
          WHERE room_id = $1 AND is_inside
            AND user_id IN (SELECT bot.user_id FROM bot WHERE bot.maker_id = $2)
         RETURNING user_id",
        room.0,
        maker.0,
        until.map(|until| until.0)
    )?;
    let how = Passage::Muted(until);
    let step = |(bot,): (i64,)| Move { room, user: UserId(bot), how, line: None };
    Ok(bots.into_iter().map(step).collect())
}
