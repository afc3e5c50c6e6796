//! What the server has of one user, for that user: in pages, part by part, so that no more than a page
//! is in memory at a time.

mod files;
mod places;

use serde_json::{Value, json};

use super::db::{Conn, fetch_all, fetch_optional};
use super::{Store, StoreError, assistant, blocks, bots};
use crate::domain::{MessageId, Millis, NoticeId, ReportId, RoomId, UserId};

/// Entries in one page.
const PAGE: i64 = 200;

/// What an export holds, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportPart {
    /// Clubs that the user is or was in.
    Clubs,
    /// Rooms with the user's place and read mark.
    Rooms,
    /// Messages, with earlier texts.
    Messages,
    /// Files that were uploaded and not sent.
    Uploads,
    /// Reactions.
    Reactions,
    /// What the user has pinned.
    Pins,
    /// Threads that the user follows.
    Threads,
    /// Whom the user has blocked.
    Blocks,
    /// The user's bots.
    Bots,
    /// The inbox.
    Notifications,
    /// Reports that the user made.
    Reports,
    /// Questions to the assistant, and what the answers used.
    Questions,
    /// What the user used of the assistant, by days.
    AiUsage,
}

impl ExportPart {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Clubs,
        Self::Rooms,
        Self::Messages,
        Self::Uploads,
        Self::Reactions,
        Self::Pins,
        Self::Threads,
        Self::Blocks,
        Self::Bots,
        Self::Notifications,
        Self::Reports,
        Self::Questions,
        Self::AiUsage,
    ];

    /// What it is called.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clubs => "clubs",
            Self::Rooms => "rooms",
            Self::Messages => "messages",
            Self::Uploads => "uploads",
            Self::Reactions => "reactions",
            Self::Pins => "pins",
            Self::Threads => "threads",
            Self::Blocks => "blocks",
            Self::Bots => "bots",
            Self::Notifications => "notifications",
            Self::Reports => "reports",
            Self::Questions => "ai_questions",
            Self::AiUsage => "ai_usage",
        }
    }
}

/// How far a part was read. The default is its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportMark {
    first: i64,
    second: i64,
    text: String,
}

impl ExportMark {
    fn at(first: i64, second: i64, text: &str) -> Self {
        Self { first, second, text: text.to_owned() }
    }
}

type Read = (Vec<Value>, Option<ExportMark>);

impl Store {
    /// The next page of a part, and where to go on; none: that was all. A page may be empty.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn export(
        &self,
        user: UserId,
        part: ExportPart,
        after: &ExportMark,
    ) -> Result<Read, StoreError> {
        let mut conn = self.db.read().await?;
        match part {
            ExportPart::Clubs => {
                Ok(marked(places::clubs(&mut conn, (user, after.first), PAGE).await?))
            }
            ExportPart::Rooms => {
                Ok(marked(places::rooms(&mut conn, (user, after.first), PAGE).await?))
            }
            ExportPart::Messages => messages(&mut conn, user, after).await,
            ExportPart::Uploads => files::unsent(&mut conn, user, after).await,
            ExportPart::Reactions => reactions(&mut conn, user, after).await,
            ExportPart::Pins => pins(&mut conn, user, after).await,
            ExportPart::Threads => threads(&mut conn, user, after).await,
            ExportPart::Blocks => {
                Ok(marked(blocks::of(&mut conn, (user, after.first), PAGE).await?))
            }
            ExportPart::Bots => Ok((bots::of(&mut conn, user).await?, None)),
            ExportPart::Notifications => notices(&mut conn, user, after).await,
            ExportPart::Reports => reports(&mut conn, user, after).await,
            ExportPart::Questions => {
                Ok(marked(assistant::questions(&mut conn, (user, after.first), PAGE).await?))
            }
            ExportPart::AiUsage => {
                Ok(marked(assistant::days(&mut conn, (user, after.first), PAGE).await?))
            }
        }
    }
}

/// Where a page of so many rows goes on, if it was a full one.
fn next(rows: usize, last: Option<ExportMark>) -> Option<ExportMark> {
    last.filter(|_last| i64::try_from(rows).is_ok_and(|rows| rows >= PAGE))
}

/// A page that ends with a number, and where it goes on.
fn marked((items, last): (Vec<Value>, Option<i64>)) -> Read {
    let next = next(items.len(), last.map(|last| ExportMark::at(last, 0, "")));
    (items, next)
}

