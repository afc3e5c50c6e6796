//! Bots: accounts that programs speak with, made by users.
//!
//! *Belongs here:* making them, their tokens, whose they are. *Does not belong here:* where they may be;
//! the journal says so where people come and go (`journal/bots.rs`).
//!
//! A bot is an account with one sign-in, its token: so whatever ends sign-ins ends it, on every node.

use serde_json::{Value, json};

use super::accounts::{User, UserRow, user_columns};
use super::db::{Conn, Sql, execute, fetch_all, fetch_one, fetch_optional};
use super::{Store, StoreError};
use crate::domain::{DeviceId, DisplayName, Millis, UserId, Username, limits};

/// The sign-in of a bot ends by being revoked and not by itself: the end of the year 9999.
const FOR_EVER: i64 = 253_402_300_799_000;

/// A bot, for its maker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    /// Its account.
    pub user: User,
    /// When its token was last looked up; none before the first time.
    pub seen_at: Option<Millis>,
}

/// A bot to make.
#[derive(Debug, Clone, Copy)]
pub struct NewBot<'a> {
    /// Whose.
    pub maker: UserId,
    /// Its unique name.
    pub username: &'a Username,
    /// The name that others see.
    pub display_name: &'a DisplayName,
    /// The hash of its token.
    pub token_hash: &'a [u8],
    /// When.
    pub at: Millis,
}

/// What came of making one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BotMade {
    /// It is there.
    Done(User),
    /// Its maker has as many as one may.
    TooMany,
    /// There is no such maker, or not any more.
    Gone,
}

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BotToken {
    /// The bot.
    pub user: UserId,
    /// Its sign-in.
    pub device: DeviceId,
}

#[derive(Debug, sqlx::FromRow)]
struct BotRow {
    seen_at: Option<i64>,
    #[sqlx(flatten)]
    user: UserRow,
}

impl Store {
    /// Makes a bot: the account, its inbox, its sign-in, and a place in the lobby if its maker has one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken, in whatever case it is written.
    pub async fn make_bot(&self, new: &NewBot<'_>) -> Result<BotMade, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = make(&mut tx, new).await;
        tx.end(done).await
    }

    /// The living bots of a user, newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn bots(&self, maker: UserId) -> Result<Vec<Bot>, StoreError> {
        own(&mut self.db.read().await?, maker).await
    }

    /// Whether a bot is, or was, a user's.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn is_maker(&self, maker: UserId, bot: UserId) -> Result<bool, StoreError> {
        let mut conn = self.db.read().await?;
        Ok(maker_of(&mut conn, bot).await? == Some(maker))
    }

    /// Gives a bot of a user another token; tells which sign-in has ended by that. None when there is
    /// no such bot.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn renew_bot(
        &self,
        (maker, bot): (UserId, UserId),
        token_hash: &[u8],
        at: Millis,
    ) -> Result<Option<Vec<DeviceId>>, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = renew(&mut tx, (maker, bot), token_hash, at).await;
        tx.end(done).await
    }

    /// Whose a token is, by its hash; none for one that is no bot's, or not any more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn bot_by_token(&self, hash: &[u8]) -> Result<Option<BotToken>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (i64, i64),
            "SELECT bot.user_id, device.device_id
               FROM bot JOIN device ON device.device_id = bot.device_id
                        JOIN account ON account.user_id = bot.user_id
              WHERE bot.token_hash = $1 AND device.revoked_at IS NULL
                AND account.deleted_at IS NULL",
            hash
        )?;
        Ok(row.map(|(user, device)| BotToken { user: UserId(user), device: DeviceId(device) }))
    }

    /// Notes that a bot was here.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_bot(&self, device: DeviceId, now: Millis) -> Result<(), StoreError> {
        let mut conn = self.db.write().await?;
        execute!(conn, "UPDATE device SET seen_at = $2 WHERE device_id = $1", device.0, now.0)?;
        Ok(())
    }
}

