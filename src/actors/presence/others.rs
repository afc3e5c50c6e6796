//! Between the presence of this node and those of others.

use std::collections::HashSet;

use super::abroad::Move;
use super::{Online, Presence, State, Told};
use crate::actors::bus::Roll;
use crate::domain::UserId;

/// Beats between two rolls.
const ROLL: u32 = 10;
/// Most users in one message.
const PART: usize = 500;

impl State {
    /// Other nodes are to hear of a user at the next beat.
    pub(super) fn changed(&mut self, user: UserId) {
        if self.is_linked {
            self.untold.insert(user);
        }
    }

    /// What became of users of other nodes; who is online here too does not leave.
    pub(super) fn follow(&mut self, moves: Vec<Move>) {
        let mut known = HashSet::new();
        for one in moves {
            let (Move::Join(user, _) | Move::Leave(user, _)) = one;
            if self.states.knows(user) {
                known.insert(user);
            }
            match one {
                Move::Join(user, room) => self.join(user, room),
                Move::Leave(user, room) => {
                    let is_here = |online: &Online| online.rooms.contains(&room);
                    if !self.users.get(&user).is_some_and(is_here) {
                        self.leave(user, room);
                    }
                }
            }
        }
        known.into_iter().for_each(|user| self.restate(user));
    }

    fn told(&self, user: UserId) -> Told {
        (user, self.users.get(&user).map(|online| online.rooms.to_vec()))
    }
}

impl Presence {
    /// Tells other nodes who came and went, and now and then who is online altogether.
    pub(super) fn tell_others(&self, state: &mut State) {
        let untold: Vec<_> = state.untold.drain().collect();
        for some in untold.chunks(PART) {
            let users = some.iter().map(|user| state.told(*user)).collect();
            self.rooms.bus.online(users, None);
        }
        let is_roll = state.roll_in == 0;
        let said = state.words_for_others(is_roll);
        for some in said.chunks(PART) {
            self.rooms.bus.says(some.to_vec());
        }
        if !is_roll {
            state.roll_in -= 1;
            return;
        }
        state.roll_in = ROLL - 1;
        state.rolls += 1;
        let all: Vec<_> = state.users.keys().copied().collect();
        let roll = Some(Roll { number: state.rolls, total: all.len() });
        for some in all.chunks(PART) {
            self.rooms.bus.online(some.iter().map(|user| state.told(*user)).collect(), roll);
        }
        if all.is_empty() {
            self.rooms.bus.online(Vec::new(), roll);
        }
    }
}
