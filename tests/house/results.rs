//! Figures come from kept results: what a summary says of a run is what the run found, and nothing
//! measured stands anywhere else.

use std::collections::BTreeSet;

use serde_json::Value;

use super::tree::{self, Source, none};

const RESULTS: &str = "loadtest/results";
/// Where no measured figure may stand without the run that it is from.
const DOCUMENTS: &[&str] = &["README.md", "docs/", "src/lib.rs"];
/// What stands behind a number that was measured, and behind no limit or setting of ours.
const MEASURED: &[&str] = &["×", "µs", "% of a core", "times as fast", "times faster"];

/// The runs that a line names: `fanout-1795248210669`.
fn runs(line: &str) -> Vec<&str> {
    let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let is_run = |word: &&str| {
        word.rsplit_once('-').is_some_and(|(scenario, at)| {
            !scenario.is_empty() && at.len() == 13 && at.bytes().all(|digit| digit.is_ascii_digit())
        })
    };
    words.filter(is_run).collect()
}

/// Units of figures, and by what a run's own number may be multiplied to be told so: a run may count
/// in the next smaller or larger unit, and shares are of one.
const UNITS: &[(&str, &[f64])] = &[
    ("×", &[1.0]),
    ("ms", &[1.0, 1e3]),
    ("s", &[1.0, 1e-3]),
    ("KiB", &[1.0, 1_024.0]),
    ("MiB", &[1.0, 1.0 / 1_024.0]),
    ("%", &[1.0, 100.0]),
];

/// A figure that is the point of its line, as it is written: `**1.31 ×**`, `**0.09 s / 0.06 s**`.
#[derive(Clone, Copy)]
struct Told<'l> {
    number: &'l str,
    unit: &'static str,
    by: &'static [f64],
}

fn told(line: &str) -> Vec<Told<'_>> {
    let bold = line.split("**").skip(1).step_by(2);
    let words = bold.map(|bold| bold.split_whitespace().collect::<Vec<_>>());
    let figures = words.flat_map(|words| {
        let units = words.clone().into_iter().skip(1);
        words.into_iter().zip(units).collect::<Vec<_>>()
    });
    let known = figures.filter_map(|(number, unit)| {
        let unit = unit.trim_end_matches([',', ';', '.']);
        let (unit, by) = UNITS.iter().find(|(known, _by)| *known == unit)?;
        value(number).map(|_value| Told { number, unit, by })
    });
    known.collect()
}

/// A number as people write it: 12,600.
fn value(number: &str) -> Option<f64> {
    number.replace(',', "").parse().ok()
}

fn numbers(value: &Value, found: &mut Vec<f64>) {
    match value {
        Value::Number(number) => found.extend(number.as_f64()),
        Value::Array(all) => all.iter().for_each(|value| numbers(value, found)),
        Value::Object(all) => all.values().for_each(|value| numbers(value, found)),
        _other => {}
    }
}

/// Whether one of the figures reads like this with as many digits; of ratios, also one upside down.
fn is_found(told: Told<'_>, figures: &[f64]) -> bool {
    let digits = told.number.split_once('.').map_or(0, |(_whole, part)| part.len());
    let wanted = value(told.number).expect("it was told from other words");
    let reads = |figure: f64| (figure - wanted).abs() <= 0.501 * 10_f64.powi(-(digits as i32));
    let is_ratio = told.unit == "×";
    let one = |figure: &f64| told.by.iter().any(|by| reads(figure * by));
    figures.iter().any(|figure| one(figure) || is_ratio && reads(1.0 / figure))
}

/// What a summary says that no run says.
fn slips(summary: &Source, figures_of: impl Fn(&str) -> Option<Vec<f64>>) -> Vec<String> {
    let (mut slips, mut before) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(summary.text.lines()) {
        let slip = |what: &str| format!("{}:{number}: {what}", summary.path);
        let mut named = runs(line);
        slips.extend(named.iter().filter(|run| figures_of(run).is_none()).map(|run| slip(run)));
        if !line.starts_with('|') {
            continue;
        }
        // "The same" is the run of the row above.
        if named.is_empty() {
            named.clone_from(&before);
        }
        let figures: Vec<f64> = named.iter().filter_map(|run| figures_of(run)).flatten().collect();
        let odd = told(line).into_iter().filter(|told| !is_found(*told, &figures));
        let text =
            |told: Told<'_>| format!("{} {} is in none of {named:?}", told.number, told.unit);
        slips.extend(odd.map(|told| slip(&text(told))));
        before = named;
    }
    slips
}

