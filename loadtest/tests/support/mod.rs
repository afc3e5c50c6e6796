//! Runs of the tool against a real server, for tests of one scenario each.

pub(crate) mod shows;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a run left.
pub(crate) struct Run {
    pub(crate) report: Value,
    pub(crate) page: String,
    pub(crate) has_passed: bool,
}

impl Run {
    pub(crate) fn of(arguments: &str) -> Self {
        let tool = PathBuf::from(env!("CARGO_BIN_EXE_loadtest"));
        let moim = tool.with_file_name("moim");
        assert!(moim.is_file(), "{} is not there: build the workspace first", moim.display());
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(tool);
        command.args(arguments.split_whitespace()).args(["--json", "--seed", "7", "--server"]);
        command.arg(moim).arg("--out").arg(folder.path());
        let output = command.stdin(Stdio::null()).output().expect("the tool starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() != Some(2), "the run could not be made: {said}");
        let files = std::fs::read_dir(folder.path()).expect("a kept report");
        let mut files = files.flatten().map(|file| file.path());
        let page = files.find(|file| file.extension().is_some_and(|ending| ending == "html"));
        Self {
            report: serde_json::from_slice(&output.stdout).expect("the report is JSON"),
            page: std::fs::read_to_string(page.expect("a page")).expect("a page"),
            has_passed: output.status.success(),
        }
    }

    /// A run that must have passed.
    pub(crate) fn passes(arguments: &str) -> Self {
        let run = Self::of(arguments);
        assert!(run.has_passed, "{}", run.report["checks"]);
        run
    }

    pub(crate) fn figure(&self, name: &str) -> f64 {
        self.report["figures"][name]["value"].as_f64().expect(name)
    }

    /// Pictures of the CPU and memory of these processes, and others by their names.
    pub(crate) fn shows(&self, processes: &[(&str, usize)], charts: &[&str]) {
        shows::processes(&self.report, &self.page, processes);
        shows::charts(&self.report, charts);
    }
}
