//! Plain messages: those that answer nobody, call nobody and bring nothing, in rooms that make no inbox
//! entries of their own and have no pace, by people, not bots, for whom none waits there. Most batches hold
//! nothing else.
//!
//! Of such a message the database has to say no more than its numbers, and it can put those in by
//! itself: the events come as templates. So nothing is read beforehand, and the batch is one script
//! that begins and ends its own transaction: one call where the careful way (`talk.rs`) has five.
//!
//! **Invariant:** all or nothing. Whatever is not as it should be breaks a constraint of the schema:
//! a room that is gone, watched or slow, an author who left, is muted or has entries to read, leave an
//! event without a body, a repeated `cid` is there already. Then nothing is kept, and the careful way finds out what to answer.
//!
//! PostgreSQL reads as of the moment when the statement began, before it waited for the rooms. So a
//! room that moved meanwhile, by another node, counts as gone: what was read of rights was read
//! beside the head that the messages follow, and beside the `rev` that goes up when somebody is put
//! out or muted without a line in its log.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use crate::domain::{Calls, RoomId, UserId, calls};
use crate::faults::{Faults, Part};
use crate::store::StoreError;
use crate::store::append::{Append, Appended, NewMessage, StoredEvent};
use crate::store::db::Db;
use crate::store::given::{Bulk, Given, Script, bulk};
use crate::store::rooms::may_read;
use crate::store::writer::{EventWriter, N_HOLE, SEQ_HOLE};

const HEADS_SQLITE: Bulk = bulk!(
    "UPDATE room SET head = room.head + given.count, n = room.n + given.count FROM ",
    (room_id bigint, count bigint),
    " WHERE room.room_id = given.room_id AND room.deleted_at IS NULL
        AND room.notify <> 'all' AND NOT room.is_watched AND room.slow_mode_s = 0
      RETURNING room_id, head, n"
);

/// The same, with the rows locked in the order that everyone keeps, and only those that did not move
/// while we waited for them. One room after another is looked up by its key: left to itself, the
/// planner takes the conditions for rare and compares every room with every other.
const HEADS_POSTGRES: Bulk = bulk!(
    "UPDATE room SET head = room.head + held.count, n = room.n + held.count
       FROM (SELECT locked.room_id, given.count FROM (SELECT * FROM ",
    (room_id bigint, count bigint),
    " ORDER BY room_id) given
      CROSS JOIN LATERAL (SELECT room.head, room.rev FROM room
                           WHERE room.room_id = given.room_id OFFSET 0) seen
      CROSS JOIN LATERAL (SELECT room.room_id FROM room
                           WHERE room.room_id = given.room_id
                             AND room.head = seen.head AND room.rev = seen.rev
                             AND room.deleted_at IS NULL AND room.notify <> 'all'
                             AND NOT room.is_watched AND room.slow_mode_s = 0
                             FOR NO KEY UPDATE OF room) locked) held
      WHERE room.room_id = held.room_id
      RETURNING room.room_id, room.head, room.n, room.kind, room.club_id, room.deleted_at,
                room.notify, room.is_watched, room.slow_mode_s"
);

// In the statements below `room` is the table as the first one left it, on PostgreSQL those rows.

const EVENTS: Bulk = bulk!(
    concat!(
        "INSERT INTO room_event (room_id, seq, at, n, body)
         SELECT given.room_id, room.head - given.behind, given.at, room.n - given.behind,
                CASE WHEN (",
        may_read!("given.author_id", "AND coalesce(i.muted_until <= given.at, TRUE)"),
        " OR EXISTS (SELECT 1 FROM account WHERE account.user_id = given.author_id
                        AND account.kind = 'assistant' LIMIT 1 OFFSET 0))
                      AND NOT EXISTS (SELECT 1 FROM notice
                                       WHERE notice.user_id = given.author_id
                                         AND notice.room_id = given.room_id
                                         AND notice.read_at IS NULL AND notice.dropped_at IS NULL
                                       LIMIT 1 OFFSET 0)
                     THEN replace(replace(given.body,
                          '\u{1}', CAST(room.head - given.behind AS TEXT)),
                          '\u{2}', CAST(room.n - given.behind AS TEXT)) END
           FROM "
    ),
    (room_id bigint, author_id bigint, behind bigint, at bigint, body text),
    " LEFT JOIN room ON room.room_id = given.room_id AND room.deleted_at IS NULL
                   AND room.notify <> 'all' AND NOT room.is_watched AND room.slow_mode_s = 0"
);

