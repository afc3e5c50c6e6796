//! What a phase took: the server's CPU, our own, and the time by the clock.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::proc::{CpuMark, Process};

pub(crate) struct Meter {
    server: Option<(Process, CpuMark)>,
    us: Process,
    ours: CpuMark,
    begin: Instant,
}

/// Of one phase.
pub(crate) struct Spent {
    /// Nothing when the server's process is not ours to read.
    pub server: Option<Duration>,
    pub ours: Duration,
    pub took: Duration,
}

impl Meter {
    pub(crate) fn start(server: Option<Process>) -> Result<Self> {
        let us = Process::ours();
        let server = match server {
            Some(process) => Some((process, process.cpu()?)),
            None => None,
        };
        Ok(Self { server, us, ours: us.cpu()?, begin: Instant::now() })
    }

    pub(crate) fn stop(&self) -> Result<Spent> {
        let took = self.begin.elapsed();
        let server = match &self.server {
            Some((process, mark)) => Some(process.cpu()?.since(mark)),
            None => None,
        };
        Ok(Spent { server, ours: self.us.cpu()?.since(&self.ours), took })
    }
}

impl Spent {
    /// Microseconds of the server for each of `count` things.
    pub(crate) fn each_us(&self, count: u64) -> Option<f64> {
        let used = self.server.filter(|_| count > 0)?;
        Some(used.as_secs_f64() * 1e6 / count as f64)
    }

    /// Our own share of a core, in percent.
    pub(crate) fn our_share(&self) -> f64 {
        100.0 * self.ours.as_secs_f64() / self.took.as_secs_f64().max(1e-9)
    }

    /// The server's share of a core, in percent.
    pub(crate) fn server_share(&self) -> Option<f64> {
        Some(100.0 * self.server?.as_secs_f64() / self.took.as_secs_f64().max(1e-9))
    }
}
