//! Rooms as they are listed, with what is new in them.

use crate::domain::{ClubId, RoomId, UserId};
use crate::store::db::{fetch_all, fetch_optional};
use crate::store::given::{Bulk, Given, bulk};
use crate::store::{Store, StoreError};

use super::rights::may_read;
use super::types::{InfoRow, RoomInfo, RoomView, ViewRow};

/// Messages that a user has read, by the user's row of `room`, `seen`, if there is one. What the room
/// has forgotten counts as read.
macro_rules! read_n {
    () => {
        "(CASE WHEN coalesce(seen.read_n, 0) > room.horizon_n THEN seen.read_n
               ELSE room.horizon_n END)"
    };
}
pub(in crate::store) use read_n;

/// Messages of `room` above the mark in `seen` that name a user.
macro_rules! mentions {
    ($user:literal) => {
        concat!(
            "(SELECT count(*) FROM mention WHERE mention.user_id = ",
            $user,
            "
                 AND mention.room_id = room.room_id
                 AND mention.n > ",
            $crate::store::rooms::read_n!(),
            ")"
        )
    };
}
pub(in crate::store) use mentions;

/// The rooms of clubs that a user may read: what follows FROM, with its WHERE.
macro_rules! of_clubs {
    ($user:literal) => {
        concat!(
            "membership m CROSS JOIN room
              LEFT JOIN room_member seen
                     ON seen.room_id = room.room_id AND seen.user_id = ",
            $user,
            " WHERE m.user_id = ",
            $user,
            " AND m.status = 'active'
                AND room.club_id = m.club_id AND room.deleted_at IS NULL
                AND (room.kind = 'member' OR m.role <> 'member')"
        )
    };
}
pub(in crate::store) use of_clubs;

/// The rooms outside of clubs that a user is inside: what follows FROM, with its WHERE.
macro_rules! inside {
    ($user:literal) => {
        concat!(
            "room_member seen CROSS JOIN room
              WHERE seen.user_id = ",
            $user,
            " AND seen.is_inside
                AND room.room_id = seen.room_id AND room.club_id IS NULL
                AND +room.deleted_at IS NULL"
        )
    };
}
pub(in crate::store) use inside;

