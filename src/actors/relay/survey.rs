//! What a relay tells of itself when somebody watches. Between two questions it only counts, in
//! cells of its own thread.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::Relay;
use super::book::{Book, Entry, Kind};
use super::message::RelayMsg;
use super::queue::Queue;
use crate::actors::meter::Mailbox;
use crate::domain::{SessionId, UserId};
use crate::telemetry::Metrics;

/// Sessions that a relay names: those for which most bytes wait.
const NAMED: usize = 10;
/// A relay that has not answered after this shows only its queue.
const PATIENCE: Duration = Duration::from_millis(300);

/// What a relay shows at a moment.
#[derive(Debug, Clone, Default)]
pub struct RelayReading {
    /// Its queue.
    pub mailbox: Mailbox,
    /// What it found in its worker; nothing from a relay that did not answer in time.
    pub worker: Option<WorkerReading>,
}

/// The sessions of a worker, and what its relay does for them.
#[derive(Debug, Clone, Default)]
pub struct WorkerReading {
    /// WebSocket sessions.
    pub sessions: usize,
    /// Event streams.
    pub streams: usize,
    /// Logs that sessions and streams hear every event of.
    pub opened: usize,
    /// Sessions with at least one room turned from push to pull.
    pub lagging: usize,
    /// Bytes in all outboxes.
    pub outbox_bytes: usize,
    /// Events put into outboxes since the worker started.
    pub deliveries: u64,
    /// The sessions for which most bytes wait, and those that lag; the largest outbox first.
    pub largest: Vec<SessionReading>,
}

/// One session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionReading {
    /// Its id; a stream has none.
    pub session: Option<SessionId>,
    /// Whose.
    pub user: UserId,
    /// Bytes in its outbox.
    pub outbox_bytes: usize,
    /// Rooms turned from push to pull.
    pub pulling: usize,
}

impl Relay {
    /// Answers a question for the numbers of this relay.
    pub(super) fn survey(&self, answers: &mpsc::Sender<(u16, WorkerReading)>) {
        let book = self.book.borrow();
        // Who asked has perhaps given up.
        let _gone = answers.try_send((book.worker(), look(&book, self.deliveries.get())));
    }
}

/// One pass over the listeners of a worker: a few nanoseconds for each and its open rooms.
fn look(book: &Book, deliveries: u64) -> WorkerReading {
    let mut all = WorkerReading { deliveries, ..WorkerReading::default() };
    for entry in book.each() {
        match entry.kind {
            Kind::Socket => all.sessions += 1,
            Kind::RoomStream | Kind::InboxStream => all.streams += 1,
        }
        let (mut opened, mut pulling) = (0, 0);
        for ear in book.open_ears(entry) {
            opened += 1;
            pulling += usize::from(ear.is_lagging);
        }
        all.opened += opened;
        all.lagging += usize::from(pulling > 0);
        all.outbox_bytes += entry.outbox.bytes();
        all.largest.extend(session(entry, pulling));
        if all.largest.len() >= 2 * NAMED {
            cut(&mut all.largest);
        }
    }
    cut(&mut all.largest);
    all
}

/// A listener for which something waits.
fn session(entry: &Entry, pulling: usize) -> Option<SessionReading> {
    let outbox_bytes = entry.outbox.bytes();
    let signed = entry.signed.filter(|_signed| outbox_bytes > 0 || pulling > 0)?;
    Some(SessionReading { session: signed.session, user: signed.user, outbox_bytes, pulling })
}

fn cut(largest: &mut Vec<SessionReading>) {
    largest.sort_by_key(|session| std::cmp::Reverse((session.outbox_bytes, session.pulling)));
    largest.truncate(NAMED);
}

/// Asks all relays, and waits for their answers for a moment.
pub(super) async fn answers(relays: &[Queue]) -> Vec<RelayReading> {
    let (sender, mut answers) = mpsc::channel(relays.len().max(1));
    for relay in relays {
        relay.offer(RelayMsg::Survey(sender.clone()));
    }
    drop(sender);
    let mut found = vec![RelayReading::default(); relays.len()];
    let until = tokio::time::Instant::now() + PATIENCE;
    while let Ok(Some((worker, reading))) = tokio::time::timeout_at(until, answers.recv()).await {
        if let Some(place) = found.get_mut(usize::from(worker)) {
            place.worker = Some(reading);
        }
    }
    let now = Instant::now();
    for (reading, relay) in found.iter_mut().zip(relays) {
        reading.mailbox = relay.read(now);
    }
    found
}

/// Counts of a listener, for whoever shows them.
impl Metrics {
    pub(super) fn entered(&self, kind: Kind) {
        match kind {
            Kind::Socket => self.connections.inc(),
            Kind::RoomStream | Kind::InboxStream => self.streams.inc(),
        };
    }

    pub(super) fn left(&self, kind: Kind) {
        match kind {
            Kind::Socket => self.connections.dec(),
            Kind::RoomStream | Kind::InboxStream => self.streams.dec(),
        };
    }
}