#[test]
fn what_a_summary_says_a_kept_run_has_found() {
    let summaries: Vec<_> = tree::below(&[RESULTS], &["summary.md"]);
    assert!(!summaries.is_empty(), "no results are kept");
    let mut all = Vec::new();
    for summary in &summaries {
        let folder = summary.path.trim_end_matches("summary.md").to_owned();
        let figures_of = |run: &str| {
            let text =
                std::fs::read_to_string(tree::root().join(format!("{folder}{run}.json"))).ok()?;
            let report: Value = serde_json::from_str(&text).ok()?;
            let mut found = Vec::new();
            ["figures", "goals", "tables"]
                .iter()
                .for_each(|part| numbers(&report[*part], &mut found));
            Some(found)
        };
        all.extend(slips(summary, figures_of));
    }
    none("summaries", &all);
}

#[test]
fn nothing_measured_stands_without_its_run() {
    let kept = tree::kept();
    let is_meant = |source: &&Source| {
        let path = source.path.as_str();
        let is_text = path.ends_with(".md") || path.ends_with(".rs");
        is_text && DOCUMENTS.iter().any(|document| path.starts_with(document))
    };
    let documents: BTreeSet<&str> =
        kept.iter().filter(is_meant).map(|source| source.path.as_str()).collect();
    assert!(documents.contains("README.md") && documents.contains("src/lib.rs"), "{documents:?}");
    let mut all = Vec::new();
    for source in kept.iter().filter(is_meant) {
        for (number, line) in (1..).zip(source.text.lines()) {
            if measured(line) && runs(line).is_empty() {
                all.push(format!("{}:{number}: {line}", source.path));
            }
        }
    }
    none("measured figures without their run", &all);
}

/// Whether a number of a line was measured.
fn measured(line: &str) -> bool {
    let ends = MEASURED.iter().flat_map(|unit| line.match_indices(unit));
    let mut before = ends.filter_map(|(at, _unit)| line.get(..at));
    before.any(|before| before.trim_end().ends_with(|c: char| c.is_ascii_digit()))
}

#[test]
fn a_figure_that_no_run_has_is_noticed() {
    let text = "| fan-out | **1.31 ×** | fanout-1795248210669 |\n\
                | pressed | **12.8 ×** (0.078) | the same |\n\
                | storm | **1.32 ×** | storm-1795248210670 |\n";
    let summary = Source { path: "s.md".to_owned(), text: text.to_owned() };
    let known = |run: &str| run.starts_with("fanout").then(|| vec![1.3123, 0.0782]);
    let found = slips(&summary, known);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|slip| slip.starts_with("s.md:3")), "{found:?}");
    let of = |row: &str| {
        let text = format!("| {row} | fanout-1795248210669 |\n");
        let summary = Source { path: "s.md".to_owned(), text };
        let known = |_run: &str| Some(vec![92.3, 1_234.6, 0.067, -0.0223, 2_468.0]);
        slips(&summary, known).len()
    };
    assert_eq!(
        of("**0.09 s / 1.23 s**, **1,235 ms**, **6.7 %**, **-2.2 %** lost, **2.41 MiB**"),
        0
    );
    assert_eq!(of("**0.10 s / 1.23 s**, **1,236 ms**, **6.8 %**, **102 %** left, **2.5 MiB**"), 5);
    assert_eq!(of("**missed**, **0.72**, 17 ms"), 0);
    assert!(measured("costs 2 µs a call") && measured("1.3 × as much") && measured("2µs"));
    assert!(!measured("Relay × workers") && !measured("64 KiB"));
}
