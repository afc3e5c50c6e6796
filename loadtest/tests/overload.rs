//! The tool against a real server that is asked for more than it can do.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

mod support;

use serde_json::Value;

use self::support::Run;

#[test]
fn whatever_is_sent_is_answered_and_nothing_is_lost() {
    let run =
        Run::passes("overload --rooms 4 --members 10 --peak 240 --step-seconds 1 --seconds 2");
    assert_eq!(run.report.pointer("/checks/unanswered/count").and_then(Value::as_u64), Some(0));
    let phases = run.report["series"]["phases"].as_array().expect("phases");
    let sent = phases.iter().filter_map(|phase| phase.pointer("/counts/sent")?.as_u64());
    assert_eq!(sent.filter(|sent| *sent > 0).count(), 4, "calming, before, during and after");
    assert!(run.figure("delivered") > 0.0);
    run.shows(&[("server", 1)], &["during", "after", "latency", "per_cpu_second"]);
}

#[test]
fn what_the_search_left_is_answered_before_anything_is_measured() {
    // The first step is far more than the server takes: its last answers come after its end.
    let run = Run::passes(
        "overload --rooms 20 --members 10 --from 3600 --times 1.5 --step-seconds 1 \
         --seconds 1 --deadline-ms 60000",
    );
    let phases = run.report["series"]["phases"].as_array().expect("phases");
    let names = phases.iter().map(|phase| phase["name"].as_str().expect("a name"));
    assert_eq!(names.collect::<Vec<_>>(), ["search", "calming", "before", "during", "after"]);
    assert_eq!(phases[1].pointer("/owed").and_then(Value::as_u64), Some(0), "{:?}", phases[1]);
}
