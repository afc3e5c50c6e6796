//! Rooms that sleep on this node while other nodes write them: whoever listens to their heads hears
//! of it without waking them.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Relay;
use super::book::Kind;
use super::message::LiveEvent;
use crate::domain::{RoomId, UserId};

impl Relay {
    /// The log of a room went on that sleeps here, or sleeps no more by now: nothing is delivered,
    /// for only the room itself delivers in step with its openings. If somebody has it open it is
    /// woken, and tells.
    pub(super) fn elsewhere(&self, room: RoomId, head: i64, n: i64, events: &[Arc<LiveEvent>]) {
        let mut book = self.book.borrow_mut();
        let book = &mut *book;
        let Some(listeners) = book.rooms.get(&room) else {
            return;
        };
        let last = listeners.last;
        if head <= last {
            return;
        }
        if !listeners.open.is_empty() {
            self.wake(room);
            return;
        }
        for event in events.iter().filter(|event| event.seq > last) {
            self.count_mentions(book, event);
        }
        if let Some(listeners) = book.rooms.get_mut(&room) {
            (listeners.last, listeners.n) = (head, n);
            self.mark_dirty(room, listeners);
        }
    }

    /// Says which rooms are listened to here, and up to which seq they were told.
    pub(super) fn tell_heads(&self, answer: &mpsc::Sender<Vec<(RoomId, i64)>>) {
        let book = self.book.borrow();
        let heads = book.rooms.iter().map(|(room, listeners)| (*room, listeners.last)).collect();
        // Nobody waits any more.
        let _too_late = answer.try_send(heads);
    }

    /// Says who is signed in here by a socket.
    pub(super) fn call_roll(&self, answer: &mpsc::Sender<Vec<(UserId, Vec<RoomId>)>>) {
        let book = self.book.borrow();
        let user_of = |slot: u32| {
            let entry = book.at(slot).filter(|entry| entry.kind == Kind::Socket)?;
            Some((entry.signed?.user, book.rooms_of(slot)))
        };
        // Nobody waits any more.
        let _too_late = answer.try_send(book.taken().into_iter().filter_map(user_of).collect());
    }

    fn wake(&self, room: RoomId) {
        let rooms = self.rooms.clone();
        actix_rt::spawn(async move {
            // One that cannot be woken now is found behind at the next comparison.
            let _later = rooms.ensure(room).await;
        });
    }
}