async fn own(conn: &mut Conn, maker: UserId) -> Result<Vec<Bot>, StoreError> {
    let rows = fetch_all!(
        conn,
        BotRow,
        concat!(
            "SELECT CASE WHEN device.seen_at > device.created_at THEN device.seen_at END AS seen_at, ",
            user_columns!(),
            " FROM bot JOIN account ON account.user_id = bot.user_id
                   LEFT JOIN device ON device.device_id = bot.device_id
              WHERE bot.maker_id = $1 AND account.deleted_at IS NULL
              ORDER BY bot.user_id DESC"
        ),
        maker.0
    )?;
    let bot =
        |row: BotRow| Ok(Bot { user: row.user.try_into()?, seen_at: row.seen_at.map(Millis) });
    rows.into_iter().map(bot).collect()
}

/// The same for an export.
pub(super) async fn of(conn: &mut Conn, maker: UserId) -> Result<Vec<Value>, StoreError> {
    let bot = |Bot { user, seen_at }: Bot| {
        json!({ "id": user.id, "username": user.username, "display_name": user.display_name,
                "created_at": user.created_at, "seen_at": seen_at })
    };
    Ok(own(conn, maker).await?.into_iter().map(bot).collect())
}

async fn make(conn: &mut Conn, new: &NewBot<'_>) -> Result<BotMade, StoreError> {
    /// Who erases the maker waits here, or we wait for them; so do two who make the last one.
    const MAKER: Sql = Sql {
        sqlite: "SELECT locale FROM account WHERE user_id = $1 AND deleted_at IS NULL
                    AND kind = 'human'",
        postgres: "SELECT locale FROM account WHERE user_id = $1 AND deleted_at IS NULL
                      AND kind = 'human' FOR NO KEY UPDATE",
    };
    let Some((locale,)) = fetch_optional!(conn, (String,), MAKER, new.maker.0)? else {
        return Ok(BotMade::Gone);
    };
    let (count,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "SELECT count(*) FROM bot JOIN account ON account.user_id = bot.user_id
          WHERE bot.maker_id = $1 AND account.deleted_at IS NULL",
        new.maker.0
    )?;
    if count >= limits::BOTS {
        return Ok(BotMade::TooMany);
    }
    let row = fetch_one!(
        conn,
        UserRow,
        concat!(
            "INSERT INTO account (username, username_key, display_name, display_key, password_hash,
                                  role, kind, locale, created_at)
             VALUES ($1, $2, $3, $4, '', 'user', 'bot', $5, $6) RETURNING ",
            user_columns!()
        ),
        new.username.as_str(),
        new.username.key(),
        new.display_name.as_str(),
        new.display_name.key(),
        locale,
        new.at.0
    )?;
    let user: User = row.try_into()?;
    execute!(conn, "INSERT INTO inbox (user_id) VALUES ($1)", user.id.0)?;
    let device = sign_in(conn, user.id, new.at).await?;
    execute!(
        conn,
        "INSERT INTO bot (user_id, maker_id, device_id, token_hash) VALUES ($1, $2, $3, $4)",
        user.id.0,
        new.maker.0,
        device,
        new.token_hash
    )?;
    welcome(conn, user.id, new).await?;
    Ok(BotMade::Done(user))
}

/// A place in the lobby that all come into, as its maker has one.
async fn welcome(conn: &mut Conn, bot: UserId, new: &NewBot<'_>) -> Result<(), StoreError> {
    /// Who takes the maker out of the lobby writes that row first and looks for bots then.
    const PLACE: Sql = Sql {
        sqlite: "SELECT room.room_id, own.muted_until FROM room
                   JOIN room_member own ON own.room_id = room.room_id AND own.user_id = $1
                  WHERE room.kind = 'lobby' AND room.is_general AND room.deleted_at IS NULL
                    AND own.is_inside",
        postgres: "SELECT room.room_id, own.muted_until FROM room
                     JOIN room_member own ON own.room_id = room.room_id AND own.user_id = $1
                    WHERE room.kind = 'lobby' AND room.is_general AND room.deleted_at IS NULL
                      AND own.is_inside FOR NO KEY UPDATE OF own",
    };
    let lobby = fetch_optional!(conn, (i64, Option<i64>), PLACE, new.maker.0)?;
    let Some((lobby, muted_until)) = lobby else { return Ok(()) };
    execute!(
        conn,
        "INSERT INTO room_member (room_id, user_id, joined_at, join_seq, read_n, read_seq, is_inside,
                                  muted_until)
         SELECT room_id, $2, $3, head, n, head, TRUE, $4 FROM room WHERE room_id = $1",
        lobby,
        bot.0,
        new.at.0,
        muted_until
    )?;
    Ok(())
}

