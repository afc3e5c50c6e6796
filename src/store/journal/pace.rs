//! Slow mode, as the last word: the live room asks first, but another node may have taken a message
//! meanwhile, or the room may have forgotten in a crash. Costs nothing where no room has a pace.

use std::collections::HashMap;

use crate::domain::{Millis, RoomId, UserId};
use crate::store::StoreError;
use crate::store::append::{AppendRefusal, NewMessage};
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, Script, bulk};
use crate::store::rooms::rank;

use super::places::Places;
use super::talk::Draft;

/// Who of these has a pace to keep, and when they wrote last. Moderators and the assistant have
/// none.
const LAST: Bulk = bulk!(
    "SELECT given.room_id, given.user_id, pace.wrote_at FROM ",
    (room_id bigint, user_id bigint),
    concat!(
        " CROSS JOIN room CROSS JOIN account
              LEFT JOIN pace ON pace.room_id = given.room_id AND pace.user_id = given.user_id
              LEFT JOIN membership m ON m.club_id = room.club_id AND m.user_id = given.user_id
          WHERE room.room_id = given.room_id AND account.user_id = given.user_id
            AND account.kind <> 'assistant' AND ",
        rank!("given.user_id", "m.role", "account.role"),
        " = 0"
    )
);

const WROTE: Bulk = bulk!(
    "INSERT INTO pace (room_id, user_id, wrote_at) SELECT room_id, user_id, wrote_at FROM ",
    (room_id bigint, user_id bigint, wrote_at bigint),
    " WHERE TRUE
      ON CONFLICT (room_id, user_id) DO UPDATE SET wrote_at = excluded.wrote_at"
);

/// When those wrote last who have a pace to keep, in the rooms of a run that have one.
#[derive(Debug, Default)]
pub(super) struct Pace(HashMap<(RoomId, UserId), Option<Millis>>);

impl Pace {
    /// Reads what the run needs: no statement when none of its rooms has a pace.
    pub(super) async fn read(
        conn: &mut Conn,
        places: &Places,
        messages: &[(usize, &NewMessage)],
    ) -> Result<Self, StoreError> {
        let slow = |room: &RoomId| places.rooms.get(room).is_some_and(|head| head.slow_mode_s > 0);
        let mut pairs: Vec<_> = messages
            .iter()
            .map(|(_place, message)| (message.room, message.author))
            .filter(|(room, _author)| slow(room))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let given = Given::new()
            .ints(pairs.iter().map(|(room, _user)| room.0))
            .ints(pairs.iter().map(|(_room, user)| user.0));
        let rows: Vec<(i64, i64, Option<i64>)> = conn.given_all(&LAST, given).await?;
        let last = |(room, user, at): (i64, i64, Option<i64>)| {
            ((RoomId(room), UserId(user)), at.map(Millis))
        };
        Ok(Self(rows.into_iter().map(last).collect()))
    }

    /// Takes a message up, unless its author has to wait.
    pub(super) fn take(&mut self, places: &Places, message: &NewMessage) -> Option<AppendRefusal> {
        let last = self.0.get_mut(&(message.room, message.author))?;
        let pace = places.rooms.get(&message.room).map_or(0, |head| head.slow_mode_s) * 1_000;
        match *last {
            // A clock that was set back makes nobody wait longer than the room does.
            Some(wrote_at) if (0..pace).contains(&(message.at.0 - wrote_at.0)) => {
                let retry_ms = pace - (message.at.0 - wrote_at.0);
                Some(AppendRefusal::Slow { wrote_at, retry_ms })
            }
            _long_ago => {
                *last = Some(message.at);
                None
            }
        }
    }

    /// Keeps when those wrote who have a pace.
    pub(super) fn keep(&self, script: &mut Script<'_>, drafts: &[Draft<'_>]) {
        let mut wrote: HashMap<(RoomId, UserId), Millis> = HashMap::new();
        for message in drafts.iter().map(|draft| draft.message) {
            if self.0.contains_key(&(message.room, message.author)) {
                wrote.insert((message.room, message.author), message.at);
            }
        }
        let given = Given::new()
            .ints(wrote.keys().map(|(room, _user)| room.0))
            .ints(wrote.keys().map(|(_room, user)| user.0))
            .ints(wrote.values().map(|at| at.0));
        script.add(&WROTE, given);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&LAST, &WROTE]).await;
    }
}
