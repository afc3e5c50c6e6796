//! Inboxes: reading a user's notices, and what they have read. The journal writes the entries.

mod read;
mod shown;

use std::sync::Arc;

pub use self::shown::ShownNotices;
use super::db::{Conn, fetch_all, fetch_one};
use super::given::{Bulk, Given, bulk};
use super::page::Page;
use super::{Store, StoreError};
use crate::domain::{Epoch, Millis, NoticeId, RoomId, UserId};

/// Of so many entries back it is told whether they were dropped; as many as are replayed.
const DROPPED: i64 = 1_000;

/// Where the inbox of a user stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxHead {
    /// Life of its log.
    pub epoch: Epoch,
    /// Newest seq.
    pub head: i64,
    /// Entries neither read nor dropped.
    pub unread: i64,
}

/// One entry as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// Place in the inbox log.
    pub seq: i64,
    /// `mention`, `reply` …
    pub kind: String,
    /// Where it happened.
    pub room: Option<RoomId>,
    /// The seq of the message.
    pub message_seq: Option<i64>,
    /// Who caused it.
    pub from: Option<UserId>,
    /// Headline.
    pub title: String,
    /// First words.
    pub body: String,
    /// The event as it is sent.
    pub event: String,
    /// When.
    pub at: Millis,
    /// When it was first shown somewhere.
    pub delivered_at: Option<Millis>,
    /// When the user read it.
    pub read_at: Option<Millis>,
}

/// An entry as the log of an inbox has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedNotice {
    /// Place in the inbox log.
    pub seq: i64,
    /// The event as it is sent.
    pub body: Arc<str>,
    /// Whether it was shown somewhere before.
    pub is_shown: bool,
}

/// Which entries to list. Dropped ones never are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NoticeFilter {
    /// All.
    #[default]
    All,
    /// Those that were not read.
    Unread,
}

/// Which entries to mark as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadSelection {
    /// All up to and including this seq.
    Upto(i64),
    /// These.
    Ids(Vec<NoticeId>),
}

/// What a user has read, in short form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxMarks {
    /// Entries neither read nor dropped.
    pub unread: i64,
    /// No entry up to here is unread.
    pub read_upto: i64,
    /// Entries above that were read all the same.
    pub read_ids: Vec<NoticeId>,
    /// Entries that are gone, of the last ones.
    pub dropped: Vec<NoticeId>,
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
    event: String,
    at: i64,
    delivered_at: Option<i64>,
    read_at: Option<i64>,
}

impl From<NoticeRow> for Notice {
    fn from(row: NoticeRow) -> Self {
        Self {
            id: NoticeId(row.notice_id),
            seq: row.seq,
            kind: row.kind,
            room: row.room_id.map(RoomId),
            message_seq: row.message_seq,
            from: row.from_id.map(UserId),
            title: row.title,
            body: row.body,
            event: row.event,
            at: Millis(row.at),
            delivered_at: row.delivered_at.map(Millis),
            read_at: row.read_at.map(Millis),
        }
    }
}

/// Heads of many inboxes.
const HEADS: Bulk = bulk!(
    "SELECT inbox.user_id, inbox.epoch, inbox.head,
            (SELECT count(*) FROM notice WHERE notice.user_id = inbox.user_id
                AND notice.read_at IS NULL AND notice.dropped_at IS NULL) FROM ",
    (user_id bigint),
    " CROSS JOIN inbox WHERE inbox.user_id = given.user_id"
);

impl Store {
    /// Where the inbox of a user stands.
    ///
    /// # Errors
    /// When the store does not answer, and [`StoreError::Corrupt`] for nobody's inbox: it is made
    /// with the account.
    pub async fn inbox_head(&self, user: UserId) -> Result<InboxHead, StoreError> {
        let heads = self.inbox_heads(&[user]).await?;
        let head = heads.into_iter().next().map(|(_user, head)| head);
        head.ok_or_else(|| StoreError::Corrupt(format!("{user} has no inbox")))
    }

