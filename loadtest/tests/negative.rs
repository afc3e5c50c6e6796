//! Negative controls: a server with a planted fault must fail the run, by the check that is there for
//! it; the same run on the server as it is passes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a run said and how it ended.
struct Run {
    code: Option<i32>,
    report: Value,
    said: String,
}

/// The server, built with the feature `faults`.
fn server() -> PathBuf {
    let tool = PathBuf::from(env!("CARGO_BIN_EXE_loadtest"));
    let moim = tool.with_file_name("moim");
    let how = "build it with `cargo build --workspace --all-features`";
    assert!(moim.is_file(), "{} is not there: {how}", moim.display());
    // With the feature, a plant that nobody knows is an error of the settings.
    let shown = Command::new(&moim).arg("config").env("MOIM_PLANT", "a flower").output();
    let is_refused = !shown.expect("the server does not start").status.success();
    assert!(is_refused, "{} has no planted faults: {how}", moim.display());
    moim
}

/// Runs the tool with a plant, or none.
fn run(plant: &str, arguments: &str) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(arguments.split_whitespace()).args(["--json", "--seed", "7", "--server"]);
    command.arg(server()).args(["--server-env", &format!("MOIM_PLANT={plant}")]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Run { code: output.status.code(), report, said }
}

impl Run {
    /// The run passed, and these checks or goals were among what it looked at.
    fn passes(&self, looked_at: &[&str]) {
        assert_eq!(self.code, Some(0), "{}", self.said);
        for name in looked_at {
            let is_there = self.failed(name).is_some();
            assert!(is_there, "{name} was not looked at:\n{}", self.said);
        }
    }

    /// The run failed, and by this.
    fn fails_by(&self, name: &str) {
        assert_eq!(self.code, Some(1), "{}", self.said);
        assert_eq!(self.failed(name), Some(true), "{name} saw nothing:\n{}", self.said);
    }

    /// Whether a check or goal failed; nothing when there is none of this name.
    fn failed(&self, name: &str) -> Option<bool> {
        let count = self.report.pointer(&format!("/checks/{name}/count"));
        let is_met = self.report.pointer(&format!("/goals/{name}/is_met"));
        let by_count = count.and_then(Value::as_u64).map(|count| count > 0);
        by_count.or_else(|| is_met.and_then(Value::as_bool).map(|is_met| !is_met))
    }
}

/// Small, with several messages on their way, so that one can overtake another.
const ROOM: &str = "fanout --members 8 --messages 60 --window 8 --pairs 1";
/// One message at a time. A sleep of 100 ms shows twice in each: for the message, and for its commit.
const SLOWLY: &str = "fanout --members 8 --messages 10 --pairs 1 --require latency_p50=100";
/// Members who never read, and more bytes for each of them than their share of the kernel's buffers.
const ASLEEP: &str = "fanout --members 16 --asleep 100 --messages 300 --bytes 4000 --window 32 \
     --pairs 1 --require asleep_memory=400";
/// Kills in the time between an early reply and its commit.
const CRASH: &str =
    "crash --kills 4 --senders 6 --listeners 2 --min-life 300 --max-life 600 --repeat 0";
/// Answers in pieces. Some rounds end early when the frame of an end is lost.
const ANSWERS: &str = "ai --answers 2 --viewers 4 --seconds 3 --pairs 1 --questions 2 --bare 0 \
     --chat-rooms 1 --chat-members 2 --chat-rate 5";
/// Edits and reactions among the messages, by people who come and go.
const MIXED: &str = "mixed --users 12 --every 0.05 --seconds 2 --streams 0";
/// Cuts of the power, most of them right after a reply.
const POWER: &str = "power --points 60 --seconds 2 --restarts 0 --served 0";

#[test]
fn a_sound_server_passes_every_run_that_catches_a_fault() {
    run("", ROOM).passes(&["lost", "doubled", "reordered", "leaked"]);
    run("", SLOWLY).passes(&["latency_p50"]);
    run("", CRASH).passes(&["log_lost"]);
    run("", POWER).passes(&["lost"]);
    run("", MIXED).passes(&["lost", "edits_wrong", "reactions_wrong", "searches_wrong", "leaked"]);
    run("", ANSWERS).passes(&["lost", "doubled", "reordered", "differing"]);
}

#[test]
fn a_lost_frame_is_caught() {
    run("lose_frame=300", ROOM).fails_by("lost");
}

#[test]
fn a_doubled_frame_is_caught() {
    run("double_frame=97", ROOM).fails_by("doubled");
}

#[test]
fn frames_that_change_places_are_caught() {
    run("swap_frames=300", ROOM).fails_by("reordered");
}

#[test]
fn a_lost_frame_among_edits_and_reactions_is_caught() {
    run("lose_frame=97", MIXED).fails_by("lost");
}

#[test]
fn a_room_that_leaks_is_caught() {
    run("leak_room", ROOM).fails_by("leaked");
}

#[test]
fn a_sleep_in_the_room_is_caught() {
    run("sleep_in_room=100", SLOWLY).fails_by("latency_p50");
}

#[test]
fn a_clone_per_member_is_caught() {
    run("", ASLEEP).passes(&["asleep_memory"]);
    run("clone_per_member", ASLEEP).fails_by("asleep_memory");
}

#[test]
fn an_ack_before_the_commit_is_caught() {
    run("ack_before_commit=150", CRASH).fails_by("log_lost");
}

#[test]
fn a_commit_that_is_not_synced_is_caught() {
    run("synchronous=NORMAL", POWER).fails_by("lost");
    run("synchronous=OFF", POWER).fails_by("lost");
}

#[test]
fn a_lost_or_doubled_piece_of_an_answer_is_caught() {
    run("lose_frame=41", ANSWERS).fails_by("lost");
    run("double_frame=41", ANSWERS).fails_by("doubled");
}

#[test]
fn an_end_that_hangs_is_caught_or_ends_in_time() {
    run("hang=thread", ROOM).fails_by("server_ending");
    run("hang=store", ROOM).passes(&["server_ending"]);
}
