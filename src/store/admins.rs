//! Admins of the instance, and what that makes them in lobbies.

use super::accounts::{User, UserRow, user_columns};
use super::db::{Conn, Sql, execute, fetch_all, fetch_optional};
use super::moderation::lock_lobbies;
use super::{Store, StoreError};
use crate::domain::{InstanceRole, RoomId, UserId};

impl Store {
    /// Sets the role on the instance of the account with this lower-case username, if there is one.
    /// That is another rank in lobbies, which are touched.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_instance_role(
        &self,
        key: &str,
        role: InstanceRole,
    ) -> Result<Option<User>, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = set(&mut tx, key, role).await;
        tx.end(done).await
    }

    /// Every lobby, with the number that moves when something about it changes.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn lobbies(&self) -> Result<Vec<(RoomId, i64)>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            (i64, i64),
            "SELECT room_id, rev FROM room WHERE kind = 'lobby' AND deleted_at IS NULL
              ORDER BY room_id"
        )?;
        Ok(rows.into_iter().map(|(room, rev)| (RoomId(room), rev)).collect())
    }

    /// The admins of the instance. Reads all accounts.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn admins(&self) -> Result<Vec<UserId>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            (i64,),
            "SELECT user_id FROM account WHERE role = 'admin' AND deleted_at IS NULL"
        )?;
        Ok(rows.into_iter().map(|(user,)| UserId(user)).collect())
    }
}

/// Whether somebody is an admin of the instance.
pub(super) async fn is_admin(conn: &mut Conn, user: UserId) -> Result<bool, StoreError> {
    let row = fetch_optional!(
        conn,
        (i64,),
        "SELECT user_id FROM account
          WHERE user_id = $1 AND role = 'admin' AND deleted_at IS NULL",
        user.0
    )?;
    Ok(row.is_some())
}

async fn set(conn: &mut Conn, key: &str, role: InstanceRole) -> Result<Option<User>, StoreError> {
    const ACCOUNT: Sql = Sql {
        sqlite: "SELECT user_id FROM account WHERE username_key = $1",
        postgres: "SELECT user_id FROM account WHERE username_key = $1 FOR NO KEY UPDATE",
    };
    fetch_optional!(conn, (i64,), ACCOUNT, key)?;
    lock_lobbies(conn).await?;
    execute!(conn, "UPDATE room SET rev = rev + 1 WHERE kind = 'lobby' AND deleted_at IS NULL")?;
    let row = fetch_optional!(
        conn,
        UserRow,
        concat!(
            "UPDATE account SET role = $2 WHERE username_key = $1 AND deleted_at IS NULL
                AND kind <> 'bot'
             RETURNING ",
            user_columns!()
        ),
        key,
        role.word()
    )?;
    row.map(User::try_from).transpose()
}
