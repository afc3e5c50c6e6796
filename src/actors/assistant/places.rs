//! Who waits is told their place whenever it changes, and the room and the other nodes are told too.

use std::time::Instant;

use super::answering::Question;
use super::waits::{Changed, Wait, changed};
use super::{Assistants, State};
use crate::actors::room::RoomMsg;
use crate::actors::rooms::{RoomsHandle, RoomsMsg};
use crate::domain::{RoomId, RunId};

/// Places in the queue that are told.
const PLACES: usize = 100;
/// Of a question whose room is answered in on another node: that answer comes before it.
const BEHIND_ANOTHER: usize = 1;

impl Assistants {
    /// Tells who waits their places, where those are new, and who waits no more that it is so.
    pub(super) async fn tell_places(&self, state: &State) {
        let (now, waits) = (self.who_waits(state), &self.rooms.assistant.waits);
        let before = waits.are(&now);
        // Who hears of it may open the room at once, and is told the same there.
        look(&self.rooms, changed(&before, &now));
        for over in before.iter().filter(|wait| !wait.is_among(&now)) {
            self.rooms.tell_asker(over.question.asker, over.over()).await;
        }
        for wait in now.iter().filter(|wait| !before.contains(wait)) {
            self.rooms.tell_asker(wait.question.asker, wait.told()).await;
        }
    }

    /// Tells who hears of it here that questions wait no more of which only nodes spoke that are silent
    /// now. Whoever takes them up says so.
    pub(super) async fn forget_silent(&self) {
        let over = self.rooms.assistant.waits.expire(Instant::now());
        look(&self.rooms, changed(&over, &[]));
        for over in over {
            self.rooms.tell_asker_here(over.question.asker, over.over()).await;
        }
    }

    /// Tells the other nodes who waits here, as long as anybody does, and once that nobody does.
    pub(super) fn share_places(&self, state: &mut State) {
        let waits = self.rooms.assistant.waits.own();
        let has_any = !waits.is_empty();
        if std::mem::replace(&mut state.has_shared, has_any) || has_any {
            self.rooms.bus.waits(waits);
        }
    }

    fn who_waits(&self, state: &State) -> Vec<Wait> {
        let is_elsewhere = |question: &Question| state.elsewhere.contains_key(&question.run);
        let has_begun = |run: RunId| self.rooms.assistant.has_begun(run);
        let places = state.queue.places(PLACES).into_iter();
        let mut waits: Vec<_> = places
            .filter(|(question, _place)| !is_elsewhere(question))
            .map(|(question, place)| Wait { question, place })
            .collect();
        let elsewhere = state.elsewhere.values().filter(|question| !has_begun(question.run));
        waits.extend(elsewhere.map(|&question| Wait { question, place: BEHIND_ANOTHER }));
        waits
    }
}

/// Has rooms look at what waits in them, those that are awake.
pub(crate) fn look(rooms: &RoomsHandle, changed: Changed) {
    changed.into_iter().for_each(|(room, over)| tell_room(rooms, room, RoomMsg::Waits(over)));
}

/// Leaves something with a room, if it is awake; never waits.
pub(super) fn tell_room(rooms: &RoomsHandle, room: RoomId, msg: RoomMsg) {
    let back = match rooms.directory.find(room) {
        Some(handle) => handle.answer(msg).err(),
        None => Some(msg),
    };
    if let Some(msg) = back {
        rooms.supervisor.answer(RoomsMsg::Offer(room, Box::new(msg)));
    }
}
