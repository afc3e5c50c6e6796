//! What operators see: logs through `tracing`, numbers through `/metrics`.
//!
//! Labels are enums, never ids: a metric must not grow with the number of rooms or users.
//! Never logged, at no level: tokens, passwords, message texts.

mod assistant;

use std::io::IsTerminal;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

pub use self::assistant::AssistantNumbers;

/// Why frames were not pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Dropped {
    /// Presence or typing, for a slow client.
    Passing,
    /// A room turned from push to pull.
    Lag,
    /// The outbox was over its budget; the session ended.
    Slow,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: Dropped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    queue: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    actor: &'static str,
}

/// What may crash and is counted by its kind; rooms have a counter of their own.
const KINDS: [&str; 10] = [
    "bus",
    "presence",
    "rooms",
    "journal",
    "lookup",
    "indexer",
    "sweeper",
    "assistants",
    "relay",
    "session",
];

/// The numbers of one node.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// WebSocket sessions now.
    pub connections: Gauge,
    /// Event streams now.
    pub streams: Gauge,
    /// Rooms awake now.
    pub rooms_awake: Gauge,
    /// Rooms that crashed and were started again.
    pub room_restarts: Counter,
    /// Messages that crashed their room three times.
    pub set_aside: Counter,
    /// Events put into outboxes.
    pub deliveries: Counter,
    /// System calls that wrote to sockets.
    pub writes: Counter,
    /// Tasks of sessions that were woken.
    pub wakes: Counter,
    /// Events written as JSON: once each, however many hear them.
    pub encoded: Counter,
    statements: Counter,
    /// Messages refused because too much waited.
    pub shed: Counter,
    /// What was to be told to other nodes and was not.
    pub bus_unsent: Counter,
    /// Rooms that were found behind the store.
    pub bus_repairs: Counter,
    /// Log entries that the index of the search does not have yet, as far as is known here.
    pub search_behind: Gauge,
    /// Messages that this node put into the index of the search.
    pub search_indexed: Counter,
    /// Lines from clients.
    pub lines: Counter,
    /// Lines that were not understood.
    pub bad_lines: Counter,
    /// What is counted of the assistant.
    pub assistant: AssistantNumbers,
    commits: Histogram,
    commit_seconds: Histogram,
    restarts: Family<Kind, Counter>,
    dropped: Family<Reason, Counter>,
    closed: Family<Code, Counter>,
    responses: Family<Status, Counter>,
    waiting: Family<Queue, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Fresh numbers.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("moim"),
            connections: Gauge::default(),
            streams: Gauge::default(),
            rooms_awake: Gauge::default(),
            room_restarts: Counter::default(),
            set_aside: Counter::default(),
            deliveries: Counter::default(),
            writes: Counter::default(),
            wakes: Counter::default(),
            encoded: Counter::default(),
            statements: Counter::default(),
            shed: Counter::default(),
            bus_unsent: Counter::default(),
            bus_repairs: Counter::default(),
            search_behind: Gauge::default(),
            search_indexed: Counter::default(),
            lines: Counter::default(),
            bad_lines: Counter::default(),
            assistant: AssistantNumbers::new(),
            commits: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            commit_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
            restarts: Family::default(),
            dropped: Family::default(),
            closed: Family::default(),
            responses: Family::default(),
            waiting: Family::default(),
        };
        metrics.register();
        // Shown from the start, so that an alert has something to look at.
        for actor in KINDS {
            metrics.restarts.get_or_create(&Kind { actor }).inc_by(0);
        }
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("connections", "WebSocket sessions now", self.connections.clone());
        r.register("streams", "event streams now", self.streams.clone());
        r.register("rooms_awake", "rooms in memory now", self.rooms_awake.clone());
        r.register(
            "room_restarts",
            "rooms started again after a crash",
            self.room_restarts.clone(),
        );
        r.register("actor_restarts", "actors that crashed, by kind", self.restarts.clone());
        r.register("messages_set_aside", "messages that always crashed", self.set_aside.clone());
        r.register("deliveries", "room events put into outboxes", self.deliveries.clone());
        r.register("socket_writes", "system calls that wrote frames", self.writes.clone());
        r.register("session_wakes", "tasks of sessions that were woken", self.wakes.clone());
        r.register("events_encoded", "events written as JSON", self.encoded.clone());
        r.register("sql_statements", "statements sent to the database", self.statements.clone());
        r.register("messages_shed", "messages refused because too much waited", self.shed.clone());
        r.register("bus_unsent", "messages not told to other nodes", self.bus_unsent.clone());
        r.register("bus_repairs", "rooms found behind the store", self.bus_repairs.clone());
        r.register("search_behind", "log entries not yet indexed", self.search_behind.clone());
        r.register("search_indexed", "messages put into the index", self.search_indexed.clone());
        r.register("lines", "lines received from clients", self.lines.clone());
        r.register("bad_lines", "lines that were not understood", self.bad_lines.clone());
        r.register("commit_batch", "appends in one transaction", self.commits.clone());
        r.register("commit_seconds", "time of one transaction", self.commit_seconds.clone());
        r.register("frames_dropped", "frames not pushed, by reason", self.dropped.clone());
        r.register("sessions_closed", "sessions closed, by close code", self.closed.clone());
        r.register("http_responses", "REST responses, by status", self.responses.clone());
        r.register("mailbox_depth", "messages that wait, by queue", self.waiting.clone());
        self.assistant.register(r);
    }

    /// A transaction of the journal.
    pub(crate) fn commit(&self, batch: usize, took: Duration) {
        self.commits.observe(f64::from(u32::try_from(batch).unwrap_or(u32::MAX)));
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// An actor crashed, and is, or what it held is, started again.
    pub(crate) fn restarted(&self, actor: &'static str) {
        self.restarts.get_or_create(&Kind { actor }).inc();
    }

    /// A frame was not pushed.
    pub(crate) fn dropped(&self, reason: Dropped) {
        self.dropped.get_or_create(&Reason { reason }).inc();
    }

    /// A session was closed by the server.
    pub(crate) fn closed(&self, code: u16) {
        self.closed.get_or_create(&Code { code }).inc();
    }

    /// A REST call was answered.
    pub(crate) fn responded(&self, status: u16) {
        self.responses.get_or_create(&Status { status }).inc();
    }

    /// How much waits in a queue, looked up when somebody asks.
    pub(crate) fn waits(&self, queue: &'static str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.waiting.get_or_create(&Queue { queue }).set(count);
    }

    /// Statements that the store has sent to the database, looked up when somebody asks.
    pub(crate) fn ran(&self, statements: u64) {
        self.statements.inner().fetch_max(statements, Ordering::Relaxed);
    }

    /// All numbers in the OpenMetrics text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a string cannot fail.
        let _infallible = encode(&mut out, &self.registry);
        out
    }
}

