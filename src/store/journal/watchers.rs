//! Who hears of each message in a room, by one unread entry at a time.
//!
//! Everyone in a private room and in a small group, in rooms of study and project clubs, and who has
//! asked for it; unless they want less, or have the room open.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::domain::{RoomId, RoomKind, UserId, limits};
use crate::store::StoreError;
use crate::store::append::Called;
use crate::store::blocks::apart_of;
use crate::store::db::{Conn, fetch_all};
use crate::store::writer::EventWriter;

use super::places::Places;
use super::talk::Draft;

/// Readers of the room `$1` who want to hear of everything and have no entry of new talk there
/// that waits. `$2` is the most members of a group that makes entries unasked.
const WATCHERS: &str = "SELECT watcher.user_id, room.name FROM
       (SELECT seen.user_id FROM room_member seen JOIN room ON room.room_id = seen.room_id
         WHERE seen.room_id = $1 AND seen.notify = 'all'
           AND CASE WHEN room.club_id IS NULL THEN seen.is_inside
               ELSE EXISTS (SELECT 1 FROM membership m WHERE m.club_id = room.club_id
                               AND m.user_id = seen.user_id AND m.status = 'active'
                               AND (room.kind = 'member' OR m.role <> 'member')) END
        UNION ALL
        SELECT seen.user_id FROM room JOIN room_member seen ON seen.room_id = room.room_id
         WHERE room.room_id = $1 AND room.notify = 'all' AND room.club_id IS NULL
           AND seen.is_inside AND seen.notify IS NULL
           AND (SELECT count(*) FROM (SELECT 1 FROM room_member inside
                 WHERE inside.room_id = $1 AND inside.is_inside LIMIT $2 + 1) few) <= $2
        UNION ALL
        SELECT m.user_id FROM room JOIN membership m ON m.club_id = room.club_id
               LEFT JOIN room_member seen
                      ON seen.room_id = room.room_id AND seen.user_id = m.user_id
         WHERE room.room_id = $1 AND room.notify = 'all' AND m.status = 'active'
           AND (room.kind = 'member' OR m.role <> 'member') AND seen.notify IS NULL) watcher
      JOIN room ON room.room_id = $1
      WHERE NOT EXISTS (SELECT 1 FROM notice WHERE notice.user_id = watcher.user_id
                           AND notice.room_id = $1 AND notice.kind IN ('dm', 'chat')
                           AND notice.read_at IS NULL AND notice.dropped_at IS NULL
                         LIMIT 1 OFFSET 0)
      ORDER BY watcher.user_id";

/// Fills in who is to hear of each draft, in rooms that are watched; others run no statement.
pub(super) async fn find(
    conn: &mut Conn,
    places: &Places,
    drafts: &mut [Draft<'_>],
    writer: &dyn EventWriter,
) -> Result<(), StoreError> {
    let mut watched: HashMap<RoomId, Vec<(i64, String)>> = HashMap::new();
    let mut pairs = BTreeSet::new();
    for draft in drafts.iter() {
        let (room, author) = (draft.message.room, draft.message.author);
        if !places.rooms.get(&room).is_some_and(|head| head.is_watched) {
            continue;
        }
        let rows = match watched.entry(room) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let most = limits::SMALL_GROUP;
                let mut rows = fetch_all!(conn, (i64, String), WATCHERS, room.0, most)?;
                rows.retain(|(user, _name)| !writer.is_listening(room, UserId(*user)));
                place.insert(rows)
            }
        };
        let users = rows.iter().map(|(user, _name)| UserId(*user));
        pairs.extend(users.filter(|user| *user != author).map(|user| (author, user)));
    }
    let apart = apart_of(conn, &pairs).await?;
    // Those who have got an entry by an earlier draft of the batch are not in the store yet.
    let mut told: HashSet<(RoomId, UserId)> = HashSet::new();
    for draft in drafts {
        let (room, author) = (draft.message.room, draft.message.author);
        let here: &[UserId] = match &draft.message.called {
            // Everybody is told that they are called.
            Some(Called::All) => continue,
            Some(Called::Here(users)) => users,
            None => &[],
        };
        let cause = &mut draft.cause;
        let (Some(head), Some(rows)) = (places.rooms.get(&room), watched.get(&room)) else {
            continue;
        };
        for (user, name) in rows.iter().map(|(user, name)| (UserId(*user), name)) {
            let called = [&cause.mentions, &cause.answered, here];
            let is_called = called.iter().any(|called| called.contains(&user));
            if user != author
                && !is_called
                && !apart.contains(&(author, user))
                && told.insert((room, user))
            {
                cause.watchers.push(user);
                cause.place.clone_from(name);
            }
        }
        cause.news = if head.kind == RoomKind::Private { "dm" } else { "chat" };
    }
    Ok(())
}
