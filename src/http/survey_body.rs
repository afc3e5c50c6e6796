//! A picture of the actors, as the wire shows it.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::{
    LaneReading, Reading, RoomReading, RoomsSum, RunReading, SessionReading, Subject, Survey,
    WorkerReading,
};
use crate::domain::{ClubId, Millis, RoomId, RunId, SessionId, UserId};
use crate::telemetry::{Metrics, process};

/// The actors of a node at a moment.
#[derive(Serialize, ToSchema)]
pub(super) struct SurveyBody {
    /// When (UTC ms).
    #[schema(value_type = i64)]
    at: Millis,
    /// The span that all rates are over, in ms. 0: nobody has looked in the ten seconds before, and
    /// all rates are null; ask again in a second.
    over_ms: u64,
    /// The node as a whole.
    totals: TotalsBody,
    /// The root of the tree.
    root: ActorBody,
}

/// The node as a whole.
#[derive(Serialize, ToSchema)]
pub(super) struct TotalsBody {
    /// WebSocket sessions.
    connections: i64,
    /// Event streams.
    streams: i64,
    /// Rooms in memory.
    rooms_awake: i64,
    /// Messages that wait in all mailboxes.
    waiting: usize,
    /// Lines from clients, a second.
    lines_per_second: Option<f64>,
    /// Events put into outboxes, a second.
    deliveries_per_second: Option<f64>,
    /// Messages, marks and memberships written, a second.
    appends_per_second: Option<f64>,
    /// Transactions, a second.
    commits_per_second: Option<f64>,
    /// Rooms that crashed and were started again.
    room_restarts: u64,
    /// Messages that crashed their room three times.
    set_aside: u64,
    /// Memory of the process; null where the system does not tell.
    memory_bytes: Option<u64>,
    /// Processor time of the process since its start, in ms; null where the system does not tell.
    cpu_ms: Option<u64>,
}

/// One actor. Fields that its kind does not have are null.
#[derive(Serialize, ToSchema)]
pub(super) struct ActorBody {
    /// For people.
    #[schema(example = "general")]
    name: String,
    /// `root`, `bus`, `presence`, `rooms`, `room`, `journal`, `lane`, `lookup`, `indexer`, `sweeper`, `assistants`,
    /// `assistant`, `run`, `worker`, `relay` or `session`; there may be more in later versions.
    #[schema(example = "room")]
    kind: &'static str,
    /// Messages that wait, the one in hand included.
    depth: Option<u64>,
    /// Places of its mailbox.
    capacity: Option<u64>,
    /// Messages that it has handled since it was started.
    handled: Option<u64>,
    /// The same, a second.
    per_second: Option<f64>,
    /// Age in ms of the oldest message that waits or is in hand; 0 when there is none.
    oldest_ms: Option<f64>,
    /// How often it was started again after a crash.
    restarts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<RoomsBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<LiveRoomBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<LaneBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<WorkerBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunNowBody>,
    /// Those below it. Rooms: the fullest mailboxes first, then the busiest. Sessions: the largest
    /// outboxes first, at most ten a worker.
    #[schema(no_recursion)]
    children: Vec<ActorBody>,
}

/// All rooms that are awake together.
#[derive(Serialize, ToSchema)]
pub(super) struct RoomsBody {
    /// How many.
    awake: usize,
    /// How many are among the children.
    shown: usize,
    /// Messages that wait for all of them.
    depth: usize,
    /// Messages that they handle, a second.
    per_second: Option<f64>,
    /// Age in ms of the oldest message of them all.
    oldest_ms: f64,
    /// Seats that have one of them open.
    seats: i64,
}

/// A room.
#[derive(Serialize, ToSchema)]
pub(super) struct LiveRoomBody {
    /// Its id.
    #[schema(value_type = String, example = "r_1")]
    id: RoomId,
    /// Its club.
    #[schema(value_type = Option<String>, example = "c_1")]
    club_id: Option<ClubId>,
    /// Sessions and streams that have it open, on this node.
    seats: i64,
    /// Newest seq.
    head: i64,
    /// Bytes of the events that it keeps in memory.
    ring_bytes: usize,
}

