//! Accounts.

use super::db::{Conn, Sql, execute, fetch_all, fetch_one, fetch_optional};
use super::given::{Bulk, Given, bulk};
use super::page::Page;
use super::{Store, StoreError};
use crate::domain::{DisplayName, InstanceRole, InvalidWord, Millis, UserId, Username};

/// An account, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The name to sign in with, as it was given.
    pub username: String,
    /// The name that others see.
    pub display_name: String,
    /// Role on the instance.
    pub role: InstanceRole,
    /// `human`, `bot`, `guest` or `assistant`.
    pub kind: String,
    /// `ko` or `en`.
    pub locale: String,
    /// What they say of themselves; empty for nothing.
    pub status_text: String,
    /// When it was made.
    pub created_at: Millis,
    /// Whether it was erased, or is being.
    pub is_deleted: bool,
}

/// An account to make.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// The name to sign in with.
    pub username: &'a Username,
    /// The name that others see.
    pub display_name: &'a DisplayName,
    /// The hash of the password, with its salt and parameters.
    pub password_hash: &'a str,
    /// `ko` or `en`.
    pub locale: &'a str,
    /// When.
    pub at: Millis,
}

/// What the first account of an empty instance becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstUser {
    /// An admin.
    Admin,
    /// A user like all others.
    User,
}

/// The columns of a [`UserRow`], of a table that is called `account` in the statement.
macro_rules! user_columns {
    () => {
        "account.user_id, account.username, account.display_name, account.role, account.kind, \
         account.locale, account.status_text, account.created_at, \
         account.deleted_at IS NOT NULL AS is_deleted"
    };
}
pub(super) use user_columns;

/// An account as it is read.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct UserRow {
    user_id: i64,
    username: String,
    display_name: String,
    role: String,
    kind: String,
    locale: String,
    status_text: String,
    created_at: i64,
    is_deleted: bool,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId(row.user_id),
            username: row.username,
            display_name: row.display_name,
            role: row.role.parse()?,
            kind: row.kind,
            locale: row.locale,
            status_text: row.status_text,
            created_at: Millis(row.created_at),
            is_deleted: row.is_deleted,
        })
    }
}

impl From<InvalidWord> for StoreError {
    fn from(why: InvalidWord) -> Self {
        Self::Corrupt(why.to_string())
    }
}

/// A sign-in looks the hash up together with the account.
#[derive(Debug, sqlx::FromRow)]
struct CredentialsRow {
    password_hash: String,
    #[sqlx(flatten)]
    user: UserRow,
}

/// The accounts of some ids.
const BY_IDS: Bulk = bulk!(
    concat!("SELECT ", user_columns!(), " FROM "),
    (user_id bigint),
    " CROSS JOIN account WHERE account.user_id = given.user_id"
);

