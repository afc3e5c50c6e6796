//! Where the time of a message goes: what was written down at each hop, put together.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::store::Call;

/// The hops of a message, in their order.
pub const HOPS: [&str; 7] = [
    "session to room",
    "room to journal",
    "journal to store",
    "store",
    "store to room",
    "room to relay and first listener",
    "first to last listener",
];

/// One message: how long each hop took, the whole, and until its sender had the reply.
#[derive(Debug, Clone, Copy)]
pub struct Trip {
    /// By [`HOPS`].
    pub hops: [Duration; HOPS.len()],
    /// From the session to the last listener.
    pub whole: Duration,
    /// From the session back to it.
    pub reply: Duration,
}

/// A message in a mailbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    left: Instant,
    taken: Instant,
}

/// What a meter writes down, while somebody wants to know.
#[derive(Debug, Default)]
pub(crate) struct TurnLog {
    is_on: AtomicBool,
    turns: Mutex<Vec<Turn>>,
}

impl TurnLog {
    /// A message that was left then is taken in hand.
    pub(crate) fn taken(&self, left: Instant) {
        if self.is_on.load(Relaxed) {
            let turn = Turn { left, taken: Instant::now() };
            self.turns.lock().unwrap_or_else(PoisonError::into_inner).push(turn);
        }
    }

    /// Begins or ends; gives what was written down.
    pub(crate) fn turn(&self, is_on: bool) -> Vec<Turn> {
        self.is_on.store(is_on, Relaxed);
        std::mem::take(&mut *self.turns.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A message as its sender and its listeners saw it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) sent: Instant,
    pub(super) replied: Instant,
    pub(super) first: Instant,
    pub(super) last: Instant,
}

/// What the actors wrote down meanwhile, each in its order.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) room: Vec<Turn>,
    pub(super) journal: Vec<Turn>,
    pub(super) calls: Vec<Call>,
}

/// One message was on its way at a time, so what was written down between two sends is of the first.
/// A message beside which something else went on (a room that looks whether it is needed) is left out.
pub(super) fn put_together(sent: &[Sent], seen: &Seen) -> Vec<Trip> {
    let mut trips = Vec::with_capacity(sent.len());
    for message in sent {
        let is_of = |at: Instant| (message.sent..=message.last).contains(&at);
        let room: Vec<_> = seen.room.iter().filter(|turn| is_of(turn.taken)).collect();
        let journal: Vec<_> = seen.journal.iter().filter(|turn| is_of(turn.taken)).collect();
        let calls: Vec<_> = seen.calls.iter().filter(|call| is_of(call.began)).collect();
        let (&[send, committed], &[append], &[call]) = (&*room, &*journal, &*calls) else {
            continue;
        };
        let moments = [
            (message.sent, send.taken),
            (append.left, append.taken),
            (append.taken, call.began),
            (call.began, call.ended),
            (call.ended, committed.taken),
            (committed.taken, message.first),
            (message.first, message.last),
        ];
        trips.push(Trip {
            hops: moments.map(|(from, to)| to.saturating_duration_since(from)),
            whole: message.last.saturating_duration_since(message.sent),
            reply: message.replied.saturating_duration_since(message.sent),
        });
    }
    trips
}
