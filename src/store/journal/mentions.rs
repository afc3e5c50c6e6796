//! Whom messages call, and who of them may read it.

use std::collections::{BTreeSet, HashMap};

use crate::domain::{Calls, RoomId, UserId, calls};
use crate::store::StoreError;
use crate::store::blocks::apart;
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, bulk};
use crate::store::rooms::may_read;

use super::cause::Cause;

const NAMED: Bulk = bulk!(
    "SELECT account.username_key, account.user_id FROM ",
    (name text),
    " CROSS JOIN account WHERE account.username_key = given.name AND account.deleted_at IS NULL"
);

const READERS: Bulk = bulk!(
    "SELECT given.room_id, given.author_id, given.user_id, coalesce(seen.notify = 'none', FALSE) FROM ",
    (room_id bigint, author_id bigint, user_id bigint),
    concat!(
        " CROSS JOIN room LEFT JOIN room_member seen
                 ON seen.room_id = given.room_id AND seen.user_id = given.user_id
          WHERE room.room_id = given.room_id AND ",
        may_read!("given.user_id"),
        " AND NOT ",
        apart!("given.author_id", "given.user_id")
    )
);

/// Fills in who is named by each text, and forgets answered people who may not read it any more. Who has
/// blocked the author, or was blocked by them, is neither called nor answered.
/// Runs no statement for texts that call and answer nobody.
pub(super) async fn resolve(
    conn: &mut Conn,
    causes: &mut [&mut Cause<'_>],
) -> Result<(), StoreError> {
    let calls: Vec<Calls> = causes.iter().map(|cause| calls(cause.spoken)).collect();
    let named = accounts(conn, &calls).await?;
    let mut pairs = BTreeSet::new();
    for (cause, calls) in causes.iter().zip(&calls) {
        let users = calls.names.iter().filter_map(|call| longest(call, &named));
        pairs.extend(users.chain(&cause.answered).map(|user| (cause.room, cause.author, *user)));
    }
    let readers = readers(conn, &pairs).await?;
    for (cause, calls) in causes.iter_mut().zip(&calls) {
        let (room, author) = (cause.room, cause.author);
        for call in &calls.names {
            match longest(call, &named).filter(|user| readers.contains_key(&(room, author, **user)))
            {
                Some(user) if *user == author || cause.mentions.contains(user) => {}
                Some(user) => cause.mentions.push(*user),
                None => {}
            }
        }
        cause.answered.retain(|user| readers.contains_key(&(room, author, *user)));
        let called = cause.mentions.iter().chain(&cause.answered).copied();
        let is_silent = |user: &UserId| readers.get(&(room, author, *user)) == Some(&true);
        cause.silent = called.filter(is_silent).collect();
    }
    Ok(())
}

/// Whom a call means: the longest name that somebody has, whether or not they may read it. A shorter
/// one is somebody else, who was not called.
fn longest<'n>(call: &[String], named: &'n HashMap<String, UserId>) -> Option<&'n UserId> {
    call.iter().find_map(|name| named.get(name))
}

async fn accounts(conn: &mut Conn, calls: &[Calls]) -> Result<HashMap<String, UserId>, StoreError> {
    let names = calls.iter().flat_map(|calls| calls.names.iter().flatten());
    let names: BTreeSet<&str> = names.map(String::as_str).collect();
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, i64)> = conn.given_all(&NAMED, Given::new().texts(names)).await?;
    Ok(rows.into_iter().map(|(name, user)| (name, UserId(user))).collect())
}

/// A room, who writes there, and whom they mean.
type Meant = (RoomId, UserId, UserId);

/// Who of some people may read some rooms and hears of these authors, and whether they want no entry
/// from there.
async fn readers(
    conn: &mut Conn,
    pairs: &BTreeSet<Meant>,
) -> Result<HashMap<Meant, bool>, StoreError> {
    if pairs.is_empty() {
        return Ok(HashMap::new());
    }
    let given = Given::new()
        .ints(pairs.iter().map(|(room, ..)| room.0))
        .ints(pairs.iter().map(|(_room, author, _user)| author.0))
        .ints(pairs.iter().map(|(.., user)| user.0));
    let rows: Vec<(i64, i64, i64, bool)> = conn.given_all(&READERS, given).await?;
    let reader =
        |(room, author, user, is_silent)| ((RoomId(room), UserId(author), UserId(user)), is_silent);
    Ok(rows.into_iter().map(reader).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&NAMED, &READERS]).await;
    }
}
