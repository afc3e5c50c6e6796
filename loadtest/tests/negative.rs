//! Negative controls: a server with a planted fault must fail the run, by the check that is there for
//! it; the same run on the server as it is passes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

use std::net::{Ipv4Addr, TcpListener, TcpStream};
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

    /// Of the table of faults, all cells were tried and these failed: fault, state, act.
    fn flags(&self, tried: usize, cells: &[[&str; 3]]) {
        self.fails_by("cells_failed");
        let all = self.report.pointer("/series/cells").and_then(Value::as_array).unwrap();
        assert_eq!(all.len(), tried, "{}", self.said);
        let is_flagged = |cell: &&Value| cell["slips"].as_array().is_some_and(|it| !it.is_empty());
        let name = |cell: &Value| ["fault", "state", "act"].map(|of| text(&cell[of]));
        let mut flagged: Vec<_> = all.iter().filter(is_flagged).map(name).collect();
        flagged.sort_unstable();
        let mut meant: Vec<_> = cells.iter().map(|cell| cell.map(str::to_owned)).collect();
        meant.sort_unstable();
        assert_eq!(flagged, meant, "{}", self.said);
    }

    /// Whether a check or goal failed; nothing when there is none of this name.
    fn failed(&self, name: &str) -> Option<bool> {
        let count = self.report.pointer(&format!("/checks/{name}/count"));
        let is_met = self.report.pointer(&format!("/goals/{name}/is_met"));
        let by_count = count.and_then(Value::as_u64).map(|count| count > 0);
        by_count.or_else(|| is_met.and_then(Value::as_bool).map(|is_met| !is_met))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A small part of the table of faults, in which a question without an end is given up soon.
fn table(plant: &str, cells: &str) -> Run {
    let table = "ai --faults --wire openai --fault none --fault garbage --patience 8";
    run(plant, &format!("{table} {cells}"))
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

/// Of a server that was not started here nothing is known but what it counts.
#[test]
fn panics_of_a_server_elsewhere_are_caught() {
    let folder = tempfile::tempdir().unwrap();
    let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let mut command = Command::new(server());
    command.env("MOIM_LISTEN", listen.to_string()).env("MOIM_DATA_DIR", folder.path());
    command.env("MOIM_PASSWORD_MEMORY_KIB", "64").env("MOIM_PLANT", "panic=room,panic_every_ms=50");
    command.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut elsewhere = command.spawn().unwrap();
    while TcpStream::connect(listen).is_err() {
        assert!(elsewhere.try_wait().unwrap().is_none(), "the server ended at once");
        std::thread::yield_now();
    }
    let mut tool = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    tool.args(ROOM.split_whitespace()).args(["--json", "--url", &format!("http://{listen}")]);
    let output = tool.stdin(Stdio::null()).output().unwrap();
    elsewhere.kill().unwrap();
    elsewhere.wait().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Run { code: output.status.code(), report, said }.fails_by("server_restarts");
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

/// Some questions that end by themselves, some that are stopped, and some with whose node it is over.
const SPEAKING: &str = "--state speaking --act nothing --act stop --act kill";

#[test]
fn a_sound_server_passes_the_table_of_faults() {
    let run = table("", "--state queued --state speaking --act nothing --act stop --act kill");
    run.passes(&["cells_failed", "nobody_asked", "witness", "replayed"]);
    assert_eq!(run.report["figures"]["cells"]["value"], 12.0);
}

#[test]
fn an_end_that_is_never_written_is_caught_in_time() {
    let lost = [
        ["garbage", "speaking", "nothing"],
        ["garbage", "speaking", "kill -9"],
        ["none", "speaking", "kill -9"],
    ];
    table("lose_end=error", SPEAKING).flags(6, &lost);
}

#[test]
fn a_run_that_ends_twice_is_caught() {
    let doubled = [["garbage", "speaking", "stop"], ["none", "speaking", "stop"]];
    table("double_end=cancel", SPEAKING).flags(6, &doubled);
}

#[test]
fn an_end_that_says_something_else_is_caught() {
    table("change_end=stop", SPEAKING).flags(6, &[["none", "speaking", "nothing"]]);
}

#[test]
fn an_answer_given_twice_after_a_kill_is_caught() {
    let twice = [["garbage", "speaking", "kill -9"], ["none", "speaking", "kill -9"]];
    table("answer_twice", SPEAKING).flags(6, &twice);
}

#[test]
fn a_question_that_waits_for_ever_is_caught_in_time() {
    let waiting = [["garbage", "queued", "nothing"], ["none", "queued", "nothing"]];
    table("forget_waiting", "--state queued --state speaking --act nothing").flags(4, &waiting);
}

#[test]
fn lost_and_doubled_pieces_are_seen_by_the_table_in_time() {
    table("lose_frame=3", "--state speaking --act nothing").fails_by("cells_failed");
    table("double_frame=3", "--state speaking --act nothing").fails_by("cells_failed");
}
