//! Threads: who follows one, and what a message in it changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::{RoomId, UserId, limits};
use crate::store::StoreError;
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, Script, bulk};

use super::talk::Draft;

/// Up to so many followers are told with the message itself, as many as it may call by name; more are
/// told piece by piece.
const TOLD_AT_ONCE: usize = limits::MENTIONS;

/// The followers of a thread, one more than are told at once.
const FOLLOWERS: Bulk = bulk!(
    "SELECT given.room_id, given.root_seq, follower.user_id FROM ",
    (room_id bigint, root_seq bigint),
    " CROSS JOIN thread_member follower
      WHERE follower.room_id = given.room_id AND follower.root_seq = given.root_seq
        AND follower.user_id <= coalesce((SELECT last.user_id FROM thread_member last
            WHERE last.room_id = given.room_id AND last.root_seq = given.root_seq
            ORDER BY last.user_id LIMIT 1 OFFSET 20), 9223372036854775807)"
);

const THREADS: Bulk = bulk!(
    "INSERT INTO thread (room_id, root_seq, count, last_seq, last_at)
     SELECT room_id, root_seq, count, last_seq, last_at FROM ",
    (room_id bigint, root_seq bigint, count bigint, last_seq bigint, last_at bigint),
    " WHERE TRUE
      ON CONFLICT (room_id, root_seq) DO UPDATE
         SET count = thread.count + excluded.count,
             last_seq = excluded.last_seq, last_at = excluded.last_at"
);

const MEMBERS: Bulk = bulk!(
    "INSERT INTO thread_member (room_id, root_seq, user_id, read_seq)
     SELECT room_id, root_seq, user_id, read_seq FROM ",
    (room_id bigint, root_seq bigint, user_id bigint, read_seq bigint),
    " WHERE TRUE
      ON CONFLICT (room_id, root_seq, user_id) DO UPDATE
         SET read_seq = CASE WHEN excluded.read_seq > thread_member.read_seq
                             THEN excluded.read_seq ELSE thread_member.read_seq END"
);

/// Adds to each draft in a thread those who are to hear of it: the author of the root, and who
/// follows the thread, if they are few. Runs no statement where no draft is in a thread.
pub(super) async fn followers(conn: &mut Conn, drafts: &mut [Draft<'_>]) -> Result<(), StoreError> {
    let threads: BTreeSet<_> = drafts.iter().filter_map(Draft::root).collect();
    if threads.is_empty() {
        return Ok(());
    }
    let given = Given::new()
        .ints(threads.iter().map(|(room, _root)| room.0))
        .ints(threads.iter().map(|(_room, root)| *root));
    let rows: Vec<(i64, i64, i64)> = conn.given_all(&FOLLOWERS, given).await?;
    let mut followers: HashMap<(RoomId, i64), Vec<UserId>> = HashMap::new();
    for (room, root, user) in rows {
        followers.entry((RoomId(room), root)).or_default().push(UserId(user));
    }
    for draft in drafts {
        let Some(thread) = draft.root() else { continue };
        let known = followers.entry(thread).or_default();
        draft.has_crowd = known.len() > TOLD_AT_ONCE;
        let told = known.iter().copied().chain(draft.began).filter(|_user| !draft.has_crowd);
        for user in told {
            if !draft.cause.answered.contains(&user) {
                draft.cause.answered.push(user);
            }
        }
        // Whoever writes follows, also for what comes behind in this batch.
        known.extend(draft.began.into_iter().chain([draft.message.author]));
        known.sort_unstable();
        known.dedup();
    }
    Ok(())
}

/// The rows that messages in threads leave.
pub(super) fn write(script: &mut Script<'_>, drafts: &[Draft<'_>]) {
    let mut threads: BTreeMap<(RoomId, i64), (i64, i64, i64)> = BTreeMap::new();
    let mut members: BTreeMap<(RoomId, i64, UserId), i64> = BTreeMap::new();
    for draft in drafts {
        let Some((room, root)) = draft.root() else { continue };
        let (count, last_seq, last_at) = threads.entry((room, root)).or_default();
        (*count, *last_seq, *last_at) = (*count + 1, draft.cause.seq, draft.message.at.0);
        if let Some(began) = draft.began {
            members.entry((room, root, began)).or_insert(root);
        }
        members.insert((room, root, draft.message.author), draft.cause.seq);
    }
    let given = Given::new()
        .ints(threads.keys().map(|(room, _root)| room.0))
        .ints(threads.keys().map(|(_room, root)| *root))
        .ints(threads.values().map(|(count, ..)| *count))
        .ints(threads.values().map(|(_count, seq, _at)| *seq))
        .ints(threads.values().map(|(.., at)| *at));
    script.add(&THREADS, given);
    let given = Given::new()
        .ints(members.keys().map(|(room, ..)| room.0))
        .ints(members.keys().map(|(_room, root, _user)| *root))
        .ints(members.keys().map(|(.., user)| user.0))
        .ints(members.values().copied());
    script.add(&MEMBERS, given);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_is_read_than_is_told_at_once() {
        assert!(FOLLOWERS.after.contains(&format!("OFFSET {TOLD_AT_ONCE})")));
    }

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&FOLLOWERS, &THREADS, &MEMBERS]).await;
    }
}
