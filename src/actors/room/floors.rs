//! From where on each reader sees the log of a room that shows a newcomer nothing of what was
//! before. Pure, like all of [`RoomState`].
//!
//! **Invariant:** nothing up to a reader's floor reaches their seat: no snapshot, no replay, no
//! answer to a pull, no live event.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::message::UNKNOWN;
use super::state::{Effect, RoomState};
use crate::actors::relay::LiveEvent;
use crate::domain::{History, UserId};
use crate::protocol::SharedSnapshot;
use crate::store::{RoomInfo, RosterRow};

/// The floors of those who came after the beginning; empty where everybody sees everything.
#[derive(Debug, Default)]
pub(crate) struct Floors(Option<HashMap<UserId, i64>>);

impl Floors {
    /// The floors of a room with these readers.
    pub(crate) fn new(history: History, roster: &[RosterRow]) -> Self {
        match history {
            History::All => Self(None),
            History::SinceJoin => {
                let late = roster.iter().filter(|row| row.join_seq > 0);
                Self(Some(late.map(|row| (row.user, row.join_seq)).collect()))
            }
        }
    }

    /// A reader came when this was the newest seq.
    pub(super) fn came(&mut self, user: UserId, since: i64) {
        let Some(floors) = &mut self.0 else {
            return;
        };
        // Who is known already came in the same moment that somebody else cannot tell.
        if since == UNKNOWN {
            floors.entry(user).or_insert(since);
        } else {
            floors.insert(user, since);
        }
    }

    /// A reader is none any more.
    pub(super) fn went(&mut self, user: UserId) {
        if let Some(floors) = &mut self.0 {
            floors.remove(&user);
        }
    }

    /// The seq up to which a reader sees nothing. Of whom nobody could say it, it is `head`.
    pub(super) fn of(&self, user: UserId, head: i64) -> i64 {
        match self.0.as_ref().and_then(|floors| floors.get(&user)) {
            Some(&UNKNOWN) => head,
            Some(floor) => *floor,
            None => 0,
        }
    }
}

impl RoomState {
    /// The seq up to which a reader sees nothing.
    pub(super) fn floor(&self, user: UserId) -> i64 {
        self.facts.floors.of(user, self.facts.head)
    }

    /// The room was changed; who came since these readers were read is known better.
    pub(super) fn resettled(&mut self, info: &RoomInfo, rows: &[RosterRow]) -> Vec<Effect> {
        self.facts.name.clone_from(&info.name);
        let before = std::mem::replace(&mut self.facts.floors, Floors::new(info.history, rows));
        let read: std::collections::HashSet<_> = rows.iter().map(|row| row.user).collect();
        let known = before.0.into_iter().flatten().filter(|(user, _since)| !read.contains(user));
        for (user, since) in known {
            self.facts.floors.came(user, since);
        }
        Vec::new()
    }
}

/// What a reader with a floor gets instead of a snapshot that reaches back behind it.
pub(super) struct Cut {
    /// Everything up to this seq is in it.
    pub(super) upto: i64,
    /// Messages up to there.
    pub(super) n: i64,
    /// The messages that are left.
    pub(super) body: SharedSnapshot,
}

impl Cut {
    /// A snapshot without what lies up to `floor`; `missed` are the events behind it. `None` when
    /// it cannot be taken apart, which it always can.
    pub(super) fn of(
        (upto, n, body): (i64, i64, &SharedSnapshot),
        missed: &[Arc<LiveEvent>],
        floor: i64,
    ) -> Option<Self> {
        #[derive(Deserialize)]
        struct Whole<'a> {
            #[serde(borrow)]
            items: Vec<&'a RawValue>,
        }
        #[derive(Deserialize)]
        struct Placed {
            seq: i64,
        }
        #[derive(Serialize)]
        struct Left<'a> {
            upto: i64,
            items: Vec<&'a RawValue>,
        }
        let whole: Whole<'_> = serde_json::from_slice(body.json()).ok()?;
        let is_left = |item: &&RawValue| {
            serde_json::from_str::<Placed>(item.get()).is_ok_and(|placed| placed.seq > floor)
        };
        let items = whole.items.into_iter().filter(is_left).collect();
        let last = missed.iter().rev().find(|event| event.seq <= floor);
        let n = last.map_or(n, |event| event.n);
        let upto = upto.max(floor);
        let body = SharedSnapshot::new(&Left { upto, items })?;
        Some(Self { upto, n, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Millis, RoomId, Standing};

    const MINA: UserId = UserId(1);
    const BOB: UserId = UserId(2);

    fn row(user: UserId, join_seq: i64) -> RosterRow {
        let standing = Standing { is_moderator: false, muted_until: Some(Millis(1)) };
        RosterRow { user, standing, join_seq }
    }

    #[test]
    fn where_everything_is_shown_nobody_has_a_floor() {
        let mut floors = Floors::new(History::All, &[row(MINA, 7)]);
        floors.came(BOB, 9);
        assert_eq!((floors.of(MINA, 20), floors.of(BOB, 20)), (0, 0));
    }

    #[test]
    fn a_floor_is_where_one_came_in() {
        let mut floors = Floors::new(History::SinceJoin, &[row(MINA, 0), row(BOB, 9)]);
        assert_eq!((floors.of(MINA, 20), floors.of(BOB, 20)), (0, 9));
        floors.went(BOB);
        floors.came(BOB, UNKNOWN);
        assert_eq!(floors.of(BOB, 20), 20, "nothing, as long as nobody knows");
        floors.came(BOB, 12);
        floors.came(BOB, UNKNOWN);
        assert_eq!(floors.of(BOB, 20), 12);
    }

    #[test]
    fn a_snapshot_is_cut_at_the_floor() {
        let item = |seq: i64| format!(r#"{{"seq":{seq},"text":"m{seq}"}}"#);
        let items = [3, 5, 8].map(item).join(",");
        let body = RawValue::from_string(format!(r#"{{"upto":9,"items":[{items}]}}"#)).unwrap();
        let body = SharedSnapshot::new(&body).unwrap();
        let event =
            |seq| Arc::new(LiveEvent::new(RoomId(1), seq, seq + 100, r#"{"ev":"msg.new"}"#));
        let missed = [event(10), event(11), event(12)];
        let cut = |floor| Cut::of((9, 7, &body), &missed, floor).unwrap();
        let some = cut(5);
        assert_eq!((some.upto, some.n), (9, 7));
        assert_eq!(some.body.json(), br#"{"upto":9,"items":[{"seq":8,"text":"m8"}]}"#);
        let none = cut(11);
        assert_eq!((none.upto, none.n), (11, 111));
        assert_eq!(none.body.json(), br#"{"upto":11,"items":[]}"#);
    }
}
