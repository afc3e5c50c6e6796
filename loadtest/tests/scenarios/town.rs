//! The scenarios in which sessions follow rooms over lost connections, each as small as it gets.

use crate::markup;
use crate::tool::{Kept, Running, run, run_bare};

/// What every scenario of this kind promises.
fn sound(arguments: &[&str]) -> Kept {
    let kept = Kept::of(arguments);
    assert_eq!(markup::slip(&kept.page), None);
    for check in ["lost", "doubled", "reordered", "differing", "leaked", "unanswered", "dropped"] {
        assert_eq!(kept.at(&format!("/checks/{check}/count")), 0, "{check}");
    }
    kept
}

fn figure(kept: &Kept, name: &str) -> f64 {
    kept.number(&format!("/figures/{name}/value"))
}

#[test]
fn rooms_of_any_size_deliver_to_all_who_have_them_open_and_to_nobody_else() {
    let small = ["rooms", "--rooms", "12", "--members", "5", "--rate", "100", "--seconds", "1"];
    let even = sound(&small);
    // Six users in ten rooms each, of which they open nine.
    assert_eq!((figure(&even, "sessions"), figure(&even, "listeners")), (6.0, 54.0));
    assert_eq!(figure(&even, "messages"), 100.0);
    let each = figure(&even, "deliveries") / 100.0;
    assert!((4.0..=5.0).contains(&each), "{each} deliveries of a message");
    assert!(figure(&even, "cpu_per_delivery") > 0.0);
    even.shows(&[("server", 1)], &["latency_over_time", "latency", "per_cpu_second"]);

    let zipf = sound(&[&small[..], &["--users", "20", "--zipf", "1.1"]].concat());
    assert!(figure(&zipf, "largest_room") > 15.0);
    assert_eq!(figure(&zipf, "messages"), 100.0);
}

#[test]
fn idle_sessions_that_leave_and_come_back_leave_nothing_behind() {
    let kept = Kept::of(&["idle", "--connections", "20", "--window", "1", "--churn", "2"]);
    for check in ["not_connected", "dropped", "descriptors_left"] {
        assert_eq!(kept.at(&format!("/checks/{check}/count")), 0);
    }
    assert!(kept.number("/goals/memory/limit") <= 3.0);
    assert!(kept.at("/goals/churn_growth/value").is_number());
    assert_eq!(kept.at("/series/churn").as_array().unwrap().len(), 2);
    kept.shows(&[("server", 1)], &["churn"]);
}

#[test]
fn all_resume_exactly_however_the_server_was_lost() {
    for loss in ["kill", "term"] {
        let kept = sound(&[
            "storm",
            "--connections",
            "30",
            "--members",
            "10",
            "--messages",
            "40",
            "--pairs",
            "1",
            "--loss",
            loss,
        ]);
        assert_eq!(kept.at("/checks/not_resumed/count"), 0);
        assert!(figure(&kept, "resumed") > 0.0 && figure(&kept, "upgraded") > 0.0);
        assert!(kept.number("/goals/storm_ratio/value") > 0.0);
        assert_eq!(kept.at("/series/rounds/upgraded").as_array().unwrap().len(), 1);
        kept.shows(&[("server", 2)], &["resumed", "storms"]);
    }
}

