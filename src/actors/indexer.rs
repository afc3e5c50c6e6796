//! Fills the index of the search, behind the logs.
//!
//! Root starts it. Nobody waits for it: what it has not reached is looked at directly by every
//! search. So it works in short transactions, while the journal has nothing to write, and takes a
//! small part of the time when the journal always has. It remembers nothing: where each room is in
//! the index is in the store, a fresh one looks which rooms go on behind it, and from then on the
//! rooms tell what was written.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::bounded::{Address, BoundedRef, Envelope};
use super::journal::JournalHandle;
use super::meter::Mailbox;
use crate::domain::RoomId;
use crate::faults::{Faults, Moment, Part};
use crate::store::{Behind, Store, StoreError};
use crate::telemetry::Metrics;

/// Messages to it that may wait; it is sent one at a time.
pub(super) const MAILBOX: usize = 16;
/// From the first message that is written until it looks: what comes meanwhile shares a transaction.
const GATHER: Duration = Duration::from_millis(250);
/// With so many log entries to do it does not wait for more.
const MUCH: i64 = 128;
/// The writer is left to others after a chunk: a part of the time that the chunk took when nothing
/// waits, and many times of it while the journal has something to write.
const IDLE_REST: u32 = 2;
const BUSY_REST: u32 = 30;
/// After a failure the store gets this long.
const PAUSE: Duration = Duration::from_secs(1);
/// A chunk that takes longer is given up.
const DEADLINE: Duration = Duration::from_secs(20);
/// Rooms of one chunk at most.
const ROOMS: usize = 128;
/// How often all rooms are looked at where other nodes write too: one may have ended meanwhile.
const SURVEY: Duration = Duration::from_secs(60);

/// Message of the indexer.
pub(super) enum IndexerMsg {
    /// Something was written.
    Written,
    /// Do the next piece.
    Go,
    /// Look at all rooms again.
    Survey,
}

/// Face of the indexer.
#[derive(Clone, Default)]
pub(crate) struct IndexerHandle {
    address: Address<IndexerMsg>,
    written: Arc<Written>,
}

/// What the rooms have told, and whether the indexer is at work and will look without being sent for.
#[derive(Default)]
struct Written {
    rooms: Mutex<BTreeSet<RoomId>>,
    is_awake: AtomicBool,
}