/// A sign-in without a refresh token.
async fn sign_in(conn: &mut Conn, bot: UserId, at: Millis) -> Result<i64, StoreError> {
    let (device,) = fetch_one!(
        conn,
        (i64,),
        "INSERT INTO device (user_id, name, ip, created_at, seen_at, expires_at)
         VALUES ($1, 'bot', '', $2, $2, $3) RETURNING device_id",
        bot.0,
        at.0,
        FOR_EVER
    )?;
    Ok(device)
}

async fn renew(
    conn: &mut Conn,
    (maker, bot): (UserId, UserId),
    token_hash: &[u8],
    at: Millis,
) -> Result<Option<Vec<DeviceId>>, StoreError> {
    /// One renewal after the other.
    const OWN: Sql = Sql {
        sqlite: "SELECT account.user_id FROM bot JOIN account ON account.user_id = bot.user_id
                  WHERE bot.user_id = $1 AND bot.maker_id = $2 AND account.deleted_at IS NULL",
        postgres: "SELECT account.user_id FROM bot JOIN account ON account.user_id = bot.user_id
                    WHERE bot.user_id = $1 AND bot.maker_id = $2 AND account.deleted_at IS NULL
                      FOR NO KEY UPDATE",
    };
    if fetch_optional!(conn, (i64,), OWN, bot.0, maker.0)?.is_none() {
        return Ok(None);
    }
    let ended = fetch_all!(
        conn,
        (i64,),
        "UPDATE device SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL
         RETURNING device_id",
        bot.0,
        at.0
    )?;
    let device = sign_in(conn, bot, at).await?;
    execute!(
        conn,
        "UPDATE bot SET device_id = $2, token_hash = $3 WHERE user_id = $1",
        bot.0,
        device,
        token_hash
    )?;
    Ok(Some(ended.into_iter().map(|(device,)| DeviceId(device)).collect()))
}

/// Who made a bot; none for whoever is none.
pub(super) async fn maker_of(conn: &mut Conn, bot: UserId) -> Result<Option<UserId>, StoreError> {
    let row = fetch_optional!(conn, (i64,), "SELECT maker_id FROM bot WHERE user_id = $1", bot.0)?;
    Ok(row.map(|(maker,)| UserId(maker)))
}

/// The living bots of a user.
pub(super) async fn living(conn: &mut Conn, maker: UserId) -> Result<Vec<UserId>, StoreError> {
    let rows = fetch_all!(
        conn,
        (i64,),
        "SELECT bot.user_id FROM bot JOIN account ON account.user_id = bot.user_id
          WHERE bot.maker_id = $1 AND account.deleted_at IS NULL ORDER BY bot.user_id",
        maker.0
    )?;
    Ok(rows.into_iter().map(|(bot,)| UserId(bot)).collect())
}

/// Whether two users may have a private room: a bot has one with its maker and with nobody else.
pub(super) async fn may_pair(
    conn: &mut Conn,
    one: UserId,
    other: UserId,
) -> Result<bool, StoreError> {
    let row = fetch_optional!(
        conn,
        (i64,),
        "SELECT user_id FROM bot
          WHERE (user_id = $1 AND maker_id <> $2) OR (user_id = $2 AND maker_id <> $1) LIMIT 1",
        one.0,
        other.0
    )?;
    Ok(row.is_none())
}
