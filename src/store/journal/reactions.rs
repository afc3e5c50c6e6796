//! Reactions: judged and counted many at a time, in the order of the batch.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::domain::{Emoji, RoomId, UserId, limits};
use crate::store::StoreError;
use crate::store::act::{Act, Deed};
use crate::store::append::AppendRefusal;
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, Script, bulk};
use crate::store::rooms::may_read;

/// What stands of the message, of this very reaction, and of the right of the one who reacts.
const STANDING: Bulk = bulk!(
    concat!(
        "SELECT given.i, message.is_deleted, reaction.seq, ",
        may_read!("given.user_id"),
        " AS is_inside FROM "
    ),
    (i bigint, room_id bigint, message_seq bigint, user_id bigint, emoji text),
    " CROSS JOIN room
       LEFT JOIN message ON message.room_id = given.room_id AND message.seq = given.message_seq
       LEFT JOIN reaction ON reaction.room_id = given.room_id
             AND reaction.message_seq = given.message_seq
             AND reaction.user_id = given.user_id AND reaction.emoji = given.emoji
      WHERE room.room_id = given.room_id"
);

const COUNTS: Bulk = bulk!(
    "SELECT counted.room_id, counted.message_seq, counted.emoji, counted.count, counted.first_seq
       FROM ",
    (room_id bigint, message_seq bigint),
    " CROSS JOIN reaction_count counted WHERE counted.room_id = given.room_id
         AND counted.message_seq = given.message_seq"
);

const ADD: Bulk = bulk!(
    "INSERT INTO reaction (room_id, message_seq, user_id, emoji, seq)
     SELECT room_id, message_seq, user_id, emoji, seq FROM ",
    (room_id bigint, message_seq bigint, user_id bigint, emoji text, seq bigint),
    ""
);

