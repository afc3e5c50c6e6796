//! Every kind of actor can be made to panic, and the load tester's README knows each.

use std::collections::BTreeSet;

use super::tree::{self, none};

/// Serves no person: it answers the cases of a test suite.
const NO_PART: &[&str] = &["Echo"];

/// The names behind a marker: `Room` for each `impl Actor for Room {`.
fn behind<'a>(text: &'a str, marker: &str) -> Vec<&'a str> {
    let word = |rest: &'a str| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        &rest[..end]
    };
    text.match_indices(marker).map(|(at, _)| word(&text[at + marker.len()..])).collect()
}

/// The parts, and the names that the plant takes: `Room = "room",`.
fn parts(text: &str) -> Vec<(&str, &str)> {
    text.lines().filter_map(|line| line.trim().strip_suffix("\",")?.split_once(" = \"")).collect()
}

#[test]
fn every_kind_of_actor_has_a_place_where_it_may_panic() {
    let listed = tree::read("src/faults.rs");
    let listed: BTreeSet<_> = parts(&listed).into_iter().map(|(part, _)| part.to_owned()).collect();
    let sources = tree::below(&["src/actors"], &[".rs"]);
    let mut points = BTreeSet::new();
    for source in &sources {
        points.extend(behind(&source.text, "panic_point(Part::"));
        points.extend(behind(&source.text, "panic_point(Planted::"));
    }
    let mut slips = Vec::new();
    let mut actors = 0;
    for source in &sources {
        for name in behind(&source.text, "impl Actor for ") {
            let name = name.strip_suffix("Actor").unwrap_or(name);
            let is_of_a_test = source.path.ends_with("tests.rs");
            if NO_PART.contains(&name) || source.path.contains("/bench/") || is_of_a_test {
                continue;
            }
            actors += 1;
            if !listed.contains(name) || !points.contains(name) {
                slips.push(format!("{}: {name} cannot be made to panic", source.path));
            }
        }
    }
    let idle = listed.iter().filter(|part| !points.contains(part.as_str()));
    slips.extend(idle.map(|part| format!("src/faults.rs: {part} has no place in an actor")));
    none("actors and their panics", &slips);
    assert!(actors >= 14, "{actors} actors: is this the right place?");
}

#[test]
fn the_load_testers_readme_names_every_part() {
    let readme = tree::read("loadtest/README.md");
    let row = readme.lines().find(|line| line.starts_with("| `panic=PART` |")).expect("no row");
    let listed = tree::read("src/faults.rs");
    let missing: Vec<_> = parts(&listed)
        .into_iter()
        .filter(|(_, name)| !row.contains(&format!("`{name}`")))
        .map(|(_, name)| name.to_owned())
        .collect();
    none("parts that the README does not name", &missing);
}

#[test]
fn names_are_found_where_they_stand() {
    assert_eq!(
        behind("impl Actor for Room {\nimpl Actor for RelayActor{", "impl Actor for "),
        ["Room", "RelayActor"]
    );
    assert_eq!(parts("    Room = \"room\",\n    let a = \"b\";\n"), [("Room", "room")]);
}
