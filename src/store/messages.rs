//! Reading messages as they stand now.

mod types;

use futures_util::TryStreamExt;
use serde::Deserialize;

pub(super) use self::types::PageRoom;
pub use self::types::{Message, Pinned, Reaction, Revision, ThreadPlace};
use super::db::{Either, Sql, fetch_all, fetch_optional, fetch_until};
use super::files::{fill, fill_found};
use super::page::Page;
use super::rooms::Reach;
use super::traces::{TraceRow, join_threads, trace_columns};
use super::{Store, StoreError};
use crate::domain::{MessageId, Millis, RoomId, UserId};

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

/// The columns of a [`MessageRow`], of a message `m`.
macro_rules! message_columns {
    () => {
        "m.seq, m.n, m.at, m.author_id, m.cid, m.text, m.html, m.reply_to, m.rev, m.edited_at,
         m.ai, m.hop"
    };
}
pub(super) use message_columns;

/// The columns of a [`FullRow`], of a message `m` and the thread that it began.
macro_rules! full_columns {
    ($reader:literal) => {
        concat!(message_columns!(), ", ", trace_columns!($reader))
    };
}
pub(super) use full_columns;

/// A row of `message`, read by [`message_columns!`]; packed into a list, its fields are in that order.
#[derive(Debug, sqlx::FromRow, Deserialize)]
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
    ai: Option<String>,
    hop: i64,
}

impl MessageRow {
    /// The message, in its room, with nothing on it.
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
            ai: self.ai,
            reactions: Vec::new(),
            is_pinned: false,
            thread: None,
            files: Vec::new(),
            previews: Vec::new(),
            hop: self.hop,
        }
    }
}

/// A message with what is left on it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct FullRow {
    #[sqlx(flatten)]
    message: MessageRow,
    #[sqlx(flatten)]
    traces: TraceRow,
}

impl FullRow {
    /// The message, in its room.
    pub(super) fn of(self, room: RoomId) -> Message {
        self.traces.on(self.message.of(room))
    }
}

#[derive(Debug, sqlx::FromRow)]
struct PinRow {
    pin_seq: i64,
    by_id: i64,
    pinned_at: i64,
    #[sqlx(flatten)]
    message: FullRow,
}

/// A query for messages that a user reads; both ends of a window fall or rise from a seq.
macro_rules! select_messages {
    ($tail:literal) => {
        concat!(
            "SELECT ",
            full_columns!("$2"),
            " FROM message m",
            join_threads!(),
            "WHERE m.room_id = $1 AND m.seq > $5 AND ",
            $tail
        )
    };
}

/// Whose eyes see which messages of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// What they reach of the room.
    pub reach: Reach,
    /// The reader: whose reactions are marked.
    pub reader: UserId,
    /// Only those in the thread that this seq began.
    pub thread: Option<i64>,
}

