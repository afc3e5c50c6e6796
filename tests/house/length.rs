//! A file fits in the head.

use super::tree::{self, Source, none};

/// Lines that a source file may have.
const MOST: usize = 400;
/// Where, and of which kinds.
const FOLDERS: &[&str] = &["src", "tests", "loadtest", "web"];
const ENDINGS: &[&str] = &[".rs", ".js", ".mjs"];

fn slip(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    (lines > MOST).then(|| format!("{} has {lines} lines, {MOST} are enough", source.path))
}

#[test]
fn no_source_file_is_too_long() {
    let slips: Vec<_> = tree::below(FOLDERS, ENDINGS).iter().filter_map(slip).collect();
    none("split these", &slips);
}

#[test]
fn the_count_is_exact() {
    let of = |lines: usize| Source { path: "x.rs".to_owned(), text: "x\n".repeat(lines) };
    assert_eq!(slip(&of(400)), None);
    assert!(slip(&of(401)).is_some());
}
