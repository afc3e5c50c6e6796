//! Group rooms: making one, coming in, bringing others in, leaving. Who is put out: `room_measures.rs`.

use std::collections::HashMap;

use crate::domain::{Millis, Overrides, Permission, Rank, RoomId, RoomKind, Rules, UserId};
use crate::store::StoreError;
use crate::store::append::AppendRefusal;
use crate::store::blocks::apart;
use crate::store::db::{Conn, execute, fetch_one, fetch_optional};
use crate::store::given::{Bulk, Given, bulk};
use crate::store::moderation::{Within, ban_reason};
use crate::store::moves::{Move, Moves, NewGroup, Passage};
use crate::store::writer::{EventWriter, Line};

use super::bots::{self, Leash};
use super::letters::{self, Letter};
use super::lobbies::{Footing, footing, is_inside, kept_mute, set_inside};
use super::members::{Done, Mover, line_of, one, write_each, write_lines};
use super::places::{Head, Places};

/// A place in a group, read up to now; whoever was there before begins anew.
const ENTER: Bulk = bulk!(
    "INSERT INTO room_member (room_id, user_id, joined_at, join_seq, read_n, read_seq, is_inside)
     SELECT room.room_id, given.user_id, given.at, room.head, room.n, room.head, TRUE FROM ",
    (room_id bigint, user_id bigint, at bigint),
    " CROSS JOIN room WHERE room.room_id = given.room_id
      ON CONFLICT (room_id, user_id) DO UPDATE
         SET joined_at = excluded.joined_at, join_seq = excluded.join_seq,
             read_n = excluded.read_n, read_seq = excluded.read_seq, is_inside = TRUE,
             notify = NULL, hidden_n = NULL, banned_at = NULL, ban_until = NULL,
             ban_reason = ''"
);

/// Living people, whether they are inside already, until when they may not write there, whether they
/// are to stay out, and whether there is a block between them and who brings them in; of bots, how it is
/// with their makers.
const PEOPLE: Bulk = bulk!(
    concat!(
        "SELECT given.user_id, coalesce(inside.is_inside, FALSE) AS is_inside, inside.muted_until,
            inside.banned_at IS NOT NULL
                AND (inside.ban_until IS NULL OR inside.ban_until > given.at) AS is_out, ",
        apart!("given.user_id", "given.by_id"),
        " AS is_apart, bot.maker_id, coalesce(makers.is_inside, FALSE) AS is_maker_inside,
            makers.muted_until AS maker_muted_until
            FROM "
    ),
    (room_id bigint, user_id bigint, by_id bigint, at bigint),
    " CROSS JOIN account LEFT JOIN room_member inside
             ON inside.room_id = given.room_id AND inside.user_id = given.user_id
           LEFT JOIN bot ON bot.user_id = given.user_id
           LEFT JOIN room_member makers
             ON makers.room_id = given.room_id AND makers.user_id = bot.maker_id
      WHERE account.user_id = given.user_id AND account.deleted_at IS NULL"
);

/// Makes a group with its host in it, and brings the others in.
pub(super) async fn make(
    conn: &mut Conn,
    places: &mut Places,
    new: &NewGroup,
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    let host = Mover { user: new.by, at: new.at };
    let others: Vec<_> = new.members.iter().copied().filter(|user| *user != new.by).collect();
    // Nobody is in a room that is not there yet.
    let others = match newcomers(conn, (RoomId(0), host), &others).await? {
        Ok(others) => others,
        Err(why) => return Ok(Err(why)),
    };
    let row = fetch_optional!(
        conn,
        (i64,),
        "INSERT INTO room (kind, name, name_key, is_listed, notify, created_by, host_id, created_at)
         VALUES ('group', $1, $2, $3, $4, $5, $5, $6)
         ON CONFLICT DO NOTHING RETURNING room_id",
        new.name.as_str(),
        new.name.key(),
        new.is_listed,
        RoomKind::Group.default_notify().word(),
        new.by.0,
        new.at.0
    )?;
    let Some((room,)) = row else { return Ok(Err(AppendRefusal::NameTaken)) };
    let room = RoomId(room);
    let head = Head {
        head: 0,
        n: 0,
        kind: RoomKind::Group,
        club: None,
        is_general: false,
        is_watched: true,
        slow_mode_s: 0,
        is_shut: false,
    };
    places.rooms.insert(room, head);
    enter(conn, room, &[host.user], host).await?;
    let moves = bring(conn, places, (room, host), others, writer).await?;
    Ok(Ok(Moves { made: Some(room), ..moves }))
}

