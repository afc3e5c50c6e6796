//! The questions that wait for an answer in a room. As pure as all of [`RoomState`].
//!
//! **Invariant:** who listens, and may read the question, knows of each that it waits and at which
//! place: from when they opened the room, or from when that changed. Its asker is told by the
//! assistants, in the room and out of it.

use super::state::{Effect, RoomState};
use crate::actors::assistant::Wait;
use crate::actors::relay::{Outgoing, Passing};
use crate::domain::UserId;

impl RoomState {
    /// These questions wait here now; who listens hears what is new of that.
    pub(crate) fn waits_are(&mut self, waits: Vec<Wait>) -> Vec<Effect> {
        let before = std::mem::replace(&mut self.waits, waits);
        let over = before.iter().filter(|wait| !wait.is_among(&self.waits));
        let over = over.map(|wait| (wait, wait.over()));
        let new = self.waits.iter().filter(|wait| !before.contains(wait));
        let new = new.map(|wait| (wait, wait.told()));
        // Who has come since a question was asked must not hear of it, so nobody does.
        let told = over.chain(new).filter(|(wait, _)| !self.facts.floors.hide(wait.question.seq));
        let pass =
            |(wait, frame): (&Wait, _)| Effect::Pass(Passing::Wait(wait.question.asker), frame);
        told.map(pass).collect()
    }

    /// What who opens the room is told of the questions that wait.
    pub(super) fn waits_for(&self, reader: UserId) -> Vec<Outgoing> {
        if self.waits.is_empty() {
            return Vec::new();
        }
        let floor = self.floor(reader);
        let seen = self.waits.iter().filter(|wait| wait.question.seq > floor);
        seen.map(|wait| Outgoing::Speech(wait.told())).collect()
    }
}
