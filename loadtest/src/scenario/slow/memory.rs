//! What those who do not read make the server hold, and how much that may be.

use super::Phase;
use crate::report::Report;
use crate::server::Target;

/// The contract's most bytes that wait for one session.
const OUTBOX_BYTES: u64 = 1 << 20;
/// What the server gives to the outboxes of one of its threads at least, whatever is set for all.
const LEAST_OF_A_THREAD: u64 = 16 << 20;
/// What an allocator holds more or less from one moment to the next.
const SLACK_BYTES: u64 = 8 << 20;

/// The most that the outboxes of so many may hold: what the contract gives each, or what the server
/// gives all of them, where that is less and the server is ours to ask.
pub(super) fn outboxes(target: &Target, lazy: usize) -> u64 {
    let setting = |name| target.server.as_ref()?.reads(name)?.parse::<u64>().ok();
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let threads = setting("workers").filter(|workers| *workers > 0).unwrap_or(cores);
    let all = setting("outbox_mib").map(|mib| (mib << 20).max(threads * LEAST_OF_A_THREAD));
    (lazy as u64 * OUTBOX_BYTES).min(all.unwrap_or(u64::MAX))
}

/// What those who do not read made the server hold, beyond what it takes when all read.
pub(super) fn report(
    report: &mut Report,
    alone: &[Phase],
    beside: &[Phase],
    outboxes: u64,
    limit: Option<u64>,
) {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let growth = |phases: &[Phase]| {
        phases.iter().filter_map(|phase| phase.memory).map(|(before, most)| most - before).max()
    };
    let (Some(usual), Some(growth)) = (growth(alone), growth(beside)) else { return };
    let most = beside.iter().filter_map(|phase| phase.memory).map(|(_, most)| most).max();
    let (most, held) = (most.unwrap_or(0), growth.saturating_sub(usual));
    let budget = outboxes + SLACK_BYTES;
    report.figure("memory_growth", mib(growth), "MiB", "of the server, while some do not read");
    report.figure("memory_growth_usual", mib(usual), "MiB", "while all read");
    report.figure(
        "memory_budget",
        mib(budget),
        "MiB",
        "the outboxes of those who do not read, at most those of all, and 8 MiB",
    );
    report.figure("memory_most", mib(most), "MiB", "resident");
    let text = format!("{held} bytes more than when all read, the budget is {budget}");
    report.none_of("over_budget", (held > budget).then_some(text).into_iter().collect());
    if let Some(limit) = limit {
        let text = format!("{} MiB resident", mib(most));
        let over = (most > limit << 20).then_some(text);
        report.none_of("over_memory_limit", over.into_iter().collect());
    }
}
