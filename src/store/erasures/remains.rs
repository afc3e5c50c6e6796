//! What is left of an account that is being erased: found in pieces, by index.

use crate::domain::{ClubId, Emoji, Millis, NoticeId, RoomId, UserId};
use crate::store::act::DroppedNotices;
use crate::store::db::{Conn, Sql, execute, fetch_all, fetch_one, fetch_optional};
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
        let newest = newest(&mut self.db.read().await?).await?;
        let range = (after, (after + NOTICES).min(newest));
        let mut gone = Vec::new();
        loop {
            let mut tx = self.db.begin().await?;
            let done = drop_from(&mut tx, (user, at), (FREE, range), writer).await;
            gone.extend(tx.end(done).await?);
            if self.db.is_sqlite() {
                break;
            }
            // Somebody had it: it is waited for alone.
            let mut tx = self.db.begin().await?;
            let done = drop_from(&mut tx, (user, at), (ONE, range), writer).await;
            let one = tx.end(done).await?;
            if one.is_empty() {
                break;
            }
            gone.extend(one);
        }
        let dropped = told(&mut self.db.read().await?, gone).await?;
        Ok((dropped, (range.1 < newest).then_some(range.1)))
    }
}

/// Entries with their owners, and whether they were there before.
type Gone = Vec<(i64, i64, bool)>;

macro_rules! entries_from {
    ($end:literal) => {
        concat!(
            "SELECT notice_id, user_id, event, dropped_at IS NULL FROM notice
              WHERE notice_id > $1 AND notice_id <= $2 AND from_id = $3 AND user_id <> $3
                AND (title <> '' OR body <> '')
              ORDER BY notice_id",
            $end
        )
    };
}

/// The journal holds entries of several people, too, in the order of its rooms: nobody waits here who
/// has some.
const FREE: Sql =
    Sql { sqlite: entries_from!(""), postgres: entries_from!(" FOR NO KEY UPDATE SKIP LOCKED") };

/// PostgreSQL.
const ONE: Sql = Sql { sqlite: FREE.sqlite, postgres: entries_from!(" LIMIT 1 FOR NO KEY UPDATE") };

async fn newest(conn: &mut Conn) -> Result<i64, StoreError> {
    let (newest,) = fetch_one!(conn, (i64,), "SELECT coalesce(max(notice_id), 0) FROM notice")?;
    Ok(newest)
}

async fn drop_from(
    conn: &mut Conn,
    (user, at): (UserId, Millis),
    (which, (after, upto)): (Sql, (i64, i64)),
    writer: &dyn EventWriter,
) -> Result<Gone, StoreError> {
    let rows = fetch_all!(conn, (i64, i64, String, bool), which, after, upto, user.0)?;
    let mut gone = Gone::new();
    for (id, of, event, is_there) in rows {
        execute!(
            conn,
            "UPDATE notice SET title = '', body = '', event = $2,
                    dropped_at = coalesce(dropped_at, $3) WHERE notice_id = $1",
            id,
            writer.erased_notice(&event),
            at.0
        )?;
        gone.push((id, of, is_there));
    }
    Ok(gone)
}

/// What is to be told of entries that are gone, to those who still saw them.
async fn told(conn: &mut Conn, gone: Gone) -> Result<Vec<DroppedNotices>, StoreError> {
    let mut dropped: Vec<DroppedNotices> = Vec::new();
    for (id, of, _is_there) in gone.into_iter().filter(|(.., is_there)| *is_there) {
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
    Ok(dropped)
}