#[derive(Debug, sqlx::FromRow)]
struct TextRow {
    seq: i64,
    n: i64,
    cid: String,
    text: Option<String>,
    reply_to: Option<i64>,
    thread: Option<i64>,
    at: i64,
    edited_at: Option<i64>,
    rev: i64,
}

/// Of one room at a time: the mark is the room and a `cid`.
async fn messages(conn: &mut Conn, user: UserId, after: &ExportMark) -> Result<Read, StoreError> {
    let room = after.first.max(0);
    let rows = fetch_all!(
        conn,
        TextRow,
        "SELECT seq, n, cid, text, reply_to, thread, at, edited_at, rev FROM message
          WHERE room_id = $1 AND author_id = $2 AND cid > $3 AND NOT is_deleted
          ORDER BY cid LIMIT $4",
        room,
        user.0,
        after.text.as_str(),
        PAGE
    )?;
    let Some(last) = rows.last() else {
        let next = fetch_optional!(
            conn,
            (i64,),
            "SELECT room.room_id FROM room WHERE room.room_id > $1
                AND EXISTS (SELECT 1 FROM message m WHERE m.room_id = room.room_id
                               AND m.author_id = $2 AND NOT m.is_deleted)
              ORDER BY room.room_id LIMIT 1",
            room,
            user.0
        )?;
        return Ok((Vec::new(), next.map(|(room,)| ExportMark::at(room, 0, ""))));
    };
    let mark = ExportMark::at(room, 0, &last.cid);
    let mut files = files::of_messages(conn, room, rows.iter().map(|row| row.seq)).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let id = |seq| MessageId { room: RoomId(room), seq };
        let earlier = if row.rev > 1 { earlier(conn, room, &row).await? } else { Vec::new() };
        items.push(json!({
            "id": id(row.seq), "room": RoomId(room), "seq": row.seq, "n": row.n, "cid": row.cid,
            "at": Millis(row.at), "text": row.text, "reply_to": row.reply_to.map(id),
            "thread": row.thread.map(id), "rev": row.rev, "edited_at": row.edited_at.map(Millis),
            "earlier": earlier, "files": files.remove(&row.seq).unwrap_or_default(),
        }));
    }
    Ok((items, Some(mark)))
}

/// The texts that a message had before.
async fn earlier(conn: &mut Conn, room: i64, row: &TextRow) -> Result<Vec<Value>, StoreError> {
    let texts = fetch_all!(
        conn,
        (i64, i64, Option<String>),
        "SELECT rev, at, text FROM revision
          WHERE room_id = $1 AND message_seq = $2 AND rev < $3 AND text IS NOT NULL ORDER BY rev",
        room,
        row.seq,
        row.rev
    )?;
    let text = |(rev, at, text): (i64, i64, Option<String>)| json!({ "rev": rev, "at": Millis(at), "text": text });
    Ok(texts.into_iter().map(text).collect())
}

/// Of one room at a time: the mark is the room, a message and an emoji.
async fn reactions(conn: &mut Conn, user: UserId, after: &ExportMark) -> Result<Read, StoreError> {
    let rows = fetch_all!(
        conn,
        (i64, String),
        "SELECT message_seq, emoji FROM reaction
          WHERE room_id = $1 AND user_id = $2 AND (message_seq, emoji) > ($3, $4)
          ORDER BY message_seq, emoji LIMIT $5",
        after.first,
        user.0,
        after.second,
        after.text.as_str(),
        PAGE
    )?;
    let room = RoomId(after.first);
    let Some((seq, emoji)) = rows.last() else {
        let next = fetch_optional!(
            conn,
            (i64,),
            "SELECT room.room_id FROM room WHERE room.room_id > $1
                AND EXISTS (SELECT 1 FROM reaction r WHERE r.room_id = room.room_id
                               AND r.user_id = $2)
              ORDER BY room.room_id LIMIT 1",
            after.first,
            user.0
        )?;
        return Ok((Vec::new(), next.map(|(room,)| ExportMark::at(room, 0, ""))));
    };
    let mark = ExportMark::at(after.first, *seq, emoji);
    let reaction =
        |(seq, emoji): (i64, String)| json!({ "message": MessageId { room, seq }, "emoji": emoji });
    Ok((rows.into_iter().map(reaction).collect(), Some(mark)))
}

