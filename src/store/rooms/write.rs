//! Making, changing and deleting rooms of clubs and groups.

use crate::domain::{
    AuditAction, History, Millis, Permission, Rank, RoomId, RoomName, UserId, Waking, Writers,
};
use crate::store::db::{Conn, Sql, execute, fetch_one, fetch_optional};
use crate::store::moderation::{Book, Note, note};
use crate::store::{Store, StoreError};

use super::rights::{rank_in, rank_of_club};
use super::types::{InfoRow, NewRoom, RoomInfo, RoomPatch, RoomView};
use super::views::info_columns;

/// The club is locked, so that a room is not made in one that is being deleted, and everyone who
/// joins at the same moment either finds the room or is there before it.
const LOCK_CLUB: Sql = Sql {
    sqlite: "SELECT kind FROM club WHERE club_id = $1 AND deleted_at IS NULL",
    postgres: "SELECT kind FROM club WHERE club_id = $1 AND deleted_at IS NULL
                  FOR NO KEY UPDATE",
};

/// The club of a room, locked: before the room, like everywhere.
const LOCK_CLUB_OF: Sql = Sql {
    sqlite: "SELECT club_id FROM club
              WHERE club_id = (SELECT room.club_id FROM room WHERE room.room_id = $1)",
    postgres: "SELECT club_id FROM club
                WHERE club_id = (SELECT room.club_id FROM room WHERE room.room_id = $1)
                  FOR NO KEY UPDATE",
};

/// A living room, locked as the journal locks it.
const LOCK_ROOM: Sql = Sql {
    sqlite: "SELECT is_general FROM room WHERE room_id = $1 AND deleted_at IS NULL",
    postgres: "SELECT is_general FROM room WHERE room_id = $1 AND deleted_at IS NULL
                  FOR NO KEY UPDATE",
};

/// What came of making a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomMade {
    /// It stands, as its maker sees it.
    Done(Box<RoomView>),
    /// No such club.
    Gone,
    /// Who wanted it does not moderate the club, or not any more.
    Denied,
}

/// What came of a change to a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomChanged {
    /// It stands; the room as it is now.
    Done(Box<RoomInfo>),
    /// No such room, or not for this user.
    Gone,
    /// It takes a higher rank to configure this room.
    Denied,
    /// The one room that a club cannot do without.
    General,
}

impl Store {
    /// Makes a room of a club, for who moderates it at that moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn create_room(&self, new: NewRoom<'_>) -> Result<RoomMade, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = make(&mut tx, new).await;
        let room = match tx.end(done).await? {
            Ok(room) => room,
            Err(why) => return Ok(why),
        };
        let made = self.room_view(room, new.by).await?;
        let made = made.ok_or_else(|| StoreError::Corrupt("a new room cannot be read".to_owned()));
        Ok(RoomMade::Done(Box::new(made?)))
    }

    /// Makes a lobby, if there is none of this name. False when something else that people may find has
    /// it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ensure_lobby(&self, name: &RoomName, at: Millis) -> Result<bool, StoreError> {
        let mut conn = self.db.write().await?;
        // Of several nodes that start at once one makes it.
        execute!(
            conn,
            "INSERT INTO room (kind, name, name_key, is_listed, created_at)
             VALUES ('lobby', $1, $2, TRUE, $3) ON CONFLICT DO NOTHING",
            name.as_str(),
            name.key(),
            at.0
        )?;
        let (is_there,): (bool,) = fetch_one!(
            conn,
            (bool,),
            "SELECT EXISTS (SELECT 1 FROM room WHERE name_key = $1 AND kind = 'lobby' AND is_listed
                               AND deleted_at IS NULL)",
            name.key()
        )?;
        Ok(is_there)
    }

    /// Changes a room, for who may configure it at that moment.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is listed and another one has the name.
    pub async fn update_room(
        &self,
        room: RoomId,
        patch: RoomPatch<'_>,
        who: (UserId, Millis),
    ) -> Result<RoomChanged, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = change(&mut tx, room, patch, who).await;
        tx.end(done).await
    }

    /// Deletes a room, for who may configure it at that moment; its log stays, and nobody may read it.
    /// A club keeps its `general`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn delete_room(
        &self,
        room: RoomId,
        who: (UserId, Millis),
    ) -> Result<RoomChanged, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = delete(&mut tx, room, who).await;
        tx.end(done).await
    }

    /// Whether a room was deleted that a user could have deleted: who asks a second time is told
    /// the same as the first time.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn has_deleted(&self, room: RoomId, user: UserId) -> Result<bool, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (bool,),
            "SELECT CASE WHEN room.club_id IS NULL THEN coalesce(room.host_id = $2, FALSE)
                    ELSE EXISTS (SELECT 1 FROM membership m WHERE m.club_id = room.club_id
                                    AND m.user_id = $2 AND m.status = 'active'
                                    AND m.role <> 'member') END
               FROM room WHERE room_id = $1 AND deleted_at IS NOT NULL",
            room.0,
            user.0
        )?;
        Ok(row == Some((true,)))
    }
}

