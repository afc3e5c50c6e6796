//! Who may not write for now.

use crate::domain::{ClubId, Millis, RoomId, UserId};
use crate::store::accounts::{UserRow, user_columns};
use crate::store::db::{fetch_all, fetch_optional};
use crate::store::page::Page;
use crate::store::rooms::muted_until;
use crate::store::{Store, StoreError};

use super::types::{Mute, OwnMute};

#[derive(Debug, sqlx::FromRow)]
struct MuteRow {
    came_at: i64,
    until: i64,
    #[sqlx(flatten)]
    user: UserRow,
}

impl TryFrom<MuteRow> for Mute {
    type Error = StoreError;

    fn try_from(row: MuteRow) -> Result<Self, StoreError> {
        let (joined_at, until) = (Millis(row.came_at), Millis(row.until));
        Ok(Self { user: row.user.try_into()?, joined_at, until })
    }
}

impl Store {
    /// Which members of a club may not write, the newest member first. The key of a page is (joined
    /// when, user id).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn mutes(
        &self,
        club: ClubId,
        now: Millis,
        page: Page<(i64, i64)>,
    ) -> Result<Vec<Mute>, StoreError> {
        let (at, user) = page.below();
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            MuteRow,
            concat!(
                "SELECT m.joined_at AS came_at, m.muted_until AS until, ",
                user_columns!(),
                " FROM membership m JOIN account ON account.user_id = m.user_id
                  WHERE m.club_id = $1 AND m.status = 'active' AND m.muted_until > $2
                    AND (m.joined_at, m.user_id) < ($3, $4)
                  ORDER BY m.joined_at DESC, m.user_id DESC LIMIT $5"
            ),
            club.0,
            now.0,
            at,
            user,
            page.limit
        )?;
        rows.into_iter().map(Mute::try_from).collect()
    }

    /// Who in a room of no club may not write there, the newest member first. The key of a page is
    /// (joined when, user id).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn room_mutes(
        &self,
        room: RoomId,
        now: Millis,
        page: Page<(i64, i64)>,
    ) -> Result<Vec<Mute>, StoreError> {
        let (at, user) = page.below();
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            MuteRow,
            concat!(
                "SELECT i.joined_at AS came_at, i.muted_until AS until, ",
                user_columns!(),
                " FROM room_member i JOIN account ON account.user_id = i.user_id
                  WHERE i.room_id = $1 AND i.is_inside AND i.muted_until > $2
                    AND (i.joined_at, i.user_id) < ($3, $4)
                  ORDER BY i.joined_at DESC, i.user_id DESC LIMIT $5"
            ),
            room.0,
            now.0,
            at,
            user,
            page.limit
        )?;
        rows.into_iter().map(Mute::try_from).collect()
    }

    /// Whether somebody may not write in a room for now, until when, and what the moderator said.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn own_mute(
        &self,
        room: RoomId,
        user: UserId,
        now: Millis,
    ) -> Result<Option<OwnMute>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (Option<i64>,),
            concat!("SELECT ", muted_until!("$2"), " FROM room WHERE room.room_id = $1"),
            room.0,
            user.0
        )?;
        let until = row.and_then(|(until,)| until).filter(|until| *until > now.0);
        let Some(until) = until else { return Ok(None) };
        // Only the log of what moderators did has their words; an admin's are in that of the instance.
        let said = fetch_optional!(
            conn,
            (String,),
            "SELECT audit.reason FROM room JOIN audit ON audit.club_id = room.club_id
              WHERE room.room_id = $1 AND audit.user_id = $2 AND audit.until = $3
                AND audit.action = 'member.mute'
             UNION ALL
             SELECT reason FROM audit
              WHERE room_id = $1 AND club_id IS NULL AND user_id = $2 AND until = $3
                AND action = 'member.mute'
             UNION ALL
             SELECT reason FROM instance_audit
              WHERE room_id = $1 AND user_id = $2 AND until = $3 AND action = 'member.mute'
              LIMIT 1",
            room.0,
            user.0,
            until
        )?;
        let reason = said.map(|(reason,)| reason).unwrap_or_default();
        Ok(Some(OwnMute { until: Millis(until), reason }))
    }
}