const MESSAGES: Bulk = bulk!(
    "INSERT INTO message (room_id, seq, n, author_id, cid, text, html, at)
     SELECT given.room_id, room.head - given.behind, room.n - given.behind, given.author_id,
            given.cid, given.text, given.html, given.at
       FROM ",
    (room_id bigint, behind bigint, author_id bigint, cid text, text text, html text, at bigint),
    " CROSS JOIN room WHERE room.room_id = given.room_id"
);

/// Who writes has read. A seat is never lowered.
const SEATS: Bulk = bulk!(
    "INSERT INTO room_member (room_id, user_id, read_n, read_seq, is_opened)
     SELECT given.room_id, given.user_id, room.n - given.behind, room.head - given.behind, TRUE
       FROM ",
    (room_id bigint, user_id bigint, behind bigint),
    " CROSS JOIN room WHERE room.room_id = given.room_id
      ON CONFLICT (room_id, user_id) DO UPDATE
         SET read_n = CASE WHEN excluded.read_n > room_member.read_n
                           THEN excluded.read_n ELSE room_member.read_n END,
             read_seq = CASE WHEN excluded.read_seq > room_member.read_seq
                             THEN excluded.read_seq ELSE room_member.read_seq END,
             is_opened = TRUE"
);

/// What the first statement of the script leaves.
const ROOMS: (&str, &str) = ("room", "SELECT room_id, head, n FROM room");

/// Bytes that the numbers of an event may need: three of nineteen digits.
const NUMBERS: usize = 57;

/// A message without its numbers.
struct Draft<'a> {
    message: &'a NewMessage,
    template: String,
    /// Messages of the batch that follow it in its room.
    behind: i64,
}

/// Writes a batch of plain messages. `None` when it is not one, or not as simple as it looked: then
/// nothing of it is kept.
pub(super) async fn write(
    db: &Db,
    batch: &[Append],
    writer: &dyn EventWriter,
    faults: &Faults,
) -> Result<Option<Vec<Appended>>, StoreError> {
    let Some(messages) = batch.iter().map(plain).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let mut counts: BTreeMap<RoomId, i64> = BTreeMap::new();
    let mut seats: BTreeMap<(RoomId, UserId), i64> = BTreeMap::new();
    let mut drafts = Vec::with_capacity(messages.len());
    for message in messages.into_iter().rev() {
        faults.taste(Part::Journal, message.text.as_str());
        let count = counts.entry(message.room).or_insert(0);
        seats.entry((message.room, message.author)).or_insert(*count);
        drafts.push(Draft { message, template: writer.template(message), behind: *count });
        *count += 1;
    }
    drafts.reverse();
    let script = script(db, &counts, &drafts, &seats);
    match db.commit(script, ROOMS).await {
        Ok(heads) => Ok(Some(answer(heads, drafts))),
        Err(why @ StoreError::Unavailable(_)) => Err(why),
        Err(why) => {
            tracing::debug!("not as plain as it looked: {why}");
            Ok(None)
        }
    }
}

fn plain(append: &Append) -> Option<&NewMessage> {
    let Append::Message(message) = append else { return None };
    // By name, so that whoever adds to a message decides whether it is still plain.
    let NewMessage {
        room: _,
        author: _,
        cid: _,
        text,
        reply_to,
        thread,
        called,
        files,
        at: _,
        flagged,
        // For files, of which it has none.
        judge: _,
        wakes,
        is_bots,
        hop: _,
    } = message;
    let is_plain = reply_to.is_none()
        && flagged.is_none()
        && wakes.is_none()
        && !is_bots
        && thread.is_none()
        && called.is_none()
        && files.is_empty()
        && calls(text.spoken()) == Calls::default();
    is_plain.then_some(message)
}

