//! Every reason of a field that does not fit is described, and known to the page or left to its
//! sentence for all others.

use super::tree::{self, none};

/// Where fields are read.
const FOLDER: &str = "src/http";

/// Behind these a reason stands.
const BEFORE: &[&str] = &["Wrong::new(\"", "Self::new(\"", "=> \""];

/// The reasons that a text names. What stands behind an arrow counts in the file of reasons alone.
fn reasons<'t>(text: &'t str, before: &[&str]) -> Vec<&'t str> {
    let words = before.iter().flat_map(|before| text.split(before).skip(1));
    words.filter_map(|rest| rest.split('"').next()).collect()
}

/// The words of the first column of the table of reasons.
fn described(book: &str) -> Vec<&str> {
    let table = book.split("| `reason` | Means |").nth(1).unwrap_or_default();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn every_reason_of_a_field_is_described_and_there_is_no_other() {
    let mut used = Vec::new();
    let sources = tree::below(&[FOLDER], &[".rs"]);
    for source in &sources {
        let text = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        let before = if source.path.ends_with("/wrong.rs") { BEFORE } else { &BEFORE[..1] };
        used.extend(reasons(text, before));
    }
    used.sort_unstable();
    used.dedup();
    let book = tree::read("docs/protocol.md");
    let described = described(&book);
    assert!(described.len() > 20, "{described:?}");
    let mut slips: Vec<_> = used
        .iter()
        .filter(|word| !described.contains(word))
        .map(|word| format!("{word}: the table of reasons does not have it"))
        .collect();
    let unused = described.iter().filter(|word| !used.contains(word));
    slips.extend(unused.map(|word| format!("{word}: no field is refused for it")));
    none("reasons", &slips);
}

#[test]
fn reasons_are_read_from_code_and_from_the_table() {
    let code = "Err(Wrong::new(\"odd\", \"is odd\")) Wrong::new(\"even\", why)";
    assert_eq!(reasons(code, &BEFORE[..1]), ["odd", "even"]);
    let book =
        "x\n| `reason` | Means |\n|---|---|\n| `odd` · `even` | it is `so` |\n\n| `no` | |\n";
    assert_eq!(described(book), ["odd", "even"]);
}
