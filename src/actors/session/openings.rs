//! Openings of one room that come to one worker in the same moment are one message: after a restart
//! a thousand clients open the same few rooms.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::actors::relay::Relay;
use crate::actors::room::RoomMsg;
use crate::actors::rooms::RoomsHandle;
use crate::domain::RoomId;

/// Openings that were not handed over yet.
pub(super) struct Openings {
    rooms: RoomsHandle,
    relay: Rc<Relay>,
    waiting: RefCell<Vec<(RoomId, RoomMsg)>>,
}

impl Openings {
    pub(super) fn new(rooms: RoomsHandle, relay: &Rc<Relay>) -> Rc<Self> {
        Rc::new(Self { rooms, relay: Rc::clone(relay), waiting: RefCell::default() })
    }

    /// Takes an opening along, if the room is awake: gives it back otherwise.
    pub(super) fn take(self: &Rc<Self>, room: RoomId, open: RoomMsg) -> Result<(), RoomMsg> {
        if self.rooms.directory.find(room).is_none() {
            return Err(open);
        }
        let is_first = {
            let mut waiting = self.waiting.borrow_mut();
            waiting.push((room, open));
            waiting.len() == 1
        };
        if is_first {
            let openings = Rc::clone(self);
            actix_rt::spawn(async move {
                // Whoever is ready now comes along.
                tokio::task::yield_now().await;
                openings.hand_over();
            });
        }
        Ok(())
    }

    /// Hands over what waits, before something else is said to a room.
    pub(super) fn hand_over(&self) {
        let mut all: HashMap<RoomId, Vec<RoomMsg>> = HashMap::new();
        for (room, open) in self.waiting.take() {
            all.entry(room).or_default().push(open);
        }
        for (room, opens) in all {
            if let Err(opens) = self.rooms.try_ask(room, RoomMsg::Opens(opens)) {
                // No place, or it has just ended.
                actix_rt::spawn(ask(self.rooms.clone(), Rc::clone(&self.relay), room, opens));
            }
        }
    }
}

async fn ask(rooms: RoomsHandle, relay: Rc<Relay>, room: RoomId, opens: RoomMsg) {
    let asked = opens.clone();
    if let Err(refusal) = rooms.ask(room, opens).await {
        relay.refuse_openings(&asked, &refusal);
    }
}