#[test]
fn a_storm_takes_no_server_that_it_did_not_start() {
    let mut server = Running::start();
    let output = run_bare(&["storm", "--url", &server.url()]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cannot drive one by --url"), "{said}");
    assert!(server.is_alive());
}

#[test]
fn who_never_reads_gets_lag_and_catches_up_while_the_others_hear_all() {
    // 2.6 MB in a phase: more than the kernel and an outbox hold for one session.
    let kept = sound(&[
        "slow",
        "--members",
        "10",
        "--slow",
        "10",
        "--rate",
        "120",
        "--bytes",
        "11000",
        "--seconds",
        "2",
        "--pairs",
        "1",
    ]);
    assert!(figure(&kept, "lags") >= 1.0);
    assert!(figure(&kept, "lags_read") + figure(&kept, "closed_too_slow") >= 1.0);
    kept.shows(&[("server", 1)], &["latency_over_time", "latency", "per_cpu_second"]);
    assert!(kept.number("/goals/p99_ratio/value") > 0.0);
    assert_eq!(kept.at("/checks/over_budget/count"), 0);
}

#[test]
fn guests_who_never_read_stay_within_their_budget() {
    let kept = sound(&[
        "slow",
        "--members",
        "2",
        "--never",
        "8",
        "--fill",
        "1.5",
        "--rate-mb",
        "1.5",
        "--bytes",
        "11000",
        "--seconds",
        "1",
        "--pairs",
        "1",
    ]);
    assert!(figure(&kept, "lags") >= 8.0);
    assert!(figure(&kept, "filling_p99") > 0.0 && figure(&kept, "steady_p99") > 0.0);
    let beside = kept.at("/goals/p99_ratio/beside").as_str().unwrap();
    assert!(beside.contains("filling"), "the goal hides the filling: {beside}");
    // Eight outboxes of 1 MiB, less than the server gives to all.
    assert_eq!(figure(&kept, "memory_budget"), 16.0);
    assert_eq!(kept.at("/checks/over_budget/count"), 0);
    assert_eq!(kept.at("/checks/over_memory_limit/count"), 0);
}

/// Where cgroups cannot be made the tool says so; where they can, the kernel has counted.
#[test]
fn a_server_in_a_cage_is_counted_by_the_kernel_or_the_tool_says_why_not() {
    let arguments =
        ["rooms", "--rooms", "12", "--members", "5", "--seconds", "1", "--memory-mib", "256"];
    let made = run(&arguments);
    if made.status.code() == Some(2) {
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(said.contains("leave --memory-mib out"), "{said}");
        return;
    }
    let kept = sound(&arguments);
    assert!(figure(&kept, "cage_most") > 1.0);
    assert_eq!(kept.at("/checks/out_of_memory/count"), 0);
}

#[test]
fn who_was_away_is_replayed_every_message() {
    let kept = sound(&["catchup", "--clients", "20", "--behind", "50", "--rounds", "8"]);
    assert_eq!(figure(&kept, "replayed"), 20.0 * 50.0);
    assert_eq!(kept.at("/checks/not_resumed/count"), 0);
    assert!(figure(&kept, "caught_up") > 0.0);
    let level = kept.at("/series/rounds/level").as_array().unwrap();
    assert!(level.iter().all(|round| round["replayed"] == 0), "{level:?}");
    kept.shows(&[("server", 1)], &["returns", "arrival", "per_cpu_second"]);
}

#[test]
fn everybody_ends_with_the_right_count_and_the_frames_are_counted() {
    let small = ["presence", "--joins", "30", "--seconds", "1", "--leave", "0"];
    let kept = sound(&small);
    assert_eq!(kept.at("/checks/count_differs/count"), 0);
    assert_eq!(figure(&kept, "frames_naive"), 435.0);
    assert!(figure(&kept, "presence_frames") >= 30.0);
    assert!(kept.number("/goals/presence_share/value") > 0.0);
    kept.shows(&[("server", 1)], &["joins"]);
}

#[test]
fn a_short_soak_measures_its_slopes_under_churn() {
    let kept = sound(&[
        "soak",
        "--minutes",
        "0.05",
        "--rate",
        "100",
        "--users",
        "20",
        "--rooms",
        "5",
        "--members",
        "8",
        "--churn",
        "20",
    ]);
    for goal in ["memory_slope", "descriptor_slope", "p99_drift"] {
        assert!(kept.at(&format!("/goals/{goal}/value")).is_number(), "{goal}");
    }
    assert_eq!(kept.at("/series/thirds").as_array().unwrap().len(), 3);
    let charts = ["latency_over_time", "latency", "per_cpu_second", "descriptors"];
    kept.shows(&[("server", 1)], &charts);
    assert_eq!(kept.at("/checks/not_resumed/count"), 0);
}

#[test]
fn a_mixed_day_times_every_action_looks_inside_and_finds_how_many_it_carries() {
    let kept = sound(&[
        "mixed",
        "--users",
        "20",
        "--most",
        "30",
        "--find",
        "--seed",
        "7",
        "--every",
        "0.1",
        // So that the rarest of all is done some times in each step, even where there is one.
        "--seconds",
        "6",
        "--streams",
        "10",
        "--require",
        "p99=100000",
    ]);
    let actions = ["send", "read", "typing", "history", "react", "edit"];
    for action in actions {
        assert!(figure(&kept, &format!("{action}_p99")) > 0.0, "{action}");
    }
    for part in ["edits", "reactions", "reads", "pages", "searches", "files"] {
        assert_eq!(kept.at(&format!("/checks/{part}_wrong/count")), 0, "{part}");
    }
    assert!(figure(&kept, "compared") > 100.0);
    assert!(figure(&kept, "files") >= 1.0);
    assert_eq!(figure(&kept, "rooms_vague"), 0.0);
    assert!(figure(&kept, "stream_p99") > 0.0);
    let steps = kept.at("/series/steps").as_array().unwrap();
    assert_eq!(steps[0]["users"], 20);
    assert!(steps[0]["p99_ms"]["edit_p99"].is_number());
    kept.shows(&[("server", 1)], &["by_users", "latency_over_time", "latency", "per_cpu_second"]);
}

/// By the shares of a day the rarest come once in a thousand actions.
#[test]
fn whatever_people_do_now_and_then_is_done_timed_and_looked_at() {
    let kept = sound(&[
        "mixed",
        "--mix",
        "even",
        "--users",
        "20",
        "--seed",
        "7",
        "--every",
        "0.1",
        "--seconds",
        "6",
        "--streams",
        "10",
        "--require",
        "p99=100000",
    ]);
    let actions = [
        "search", "upload", "file", "reply", "thread", "dm", "inbox", "delete", "range", "unread",
        "status", "pin", "pins", "ask",
    ];
    for action in actions {
        assert!(figure(&kept, &format!("{action}_p99")) > 0.0, "{action}");
        let done = kept.number(&format!("/series/steps/0/done/{action}"));
        assert!(done >= 1.0, "{action}");
    }
    let parts = ["deletes", "threads", "pins", "statuses", "inbox", "answers", "reads", "files"];
    for part in parts {
        assert_eq!(kept.at(&format!("/checks/{part}_wrong/count")), 0, "{part}");
    }
    assert!(figure(&kept, "private_rooms") >= 1.0);
    assert!(figure(&kept, "answer_p99") > 0.0 && figure(&kept, "notices") >= 1.0);
    let (asked, put_back) = (kept.number("/series/steps/0/done/unread"), figure(&kept, "put_back"));
    assert!(put_back >= asked / 2.0, "{put_back} of {asked} marks stood where they were put");
    assert_eq!(figure(&kept, "rooms_vague"), 0.0);
    let table = kept.at("/tables").as_array().unwrap().iter().find(|t| t["name"] == "actions");
    let rows = table.unwrap()["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 22);
    let share = |column: usize| rows.iter().map(|row| row[column].as_f64().unwrap()).sum::<f64>();
    assert!((share(1) - 100.0).abs() < 0.1 && (share(2) - 100.0).abs() < 0.1);
}
