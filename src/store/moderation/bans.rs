//! Who stays out.

use std::sync::Arc;

use crate::domain::{ClubId, MembershipStatus, Millis, RoomId, UserId};
use crate::store::accounts::{UserRow, user_columns};
use crate::store::db::{Conn, Sql, execute, fetch_all, fetch_optional};
use crate::store::page::Page;
use crate::store::{Store, StoreError};

use super::types::{Ban, OwnBan, RoomStanding, Within};

#[derive(Debug, sqlx::FromRow)]
struct BanRow {
    banned_at: i64,
    ban_until: Option<i64>,
    ban_reason: String,
    #[sqlx(flatten)]
    user: UserRow,
}

impl TryFrom<BanRow> for Ban {
    type Error = StoreError;

    fn try_from(row: BanRow) -> Result<Self, StoreError> {
        let (until, reason) = (row.ban_until.map(Millis), row.ban_reason);
        Ok(Self { user: row.user.try_into()?, at: Millis(row.banned_at), until, reason })
    }
}

impl Store {
    /// Who stays out of a club, newest first. The key of a page is (when, user id).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn bans(
        &self,
        club: ClubId,
        now: Millis,
        page: Page<(i64, i64)>,
    ) -> Result<Vec<Ban>, StoreError> {
        let (at, user) = page.below();
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            BanRow,
            concat!(
                "SELECT m.left_at AS banned_at, m.ban_until, m.ban_reason, ",
                user_columns!(),
                " FROM membership m JOIN account ON account.user_id = m.user_id
                  WHERE m.club_id = $1 AND m.status = 'banned'
                    AND (m.ban_until IS NULL OR m.ban_until > $2)
                    AND (m.left_at, m.user_id) < ($3, $4)
                  ORDER BY m.left_at DESC, m.user_id DESC LIMIT $5"
            ),
            club.0,
            now.0,
            at,
            user,
            page.limit
        )?;
        rows.into_iter().map(Ban::try_from).collect()
    }

    /// Who stays out of a room of no club, newest first. The key of a page is (when, user id).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn room_bans(
        &self,
        room: RoomId,
        now: Millis,
        page: Page<(i64, i64)>,
    ) -> Result<Vec<Ban>, StoreError> {
        let (at, user) = page.below();
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            BanRow,
            concat!(
                "SELECT i.banned_at, i.ban_until, i.ban_reason, ",
                user_columns!(),
                " FROM room_member i JOIN account ON account.user_id = i.user_id
                  WHERE i.room_id = $1 AND i.banned_at IS NOT NULL
                    AND (i.ban_until IS NULL OR i.ban_until > $2)
                    AND (i.banned_at, i.user_id) < ($3, $4)
                  ORDER BY i.banned_at DESC, i.user_id DESC LIMIT $5"
            ),
            room.0,
            now.0,
            at,
            user,
            page.limit
        )?;
        rows.into_iter().map(Ban::try_from).collect()
    }

    /// What somebody is to a room of no club; none for who never was in it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn room_standing(
        &self,
        room: RoomId,
        user: UserId,
        now: Millis,
    ) -> Result<Option<RoomStanding>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (bool, Option<i64>, Option<i64>, Option<i64>),
            "SELECT is_inside, muted_until, banned_at, ban_until FROM room_member
              WHERE room_id = $1 AND user_id = $2",
            room.0,
            user.0
        )?;
        Ok(row.map(|(is_inside, muted_until, banned_at, ban_until)| {
            let is_banned = banned_at.is_some() && ban_until.is_none_or(|until| until > now.0);
            let status = match (is_inside, is_banned) {
                (true, _) => MembershipStatus::Active,
                (false, true) => MembershipStatus::Banned,
                (false, false) => MembershipStatus::Left,
            };
            let ban_until = ban_until.filter(|_until| is_banned).map(Millis);
            RoomStanding { status, ban_until, muted_until: muted_until.map(Millis) }
        }))
    }

    /// Whether a user is banned from a room, or from its club, until when, and why.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ban_from(
        &self,
        room: RoomId,
        user: UserId,
        now: Millis,
    ) -> Result<Option<OwnBan>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (Option<i64>, String),
            "SELECT m.ban_until, m.ban_reason FROM room JOIN membership m ON m.club_id = room.club_id
              WHERE room.room_id = $1 AND room.deleted_at IS NULL AND m.user_id = $2
                AND m.status = 'banned' AND (m.ban_until IS NULL OR m.ban_until > $3)
             UNION ALL
             SELECT i.ban_until, i.ban_reason FROM room JOIN room_member i ON i.room_id = room.room_id
              WHERE room.room_id = $1 AND room.deleted_at IS NULL AND i.user_id = $2
                AND room.club_id IS NULL AND i.banned_at IS NOT NULL
                AND (i.ban_until IS NULL OR i.ban_until > $3)",
            room.0,
            user.0,
            now.0
        )?;
        let ban = |(until, reason): (Option<i64>, String)| OwnBan {
            until: until.map(Millis),
            reason: reason.into(),
        };
        Ok(row.map(ban))
    }

    /// Writes down that bans have ended which have; they hold no longer anyway. Tells how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_bans(&self, now: Millis) -> Result<u64, StoreError> {
        /// Whoever is acted on at this moment has their turn the next time.
        const END: Sql = Sql {
            sqlite: "UPDATE membership SET status = 'left', ban_until = NULL, ban_reason = ''
                      WHERE status = 'banned' AND ban_until IS NOT NULL AND ban_until <= $1",
            postgres: "UPDATE membership SET status = 'left', ban_until = NULL, ban_reason = ''
                        WHERE (club_id, user_id) IN
                              (SELECT club_id, user_id FROM membership
                                WHERE status = 'banned' AND ban_until IS NOT NULL
                                  AND ban_until <= $1 FOR NO KEY UPDATE SKIP LOCKED)",
        };
        let mut conn = self.db.write().await?;
        execute!(conn, END, now.0)
    }
}

/// What whoever banned somebody has said; empty for nothing.
pub(in crate::store) async fn ban_reason(
    conn: &mut Conn,
    within: Within,
    user: UserId,
) -> Result<Arc<str>, StoreError> {
    let said = match within {
        Within::Club(club) => fetch_optional!(
            conn,
            (String,),
            "SELECT ban_reason FROM membership WHERE club_id = $1 AND user_id = $2",
            club.0,
            user.0
        )?,
        Within::Room(room) => fetch_optional!(
            conn,
            (String,),
            "SELECT ban_reason FROM room_member WHERE room_id = $1 AND user_id = $2",
            room.0,
            user.0
        )?,
    };
    Ok(said.map(|(reason,)| reason).unwrap_or_default().into())
}
