//! The tool against a real server, on either database: what it acknowledges is in the logs, and the
//! bare group commit beside it leaves the same rows.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

mod support;

use serde_json::Value;

use self::support::Run;

fn durable_on(database: &str) -> Run {
    let run = Run::passes(&format!(
        "durable --database {database} --senders 12 --rooms 6 --seconds 0.3 --pairs 2 --bytes 40"
    ));
    let report = &run.report;
    assert_eq!(report.pointer("/options/database").and_then(Value::as_str), Some(database));
    assert!(run.figure("acked_per_second") > 0.0);
    assert!(run.figure("bare_per_second") > 0.0);
    assert!((1.0..=12.0).contains(&run.figure("batch")));
    assert!(run.figure("cpu_per_message") > 0.0);
    let is_equal = report.pointer("/checks/unequal_rows/count").and_then(Value::as_u64);
    assert_eq!(is_equal, Some(0), "the rows were compared");
    let pairs = report.pointer("/series/pairs").and_then(Value::as_array).map(Vec::len);
    assert_eq!(pairs, Some(2));
    let charts = ["ack_latency", "latency_over_time", "durable_rate", "per_cpu_second"];
    run.shows(&[("server", 1), ("bare group commit", 1)], &charts);
    run
}

#[test]
fn acknowledged_messages_are_counted_beside_a_bare_group_commit_on_sqlite() {
    durable_on("sqlite");
}

#[test]
fn acknowledged_messages_are_counted_beside_a_bare_group_commit_on_postgres() {
    durable_on("postgres").shows(&[("PostgreSQL", 1)], &[]);
}

#[test]
fn a_filled_database_is_served_from_its_first_moment() {
    let run = Run::passes("start --messages 3000 --users 60 --clubs 6 --starts 2 --wal-mib 1");
    assert_eq!(run.figure("messages"), 3_000.0);
    assert!(run.figure("wal_left") >= 1.0);
    for goal in ["ready_empty", "ready_full"] {
        let value = run.report.pointer(&format!("/goals/{goal}/value")).and_then(Value::as_f64);
        assert!(value.expect(goal) > 0.0);
    }
    let wrong = run.report.pointer("/checks/wrong_heads/count").and_then(Value::as_u64);
    assert_eq!(wrong, Some(0), "the heads were compared");
    // Before it is filled, two starts of it, one with the log of another, two after a kill; the other
    // two are on empty folders.
    run.shows(&[("server", 6), ("server 2", 2)], &["ready"]);
}