const REMOVE: Bulk = bulk!(
    "DELETE FROM reaction WHERE (room_id, message_seq, user_id, emoji) IN
     (SELECT room_id, message_seq, user_id, emoji FROM ",
    (room_id bigint, message_seq bigint, user_id bigint, emoji text),
    ")"
);

const SET_COUNTS: Bulk = bulk!(
    "INSERT INTO reaction_count (room_id, message_seq, emoji, count, first_seq)
     SELECT room_id, message_seq, emoji, count, first_seq FROM ",
    (room_id bigint, message_seq bigint, emoji text, count bigint, first_seq bigint),
    " WHERE TRUE
      ON CONFLICT (room_id, message_seq, emoji) DO UPDATE
         SET count = excluded.count, first_seq = excluded.first_seq"
);

const CLEAR_COUNTS: Bulk = bulk!(
    "DELETE FROM reaction_count WHERE (room_id, message_seq, emoji) IN
     (SELECT room_id, message_seq, emoji FROM ",
    (room_id bigint, message_seq bigint, emoji text),
    ")"
);

type Message = (RoomId, i64);
type Key = (Message, UserId, Emoji);

/// Reactions with one emoji to one message.
#[derive(Debug, Clone, Copy)]
struct Count {
    count: i64,
    first_seq: i64,
    is_changed: bool,
}

/// One user's reaction with one emoji.
#[derive(Debug, Clone, Copy)]
struct Mine {
    was_there: bool,
    /// Of its event, while it stands.
    seq: Option<i64>,
}

/// What is to be decided about one reaction, apart from the reactions before it in the batch.
#[derive(Debug, Clone, Copy)]
struct Standing {
    is_inside: bool,
    /// None: there is no such message.
    is_deleted: Option<bool>,
}

/// Everything about the messages that a run reacts to, as it goes on.
#[derive(Debug, Default)]
pub(super) struct Board {
    standing: HashMap<usize, Standing>,
    counts: HashMap<Message, HashMap<String, Count>>,
    mine: HashMap<Key, Mine>,
}

/// What becomes of one reaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not done.
    Refused(AppendRefusal),
    /// It is so already; the seq of the event that made it so, if there is one.
    Unchanged(Option<i64>),
    /// It was done: reactions with the emoji after it.
    Done(i64),
}

/// Reads what stands, for reactions by their places in the run. Every room must be there.
pub(super) async fn read(conn: &mut Conn, acts: &[(usize, &Act)]) -> Result<Board, StoreError> {
    let mut board = Board::default();
    let wishes: Vec<_> =
        acts.iter().filter_map(|(place, act)| Some((*place, key(act)?.0))).collect();
    if wishes.is_empty() {
        return Ok(board);
    }
    let given = Given::new()
        .ints((0..).take(wishes.len()))
        .ints(wishes.iter().map(|(_place, ((room, _seq), ..))| room.0))
        .ints(wishes.iter().map(|(_place, ((_room, seq), ..))| *seq))
        .ints(wishes.iter().map(|(_place, (_message, user, _emoji))| user.0))
        .texts(wishes.iter().map(|(_place, (.., emoji))| emoji.as_str()));
    let rows: Vec<(i64, Option<bool>, Option<i64>, bool)> =
        conn.given_all(&STANDING, given).await?;
    for (i, is_deleted, seq, is_inside) in rows {
        let wish = usize::try_from(i).ok().and_then(|i| wishes.get(i));
        let (place, key) =
            wish.ok_or_else(|| StoreError::Corrupt("a reaction to nothing".to_owned()))?;
        board.standing.insert(*place, Standing { is_inside, is_deleted });
        board.mine.insert(*key, Mine { was_there: seq.is_some(), seq });
        board.counts.entry(key.0).or_default();
    }
    let given = Given::new()
        .ints(board.counts.keys().map(|(room, _seq)| room.0))
        .ints(board.counts.keys().map(|(_room, seq)| *seq));
    let rows: Vec<(i64, i64, String, i64, i64)> = conn.given_all(&COUNTS, given).await?;
    for (room, seq, emoji, count, first_seq) in rows {
        let counts = board.counts.entry((RoomId(room), seq)).or_default();
        counts.insert(emoji, Count { count, first_seq, is_changed: false });
    }
    Ok(board)
}

/// Which reaction an act is about, and whether it is to stand.
fn key(act: &Act) -> Option<(Key, bool)> {
    match &act.deed {
        Deed::React { message, emoji } => Some((((act.room, *message), act.by, *emoji), true)),
        Deed::Unreact { message, emoji } => Some((((act.room, *message), act.by, *emoji), false)),
        _other => None,
    }
}

impl Board {
    /// Decides about the reaction of a place, and takes it into account for those behind it. `seq`
    /// is that of its event, should it have one.
    pub(super) fn decide(&mut self, place: usize, act: &Act, seq: i64) -> Verdict {
        let (Some((key, is_wanted)), Some(standing)) = (key(act), self.standing.get(&place)) else {
            return Verdict::Refused(AppendRefusal::Gone);
        };
        match *standing {
            Standing { is_inside: false, .. } => {
                return Verdict::Refused(AppendRefusal::NotMember);
            }
            Standing { is_deleted: None, .. } => return Verdict::Refused(AppendRefusal::NotThere),
            Standing { is_deleted: Some(true), .. } if is_wanted => {
                return Verdict::Refused(AppendRefusal::Deleted);
            }
            Standing { is_deleted: Some(_), .. } => {}
        }
        let (Some(mine), Some(counts)) = (self.mine.get_mut(&key), self.counts.get_mut(&key.0))
        else {
            return Verdict::Refused(AppendRefusal::Gone);
        };
        if mine.seq.is_some() == is_wanted {
            return Verdict::Unchanged(mine.seq);
        }
        let different = counts.values().filter(|count| count.count > 0).count();
        let count = match counts.entry(key.2.as_str().to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                place.insert(Count { count: 0, first_seq: seq, is_changed: false })
            }
        };
        if is_wanted && count.count == 0 {
            if different >= limits::REACTION_EMOJI {
                return Verdict::Refused(AppendRefusal::ReactionLimit);
            }
            count.first_seq = seq;
        }
        count.count += if is_wanted { 1 } else { -1 };
        count.is_changed = true;
        mine.seq = is_wanted.then_some(seq);
        Verdict::Done(count.count)
    }

    /// The rows that are left of it all.
    pub(super) fn write<'a>(&'a self, script: &mut Script<'a>) {
        let added = || {
            let mine = self.mine.iter().filter(|(_key, mine)| !mine.was_there);
            mine.filter_map(|(key, mine)| Some((key, mine.seq?)))
        };
        let given = Given::new()
            .ints(added().map(|(((room, _), ..), _seq)| room.0))
            .ints(added().map(|(((_, message), ..), _seq)| *message))
            .ints(added().map(|((_, user, _), _seq)| user.0))
            .texts(added().map(|((.., emoji), _seq)| emoji.as_str()))
            .ints(added().map(|(_key, seq)| seq));
        script.add(&ADD, given);
        let removed = || {
            let gone = |mine: &Mine| mine.was_there && mine.seq.is_none();
            self.mine.iter().filter(move |(_key, mine)| gone(mine)).map(|(key, _mine)| key)
        };
        let given = Given::new()
            .ints(removed().map(|((room, _), ..)| room.0))
            .ints(removed().map(|((_, message), ..)| *message))
            .ints(removed().map(|(_, user, _)| user.0))
            .texts(removed().map(|(.., emoji)| emoji.as_str()));
        script.add(&REMOVE, given);
        let changed = |is_left: bool| {
            let all = self.counts.iter();
            let all = all.flat_map(|(at, counts)| counts.iter().map(move |(e, c)| (at, e, c)));
            all.filter(move |(_at, _e, count)| count.is_changed && (count.count > 0) == is_left)
        };
        let given = Given::new()
            .ints(changed(true).map(|((room, _), ..)| room.0))
            .ints(changed(true).map(|((_, message), ..)| *message))
            .texts(changed(true).map(|(_, emoji, _)| emoji.as_str()))
            .ints(changed(true).map(|(.., count)| count.count))
            .ints(changed(true).map(|(.., count)| count.first_seq));
        script.add(&SET_COUNTS, given);
        let given = Given::new()
            .ints(changed(false).map(|((room, _), ..)| room.0))
            .ints(changed(false).map(|((_, message), ..)| *message))
            .texts(changed(false).map(|(_, emoji, _)| emoji.as_str()));
        script.add(&CLEAR_COUNTS, given);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        let all = [&STANDING, &COUNTS, &ADD, &REMOVE, &SET_COUNTS, &CLEAR_COUNTS];
        crate::store::plans::check(&all).await;
    }
}
