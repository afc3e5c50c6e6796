//! Who may read a room.

use crate::domain::{ClubId, ClubRole, Millis, Rank, RoomId, Standing, UserId};
use crate::store::db::{Conn, fetch_all, fetch_optional};
use crate::store::{Store, StoreError};

use super::types::RosterRow;

/// Whether the user of an expression may read the living room `room`: the one place that says so
/// for a pair. The lists below are the same rule, begun from the other end.
/// What more is said is of the row that makes it so, `i`: the membership in the club, or the place in
/// the room. With an offset, PostgreSQL looks that row up and no other (`store/plans.rs`).
macro_rules! may_read {
    ($user:literal) => {
        crate::store::rooms::may_read!($user, "")
    };
    ($user:literal, $more:literal) => {
        concat!(
            "CASE WHEN room.club_id IS NULL THEN
                 EXISTS (SELECT 1 FROM room_member i WHERE i.room_id = room.room_id
                            AND i.user_id = ",
            $user,
            " AND i.is_inside ",
            $more,
            " LIMIT 1 OFFSET 0)
             ELSE EXISTS (SELECT 1 FROM membership i WHERE i.club_id = room.club_id
                            AND i.user_id = ",
            $user,
            " AND i.status = 'active'
                            AND (room.kind = 'member' OR i.role <> 'member') ",
            $more,
            " LIMIT 1 OFFSET 0) END"
        )
    };
}
pub(in crate::store) use may_read;

/// Until when the user of an expression may not write in `room`, if they were muted: in its club, or in
/// a room of none.
macro_rules! muted_until {
    ($user:literal) => {
        concat!(
            "CASE WHEN room.club_id IS NULL THEN
                 (SELECT own.muted_until FROM room_member own
                   WHERE own.room_id = room.room_id AND own.user_id = ",
            $user,
            ")
             ELSE (SELECT own.muted_until FROM membership own
                    WHERE own.club_id = room.club_id AND own.user_id = ",
            $user,
            ") END"
        )
    };
}
pub(in crate::store) use muted_until;

/// The seq behind which a reader of the living room `room`, the user of an expression, sees its log:
/// 0 but where the room shows a newcomer nothing of what was before.
macro_rules! visible_after {
    ($user:literal) => {
        concat!(
            "CASE WHEN room.history = 'since_join' THEN
                 coalesce((SELECT own.join_seq FROM room_member own
                            WHERE own.room_id = room.room_id AND own.user_id = ",
            $user,
            "), 0) ELSE CAST(0 AS BIGINT) END"
        )
    };
}
pub(in crate::store) use visible_after;

/// How much of a room somebody sees who may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The room.
    pub room: RoomId,
    /// Nothing up to and including this seq.
    pub after: i64,
}

/// What the user of an expression, who may read `room`, is there: 0 a member, 1 a moderator, 2 the
/// owner. `role` of the instance and of the club are expressions, too.
macro_rules! rank {
    ($user:literal, $club_role:literal, $role:literal) => {
        concat!(
            "CAST(CASE WHEN room.club_id IS NOT NULL
                       THEN CASE ",
            $club_role,
            " WHEN 'owner' THEN 2 WHEN 'manager' THEN 1 ELSE 0 END
                       WHEN room.kind = 'group' AND room.host_id = ",
            $user,
            " THEN 2
                       WHEN room.kind = 'lobby' AND ",
            $role,
            " = 'admin' THEN 2
                       ELSE 0 END AS BIGINT)"
        )
    };
}
pub(in crate::store) use rank;

/// Reads what [`rank!`] has written.
pub(in crate::store) fn rank_of(number: i64) -> Rank {
    match number {
        2 => Rank::Owner,
        1 => Rank::Moderator,
        _lower => Rank::Member,
    }
}

impl Store {
    /// Everyone who may read a room now, whatever its kind.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn roster(&self, room: RoomId) -> Result<Vec<RosterRow>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            (i64, i64, Option<i64>, i64, bool),
            concat!(
                "SELECT m.user_id, ",
                rank!("m.user_id", "m.role", "''"),
                ", m.muted_until, coalesce(seen.join_seq, 0),
                     coalesce(seen.is_opened, FALSE)
               FROM room JOIN membership m ON m.club_id = room.club_id
                    LEFT JOIN room_member seen
                           ON seen.room_id = room.room_id AND seen.user_id = m.user_id
              WHERE room.room_id = $1 AND room.deleted_at IS NULL AND m.status = 'active'
                AND (room.kind = 'member' OR m.role <> 'member')
             UNION ALL
             SELECT seen.user_id, ",
                rank!("seen.user_id", "''", "account.role"),
                ", seen.muted_until, seen.join_seq, seen.is_opened
               FROM room JOIN room_member seen ON seen.room_id = room.room_id
                    JOIN account ON account.user_id = seen.user_id
              WHERE room.room_id = $1 AND room.deleted_at IS NULL AND room.club_id IS NULL
                AND seen.is_inside"
            ),
            room.0
        )?;
        let row = |(user, rank, muted_until, join_seq, has_opened)| {
            let muted_until: Option<i64> = muted_until;
            let standing = Standing { rank: rank_of(rank), muted_until: muted_until.map(Millis) };
            RosterRow { user: UserId(user), standing, join_seq, has_opened }
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Whether a user may read a room: false also when there is no such room.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn may_read(&self, room: RoomId, user: UserId) -> Result<bool, StoreError> {
        Ok(self.reach(room, user).await?.is_some())
    }

    /// How much a user sees of a room; nothing of one that they may not read, or that is none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reach(&self, room: RoomId, user: UserId) -> Result<Option<Reach>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (i64,),
            concat!(
                "SELECT ",
                visible_after!("$2"),
                " FROM room WHERE room.room_id = $1 AND room.deleted_at IS NULL AND ",
                may_read!("$2")
            ),
            room.0,
            user.0
        )?;
        Ok(row.map(|(after,)| Reach { room, after }))
    }

    /// What a user is in a living room; none for who may not read it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn rank(&self, room: RoomId, user: UserId) -> Result<Option<Rank>, StoreError> {
        rank_in(&mut self.db.read().await?, room, user).await
    }

    /// What a user is in a living room, and whether they are muted; none for who may not read it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn standing(
        &self,
        room: RoomId,
        user: UserId,
    ) -> Result<Option<Standing>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (i64, Option<i64>),
            concat!(
                "SELECT ",
                rank!("account.user_id", "m.role", "account.role"),
                ", ",
                muted_until!("account.user_id"),
                " FROM room CROSS JOIN account
                   LEFT JOIN membership m ON m.club_id = room.club_id AND m.user_id = account.user_id
              WHERE room.room_id = $1 AND account.user_id = $2 AND room.deleted_at IS NULL AND ",
                may_read!("account.user_id")
            ),
            room.0,
            user.0
        )?;
        let standing = |(rank, muted): (i64, Option<i64>)| Standing {
            rank: rank_of(rank),
            muted_until: muted.map(Millis),
        };
        Ok(row.map(standing))
    }
}

