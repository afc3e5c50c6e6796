//! Who the people of a file are here.

use std::collections::HashMap;

use super::import::{Odd, unknown};
use crate::domain::{DisplayName, Millis, Username};
use crate::store::StoreError;
use crate::store::accounts::{FirstUser, NewUser, register};
use crate::store::db::{Conn, execute, fetch_one, fetch_optional};

/// Who somebody of the file is here.
pub(super) type Users = HashMap<i64, i64>;

/// Who somebody is whom a line names.
pub(super) fn who(users: &Users, user: i64) -> Result<i64, Odd> {
    users.get(&user).copied().ok_or_else(|| unknown("the user", user))
}

/// Somebody who has an account of this name.
pub(super) async fn known(conn: &mut Conn, key: &str) -> Result<Option<i64>, StoreError> {
    let row = fetch_optional!(
        conn,
        (i64,),
        "SELECT user_id FROM account WHERE username_key = $1 AND deleted_at IS NULL",
        key
    )?;
    Ok(row.map(|(user,)| user))
}

/// Makes an account that nobody can sign in with.
pub(super) async fn placeholder(
    conn: &mut Conn,
    (username, display_name): (&Username, &DisplayName),
    at: Millis,
) -> Result<i64, StoreError> {
    let new = NewUser { username, display_name, password_hash: "", locale: "ko", at };
    Ok(register(conn, &new, FirstUser::User).await?.id.0)
}

/// Makes an account the bot of somebody. It has no token before it is given one.
pub(super) async fn make_bot(conn: &mut Conn, user: i64, maker: i64) -> Result<(), StoreError> {
    execute!(conn, "UPDATE account SET kind = 'bot' WHERE user_id = $1", user)?;
    execute!(conn, "INSERT INTO bot (user_id, maker_id) VALUES ($1, $2)", user, maker)?;
    Ok(())
}

/// An account for somebody whose account was erased where the file comes from.
pub(super) async fn erased(conn: &mut Conn, at: Millis) -> Result<i64, StoreError> {
    let (user,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "INSERT INTO account (username, username_key, display_name, display_key, password_hash,
                              role, locale, created_at, deleted_at)
         SELECT 'deleted-' || next.id, 'erased:' || next.id, 'Deleted user', '', '', 'user', 'ko',
                $1, $1
           FROM (SELECT coalesce(max(user_id), 0) + 1 AS id FROM account) next
         RETURNING user_id",
        at.0
    )?;
    execute!(conn, "INSERT INTO inbox (user_id) VALUES ($1)", user)?;
    Ok(user)
}
