//! Nothing in the tree points out of it.

use super::tree::{self, Source, none};

/// Beginnings of paths of one machine; written in two parts, since this file is read too.
const FOREIGN: &[&str] = &[concat!("/", "work/"), concat!("/", "farm/")];

fn slips(source: &Source) -> Vec<String> {
    let mut slips = Vec::new();
    for (at, line) in source.text.lines().enumerate() {
        let found =
            FOREIGN.iter().find(|path| line.match_indices(**path).any(|m| is_absolute(line, m.0)));
        slips.extend(found.map(|path| format!("{}:{}: {path}…", source.path, at + 1)));
    }
    slips
}

/// Whether the path that begins here is no part of a longer one.
fn is_absolute(line: &str, at: usize) -> bool {
    let before = line[..at].chars().next_back();
    !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '*' | ')'))
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    let kept = tree::kept();
    assert!(kept.iter().any(|source| source.path == "Cargo.toml"), "the tree is not there");
    let slips: Vec<_> = kept.iter().flat_map(slips).collect();
    none("paths that exist on one machine only", &slips);
}

#[test]
fn a_path_within_the_tree_is_no_foreign_one() {
    let of = |text: String| slips(&Source { path: "x".to_owned(), text });
    for path in FOREIGN {
        assert_eq!(of(format!("a\ncd {path}x")).len(), 1);
        assert_eq!(of(format!("\"{path}x\"")).len(), 1);
        assert!(of(format!("src{path}x, ./{}", &path[1..])).is_empty());
    }
}
