//! The tool against a real server on a disk of its own: power that goes, disks that fail, and
//! processes that end. Small sizes; the sizes that mean something are in the README.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

mod support;

use self::support::Run;

/// How long senders waited, and what the server did for its CPU time.
const WAITS: &[&str] = &["latency_over_time", "latency", "per_cpu_second"];

#[test]
fn nothing_acknowledged_is_lost_with_the_power() {
    let run = Run::passes("power --points 150 --seconds 3 --restarts 1 --served 2");
    assert_eq!((run.figure("cuts"), run.figure("served")), (150.0, 2.0));
    assert!(run.figure("promised") > 0.0 && run.figure("writes") > 0.0);
    // Two under senders, and those that served what a cut had left.
    run.shows(&[("server", 2)], WAITS);
}

#[test]
fn nothing_acknowledged_is_lost_when_syncs_fail_before_the_power_does() {
    let run = Run::passes("power --points 60 --seconds 4 --restarts 3 --served 0 --failing-sync 3");
    assert!(run.figure("failed_syncs") > 0.0);
}

#[test]
fn a_log_that_is_not_synced_is_found_out() {
    let run = Run::of("power --points 60 --seconds 2 --restarts 0 --served 0 --lying-sync");
    assert!(!run.has_passed);
    let checks = &run.report["checks"];
    assert!(checks["lost"]["count"].as_u64() > Some(0), "{checks}");
    run.shows(&[("server", 1)], WAITS);
}

#[test]
fn a_disk_that_fails_makes_nobody_lie_and_service_returns() {
    let run = Run::passes("disk --seconds 1 --points 30 --senders 8 --rooms 2");
    assert!(run.figure("put_off") > 0.0);
    assert_eq!(run.report["series"]["faults"].as_array().map(Vec::len), Some(5));
    run.shows(&[("server", 2)], WAITS);
}

#[test]
fn an_ending_in_order_may_be_cut_short() {
    let run = Run::passes(
        "crash --kills 4 --senders 8 --listeners 2 --rooms 2 --min-life 100 --max-life 400 \
         --signal term --then-kill 10,50,90",
    );
    assert_eq!(run.figure("lives"), 4.0);
    assert!(run.figure("acknowledged") > 0.0);
    run.shows(&[("server", 5)], WAITS);
    run.shows(&[], &["restarts"]);
}

#[test]
fn a_kill_loses_nothing_on_postgres() {
    let run =
        Run::passes("crash --database postgres --kills 3 --senders 6 --listeners 2 --max-life 400");
    assert_eq!(run.figure("lives"), 3.0);
    assert!(run.figure("acknowledged") > 0.0);
    run.shows(&[("server", 4), ("PostgreSQL", 1)], WAITS);
}
