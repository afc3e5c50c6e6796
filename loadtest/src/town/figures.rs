//! The figures that every scenario of a town has in common.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::{Noted, Spent};
use crate::chart::Chart;
use crate::report::Report;
use crate::sample::Sampler;
use crate::timeline::Timeline;

const RECEIPTS: [&str; 4] = ["latency_p50", "latency_p99", "latency_p999", "latency_max"];

impl Noted {
    /// Receipts, cost of a delivery and of a message, and whether the load tester was the limit.
    pub(crate) fn report(&self, report: &mut Report, spent: &Spent, late: &Histogram<u64>) {
        report.figure("messages", self.acked as f64, "", "acknowledged");
        report.figure("deliveries", self.deliveries as f64, "", "received, each once");
        let per_second = self.deliveries as f64 / seconds(spent.took);
        report.figure("deliveries_per_second", per_second, "1/s", "by the clock");
        let per_read = self.deliveries as f64 / self.reads.max(1) as f64;
        report.figure("deliveries_per_read", per_read, "", "upper bound of one write");
        if let Some(each) = spent.each_us(self.deliveries) {
            report.figure("cpu_per_delivery", each, "µs", "of the server");
        }
        if let Some(each) = spent.each_us(self.acked) {
            report.figure("cpu_per_message", each, "µs", "of the server, deliveries included");
        }
        report.latency(RECEIPTS, self.receipts.total(), "from when it was due to each receipt");
        let p99 = late.value_at_quantile(0.99) as f64 / 1e3;
        report.figure("send_late_p99", p99, "ms", "our own delay, inside every latency");
        spent.report(report);
        if self.put_off > 0 {
            report.note(format!(
                "the server put off {} requests by its limits (20 messages a second of one user): \
                 latencies include the wait",
                self.put_off
            ));
        }
    }
}

/// Latency over time and by percentile, deliveries per CPU-second.
pub(crate) fn pictures(report: &mut Report, sampler: &Sampler, receipts: &Timeline) {
    over_time(report, sampler, receipts);
    let times = [("receipts".to_owned(), receipts.total())];
    report.chart(Chart::percentiles("latency", "Latency", times));
}

/// The same without percentiles.
pub(crate) fn over_time(report: &mut Report, sampler: &Sampler, receipts: &Timeline) {
    report.chart(receipts.chart("latency_over_time", "Latency over time"));
    report.chart(sampler.efficiency("Deliveries", &receipts.counts()));
    report.series("latency", receipts.series());
}

impl Spent {
    pub(crate) fn report(&self, report: &mut Report) {
        if let Some(share) = self.server_share() {
            report.figure("server_cpu", share, "%", "of one core");
        }
        let about = "of one core: near 100, the clients are the limit";
        report.figure("load_tester_cpu", self.our_share(), "%", about);
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64().max(1e-9)
}
