//! A picture of the tree for whoever watches: who is there, what waits where, for how long, how
//! much is done.
//!
//! Taken when somebody asks and never otherwise. Actors on the main runtime are not asked but read
//! (`meter.rs`), so a picture of ten thousand busy rooms costs them nothing; the relays, whose
//! numbers belong to their threads, answer one question each.

mod rates;

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::rates::{Before, Count, Counts, Rates};
use super::assistant::RunReading;
use super::journal::LaneReading;
use super::lookup::LookupHandle;
use super::meter::Mailbox;
use super::relay::{RelayReading, SessionReading, WorkerReading};
use super::rooms::RoomsHandle;
use super::root::Branch;
use crate::domain::{ClubId, RoomId};

/// The tree at a moment.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The span of all rates; zero when there was no look to compare with, and no rate then.
    pub over: Duration,
    /// The node as a whole.
    pub totals: Totals,
    /// The root, and through it everything else.
    pub root: Reading,
}

/// Sums over the node.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// Lines from clients, a second.
    pub lines: Option<f64>,
    /// Events put into outboxes, a second.
    pub deliveries: Option<f64>,
    /// Appends in transactions that ended, a second.
    pub appends: Option<f64>,
    /// Transactions, a second.
    pub commits: Option<f64>,
    /// Messages that wait in all mailboxes.
    pub waiting: usize,
}

/// What one actor shows.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Its name, for people.
    pub name: String,
    /// Its mailbox, where it has one that is measured.
    pub mailbox: Option<Mailbox>,
    /// Messages that it has taken in hand, a second.
    pub per_second: Option<f64>,
    /// How often it was started again after a crash.
    pub restarts: u32,
    /// What kind of actor it is, and what only that kind has.
    pub subject: Subject,
    /// Those that it started.
    pub children: Vec<Reading>,
}

/// Kinds of actors.
#[derive(Debug, Clone)]
pub enum Subject {
    /// The root.
    Root,
    /// What crosses nodes.
    Bus,
    /// Who is online.
    Presence,
    /// Reads for sign-ins.
    Lookup,
    /// What fills the index of the search.
    Indexer,
    /// The sweeper.
    Sweeper,
    /// Who sees to it that questions are answered.
    Assistants,
    /// Who looks after one question.
    Assistant(RunReading),
    /// One answer that is being spoken.
    Run(RunReading),
    /// The supervisor of the rooms.
    Rooms(RoomsSum),
    /// A room.
    Room(RoomReading),
    /// The journal.
    Journal,
    /// A lane of the journal; its commits and appends a second.
    Lane(LaneReading, Option<f64>, Option<f64>),
    /// An HTTP worker; deliveries a second.
    Worker(Option<WorkerReading>, Option<f64>),
    /// The relay of a worker.
    Relay,
    /// A session.
    Session(SessionReading),
}

/// All rooms that are awake, also those that are not among the children.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoomsSum {
    /// How many.
    pub awake: usize,
    /// How many of them are told of one by one.
    pub shown: usize,
    /// Messages that wait in all their mailboxes.
    pub waiting: usize,
    /// Messages that they took in hand, a second.
    pub per_second: Option<f64>,
    /// Seats that have one of them open.
    pub seats: i64,
    /// Age of the oldest message that waits for any of them.
    pub oldest: Duration,
}

/// What only a room has.
#[derive(Debug, Clone, Copy)]
pub struct RoomReading {
    /// Its id.
    pub room: RoomId,
    /// Its club.
    pub club: Option<ClubId>,
    /// Seats that have it open, on this node.
    pub seats: i64,
    /// Newest seq.
    pub head: i64,
    /// Bytes of the events that it keeps for those who come back.
    pub ring_bytes: usize,
}

/// Takes surveys.
pub struct Surveyor {
    rooms: RoomsHandle,
    lookup: LookupHandle,
    rates: Rates,
}

impl Surveyor {
    pub(super) fn new(rooms: RoomsHandle, lookup: LookupHandle) -> Self {
        Self { rooms, lookup, rates: Rates::default() }
    }

    /// A picture of now, with the busiest `most` rooms.
    pub async fn take(&self, most: usize) -> Survey {
        let relays = self.rooms.relays.read().await;
        let now = Instant::now();
        let sights = Sights::see(&self.rooms, &self.lookup, relays, now);
        let counts = Arc::new(sights.counts());
        let before = self.rates.look(now, &counts);
        let waiting = sights.waiting();
        let totals = Totals { waiting, ..totals(&counts, &before) };
        let root = sights.tree(&self.rooms, &before, most);
        Survey { over: before.over, totals, root }
    }
}

