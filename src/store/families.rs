//! Sign-ins: each is a device with its family of refresh tokens.

use std::time::Duration;

use super::db::{Conn, Sql, execute, fetch_all, fetch_one, fetch_optional};
use super::{Store, StoreError};
use crate::domain::{DeviceId, Millis, UserId};

/// What is over is kept so long before it is swept: a stolen token may turn up late.
const KEPT_AFTER_END: Duration = Duration::from_secs(30 * 24 * 3_600);

/// One sign-in of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Whose.
    pub user: UserId,
    /// What the client called itself.
    pub name: String,
    /// From where, shortened.
    pub ip: String,
    /// When it signed in.
    pub created_at: Millis,
    /// When its tokens were last renewed.
    pub seen_at: Millis,
    /// When it ends unless it is renewed.
    pub expires_at: Millis,
}

/// A family to open.
#[derive(Debug, Clone, Copy)]
pub struct NewFamily<'a> {
    /// Hash of the first refresh token.
    pub token_hash: &'a [u8],
    /// What the client called itself.
    pub name: &'a str,
    /// From where, shortened.
    pub ip: &'a str,
    /// When.
    pub at: Millis,
    /// When the token runs out.
    pub expires_at: Millis,
}

/// What came of showing a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// It was right, and is used up now; the new one stands in its place.
    Rotated {
        /// Whose.
        user: UserId,
        /// Which sign-in.
        device: DeviceId,
    },
    /// It had been used before: somebody else has it. The whole family is revoked.
    Reused {
        /// Whose.
        user: UserId,
        /// Which sign-in.
        device: DeviceId,
    },
    /// Never seen, run out, or of a family that was revoked.
    Unknown,
}

#[derive(Debug, sqlx::FromRow)]
struct DeviceRow {
    device_id: i64,
    user_id: i64,
    name: String,
    ip: String,
    created_at: i64,
    seen_at: i64,
    expires_at: i64,
}

impl From<DeviceRow> for Device {
    fn from(row: DeviceRow) -> Self {
        Self {
            id: DeviceId(row.device_id),
            user: UserId(row.user_id),
            name: row.name,
            ip: row.ip,
            created_at: Millis(row.created_at),
            seen_at: Millis(row.seen_at),
            expires_at: Millis(row.expires_at),
        }
    }
}

#[derive(Debug, sqlx::FromRow)]
struct TokenRow {
    device_id: i64,
    user_id: i64,
    used_at: Option<i64>,
    expires_at: i64,
    revoked_at: Option<i64>,
}

impl Store {
    /// Opens a family at sign-in.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn open_family(
        &self,
        user: UserId,
        new: NewFamily<'_>,
    ) -> Result<DeviceId, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = open(&mut tx, user, new).await;
        tx.end(done).await
    }

    /// Exchanges a refresh token for a new one. Of several uses of the same token, at once or
    /// later, one succeeds and every other revokes the family.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn rotate(
        &self,
        token_hash: &[u8],
        new_hash: &[u8],
        at: Millis,
        expires_at: Millis,
    ) -> Result<Rotation, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = exchange(&mut tx, token_hash, new_hash, (at, expires_at)).await;
        tx.end(done).await
    }

    /// Ends one sign-in; tells whose it was if it was still running.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn revoke_family(
        &self,
        device: DeviceId,
        at: Millis,
    ) -> Result<Option<UserId>, StoreError> {
        let mut conn = self.db.write().await?;
        let row = fetch_optional!(
            conn,
            (i64,),
            "UPDATE device SET revoked_at = $2 WHERE device_id = $1 AND revoked_at IS NULL
             RETURNING user_id",
            device.0,
            at.0
        )?;
        Ok(row.map(|(user,)| UserId(user)))
    }

    /// Ends all sign-ins of a user, except one if so asked; tells which ended.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn revoke_families(
        &self,
        user: UserId,
        except: Option<DeviceId>,
        at: Millis,
    ) -> Result<Vec<DeviceId>, StoreError> {
        let mut conn = self.db.write().await?;
        let rows = fetch_all!(
            conn,
            (i64,),
            "UPDATE device SET revoked_at = $3
              WHERE user_id = $1 AND device_id <> $2 AND revoked_at IS NULL RETURNING device_id",
            user.0,
            except.map_or(0, |device| device.0),
            at.0
        )?;
        Ok(rows.into_iter().map(|(device,)| DeviceId(device)).collect())
    }

    /// Sign-ins that were ended at or after a moment, by whatever node.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn families_revoked_since(
        &self,
        at: Millis,
    ) -> Result<Vec<(UserId, DeviceId)>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            (i64, i64),
            "SELECT user_id, device_id FROM device WHERE revoked_at >= $1 ORDER BY revoked_at",
            at.0
        )?;
        Ok(rows.into_iter().map(|(user, device)| (UserId(user), DeviceId(device))).collect())
    }

    /// The running sign-ins of a user, newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn devices(&self, user: UserId, now: Millis) -> Result<Vec<Device>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            DeviceRow,
            "SELECT device_id, user_id, name, ip, created_at, seen_at, expires_at FROM device
              WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2
              ORDER BY device_id DESC",
            user.0,
            now.0
        )?;
        Ok(rows.into_iter().map(Device::from).collect())
    }

    /// Whether a sign-in is still running.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn family_is_live(&self, device: DeviceId, now: Millis) -> Result<bool, StoreError> {
        let mut conn = self.db.read().await?;
        let (is_live,): (bool,) = fetch_one!(
            conn,
            (bool,),
            "SELECT EXISTS (SELECT 1 FROM device
              WHERE device_id = $1 AND revoked_at IS NULL AND expires_at > $2)",
            device.0,
            now.0
        )?;
        Ok(is_live)
    }

    /// Removes tickets that ran out, and families and used tokens that ended long ago; tells how
    /// many rows.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sweep_tokens(&self, now: Millis) -> Result<u64, StoreError> {
        let mut conn = self.db.write().await?;
        let kept_ms = i64::try_from(KEPT_AFTER_END.as_millis()).unwrap_or(i64::MAX);
        let end = now.0.saturating_sub(kept_ms);
        let mut swept = execute!(conn, "DELETE FROM ticket WHERE expires_at <= $1", now.0)?;
        swept += execute!(conn, "DELETE FROM refresh_token WHERE used_at < $1", end)?;
        // Before their families: who exchanges one takes it first, and then the family. They are part of
        // it, and not counted besides.
        execute!(
            conn,
            "DELETE FROM refresh_token WHERE device_id IN
                (SELECT device_id FROM device WHERE expires_at < $1 OR revoked_at < $1)",
            end
        )?;
        swept +=
            execute!(conn, "DELETE FROM device WHERE expires_at < $1 OR revoked_at < $1", end)?;
        Ok(swept)
    }
}

