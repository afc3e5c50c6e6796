//! Deleting erases: what a message said goes from its row, from all its revisions, from the events
//! that brought it, from the inboxes that quoted it; its files, what was found behind its links, its
//! pin, its reactions and its mentions go too; and the answers that quote it (`quotes.rs`).
//! What stays is a tombstone: its place, its author.

use std::collections::BTreeMap;

use crate::domain::{MessageId, NoticeId, ReportId, RoomId, Settlement, UserId};
use crate::store::StoreError;
use crate::store::act::{Act, Acted, DroppedNotices, Happened, Whose};
use crate::store::append::{AppendRefusal, Appended, StoredEvent};
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, Script, bulk};
use crate::store::moderation::Book;
use crate::store::writer::EventWriter;
use crate::store::{files, moderation, search};

use super::acts::{Outcome, Target, UNCHANGED, number, reported, target, targets};
use super::places::Places;
use super::{counts, quotes, rows};

/// The events that brought the texts of edited messages.
const EDITS: Bulk = bulk!(
    "SELECT revision.seq FROM ",
    (room_id bigint, message_seq bigint),
    " CROSS JOIN revision WHERE revision.room_id = given.room_id
         AND revision.message_seq = given.message_seq"
);

const EVENTS: Bulk = bulk!(
    "SELECT event.seq, event.body FROM ",
    (room_id bigint, seq bigint),
    " CROSS JOIN room_event event
      WHERE event.room_id = given.room_id AND event.seq = given.seq"
);

const SET_EVENTS: Bulk = bulk!(
    "UPDATE room_event SET body = given.body FROM ",
    (room_id bigint, seq bigint, body text),
    " WHERE room_event.room_id = given.room_id AND room_event.seq = given.seq"
);

const TOMBSTONES: Bulk = bulk!(
    "UPDATE message SET text = NULL, html = NULL, is_deleted = TRUE FROM ",
    (room_id bigint, seq bigint),
    " WHERE message.room_id = given.room_id AND message.seq = given.seq"
);

const REVISIONS: Bulk = bulk!(
    "DELETE FROM revision WHERE (room_id, message_seq) IN (SELECT room_id, message_seq FROM ",
    (room_id bigint, message_seq bigint),
    ")"
);

const REACTIONS: Bulk = bulk!(
    "DELETE FROM reaction WHERE (room_id, message_seq) IN (SELECT room_id, message_seq FROM ",
    (room_id bigint, message_seq bigint),
    ")"
);

const REACTION_COUNTS: Bulk = bulk!(
    "DELETE FROM reaction_count WHERE (room_id, message_seq) IN (SELECT room_id, message_seq FROM ",
    (room_id bigint, message_seq bigint),
    ")"
);

const PINS: Bulk = bulk!(
    "DELETE FROM pin WHERE (room_id, message_seq) IN (SELECT room_id, message_seq FROM ",
    (room_id bigint, message_seq bigint),
    ")"
);

const FANOUTS: Bulk = bulk!(
    "DELETE FROM fanout WHERE (room_id, message_seq) IN (SELECT room_id, message_seq FROM ",
    (room_id bigint, message_seq bigint),
    ")"
);

/// Gives who was named, so that their numbers can be told.
const MENTIONS: Bulk = bulk!(
    "DELETE FROM mention WHERE (room_id, n) IN (SELECT room_id, n FROM ",
    (room_id bigint, n bigint),
    ") RETURNING user_id"
);

const NOTICES: Bulk = bulk!(
    "SELECT notice.notice_id, notice.user_id, notice.event, notice.dropped_at IS NULL FROM ",
    (room_id bigint, message_seq bigint),
    " CROSS JOIN notice WHERE notice.room_id = given.room_id
         AND notice.message_seq = given.message_seq
      ORDER BY notice.notice_id",
    postgres " FOR NO KEY UPDATE OF notice"
);

const DROP_NOTICES: Bulk = bulk!(
    "UPDATE notice SET title = '', body = '', event = given.event,
            dropped_at = coalesce(notice.dropped_at, given.at) FROM ",
    (notice_id bigint, event text, at bigint),
    " WHERE notice.notice_id = given.notice_id"
);

