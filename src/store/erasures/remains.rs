//! What is left of an account that is being erased: found in pieces, by index.

use crate::domain::{ClubId, Emoji, Millis, NoticeId, RoomId, UserId};
use crate::store::act::DroppedNotices;
use crate::store::db::{Conn, execute, fetch_all, fetch_one, fetch_optional};
use crate::store::writer::EventWriter;
use crate::store::{Store, StoreError};

/// Messages in one piece.
const TEXTS: i64 = 100;
/// Reactions in one piece.
const REACTIONS: i64 = 25;
/// Inbox entries that are looked at in one piece.
const NOTICES: i64 = 5_000;

/// Where somebody is inside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Haunts {
    /// Clubs.
    pub clubs: Vec<ClubId>,
    /// Lobbies and groups.
    pub rooms: Vec<RoomId>,
    /// Private rooms, and the other one in each.
    pub pairs: Vec<(RoomId, UserId)>,
}

/// What somebody left in one room; at most one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remains {
    /// Seqs of messages, and the last `cid` of them.
    Texts(Vec<i64>, String),
    /// Reactions: the seq of the message, and with what.
    Reactions(Vec<(i64, Emoji)>),
    /// Nothing.
    Nothing,
}

impl Store {
    /// Where somebody is inside.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn haunts(&self, user: UserId) -> Result<Haunts, StoreError> {
        let mut conn = self.db.read().await?;
        let clubs = fetch_all!(
            conn,
            (i64,),
            "SELECT club_id FROM membership WHERE user_id = $1 AND status = 'active'
              ORDER BY club_id",
            user.0
        )?;
        let rooms = fetch_all!(
            conn,
            (i64, Option<i64>),
            "SELECT room.room_id, room.pair_low + room.pair_high - $1 FROM room_member i
               JOIN room ON room.room_id = i.room_id
              WHERE i.user_id = $1 AND i.is_inside AND room.deleted_at IS NULL
              ORDER BY room.room_id",
            user.0
        )?;
        let mut haunts = Haunts::default();
        haunts.clubs.extend(clubs.into_iter().map(|(club,)| ClubId(club)));
        for (room, other) in rooms {
            match other {
                Some(other) => haunts.pairs.push((RoomId(room), UserId(other))),
                None => haunts.rooms.push(RoomId(room)),
            }
        }
        Ok(haunts)
    }

    /// The next room, by id, in which somebody left messages or reactions. Deleted rooms are rooms,
    /// too.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn next_haunt(&self, user: UserId, after: i64) -> Result<Option<RoomId>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (i64,),
            "SELECT room.room_id FROM room
              WHERE room.room_id > $2
                AND (EXISTS (SELECT 1 FROM message m WHERE m.room_id = room.room_id
                                AND m.author_id = $1 AND NOT m.is_deleted)
                     OR EXISTS (SELECT 1 FROM reaction r WHERE r.room_id = room.room_id
                                   AND r.user_id = $1))
              ORDER BY room.room_id LIMIT 1",
            user.0,
            after
        )?;
        Ok(row.map(|(room,)| RoomId(room)))
    }

    /// Some of what somebody left in a room, behind a `cid`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remains(
        &self,
        user: UserId,
        room: RoomId,
        after: &str,
    ) -> Result<Remains, StoreError> {
        let mut conn = self.db.read().await?;
        let texts = fetch_all!(
            conn,
            (i64, String),
            "SELECT seq, cid FROM message
              WHERE room_id = $1 AND author_id = $2 AND cid > $3 AND NOT is_deleted
              ORDER BY cid LIMIT $4",
            room.0,
            user.0,
            after,
            TEXTS
        )?;
        if let Some((_seq, last)) = texts.last().cloned() {
            return Ok(Remains::Texts(texts.into_iter().map(|(seq, _cid)| seq).collect(), last));
        }
        let reactions = fetch_all!(
            conn,
            (i64, String),
            "SELECT message_seq, emoji FROM reaction WHERE room_id = $1 AND user_id = $2
              ORDER BY message_seq LIMIT $3",
            room.0,
            user.0,
            REACTIONS
        )?;
        if reactions.is_empty() {
            return Ok(Remains::Nothing);
        }
        let known = |(seq, emoji): (i64, String)| {
            let emoji = Emoji::parse(&emoji);
            emoji.map(|emoji| (seq, emoji)).map_err(|why| StoreError::Corrupt(why.to_string()))
        };
        Ok(Remains::Reactions(reactions.into_iter().map(known).collect::<Result<_, _>>()?))
    }

    /// Drops entries that somebody caused in the inboxes of others, among the next ones behind an id.
    /// Tells whose are gone, and up to which entry it looked; none: there are no more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn drop_notices_from(
        &self,
        user: UserId,
        (after, at): (i64, Millis),
        writer: &dyn EventWriter,
    ) -> Result<(Vec<DroppedNotices>, Option<i64>), StoreError> {
        let mut tx = self.db.begin().await?;
        let done = drop_from(&mut tx, user, (after, at), writer).await;
        tx.end(done).await
    }

    /// Removes what only concerned the account itself: its inbox, its marks, its tickets, whom it
    /// followed; and its words in reports.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn erase_traces(&self, user: UserId) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut done = Ok(());
        for statement in TRACES {
            done = execute!(tx, *statement, user.0).map(drop);
            if done.is_err() {
                break;
            }
        }
        tx.end(done).await
    }
}

