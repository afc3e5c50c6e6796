//! CPU time of several processes together, such as a server and its database.

use std::time::Duration;

use crate::proc::{CpuMark, Process};

/// Marks of processes at one moment.
pub(crate) struct Meter(Vec<(Process, CpuMark)>);

impl Meter {
    /// Begins now. Processes that are gone count nothing.
    pub(crate) fn start(processes: impl IntoIterator<Item = Process>) -> Self {
        let mark = |process: Process| Some((process, process.cpu().ok()?));
        Self(processes.into_iter().filter_map(mark).collect())
    }

    /// User and system time since the start, of the processes that live still.
    pub(crate) fn spent(&self) -> Duration {
        let since = |(process, mark): &(Process, CpuMark)| Some(process.cpu().ok()?.since(mark));
        self.0.iter().filter_map(since).sum()
    }
}
