//! Inbox entries that messages cause, written in the transaction of the message.

use std::collections::{BTreeSet, HashMap};

use crate::domain::{NoticeId, UserId};
use crate::store::StoreError;
use crate::store::append::{EventWriter, NewNotice, StoredNotice, WrittenNotice};
use crate::store::db::{Conn, Either};
use crate::store::given::{Bulk, Given, Script, bulk};

use super::places::Places;
use super::talk::Draft;

/// Characters of a message that an entry quotes at most; the writer may cut further.
const EXCERPT_CHARS: usize = 200;

const LOCK_INBOXES: Bulk = bulk!(
    "SELECT inbox.user_id, inbox.head, account.locale FROM ",
    (user_id bigint),
    " CROSS JOIN inbox CROSS JOIN account
      WHERE inbox.user_id = given.user_id AND account.user_id = inbox.user_id
      ORDER BY inbox.user_id",
    postgres " FOR NO KEY UPDATE OF inbox"
);

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

/// An inbox under lock.
pub(super) struct Inbox {
    pub(super) head: i64,
    pub(super) locale: String,
}

/// An entry with its numbers and texts.
struct Entry<'a> {
    id: NoticeId,
    kind: &'static str,
    seq: i64,
    user: UserId,
    draft: &'a Draft<'a>,
    written: WrittenNotice,
}

/// Writes the entries for each draft and gives them back, draft by draft.
pub(super) async fn write(
    conn: &mut Conn,
    places: &Places,
    drafts: &[Draft<'_>],
    writer: &dyn EventWriter,
) -> Result<Vec<Vec<StoredNotice>>, StoreError> {
    let users: BTreeSet<i64> =
        drafts.iter().flat_map(receivers).map(|(user, _kind)| user.0).collect();
    if users.is_empty() {
        return Ok(drafts.iter().map(|_draft| Vec::new()).collect());
    }
    let mut inboxes = lock(conn, users).await?;
    let names = names(conn, drafts).await?;
    let count = drafts.iter().flat_map(receivers).count();
    let mut ids = fresh_ids(conn, count).await?.into_iter();
    let mut entries = Vec::with_capacity(count);
    for draft in drafts {
        let message = draft.message;
        let from_name = names.get(&message.author).map_or("", String::as_str);
        let club = places.rooms.get(&message.room).and_then(|head| head.club);
        for (user, kind) in receivers(draft) {
            let (Some(inbox), Some(id)) = (inboxes.get_mut(&user), ids.next()) else { continue };
            inbox.head += 1;
            let notice = NewNotice {
                id,
                kind,
                user,
                locale: &inbox.locale,
                from_name,
                from: message.author,
                room: Some(message.room),
                message_seq: Some(draft.seq),
                club,
                place: &draft.place,
                role: None,
                excerpt: excerpt(message.text.as_str()),
                at: message.at,
            };
            let written = writer.notice(&notice, inbox.head);
            entries.push(Entry { id, kind, seq: inbox.head, user, draft, written });
        }
    }
    insert(conn, &entries, &inboxes).await?;
    let mut entries = entries.into_iter().peekable();
    let mut stored = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let mut own = Vec::new();
        while let Some(entry) = entries.next_if(|entry| std::ptr::eq(entry.draft, draft)) {
            let body = entry.written.event.into();
            own.push(StoredNotice { user: entry.user, seq: entry.seq, body });
        }
        stored.push(own);
    }
    Ok(stored)
}

/// Who hears of a message, and as what: one entry each. Being named wins, then being answered.
fn receivers<'a>(draft: &'a Draft<'_>) -> impl Iterator<Item = (UserId, &'static str)> + use<'a> {
    let is_asked = |user: &UserId| !draft.silent.contains(user);
    let answered = draft
        .answered
        .filter(|user| *user != draft.message.author && !draft.mentions.contains(user));
    let named = draft.mentions.iter().map(|user| (*user, "mention"));
    let called = named.chain(answered.map(|user| (user, "reply")));
    let watching = draft.watchers.iter().map(|user| (*user, draft.news));
    called.filter(move |(user, _kind)| is_asked(user)).chain(watching)
}

/// Takes the inboxes of these users.
pub(super) async fn lock(
    conn: &mut Conn,
    users: BTreeSet<i64>,
) -> Result<HashMap<UserId, Inbox>, StoreError> {
    let given = Given::new().ints(users);
    let rows: Vec<(i64, i64, String)> = conn.given_all(&LOCK_INBOXES, given).await?;
    let inbox = |(user, head, locale)| (UserId(user), Inbox { head, locale });
    Ok(rows.into_iter().map(inbox).collect())
}

async fn names(
    conn: &mut Conn,
    drafts: &[Draft<'_>],
) -> Result<HashMap<UserId, String>, StoreError> {
    let authors = drafts.iter().filter(|draft| receivers(draft).next().is_some());
    let authors: BTreeSet<i64> = authors.map(|draft| draft.message.author.0).collect();
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
        .ints(entries.iter().map(|entry| entry.draft.message.room.0))
        .ints(entries.iter().map(|entry| entry.draft.seq))
        .ints(entries.iter().map(|entry| entry.draft.message.author.0))
        .texts(entries.iter().map(|entry| entry.written.title.as_str()))
        .texts(entries.iter().map(|entry| entry.written.body.as_str()))
        .texts(entries.iter().map(|entry| entry.written.event.as_str()))
        .ints(entries.iter().map(|entry| entry.draft.message.at.0));
    script.add(&NOTICES, given);
    script.run(conn).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&LOCK_INBOXES, &HEADS, &NOTICES, &NAMES]).await;
    }
}
