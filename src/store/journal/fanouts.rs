//! Telling many of one message, piece by piece: who is called by `@all` and `@here`, and who follows a
//! thread that many follow. Each piece is an append of its own, so the writer is never held for long;
//! the row says how far it got, so a node that ends leaves nothing undone.

use std::collections::HashSet;

use crate::domain::{Group, Millis, RoomId, UserId};
use crate::store::append::{Appended, Called};
use crate::store::blocks::apart;
use crate::store::db::{Conn, execute, fetch_all, fetch_optional};
use crate::store::given::{Bulk, Given, Script, bulk};
use crate::store::rooms::{may_read, visible_after};
use crate::store::writer::EventWriter;
use crate::store::{Store, StoreError};

use super::cause::Cause;
use super::places::Places;
use super::talk::Draft;
use super::{counts, notices};

/// People in one piece.
const PIECE: i64 = 100;

const FANOUTS: Bulk = bulk!(
    "INSERT INTO fanout (room_id, message_seq, what, users, at)
     SELECT room_id, message_seq, what, users, at FROM ",
    (room_id bigint, message_seq bigint, what text, users text, at bigint),
    " WHERE TRUE ON CONFLICT (room_id, message_seq, what) DO NOTHING"
);

/// Some of whom may read the message and hear of its author, and whether they want no entry from its room.
const READERS: Bulk = bulk!(
    "SELECT given.user_id, coalesce(seen.notify = 'none', FALSE) FROM ",
    (room_id bigint, message_seq bigint, user_id bigint, author_id bigint),
    concat!(
        " CROSS JOIN room LEFT JOIN room_member seen
                 ON seen.room_id = given.room_id AND seen.user_id = given.user_id
          WHERE room.room_id = given.room_id AND ",
        may_read!("given.user_id"),
        " AND given.message_seq > ",
        visible_after!("given.user_id"),
        " AND NOT ",
        apart!("given.author_id", "given.user_id")
    )
);

/// Some of whom an entry of the message was made for before.
const TOLD: Bulk = bulk!(
    "SELECT DISTINCT notice.user_id FROM ",
    (room_id bigint, message_seq bigint, user_id bigint),
    " CROSS JOIN notice WHERE notice.room_id = given.room_id
         AND notice.message_seq = given.message_seq AND notice.user_id = given.user_id"
);

const MENTIONS: Bulk = bulk!(
    "INSERT INTO mention (user_id, room_id, n) SELECT user_id, room_id, n FROM ",
    (user_id bigint, room_id bigint, n bigint),
    " WHERE TRUE ON CONFLICT (user_id, room_id, n) DO NOTHING"
);

/// A fan-out that is to be noted.
pub(super) struct NewFanOut {
    room: RoomId,
    message: i64,
    what: &'static str,
    users: String,
    at: Millis,
}

impl NewFanOut {
    /// For a text that calls a group.
    pub(super) fn of(room: RoomId, message: i64, called: &Called, at: Millis) -> Self {
        let users = match called {
            Called::All => String::new(),
            Called::Here(users) => {
                let mut users: Vec<_> = users.iter().map(|user| user.0).collect();
                users.sort_unstable();
                users.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")
            }
        };
        Self { room, message, what: called.group().word(), users, at }
    }

    /// For the followers of a thread.
    fn of_thread(draft: &Draft<'_>) -> Self {
        let (room, message, at) = (draft.message.room, draft.cause.seq, draft.message.at);
        Self { room, message, what: "thread", users: String::new(), at }
    }
}

