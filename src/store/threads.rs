//! Threads as one of those who follow them sees them.

use super::db::{Conn, execute, fetch_optional, fetch_until};
use super::files::fill_found;
use super::messages::{FullRow, Message, PageRoom, full_columns, message_columns};
use super::page::Page;
use super::rooms::Reach;
use super::traces::trace_columns;
use super::{Store, StoreError};
use crate::domain::{RoomId, UserId};

/// A thread that somebody follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The message that began it.
    pub root: Message,
    /// Seq of its newest message.
    pub last_seq: i64,
    /// Read up to this seq.
    pub read_seq: i64,
    /// Messages above that.
    pub unread: i64,
}

/// How far somebody has read a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadMark {
    /// Read up to this seq.
    pub seq: i64,
    /// Messages above that.
    pub unread: i64,
}

#[derive(Debug, sqlx::FromRow)]
struct ThreadRow {
    last_seq: i64,
    read_seq: i64,
    unread: i64,
    #[sqlx(flatten)]
    root: FullRow,
}

/// Messages of the thread `f` above what is read.
macro_rules! unread {
    () => {
        "(SELECT count(*) FROM message u WHERE u.room_id = f.room_id AND u.thread = f.root_seq
             AND u.seq > f.read_seq) AS unread"
    };
}

impl Store {
    /// The threads that a user follows in what they see of a room, the one with the newest message
    /// first; fewer than asked for where their roots say more than fits into a page. The first that
    /// does not fit is there still, and tells of more. The key of a page is the seq of that message.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn threads(
        &self,
        Reach { room, after }: Reach,
        user: UserId,
        page: Page<i64>,
    ) -> Result<Vec<Thread>, StoreError> {
        let mut conn = self.db.read().await?;
        let (mut threads, mut room_left) = (Vec::new(), PageRoom::default());
        let is_full = |row: ThreadRow| {
            let root = row.root.of(room);
            let fits = room_left.takes(&root);
            let (last_seq, read_seq, unread) = (row.last_seq, row.read_seq, row.unread);
            threads.push(Thread { root, last_seq, read_seq, unread });
            !fits
        };
        fetch_until!(
            is_full,
            conn,
            ThreadRow,
            concat!(
                "SELECT thread.last_seq, f.read_seq, ",
                unread!(),
                ", ",
                full_columns!("$2"),
                " FROM thread_member f CROSS JOIN thread CROSS JOIN message m
                  WHERE f.user_id = $2 AND f.room_id = $1
                    AND thread.room_id = $1 AND thread.root_seq = f.root_seq
                    AND m.room_id = $1 AND m.seq = f.root_seq AND thread.last_seq < $3
                    AND m.seq > $5
                  ORDER BY thread.last_seq DESC LIMIT $4"
            ),
            room.0,
            user.0,
            page.below(),
            page.limit,
            after
        )?;
        fill_found(&mut conn, threads.iter_mut().map(|thread| &mut thread.root)).await?;
        Ok(threads)
    }

    /// Marks a thread as read up to a seq, never back. Nothing for who does not follow it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn mark_thread(
        &self,
        (room, root): (RoomId, i64),
        user: UserId,
        seq: i64,
    ) -> Result<Option<ThreadMark>, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = mark(&mut tx, (room, root), user, seq).await;
        tx.end(done).await
    }
}

async fn mark(
    conn: &mut Conn,
    (room, root): (RoomId, i64),
    user: UserId,
    seq: i64,
) -> Result<Option<ThreadMark>, StoreError> {
    let row = fetch_optional!(
        conn,
        (i64,),
        "SELECT last_seq FROM thread WHERE room_id = $1 AND root_seq = $2",
        room.0,
        root
    )?;
    let Some((last_seq,)) = row else { return Ok(None) };
    let upto = seq.min(last_seq);
    execute!(
        conn,
        "UPDATE thread_member SET read_seq = $4
          WHERE room_id = $1 AND root_seq = $2 AND user_id = $3 AND read_seq < $4",
        room.0,
        root,
        user.0,
        upto
    )?;
    let row = fetch_optional!(
        conn,
        (i64, i64),
        concat!(
            "SELECT f.read_seq, ",
            unread!(),
            " FROM thread_member f WHERE f.room_id = $1 AND f.root_seq = $2 AND f.user_id = $3"
        ),
        room.0,
        root,
        user.0
    )?;
    Ok(row.map(|(seq, unread)| ThreadMark { seq, unread }))
}
