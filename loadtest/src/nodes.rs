//! What each node of a server costs by itself. Everything else in a report is of all of them together.

use std::time::Instant;

use crate::proc::{CpuMark, Process};
use crate::report::Report;
use crate::sample::{Follow, Sampler};
use crate::table::Table;

/// From the first moment of a run to its last.
pub(crate) struct Watch {
    begin: Instant,
    /// By number, from 1.
    nodes: Vec<(String, Process, CpuMark)>,
    _followed: Vec<Follow>,
}

impl Watch {
    /// Begins now, if there are several.
    pub(crate) fn start(all: Process, sampler: &Sampler) -> Option<Self> {
        if all.only().is_some() {
            return None;
        }
        let node = |(at, process): (usize, Process)| {
            Some((format!("node {}", at + 1), process, process.cpu().ok()?))
        };
        let nodes: Vec<_> = all.each().enumerate().filter_map(node).collect();
        let follow =
            |(name, process, _mark): &(String, Process, CpuMark)| sampler.follow(name, *process);
        let followed = nodes.iter().map(follow).collect();
        Some(Self { begin: Instant::now(), nodes, _followed: followed })
    }

    pub(crate) fn report(self, report: &mut Report) {
        let passed = self.begin.elapsed().as_secs_f64().max(1e-9);
        let columns = ["node", "CPU s", "CPU %", "MiB at the end", "MiB at most"];
        let mut table =
            Table::new("nodes", "Each node, from the first to the last moment", &columns);
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        for (name, process, before) in self.nodes {
            let cpu = process.cpu().ok().map(|mark| mark.since(&before).as_secs_f64());
            let share = cpu.map(|cpu| 100.0 * cpu / passed);
            let now = process.resident().ok().map(mib);
            let most = process.peak_rss().ok().map(mib);
            table.row(name, [cpu, share, now, most]);
        }
        report.table(table);
    }
}
