//! What a club says of the assistant, for its rooms.

use std::collections::BTreeMap;

use crate::domain::{AuditAction, ClubId, Millis, Rank, RoomId, UserId, Waking};
use crate::store::db::{Conn, execute, fetch_all, fetch_optional};
use crate::store::moderation::{Book, Note, lock_rooms, note};
use crate::store::rooms::rank_of_club;
use crate::store::{Manner, Store, StoreError};

/// What a club says of the assistant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClubAssistant {
    /// What wakes it in rooms that do not say so themselves.
    pub waking: Waking,
    /// Whether bots may ask it in rooms that do not say so themselves.
    pub lets_bots_ask: bool,
    /// How it speaks, where a room does not say so itself.
    pub manner: Manner,
}

/// A change to that; what is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClubAssistantPatch<'a> {
    /// What wakes it.
    pub waking: Option<Waking>,
    /// Whether bots may ask it.
    pub lets_bots_ask: Option<bool>,
    /// What it is to be.
    pub persona: Option<&'a str>,
    /// In which language it speaks; empty for the asker's.
    pub language: Option<&'a str>,
    /// Which model answers; empty for the instance's.
    pub model: Option<&'a str>,
}

/// What is new in a room that leaves it to its club.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inherited {
    /// Which room.
    pub room: RoomId,
    /// What wakes it from now on, where that is something else than before.
    pub waking: Option<Waking>,
    /// Whether bots may ask it from now on, where that has changed.
    pub lets_bots_ask: Option<bool>,
}

/// What came of such a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClubAssistantChange {
    /// This holds now, and this is new in its rooms; those where nothing is are not among them.
    Done(ClubAssistant, Vec<Inherited>),
    /// No such club.
    Gone,
    /// Who wanted it does not moderate the club, or not any more.
    Denied,
}

type Row = (String, bool, String, String, String);

impl ClubAssistant {
    fn read(row: Row) -> Result<Self, StoreError> {
        let (waking, lets_bots_ask, persona, language, model) = row;
        let manner = Manner { persona, language, model };
        Ok(Self { waking: waking.parse()?, lets_bots_ask, manner })
    }
}

const READ: &str = "SELECT assistant, assistant_bots, persona, ai_language, ai_model FROM club
                     WHERE club_id = $1 AND deleted_at IS NULL";

impl Store {
    /// What a club says of the assistant; none when it is gone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn club_assistant(&self, club: ClubId) -> Result<Option<ClubAssistant>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(conn, Row, READ, club.0)?;
        row.map(ClubAssistant::read).transpose()
    }

    /// Changes it, for who moderates the club at that moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_club_assistant(
        &self,
        club: ClubId,
        patch: &ClubAssistantPatch<'_>,
        who: (UserId, Millis),
    ) -> Result<ClubAssistantChange, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = change(&mut tx, club, patch, who).await;
        tx.end(done).await
    }
}

/// So it is in the rooms that do not say so themselves; gives those where it was not.
async fn inherit(
    conn: &mut Conn,
    club: ClubId,
    now: &ClubAssistant,
) -> Result<Vec<Inherited>, StoreError> {
    let woken = fetch_all!(
        conn,
        (i64,),
        "UPDATE room SET assistant = $2, rev = rev + 1
          WHERE club_id = $1 AND deleted_at IS NULL AND NOT has_own_waking AND assistant <> $2
          RETURNING room_id",
        club.0,
        now.waking.word()
    )?;
    let asked = fetch_all!(
        conn,
        (i64,),
        "UPDATE room SET assistant_bots = $2
          WHERE club_id = $1 AND deleted_at IS NULL AND NOT has_own_bots AND assistant_bots <> $2
          RETURNING room_id",
        club.0,
        now.lets_bots_ask
    )?;
    let mut rooms: BTreeMap<i64, Inherited> = BTreeMap::new();
    let nothing = |room| Inherited { room: RoomId(room), waking: None, lets_bots_ask: None };
    for (room,) in woken {
        rooms.entry(room).or_insert_with(|| nothing(room)).waking = Some(now.waking);
    }
    for (room,) in asked {
        rooms.entry(room).or_insert_with(|| nothing(room)).lets_bots_ask = Some(now.lets_bots_ask);
    }
    Ok(rooms.into_values().collect())
}

async fn change(
    conn: &mut Conn,
    club: ClubId,
    patch: &ClubAssistantPatch<'_>,
    who: (UserId, Millis),
) -> Result<ClubAssistantChange, StoreError> {
    let gone = ClubAssistantChange::Gone;
    if lock_rooms(conn, club).await?.is_none() {
        return Ok(gone);
    }
    if !rank_of_club(conn, club, who.0).await?.is_some_and(Rank::is_moderator) {
        return Ok(ClubAssistantChange::Denied);
    }
    let Some(was) = fetch_optional!(conn, Row, READ, club.0)? else { return Ok(gone) };
    let was = ClubAssistant::read(was)?;
    execute!(
        conn,
        "UPDATE club SET assistant = coalesce($2, assistant), persona = coalesce($3, persona),
                ai_language = coalesce($4, ai_language), ai_model = coalesce($5, ai_model),
                assistant_bots = coalesce($6, assistant_bots)
          WHERE club_id = $1",
        club.0,
        patch.waking.map(Waking::word),
        patch.persona,
        patch.language,
        patch.model,
        patch.lets_bots_ask
    )?;
    let Some(now) = fetch_optional!(conn, Row, READ, club.0)? else { return Ok(gone) };
    let now = ClubAssistant::read(now)?;
    let rooms = inherit(conn, club, &now).await?;
    if was != now {
        let mut words = Vec::new();
        words.extend((was.waking != now.waking).then(|| format!("assistant={}", now.waking)));
        let bots = || format!("assistant_bots={}", now.lets_bots_ask);
        words.extend((was.lets_bots_ask != now.lets_bots_ask).then(bots));
        words.extend((was.manner != now.manner).then(|| "assistant_manner".to_owned()));
        let entry = Note::new(AuditAction::ClubSettings, Book::Club(club), who);
        note(conn, &Note { detail: &words.join(" "), ..entry }).await?;
    }
    Ok(ClubAssistantChange::Done(now, rooms))
}