    /// Where the inboxes of these users stand, in no order; nobody's are left out.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn inbox_heads(
        &self,
        users: &[UserId],
    ) -> Result<Vec<(UserId, InboxHead)>, StoreError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let mut conn = self.db.read().await?;
        let given = Given::new().ints(users.iter().map(|user| user.0));
        let rows: Vec<(i64, String, i64, i64)> = conn.given_all(&HEADS, given).await?;
        let head = |(user, epoch, head, unread): (i64, String, i64, i64)| {
            (UserId(user), InboxHead { epoch: Epoch(epoch.into()), head, unread })
        };
        Ok(rows.into_iter().map(head).collect())
    }

    /// Entries of a user, newest first. The key of a page is the seq.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn notices(
        &self,
        user: UserId,
        filter: NoticeFilter,
        page: Page<i64>,
    ) -> Result<Vec<Notice>, StoreError> {
        macro_rules! select {
            ($which:literal) => {
                concat!(
                    "SELECT notice_id, seq, kind, room_id, message_seq, from_id, title, body, event, at,
                            delivered_at, read_at
                       FROM notice WHERE user_id = $1 AND seq < $2 AND dropped_at IS NULL ",
                    $which,
                    " ORDER BY seq DESC LIMIT $3"
                )
            };
        }
        let sql = match filter {
            NoticeFilter::All => select!(""),
            NoticeFilter::Unread => select!("AND read_at IS NULL"),
        };
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(conn, NoticeRow, sql, user.0, page.below(), page.limit)?;
        Ok(rows.into_iter().map(Notice::from).collect())
    }

    /// The inbox events that follow a seq, ascending, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn inbox_events_after(
        &self,
        user: UserId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<LoggedNotice>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            (i64, String, bool),
            "SELECT seq, event, delivered_at IS NOT NULL FROM notice
              WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            user.0,
            after,
            limit
        )?;
        let logged = |(seq, event, is_shown): (i64, String, bool)| LoggedNotice {
            seq,
            body: event.into(),
            is_shown,
        };
        Ok(rows.into_iter().map(logged).collect())
    }

    /// Marks entries as read; tells how many are still unread. Others' entries are not touched.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn mark_notices(
        &self,
        user: UserId,
        which: &ReadSelection,
        at: Millis,
    ) -> Result<i64, StoreError> {
        read::mark(&self.db, user, which, at).await?;
        unread(&mut self.db.read().await?, user).await
    }

    /// What a user has read.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn inbox_marks(&self, user: UserId) -> Result<InboxMarks, StoreError> {
        let mut conn = self.db.read().await?;
        let (unread, read_upto): (i64, i64) = fetch_one!(
            conn,
            (i64, i64),
            "SELECT count(*), coalesce(min(seq) - 1, (SELECT head FROM inbox WHERE user_id = $1), 0)
               FROM notice WHERE user_id = $1 AND read_at IS NULL AND dropped_at IS NULL",
            user.0
        )?;
        let rows = fetch_all!(
            conn,
            (i64,),
            "SELECT notice_id FROM notice
              WHERE user_id = $1 AND seq > $2 AND read_at IS NOT NULL ORDER BY seq",
            user.0,
            read_upto
        )?;
        let read_ids = rows.into_iter().map(|(id,)| NoticeId(id)).collect();
        let rows = fetch_all!(
            conn,
            (i64,),
            "SELECT notice_id FROM notice
              WHERE user_id = $1 AND dropped_at IS NOT NULL
                AND seq > (SELECT head FROM inbox WHERE user_id = $1) - $2 ORDER BY seq",
            user.0,
            DROPPED
        )?;
        let dropped = rows.into_iter().map(|(id,)| NoticeId(id)).collect();
        Ok(InboxMarks { unread, read_upto, read_ids, dropped })
    }
}

async fn unread(conn: &mut Conn, user: UserId) -> Result<i64, StoreError> {
    let (unread,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "SELECT count(*) FROM notice
          WHERE user_id = $1 AND read_at IS NULL AND dropped_at IS NULL",
        user.0
    )?;
    Ok(unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&HEADS]).await;
    }
}