/// A lane of the journal. `depth` counts appends, `per_second` those that were written.
#[derive(Serialize, ToSchema)]
pub(super) struct LaneBody {
    /// Appends that wait for the next transaction.
    waiting: u64,
    /// Appends in the transaction under way.
    batch: u64,
    /// Transactions so far.
    commits: u64,
    /// Transactions, a second.
    commits_per_second: Option<f64>,
}

/// An HTTP worker and its sessions. Null when its relay did not answer in time.
#[derive(Serialize, ToSchema)]
pub(super) struct WorkerBody {
    /// WebSocket sessions.
    sessions: usize,
    /// Event streams.
    streams: usize,
    /// Logs that they hear every event of.
    opened: usize,
    /// Sessions with a room turned from push to pull.
    lagging: usize,
    /// Bytes in their outboxes.
    outbox_bytes: usize,
    /// Events put into their outboxes since the start.
    deliveries: u64,
    /// The same, a second.
    deliveries_per_second: Option<f64>,
}

/// A session that something waits for, or that lags.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionBody {
    /// Its id; null for an event stream.
    #[schema(value_type = Option<String>, example = "s_1")]
    id: Option<SessionId>,
    /// Whose.
    #[schema(value_type = String, example = "u_1")]
    user_id: UserId,
    /// Bytes in its outbox.
    outbox_bytes: usize,
    /// `pull` when a room was turned from push to pull, else `push`.
    mode: &'static str,
    /// Rooms turned from push to pull.
    pulling: usize,
}

/// An answer that is being spoken.
#[derive(Serialize, ToSchema)]
pub(super) struct RunNowBody {
    /// Its id.
    #[schema(value_type = String, example = "run_5")]
    id: RunId,
    /// Its room.
    #[schema(value_type = String, example = "r_12")]
    room_id: RoomId,
    /// Bytes that were said.
    bytes: usize,
    /// How long it is worked on.
    age_ms: f64,
}

impl SurveyBody {
    /// A picture with the numbers of the node.
    pub(super) fn of(survey: Survey, metrics: &Metrics) -> Self {
        let Survey { over, totals, root } = survey;
        let process = process();
        let totals = TotalsBody {
            connections: metrics.connections.get(),
            streams: metrics.streams.get(),
            rooms_awake: metrics.rooms_awake.get(),
            waiting: totals.waiting,
            lines_per_second: totals.lines.map(tenths),
            deliveries_per_second: totals.deliveries.map(tenths),
            appends_per_second: totals.appends.map(tenths),
            commits_per_second: totals.commits.map(tenths),
            room_restarts: metrics.room_restarts.get(),
            set_aside: metrics.set_aside.get(),
            memory_bytes: process.map(|process| process.memory_bytes),
            cpu_ms: process.and_then(|process| u64::try_from(process.cpu.as_millis()).ok()),
        };
        let over_ms = u64::try_from(over.as_millis()).unwrap_or(u64::MAX);
        Self { at: Millis::now(), over_ms, totals, root: root.into() }
    }
}

impl From<Reading> for ActorBody {
    fn from(reading: Reading) -> Self {
        let Reading { name, mailbox, per_second, restarts, subject, children } = reading;
        let body = Self {
            name,
            kind: "",
            depth: mailbox.map(|mailbox| mailbox.depth as u64),
            capacity: mailbox.map(|mailbox| mailbox.capacity as u64),
            handled: mailbox.map(|mailbox| mailbox.handled),
            per_second: per_second.map(tenths),
            oldest_ms: mailbox.map(|mailbox| ms(mailbox.oldest)),
            restarts,
            rooms: None,
            room: None,
            lane: None,
            worker: None,
            session: None,
            run: None,
            children: children.into_iter().map(Self::from).collect(),
        };
        body.about(subject)
    }
}

