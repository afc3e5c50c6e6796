//! The tool against a real server that is asked for more than it can do.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

#[test]
fn whatever_is_sent_is_answered_and_nothing_is_lost() {
    let tool = PathBuf::from(env!("CARGO_BIN_EXE_loadtest"));
    let moim = tool.with_file_name("moim");
    assert!(moim.is_file(), "{} is not there: build the workspace first", moim.display());
    let arguments =
        "overload --rooms 4 --members 10 --peak 240 --step-seconds 1 --seconds 2 --json";
    let mut command = Command::new(tool);
    command.args(arguments.split_whitespace()).arg("--server").arg(moim);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let unanswered = report.pointer("/figures/unanswered/value").and_then(Value::as_f64);
    assert_eq!(unanswered, Some(0.0));
    let phases = report.pointer("/series/phases").and_then(Value::as_array).unwrap();
    let sent = phases.iter().filter_map(|phase| phase.pointer("/counts/sent")?.as_u64());
    assert_eq!(sent.filter(|sent| *sent > 0).count(), 3, "before, during and after");
}
