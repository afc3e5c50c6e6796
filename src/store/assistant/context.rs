//! What a run may read: the last messages of its own room, and the names that belong to them.
//!
//! **Invariant:** what is read here every reader of the room may read, and the asker is one of them.

use crate::domain::{ASSISTANT, ClubId, Millis, RoomId, RoomKind, UserId};
use crate::store::db::{Conn, fetch_all, fetch_one, fetch_optional};
use crate::store::rooms::may_read;
use crate::store::{Manner, Store, StoreError};

/// A message that a run reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextLine {
    /// Its seq.
    pub seq: i64,
    /// When it was taken.
    pub at: Millis,
    /// Who wrote it.
    pub author: UserId,
    /// The name of its author.
    pub name: String,
    /// What it says.
    pub text: String,
    /// Whether it calls the asker, by name or with all others.
    pub calls_asker: bool,
}

/// Everything that a run reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The name of the room.
    pub room_name: String,
    /// What it is for.
    pub kind: RoomKind,
    /// Its club.
    pub club: Option<ClubId>,
    /// The name of its club.
    pub club_name: Option<String>,
    /// How the assistant speaks there: as the room says, else as its club does.
    pub manner: Manner,
    /// The name of the asker.
    pub asker_name: String,
    /// `ko` or `en`: the language of the asker.
    pub asker_locale: String,
    /// Everybody may read from behind this seq on.
    pub floor: i64,
    /// The messages, oldest first.
    pub lines: Vec<ContextLine>,
    /// Messages among them that were deleted.
    pub deleted: i64,
    /// Messages of the window that are older than these.
    pub beyond: i64,
}

#[derive(Debug, sqlx::FromRow)]
struct PlaceRow {
    name: String,
    kind: String,
    club_id: Option<i64>,
    club_name: Option<String>,
    history: String,
    persona: String,
    ai_language: String,
    ai_model: String,
    asker_name: String,
    asker_locale: String,
}

const PLACE: &str = concat!(
    "SELECT room.name, room.kind, room.club_id, club.name AS club_name, room.history,
            coalesce(nullif(room.persona, ''), club.persona, '') AS persona,
            coalesce(nullif(room.ai_language, ''), club.ai_language, '') AS ai_language,
            coalesce(nullif(room.ai_model, ''), club.ai_model, '') AS ai_model,
            account.display_name AS asker_name, account.locale AS asker_locale
       FROM room CROSS JOIN account LEFT JOIN club ON club.club_id = room.club_id
      WHERE room.room_id = $1 AND account.user_id = $2 AND room.deleted_at IS NULL
        AND account.deleted_at IS NULL AND ",
    may_read!("account.user_id")
);

/// An answer that broke off is no part of the talk, nor one that is being written.
const LINES: &str = "SELECT m.seq, m.at, m.author_id, account.display_name, m.text,
            EXISTS (SELECT 1 FROM mention WHERE mention.user_id = $6
                       AND mention.room_id = m.room_id AND mention.n = m.n LIMIT 1 OFFSET 0)
       FROM message m JOIN account ON account.user_id = m.author_id
      WHERE m.room_id = $1 AND m.seq > $2 AND m.seq <= $3 AND m.text IS NOT NULL AND m.text <> ''
        AND NOT (m.author_id = $5 AND EXISTS (SELECT 1 FROM ai_run
                  WHERE ai_run.room_id = m.room_id AND ai_run.message_seq = m.seq
                    AND (ai_run.status <> 'done' OR ai_run.finish = 'error') LIMIT 1 OFFSET 0))
      ORDER BY m.seq DESC LIMIT $4";

impl Store {
    /// What a run may read: up to `most` messages from behind `after` up to and including `upto`.
    /// None for who may not read the room, or if it is gone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ai_context(
        &self,
        (room, asker): (RoomId, UserId),
        (after, upto): (i64, i64),
        most: i64,
    ) -> Result<Option<Context>, StoreError> {
        let mut conn = self.db.read().await?;
        let Some(place) = fetch_optional!(conn, PlaceRow, PLACE, room.0, asker.0)? else {
            return Ok(None);
        };
        drop(conn);
        let floor = match place.history.as_str() {
            "since_join" => {
                let roster = self.roster(room).await?;
                roster.iter().map(|reader| reader.join_seq).max().unwrap_or(0)
            }
            _all => 0,
        };
        let mut conn = self.db.read().await?;
        let after = after.max(floor);
        let lines = lines(&mut conn, (room, asker), (after, upto), most).await?;
        let first = lines.first().map_or(upto, |line| line.seq);
        let deleted = deleted(&mut conn, room, (first, upto)).await?;
        let is_cut = i64::try_from(lines.len()).is_ok_and(|count| count == most);
        let beyond = if is_cut { beyond(&mut conn, room, (after, first)).await? } else { 0 };
        Ok(Some(Context {
            room_name: place.name,
            kind: place.kind.parse()?,
            club: place.club_id.map(ClubId),
            club_name: place.club_name,
            manner: Manner {
                persona: place.persona,
                language: place.ai_language,
                model: place.ai_model,
            },
            asker_name: place.asker_name,
            asker_locale: place.asker_locale,
            floor,
            lines,
            deleted,
            beyond,
        }))
    }

    /// The text of a message, unless it is gone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn text_of(&self, room: RoomId, seq: i64) -> Result<Option<String>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (Option<String>,),
            "SELECT text FROM message WHERE room_id = $1 AND seq = $2",
            room.0,
            seq
        )?;
        Ok(row.and_then(|(text,)| text))
    }
}

async fn lines(
    conn: &mut Conn,
    (room, asker): (RoomId, UserId),
    (after, upto): (i64, i64),
    most: i64,
) -> Result<Vec<ContextLine>, StoreError> {
    let rows = fetch_all!(
        conn,
        (i64, i64, i64, String, String, bool),
        LINES,
        room.0,
        after,
        upto,
        most,
        ASSISTANT.0,
        asker.0
    )?;
    let line = |(seq, at, author, name, text, calls_asker)| ContextLine {
        seq,
        at: Millis(at),
        author: UserId(author),
        name,
        text,
        calls_asker,
    };
    Ok(rows.into_iter().rev().map(line).collect())
}

async fn deleted(
    conn: &mut Conn,
    room: RoomId,
    (first, upto): (i64, i64),
) -> Result<i64, StoreError> {
    let (deleted,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "SELECT count(*) FROM message WHERE room_id = $1 AND seq >= $2 AND seq <= $3
            AND text IS NULL",
        room.0,
        first,
        upto
    )?;
    Ok(deleted)
}

/// Messages behind `after` and before `first`, by their ordinals: nobody counts a year's talk.
async fn beyond(
    conn: &mut Conn,
    room: RoomId,
    (after, first): (i64, i64),
) -> Result<i64, StoreError> {
    let row = fetch_optional!(
        conn,
        (i64, i64),
        "SELECT oldest.n, read.n FROM message oldest CROSS JOIN message read
          WHERE oldest.room_id = $1 AND oldest.seq > $2 AND read.room_id = $1 AND read.seq = $3
          ORDER BY oldest.seq LIMIT 1",
        room.0,
        after,
        first
    )?;
    Ok(row.map_or(0, |(oldest, read)| read - oldest))
}