impl ActorBody {
    /// With what only its kind has.
    fn about(self, subject: Subject) -> Self {
        match subject {
            Subject::Root => Self { kind: "root", ..self },
            Subject::Bus => Self { kind: "bus", ..self },
            Subject::Presence => Self { kind: "presence", ..self },
            Subject::Lookup => Self { kind: "lookup", ..self },
            Subject::Indexer => Self { kind: "indexer", ..self },
            Subject::Sweeper => Self { kind: "sweeper", ..self },
            Subject::Assistants => Self { kind: "assistants", ..self },
            Subject::Assistant(run) => Self { kind: "assistant", run: Some(run.into()), ..self },
            Subject::Run(run) => Self { kind: "run", run: Some(run.into()), ..self },
            Subject::Journal => Self { kind: "journal", ..self },
            Subject::Relay => Self { kind: "relay", ..self },
            Subject::Rooms(sum) => Self { kind: "rooms", rooms: Some(sum.into()), ..self },
            Subject::Room(room) => Self { kind: "room", room: Some(room.into()), ..self },
            Subject::Lane(lane, commits, appends) => self.lane(lane, commits, appends),
            Subject::Worker(worker, deliveries) => {
                let worker = worker.map(|worker| WorkerBody::of(&worker, deliveries));
                Self { kind: "worker", worker, ..self }
            }
            Subject::Session(session) => {
                Self { kind: "session", session: Some(session.into()), ..self }
            }
        }
    }

    fn lane(self, lane: LaneReading, commits: Option<f64>, appends: Option<f64>) -> Self {
        let LaneReading { waiting, batch, commits: done, appends: written, oldest } = lane;
        Self {
            kind: "lane",
            depth: Some(waiting + batch),
            handled: Some(written),
            per_second: appends.map(tenths),
            oldest_ms: Some(ms(oldest)),
            lane: Some(LaneBody {
                waiting,
                batch,
                commits: done,
                commits_per_second: commits.map(tenths),
            }),
            ..self
        }
    }
}

impl From<RoomsSum> for RoomsBody {
    fn from(sum: RoomsSum) -> Self {
        let RoomsSum { awake, shown, waiting, per_second, seats, oldest } = sum;
        let (per_second, oldest_ms) = (per_second.map(tenths), ms(oldest));
        Self { awake, shown, depth: waiting, per_second, oldest_ms, seats }
    }
}

impl From<RoomReading> for LiveRoomBody {
    fn from(room: RoomReading) -> Self {
        let RoomReading { room, club, seats, head, ring_bytes } = room;
        Self { id: room, club_id: club, seats, head, ring_bytes }
    }
}

impl From<RunReading> for RunNowBody {
    fn from(run: RunReading) -> Self {
        let RunReading { run: id, room, bytes, age, has_begun: _ } = run;
        Self { id, room_id: room, bytes, age_ms: ms(age) }
    }
}

impl WorkerBody {
    fn of(worker: &WorkerReading, per_second: Option<f64>) -> Self {
        let WorkerReading { sessions, streams, opened, lagging, outbox_bytes, deliveries, .. } =
            *worker;
        let deliveries_per_second = per_second.map(tenths);
        Self { sessions, streams, opened, lagging, outbox_bytes, deliveries, deliveries_per_second }
    }
}

impl From<SessionReading> for SessionBody {
    fn from(session: SessionReading) -> Self {
        let SessionReading { session: id, user, outbox_bytes, pulling } = session;
        let mode = if pulling > 0 { "pull" } else { "push" };
        Self { id, user_id: user, outbox_bytes, mode, pulling }
    }
}

/// One digit behind the point is enough for people.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn ms(span: Duration) -> f64 {
    tenths(span.as_secs_f64() * 1_000.0)
}
