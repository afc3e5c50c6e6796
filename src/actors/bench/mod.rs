//! The actors without sockets and without a database: what rooms, journal and relays cost by
//! themselves, and where the time of a message goes. Driven by the load tester; only in builds with
//! the feature `bench`.
//!
//! The tree is the real one. The journal writes into a store that numbers and forgets
//! (`store/null.rs`), and each worker is a thread with a relay whose listeners have outboxes that lead
//! nowhere and count. A driver on each worker stands for its sessions: it parses a text, leaves it
//! with a room, and hears the reply through the relay.

mod ears;
mod heard;
mod town;
mod trips;
mod worker;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use self::ears::Ears;
pub(crate) use self::ears::Tap;
pub use self::heard::Heard;
use self::town::Place;
pub use self::trips::{HOPS, Trip};
pub(crate) use self::trips::{Turn, TurnLog};
use self::worker::{Order, Pressing, Talk};
use super::{NotStarted, Tree};
use crate::actors::AssistantSettings;
use crate::domain::Text;
use crate::faults::Faults;
use crate::store::{OpenError, Store, StoreError};
use crate::telemetry::Metrics;

/// The threads of rooms and journal, by name.
pub const ACTOR_THREADS: &str = "bench-actors";
/// The threads of relays and drivers; a number follows.
pub const WORKER_THREADS: &str = "bench-worker";

/// How long anything but the pressing itself may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The database with rooms and members.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A statement of it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tree.
    #[error(transparent)]
    Tree(#[from] NotStarted),
    /// A thread or a runtime.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// A part of the bench did not do its work in time.
    #[error("{0}")]
    Stuck(&'static str),
}

/// Who is where.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Rooms, all of the same size.
    pub rooms: usize,
    /// Members of each, all of them listening.
    pub members: usize,
    /// Threads of rooms and journal.
    pub threads: usize,
    /// Threads of relays; the members are spread over them.
    pub workers: usize,
}

/// How much at once.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// Messages on their way at any moment, over all rooms.
    pub window: usize,
    /// For how long.
    pub span: Duration,
    /// What they say.
    pub text: &'a str,
}

/// What went through under pressure.
#[derive(Debug, Clone)]
pub struct Pressed {
    /// Messages that were stored and answered.
    pub messages: u64,
    /// Messages that were refused.
    pub refused: u64,
    /// Events that listeners got.
    pub deliveries: u64,
    /// Until the last of them.
    pub took: Duration,
    /// What waited meanwhile, about every five milliseconds.
    pub depths: Vec<Depths>,
}

/// What waits at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Depths {
    /// Since the beginning.
    pub at: Duration,
    /// In the mailboxes of all rooms.
    pub rooms: usize,
    /// In that of the journal, and in its batches.
    pub journal: usize,
    /// In the queues of all relays.
    pub relays: usize,
}

/// A tree with rooms and listeners, ready to be driven.
pub struct Bench {
    runtime: Runtime,
    tree: Tree,
    store: Store,
    workers: Vec<Worker>,
    places: Vec<Place>,
}

struct Worker {
    orders: mpsc::UnboundedSender<Order>,
    ears: Arc<Ears>,
    thread: JoinHandle<()>,
}

