//! Inbox entries that messages cause, written in the transaction of the message; and how they go with
//! it.

use std::collections::{BTreeSet, HashMap};

use crate::domain::{NoticeId, UserId, quote};
use crate::store::StoreError;
use crate::store::append::StoredNotice;
use crate::store::db::{Conn, Either};
use crate::store::given::{Bulk, Given, Script, bulk};
use crate::store::writer::{EventWriter, NewNotice, Removal, WrittenNotice};

use super::cause::Cause;
use super::inboxes::Inbox;
use super::places::Places;

/// Characters of a message that an entry quotes at most; the writer may cut further.
const EXCERPT_CHARS: usize = 200;

pub(super) const HEADS: Bulk = bulk!(
    "UPDATE inbox SET head = given.head FROM ",
    (user_id bigint, head bigint),
    " WHERE inbox.user_id = given.user_id"
);

pub(super) const NOTICES: Bulk = bulk!(
    "INSERT INTO notice (notice_id, user_id, seq, kind, room_id, message_seq, from_id, title, body,
                         event, at)
     SELECT notice_id, user_id, seq, kind, room_id, message_seq, from_id, title, body, event, at
       FROM ",
    (notice_id bigint, user_id bigint, seq bigint, kind text, room_id bigint,
     message_seq bigint, from_id bigint, title text, body text, event text, at bigint),
    ""
);

/// The names of the authors, as the receivers read them.
const NAMES: Bulk = bulk!(
    "SELECT account.user_id, account.display_name FROM ",
    (user_id bigint),
    " CROSS JOIN account WHERE account.user_id = given.user_id"
);

/// An entry with its numbers and texts.
struct Entry<'a> {
    id: NoticeId,
    kind: &'static str,
    seq: i64,
    user: UserId,
    cause: &'a Cause<'a>,
    written: WrittenNotice,
}

/// Writes the entries for each text and gives them back, text by text.
pub(super) async fn write(
    conn: &mut Conn,
    places: &mut Places,
    causes: &[&Cause<'_>],
    writer: &dyn EventWriter,
) -> Result<Vec<Vec<StoredNotice>>, StoreError> {
    let receivers = || causes.iter().flat_map(|cause| cause.receivers());
    let users: BTreeSet<i64> = receivers().map(|(user, _kind)| user.0).collect();
    if users.is_empty() {
        return Ok(causes.iter().map(|_cause| Vec::new()).collect());
    }
    let mut inboxes = places.inboxes.lock(conn, users).await?;
    let names = names(conn, causes).await?;
    let count = receivers().count();
    let mut ids = fresh_ids(conn, count).await?.into_iter();
    let mut entries = Vec::with_capacity(count);
    for cause in causes {
        let from_name = names.get(&cause.author).map_or("", String::as_str);
        let quoted = quote(cause.text, cause.html);
        let club = places.rooms.get(&cause.room).and_then(|head| head.club);
        for (user, kind) in cause.receivers() {
            let (Some(inbox), Some(id)) = (inboxes.get_mut(&user), ids.next()) else { continue };
            inbox.head += 1;
            let notice = NewNotice {
                id,
                kind,
                user,
                locale: &inbox.locale,
                from_name,
                from: Some(cause.author),
                room: Some(cause.room),
                message_seq: Some(cause.seq),
                club,
                place: &cause.place,
                role: None,
                removal: Removal::default(),
                excerpt: excerpt(&quoted),
                at: cause.at,
            };
            let written = writer.notice(&notice, inbox.head);
            entries.push(Entry { id, kind, seq: inbox.head, user, cause, written });
        }
    }
    insert(conn, &entries, &inboxes).await?;
    let mut entries = entries.into_iter().peekable();
    let mut stored = Vec::with_capacity(causes.len());
    for cause in causes {
        let mut own = Vec::new();
        while let Some(entry) = entries.next_if(|entry| std::ptr::eq(entry.cause, *cause)) {
            let body = entry.written.event.into();
            own.push(StoredNotice { user: entry.user, seq: entry.seq, body });
        }
        stored.push(own);
    }
    Ok(stored)
}

async fn names(
    conn: &mut Conn,
    causes: &[&Cause<'_>],
) -> Result<HashMap<UserId, String>, StoreError> {
    let authors = causes.iter().filter(|cause| cause.receivers().next().is_some());
    let authors: BTreeSet<i64> = authors.map(|cause| cause.author.0).collect();
    let rows: Vec<(i64, String)> = conn.given_all(&NAMES, Given::new().ints(authors)).await?;
    Ok(rows.into_iter().map(|(user, name)| (UserId(user), name)).collect())
}

fn excerpt(text: &str) -> &str {
    let end = text.char_indices().nth(EXCERPT_CHARS).map_or(text.len(), |(end, _c)| end);
    text.get(..end).unwrap_or(text)
}

/// Ids before the rows, because the event that is kept holds its own id.
pub(super) async fn fresh_ids(conn: &mut Conn, count: usize) -> Result<Vec<NoticeId>, StoreError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let ids: Result<Vec<i64>, sqlx::Error> = match conn.either() {
        // Under the write lock the counter of AUTOINCREMENT stands still; the insert moves it on.
        Either::Sqlite(conn) => {
            let last: Result<i64, _> = sqlx::query_scalar(
                "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'notice'",
            )
            .fetch_one(conn)
            .await;
            last.map(|last| (last + 1..=last + count).collect())
        }
        Either::Postgres(conn) => {
            sqlx::query_scalar(
                "SELECT nextval(pg_get_serial_sequence('notice', 'notice_id'))
                   FROM generate_series(1, $1::bigint)",
            )
            .bind(count)
            .fetch_all(conn)
            .await
        }
    };
    Ok(conn.heard(ids)?.into_iter().map(NoticeId).collect())
}

async fn insert(
    conn: &mut Conn,
    entries: &[Entry<'_>],
    inboxes: &HashMap<UserId, Inbox>,
) -> Result<(), StoreError> {
    let given = Given::new()
        .ints(inboxes.keys().map(|user| user.0))
        .ints(inboxes.values().map(|inbox| inbox.head));
    let mut script = Script::new();
    script.add(&HEADS, given);
    let given = Given::new()
        .ints(entries.iter().map(|entry| entry.id.0))
        .ints(entries.iter().map(|entry| entry.user.0))
        .ints(entries.iter().map(|entry| entry.seq))
        .texts(entries.iter().map(|entry| entry.kind))
        .ints(entries.iter().map(|entry| entry.cause.room.0))
        .ints(entries.iter().map(|entry| entry.cause.seq))
        .ints(entries.iter().map(|entry| entry.cause.author.0))
        .texts(entries.iter().map(|entry| entry.written.title.as_str()))
        .texts(entries.iter().map(|entry| entry.written.body.as_str()))
        .texts(entries.iter().map(|entry| entry.written.event.as_str()))
        .ints(entries.iter().map(|entry| entry.cause.at.0));
    script.add(&NOTICES, given);
    script.run(conn).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&HEADS, &NOTICES, &NAMES]).await;
    }
}
