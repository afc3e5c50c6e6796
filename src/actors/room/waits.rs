//! The questions that wait for an answer in a room. As pure as all of [`RoomState`].
//!
//! **Invariant:** who listens, and may read the question, knows of each that it waits and at which
//! place: from when they opened the room, or from when that changed; and hears when it does so no more.
//! Its asker is told by the assistants, in the room and out of it.

use std::iter;

use super::state::{Effect, RoomState};
use crate::actors::assistant::Wait;
use crate::actors::relay::{Outgoing, Passing};
use crate::domain::UserId;
use crate::protocol::Frame;

impl RoomState {
    /// These questions wait here now, and those were said to do so no more; who listens hears what is
    /// new of that. A room that came to life again does not know itself what was over meanwhile.
    pub(crate) fn waits_are(&mut self, waits: Vec<Wait>, said: &[Wait]) -> Vec<Effect> {
        let before = std::mem::replace(&mut self.waits, waits);
        let unknown = said.iter().filter(|wait| !wait.is_among(&before));
        let over = before.iter().chain(unknown).filter(|wait| !wait.is_among(&self.waits));
        let new = self.waits.iter().filter(|wait| !before.contains(wait));
        let over = over.map(|wait| self.pass_wait(wait, wait.over()));
        over.chain(new.map(|wait| self.pass_wait(wait, wait.told()))).collect()
    }

    /// Who has come since a question was asked must not hear of it.
    fn pass_wait(&self, wait: &Wait, frame: Frame) -> Effect {
        let hidden_from = self.facts.floors.hidden_from(wait.question.seq);
        let others = iter::once(wait.question.asker).chain(hidden_from).collect();
        Effect::Pass(Passing::Wait(others), frame)
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