impl Bench {
    /// Makes rooms and members in a database in this empty folder, starts the tree on threads of its
    /// own, and seats the listeners. Call it outside of any runtime.
    ///
    /// # Errors
    /// Whatever part did not start.
    pub fn start(folder: &Path, shape: &Shape) -> Result<Self, BenchError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(shape.threads.max(1))
            .thread_name(ACTOR_THREADS)
            .enable_all()
            .build()?;
        let (store, places) = runtime.block_on(town::build(folder, shape))?;
        let heads = places.iter().map(|place| (place.room, (place.entry.head, place.entry.n)));
        let store = store.that_forgets(heads);
        let metrics = Arc::new(Metrics::new());
        // Actors live on the runtime that they are started from.
        let tree = Tree::start(
            store.clone(),
            metrics,
            1,
            None,
            AssistantSettings::default(),
            Faults::default(),
        );
        let tree = runtime.block_on(tree)?;
        let workers: Result<_, _> =
            (0..shape.workers.max(1)).map(|number| Worker::start(number, &tree)).collect();
        let bench = Self { runtime, tree, store, workers: workers?, places };
        bench.seat()?;
        Ok(bench)
    }

    /// Sends messages one after the other into the first room, each when the last listener has the one
    /// before, and says where the time of each went.
    ///
    /// # Errors
    /// When a message gets stuck.
    pub fn alone(&self, messages: usize, text: &str) -> Result<Vec<Trip>, BenchError> {
        let (Some(place), Some(first)) = (self.places.first(), self.workers.first()) else {
            return Ok(Vec::new());
        };
        let handle = self.tree.rooms.directory.find(place.room);
        let room = handle.ok_or(BenchError::Stuck("the room fell asleep"))?;
        let (room, journal) = (room.mailbox.meter(), self.tree.rooms.journal.meter());
        room.log(true);
        journal.log(true);
        self.store.calls(true);
        let (done, sent) = oneshot::channel();
        let ears = self.workers.iter().map(|worker| Arc::clone(&worker.ears)).collect();
        let talk = Talk { place: place.clone(), messages, text: text.to_owned(), ears, done };
        let _ended = first.orders.send(Order::Talk(talk));
        let sent = self.wait(sent, "a message did not reach everybody")?;
        let seen = trips::Seen {
            room: room.log(false),
            journal: journal.log(false),
            calls: self.store.calls(false),
        };
        Ok(trips::put_together(&sent, &seen))
    }

    /// Keeps so many messages on their way, over all rooms in turn.
    ///
    /// # Errors
    /// When something gets stuck.
    pub fn pressed(&self, load: &Load<'_>) -> Result<Pressed, BenchError> {
        let heard =
            || self.workers.iter().map(|worker| worker.ears.events.load(Relaxed)).sum::<u64>();
        let (before, begin) = (heard(), Instant::now());
        let mut ends = Vec::new();
        for (at, worker) in self.workers.iter().enumerate() {
            let (done, end) = oneshot::channel();
            let places = self.places.iter().skip(at).step_by(self.workers.len()).cloned();
            let places: Vec<_> = places.collect();
            let places = if places.is_empty() { self.places.clone() } else { places };
            let pressing = Pressing {
                places,
                window: load.window.div_ceil(self.workers.len()).max(1),
                until: begin + load.span,
                text: load.text.to_owned(),
                done,
            };
            let _ended = worker.orders.send(Order::Press(pressing));
            ends.push(end);
        }
        let depths = self.runtime.block_on(self.watch(begin, load.span));
        let (mut messages, mut refused) = (0, 0);
        for end in ends {
            let told = self.wait(end, "the answers to some messages did not come")?;
            messages += told.stored;
            refused += told.refused;
        }
        let wanted =
            before + messages * self.places.first().map_or(0, |place| place.members.len() as u64);
        self.until(|| heard() >= wanted);
        let deliveries = heard() - before;
        Ok(Pressed { messages, refused, deliveries, took: begin.elapsed(), depths })
    }

    /// What all listeners heard since they were seated, by seq. Call it when nothing is on its way.
    ///
    /// # Errors
    /// When a worker does not answer.
    pub fn heard(&self) -> Result<Heard, BenchError> {
        let mut all = Vec::new();
        for worker in &self.workers {
            let (done, end) = oneshot::channel();
            let _ended = worker.orders.send(Order::Tell { done });
            all.extend(self.wait(end, "a worker does not tell what was heard")?);
        }
        Ok(heard::judge(all.iter()))
    }

    /// Ends all actors and threads.
    pub fn stop(self) {
        self.tree.stop();
        for worker in self.workers {
            drop(worker.orders);
            let _panicked = worker.thread.join();
        }
        self.runtime.block_on(self.store.close());
        self.runtime.shutdown_timeout(Duration::from_secs(5));
    }

    /// Every member of every room listens, spread over the workers.
    fn seat(&self) -> Result<(), BenchError> {
        let mut ends = Vec::new();
        for (at, worker) in self.workers.iter().enumerate() {
            let mut seats = Vec::new();
            for (shift, place) in self.places.iter().enumerate() {
                let here = |(number, _): &(usize, _)| (number + shift) % self.workers.len() == at;
                let members = place.members.iter().enumerate().filter(here);
                seats.extend(members.map(|(_, member)| (place.entry.clone(), *member)));
            }
            let (done, end) = oneshot::channel();
            let _ended = worker.orders.send(Order::Seat { seats, done });
            ends.push(end);
        }
        ends.into_iter().try_for_each(|end| self.wait(end, "a listener could not open its room"))
    }

    fn wait<T>(&self, end: oneshot::Receiver<T>, what: &'static str) -> Result<T, BenchError> {
        let end = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, end).await });
        end.ok().and_then(Result::ok).ok_or(BenchError::Stuck(what))
    }

    /// Waits until something holds, or is not to be expected any more.
    fn until(&self, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(5);
        self.runtime.block_on(async {
            while !holds() && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }

    async fn watch(&self, begin: Instant, span: Duration) -> Vec<Depths> {
        let mut depths = Vec::new();
        while begin.elapsed() < span {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let rooms = &self.tree.rooms;
            let (_, waiting) = rooms.directory.weigh();
            depths.push(Depths {
                at: begin.elapsed(),
                rooms: waiting,
                journal: rooms.journal.depth(),
                relays: rooms.relays.depth(),
            });
        }
        depths
    }
}

impl Worker {
    fn start(number: usize, tree: &Tree) -> Result<Self, BenchError> {
        let (orders, received) = mpsc::unbounded_channel();
        let (ears, rooms) = (Arc::new(Ears::default()), tree.rooms.clone());
        let here = Arc::clone(&ears);
        let name = format!("{WORKER_THREADS}-{number}");
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            actix_rt::System::new().block_on(worker::run(rooms, here, received));
        })?;
        Ok(Self { orders, ears, thread })
    }
}

/// A text of the bench, as a session would parse it.
fn text(source: &str) -> Result<Text, BenchError> {
    Text::parse(source).map_err(|_odd| BenchError::Stuck("a message must have a text"))
}
