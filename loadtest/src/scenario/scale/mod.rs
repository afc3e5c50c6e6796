//! What one unit costs at the small end and at the large end of each axis. A server that scales
//! pays the same for it.
//!
//! All points of an axis exist at the same time and take turns, so that they see the same machine;
//! only idle connections must come one point after the other.

mod bench;
mod figures;
mod places;
mod point;

use std::cell::RefCell;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::json;

use self::bench::{Bench, quiet};
use self::places::{Places, users_of_room};
use crate::check::{Faults, Kind as Fault};
use crate::report::Report;
use crate::scenario::{Stage, need_files};

pub(crate) const GOALS: &[&str] = &["members", "rooms", "idle", "bytes", "history"];
/// Bytes of a text where they are not what is looked at.
const BYTES: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Axis {
    /// Size of the message
    Bytes,
    /// Messages that the room has already
    History,
    /// Members of the room
    Members,
    /// Connections that do nothing beside the room
    Idle,
    /// Rooms over which the same messages are spread
    Rooms,
}

impl Axis {
    fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::History => "history",
            Self::Members => "members",
            Self::Idle => "idle",
            Self::Rooms => "rooms",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Bytes => "Cost of a message by its bytes",
            Self::History => "Cost of a message by the room's history",
            Self::Members => "Cost of a delivery by the room's members",
            Self::Idle => "Cost of a message by idle connections beside it",
            Self::Rooms => "Cost of a message by the number of rooms",
        }
    }
}

#[derive(Args)]
pub(crate) struct Options {
    /// Which axes, in this order
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "bytes,history,members,idle,rooms"
    )]
    axes: Vec<Axis>,
    /// Members of a room
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000,5000")]
    members: Vec<usize>,
    /// Rooms that the same messages are spread over
    #[arg(long, value_delimiter = ',', default_value = "1,15,150,1500")]
    rooms: Vec<usize>,
    /// Members of each of them
    #[arg(long, default_value_t = 10)]
    room_size: usize,
    /// Connections that do nothing beside an active room
    #[arg(long, value_delimiter = ',', default_value = "0,1000,10000")]
    idle: Vec<usize>,
    /// Bytes of a message's text, from 32 to 4000
    #[arg(long, value_delimiter = ',', default_value = "32,200,1000,4000")]
    bytes: Vec<usize>,
    /// Messages that a room has before it is measured
    #[arg(long, value_delimiter = ',', default_value = "0,1000,10000,50000")]
    history: Vec<usize>,
    /// Members of the room on the axes idle, bytes and history
    #[arg(long, default_value_t = 100)]
    base: usize,
    /// Messages of one round of one point, one at a time
    #[arg(long, default_value_t = 300)]
    messages: usize,
    /// Rounds of each point
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of silence by which the cost of idle connections is known
    #[arg(long, default_value_t = 10.0)]
    silence: f64,
}

impl Options {
    fn sizes(&self, axis: Axis) -> &[usize] {
        match axis {
            Axis::Bytes => &self.bytes,
            Axis::History => &self.history,
            Axis::Members => &self.members,
            Axis::Idle => &self.idle,
            Axis::Rooms => &self.rooms,
        }
    }

    /// Sockets of an axis at its largest.
    fn sockets(&self, axis: Axis) -> usize {
        let sizes = self.sizes(axis);
        match axis {
            Axis::Bytes | Axis::History => sizes.len() * users_of_room(1, self.base),
            Axis::Members => {
                let all = std::iter::once(&1).chain(sizes);
                all.map(|size| users_of_room(1, *size)).sum()
            }
            Axis::Idle => users_of_room(1, self.base) + sizes.iter().max().unwrap_or(&0),
            Axis::Rooms => {
                sizes.iter().map(|count| count * users_of_room(*count, self.room_size)).sum()
            }
        }
    }

    fn check(&self) -> Result<()> {
        for axis in &self.axes {
            let sizes = self.sizes(*axis);
            let name = axis.name();
            ensure!(sizes.len() >= 2, "--{name} needs two sizes to compare");
            ensure!(sizes.is_sorted_by(|a, b| a < b), "--{name}: from the smallest to the largest");
            need_files(self.sockets(*axis))?;
        }
        ensure!(self.bytes.iter().all(|size| (32..=4_000).contains(size)), "--bytes: 32 to 4000");
        let counts = self.members.first().zip(self.rooms.first());
        ensure!(counts.is_none_or(|(members, rooms)| *members > 1 && *rooms > 0), "too small");
        ensure!(self.base > 0 && self.room_size > 0, "a room has members");
        ensure!(self.messages > 0 && self.rounds > 0, "--messages and --rounds start at 1");
        ensure!(self.silence > 0.0, "--silence must be above zero");
        Ok(())
    }
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    options.check()?;
    for axis in &options.axes {
        report.option(axis.name(), json!(options.sizes(*axis)));
    }
    report.option("base", options.base);
    report.option("room_size", options.room_size);
    report.option("messages", options.messages);
    report.option("rounds", options.rounds);
    let target = stage.target(report).await?;
    let process = target.process.context("scale measures CPU: with --url it needs --pid")?;
    let places = Places { stage, endpoint: &target.endpoint, server: RefCell::default() };
    let mut bench = Bench {
        options,
        places,
        process,
        faults: Faults::default(),
        trouble: Vec::new(),
        put_off: 0,
    };
    for axis in &options.axes {
        quiet(process).await?;
        let rows = bench.measure(*axis).await?;
        figures::tell(report, *axis, &rows);
    }
    report.server = bench.places.server.take();
    if bench.put_off > 0 {
        report.note(format!(
            "the server put off {} sends by its rate limit (20/s of a user): take fewer --messages",
            bench.put_off
        ));
    }
    let kinds =
        [("lost", Fault::Lost), ("doubled", Fault::Doubled), ("reordered", Fault::Reordered)];
    report.faults(&kinds, bench.faults);
    report.none_of("trouble", bench.trouble);
    target.finish(report).await;
    Ok(())
}

/// What a size cost, round by round, in microseconds of CPU for a message.
struct Row {
    size: usize,
    /// Of the room that a message goes to.
    members: usize,
    costs: Vec<f64>,
}