/// The same on a connection that may be in a transaction.
pub(in crate::store) async fn rank_in(
    conn: &mut Conn,
    room: RoomId,
    user: UserId,
) -> Result<Option<Rank>, StoreError> {
    let row = fetch_optional!(
        conn,
        (i64,),
        concat!(
            "SELECT ",
            rank!("account.user_id", "m.role", "account.role"),
            " FROM room CROSS JOIN account
                   LEFT JOIN membership m ON m.club_id = room.club_id AND m.user_id = account.user_id
              WHERE room.room_id = $1 AND account.user_id = $2 AND room.deleted_at IS NULL AND ",
            may_read!("account.user_id")
        ),
        room.0,
        user.0
    )?;
    Ok(row.map(|(rank,)| rank_of(rank)))
}

/// What a user is in a club, if they are inside. Who may act on it at this moment is asked with the
/// club locked: who changes roles and memberships waits for that lock.
pub(in crate::store) async fn rank_of_club(
    conn: &mut Conn,
    club: ClubId,
    user: UserId,
) -> Result<Option<Rank>, StoreError> {
    let row = fetch_optional!(
        conn,
        (String,),
        "SELECT role FROM membership WHERE club_id = $1 AND user_id = $2 AND status = 'active'",
        club.0,
        user.0
    )?;
    row.map(|(role,)| Ok(role.parse::<ClubRole>()?.into())).transpose()
}
