//! The answer that is being spoken in a room. The sixth part of [`RoomState`]; as pure as the others.
//!
//! **Invariant:** what listeners get of an answer, from its beginning or from what they were given
//! when they opened the room, joins to the text that its end brings: each piece begins where the one
//! before ended.

use std::sync::Arc;

use super::commit::Gathered;
use super::message::Step;
use super::state::{Effect, RoomState};
use crate::actors::assistant::Answering;
use crate::actors::relay::{LiveEvent, Outgoing};
use crate::domain::{ASSISTANT, RoomKind, Text, UserId, Wakes, Waking, calls_assistant};
use crate::protocol::{AiDelta, AiState, Frame, Refusal};
use crate::store::{Appended, RunStepped, StoredEvent};

/// An answer as far as it was told.
#[derive(Debug)]
pub(super) struct Speaking {
    answering: Arc<Answering>,
    /// Bytes that were told.
    told: usize,
    /// Whether nobody knows who was told what: then all are told everything.
    is_unsure: bool,
}

impl RoomState {
    /// An answer was being spoken when the room came to life.
    pub(crate) fn speaks(&mut self, answering: Option<Arc<Answering>>) {
        let speaking = |answering| Speaking { answering, told: 0, is_unsure: true };
        self.speaking = answering.map(speaking);
    }

    /// Whether an answer is being spoken.
    pub(super) fn is_speaking(&self) -> bool {
        self.speaking.as_ref().is_some_and(|speaking| !speaking.answering.is_over())
    }

    /// Whether a message asks the assistant; one of a bot does only if it says so. Costs a glance for
    /// most.
    pub(super) fn wakes(
        &self,
        (author, is_bots): (UserId, bool),
        (text, reply_to): (&Text, Option<i64>),
        is_asked: bool,
    ) -> Option<Wakes> {
        if author == ASSISTANT {
            return None;
        }
        let is_pair =
            self.facts.kind == RoomKind::Private && self.facts.roster.contains_key(&ASSISTANT);
        let is_called = || is_asked || calls_assistant(text.as_str(), text.spoken());
        match self.facts.rules.settings.waking {
            Waking::Off if is_called() => Some(Wakes::InVain),
            Waking::Off => None,
            Waking::Always if !is_bots => Some(Wakes::Surely),
            Waking::Always | Waking::Mention if is_pair || is_called() => Some(Wakes::Surely),
            Waking::Always | Waking::Mention => reply_to.map(|_seq| Wakes::IfAnswer),
        }
    }

    /// A step of an answer stands in the log, or does not.
    pub(super) fn run_committed(
        &mut self,
        answering: Arc<Answering>,
        outcome: Result<Appended, Refusal>,
        gathered: &mut Gathered,
    ) {
        let event = match outcome {
            Ok(Appended::Run(RunStepped::Begun { event, .. })) => {
                self.speaking = Some(Speaking { answering, told: 0, is_unsure: false });
                event
            }
            Ok(Appended::Run(RunStepped::Ended { event, .. })) => {
                gathered.before.extend(self.said(&answering));
                self.speaking = None;
                event
            }
            _not_done => return,
        };
        self.run_event(&event, gathered);
    }

    fn run_event(&mut self, event: &StoredEvent, gathered: &mut Gathered) {
        let live = Arc::new(LiveEvent::new(self.facts.room, event.seq, event.n, &event.body));
        if self.linked.is_some() {
            gathered.steps.push(Step { event: Some(Arc::clone(&live)), change: None });
        }
        self.apply(live, &mut gathered.events);
    }

    /// More of an answer was said.
    pub(crate) fn said(&mut self, answering: &Arc<Answering>) -> Option<Effect> {
        let room = self.facts.room;
        let message = answering.message()?;
        let known = self.speaking.as_ref().map(|speaking| speaking.answering.question.run);
        if known != Some(answering.question.run) {
            // Said before the end, and heard behind it.
            if answering.is_over() {
                return None;
            }
            self.speaks(Some(Arc::clone(answering)));
        }
        // The beginning comes before what follows.
        if message > self.facts.head {
            return None;
        }
        let speaking = self.speaking.as_mut()?;
        let (from, to, run) = (speaking.told, answering.len(), answering.question.run);
        if self.facts.floors.hide(message) {
            // Who came since the answer began must not hear of it; the others read it at its end, or
            // get it whole when none of those is left.
            speaking.is_unsure = true;
            return None;
        }
        speaking.told = to;
        if std::mem::take(&mut speaking.is_unsure) {
            let text = answering.part(0, to);
            let frame = Frame::json(&AiState { room, run, off: text.len(), text: &text });
            return Some(Effect::Say(Arc::clone(answering), (to, to), frame));
        }
        if from >= to {
            return None;
        }
        let text = answering.part(from, to);
        let frame = Frame::json(&AiDelta { room, run, off: from, text: &text });
        Some(Effect::Say(Arc::clone(answering), (from, to), frame))
    }

    /// A message was deleted: nobody hears more of it, and whoever speaks it stops.
    pub(super) fn silence(&mut self, message: i64) {
        let is_meant = |speaking: &mut Speaking| speaking.answering.message() == Some(message);
        if let Some(over) = self.speaking.take_if(is_meant) {
            over.answering.end();
        }
    }

    /// A message has its text: no more of it is to come from another node.
    pub(super) fn spoken(&mut self, message: i64) {
        let is_meant = |speaking: &mut Speaking| {
            speaking.answering.is_abroad && speaking.answering.message() == Some(message)
        };
        if let Some(over) = self.speaking.take_if(is_meant) {
            over.answering.end();
        }
    }

    /// What who opens the room gets of an answer that is being spoken.
    pub(super) fn speech(&self, reader: UserId) -> Option<Outgoing> {
        let speaking = self.speaking.as_ref()?;
        let (answering, room) = (&speaking.answering, self.facts.room);
        let message = answering.message()?;
        if message > self.facts.head || message <= self.floor(reader) {
            return None;
        }
        let told = if speaking.is_unsure { answering.len() } else { speaking.told };
        let text = answering.part(0, told);
        let (run, off) = (answering.question.run, text.len());
        Some(Outgoing::Speech(Frame::json(&AiState { room, run, off, text: &text })))
    }
}
