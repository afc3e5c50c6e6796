//! One point of an axis: a room, or some, and what a message in it cost round by round.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Row;
use crate::crowd::{Crowd, Load};
use crate::proc::Process;
use crate::progress::Progress;

/// Messages a second that a member may send for long.
const RATE_OF_ONE: f64 = 15.0;

pub(super) struct Point {
    /// Its place on the axis.
    pub size: usize,
    /// Of each room.
    members: usize,
    pub crowds: Vec<Crowd>,
    /// The room whose turn it is.
    next: usize,
    /// Sends that the server put off by its rate limit.
    pub put_off: u64,
    /// Rounds that came to no end.
    pub stalled: u64,
}

impl Point {
    /// Its size is the number of its rooms until it is given another.
    pub(super) fn new(members: usize, crowds: Vec<Crowd>) -> Self {
        Self { size: crowds.len(), members, crowds, next: 0, put_off: 0, stalled: 0 }
    }

    pub(super) fn of_size(self, size: usize) -> Self {
        Self { size, ..self }
    }

    pub(super) fn row(&self) -> Row {
        Row { size: self.size, members: self.members, costs: Vec::new() }
    }

    /// Gives the rooms so many messages each, as fast as their members may send.
    pub(super) async fn fill(&mut self, messages: usize) -> Result<()> {
        const AT_ONCE: usize = 500;
        let rate = Some(RATE_OF_ONE * self.members as f64);
        let progress = Progress::new("history", messages * self.crowds.len());
        for crowd in &mut self.crowds {
            for done in (0..messages).step_by(AT_ONCE) {
                let some = AT_ONCE.min(messages - done);
                let outcome = crowd.round(Load { messages: some, window: some, rate }).await?;
                self.stalled += u64::from(outcome.is_stalled);
                progress.step(some);
            }
        }
        progress.done();
        Ok(())
    }

    /// Sends messages one at a time, in one room after the other.
    pub(super) async fn round(&mut self, messages: usize, process: Process) -> Result<Round> {
        let (begin, before) = (Instant::now(), process.cpu()?);
        if let [crowd] = self.crowds.as_mut_slice() {
            let outcome = crowd.round(Load { messages, window: 1, rate: None }).await?;
            self.put_off += outcome.noted.put_off;
            self.stalled += u64::from(outcome.is_stalled);
        } else {
            for _ in 0..messages {
                let at = self.next % self.crowds.len().max(1);
                self.next += 1;
                if let Some(crowd) = self.crowds.get_mut(at) {
                    let outcome = crowd.round(Load { messages: 1, window: 1, rate: None }).await?;
                    self.put_off += outcome.noted.put_off;
                    self.stalled += u64::from(outcome.is_stalled);
                }
            }
        }
        Ok(Round { cpu: process.cpu()?.since(&before), took: begin.elapsed(), messages })
    }
}

/// What a round took.
pub(super) struct Round {
    cpu: Duration,
    took: Duration,
    messages: usize,
}

impl Round {
    /// Microseconds of CPU for a message, less what the server uses in silence, as a share of a core.
    pub(super) fn cost(&self, silent: f64) -> f64 {
        let used = self.cpu.as_secs_f64() - silent * self.took.as_secs_f64();
        used * 1e6 / self.messages.max(1) as f64
    }
}