const UNREAD: Bulk = bulk!(
    "SELECT given.user_id,
            (SELECT count(*) FROM notice WHERE notice.user_id = given.user_id
                AND notice.read_at IS NULL AND notice.dropped_at IS NULL) FROM ",
    (user_id bigint),
    ""
);

/// Deletes messages of a room. Tombstones among them stay as they are.
pub(super) async fn delete(
    conn: &mut Conn,
    places: &mut Places,
    (act, messages, whose): (&Act, &[i64], Whose),
    writer: &dyn EventWriter,
) -> Result<Outcome, StoreError> {
    let mut targets = match targets(conn, (act.room, act.by), messages).await? {
        Ok(targets) => targets,
        Err(why) => return Ok(Err(why)),
    };
    let is_own = |target: &Target| target.author_id == act.by.0;
    if whose == Whose::Own && !targets.iter().all(is_own) {
        return Ok(Err(AppendRefusal::NotAuthor));
    }
    targets.retain(|target| target.text.is_some());
    if targets.is_empty() {
        return Ok(Ok(UNCHANGED));
    }
    if let Some(book) = places.book(act.room) {
        let of_others = targets.iter().filter(|target| !is_own(target));
        let of_others: Vec<_> =
            of_others.map(|target| (target.seq, UserId(target.author_id))).collect();
        let who = (act.by, act.at);
        moderation::deleted(conn, (book, act.room), &of_others, (who, "")).await?;
    }
    let targets: Vec<_> = targets.iter().map(|target| (target.seq, target.n)).collect();
    Ok(Ok(Appended::Acted(entomb(conn, places, (act, &targets), writer).await?)))
}

/// Makes tombstones of messages that have a text, and of the answers that quote them; each is named by
/// its seq and its ordinal. Theirs are the last events.
pub(super) async fn entomb(
    conn: &mut Conn,
    places: &mut Places,
    (act, targets): (&Act, &[(i64, i64)]),
    writer: &dyn EventWriter,
) -> Result<Acted, StoreError> {
    let mut all = quotes::going_with(conn, act.room, targets).await?;
    all.extend(targets);
    let seqs: Vec<i64> = all.iter().map(|(seq, _n)| *seq).collect();
    let mut events = Vec::with_capacity(seqs.len());
    for seq in &seqs {
        events.extend(number(places, act, (*seq, Happened::Deleted), writer));
    }
    erase(conn, (act.room, &seqs), writer).await?;
    let stored: Vec<(RoomId, StoredEvent)> =
        events.iter().map(|event| (act.room, event.clone())).collect();
    let mut script = Script::new();
    rows::events(&mut script, places, &stored);
    script.run(conn).await?;
    let mentions = forget_mentions(conn, act.room, &all).await?;
    let dropped = drop_notices(conn, (act, &seqs), writer).await?;
    Ok(Acted { events, mentions, dropped, ..Acted::default() })
}

/// A moderator deletes a message that was reported, and so decides about it. In rooms of no club that is
/// for admins.
pub(super) async fn judge(
    conn: &mut Conn,
    places: &mut Places,
    (act, message): (&Act, i64),
    (report, reason): (ReportId, &str),
    writer: &dyn EventWriter,
) -> Result<Outcome, StoreError> {
    let club = places.rooms.get(&act.room).and_then(|head| head.club);
    let (target, book) = match club {
        Some(club) => (target(conn, act, message).await?, Book::Club(club)),
        None => (reported(conn, act, message).await?, Book::Instance),
    };
    let target = match target {
        Ok(target) => target,
        Err(why) => return Ok(Err(why)),
    };
    if target.author_id == act.by.0 {
        return Ok(Err(AppendRefusal::Role));
    }
    let (place, who) = ((act.room, message), (act.by, act.at));
    if !moderation::settle_once(conn, (club, report, place), Settlement::Delete, who).await? {
        return Ok(Err(AppendRefusal::Decided));
    }
    let author = [(message, UserId(target.author_id))];
    moderation::deleted(conn, (book, act.room), &author, (who, reason)).await?;
    if target.text.is_none() {
        // Its author was faster: what was left to do was to decide.
        return Ok(Ok(UNCHANGED));
    }
    let target = [(target.seq, target.n)];
    Ok(Ok(Appended::Acted(entomb(conn, places, (act, &target), writer).await?)))
}

