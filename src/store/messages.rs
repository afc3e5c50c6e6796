//! Reading messages as they stand now.

use futures_util::TryStreamExt;

use super::append::LogHead;
use super::db::{Either, Sql, fetch_all};
use super::rooms::Reach;
use super::{Store, StoreError};
use crate::domain::{Epoch, Millis, RoomId, UserId, limits};

/// A message as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its room.
    pub room: RoomId,
    /// Seq of the event that brought it.
    pub seq: i64,
    /// Its ordinal among the messages of the room.
    pub n: i64,
    /// When it was taken.
    pub at: Millis,
    /// Who wrote it.
    pub author: UserId,
    /// The client's own id of the send.
    pub cid: String,
    /// The text; none in the tombstone of a deleted message.
    pub text: Option<String>,
    /// Safe HTML that shows it; none for a plain text and for a tombstone.
    pub html: Option<String>,
    /// Seq of the message that it answers.
    pub reply_to: Option<i64>,
    /// 1, and one more with each edit.
    pub rev: i64,
    /// When it was last edited.
    pub edited_at: Option<Millis>,
}

impl Message {
    /// How many of these, one after the other, have no more text than fits into a page: at least
    /// one, so that reading goes on.
    pub fn fitting<'m>(messages: impl Iterator<Item = &'m Self>) -> usize {
        let mut room_left = TextRoom::default();
        let fits = |message: &&Self| room_left.takes(message.text.as_deref());
        messages.take_while(fits).count()
    }
}

/// Counts text until a page is full.
#[derive(Debug, Default)]
struct TextRoom {
    rows: usize,
    bytes: usize,
}

impl TextRoom {
    fn takes(&mut self, text: Option<&str>) -> bool {
        self.rows += 1;
        self.bytes += text.map_or(0, str::len);
        self.rows == 1 || self.bytes <= limits::PAGE_BYTES
    }
}

/// The last state of a room: head and messages are of the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Where the log stands.
    pub at: LogHead,
    /// The last messages, ascending.
    pub messages: Vec<Message>,
}

/// Which messages of a room to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The last ones.
    Newest,
    /// Those right before a seq.
    Before(i64),
    /// Those right after a seq.
    After(i64),
    /// Those around a seq, half at or before it and half after it.
    Around(i64),
}

/// A row of `message`, read by [`message_columns!`].
#[derive(Debug, sqlx::FromRow)]
pub(super) struct MessageRow {
    seq: i64,
    n: i64,
    at: i64,
    author_id: i64,
    cid: String,
    text: Option<String>,
    html: Option<String>,
    reply_to: Option<i64>,
    rev: i64,
    edited_at: Option<i64>,
}

impl MessageRow {
    /// The message, in its room.
    pub(super) fn of(self, room: RoomId) -> Message {
        Message {
            room,
            seq: self.seq,
            n: self.n,
            at: Millis(self.at),
            author: UserId(self.author_id),
            cid: self.cid,
            text: self.text,
            html: self.html,
            reply_to: self.reply_to,
            rev: self.rev,
            edited_at: self.edited_at.map(Millis),
        }
    }
}

/// A row of the snapshot: the head beside each message, and beside none in an empty room.
#[derive(Debug, sqlx::FromRow)]
struct SnapshotRow {
    epoch: String,
    head: i64,
    room_n: i64,
    seq: Option<i64>,
    n: Option<i64>,
    at: Option<i64>,
    author_id: Option<i64>,
    cid: Option<String>,
    text: Option<String>,
    html: Option<String>,
    reply_to: Option<i64>,
    rev: Option<i64>,
    edited_at: Option<i64>,
}

impl SnapshotRow {
    fn message(self, room: RoomId) -> Option<Message> {
        let row = MessageRow {
            seq: self.seq?,
            n: self.n?,
            at: self.at?,
            author_id: self.author_id?,
            cid: self.cid?,
            text: self.text,
            html: self.html,
            reply_to: self.reply_to,
            rev: self.rev?,
            edited_at: self.edited_at,
        };
        Some(row.of(room))
    }
}

/// The columns of a [`MessageRow`], of an alias of `message`.
macro_rules! message_columns {
    ($message:literal) => {
        concat!(
            $message,
            ".seq, ",
            $message,
            ".n, ",
            $message,
            ".at, ",
            $message,
            ".author_id, ",
            $message,
            ".cid, ",
            $message,
            ".text, ",
            $message,
            ".html, ",
            $message,
            ".reply_to, ",
            $message,
            ".rev, ",
            $message,
            ".edited_at"
        )
    };
}
pub(super) use message_columns;

/// A query for messages; both ends of a window fall or rise from a seq.
macro_rules! select_messages {
    ($tail:literal) => {
        concat!(
            "SELECT ",
            message_columns!("message"),
            " FROM message WHERE room_id = $1 AND ",
            $tail
        )
    };
}