fn totals(counts: &Counts, before: &Before) -> Totals {
    let rate = |count: &Count| before.per_second(*count, counts.get(count).copied().unwrap_or(0));
    let sum = |is_meant: fn(&Count) -> bool| {
        counts.keys().filter(|count| is_meant(count)).map(rate).sum::<Option<f64>>()
    };
    Totals {
        lines: rate(&Count::Lines),
        deliveries: rate(&Count::Deliveries),
        appends: sum(|count| matches!(count, Count::Appends(_))),
        commits: sum(|count| matches!(count, Count::Commits(_))),
        waiting: 0,
    }
}

/// Everything as it was seen, before it is told.
struct Sights {
    lines: u64,
    deliveries: u64,
    branches: Vec<(Branch, Mailbox, u32)>,
    runs: Vec<RunReading>,
    rooms: Vec<Sight>,
    lanes: Vec<LaneReading>,
    relays: Vec<RelayReading>,
}

/// A room in passing.
struct Sight {
    room: RoomId,
    mailbox: Mailbox,
    seats: i64,
}

impl Sights {
    fn see(
        rooms: &RoomsHandle,
        lookup: &LookupHandle,
        relays: Vec<RelayReading>,
        now: Instant,
    ) -> Self {
        let (journal, journals, lanes) = rooms.journal.read(now);
        let (asks, lookups) = lookup.read(now);
        let (presence, presences) = rooms.presence.read(now);
        let (indexer, indexers) = rooms.indexer.read(now);
        let (sweeper, sweepers) = rooms.sweeper.read(now);
        let (assistants, starts, runs) = rooms.assistant.read(now);
        let mut branches = vec![
            (Branch::Presence, presence, presences),
            (Branch::Rooms, rooms.supervisor.read(now), rooms.supervisor.restarts()),
            (Branch::Journal, journal, journals),
            (Branch::Lookup, asks, lookups),
            (Branch::Indexer, indexer, indexers),
            (Branch::Sweeper, sweeper, sweepers),
            (Branch::Assistants, assistants, starts),
        ];
        if rooms.bus.is_linked() {
            let (bus, buses) = rooms.bus.read(now);
            branches.insert(0, (Branch::Bus, bus, buses));
        }
        let mut seen = Vec::new();
        rooms.directory.each(|handle| {
            let (mailbox, seats) = (handle.mailbox.read(now), handle.gauge.seats());
            seen.push(Sight { room: handle.room, mailbox, seats });
        });
        let (lines, deliveries) = (rooms.metrics.lines.get(), rooms.metrics.deliveries.get());
        Self { lines, deliveries, branches, runs, rooms: seen, lanes, relays }
    }

    fn counts(&self) -> Counts {
        let mut counts =
            Counts::from([(Count::Lines, self.lines), (Count::Deliveries, self.deliveries)]);
        let branches = self.branches.iter();
        counts
            .extend(branches.map(|(branch, mailbox, _)| (Count::Branch(*branch), mailbox.handled)));
        let rooms = self.rooms.iter();
        counts.extend(rooms.map(|sight| (Count::Room(sight.room), sight.mailbox.handled)));
        for (at, lane) in self.lanes.iter().enumerate() {
            counts.insert(Count::Commits(at), lane.commits);
            counts.insert(Count::Appends(at), lane.appends);
        }
        for (at, relay) in self.relays.iter().enumerate() {
            // One that did not answer has no counts now, and no rates at the next look.
            if let Some(worker) = &relay.worker {
                counts.insert(Count::Relay(at), relay.mailbox.handled);
                counts.insert(Count::RelayDeliveries(at), worker.deliveries);
            }
        }
        counts
    }

    fn waiting(&self) -> usize {
        let branches = self.branches.iter().map(|(_, mailbox, _)| mailbox.depth);
        let rooms = self.rooms.iter().map(|sight| sight.mailbox.depth);
        let relays = self.relays.iter().map(|relay| relay.mailbox.depth);
        branches.chain(rooms).chain(relays).sum()
    }

    fn tree(self, rooms: &RoomsHandle, before: &Before, most: usize) -> Reading {
        let Self { branches, runs, rooms: seen, lanes, relays, .. } = self;
        let (sum, busiest) = busiest(seen, before, most);
        let (mut busiest, mut lanes) = (Some(busiest), Some(lanes));
        let mut children = Vec::new();
        for (branch, mailbox, restarts) in branches {
            let (subject, below) = match branch {
                Branch::Bus => (Subject::Bus, Vec::new()),
                Branch::Presence => (Subject::Presence, Vec::new()),
                Branch::Lookup => (Subject::Lookup, Vec::new()),
                Branch::Indexer => (Subject::Indexer, Vec::new()),
                Branch::Sweeper => (Subject::Sweeper, Vec::new()),
                Branch::Assistants => {
                    (Subject::Assistants, runs.iter().take(most).map(assistant).collect())
                }
                Branch::Rooms => {
                    let shown = busiest.take().into_iter().flatten();
                    let shown: Vec<_> = shown.filter_map(|(s, r)| room(rooms, &s, r)).collect();
                    (Subject::Rooms(RoomsSum { shown: shown.len(), ..sum }), shown)
                }
                Branch::Journal => {
                    let lanes = lanes.take().into_iter().flatten().enumerate();
                    (Subject::Journal, lanes.map(|(at, l)| lane(at, l, before)).collect())
                }
            };
            let per_second = before.per_second(Count::Branch(branch), mailbox.handled);
            let (name, mailbox) = (branch.name().to_owned(), Some(mailbox));
            children.push(Reading {
                name,
                mailbox,
                per_second,
                restarts,
                subject,
                children: below,
            });
        }
        let workers = relays.into_iter().enumerate();
        children.extend(workers.map(|(at, reading)| worker(at, reading, before)));
        unmeasured("Root".to_owned(), Subject::Root, children)
    }
}

