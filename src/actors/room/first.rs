//! Who opens a room of their club for the first time: when they go one day, a line tells of it there, as
//! it does where they have written. As pure as all of [`RoomState`].
//!
//! A row of theirs is written once and for ever, beside the opening: the room keeps whose row is
//! written, so an opening costs a look, and gathers those who come while it writes.

use std::collections::HashSet;

use super::message::Form;
use super::state::{Effect, RoomState};
use crate::actors::seat::Opening;
use crate::domain::{Position, UserId};
use crate::store::RosterRow;

/// Rows that are written at once.
const ROWS: usize = 1_000;

/// Whose first opening is noted, or will be.
#[derive(Debug, Default)]
pub(super) struct First {
    known: HashSet<UserId>,
    waiting: Vec<UserId>,
    is_writing: bool,
}

impl First {
    /// Who goes and comes back opens it for the first time once more.
    pub(super) fn went(&mut self, user: UserId) {
        self.known.remove(&user);
        self.waiting.retain(|one| *one != user);
    }

    fn next(&mut self) -> Option<Effect> {
        if self.is_writing || self.waiting.is_empty() {
            return None;
        }
        self.is_writing = true;
        let most = self.waiting.len().min(ROWS);
        Some(Effect::NoteOpened(self.waiting.drain(..most).collect()))
    }
}

impl RoomState {
    /// Takes up whose first opening the store has.
    pub(crate) fn known(&mut self, rows: &[RosterRow]) {
        if self.facts.kind.is_club_room() {
            let known = rows.iter().filter(|row| row.has_opened).map(|row| row.user);
            self.first.known.extend(known);
        }
    }

    /// A session opens the room, perhaps as the first of its user.
    pub(crate) fn enter(
        &mut self,
        opening: Opening,
        since: Option<Position>,
        form: Form,
    ) -> Vec<Effect> {
        let user = opening.user;
        let mut effects = self.open(opening, since, form);
        let is_reader = || self.facts.roster.contains_key(&user);
        if self.facts.kind.is_club_room() && !self.first.known.contains(&user) && is_reader() {
            self.first.known.insert(user);
            self.first.waiting.push(user);
            effects.extend(self.first.next());
        }
        effects
    }

    /// First openings were written; these were not, and are tried again with the next.
    pub(super) fn opened_noted(&mut self, failed: &[UserId]) -> Vec<Effect> {
        self.first.is_writing = false;
        for user in failed {
            self.first.known.remove(user);
        }
        self.first.next().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use crate::actors::room::message::{Change, Loaded};
    use crate::actors::room::rules::RuleBook;
    use crate::actors::room::{Facts, Floors};
    use crate::actors::seat::SeatKey;
    use crate::domain::{Epoch, History, Notify, Rank, RoomId, RoomKind, Standing};

    const MINA: UserId = UserId(1);
    const BOB: UserId = UserId(2);
    const CAROL: UserId = UserId(3);

    fn room(kind: RoomKind) -> RoomState {
        let standing = Standing::new(Rank::Member);
        let facts = Facts {
            room: RoomId(12),
            name: "plans".to_owned(),
            kind,
            club: None,
            epoch: Epoch("a1".into()),
            head: 0,
            n: 0,
            notify: Notify::Mentions,
            roster: HashMap::from([MINA, BOB, CAROL].map(|user| (user, standing))),
            floors: Floors::new(History::All, &[]),
            rules: RuleBook::of(kind),
        };
        RoomState::new(facts, Vec::new(), Arc::default())
    }

    /// Whose first opening is written now, if one is.
    fn noted(effects: &[Effect]) -> Option<Vec<UserId>> {
        effects.iter().find_map(|effect| match effect {
            Effect::NoteOpened(users) => Some(users.clone()),
            _other => None,
        })
    }

    fn open(room: &mut RoomState, user: UserId) -> Option<Vec<UserId>> {
        let seat = SeatKey { worker: 0, slot: 1, life: 1 };
        noted(&room.enter(Opening { seat, turn: 1, user }, None, Form::Socket { re: None }))
    }

    #[test]
    fn a_first_opening_is_noted_once_and_others_gather_meanwhile() {
        let mut room = room(RoomKind::Member);
        assert_eq!(open(&mut room, MINA), Some(vec![MINA]));
        assert_eq!((open(&mut room, BOB), open(&mut room, MINA)), (None, None));
        assert_eq!((open(&mut room, CAROL), open(&mut room, UserId(9))), (None, None));
        let done = |room: &mut RoomState, failed: &[UserId]| {
            noted(&room.loaded(&Loaded::OpenedNoted { failed: failed.to_vec() }))
        };
        assert_eq!(done(&mut room, &[]), Some(vec![BOB, CAROL]));
        assert_eq!(done(&mut room, &[BOB, CAROL]), None);
        assert_eq!(open(&mut room, MINA), None);
        assert_eq!(open(&mut room, BOB), Some(vec![BOB]), "what failed is tried again");
        // Who comes back is new again.
        room.change(MINA, Change::Went("left"));
        room.change(MINA, Change::Came { since: 0 });
        assert_eq!(open(&mut room, MINA), None);
        assert_eq!(done(&mut room, &[]), Some(vec![MINA]));
    }

    #[test]
    fn what_the_store_has_is_not_written_again_and_only_clubs_note_it() {
        let row = |user, has_opened| RosterRow {
            user,
            standing: Standing::new(Rank::Member),
            join_seq: 0,
            has_opened,
        };
        let mut room = room(RoomKind::Manager);
        room.known(&[row(MINA, true), row(BOB, false)]);
        assert_eq!(open(&mut room, MINA), None);
        assert_eq!(open(&mut room, BOB), Some(vec![BOB]));
        assert_eq!(open(&mut self::room(RoomKind::Lobby), MINA), None);
    }
}