impl Store {
    /// The head of a living room and its last messages. One statement, hence of one moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn snapshot(&self, room: RoomId, limit: i64) -> Result<Option<Snapshot>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            SnapshotRow,
            "SELECT r.epoch, r.head, r.n AS room_n, m.seq, m.n, m.at, m.author_id, m.cid, m.text,
                    m.html, m.reply_to, m.rev, m.edited_at
               FROM room r LEFT JOIN (SELECT * FROM message WHERE room_id = $1
                                       ORDER BY seq DESC LIMIT $2) m ON TRUE
              WHERE r.room_id = $1 AND r.deleted_at IS NULL ORDER BY m.seq DESC",
            room.0,
            limit
        )?;
        let Some(first) = rows.first() else { return Ok(None) };
        let epoch = Epoch(first.epoch.as_str().into());
        let at = LogHead { epoch, head: first.head, n: first.room_n };
        let messages = rows.into_iter().rev().filter_map(|row| row.message(room)).collect();
        Ok(Some(Snapshot { at, messages }))
    }

    /// Some messages of what somebody sees of a room, ascending, at most `limit`; less where they
    /// have more text than fits into a page. The one at the far end that does not fit any more is
    /// there still, and tells of more, but around a seq.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn messages(
        &self,
        reach: Reach,
        window: Window,
        limit: i64,
    ) -> Result<Vec<Message>, StoreError> {
        match window {
            Window::Newest => self.messages_upto(reach, i64::MAX, limit).await,
            Window::Before(seq) => self.messages_upto(reach, seq.saturating_sub(1), limit).await,
            Window::After(seq) => self.messages_after(reach, seq, limit).await,
            Window::Around(seq) => {
                let after = limit / 2;
                let mut messages = self.messages_upto(reach, seq, limit - after).await?;
                messages.drain(..messages.len() - Message::fitting(messages.iter().rev()));
                let mut newer = self.messages_after(reach, seq, after).await?;
                newer.truncate(Message::fitting(newer.iter()));
                messages.append(&mut newer);
                Ok(messages)
            }
        }
    }

    async fn messages_upto(
        &self,
        reach: Reach,
        seq: i64,
        limit: i64,
    ) -> Result<Vec<Message>, StoreError> {
        let sql = select_messages!("seq <= $2 AND seq > $4 ORDER BY seq DESC LIMIT $3");
        let mut messages = self.page(reach, sql, seq, limit).await?;
        messages.reverse();
        Ok(messages)
    }

    async fn messages_after(
        &self,
        reach: Reach,
        seq: i64,
        limit: i64,
    ) -> Result<Vec<Message>, StoreError> {
        let sql = select_messages!("seq > $2 AND seq > $4 ORDER BY seq LIMIT $3");
        self.page(reach, sql, seq, limit).await
    }

    /// Rows one by one, and none behind the first that does not fit: many who ask at once for much
    /// hold no more than a page each.
    async fn page(
        &self,
        Reach { room, after }: Reach,
        sql: &'static str,
        seq: i64,
        limit: i64,
    ) -> Result<Vec<Message>, StoreError> {
        let mut conn = self.db.read().await?;
        let (mut messages, mut room_left) = (Vec::new(), TextRoom::default());
        let mut is_full = |row: MessageRow| {
            let fits = room_left.takes(row.text.as_deref());
            messages.push(row.of(room));
            !fits
        };
        let sql = Sql::from(sql);
        match conn.either() {
            Either::Sqlite(conn) => {
                let query = sqlx::query_as::<_, MessageRow>(sql.sqlite);
                let mut rows = query.bind(room.0).bind(seq).bind(limit).bind(after).fetch(conn);
                while let Some(row) = rows.try_next().await? {
                    if is_full(row) {
                        break;
                    }
                }
            }
            Either::Postgres(conn) => {
                let query = sqlx::query_as::<_, MessageRow>(sql.postgres);
                let mut rows = query.bind(room.0).bind(seq).bind(limit).bind(after).fetch(conn);
                while let Some(row) = rows.try_next().await? {
                    if is_full(row) {
                        break;
                    }
                }
            }
        }
        Ok(messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_full_by_its_text_but_never_empty() {
        let message = |bytes: usize| Message {
            room: RoomId(1),
            seq: 1,
            n: 1,
            at: Millis(0),
            author: UserId(1),
            cid: String::new(),
            text: (bytes > 0).then(|| "x".repeat(bytes)),
            html: None,
            reply_to: None,
            rev: 1,
            edited_at: None,
        };
        let fitting = |bytes: &[usize]| {
            let messages: Vec<_> = bytes.iter().map(|bytes| message(*bytes)).collect();
            Message::fitting(messages.iter())
        };
        let most = limits::PAGE_BYTES;
        assert_eq!(fitting(&[]), 0);
        assert_eq!(fitting(&[10, 0, 10]), 3);
        assert_eq!(fitting(&[most + 1, 1]), 1);
        assert_eq!(fitting(&[most, 0, 0]), 3);
        assert_eq!(fitting(&[most - 5, 5, 1, 0]), 2);
    }
}