/// What is to be noted of some drafts.
pub(super) fn of(drafts: &[Draft<'_>]) -> Vec<NewFanOut> {
    let mut all = Vec::new();
    for draft in drafts {
        let (room, seq, at) = (draft.message.room, draft.cause.seq, draft.message.at);
        let called = draft.message.called.as_ref();
        all.extend(called.map(|called| NewFanOut::of(room, seq, called, at)));
        // Who is called as one of all needs no other word of it.
        let is_for_all = called.is_some_and(|called| called.group() == Group::All);
        all.extend((draft.has_crowd && !is_for_all).then(|| NewFanOut::of_thread(draft)));
    }
    all
}

/// Notes fan-outs; one that is noted already stays as it is.
pub(super) fn note<'a>(script: &mut Script<'a>, new: &'a [NewFanOut]) {
    let given = Given::new()
        .ints(new.iter().map(|one| one.room.0))
        .ints(new.iter().map(|one| one.message))
        .texts(new.iter().map(|one| one.what))
        .texts(new.iter().map(|one| one.users.as_str()))
        .ints(new.iter().map(|one| one.at.0));
    script.add(&FANOUTS, given);
}

#[derive(Debug, sqlx::FromRow)]
struct FanOutRow {
    what: String,
    users: String,
    key: i64,
    user_id: i64,
    at: i64,
    n: i64,
    author_id: i64,
    thread: Option<i64>,
    text: Option<String>,
    html: Option<String>,
    kind: String,
    club_id: Option<i64>,
}

/// Works off the next piece of what is to be told of a message.
pub(super) async fn next(
    conn: &mut Conn,
    places: &mut Places,
    (room, message): (RoomId, i64),
    writer: &dyn EventWriter,
) -> Result<Appended, StoreError> {
    let nothing =
        Appended::FannedOut { mentions: Vec::new(), notices: Vec::new(), has_more: false };
    if !places.rooms.contains_key(&room) {
        return Ok(nothing);
    }
    let row = fetch_optional!(
        conn,
        FanOutRow,
        "SELECT f.what, f.users, f.key, f.user_id, f.at, m.n, m.author_id, m.thread, m.text,
                m.html, room.kind, room.club_id
           FROM fanout f JOIN message m ON m.room_id = f.room_id AND m.seq = f.message_seq
                JOIN room ON room.room_id = f.room_id
          WHERE f.room_id = $1 AND f.message_seq = $2 AND f.done_at IS NULL
          ORDER BY f.what LIMIT 1",
        room.0,
        message
    )?;
    let Some(row) = row else { return Ok(nothing) };
    let people = people(conn, room, &row).await?;
    let last = people.last().copied();
    let is_done = i64::try_from(people.len()).unwrap_or(i64::MAX) < PIECE;
    let (key, user) = last.unwrap_or((row.key, row.user_id));
    execute!(
        conn,
        "UPDATE fanout SET key = $4, user_id = $5, done_at = $6, users = $7
          WHERE room_id = $1 AND message_seq = $2 AND what = $3",
        room.0,
        message,
        &row.what,
        key,
        user,
        is_done.then_some(row.at),
        if is_done { "" } else { row.users.as_str() }
    )?;
    let users = people.into_iter().map(|(_key, user)| user);
    let users: Vec<i64> = users.filter(|user| *user != row.author_id).collect();
    let (mentions, notices) = tell(conn, places, (room, message), &row, &users, writer).await?;
    // Another of this message may be left.
    Ok(Appended::FannedOut { mentions, notices, has_more: true })
}

/// The next people, with the key that they come by.
async fn people(
    conn: &mut Conn,
    room: RoomId,
    row: &FanOutRow,
) -> Result<Vec<(i64, i64)>, StoreError> {
    if row.what == "here" {
        let listed = row.users.split_ascii_whitespace().filter_map(|id| id.parse().ok());
        let rest = listed.filter(|user: &i64| *user > row.user_id);
        return Ok(rest.take(usize::try_from(PIECE).unwrap_or(0)).map(|user| (0, user)).collect());
    }
    if row.what == "thread" {
        return fetch_all!(
            conn,
            (i64, i64),
            "SELECT CAST(0 AS BIGINT), user_id FROM thread_member
              WHERE room_id = $1 AND root_seq = $2 AND user_id > $3 ORDER BY user_id LIMIT $4",
            room.0,
            row.thread.unwrap_or_default(),
            row.user_id,
            PIECE
        );
    }
    match row.club_id {
        Some(club) => fetch_all!(
            conn,
            (i64, i64),
            "SELECT joined_at, user_id FROM membership
              WHERE club_id = $1 AND status = 'active' AND (joined_at, user_id) > ($2, $3)
                AND joined_at <= $4 AND ($5 = 'member' OR role <> 'member')
              ORDER BY joined_at, user_id LIMIT $6",
            club,
            row.key,
            row.user_id,
            row.at,
            &row.kind,
            PIECE
        ),
        None => fetch_all!(
            conn,
            (i64, i64),
            "SELECT joined_at, user_id FROM room_member
              WHERE room_id = $1 AND is_inside AND (joined_at, user_id) > ($2, $3)
                AND joined_at <= $4
              ORDER BY joined_at, user_id LIMIT $5",
            room.0,
            row.key,
            row.user_id,
            row.at,
            PIECE
        ),
    }
}