/// Who may do something to a room is asked while it stands still: who changes roles and memberships
/// waits for the same lock.
async fn configured(
    conn: &mut Conn,
    room: RoomId,
    user: UserId,
) -> Result<Result<RoomInfo, RoomChanged>, StoreError> {
    const WAS: &str = concat!("SELECT ", info_columns!(), " FROM room WHERE room_id = $1");
    let was: RoomInfo = fetch_one!(conn, InfoRow, WAS, room.0)?.try_into()?;
    let Some(rank) = rank_in(conn, room, user).await? else { return Ok(Err(RoomChanged::Gone)) };
    let is_allowed = was.settings().rules.allows(Permission::Configure, rank);
    Ok(if is_allowed { Ok(was) } else { Err(RoomChanged::Denied) })
}

async fn make(conn: &mut Conn, new: NewRoom<'_>) -> Result<Result<RoomId, RoomMade>, StoreError> {
    let Some((kind,)) = fetch_optional!(conn, (String,), LOCK_CLUB, new.club.0)? else {
        return Ok(Err(RoomMade::Gone));
    };
    if !rank_of_club(conn, new.club, new.by).await?.is_some_and(Rank::is_moderator) {
        return Ok(Err(RoomMade::Denied));
    }
    // Small circles hear of everything.
    let notify = if kind == "community" { new.kind.default_notify().word() } else { "all" };
    let (room,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "INSERT INTO room (kind, club_id, name, name_key, topic, history, write, notify, created_by,
                           created_at, assistant, assistant_bots)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
                 (SELECT club.assistant FROM club WHERE club.club_id = $2),
                 (SELECT club.assistant_bots FROM club WHERE club.club_id = $2)) RETURNING room_id",
        new.kind.word(),
        new.club.0,
        new.name.as_str(),
        new.name.key(),
        new.topic,
        new.history.word(),
        new.write.word(),
        notify,
        new.by.0,
        new.at.0
    )?;
    let entry = Note::new(AuditAction::CreateRoom, Book::Club(new.club), (new.by, new.at));
    let place = Some((RoomId(room), 0));
    note(conn, &Note { place, detail: new.name.as_str(), ..entry }).await?;
    Ok(Ok(RoomId(room)))
}

/// What is not to change is null, and what has a word for "as the club says" has a flag besides.
const UPDATE: &str = concat!(
    "UPDATE room SET name = coalesce($2, name), name_key = coalesce($3, name_key),
            topic = coalesce($4, topic), history = coalesce($5, history),
            write = coalesce($6, write), slow_mode_s = coalesce($7, slow_mode_s),
            is_listed = coalesce($8, is_listed),
            retention_days = CASE WHEN $9 THEN $10 ELSE retention_days END,
            assistant = CASE WHEN NOT $15 THEN assistant
                             WHEN $16 THEN coalesce($11, assistant)
                             ELSE coalesce((SELECT club.assistant FROM club
                                             WHERE club.club_id = room.club_id), 'mention')
                        END,
            has_own_waking = CASE WHEN $15 THEN $16 ELSE has_own_waking END,
            assistant_bots = CASE WHEN NOT $17 THEN assistant_bots
                                  WHEN $18 THEN coalesce($19, assistant_bots)
                                  ELSE coalesce((SELECT club.assistant_bots FROM club
                                                  WHERE club.club_id = room.club_id), FALSE)
                             END,
            has_own_bots = CASE WHEN $17 THEN $18 ELSE has_own_bots END,
            persona = coalesce($12, persona),
            ai_language = coalesce($13, ai_language),
            ai_model = coalesce($14, ai_model), rev = rev + 1
      WHERE room_id = $1 RETURNING ",
    info_columns!()
);

