//! The rows that a step of the batch leaves, each kind in one statement, all in one script.

use std::collections::BTreeMap;

use crate::domain::{RoomId, UserId};
use crate::store::append::StoredEvent;
use crate::store::given::{Bulk, Given, Script, bulk};

use super::attached;
use super::places::Places;
use super::talk::Draft;

/// How far users have read after a step; the highest of several marks of one user.
pub(super) type Seats = BTreeMap<(RoomId, UserId), Seat>;

/// A place in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) read_n: i64,
    pub(super) read_seq: i64,
}

/// Raises a seat; a lower mark changes nothing.
pub(super) fn raise(seats: &mut Seats, place: (RoomId, UserId), to: Seat) {
    let seat = seats.entry(place).or_insert(to);
    seat.read_n = seat.read_n.max(to.read_n);
    seat.read_seq = seat.read_seq.max(to.read_seq);
}

const HEADS: Bulk = bulk!(
    "UPDATE room SET head = given.head, n = given.n FROM ",
    (room_id bigint, head bigint, n bigint),
    " WHERE room.room_id = given.room_id"
);

const EVENTS: Bulk = bulk!(
    "INSERT INTO room_event (room_id, seq, at, n, body) SELECT room_id, seq, at, n, body FROM ",
    (room_id bigint, seq bigint, at bigint, n bigint, body text),
    ""
);

const MESSAGES: Bulk = bulk!(
    "INSERT INTO message (room_id, seq, n, author_id, cid, text, html, reply_to, thread, at, hop)
     SELECT room_id, seq, n, author_id, cid, text, html, reply_to, thread, at, hop FROM ",
    (room_id bigint, seq bigint, n bigint, author_id bigint, cid text, text text, html text,
     reply_to bigint, thread bigint, at bigint, hop bigint),
    ""
);

const MENTIONS: Bulk = bulk!(
    "INSERT INTO mention (user_id, room_id, n) SELECT user_id, room_id, n FROM ",
    (user_id bigint, room_id bigint, n bigint),
    ""
);

const SEATS: Bulk = bulk!(
    "INSERT INTO room_member (room_id, user_id, read_n, read_seq, is_opened)
     SELECT room_id, user_id, read_n, read_seq, TRUE FROM ",
    (room_id bigint, user_id bigint, read_n bigint, read_seq bigint),
    " WHERE TRUE
      ON CONFLICT (room_id, user_id) DO UPDATE
         SET read_n = CASE WHEN excluded.read_n > room_member.read_n
                           THEN excluded.read_n ELSE room_member.read_n END,
             read_seq = CASE WHEN excluded.read_seq > room_member.read_seq
                             THEN excluded.read_seq ELSE room_member.read_seq END,
             is_opened = TRUE"
);

/// Events with their rooms, in log order, and the heads that they move.
pub(super) fn events<'a>(
    script: &mut Script<'a>,
    places: &Places,
    events: &'a [(RoomId, StoredEvent)],
) {
    let mut rooms: Vec<_> = events.iter().map(|(room, _event)| *room).collect();
    rooms.sort_unstable();
    rooms.dedup();
    let heads = || rooms.iter().filter_map(|room| Some((*room, places.rooms.get(room)?)));
    let given = Given::new()
        .ints(heads().map(|(room, _head)| room.0))
        .ints(heads().map(|(_room, head)| head.head))
        .ints(heads().map(|(_room, head)| head.n));
    script.add(&HEADS, given);
    let given = Given::new()
        .ints(events.iter().map(|(room, _event)| room.0))
        .ints(events.iter().map(|(_room, event)| event.seq))
        .ints(events.iter().map(|(_room, event)| event.at.0))
        .ints(events.iter().map(|(_room, event)| event.n))
        .texts(events.iter().map(|(_room, event)| &*event.body));
    script.add(&EVENTS, given);
}

/// Messages, who they name, and what they bring.
pub(super) fn messages<'a>(script: &mut Script<'a>, drafts: &'a [Draft<'_>]) {
    let given = Given::new()
        .ints(drafts.iter().map(|draft| draft.message.room.0))
        .ints(drafts.iter().map(|draft| draft.cause.seq))
        .ints(drafts.iter().map(|draft| draft.n))
        .ints(drafts.iter().map(|draft| draft.message.author.0))
        .texts(drafts.iter().map(|draft| draft.message.cid.as_str()))
        .texts(drafts.iter().map(|draft| draft.message.text.as_str()))
        .maybe_texts(drafts.iter().map(|draft| draft.message.text.html()))
        .maybe_ints(drafts.iter().map(|draft| draft.message.reply_to))
        .maybe_ints(drafts.iter().map(|draft| draft.message.thread))
        .ints(drafts.iter().map(|draft| draft.message.at.0))
        .ints(drafts.iter().map(|draft| draft.hop));
    script.add(&MESSAGES, given);
    let named = || drafts.iter().flat_map(|d| d.cause.mentions.iter().map(move |user| (user, d)));
    let given = Given::new()
        .ints(named().map(|(user, _draft)| user.0))
        .ints(named().map(|(_user, draft)| draft.message.room.0))
        .ints(named().map(|(_user, draft)| draft.n));
    script.add(&MENTIONS, given);
    attached::used(script, drafts);
}

/// Read marks; one never lowers what stands.
pub(super) fn seats(script: &mut Script<'_>, seats: &Seats) {
    let given = Given::new()
        .ints(seats.keys().map(|(room, _user)| room.0))
        .ints(seats.keys().map(|(_room, user)| user.0))
        .ints(seats.values().map(|seat| seat.read_n))
        .ints(seats.values().map(|seat| seat.read_seq));
    script.add(&SEATS, given);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&HEADS, &EVENTS, &MESSAGES, &MENTIONS, &SEATS]).await;
    }
}