impl Store {
    /// Registers a user: the account, its inbox, and a place in the lobby that all come into.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken, in whatever case it is written.
    pub async fn create_user(
        &self,
        new: &NewUser<'_>,
        first: FirstUser,
    ) -> Result<User, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = register(&mut tx, new, first).await;
        tx.end(done).await
    }

    /// An account and its password hash, by the lower-case username.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn credentials(&self, key: &str) -> Result<Option<(User, String)>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            CredentialsRow,
            concat!(
                "SELECT account.password_hash, ",
                user_columns!(),
                " FROM account WHERE username_key = $1 AND deleted_at IS NULL"
            ),
            key
        )?;
        row.map(|row| Ok((row.user.try_into()?, row.password_hash))).transpose()
    }

    /// The accounts of these ids, in no order; ids of nobody are left out. Deleted accounts are
    /// among them: their messages still stand.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut conn = self.db.read().await?;
        let given = Given::new().ints(ids.iter().map(|id| id.0));
        let rows: Vec<UserRow> = conn.given_all(&BY_IDS, given).await?;
        rows.into_iter().map(User::try_from).collect()
    }

    /// Living accounts whose username or display name contains the query, newest first. The key of
    /// a page is the id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn find_users(&self, query: &str, page: Page<i64>) -> Result<Vec<User>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            UserRow,
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM account WHERE deleted_at IS NULL AND user_id < $1
                 AND (username_key LIKE $2 ESCAPE '!' OR display_key LIKE $2 ESCAPE '!')
                 ORDER BY user_id DESC LIMIT $3"
            ),
            page.below(),
            containing(query),
            page.limit
        )?;
        rows.into_iter().map(User::try_from).collect()
    }

    /// Sets the password hash of an account.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_password(&self, user: UserId, hash: &str) -> Result<(), StoreError> {
        let mut conn = self.db.write().await?;
        execute!(conn, "UPDATE account SET password_hash = $2 WHERE user_id = $1", user.0, hash)?;
        Ok(())
    }

    /// Changes what somebody says of themselves: all of it or nothing. What is none stays.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_profile(
        &self,
        user: UserId,
        display_name: Option<&DisplayName>,
        locale: Option<&str>,
        status_text: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut conn = self.db.write().await?;
        execute!(
            conn,
            "UPDATE account SET display_name = coalesce($2, display_name),
                    display_key = coalesce($3, display_key), locale = coalesce($4, locale),
                    status_text = coalesce($5, status_text)
              WHERE user_id = $1 AND deleted_at IS NULL",
            user.0,
            display_name.map(DisplayName::as_str),
            display_name.map(DisplayName::key),
            locale,
            status_text
        )?;
        Ok(())
    }

    /// Sets what somebody says of themselves.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_status_text(&self, user: UserId, text: &str) -> Result<(), StoreError> {
        let mut conn = self.db.write().await?;
        execute!(conn, "UPDATE account SET status_text = $2 WHERE user_id = $1", user.0, text)?;
        Ok(())
    }
}

/// The pattern of `LIKE … ESCAPE '!'` for "contains", without case.
pub(super) fn containing(query: &str) -> String {
    let mut pattern = String::with_capacity(query.len() + 2);
    pattern.push('%');
    for c in query.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Makes an account, its inbox, and a place in the lobby.
pub(super) async fn register(
    conn: &mut Conn,
    new: &NewUser<'_>,
    first: FirstUser,
) -> Result<User, StoreError> {
    let role = match first {
        FirstUser::Admin if is_empty_instance(conn).await? => InstanceRole::Admin,
        FirstUser::Admin | FirstUser::User => InstanceRole::User,
    };
    let row = fetch_one!(
        conn,
        UserRow,
        concat!(
            "INSERT INTO account (username, username_key, display_name, display_key, password_hash,
                                  role, locale, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ",
            user_columns!()
        ),
        new.username.as_str(),
        new.username.key(),
        new.display_name.as_str(),
        new.display_name.key(),
        new.password_hash,
        role.word(),
        new.locale,
        new.at.0
    )?;
    execute!(conn, "INSERT INTO inbox (user_id) VALUES ($1)", row.user_id)?;
    execute!(
        conn,
        "INSERT INTO room_member (room_id, user_id, joined_at, join_seq, read_n, read_seq, is_inside)
         SELECT room_id, $1, $2, head, n, head, TRUE FROM room
          WHERE kind = 'lobby' AND is_general AND deleted_at IS NULL",
        row.user_id,
        new.at.0
    )?;
    row.try_into()
}

/// Whether nobody has registered yet. Of several first registrations at once one gets a yes.
async fn is_empty_instance(conn: &mut Conn) -> Result<bool, StoreError> {
    const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT 1 FROM account WHERE kind = 'human')";
    /// SQLite holds its write lock already. The number only has to differ from other locks.
    const QUEUE: Sql = Sql { sqlite: "", postgres: "SELECT pg_advisory_xact_lock(5017001)" };

    let (is_empty,): (bool,) = fetch_one!(conn, (bool,), IS_EMPTY)?;
    if !is_empty {
        return Ok(false);
    }
    conn.command(QUEUE).await?;
    let (is_empty,): (bool,) = fetch_one!(conn, (bool,), IS_EMPTY)?;
    Ok(is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_text_and_no_pattern() {
        assert_eq!(containing("50%_Off!"), "%50!%!_off!!%");
    }

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&BY_IDS]).await;
    }
}