const TRACES: &[&str] = &[
    "DELETE FROM mention WHERE user_id = $1",
    "DELETE FROM notice WHERE user_id = $1",
    "DELETE FROM file_day WHERE user_id = $1",
    "DELETE FROM ai_spend WHERE what = 'user' AND id = $1",
    "DELETE FROM answer WHERE user_id = $1",
    "DELETE FROM thread_member WHERE user_id = $1",
    "DELETE FROM room_member WHERE user_id = $1 AND NOT is_inside",
    "DELETE FROM ticket WHERE device_id IN (SELECT device_id FROM device WHERE user_id = $1)",
    "UPDATE report SET text = NULL WHERE author_id = $1 AND text IS NOT NULL",
    "UPDATE report SET note = '' WHERE by_id = $1 AND note <> ''",
];

async fn drop_from(
    conn: &mut Conn,
    user: UserId,
    (after, at): (i64, Millis),
    writer: &dyn EventWriter,
) -> Result<(Vec<DroppedNotices>, Option<i64>), StoreError> {
    let (newest,): (i64,) =
        fetch_one!(conn, (i64,), "SELECT coalesce(max(notice_id), 0) FROM notice")?;
    let upto = (after + NOTICES).min(newest);
    let rows = fetch_all!(
        conn,
        (i64, i64, String, bool),
        "SELECT notice_id, user_id, event, dropped_at IS NULL FROM notice
          WHERE notice_id > $1 AND notice_id <= $2 AND from_id = $3 AND user_id <> $3
            AND (title <> '' OR body <> '')
          ORDER BY notice_id",
        after,
        upto,
        user.0
    )?;
    let mut dropped: Vec<DroppedNotices> = Vec::new();
    for (id, of, event, is_there) in rows {
        execute!(
            conn,
            "UPDATE notice SET title = '', body = '', event = $2,
                    dropped_at = coalesce(dropped_at, $3) WHERE notice_id = $1",
            id,
            writer.erased_notice(&event),
            at.0
        )?;
        if !is_there {
            continue;
        }
        let (of, id) = (UserId(of), NoticeId(id));
        match dropped.iter_mut().find(|known| known.user == of) {
            Some(known) => known.ids.push(id),
            None => dropped.push(DroppedNotices { user: of, ids: vec![id], unread: 0 }),
        }
    }
    for gone in &mut dropped {
        let (unread,): (i64,) = fetch_one!(
            conn,
            (i64,),
            "SELECT count(*) FROM notice
              WHERE user_id = $1 AND read_at IS NULL AND dropped_at IS NULL",
            gone.user.0
        )?;
        gone.unread = unread;
    }
    Ok((dropped, (upto < newest).then_some(upto)))
}