type Told = (Vec<(UserId, i64)>, Vec<crate::store::append::StoredNotice>);

/// Tells some people: a mention, unless it is a thread that they follow, and an entry for each who
/// has none of this message.
async fn tell(
    conn: &mut Conn,
    places: &mut Places,
    (room, message): (RoomId, i64),
    row: &FanOutRow,
    users: &[i64],
    writer: &dyn EventWriter,
) -> Result<Told, StoreError> {
    let Some(text) = row.text.as_deref() else { return Ok(Told::default()) };
    let given = Given::new()
        .ints(users.iter().map(|_user| room.0))
        .ints(users.iter().map(|_user| message))
        .ints(users.iter().copied())
        .ints(users.iter().map(|_user| row.author_id));
    let readers: Vec<(i64, bool)> = conn.given_all(&READERS, given).await?;
    let users: Vec<i64> = readers.iter().map(|(user, _is_silent)| *user).collect();
    let mut mentions = Vec::new();
    if row.what != "thread" {
        let given = Given::new()
            .ints(users.iter().copied())
            .ints(users.iter().map(|_user| room.0))
            .ints(users.iter().map(|_user| row.n));
        conn.given_execute(&MENTIONS, given).await?;
        mentions = counts::unread(conn, room, users.iter().map(|user| UserId(*user))).await?;
    }
    let loud = readers.iter().filter(|(_user, is_silent)| !is_silent);
    let loud = loud.map(|(user, _is_silent)| UserId(*user)).collect();
    let fresh = untold(conn, (room, message), loud).await?;
    let author = UserId(row.author_id);
    let mut cause = Cause::told(room, author, (text, message), Millis(row.at));
    cause.html = row.html.as_deref();
    if row.what == "thread" {
        cause.answered = fresh;
    } else {
        cause.mentions = fresh;
    }
    let notices = notices::write(conn, places, &[&cause], writer).await?;
    Ok((mentions, notices.into_iter().flatten().collect()))
}

/// Those for whom no entry of the message was made yet.
pub(super) async fn untold(
    conn: &mut Conn,
    (room, message): (RoomId, i64),
    mut users: Vec<UserId>,
) -> Result<Vec<UserId>, StoreError> {
    let given = Given::new()
        .ints(users.iter().map(|_user| room.0))
        .ints(users.iter().map(|_user| message))
        .ints(users.iter().map(|user| user.0));
    let told: Vec<(i64,)> = conn.given_all(&TOLD, given).await?;
    let told: HashSet<i64> = told.into_iter().map(|(user,)| user).collect();
    users.retain(|user| !told.contains(&user.0));
    Ok(users)
}

impl Store {
    /// Messages of which many are still to be told, noted before a moment: what a node left that
    /// ended.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn fanouts_undone(
        &self,
        before: Millis,
        limit: i64,
    ) -> Result<Vec<(RoomId, i64)>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            (i64, i64),
            "SELECT room_id, message_seq FROM fanout WHERE done_at IS NULL AND at < $1
              ORDER BY at LIMIT $2",
            before.0,
            limit
        )?;
        Ok(rows.into_iter().map(|(room, seq)| (RoomId(room), seq)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&FANOUTS, &READERS, &TOLD, &MENTIONS]).await;
    }
}
