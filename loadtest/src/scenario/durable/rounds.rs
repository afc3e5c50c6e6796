//! One round of the server, and one of the bare group commit.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::senders::Senders;
use crate::baseline::groupcommit::GroupCommit;
use crate::cost::Meter;
use crate::http::Http;
use crate::metrics::Metrics;
use crate::proc::Process;
use crate::server::Target;
use crate::timeline::Timeline;

/// A round of the server, and the one of the bare group commit after it.
pub(super) struct Pair {
    pub server: Side,
    pub bare: Option<Side>,
}

/// What one side did in a round.
pub(super) struct Side {
    pub messages: u64,
    pub took: Duration,
    pub commits: f64,
    /// Messages in a transaction, on average.
    pub batch: f64,
    /// Of the side and of its database server, where that is another process and ours.
    pub cpu: Option<Duration>,
    pub our_cpu: Duration,
    /// From send to acknowledgement.
    pub latency: Option<Timeline>,
    pub put_off: u64,
}

impl Side {
    pub(super) fn per_second(&self) -> f64 {
        self.messages as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// Microseconds.
    pub(super) fn cpu_per_message(&self) -> Option<f64> {
        Some(self.cpu?.as_secs_f64() * 1e6 / self.messages.max(1) as f64)
    }
}

pub(super) async fn server_round(
    target: &Target,
    senders: &mut Senders,
    time: Duration,
) -> Result<Side> {
    let mut http = Http::new(target.endpoint.clone());
    let before = Metrics::read(&mut http).await?;
    let meter = target.process.map(|process| meter(target, process));
    let ours = Meter::start([Process::ours()]);
    let round = senders.round(time).await?;
    let (cpu, our_cpu) = (meter.map(|meter| meter.spent()), ours.spent());
    let after = Metrics::read(&mut http).await?;
    let more = |name: &str| after.get(name) - before.get(name);
    let commits = more("moim_commit_batch_count");
    Ok(Side {
        messages: round.acked,
        took: round.took,
        commits,
        batch: more("moim_commit_batch_sum") / commits.max(1.0),
        cpu,
        our_cpu,
        latency: Some(round.latency),
        put_off: round.put_off,
    })
}

/// Waits until the server has put what it took into the index of its search: it would do so in the
/// other side's time.
pub(super) async fn settle(target: &Target) -> Result<()> {
    const LIMIT: Duration = Duration::from_secs(600);
    let begin = Instant::now();
    let mut http = Http::new(target.endpoint.clone());
    while Metrics::read(&mut http).await?.get("moim_search_behind") > 0.0 {
        ensure!(begin.elapsed() < LIMIT, "the index of the search was not level within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

pub(super) async fn bare_round(
    target: &Target,
    writer: &mut GroupCommit,
    time: Duration,
    batch: f64,
) -> Result<Side> {
    let meter = meter(target, writer.process());
    let ours = Meter::start([Process::ours()]);
    let written = writer.round(time, batch.round().max(1.0) as usize).await?;
    Ok(Side {
        messages: written.messages,
        took: Duration::from_micros(written.micros),
        commits: written.commits as f64,
        batch: written.messages as f64 / written.commits.max(1) as f64,
        cpu: Some(meter.spent()),
        our_cpu: ours.spent(),
        latency: None,
        put_off: 0,
    })
}

fn meter(target: &Target, process: Process) -> Meter {
    let cluster = target.cluster.iter().flat_map(|cluster| cluster.family().each());
    Meter::start(cluster.chain([process]))
}