async fn open(conn: &mut Conn, user: UserId, new: NewFamily<'_>) -> Result<DeviceId, StoreError> {
    let (device,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "INSERT INTO device (user_id, name, ip, created_at, seen_at, expires_at)
         VALUES ($1, $2, $3, $4, $4, $5) RETURNING device_id",
        user.0,
        new.name,
        new.ip,
        new.at.0,
        new.expires_at.0
    )?;
    add_token(conn, device, new.token_hash, new.at).await?;
    Ok(DeviceId(device))
}

async fn add_token(
    conn: &mut Conn,
    device: i64,
    hash: &[u8],
    at: Millis,
) -> Result<(), StoreError> {
    execute!(
        conn,
        "INSERT INTO refresh_token (token_hash, device_id, at) VALUES ($1, $2, $3)",
        hash,
        device,
        at.0
    )?;
    Ok(())
}

async fn exchange(
    conn: &mut Conn,
    token_hash: &[u8],
    new_hash: &[u8],
    (at, expires_at): (Millis, Millis),
) -> Result<Rotation, StoreError> {
    /// The lock makes a second use at the same moment see the first one's `used_at`.
    const FIND: Sql = Sql {
        sqlite: "SELECT d.device_id, d.user_id, t.used_at, d.expires_at, d.revoked_at
                   FROM refresh_token t JOIN device d ON d.device_id = t.device_id
                  WHERE t.token_hash = $1",
        postgres: "SELECT d.device_id, d.user_id, t.used_at, d.expires_at, d.revoked_at
                     FROM refresh_token t JOIN device d ON d.device_id = t.device_id
                    WHERE t.token_hash = $1 FOR NO KEY UPDATE",
    };
    let Some(token) = fetch_optional!(conn, TokenRow, FIND, token_hash)? else {
        return Ok(Rotation::Unknown);
    };
    if token.revoked_at.is_some() || token.expires_at <= at.0 {
        return Ok(Rotation::Unknown);
    }
    let (user, device) = (UserId(token.user_id), DeviceId(token.device_id));
    if token.used_at.is_some() {
        execute!(conn, "UPDATE device SET revoked_at = $2 WHERE device_id = $1", device.0, at.0)?;
        return Ok(Rotation::Reused { user, device });
    }
    execute!(
        conn,
        "UPDATE refresh_token SET used_at = $2 WHERE token_hash = $1",
        token_hash,
        at.0
    )?;
    add_token(conn, device.0, new_hash, at).await?;
    execute!(
        conn,
        "UPDATE device SET seen_at = $2, expires_at = $3 WHERE device_id = $1",
        device.0,
        at.0,
        expires_at.0
    )?;
    Ok(Rotation::Rotated { user, device })
}