impl Store {
    /// How many machines there are between a message and the last human.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn hop(&self, room: RoomId, seq: i64) -> Result<i64, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (i64,),
            "SELECT hop FROM message WHERE room_id = $1 AND seq = $2",
            room.0,
            seq
        )?;
        Ok(row.map_or(0, |(hop,)| hop))
    }

    /// Some messages of what somebody sees of a room, ascending, at most `limit`; less where they
    /// say more than fits into a page. The one at the far end that does not fit any more is
    /// there still, and tells of more, but around a seq.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn messages(
        &self,
        of: Reading,
        window: Window,
        limit: i64,
    ) -> Result<Vec<Message>, StoreError> {
        match window {
            Window::Newest => self.messages_upto(of, i64::MAX, limit).await,
            Window::Before(seq) => self.messages_upto(of, seq.saturating_sub(1), limit).await,
            Window::After(seq) => self.messages_after(of, seq, limit).await,
            Window::Around(seq) => {
                let after = limit / 2;
                let mut messages = self.messages_upto(of, seq, limit - after).await?;
                messages.drain(..messages.len() - Message::fitting(messages.iter().rev()));
                let mut newer = self.messages_after(of, seq, after).await?;
                newer.truncate(Message::fitting(newer.iter()));
                messages.append(&mut newer);
                Ok(messages)
            }
        }
    }

    async fn messages_upto(
        &self,
        of: Reading,
        seq: i64,
        limit: i64,
    ) -> Result<Vec<Message>, StoreError> {
        let sql = match of.thread {
            None => select_messages!("m.seq <= $3 ORDER BY m.seq DESC LIMIT $4"),
            Some(_) => {
                select_messages!("m.seq <= $3 AND m.thread = $6 ORDER BY m.seq DESC LIMIT $4")
            }
        };
        let mut messages = self.page(of, sql, seq, limit).await?;
        messages.reverse();
        Ok(messages)
    }

    async fn messages_after(
        &self,
        of: Reading,
        seq: i64,
        limit: i64,
    ) -> Result<Vec<Message>, StoreError> {
        let sql = match of.thread {
            None => select_messages!("m.seq > $3 ORDER BY m.seq LIMIT $4"),
            Some(_) => {
                select_messages!("m.seq > $3 AND m.thread = $6 ORDER BY m.seq LIMIT $4")
            }
        };
        self.page(of, sql, seq, limit).await
    }

    /// One message of a room.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn message(&self, of: Reading, seq: i64) -> Result<Option<Message>, StoreError> {
        let sql = select_messages!("m.seq = $3 LIMIT $4");
        Ok(self.page(Reading { thread: None, ..of }, sql, seq, 1).await?.pop())
    }

    /// The pinned messages of a room, the last one pinned first. The key of a page is the seq of the
    /// pin.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn pins(&self, of: Reading, page: Page<i64>) -> Result<Vec<Pinned>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            PinRow,
            concat!(
                "SELECT known.seq AS pin_seq, known.by_id, known.at AS pinned_at, ",
                full_columns!("$2"),
                " FROM pin known CROSS JOIN message m",
                join_threads!(),
                "WHERE known.room_id = $1 AND m.room_id = $1 AND m.seq = known.message_seq
                    AND m.seq > $3 AND known.seq < $4
                  ORDER BY known.seq DESC LIMIT $5"
            ),
            of.reach.room.0,
            of.reader.0,
            of.reach.after,
            page.below(),
            page.limit
        )?;
        let pinned = |row: PinRow| Pinned {
            seq: row.pin_seq,
            message: row.message.of(of.reach.room),
            by: UserId(row.by_id),
            at: Millis(row.pinned_at),
        };
        let mut pins: Vec<_> = rows.into_iter().map(pinned).collect();
        fill_found(&mut conn, pins.iter_mut().map(|pin| &mut pin.message)).await?;
        Ok(pins)
    }

    /// The texts of an edited message that are kept, oldest first; none of one that never was
    /// edited, or is deleted; where they say more than fits into a page, up to the first that does
    /// not fit. The key of a page is the number of the revision.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn revisions(
        &self,
        MessageId { room, seq }: MessageId,
        page: Page<i64>,
    ) -> Result<Vec<Revision>, StoreError> {
        let mut conn = self.db.read().await?;
        let (mut revisions, mut room_left) = (Vec::new(), PageRoom::default());
        let is_full = |(rev, text, at): (i64, String, i64)| {
            let fits = room_left.has_room_for(text.len());
            revisions.push(Revision { rev, text, at: Millis(at) });
            !fits
        };
        fetch_until!(
            is_full,
            conn,
            (i64, String, i64),
            "SELECT rev, text, at FROM revision
              WHERE room_id = $1 AND message_seq = $2 AND rev > $3 AND text IS NOT NULL
              ORDER BY rev LIMIT $4",
            room.0,
            seq,
            page.after.unwrap_or(0),
            page.limit
        )?;
        Ok(revisions)
    }

    /// Rows one by one, and none behind the first that does not fit: many who ask at once for much
    /// hold no more than a page each.
    async fn page(
        &self,
        of: Reading,
        sql: &'static str,
        seq: i64,
        limit: i64,
    ) -> Result<Vec<Message>, StoreError> {
        let Reading { reach: Reach { room, after }, reader, thread } = of;
        let mut conn = self.db.read().await?;
        let (mut messages, mut room_left) = (Vec::new(), PageRoom::default());
        let mut is_full = |row: FullRow| {
            let message = row.of(room);
            let fits = room_left.takes(&message);
            messages.push(message);
            !fits
        };
        /// Binds what every one of these statements takes, and reads until the page is full.
        macro_rules! read {
            ($conn:expr, $text:expr) => {{
                let query = sqlx::query_as::<_, FullRow>($text);
                let query = query.bind(room.0).bind(reader.0).bind(seq).bind(limit).bind(after);
                let query = if let Some(root) = thread { query.bind(root) } else { query };
                let mut rows = query.fetch($conn);
                while let Some(row) = rows.try_next().await? {
                    if is_full(row) {
                        break;
                    }
                }
            }};
        }
        let sql = Sql::from(sql);
        match conn.either() {
            Either::Sqlite(conn) => read!(conn, sql.sqlite),
            Either::Postgres(conn) => read!(conn, sql.postgres),
        }
        fill(&mut conn, room, &mut messages).await?;
        Ok(messages)
    }
}
