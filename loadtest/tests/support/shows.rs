//! What every report shows of the processes of its run.

use std::collections::BTreeSet;

use serde_json::Value;

/// Readings that make a picture.
const FEW: usize = 3;

/// Pictures of CPU and memory, and the rows behind them, of what lived under these names, and at least
/// how often one after the other. Nothing is in the report that is not on the page.
pub(crate) fn processes(report: &Value, page: &str, wanted: &[(&str, usize)]) {
    let charts = report["charts"].as_array().expect("charts");
    assert_eq!(page.matches("<figure>").count(), charts.len(), "every chart is on the page");
    for (name, title) in [("cpu", "CPU over time"), ("memory", "Memory over time")] {
        assert!(page.contains(title), "{title} is not on the page");
        let chart = charts.iter().find(|chart| chart["name"] == name);
        let lines = chart.and_then(|chart| chart["lines"].as_array()).expect(name);
        for (label, _) in wanted {
            let line = lines.iter().find(|line| line["label"] == *label);
            let points = line.and_then(|line| line["points"].as_array()).expect(label);
            assert!(points.len() >= FEW, "{name} of {label}: {points:?}");
        }
    }
    for (label, lives) in wanted {
        let rows = rows(report, label);
        assert!(rows.len() >= FEW, "{label}: {rows:?}");
        assert!(rows.iter().all(|row| row["rss_bytes"].as_u64() > Some(100_000)), "{rows:?}");
        assert!(rows.iter().all(|row| row["cpu_percent"].as_f64() >= Some(0.0)), "{rows:?}");
        let has_worked = rows.iter().any(|row| row["cpu_percent"].as_f64() > Some(0.0));
        assert!(has_worked, "{label} used no CPU");
        let pids: BTreeSet<_> = rows.iter().filter_map(|row| row["pid"].as_u64()).collect();
        assert!(pids.len() >= *lives, "{label} lived {} times: {pids:?}", pids.len());
    }
    assert!(!rows(report, "load tester").is_empty(), "our own cost is among the rows");
    told(report);
}

const README: &str = include_str!("../../README.md");

/// Every picture stands in the scenario's row of the README.
fn told(report: &Value) {
    let begin = format!("\n| `{}` |", report["scenario"].as_str().expect("a name"));
    let row = README.split_once(&begin).and_then(|(_, rest)| rest.lines().next());
    let row = row.expect(&begin);
    let names = report["charts"].as_array().expect("charts").iter().map(|it| &it["name"]);
    for name in names.filter_map(Value::as_str).filter(|name| !["cpu", "memory"].contains(name)) {
        assert!(row.contains(&format!("`{name}`")), "{name} is not in the README's row {begin}");
    }
}

/// Pictures by their names, which are there.
pub(crate) fn charts(report: &Value, names: &[&str]) {
    let charts = report["charts"].as_array().expect("charts");
    for name in names {
        let chart = charts.iter().find(|chart| chart["name"] == *name);
        let lines = chart.and_then(|chart| chart["lines"].as_array()).expect(name);
        let is_drawn = |line: &Value| line["points"].as_array().is_some_and(|it| !it.is_empty());
        assert!(lines.iter().any(is_drawn), "{name} is empty");
    }
}

fn rows<'r>(report: &'r Value, label: &str) -> &'r [Value] {
    let rows = report["series"]["processes"][label].as_array();
    rows.map_or(&[], Vec::as_slice)
}