/// The columns of a [`ViewRow`] for a user, from `room` and the user's row of it, `seen`.
macro_rules! view_columns {
    ($user:literal) => {
        concat!(
            $user,
            " AS user_id, room.room_id,
             CASE WHEN room.kind = 'private' THEN
                 (SELECT other.display_name FROM account other
                   WHERE other.user_id = room.pair_low + room.pair_high - ",
            $user,
            ") ELSE room.name END AS name,
             room.kind, room.club_id, room.pair_low + room.pair_high - ",
            $user,
            " AS peer_id, room.epoch, room.head, room.n,
             coalesce(seen.notify, room.notify) AS notify,
             coalesce(seen.hidden_n >= room.n, FALSE) AS is_hidden, ",
            read_n!(),
            " AS read_n, ",
            mentions!($user),
            " AS mentions "
        )
    };
}

/// The columns of an [`InfoRow`].
macro_rules! info_columns {
    () => {
        "room_id, name, topic, kind, club_id, host_id, is_listed, is_general, slow_mode_s, notify, history,
         write, permissions, assistant, has_own_waking, assistant_bots, has_own_bots, persona, ai_language, ai_model, is_shut, rev,
         (SELECT count(*) FROM club_filter f WHERE coalesce(f.club_id, 0)
               = CASE room.kind WHEN 'lobby' THEN 0 ELSE coalesce(room.club_id, -1) END) AS filters,
         (SELECT coalesce(max(f.filter_id), 0) FROM club_filter f WHERE coalesce(f.club_id, 0)
               = CASE room.kind WHEN 'lobby' THEN 0 ELSE coalesce(room.club_id, -1) END)
             AS newest_filter,
         retention_days, horizon, horizon_n, epoch, head, n, created_by, created_at"
    };
}
pub(super) use info_columns;

/// The same of one user at a time: PostgreSQL, as long as it has counted nothing, takes everybody to be in
/// each two-hundredth of all rooms, and would begin with the rooms outside of clubs. With an offset each
/// is looked up by itself (`store/plans.rs`).
macro_rules! inside_each {
    ($user:literal) => {
        concat!(
            "LATERAL (SELECT * FROM room_member own WHERE own.user_id = ",
            $user,
            " AND own.is_inside OFFSET 0) seen
             CROSS JOIN LATERAL (SELECT * FROM room own WHERE own.room_id = seen.room_id OFFSET 0) room
              WHERE room.club_id IS NULL AND room.deleted_at IS NULL"
        )
    };
}

/// Every room of many users. Both halves begin with the users and go on by index.
macro_rules! rooms_of {
    ($inside:ident) => {
        bulk!(
            "WITH asker AS (SELECT user_id FROM ",
            (user_id bigint),
            concat!(
                ") SELECT ", view_columns!("asker.user_id"),
                "FROM asker CROSS JOIN ", of_clubs!("asker.user_id"),
                " UNION ALL SELECT ", view_columns!("asker.user_id"),
                "FROM asker CROSS JOIN ", $inside!("asker.user_id"),
                " ORDER BY 1, 2"
            )
        )
    };
}

const ROOMS_OF: Bulk = rooms_of!(inside);
const ROOMS_OF_EACH: Bulk = rooms_of!(inside_each);

impl Store {
    /// The rooms that each of these users may read, in the order of the users' and rooms' ids: one
    /// statement, so that sign-ins can share it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn rooms_of(&self, users: &[UserId]) -> Result<Vec<(UserId, RoomView)>, StoreError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let mut conn = self.db.read().await?;
        let mut users: Vec<i64> = users.iter().map(|user| user.0).collect();
        // Each list of given rows is sorted by itself.
        users.sort_unstable();
        let given = Given::new().ints(users);
        let rooms_of = if conn.is_sqlite() { &ROOMS_OF } else { &ROOMS_OF_EACH };
        let rows: Vec<ViewRow> = conn.given_all(rooms_of, given).await?;
        rows.into_iter().map(|row| Ok((UserId(row.user_id), row.try_into()?))).collect()
    }

    /// The rooms of a club that a user may read, oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn club_rooms(
        &self,
        club: ClubId,
        viewer: UserId,
    ) -> Result<Vec<RoomView>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            ViewRow,
            concat!(
                "SELECT ",
                view_columns!("$2"),
                "FROM room LEFT JOIN room_member seen
                        ON seen.room_id = room.room_id AND seen.user_id = $2
                  WHERE room.club_id = $1 AND room.deleted_at IS NULL AND ",
                may_read!("$2"),
                " ORDER BY room.room_id"
            ),
            club.0,
            viewer.0
        )?;
        rows.into_iter().map(RoomView::try_from).collect()
    }

    /// A room as a user who may read it sees it in their list.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn room_view(
        &self,
        room: RoomId,
        viewer: UserId,
    ) -> Result<Option<RoomView>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            ViewRow,
            concat!(
                "SELECT ",
                view_columns!("$2"),
                "FROM room LEFT JOIN room_member seen
                        ON seen.room_id = room.room_id AND seen.user_id = $2
                  WHERE room.room_id = $1 AND room.deleted_at IS NULL AND ",
                may_read!("$2")
            ),
            room.0,
            viewer.0
        )?;
        row.map(RoomView::try_from).transpose()
    }

    /// A living room, whoever may read it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn room(&self, room: RoomId) -> Result<Option<RoomInfo>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            InfoRow,
            concat!(
                "SELECT ",
                info_columns!(),
                " FROM room WHERE room_id = $1 AND deleted_at IS NULL"
            ),
            room.0
        )?;
        row.map(RoomInfo::try_from).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&ROOMS_OF]).await;
    }
}