/// What the system says of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Memory in use (resident).
    pub memory_bytes: u64,
    /// Time on a processor since the start, all threads together.
    pub cpu: Duration,
}

/// What the system says of this process, where it is told as Linux tells it.
#[must_use]
pub fn process() -> Option<Process> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).ok();
    parse_process(&read("status")?, &read("stat")?)
}

/// Clock ticks of `/proc/self/stat`: a hundredth of a second, whatever the kernel's own clock.
const TICK: Duration = Duration::from_millis(10);

fn parse_process(status: &str, stat: &str) -> Option<Process> {
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
    // The name of the program stands in brackets and may hold anything.
    let (_name, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11);
    let mut ticks = || times.next()?.parse::<u32>().ok();
    let cpu = TICK * ticks()?.checked_add(ticks()?)?;
    Some(Process { memory_bytes: kib * 1_024, cpu })
}

/// Starts logging: readable lines on a terminal, JSON elsewhere. `filter` is in the syntax of
/// `tracing` filters (`info`, `moim=debug`); one that cannot be read was refused by the settings.
pub fn start_logs(filter: &str) {
    let filter = EnvFilter::builder()
        .parse_lossy(format!("{filter},ractor=warn,sqlx=warn,actix_server=warn"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first.
    let _already = if std::io::stderr().is_terminal() {
        logs.compact().try_init()
    } else {
        logs.json().flatten_event(true).try_init()
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_read_as_it_writes() {
        let status = "Name:\tmoim\nVmPeak:\t  900 kB\nVmRSS:\t   12 kB\nThreads:\t4\n";
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 3 4 20 0 9 0 1 2 3";
        let wanted = Process { memory_bytes: 12 * 1_024, cpu: Duration::from_secs(3) };
        assert_eq!(parse_process(status, stat), Some(wanted));
        assert_eq!(parse_process("VmRSS: much", stat), None);
        assert_eq!(parse_process(status, "7 (a) S 1"), None);
    }
}
