//! What the server answers, as far as it is shown. Fields that are not there are taken for null,
//! fields that are not known are left alone: the server may be older or newer.

use serde::Deserialize;

/// One answer.
pub(super) struct Picture {
    pub(super) actors: Actors,
    /// As it came.
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Actors {
    pub(super) at: i64,
    #[serde(default)]
    pub(super) totals: Totals,
    pub(super) root: Actor,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Totals {
    pub(super) connections: i64,
    pub(super) streams: i64,
    pub(super) rooms_awake: i64,
    pub(super) waiting: u64,
    pub(super) lines_per_second: Option<f64>,
    pub(super) deliveries_per_second: Option<f64>,
    pub(super) appends_per_second: Option<f64>,
    pub(super) commits_per_second: Option<f64>,
    pub(super) room_restarts: u64,
    pub(super) set_aside: u64,
    pub(super) memory_bytes: Option<u64>,
    pub(super) cpu_ms: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Actor {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) depth: Option<u64>,
    pub(super) capacity: Option<u64>,
    pub(super) handled: Option<u64>,
    pub(super) per_second: Option<f64>,
    pub(super) oldest_ms: Option<f64>,
    pub(super) restarts: u32,
    pub(super) rooms: Option<Rooms>,
    pub(super) room: Option<Room>,
    pub(super) lane: Option<Lane>,
    pub(super) worker: Option<Worker>,
    pub(super) session: Option<Session>,
    pub(super) children: Vec<Actor>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rooms {
    pub(super) awake: u64,
    pub(super) depth: u64,
    pub(super) per_second: Option<f64>,
    pub(super) oldest_ms: f64,
    pub(super) seats: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Room {
    pub(super) id: String,
    pub(super) seats: i64,
    pub(super) head: i64,
    pub(super) ring_bytes: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Lane {
    pub(super) batch: u64,
    pub(super) commits_per_second: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Worker {
    pub(super) sessions: u64,
    pub(super) streams: u64,
    pub(super) opened: u64,
    pub(super) lagging: u64,
    pub(super) outbox_bytes: u64,
    pub(super) deliveries_per_second: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Session {
    pub(super) user_id: String,
    pub(super) outbox_bytes: u64,
    pub(super) mode: String,
}
