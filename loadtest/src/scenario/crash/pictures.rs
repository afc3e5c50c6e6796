//! How long senders waited through all that happened, and what the server did for its CPU time.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::company::Player;
use crate::chart::{Chart, percentile_rows};
use crate::disk;
use crate::report::Report;
use crate::sample::Sampler;
use crate::timeline::{Counts, Timeline};

const STRETCH: Duration = Duration::from_millis(250);

/// Time to acknowledgement, of what was composed since `begin`, and deliveries per CPU-second.
pub(in crate::scenario) fn draw<'p>(
    report: &mut Report,
    sampler: &Sampler,
    players: impl Iterator<Item = &'p Rc<Player>>,
    begin: Instant,
) -> Result<()> {
    let (now, clock) = (Instant::now(), disk::now());
    // No moment is before the first one of the machine.
    let moment = |at: u64| now.checked_sub(Duration::from_nanos(clock.saturating_sub(at)));
    let (mut waits, mut seen) = (Timeline::new(begin, STRETCH)?, Vec::new());
    for player in players {
        let memory = player.memory.borrow();
        for (composed, acked) in memory.composed_at.iter().zip(&memory.acked_at) {
            let waited = Duration::from_nanos(acked.saturating_sub(*composed));
            waits.record(moment(*composed).unwrap_or(begin), waited)?;
        }
        let past = memory.past.iter().flat_map(|past| &past.seen_at);
        seen.extend(past.chain(&memory.seen_at).filter_map(|at| moment(*at)));
    }
    report.chart(waits.chart("latency_over_time", "From a message to its acknowledgement"));
    let times = [("acknowledged".to_owned(), waits.total())];
    report.chart(Chart::percentiles("latency", "From a message to its acknowledgement", times));
    let deliveries = Counts::of(begin, STRETCH * 2, &seen);
    report.chart(sampler.efficiency("Deliveries", &deliveries));
    report.series("latency", waits.series());
    report.series("latency_percentiles", percentile_rows(waits.total()));
    let names = ["ack_p50", "ack_p99", "ack_p999", "ack_max"];
    let about = "from a message to its acknowledgement, through all that happened";
    report.latency(names, waits.total(), about);
    Ok(())
}