/// The sum of all rooms, and those with most to do: the fullest mailboxes first, then those that
/// handle most.
fn busiest(
    seen: Vec<Sight>,
    before: &Before,
    most: usize,
) -> (RoomsSum, Vec<(Sight, Option<f64>)>) {
    let rate = |s: &Sight| before.per_second(Count::Room(s.room), s.mailbox.handled);
    let mut rooms: Vec<_> = seen
        .into_iter()
        .map(|sight| {
            let rate = rate(&sight);
            (sight, rate)
        })
        .collect();
    let all = || rooms.iter().map(|(sight, _)| sight);
    let sum = RoomsSum {
        awake: rooms.len(),
        shown: 0,
        waiting: all().map(|sight| sight.mailbox.depth).sum(),
        per_second: rooms.iter().map(|(_, rate)| *rate).sum(),
        seats: all().map(|sight| sight.seats).sum(),
        oldest: all().map(|sight| sight.mailbox.oldest).max().unwrap_or_default(),
    };
    rooms.sort_by_cached_key(|(sight, rate)| {
        let Mailbox { depth, handled, .. } = sight.mailbox;
        // Two rooms that do as good as the same stand in the same order the next time too.
        let rate = rate.map(|rate| rate.round() as u64);
        (Reverse((depth, rate, handled)), sight.room)
    });
    rooms.truncate(most);
    (sum, rooms)
}

fn room(rooms: &RoomsHandle, sight: &Sight, per_second: Option<f64>) -> Option<Reading> {
    let Sight { room, mailbox, seats } = *sight;
    // One that fell asleep meanwhile has nothing more to tell.
    let gauge = rooms.directory.find(room)?.gauge;
    let about = gauge.about();
    let (head, _n) = gauge.head();
    let facts = RoomReading { room, club: about.club, seats, head, ring_bytes: gauge.kept() };
    Some(Reading {
        name: about.name.as_deref().map_or_else(|| room.to_string(), str::to_owned),
        mailbox: Some(mailbox),
        per_second,
        restarts: about.restarts,
        subject: Subject::Room(facts),
        children: Vec::new(),
    })
}

fn assistant(run: &RunReading) -> Reading {
    let spoken = || unmeasured(run.run.to_string(), Subject::Run(run.clone()), Vec::new());
    let below = if run.has_begun { vec![spoken()] } else { Vec::new() };
    unmeasured(format!("Assistant {}", run.run), Subject::Assistant(run.clone()), below)
}

fn lane(at: usize, lane: LaneReading, before: &Before) -> Reading {
    let commits = before.per_second(Count::Commits(at), lane.commits);
    let appends = before.per_second(Count::Appends(at), lane.appends);
    unmeasured(format!("Lane {}", at + 1), Subject::Lane(lane, commits, appends), Vec::new())
}

fn worker(at: usize, reading: RelayReading, before: &Before) -> Reading {
    let RelayReading { mailbox, mut worker } = reading;
    let is_there = worker.is_some();
    let rate = |count, now| before.per_second(count, now).filter(|_rate| is_there);
    let deliveries = worker.as_ref().map_or(0, |worker| worker.deliveries);
    let deliveries = rate(Count::RelayDeliveries(at), deliveries);
    let largest = worker.as_mut().map(|worker| std::mem::take(&mut worker.largest));
    let relay = Reading {
        per_second: rate(Count::Relay(at), mailbox.handled),
        mailbox: Some(mailbox),
        ..unmeasured("Relay".to_owned(), Subject::Relay, Vec::new())
    };
    let sessions = largest.into_iter().flatten().map(|session| {
        let name = session.session.map_or_else(|| "stream".to_owned(), |id| id.to_string());
        unmeasured(name, Subject::Session(session), Vec::new())
    });
    let children = [relay].into_iter().chain(sessions).collect();
    unmeasured(format!("Worker {}", at + 1), Subject::Worker(worker, deliveries), children)
}

fn unmeasured(name: String, subject: Subject, children: Vec<Reading>) -> Reading {
    Reading { name, mailbox: None, per_second: None, restarts: 0, subject, children }
}
