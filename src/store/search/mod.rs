//! Searching messages: the index, and who may read what it finds.
//!
//! The index holds numbers of each text ([`tokens`](crate::domain::tokens)) and narrows down where to
//! look; every message that it names is judged by its text and by the rights of the reader as they
//! stand now (`verdict.rs`). So an entry that is out of date shows nothing that should not be seen.
//!
//! It is filled behind the logs, room by room, in chunks (`follow.rs`), by a chore that nobody waits
//! for. What a room has behind its place in the index is looked at directly (`tail.rs`): a message
//! is found as soon as it is acknowledged, whether it is in the index or not. Whoever changes or
//! removes the text of a message calls [`renew`] in the same transaction.
//!
//! **Invariant:** a message at or before the place of its room, with a text, is in the index with at
//! least the tokens of that text. Who moves a place and who renews lock it (`entries.rs`), so none
//! builds on a text that the other is changing.
//!
//! On SQLite the tokens are in FTS5, which gives its rows by falling rowid: the newest first, and no
//! more than are asked for. On PostgreSQL they are an array under a GIN index (`hits`).

mod entries;
mod files;
mod follow;
mod gather;
mod hits;
mod left;
mod scope;
mod spot;
mod tail;
mod verdict;

pub use follow::{Behind, Followed};
pub use spot::Spot;

use self::gather::Gather;
use self::hits::Hits;
use self::scope::Scope;
use super::db::Conn;
use super::messages::Message;
use super::{Store, StoreError};
use crate::domain::{ClubId, MessageId, Millis, RoomId, SearchText, UserId};

/// What a message carries besides its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// A file.
    File,
    /// A link, in its text.
    Link,
}

/// What to look for, among the messages that the reader may read. What is `None` narrows nothing.
#[derive(Debug, Clone)]
pub struct Search<'a> {
    /// Who looks.
    pub reader: UserId,
    /// Words. Without them an author or something carried must be named.
    pub text: Option<&'a SearchText>,
    /// In this room only.
    pub room: Option<RoomId>,
    /// In the rooms of this club only.
    pub club: Option<ClubId>,
    /// By this author only.
    pub author: Option<UserId>,
    /// Taken at this time or later.
    pub since: Option<Millis>,
    /// Taken before this time.
    pub until: Option<Millis>,
    /// Those that carry this.
    pub has: Option<Carried>,
    /// Those after this spot of a page before.
    pub after: Option<Spot>,
    /// Most messages to give.
    pub limit: usize,
}

/// A page of what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundPage {
    /// The messages, newest first.
    pub messages: Vec<Message>,
    /// From where to go on. A page may hold fewer messages than asked for, even none, and have a
    /// next one: a search reads so much and no more at a time.
    pub next: Option<Spot>,
}

impl Store {
    /// Finds messages, newest first. `None` when a room or a club was named in which the reader may
    /// read nothing.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn search(&self, search: &Search<'_>) -> Result<Option<FoundPage>, StoreError> {
        find(&mut self.db.read().await?, search).await
    }

    /// Brings the index in line with messages that were changed, in a transaction of its own. Within
    /// one that changes them, the store calls `renew`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn renew_search(&self, messages: &[MessageId]) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let done = renew(&mut tx, messages).await;
        tx.end(done).await
    }
}

async fn find(conn: &mut Conn, search: &Search<'_>) -> Result<Option<FoundPage>, StoreError> {
    let scope = Scope::read(conn, search).await?;
    if scope.is_empty() {
        let is_named = search.room.is_some() || search.club.is_some();
        return Ok((!is_named).then(FoundPage::default));
    }
    let mut gather = Gather::new(search);
    // The tail first: what moves from it into the index meanwhile is seen twice, not missed.
    tail::look(conn, search, &scope, &mut gather).await?;
    let mut hits = Hits::new(search, &scope, conn);
    while !gather.is_done() {
        let answer = hits.next(conn, gather.ask()).await?;
        gather.take_answer(answer, &scope);
    }
    let (found, next) = gather.finish();
    let messages = left::fill(conn, search.reader, found).await?;
    Ok(Some(FoundPage { messages, next }))
}

pub(super) use entries::{lock_places, renew};