fn pairs(room: RoomId, seqs: &[i64]) -> Given<'static> {
    Given::new().ints(seqs.iter().map(|_seq| room.0)).ints(seqs.iter().copied())
}

/// The one place where texts of messages go.
pub(super) async fn erase(
    conn: &mut Conn,
    (room, seqs): (RoomId, &[i64]),
    writer: &dyn EventWriter,
) -> Result<(), StoreError> {
    let edits: Vec<(i64,)> = conn.given_all(&EDITS, pairs(room, seqs)).await?;
    let previews = files::drop_of(conn, room, seqs).await?;
    // The first revision is the message itself.
    let mut all: Vec<i64> = seqs.to_vec();
    all.extend(edits.into_iter().map(|(seq,)| seq).chain(previews));
    all.sort_unstable();
    all.dedup();
    let events: Vec<(i64, String)> = conn.given_all(&EVENTS, pairs(room, &all)).await?;
    let erased: Vec<(i64, String)> =
        events.into_iter().map(|(seq, body)| (seq, writer.erased_event(&body))).collect();
    let mut script = Script::new();
    let given = Given::new()
        .ints(erased.iter().map(|_event| room.0))
        .ints(erased.iter().map(|(seq, _body)| *seq))
        .texts(erased.iter().map(|(_seq, body)| body.as_str()));
    script.add(&SET_EVENTS, given);
    let all = [&TOMBSTONES, &REVISIONS, &REACTIONS, &REACTION_COUNTS, &PINS, &FANOUTS];
    for statement in all {
        script.add(statement, pairs(room, seqs));
    }
    script.run(conn).await?;
    let messages: Vec<MessageId> = seqs.iter().map(|seq| MessageId { room, seq: *seq }).collect();
    search::renew(conn, &messages).await
}

/// Nobody is named any more; tells for whom that changes the number of unread mentions.
pub(super) async fn forget_mentions(
    conn: &mut Conn,
    room: RoomId,
    targets: &[(i64, i64)],
) -> Result<Vec<(UserId, i64)>, StoreError> {
    let ns: Vec<i64> = targets.iter().map(|(_seq, n)| *n).collect();
    let gone: Vec<(i64,)> = conn.given_all(&MENTIONS, pairs(room, &ns)).await?;
    let mut named: Vec<i64> = gone.into_iter().map(|(user,)| user).collect();
    named.sort_unstable();
    named.dedup();
    counts::unread(conn, room, named.into_iter().map(UserId)).await
}

/// Inbox entries go with what they quote.
pub(super) async fn drop_notices(
    conn: &mut Conn,
    (act, seqs): (&Act, &[i64]),
    writer: &dyn EventWriter,
) -> Result<Vec<DroppedNotices>, StoreError> {
    let rows: Vec<(i64, i64, String, bool)> =
        conn.given_all(&NOTICES, pairs(act.room, seqs)).await?;
    let erased: Vec<String> =
        rows.iter().map(|(.., event, _is_there)| writer.erased_notice(event)).collect();
    let given = Given::new()
        .ints(rows.iter().map(|(id, ..)| *id))
        .texts(erased.iter().map(String::as_str))
        .ints(rows.iter().map(|_row| act.at.0));
    conn.given_execute(&DROP_NOTICES, given).await?;
    let mut dropped: BTreeMap<i64, Vec<NoticeId>> = BTreeMap::new();
    for (id, user, _event, is_there) in rows {
        if is_there {
            dropped.entry(user).or_default().push(NoticeId(id));
        }
    }
    let users = Given::new().ints(dropped.keys().copied());
    let unread: BTreeMap<i64, i64> =
        conn.given_all::<(i64, i64)>(&UNREAD, users).await?.into_iter().collect();
    let told = |(user, ids)| DroppedNotices {
        user: UserId(user),
        ids,
        unread: unread.get(&user).copied().unwrap_or_default(),
    };
    Ok(dropped.into_iter().map(told).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        let all = [
            &EDITS,
            &EVENTS,
            &SET_EVENTS,
            &TOMBSTONES,
            &REVISIONS,
            &REACTIONS,
            &REACTION_COUNTS,
            &PINS,
            &FANOUTS,
            &MENTIONS,
            &NOTICES,
            &DROP_NOTICES,
            &UNREAD,
        ];
        crate::store::plans::check(&all).await;
    }
}