impl Written {
    fn take(&self) -> BTreeSet<RoomId> {
        std::mem::take(&mut *self.rooms.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_empty(&self) -> bool {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl IndexerHandle {
    /// Called by the root at each start.
    pub(super) fn start(&self, indexer: BoundedRef<IndexerMsg>) {
        self.address.set(indexer);
    }

    /// The indexer that the root is about to start.
    pub(super) fn actor(
        &self,
        store: &Store,
        journal: &JournalHandle,
        metrics: &Arc<Metrics>,
        faults: &Faults,
    ) -> Indexer {
        let (written, store) = (Arc::clone(&self.written), store.clone());
        let (journal, metrics, faults) = (journal.clone(), Arc::clone(metrics), faults.clone());
        Indexer { written, store, journal, metrics, faults }
    }

    /// What its mailbox shows.
    pub(super) fn read(&self, now: Instant) -> (Mailbox, u32) {
        (self.address.read(now), self.address.restarts())
    }

    /// Something was written into these rooms.
    pub(crate) fn wrote(&self, rooms: impl Iterator<Item = RoomId>) {
        self.written.rooms.lock().unwrap_or_else(PoisonError::into_inner).extend(rooms);
        if !self.written.is_awake.swap(true, Ordering::AcqRel) {
            self.address.answer(IndexerMsg::Written);
        }
    }
}

/// The indexer of a node.
pub(super) struct Indexer {
    written: Arc<Written>,
    store: Store,
    journal: JournalHandle,
    metrics: Arc<Metrics>,
    faults: Faults,
}

/// Which rooms go on behind the index, in their turns.
#[derive(Default)]
pub(super) struct Rooms {
    turns: VecDeque<RoomId>,
    behind: HashMap<RoomId, Behind>,
    /// Parts of the index may be put together.
    is_loose: bool,
    /// All rooms are to be looked at.
    is_fresh: bool,
    /// The next piece of work has its time.
    is_planned: bool,
}

impl Rooms {
    fn add(&mut self, found: Vec<Behind>) {
        for behind in found {
            if self.behind.insert(behind.room, behind).is_none() {
                self.turns.push_back(behind.room);
            }
        }
    }

    /// The rooms whose turn it is.
    fn next(&mut self) -> Vec<Behind> {
        let rooms = self.turns.drain(..self.turns.len().min(ROOMS));
        rooms.filter_map(|room| self.behind.get(&room).copied()).collect()
    }

    /// Those that were taken have come to these places; what goes on gets another turn.
    fn moved(&mut self, taken: &[Behind], places: &HashMap<RoomId, i64>) {
        for behind in taken {
            let indexed = places.get(&behind.room).copied();
            let left = Behind { indexed: indexed.unwrap_or(behind.indexed), ..*behind };
            if left.indexed < left.head {
                self.behind.insert(left.room, left);
                self.turns.push_back(left.room);
            } else {
                self.behind.remove(&left.room);
            }
        }
    }

    fn entries(&self) -> i64 {
        self.behind.values().map(|behind| behind.head - behind.indexed).sum()
    }
}

impl Actor for Indexer {
    type Msg = Envelope<IndexerMsg>;
    type State = Rooms;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Rooms, ActorProcessingErr> {
        self.written.is_awake.store(true, Ordering::Release);
        me.send_message(Envelope::to_self(IndexerMsg::Survey))?;
        Ok(Rooms::default())
    }

    async fn handle(
        &self,
        me: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        rooms: &mut Rooms,
    ) -> Result<(), ActorProcessingErr> {
        self.faults.panic_point(Part::Indexer, Moment::Start);
        let (Some(msg), _place) = envelope.open() else {
            return Ok(());
        };
        let next = match msg {
            IndexerMsg::Written => Some(GATHER),
            IndexerMsg::Survey => {
                rooms.is_fresh = true;
                if self.store.engine() == "postgres" {
                    let _timer = me.send_after(SURVEY, || Envelope::to_self(IndexerMsg::Survey));
                }
                Some(Duration::ZERO)
            }
            IndexerMsg::Go => {
                rooms.is_planned = false;
                let next = self.work(rooms).await;
                self.metrics.search_behind.set(rooms.entries());
                next
            }
        };
        self.faults.panic_point(Part::Indexer, Moment::Middle);
        if let Some(rest) = next.filter(|_rest| !rooms.is_planned) {
            rooms.is_planned = true;
            let _timer = me.send_after(rest, || Envelope::to_self(IndexerMsg::Go));
        }
        self.faults.panic_point(Part::Indexer, Moment::End);
        Ok(())
    }
}

impl Indexer {
    /// Does a piece of work, and says when the next is due, if there is one.
    async fn work(&self, rooms: &mut Rooms) -> Option<Duration> {
        let began = Instant::now();
        let done = tokio::time::timeout(DEADLINE, self.chunk(rooms)).await;
        let took = began.elapsed();
        if !matches!(done, Ok(Ok(()))) {
            if let Ok(Err(why)) = done {
                tracing::warn!("the index of the search waits: {why}");
            }
            // From the beginning, a little later.
            *rooms = Rooms { is_fresh: true, ..Rooms::default() };
            return Some(PAUSE);
        }
        let is_busy = self.journal.depth() > 0;
        let rest = if is_busy { took * BUSY_REST } else { took / IDLE_REST };
        if rooms.entries() >= MUCH || rooms.is_loose {
            return Some(rest);
        }
        if rooms.turns.is_empty() {
            self.written.is_awake.store(false, Ordering::Release);
            // What was told in between found it awake.
            if self.written.is_empty() || self.written.is_awake.swap(true, Ordering::AcqRel) {
                return None;
            }
        }
        Some(rest.max(GATHER))
    }

    async fn chunk(&self, rooms: &mut Rooms) -> Result<(), StoreError> {
        let written: Vec<RoomId> = self.written.take().into_iter().collect();
        if rooms.is_fresh {
            rooms.add(self.store.all_search_behind().await?);
            rooms.is_fresh = false;
        } else if !written.is_empty() {
            rooms.add(self.store.search_behind(&written).await?);
        }
        let taken = rooms.next();
        if !taken.is_empty() {
            let done = self.store.follow_search(&taken).await?;
            rooms.moved(&taken, &done.places.into_iter().collect());
            rooms.is_loose |= done.messages > 0;
            self.metrics.search_indexed.inc_by(done.messages as u64);
        }
        if rooms.is_loose {
            rooms.is_loose = self.store.settle_search().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(room: i64, indexed: i64, head: i64) -> Behind {
        Behind { room: RoomId(room), indexed, head }
    }

    #[test]
    fn rooms_take_turns_until_they_are_level() {
        let mut rooms = Rooms::default();
        rooms.add(vec![behind(1, 0, 300), behind(2, 5, 6), behind(1, 0, 310)]);
        assert_eq!(rooms.entries(), 311);
        let taken = rooms.next();
        assert_eq!(taken, [behind(1, 0, 310), behind(2, 5, 6)]);
        rooms.moved(&taken, &HashMap::from([(RoomId(1), 128)]));
        assert_eq!(rooms.next(), [behind(1, 128, 310), behind(2, 5, 6)], "no place, no progress");
        rooms.moved(&taken, &HashMap::from([(RoomId(1), 310), (RoomId(2), 6)]));
        assert!(rooms.next().is_empty() && rooms.behind.is_empty());
    }
}
