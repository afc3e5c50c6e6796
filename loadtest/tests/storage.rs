//! The tool against a real server on a disk of its own: power that goes, disks that fail, and
//! processes that end. Small sizes; the sizes that mean something are in the README.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The report of a run, and whether it passed.
fn run(arguments: &str) -> (Value, bool) {
    let tool = PathBuf::from(env!("CARGO_BIN_EXE_loadtest"));
    let moim = tool.with_file_name("moim");
    assert!(moim.is_file(), "{} is not there: build the workspace first", moim.display());
    let mut command = Command::new(tool);
    command.args(arguments.split_whitespace()).args(["--json", "--seed", "11", "--server"]);
    let output = command.arg(moim).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() != Some(2), "the run could not be made: {said}");
    let report = serde_json::from_slice(&output.stdout).expect("the report is JSON");
    (report, output.status.success())
}

/// The report of a run that must have passed.
fn passes(arguments: &str) -> Value {
    let (report, has_passed) = run(arguments);
    assert!(has_passed, "{}", report["checks"]);
    report
}

fn figure(report: &Value, name: &str) -> u64 {
    report["figures"][name]["value"].as_f64().expect(name) as u64
}

#[test]
fn nothing_acknowledged_is_lost_with_the_power() {
    let report = passes("power --points 150 --seconds 3 --restarts 1 --served 2");
    assert_eq!((figure(&report, "cuts"), figure(&report, "served")), (150, 2));
    assert!(figure(&report, "promised") > 0 && figure(&report, "writes") > 0);
}

#[test]
fn nothing_acknowledged_is_lost_when_syncs_fail_before_the_power_does() {
    let report = passes("power --points 60 --seconds 4 --restarts 3 --served 0 --failing-sync 3");
    assert!(figure(&report, "failed_syncs") > 0);
}

#[test]
fn a_log_that_is_not_synced_is_found_out() {
    let (report, has_passed) =
        run("power --points 60 --seconds 2 --restarts 0 --served 0 --lying-sync");
    assert!(!has_passed);
    assert!(report["checks"]["lost"]["count"].as_u64() > Some(0), "{}", report["checks"]);
}

#[test]
fn a_disk_that_fails_makes_nobody_lie_and_service_returns() {
    let report = passes("disk --seconds 1 --points 30 --senders 8 --rooms 2");
    assert!(figure(&report, "put_off") > 0);
    let faults = report["series"]["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 5);
}

#[test]
fn an_ending_in_order_may_be_cut_short() {
    let report = passes(
        "crash --kills 4 --senders 8 --listeners 2 --rooms 2 --min-life 100 --max-life 400 \
         --signal term --then-kill 10,50,90",
    );
    assert_eq!(figure(&report, "lives"), 4);
    assert!(figure(&report, "acknowledged") > 0);
}

#[test]
fn a_kill_loses_nothing_on_postgres() {
    let report =
        passes("crash --database postgres --kills 3 --senders 6 --listeners 2 --max-life 400");
    assert_eq!(figure(&report, "lives"), 3);
    assert!(figure(&report, "acknowledged") > 0);
}
