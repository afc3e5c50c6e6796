//! Tickets: one sign-in each, for a URL.

use super::db::{execute, fetch_optional};
use super::{Store, StoreError};
use crate::domain::{DeviceId, Millis, UserId};

impl Store {
    /// Keeps the hash of a fresh ticket.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn put_ticket(
        &self,
        hash: &[u8],
        user: UserId,
        device: DeviceId,
        expires_at: Millis,
    ) -> Result<(), StoreError> {
        let mut conn = self.db.write().await?;
        execute!(
            conn,
            "INSERT INTO ticket (ticket_hash, user_id, device_id, expires_at)
             VALUES ($1, $2, $3, $4)",
            hash,
            user.0,
            device.0,
            expires_at.0
        )?;
        Ok(())
    }

    /// Uses a ticket up and tells whose it was, and whether a bot's. Nothing for one that is unknown, used, too old, or
    /// of a sign-in that has ended.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn take_ticket(
        &self,
        hash: &[u8],
        now: Millis,
    ) -> Result<Option<(UserId, DeviceId, bool)>, StoreError> {
        let mut conn = self.db.write().await?;
        let row = fetch_optional!(
            conn,
            (i64, i64, bool),
            "DELETE FROM ticket WHERE ticket_hash = $1 AND expires_at > $2
                AND EXISTS (SELECT 1 FROM device
                             WHERE device.device_id = ticket.device_id
                               AND device.revoked_at IS NULL AND device.expires_at > $2)
             RETURNING user_id, device_id,
                (SELECT account.kind = 'bot' FROM account WHERE account.user_id = ticket.user_id)",
            hash,
            now.0
        )?;
        Ok(row.map(|(user, device, is_bots)| (UserId(user), DeviceId(device), is_bots)))
    }
}
