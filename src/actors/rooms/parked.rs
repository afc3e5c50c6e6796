//! Messages that wait for a room.

use crate::actors::bounded::Address;
use crate::actors::room::RoomMsg;
use crate::actors::rooms::RoomsMsg;
use crate::domain::RoomId;

/// A message that waits for its room to wake. Dropped untaken, with a supervisor that crashed, it
/// waits for the next supervisor.
pub(super) struct Parked {
    room: RoomId,
    msg: Option<RoomMsg>,
    supervisor: Address<RoomsMsg>,
}

impl Parked {
    pub(super) fn new(room: RoomId, msg: RoomMsg, supervisor: &Address<RoomsMsg>) -> Self {
        Self { room, msg: Some(msg), supervisor: supervisor.clone() }
    }

    /// The message, for whoever handles it now.
    pub(super) fn take(mut self) -> Option<RoomMsg> {
        self.msg.take()
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        if let Some(msg) = self.msg.take() {
            self.supervisor.answer(RoomsMsg::Forward(self.room, Box::new(msg)));
        }
    }
}
