//! News that a REST call has for what is live: who came, who must go, what was read.

use std::sync::Arc;

use super::RoomsHandle;
use crate::actors::relay::{RelayMsg, Tell};
use crate::actors::room::{Change, Commit, RoomMsg};
use crate::domain::{DeviceId, RoomId, UserId};
use crate::protocol::{CloseCode, Frame, InboxRead};
use crate::store::ReadSelection;

impl RoomsHandle {
    /// A user who has just registered: the rooms that one finds oneself in let them in.
    pub fn registered(&self, user: UserId, rooms: &[RoomId]) {
        for room in rooms {
            let came = Commit::Member { user, change: Change::Came, line: None };
            self.hand_over(*room, RoomMsg::Committed(vec![came]));
        }
    }

    /// Ends the sessions and streams of these sign-ins of a user, on this node.
    pub async fn revoke(&self, user: UserId, devices: Vec<DeviceId>) {
        let tell = Tell::Revoke(Some(devices), CloseCode::Revoked);
        self.relays.broadcast(RelayMsg::Tell(Arc::new([user]), tell)).await;
    }

    /// Tells the sessions of a user which inbox entries are read.
    pub async fn inbox_read(&self, user: UserId, which: &ReadSelection, unread: i64) {
        let (upto_seq, ids) = match which {
            ReadSelection::Upto(seq) => (Some(*seq), None),
            ReadSelection::Ids(ids) => (None, Some(ids.as_slice())),
        };
        let tell = Tell::Others(Frame::json(&InboxRead { upto_seq, ids, unread }), None);
        self.relays.broadcast(RelayMsg::Tell(Arc::new([user]), tell)).await;
    }
}