async fn pins(conn: &mut Conn, user: UserId, after: &ExportMark) -> Result<Read, StoreError> {
    let rows = fetch_all!(
        conn,
        (i64, i64, i64),
        "SELECT room_id, message_seq, at FROM pin
          WHERE by_id = $1 AND (room_id, message_seq) > ($2, $3)
          ORDER BY room_id, message_seq LIMIT $4",
        user.0,
        after.first,
        after.second,
        PAGE
    )?;
    let last = rows.last().map(|(room, seq, _)| ExportMark::at(*room, *seq, ""));
    let next = next(rows.len(), last);
    let pin = |(room, seq, at): (i64, i64, i64)| json!({ "message": MessageId { room: RoomId(room), seq }, "at": Millis(at) });
    Ok((rows.into_iter().map(pin).collect(), next))
}

async fn threads(conn: &mut Conn, user: UserId, after: &ExportMark) -> Result<Read, StoreError> {
    let rows = fetch_all!(
        conn,
        (i64, i64, i64),
        "SELECT room_id, root_seq, read_seq FROM thread_member
          WHERE user_id = $1 AND (room_id, root_seq) > ($2, $3) ORDER BY room_id, root_seq LIMIT $4",
        user.0,
        after.first,
        after.second,
        PAGE
    )?;
    let last = rows.last().map(|(room, root, _)| ExportMark::at(*room, *root, ""));
    let next = next(rows.len(), last);
    let thread = |(room, seq, read_seq): (i64, i64, i64)| json!({ "thread": MessageId { room: RoomId(room), seq }, "read_seq": read_seq });
    Ok((rows.into_iter().map(thread).collect(), next))
}

#[derive(Debug, sqlx::FromRow)]
struct NoticeRow {
    notice_id: i64,
    seq: i64,
    kind: String,
    room_id: Option<i64>,
    message_seq: Option<i64>,
    from_id: Option<i64>,
    title: String,
    body: String,
    at: i64,
    read_at: Option<i64>,
}

async fn notices(conn: &mut Conn, user: UserId, after: &ExportMark) -> Result<Read, StoreError> {
    let rows = fetch_all!(
        conn,
        NoticeRow,
        "SELECT notice_id, seq, kind, room_id, message_seq, from_id, title, body, at, read_at
           FROM notice
          WHERE user_id = $1 AND seq > $2 AND dropped_at IS NULL ORDER BY seq LIMIT $3",
        user.0,
        after.first,
        PAGE
    )?;
    let last = rows.last().map(|row| ExportMark::at(row.seq, 0, ""));
    let next = next(rows.len(), last);
    let notice = |row: NoticeRow| {
        let room = row.room_id.map(RoomId);
        let message = room.zip(row.message_seq).map(|(room, seq)| MessageId { room, seq });
        json!({ "id": NoticeId(row.notice_id), "kind": row.kind, "room": room, "message": message,
                "from": row.from_id.map(UserId), "title": row.title, "body": row.body,
                "at": Millis(row.at), "read_at": row.read_at.map(Millis) })
    };
    Ok((rows.into_iter().map(notice).collect(), next))
}

#[derive(Debug, sqlx::FromRow)]
struct ReportRow {
    report_id: i64,
    room_id: i64,
    message_seq: i64,
    reason: String,
    note: String,
    created_at: i64,
    settlement: Option<String>,
}

async fn reports(conn: &mut Conn, user: UserId, after: &ExportMark) -> Result<Read, StoreError> {
    let rows = fetch_all!(
        conn,
        ReportRow,
        "SELECT report_id, room_id, message_seq, reason, note, created_at, settlement FROM report
          WHERE by_id = $1 AND report_id > $2 ORDER BY report_id LIMIT $3",
        user.0,
        after.first,
        PAGE
    )?;
    let last = rows.last().map(|row| ExportMark::at(row.report_id, 0, ""));
    let next = next(rows.len(), last);
    let report = |row: ReportRow| {
        let message = MessageId { room: RoomId(row.room_id), seq: row.message_seq };
        json!({ "id": ReportId(row.report_id), "message": message, "reason": row.reason,
                "note": row.note, "at": Millis(row.created_at), "settlement": row.settlement })
    };
    Ok((rows.into_iter().map(report).collect(), next))
}