/// Comes into a group that is listed.
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
    let listed =
        fetch_optional!(conn, (bool,), "SELECT is_listed FROM room WHERE room_id = $1", room.0)?;
    if listed != Some((true,)) {
        return Ok(Err(AppendRefusal::Gone));
    }
    if leash == Leash::Short {
        return Ok(Err(AppendRefusal::MakerOutside));
    }
    let since = places.rooms.get(&room).map_or(0, |head| head.head);
    enter(conn, room, &[who.user], who).await?;
    let lines = write_lines(conn, places, vec![room], (Line::Join, who, writer)).await?;
    let mut moves = one(room, who.user, Passage::Came { since }, line_of(&lines, room));
    moves.moves.extend(kept_mute(conn, (room, who), (before, leash)).await?);
    Ok(Ok(moves))
}

/// A member brings others in; who is there already is no error.
pub(super) async fn invite(
    conn: &mut Conn,
    places: &mut Places,
    (room, host): (RoomId, Mover),
    users: &[UserId],
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    match places.rooms.get(&room).map(|head| head.kind) {
        Some(RoomKind::Group) => {}
        Some(RoomKind::Private) => return Ok(Err(AppendRefusal::PrivateRoom)),
        Some(_other) => return Ok(Err(AppendRefusal::NotGroup)),
        None => return Ok(Err(AppendRefusal::Gone)),
    }
    if !is_inside(conn, room, host).await? {
        return Ok(Err(AppendRefusal::NotMember));
    }
    if !may_invite(conn, room, host.user).await? {
        return Ok(Err(AppendRefusal::Role));
    }
    Ok(match newcomers(conn, (room, host), users).await? {
        Ok(fresh) => Ok(bring(conn, places, (room, host), fresh, writer).await?),
        Err(why) => Err(why),
    })
}

/// Whether a member may bring others in, as the group says at this moment.
async fn may_invite(conn: &mut Conn, room: RoomId, user: UserId) -> Result<bool, StoreError> {
    let (permissions, write, host) = fetch_one!(
        conn,
        (String, String, Option<i64>),
        "SELECT permissions, write, host_id FROM room WHERE room_id = $1",
        room.0
    )?;
    let rules = Rules::of(RoomKind::Group).with(&Overrides::read(&permissions, &write));
    let rank = if host == Some(user.0) { Rank::Owner } else { Rank::Member };
    Ok(rules.allows(Permission::Invite, rank))
}

/// Leaves a group: the line first, so that the leaver is still there to see it. The earliest
/// member follows a host, and the last person out deletes the room.
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
    succeed(conn, places, (room, who), &mut moves).await?;
    Ok(Ok(moves))
}

/// Somebody is out of a group, and their bots: the earliest person who is left follows a host, and with the
/// last one the room ends. Who is no person neither hosts nor keeps a room.
pub(super) async fn succeed(
    conn: &mut Conn,
    places: &mut Places,
    (room, who): (RoomId, Mover),
    moves: &mut Moves,
) -> Result<(), StoreError> {
    let earliest = fetch_optional!(
        conn,
        (i64,),
        "SELECT i.user_id FROM room_member i JOIN account ON account.user_id = i.user_id
          WHERE i.room_id = $1 AND i.is_inside AND account.kind = 'human'
          ORDER BY i.joined_at, i.user_id LIMIT 1",
        room.0
    )?;
    let Some((next,)) = earliest else {
        execute!(conn, "UPDATE room SET deleted_at = $2 WHERE room_id = $1", room.0, who.at.0)?;
        places.rooms.remove(&room);
        moves.gone.push(room);
        return Ok(());
    };
    if host_of(conn, room).await? == Some(who.user) {
        execute!(conn, "UPDATE room SET host_id = $2 WHERE room_id = $1", room.0, next)?;
        let (user, how) = (UserId(next), Passage::Stands(Rank::Owner));
        moves.moves.push(Move { room, user, how, line: None });
        moves.host = Some(user);
    }
    Ok(())
}

#[derive(Debug, sqlx::FromRow)]
struct PersonRow {
    user_id: i64,
    is_inside: bool,
    muted_until: Option<i64>,
    is_out: bool,
    is_apart: bool,
    maker_id: Option<i64>,
    is_maker_inside: bool,
    maker_muted_until: Option<i64>,
}