fn script<'a>(
    db: &Db,
    counts: &BTreeMap<RoomId, i64>,
    drafts: &'a [Draft<'_>],
    seats: &BTreeMap<(RoomId, UserId), i64>,
) -> Script<'a> {
    let mut script = Script::new();
    let given = Given::new().ints(counts.keys().map(|room| room.0)).ints(counts.values().copied());
    script.add(if db.is_sqlite() { &HEADS_SQLITE } else { &HEADS_POSTGRES }, given);
    let given = Given::new()
        .ints(drafts.iter().map(|draft| draft.message.room.0))
        .ints(drafts.iter().map(|draft| draft.message.author.0))
        .ints(drafts.iter().map(|draft| draft.behind))
        .ints(drafts.iter().map(|draft| draft.message.at.0))
        .texts(drafts.iter().map(|draft| draft.template.as_str()));
    script.add(&EVENTS, given);
    let given = Given::new()
        .ints(drafts.iter().map(|draft| draft.message.room.0))
        .ints(drafts.iter().map(|draft| draft.behind))
        .ints(drafts.iter().map(|draft| draft.message.author.0))
        .texts(drafts.iter().map(|draft| draft.message.cid.as_str()))
        .texts(drafts.iter().map(|draft| draft.message.text.as_str()))
        .maybe_texts(drafts.iter().map(|draft| draft.message.text.html()))
        .ints(drafts.iter().map(|draft| draft.message.at.0));
    script.add(&MESSAGES, given);
    let given = Given::new()
        .ints(seats.keys().map(|(room, _user)| room.0))
        .ints(seats.keys().map(|(_room, user)| user.0))
        .ints(seats.values().copied());
    script.add(&SEATS, given);
    script
}

fn answer(heads: Vec<(i64, i64, i64)>, drafts: Vec<Draft<'_>>) -> Vec<Appended> {
    let heads: HashMap<RoomId, (i64, i64)> =
        heads.into_iter().map(|(room, head, n)| (RoomId(room), (head, n))).collect();
    let done = |draft: Draft<'_>| {
        let Some((head, n)) = heads.get(&draft.message.room) else { return Appended::Failed };
        let (seq, n) = (head - draft.behind, n - draft.behind);
        let body = fill(&draft.template, seq, n).into();
        let event = StoredEvent { seq, n, at: draft.message.at, body };
        Appended::Message {
            event,
            mentions: Vec::new(),
            notices: Vec::new(),
            read: None,
            has_fanout: false,
            asked: None,
        }
    };
    drafts.into_iter().map(done).collect()
}

/// Puts the numbers in, as [`EVENTS`] does.
fn fill(template: &str, seq: i64, n: i64) -> String {
    let mut body = String::with_capacity(template.len() + NUMBERS);
    for piece in template.split_inclusive([SEQ_HOLE, N_HOLE]) {
        let _infallible = match (piece.strip_suffix(SEQ_HOLE), piece.strip_suffix(N_HOLE)) {
            (Some(before), _) => write!(body, "{before}{seq}"),
            (None, Some(before)) => write!(body, "{before}{n}"),
            (None, None) => body.write_str(piece),
        };
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_wherever_it_has_a_hole() {
        let filled = |template| fill(template, 12, -3);
        let template = "{\"seq\":\u{1},\"n\":\u{2},\"id\":\"m_7_\u{1}\",\"text\":\"가\"}";
        assert_eq!(filled(template), r#"{"seq":12,"n":-3,"id":"m_7_12","text":"가"}"#);
        assert_eq!(filled("\u{1}\u{1}\u{2}"), "1212-3");
        assert_eq!((filled(""), filled("no hole")), (String::new(), "no hole".to_owned()));
    }

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&HEADS_SQLITE, &EVENTS, &MESSAGES, &SEATS]).await;
    }
}
