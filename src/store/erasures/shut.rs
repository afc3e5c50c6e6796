//! Shutting an account: from this moment nobody signs in with it, and it has no name.

use crate::domain::{ClubId, DeviceId, Millis, RoomId, UserId};
use crate::store::bots::living;
use crate::store::db::{Conn, Sql, execute, fetch_all, fetch_optional};
use crate::store::{Store, StoreError, blocks, clubs};

/// What came of shutting an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shut {
    /// It is shut, and is being erased.
    Done {
        /// Its sign-ins, which have ended.
        devices: Vec<DeviceId>,
        /// Rooms of clubs that it was alone in: they went with it.
        rooms: Vec<RoomId>,
        /// Its bots, who are shut with it, and their sign-ins.
        bots: Vec<(UserId, Vec<DeviceId>)>,
    },
    /// It was before.
    Before,
    /// It owns clubs that others are in; these are to be handed over first.
    OwnsClubs(Vec<ClubId>),
    /// There is no such account.
    Gone,
}

impl Store {
    /// Shuts an account and has it erased. Who does it to another is an admin, and says why.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn shut_account(
        &self,
        user: UserId,
        (by, at): (UserId, Millis),
        reason: &str,
    ) -> Result<Shut, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = shut(&mut tx, user, (by, at), reason).await;
        tx.end(done).await
    }
}

async fn shut(
    conn: &mut Conn,
    user: UserId,
    (by, at): (UserId, Millis),
    reason: &str,
) -> Result<Shut, StoreError> {
    const ACCOUNT: Sql = Sql {
        sqlite: "SELECT user_id FROM account WHERE user_id = $1",
        postgres: "SELECT user_id FROM account WHERE user_id = $1 FOR NO KEY UPDATE",
    };
    let known = fetch_optional!(conn, (i64,), ACCOUNT, user.0)?;
    let lone = match owned(conn, user).await? {
        Ok(lone) => lone,
        Err(clubs) => return Ok(Shut::OwnsClubs(clubs)),
    };
    let mut rooms = Vec::new();
    for club in lone {
        rooms.extend(clubs::delete(conn, club, (by, at)).await?);
    }
    if !close(conn, user, at).await? {
        return Ok(known.map_or(Shut::Gone, |_shut| Shut::Before));
    }
    let devices = end(conn, user, (by, at)).await?;
    let mut bots = Vec::new();
    // Who makes a bot has the account locked: whatever was made is seen here.
    for bot in living(conn, user).await? {
        if close(conn, bot, at).await? {
            bots.push((bot, end(conn, bot, (bot, at)).await?));
        }
    }
    if by != user {
        execute!(
            conn,
            "INSERT INTO instance_audit (at, by_id, action, user_id, reason)
             VALUES ($1, $2, 'user.erase', $3, $4)",
            at.0,
            by.0,
            user.0,
            reason
        )?;
    }
    Ok(Shut::Done { devices, rooms, bots })
}

/// Takes name and role from a living account; false when there is none.
async fn close(conn: &mut Conn, user: UserId, at: Millis) -> Result<bool, StoreError> {
    let row = fetch_optional!(
        conn,
        (i64,),
        "UPDATE account SET username = 'deleted-' || user_id, display_name = 'Deleted user',
                display_key = '', password_hash = '', status_text = '', role = 'user',
                deleted_at = $2
          WHERE user_id = $1 AND deleted_at IS NULL RETURNING user_id",
        user.0,
        at.0
    )?;
    Ok(row.is_some())
}

/// Ends the sign-ins of an account that was closed, and has it erased.
async fn end(
    conn: &mut Conn,
    user: UserId,
    (by, at): (UserId, Millis),
) -> Result<Vec<DeviceId>, StoreError> {
    blocks::forget(conn, user).await?;
    let devices = fetch_all!(
        conn,
        (i64,),
        "UPDATE device SET revoked_at = coalesce(revoked_at, $2), name = '', ip = ''
          WHERE user_id = $1 RETURNING device_id",
        user.0,
        at.0
    )?;
    execute!(conn, "UPDATE bot SET token_hash = NULL WHERE user_id = $1", user.0)?;
    execute!(
        conn,
        "INSERT INTO erasure (user_id, by_id, at) VALUES ($1, $2, $3)",
        user.0,
        by.0,
        at.0
    )?;
    Ok(devices.into_iter().map(|(device,)| DeviceId(device)).collect())
}

/// The living clubs that somebody owns and is alone in but for bots; or those that others are in, too. All of
/// them are locked, in the order that everyone keeps, so that nobody joins meanwhile.
async fn owned(
    conn: &mut Conn,
    user: UserId,
) -> Result<Result<Vec<ClubId>, Vec<ClubId>>, StoreError> {
    const OWNED: Sql = Sql {
        sqlite: "SELECT club.club_id, club.member_count - (SELECT count(*) FROM membership b
                             JOIN bot ON bot.user_id = b.user_id
                            WHERE b.club_id = club.club_id AND b.status = 'active')
                   FROM membership m
                   JOIN club ON club.club_id = m.club_id
                  WHERE m.user_id = $1 AND m.status = 'active' AND m.role = 'owner'
                    AND club.deleted_at IS NULL ORDER BY club.club_id",
        postgres: "SELECT club.club_id, club.member_count - (SELECT count(*) FROM membership b
                             JOIN bot ON bot.user_id = b.user_id
                            WHERE b.club_id = club.club_id AND b.status = 'active')
                   FROM membership m
                     JOIN club ON club.club_id = m.club_id
                    WHERE m.user_id = $1 AND m.status = 'active' AND m.role = 'owner'
                      AND club.deleted_at IS NULL ORDER BY club.club_id
                      FOR NO KEY UPDATE OF club",
    };
    let owned = fetch_all!(conn, (i64, i64), OWNED, user.0)?;
    let (lone, shared): (Vec<_>, Vec<_>) = owned.into_iter().partition(|(_club, n)| *n <= 1);
    let ids = |clubs: Vec<(i64, i64)>| clubs.into_iter().map(|(club, _n)| ClubId(club)).collect();
    Ok(if shared.is_empty() { Ok(ids(lone)) } else { Err(ids(shared)) })
}
