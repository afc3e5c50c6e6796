//! Every op and every event stands in the table of who may do and hear what. (Every call does, too:
//! the server itself is asked for those, by the tests that read the table.)

use super::tree::{self, none};
use super::wire::{self, Words};

/// Who may ask what, and who hears what.
const OPS: &str = "tests/it/access/ops.txt";
const EVENTS: &str = "tests/it/access/events.txt";

/// The rows of a table: what stands first in the lines that are neither indented nor comments.
fn rows(text: &str) -> Words {
    let is_row = |line: &&str| !line.starts_with([' ', '#']);
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    text.lines().filter(is_row).filter_map(first).collect()
}

/// What has no row, and the rows of nothing.
fn slips(table: &str, words: &Words, rows: &Words) -> Vec<String> {
    let missing = words.difference(rows).map(|word| format!("{table} has no row for {word}"));
    let strange = rows.difference(words).map(|word| format!("{table} has a row for {word}"));
    missing.chain(strange).collect()
}

#[test]
fn every_op_and_every_event_has_a_row_in_the_table_of_access() {
    let mut found = slips(OPS, &wire::ops(), &rows(&tree::read(OPS)));
    found.extend(slips(EVENTS, &wire::events(), &rows(&tree::read(EVENTS))));
    none("the table of access", &found);
}

#[test]
fn a_row_begins_a_line() {
    let text = "# no\nopen {\"room\"}\n  in = ok\n\nmsg.new = in\nopen again\n";
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Words>();
    assert_eq!(rows(text), words(&["open", "msg.new"]));
    let slips = slips("t", &words(&["open", "close"]), &rows(text));
    assert_eq!(slips, ["t has no row for close", "t has a row for msg.new"]);
}
