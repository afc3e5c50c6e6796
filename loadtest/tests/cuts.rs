//! The tool against a real server, through its own proxy: connections that break, and such as never
//! bring more than a byte.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

use std::io::{BufRead, BufReader};
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

fn figure(report: &Value, name: &str) -> u64 {
    let value = report.pointer(&format!("/figures/{name}/value")).and_then(Value::as_f64);
    value.expect(name) as u64
}

#[test]
fn everybody_resumes_exactly_whatever_breaks() {
    let report = passes("cuts --cuts 30 --senders 8 --listeners 3 --streams 3");
    let endings = ["cut", "reset", "half_closed", "swallowed"];
    assert_eq!(endings.iter().map(|name| figure(&report, name)).sum::<u64>(), 30);
    assert!(figure(&report, "resumes") > 0);
    assert!(figure(&report, "opened_afresh") > 0);
    assert!(figure(&report, "stream_connects") > 3);
}

#[test]
fn bytes_that_come_one_by_one_are_the_same_bytes() {
    let report = passes(
        "cuts --cuts 0 --rules split --seconds 1 --senders 4 --rate 4 --listeners 1 --streams 1",
    );
    assert!(figure(&report, "acknowledged") > 0);
}

#[test]
fn bytes_that_drip_are_the_same_bytes() {
    let report = passes(
        "cuts --cuts 0 --rules drip=7/1+delay=3~3 --seconds 1 --senders 4 --rate 4 --listeners 1 \
         --streams 1",
    );
    assert!(figure(&report, "acknowledged") > 0);
}

#[test]
fn a_proxy_alone_says_where_it_listens() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(["proxy", "--to", "127.0.0.1:9", "--rules", "split,cut@0..9", "--seed", "4"]);
    let mut proxy = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(proxy.stdout.take().unwrap()).read_line(&mut line).unwrap();
    proxy.kill().unwrap();
    proxy.wait().unwrap();
    assert!(line.starts_with("http://127.0.0.1:"), "{line}");
    assert!(line.ends_with("→ http://127.0.0.1:9 · seed 4\n"), "{line}");
}
