//! News that a REST call has for what is live: who came, who must go, what was read.

use std::sync::Arc;
use std::time::Instant;

use super::{RoomsHandle, RoomsMsg};
use crate::actors::journal::Ticket;
use crate::actors::relay::{LiveEvent, RelayMsg, Tell};
use crate::actors::room::{Change, Commit, RoomMsg, UNKNOWN};
use crate::domain::{DeviceId, MessageId, RoomId, UserId};
use crate::protocol::{CloseCode, Frame, InboxRead, RoomEntry, ThreadRead};
use crate::store::{Append, NewPreviews, NoticesRead, ReadSelection, StoredNotice, ThreadMark};

/// Most entries in one line.
const NOTICES: usize = 200;

impl RoomsHandle {
    /// Tells inbox entries to the sessions of their users, in this order.
    pub(super) async fn tell_notices(&self, notices: Vec<StoredNotice>) {
        for notice in notices {
            // An inbox is no room; its events travel in the same wrapping.
            let event = LiveEvent::new(RoomId(0), notice.seq, 0, &notice.body);
            let tell = Tell::Inbox(Arc::new(event));
            self.bus.tell(&[notice.user], &tell);
            self.relays.broadcast(RelayMsg::Tell([notice.user].into(), tell)).await;
        }
    }

    /// Tells the sessions of users which inbox entries they have read together with a room.
    pub(super) async fn tell_notices_read(&self, read: Vec<NoticesRead>) {
        for NoticesRead { user, ids, unread } in read {
            for some in ids.chunks(NOTICES) {
                let frame = InboxRead { upto_seq: None, ids: Some(some), unread };
                let tell = Tell::Others(Frame::json(&frame), None);
                self.bus.tell(&[user], &tell);
                self.relays.broadcast(RelayMsg::Tell([user].into(), tell)).await;
            }
        }
    }

    /// A user who has just registered: the rooms that one finds oneself in let them in.
    pub fn registered(&self, user: UserId, rooms: &[RoomId]) {
        let change = Change::Came { since: UNKNOWN };
        for room in rooms {
            let came = Commit::Member { user, change, line: None };
            self.hand_over(*room, RoomMsg::Committed(vec![came]));
        }
    }

    /// Whether there is a link to other nodes and nothing crosses it now.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.bus.is_cut_off()
    }

    /// Tells the sessions of `users` that a new room is theirs.
    pub async fn opened(&self, users: Vec<UserId>, entry: RoomEntry) {
        self.presence.add_room(users.clone(), entry.room);
        self.bus.add(&users, &entry);
        let tell = Tell::Add(Arc::new(entry));
        self.relays.broadcast(RelayMsg::Tell(users.into(), tell)).await;
    }

    /// Ends rooms that were deleted and tells who listens.
    pub fn deleted(&self, rooms: Vec<RoomId>) {
        self.bus.deleted(&rooms);
        if self.supervisor.try_cast(RoomsMsg::Delete(rooms)).is_err() {
            tracing::error!("deleted rooms could not be ended");
        }
        self.sweeper.look();
    }

    /// Ends the sessions and streams of these sign-ins of a user, on every node.
    pub async fn revoke(&self, user: UserId, devices: Vec<DeviceId>) {
        let tell = Tell::Revoke(Some(devices), CloseCode::Revoked);
        self.bus.tell(&[user], &tell);
        self.relays.broadcast(RelayMsg::Tell(Arc::new([user]), tell)).await;
    }

    /// The same on this node alone.
    pub async fn revoke_here(&self, user: UserId, devices: Vec<DeviceId>) {
        let tell = Tell::Revoke(Some(devices), CloseCode::Revoked);
        self.relays.broadcast(RelayMsg::Tell(Arc::new([user]), tell)).await;
    }

    /// Tells the sessions of a user how far a thread is read.
    pub async fn thread_read(&self, user: UserId, root: MessageId, mark: ThreadMark) {
        let ThreadMark { seq, unread } = mark;
        let read = ThreadRead { room: root.room, thread: root, seq, unread };
        let tell = Tell::Others(Frame::json(&read), None);
        self.bus.tell(&[user], &tell);
        self.relays.broadcast(RelayMsg::Tell(Arc::new([user]), tell)).await;
    }

    /// Tells the sessions of a user which inbox entries are read.
    pub async fn inbox_read(&self, user: UserId, which: &ReadSelection, unread: i64) {
        let (upto_seq, ids) = match which {
            ReadSelection::Upto(seq) => (Some(*seq), None),
            ReadSelection::Ids(ids) => (None, Some(ids.as_slice())),
        };
        let tell = Tell::Others(Frame::json(&InboxRead { upto_seq, ids, unread }), None);
        self.bus.tell(&[user], &tell);
        self.relays.broadcast(RelayMsg::Tell(Arc::new([user]), tell)).await;
    }

    /// Tells a room what was found behind the links of a message, unless the message was changed
    /// meanwhile. Nobody waits for it.
    pub fn previewed(&self, found: NewPreviews) {
        let ticket = Ticket::Event { room: found.room };
        if self.journal.append(Append::Previews(found), ticket, Instant::now()).is_err() {
            tracing::debug!("previews were left out: the journal is busy");
        }
    }
}