/// Somebody who is not inside, and perhaps was.
struct Newcomer {
    user: UserId,
    muted_until: Option<Millis>,
    leash: Leash,
}

/// Those who are not inside, each once, in the order in which they were named.
async fn newcomers(
    conn: &mut Conn,
    (room, by): (RoomId, Mover),
    users: &[UserId],
) -> Result<Result<Vec<Newcomer>, AppendRefusal>, StoreError> {
    let given = Given::new()
        .ints(users.iter().map(|_user| room.0))
        .ints(users.iter().map(|user| user.0))
        .ints(users.iter().map(|_user| by.user.0))
        .ints(users.iter().map(|_user| by.at.0));
    let rows: Vec<PersonRow> = conn.given_all(&PEOPLE, given).await?;
    let outside = || rows.iter().filter(|row| !row.is_inside);
    let is_kept_out = outside().any(|row| row.is_out);
    let is_blocked = outside().any(|row| row.is_apart);
    // Makers may come in together with their bots.
    let comes = |maker: i64| maker == by.user.0 || users.contains(&UserId(maker));
    let is_alone = |row: &PersonRow| row.maker_id.is_some_and(|maker| !comes(maker));
    let is_stray = outside().any(|row| is_alone(row) && !row.is_maker_inside);
    let mut known: HashMap<_, _> = rows.into_iter().map(|row| (UserId(row.user_id), row)).collect();
    if users.iter().any(|user| !known.contains_key(user)) {
        return Ok(Err(AppendRefusal::NoSuchUser));
    }
    if is_blocked {
        return Ok(Err(AppendRefusal::Blocked));
    }
    if is_kept_out {
        return Ok(Err(AppendRefusal::KeptOut));
    }
    if is_stray {
        return Ok(Err(AppendRefusal::MakerOutside));
    }
    let newcomer = |user: &UserId| {
        let row = known.remove(user).filter(|row| !row.is_inside)?;
        let makers = row.maker_muted_until.map(Millis);
        let leash = if row.maker_id.is_some() { Leash::Long(makers) } else { Leash::None };
        Some(Newcomer { user: *user, muted_until: row.muted_until.map(Millis), leash })
    };
    Ok(Ok(users.iter().filter_map(newcomer).collect()))
}

/// Lets people in, each with a line and an entry in the inbox.
async fn bring(
    conn: &mut Conn,
    places: &mut Places,
    (room, host): (RoomId, Mover),
    newcomers: Vec<Newcomer>,
    writer: &dyn EventWriter,
) -> Result<Moves, StoreError> {
    if newcomers.is_empty() {
        return Ok(Moves::default());
    }
    let fresh: Vec<UserId> = newcomers.iter().map(|one| one.user).collect();
    let since = places.rooms.get(&room).map_or(0, |head| head.head);
    enter(conn, room, &fresh, host).await?;
    let lines = fresh.iter().map(|user| (room, *user)).collect();
    let lines = write_each(conn, places, lines, (Line::Join, host.at, writer)).await?;
    let letters: Vec<_> = fresh.iter().map(|user| Letter::invite(room, *user)).collect();
    let notices = letters::write(conn, places, (&letters, host), writer).await?;
    let mut muted = Vec::new();
    for Newcomer { user, muted_until, leash } in newcomers {
        let before = Footing { is_inside: false, muted_until, banned: None };
        let who = Mover { user, at: host.at };
        muted.extend(kept_mute(conn, (room, who), (Some(before), leash)).await?);
    }
    let moves = fresh.into_iter().zip(lines).map(|(user, (room, line))| Move {
        room,
        user,
        how: Passage::Came { since },
        line: Some(line),
    });
    Ok(Moves { moves: moves.chain(muted).collect(), notices, ..Moves::default() })
}

async fn enter(
    conn: &mut Conn,
    room: RoomId,
    users: &[UserId],
    who: Mover,
) -> Result<(), StoreError> {
    let given = Given::new()
        .ints(users.iter().map(|_user| room.0))
        .ints(users.iter().map(|user| user.0))
        .ints(users.iter().map(|_user| who.at.0));
    conn.given_execute(&ENTER, given).await
}

async fn host_of(conn: &mut Conn, room: RoomId) -> Result<Option<UserId>, StoreError> {
    let row = fetch_optional!(
        conn,
        (Option<i64>,),
        "SELECT host_id FROM room WHERE room_id = $1",
        room.0
    )?;
    Ok(row.and_then(|(host,)| host).map(UserId))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&ENTER, &PEOPLE]).await;
    }
}
