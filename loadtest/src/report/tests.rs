//! What passes and what fails a run, and what a report says.

use super::*;

fn report(required: &[&str]) -> Report {
    let required: Vec<Requirement> = required
        .iter()
        .map(|text| match text.split_once('=') {
            Some((goal, limit)) => Requirement { goal: goal.to_owned(), limit: limit.parse().ok() },
            None => Requirement { goal: (*text).to_owned(), limit: None },
        })
        .collect();
    Report::new("test", &["ratio", "ready"], &required, 1).unwrap()
}

#[test]
fn a_missed_goal_fails_only_when_required() {
    for (required, passes) in
        [(&[][..], true), (&["ratio"], false), (&["all"], false), (&["ratio=3"], true)]
    {
        let mut report = report(required);
        report.goal("ratio", 2.0, 1.35, "×");
        report.close();
        assert_eq!(report.passed, passes, "{required:?}");
    }
}

#[test]
fn a_required_goal_that_was_not_measured_fails() {
    let mut report = report(&["ready"]);
    report.goal("ratio", 1.0, 1.35, "×");
    report.close();
    assert!(!report.passed);
}

#[test]
fn a_check_that_counts_anything_fails() {
    let mut report = report(&[]);
    report.check("lost", 0, Vec::new());
    assert!(report.passed);
    report.check("doubled", 1, vec!["seq 7".to_owned()]);
    assert!(!report.passed);
    assert!(report.text().contains("FAILED"));
    let json: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json.pointer("/checks/doubled/count"), Some(&Value::from(1)));
}

#[test]
fn a_tester_that_was_busy_with_itself_says_so() {
    let mut report = report(&[]);
    report.figure("load_tester_cpu", 89.0, "%", "of one core");
    report.figure("load_tester_cpu_bare", 96.4, "%", "of one core");
    report.figure("server_cpu", 99.0, "%", "of one core");
    report.close();
    let limit = "the load tester was the limit: load_tester_cpu_bare is 96 % of a core";
    assert_eq!(report.notes, [limit]);
}

#[test]
fn what_a_goal_leaves_out_stands_beside_its_verdict() {
    let mut report = report(&[]);
    report.goal("ratio", 1.0, 1.35, "×");
    report.beside_goal("ratio", "while filling 7 ×");
    assert!(report.text().contains("met; while filling 7 ×"), "{}", report.text());
}

#[test]
fn the_median_of_an_even_number_is_the_mean_of_the_middle() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[3.0]), Some(3.0));
    assert_eq!(median(&[4.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
}