async fn change(
    conn: &mut Conn,
    room: RoomId,
    patch: RoomPatch<'_>,
    who: (UserId, Millis),
) -> Result<RoomChanged, StoreError> {
    if patch.waking == Some(None) || patch.lets_bots_ask == Some(None) {
        // What the club says must not change meanwhile.
        fetch_optional!(conn, (i64,), LOCK_CLUB_OF, room.0)?;
    }
    if fetch_optional!(conn, (bool,), LOCK_ROOM, room.0)?.is_none() {
        return Ok(RoomChanged::Gone);
    }
    let was = match configured(conn, room, who.0).await? {
        Ok(was) => was,
        Err(why) => return Ok(why),
    };
    let row = fetch_one!(
        conn,
        InfoRow,
        UPDATE,
        room.0,
        patch.name.map(RoomName::as_str),
        patch.name.map(RoomName::key),
        patch.topic,
        patch.history.map(History::word),
        patch.write.map(Writers::word),
        patch.slow_mode_s,
        patch.is_listed,
        patch.retention_days.is_some(),
        patch.retention_days.flatten(),
        patch.waking.flatten().map(Waking::word),
        patch.persona,
        patch.language,
        patch.model,
        patch.waking.is_some(),
        patch.waking.flatten().is_some(),
        patch.lets_bots_ask.is_some(),
        patch.lets_bots_ask.flatten().is_some(),
        patch.lets_bots_ask.flatten()
    )?;
    let now: RoomInfo = row.try_into()?;
    let detail = told(&was, &now);
    if !detail.is_empty() {
        let entry = Note::new(AuditAction::Settings, Book::of(now.kind, now.club), who);
        note(conn, &Note { place: Some((room, 0)), detail: &detail, ..entry }).await?;
    }
    Ok(RoomChanged::Done(Box::new(now)))
}

/// What is different now, as the audit log shows it.
fn told(was: &RoomInfo, now: &RoomInfo) -> String {
    let word = |is_other: bool, word: String| is_other.then_some(word);
    let words = [
        word(was.name != now.name, "name".to_owned()),
        word(was.topic != now.topic, "topic".to_owned()),
        word(was.history != now.history, format!("history={}", now.history.word())),
        word(was.write != now.write, format!("write={}", now.write)),
        word(was.slow_mode_s != now.slow_mode_s, format!("slow_mode_s={}", now.slow_mode_s)),
        word(was.is_listed != now.is_listed, format!("listed={}", now.is_listed)),
        word(was.retention_days != now.retention_days, retention(now.retention_days)),
        word(was.waking != now.waking, format!("assistant={}", now.waking)),
        word(
            was.lets_bots_ask != now.lets_bots_ask,
            format!("assistant_bots={}", now.lets_bots_ask),
        ),
        word(was.assistant != now.assistant, "assistant_manner".to_owned()),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn retention(days: Option<i64>) -> String {
    days.map_or_else(|| "retention_days=none".to_owned(), |days| format!("retention_days={days}"))
}

async fn delete(
    conn: &mut Conn,
    room: RoomId,
    who: (UserId, Millis),
) -> Result<RoomChanged, StoreError> {
    match fetch_optional!(conn, (bool,), LOCK_ROOM, room.0)? {
        None => return Ok(RoomChanged::Gone),
        Some((is_general,)) => match configured(conn, room, who.0).await? {
            Ok(_was) if is_general => return Ok(RoomChanged::General),
            Ok(_was) => {}
            Err(why) => return Ok(why),
        },
    }
    let row = fetch_one!(
        conn,
        InfoRow,
        concat!("UPDATE room SET deleted_at = $2 WHERE room_id = $1 RETURNING ", info_columns!()),
        room.0,
        who.1.0
    )?;
    let gone: RoomInfo = row.try_into()?;
    let entry = Note::new(AuditAction::DeleteRoom, Book::of(gone.kind, gone.club), who);
    note(conn, &Note { place: Some((room, 0)), detail: &gone.name, ..entry }).await?;
    Ok(RoomChanged::Done(Box::new(gone)))
}
