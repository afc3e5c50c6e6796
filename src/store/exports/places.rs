//! Where somebody is and was: clubs, and rooms.

use serde_json::{Value, json};

use crate::domain::{ClubId, Millis, RoomId, UserId};
use crate::store::StoreError;
use crate::store::db::{Conn, fetch_all};

/// A page, and what it ends with.
type Places = (Vec<Value>, Option<i64>);

#[derive(Debug, sqlx::FromRow)]
struct ClubRow {
    club_id: i64,
    name: String,
    role: String,
    status: String,
    joined_at: i64,
    left_at: Option<i64>,
    ban_until: Option<i64>,
    ban_reason: String,
    muted_until: Option<i64>,
}

/// The next clubs that a user is in, or was in, or stays out of.
pub(super) async fn clubs(
    conn: &mut Conn,
    (user, after): (UserId, i64),
    most: i64,
) -> Result<Places, StoreError> {
    let rows = fetch_all!(
        conn,
        ClubRow,
        "SELECT m.club_id, club.name, m.role, m.status, m.joined_at, m.left_at, m.ban_until,
                m.ban_reason, m.muted_until
           FROM club CROSS JOIN membership m
          WHERE club.club_id > $2 AND m.club_id = club.club_id AND m.user_id = $1
          ORDER BY club.club_id LIMIT $3",
        user.0,
        after,
        most
    )?;
    let last = rows.last().map(|row| row.club_id);
    let club = |row: ClubRow| {
        json!({ "club": ClubId(row.club_id), "name": row.name, "role": row.role,
                "status": row.status, "joined_at": Millis(row.joined_at),
                "left_at": row.left_at.map(Millis), "ban_until": row.ban_until.map(Millis),
                "ban_reason": row.ban_reason, "muted_until": row.muted_until.map(Millis) })
    };
    Ok((rows.into_iter().map(club).collect(), last))
}

#[derive(Debug, sqlx::FromRow)]
struct RoomRow {
    room_id: i64,
    kind: String,
    name: String,
    club_id: Option<i64>,
    peer_id: Option<i64>,
    is_inside: bool,
    is_maker: bool,
    is_host: bool,
    joined_at: Option<i64>,
    read_seq: i64,
    read_n: i64,
    notify: Option<String>,
    muted_until: Option<i64>,
    banned_at: Option<i64>,
    ban_until: Option<i64>,
    ban_reason: String,
}

/// The next rooms in which a user has a place, or had one.
pub(super) async fn rooms(
    conn: &mut Conn,
    (user, after): (UserId, i64),
    most: i64,
) -> Result<Places, StoreError> {
    let rows = fetch_all!(
        conn,
        RoomRow,
        "SELECT room.room_id, room.kind, room.name, room.club_id,
                room.pair_low + room.pair_high - own.user_id AS peer_id, own.is_inside,
                coalesce(room.created_by = own.user_id, FALSE) AS is_maker,
                coalesce(room.host_id = own.user_id, FALSE) AS is_host,
                own.joined_at, own.read_seq, own.read_n, own.notify, own.muted_until,
                own.banned_at, own.ban_until, own.ban_reason
           FROM room_member own JOIN room ON room.room_id = own.room_id
          WHERE own.user_id = $1 AND own.room_id > $2 ORDER BY own.room_id LIMIT $3",
        user.0,
        after,
        most
    )?;
    let last = rows.last().map(|row| row.room_id);
    let room = |row: RoomRow| {
        json!({ "room": RoomId(row.room_id), "kind": row.kind, "name": row.name,
                "club": row.club_id.map(ClubId), "peer": row.peer_id.map(UserId),
                "inside": row.is_inside, "made": row.is_maker, "host": row.is_host,
                "joined_at": row.joined_at.map(Millis), "read_seq": row.read_seq,
                "read_n": row.read_n, "notify": row.notify,
                "muted_until": row.muted_until.map(Millis),
                "banned_at": row.banned_at.map(Millis), "ban_until": row.ban_until.map(Millis),
                "ban_reason": row.ban_reason })
    };
    Ok((rows.into_iter().map(room).collect(), last))
}
