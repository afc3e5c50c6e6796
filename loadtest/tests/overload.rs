//! The tool against a real server that is asked for more than it can do.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

mod support;

use self::support::Run;

#[test]
fn whatever_is_sent_is_answered_and_nothing_is_lost() {
    let run =
        Run::passes("overload --rooms 4 --members 10 --peak 240 --step-seconds 1 --seconds 2");
    assert_eq!(run.figure("unanswered"), 0.0);
    let phases = run.report["series"]["phases"].as_array().expect("phases");
    let sent = phases.iter().filter_map(|phase| phase.pointer("/counts/sent")?.as_u64());
    assert_eq!(sent.filter(|sent| *sent > 0).count(), 3, "before, during and after");
    run.shows(&[("server", 1)], &["during", "after", "latency", "per_cpu_second"]);
}
