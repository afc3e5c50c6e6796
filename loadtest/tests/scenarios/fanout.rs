//! The room and its baselines.

use serde_json::Value;

use crate::markup;
use crate::tool::{Kept, Running, run, run_bare, run_in};

const SMALL: &[&str] = &["fanout", "--members", "20", "--messages", "10", "--pairs", "2"];

fn small(more: &[&str]) -> Vec<String> {
    SMALL.iter().chain(more).map(|text| (*text).to_owned()).collect()
}

fn kept(more: &[&str]) -> Kept {
    let all = small(more);
    Kept::of(&all.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn every_baseline_delivers_every_message_beside_the_server() {
    let kept = kept(&["--against", "all"]);
    let rounds = kept.at("/series/rounds").as_object().unwrap();
    let sides: Vec<&str> = rounds.keys().map(String::as_str).collect();
    assert_eq!(sides.len(), 6, "{sides:?}");
    for (side, rounds) in rounds {
        let rounds = rounds.as_array().unwrap();
        let deliveries = rounds.iter().map(|round| round["deliveries"].as_u64());
        assert_eq!(deliveries.collect::<Vec<_>>(), [Some(200), Some(200)], "{side}");
        let cpu =
            |round: &Value| round["cpu_per_delivery_us"].as_f64().is_some_and(|cpu| cpu > 0.0);
        assert!(rounds.iter().all(cpu), "{side} costs nothing");
    }
    for baseline in ["", "_raw_tokio", "_raw_coalesced", "_actix_ws", "_textbook"] {
        assert!(kept.number(&format!("/figures/ratio{baseline}/value")) > 0.0);
    }
    assert!(kept.number("/goals/ratio/limit") > 1.0);
    assert_eq!(kept.at("/checks/lost/count"), 0);
    assert_eq!(kept.at("/checks/baseline/count"), 0);
}

#[test]
fn the_page_is_well_formed_and_needs_nothing_from_elsewhere() {
    let kept = kept(&[]);
    assert_eq!(markup::slip(&kept.page), None);
    let charts = kept.names("/charts");
    for name in ["latency", "deliveries_per_cpu_second", "latency_over_time"] {
        assert!(charts.contains(&name), "{charts:?}");
    }
    assert_eq!(kept.page.matches("<figure>").count(), charts.len());
    for word in ["<script", "http://", "https://", "url(", "NaN", "@import"] {
        assert!(!kept.page.contains(word), "the page holds {word}");
    }
    let percentiles = kept.at("/series/latency_percentiles/server").as_array().unwrap();
    let counted = percentiles.iter().map(|row| row["count"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(counted, 400, "every receipt is in the percentiles");
}

#[test]
fn each_mode_measures_its_goal() {
    let pressed = kept(&["--pressed"]);
    assert!(pressed.number("/goals/pressed_ratio/value") > 0.0);
    let at_load = kept(&["--load", "0.5", "--step", "0.1"]);
    assert!(at_load.number("/goals/p99_ratio/value") > 0.0);
    let charts = ["latency", "latency_over_time", "deliveries_per_cpu_second"];
    at_load.shows(&[("server", 1), ("raw", 1)], &charts);
    let chosen = at_load.number("/figures/rate/value");
    let limits = ["saturation", "saturation_raw"];
    let limits = limits.map(|name| at_load.number(&format!("/figures/{name}/value")));
    let lower = limits[0].min(limits[1]);
    assert!((chosen - lower / 2.0).abs() < 0.01, "{chosen} is not half of {limits:?}");
    // And once more at half of what the server does by itself.
    let own = at_load.number("/figures/rate_of_own/value");
    assert!((own - limits[0] / 2.0).abs() < 0.01, "{own} is not half of {limits:?}");
    for name in ["p99_at_common_rate", "p99_at_own_share", "saturation_tester_cpu"] {
        assert!(at_load.number(&format!("/figures/{name}/value")) > 0.0, "{name}");
    }
    assert_eq!(at_load.at("/series/rounds_at_own_load").as_array().unwrap().len(), 2);
    let climbed = kept(&["--saturate", "--step", "0.1", "--against", "raw-tokio"]);
    assert!(climbed.names("/charts").contains(&"climb_deliveries"));
    assert!(climbed.number("/figures/saturation_raw_tokio/value") > 0.0);
}

#[test]
fn open_loop_latency_counts_from_when_a_message_was_due() {
    let kept = kept(&["--rate", "100"]);
    for round in kept.at("/series/rounds/server").as_array().unwrap() {
        // Ten messages at 100 a second: the last is due 90 ms after the first.
        assert!(round["took_s"].as_f64().unwrap() >= 0.09, "{round}");
        assert_eq!(round["deliveries"], 200);
    }
    assert!(kept.at("/figures/send_late_p99/value").is_number());
    let goals = kept.at("/goals").as_object().unwrap();
    assert!(!goals.keys().any(|goal| goal.ends_with("ratio")), "no ratio at any rate: {goals:?}");
}

#[test]
fn what_the_rate_limit_puts_off_is_sent_again_and_nothing_is_lost() {
    // Two people have 200 messages each before they are held to 20 a second: a slow machine gives them
    // some more, and never so many.
    let kept = Kept::of(&[
        "fanout",
        "--members",
        "2",
        "--messages",
        "560",
        "--pairs",
        "1",
        "--rate",
        "800",
    ]);
    let round = kept.at("/series/rounds/server/0");
    assert!(round["rate_limited"].as_u64().unwrap() > 0, "{round}");
    assert_eq!(round["deliveries"], 1120);
    let notes = kept.at("/notes").to_string();
    assert!(notes.contains("rate limit"), "{notes}");
}

#[test]
fn a_missed_goal_that_is_required_fails_the_run() {
    let strict = small(&["--require", "ratio=0.0001"]);
    let output = run(&strict.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("MISSED (required)"));
}

#[test]
fn a_run_that_cannot_be_made_says_why() {
    let said = |arguments: &[&str]| {
        let output = run_bare(arguments);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let unknown = said(&["fanout", "--against", "raw,faster"]);
    assert!(unknown.contains("raw-coalesced"), "{unknown}");
    let absent = said(&["fanout", "--server", "nowhere/moim"]);
    assert!(absent.contains("nowhere/moim is not there"), "{absent}");
    let goal = said(&["fanout", "--server", "nowhere/moim", "--require", "speed"]);
    assert!(goal.contains("no goal \"speed\""), "{goal}");
    let both = said(&["fanout", "--pressed", "--load", "0.3"]);
    assert!(both.contains("cannot be used with"), "{both}");
}

#[test]
fn results_lie_in_a_folder_of_the_day_and_the_machine() {
    let project = tempfile::tempdir().unwrap();
    let keep = ["fanout", "--members", "5", "--messages", "5", "--pairs", "1", "--keep"];
    let nowhere = run_in(project.path(), &keep);
    assert_eq!(nowhere.status.code(), Some(2), "there is no place to keep it");
    let results = project.path().join("loadtest/results");
    std::fs::create_dir_all(&results).unwrap();
    let output = run_in(project.path(), &keep);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let folders: Vec<_> =
        std::fs::read_dir(&results).unwrap().map(|entry| entry.unwrap()).collect();
    let name = folders[0].file_name().into_string().unwrap();
    assert!(name.starts_with("20") && name.ends_with("core"), "{name}");
    assert_eq!(std::fs::read_dir(folders[0].path()).unwrap().count(), 2, "raw data and a page");
}

#[test]
fn a_server_that_runs_already_is_driven_and_left_alone() {
    let mut server = Running::start();
    let (url, pid) = (server.url(), server.pid());
    let arguments = small(&["--url", &url, "--pid", &pid]);
    let output = run_bare(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("cpu_per_delivery"), "its CPU is read: {said}");
    assert!(server.is_alive());
}

#[test]
fn several_nodes_are_driven_in_turn_and_each_is_counted() {
    // One server by two names, and this process beside it: what is counted does not know.
    let server = Running::start();
    let urls = [server.url(), server.url()].join(",");
    let pids = [server.pid(), std::process::id().to_string()].join(",");
    let arguments = small(&["--url", &urls, "--pid", &pids, "--json"]);
    let output = run_bare(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let tables = report["tables"].as_array().unwrap();
    let nodes = tables.iter().find(|table| table["name"] == "nodes").unwrap();
    let rows = nodes["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| &row[0]).collect::<Vec<_>>(), ["node 1", "node 2"]);
    assert!(rows[0][1].as_f64().unwrap() > 0.0 && rows[0][4].as_f64().unwrap() > 1.0, "{nodes}");
    let processes = report["series"]["processes"].as_object().unwrap();
    assert!(["server", "node 1", "node 2"].iter().all(|name| processes.contains_key(*name)));
    let both = report["figures"]["cpu_per_delivery"]["value"].as_f64().unwrap();
    assert!(both > 0.0, "the sum of both");
}
