//! The tool against a real server, on either database: what it acknowledges is in the logs, and the
//! bare group commit beside it leaves the same rows.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The report of a run, which must have passed.
fn passes(arguments: &str) -> Value {
    let tool = PathBuf::from(env!("CARGO_BIN_EXE_loadtest"));
    let moim = tool.with_file_name("moim");
    assert!(moim.is_file(), "{} is not there: build the workspace first", moim.display());
    let mut command = Command::new(tool);
    command.args(arguments.split_whitespace()).args(["--json", "--seed", "7", "--server"]);
    let output = command.arg(moim).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("the report is JSON")
}

fn figure(report: &Value, name: &str) -> f64 {
    let value = report.pointer(&format!("/figures/{name}/value")).and_then(Value::as_f64);
    value.expect(name)
}

fn durable_on(database: &str) {
    let report = passes(&format!(
        "durable --database {database} --senders 12 --rooms 6 --seconds 0.3 --pairs 2 --bytes 40"
    ));
    assert_eq!(report.pointer("/options/database").and_then(Value::as_str), Some(database));
    assert!(figure(&report, "acked_per_second") > 0.0);
    assert!(figure(&report, "bare_per_second") > 0.0);
    assert!((1.0..=12.0).contains(&figure(&report, "batch")));
    assert!(figure(&report, "cpu_per_message") > 0.0);
    let is_equal = report.pointer("/checks/unequal_rows/count").and_then(Value::as_u64);
    assert_eq!(is_equal, Some(0), "the rows were compared");
    let pairs = report.pointer("/series/pairs").and_then(Value::as_array).map(Vec::len);
    assert_eq!(pairs, Some(2));
}

#[test]
fn acknowledged_messages_are_counted_beside_a_bare_group_commit_on_sqlite() {
    durable_on("sqlite");
}

#[test]
fn acknowledged_messages_are_counted_beside_a_bare_group_commit_on_postgres() {
    durable_on("postgres");
}

#[test]
fn a_filled_database_is_served_from_its_first_moment() {
    let report = passes("start --messages 3000 --users 60 --clubs 6 --starts 2 --wal-mib 1");
    assert_eq!(figure(&report, "messages"), 3_000.0);
    assert!(figure(&report, "wal_left") >= 1.0);
    for goal in ["ready_empty", "ready_full"] {
        let value = report.pointer(&format!("/goals/{goal}/value")).and_then(Value::as_f64);
        assert!(value.expect(goal) > 0.0);
    }
    let wrong = report.pointer("/checks/wrong_heads/count").and_then(Value::as_u64);
    assert_eq!(wrong, Some(0), "the heads were compared");
}
