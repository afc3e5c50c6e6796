//! Every code of the wire is described, brought about and tested.

use super::tree::{self, Source, none};
use super::wire::{self, Code};

/// The description of the wire.
const BOOK: &str = "docs/protocol.md";

/// Codes of a later release, and what is missing until then. Nothing here can bring them about, so
/// no test can meet them; a code that a test meets does not belong here.
const LATER: &[(&str, &str)] = &[];

/// Tests of parts, and of the rules here: they name words that no server has said.
const NO_SERVER: &[&str] = &["tests/house/", "tests/store/", "tests/browser/"];

/// Where codes are listed rather than used.
const TABLES: &[&str] = &["src/protocol/code.rs", "src/http/error.rs"];

/// Whether a document shows a word: as code, as the name of an event, or first in a row of a table.
fn shows(book: &str, word: &str) -> bool {
    let forms = [format!("`{word}`"), format!("\"ev\":\"{word}\""), format!("\n| {word} |")];
    forms.iter().any(|form| book.contains(form))
}

/// Whether a text names a code, by its word or by its variant.
fn names(text: &str, code: &Code) -> bool {
    let variant = format!("ErrorCode::{}", code.variant);
    let is_variant = text.match_indices(&variant).any(|(at, found)| {
        let next = text[at + found.len()..].chars().next();
        !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
    });
    is_variant || ['"', '\''].iter().any(|q| text.contains(&format!("{q}{}{q}", code.word)))
}

/// What a file tests: all of it, or the part behind `#[cfg(test)]`.
fn tests_in(source: &Source) -> &str {
    if source.path.ends_with("/tests.rs") {
        return &source.text;
    }
    source.text.split_once("#[cfg(test)]\nmod tests {").map_or("", |(_, tests)| tests)
}

/// Texts of tests.
struct Tests<'a> {
    /// Those with a whole server.
    whole: Vec<&'a str>,
    /// Those beside the code.
    units: Vec<&'a str>,
}

/// What is wrong with the codes, a line each.
fn slips(codes: &[Code], book: &str, used: &[&str], tests: &Tests<'_>) -> Vec<String> {
    let mut slips = Vec::new();
    for code in codes {
        let word = &code.word;
        let later = LATER.iter().find(|(later, _)| later == word);
        let is_met = tests.whole.iter().any(|text| names(text, code));
        let is_tested = is_met || tests.units.iter().any(|text| names(text, code));
        if !shows(book, word) {
            slips.push(format!("{word}: {BOOK} does not show it"));
        }
        let is_used = used.iter().any(|text| names(text, code));
        match later {
            Some((_, needs)) if is_met => {
                slips.push(format!("{word}: is met, so it needs no {needs} and is not for later"));
            }
            Some(_) => {}
            None if !is_used => slips.push(format!("{word}: nothing brings it about")),
            None if !is_tested => slips.push(format!("{word}: no test meets it")),
            None => {}
        }
    }
    let strange = LATER.iter().filter(|(word, _)| !codes.iter().any(|code| code.word == *word));
    slips.extend(strange.map(|(word, _)| format!("{word}: is no code at all")));
    slips
}

#[test]
fn every_error_code_is_described_brought_about_and_tested() {
    let code = tree::below(&["src"], &[".rs"]);
    let code: Vec<_> = code.iter().filter(|s| !TABLES.contains(&s.path.as_str())).collect();
    let tests = tree::below(&["tests"], &[".rs", ".mjs", ".py"]);
    let has_server = |s: &&Source| !NO_SERVER.iter().any(|folder| s.path.starts_with(folder));
    let tests = Tests {
        whole: tests.iter().filter(has_server).map(|source| source.text.as_str()).collect(),
        units: code.iter().copied().map(tests_in).collect(),
    };
    let used: Vec<_> = code.iter().map(|source| source.text.as_str()).collect();
    let slips = slips(&wire::error_codes(), &tree::read(BOOK), &used, &tests);
    none("error codes", &slips);
}

#[test]
fn every_word_of_the_wire_is_described() {
    let book = tree::read(BOOK);
    let words = wire::ops().into_iter().chain(wire::events()).chain(wire::close_codes());
    let missing = words.filter(|word| !shows(&book, word));
    let slips: Vec<_> = missing.map(|word| format!("{word}: {BOOK} does not show it")).collect();
    none("words of the wire", &slips);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(variant: &str, word: &str) -> Code {
        Code { variant: variant.to_owned(), word: word.to_owned() }
    }

    #[test]
    fn a_code_is_named_by_word_or_variant() {
        let not_found = code("NotFound", "not_found");
        assert!(names("x(ErrorCode::NotFound)", &not_found));
        assert!(names("'not_found'", &not_found) && names("\"not_found\"", &not_found));
        assert!(!names("ErrorCode::NotFoundAtAll, not_found", &not_found));
    }

    #[test]
    fn a_test_is_a_file_of_tests_or_the_end_of_a_file() {
        let source = |path: &str| {
            let text = "a\n#[cfg(test)]\nmod tests {\nb".to_owned();
            Source { path: path.to_owned(), text }
        };
        assert_eq!(tests_in(&source("src/a.rs")).trim(), "b");
        assert!(tests_in(&source("src/a/tests.rs")).starts_with('a'));
    }

    #[test]
    fn every_kind_of_slip_is_seen() {
        let of_later = |slip: &String| slip.contains("no code at all");
        let check = |word: &str, book: &str, used: &str, tests: &str| {
            let tests = Tests { whole: vec![tests], units: Vec::new() };
            let mut slips = slips(&[code("X", word)], book, &[used], &tests);
            slips.retain(|slip| !of_later(slip));
            slips
        };
        assert_eq!(check("x", "`x`", "ErrorCode::X", "\"x\""), [""; 0]);
        assert_eq!(check("x", "x", "ErrorCode::X", "\"x\"").len(), 1);
        assert_eq!(check("x", "`x`", "", "\"x\"").len(), 1);
        assert_eq!(check("x", "`x`", "ErrorCode::X", "").len(), 1);
        let none = Tests { whole: Vec::new(), units: vec!["ErrorCode::X"] };
        let strange = LATER.len();
        assert_eq!(slips(&[code("X", "x")], "`x`", &["ErrorCode::X"], &none).len(), strange);
        assert_eq!(slips(&[], "", &[], &none).len(), strange);
    }
}
