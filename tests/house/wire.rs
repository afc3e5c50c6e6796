//! The words of the wire, as `src/protocol/` writes them down. Read as text, so that the lists
//! here are those that a person sees.

use std::collections::BTreeSet;

use super::tree;

/// A set of words.
pub(crate) type Words = BTreeSet<String>;

/// An error code: its variant and its word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) variant: String,
    pub(crate) word: String,
}

/// What clients may ask.
pub(crate) fn ops() -> Words {
    some("ops", read_ops(&tree::read("src/protocol/op.rs")))
}

/// What the server tells.
pub(crate) fn events() -> Words {
    let files = ["src/protocol/event.rs", "src/protocol/ai.rs"];
    some("events", files.iter().flat_map(|file| read_events(&tree::read(file))).collect())
}

/// Why the server refuses.
pub(crate) fn error_codes() -> Vec<Code> {
    let codes = read_error_codes(&tree::read("src/protocol/code.rs"));
    assert!(codes.len() > 10, "the error codes were not found: {codes:?}");
    codes
}

/// Why the server hangs up.
pub(crate) fn close_codes() -> Words {
    some("close codes", read_close_codes(&tree::read("src/protocol/code.rs")))
}

fn some(what: &str, words: Words) -> Words {
    assert!(words.len() > 5, "the {what} were not found: {words:?}");
    words
}

/// What stands between the first pair of quotes.
pub(crate) fn quoted(text: &str) -> Option<&str> {
    text.split('"').nth(1)
}

/// Arms of a match on a word: `"open" => …`.
fn read_ops(text: &str) -> Words {
    let arms = text.lines().map(str::trim).filter(|line| line.starts_with('"'));
    let arms = arms.filter(|line| line.split('"').nth(2).is_some_and(|l| l.starts_with(" => ")));
    arms.filter_map(quoted).map(str::to_owned).collect()
}

/// `Name = "word" {`, and `rename = "word"` of those that are written out.
fn read_events(text: &str) -> Words {
    let (beginning, _tests) = text.split_once("#[cfg(test)]").unwrap_or((text, ""));
    let lines = beginning.lines().map(str::trim);
    let lines = lines.filter(|line| {
        let is_shape = line.ends_with("\" {") && line.contains(" = \"");
        is_shape || line.contains("rename = \"")
    });
    lines.filter_map(quoted_name).map(str::to_owned).collect()
}

/// The last quoted word of a line: `tag = "ev", rename = "auth"`.
fn quoted_name(line: &str) -> Option<&str> {
    line.rsplit('"').nth(1)
}

/// `Name = "word", temporary: true;`.
fn read_error_codes(text: &str) -> Vec<Code> {
    let lines = text.lines().filter(|line| line.contains(", temporary: ") && line.ends_with(';'));
    let code = |line: &str| {
        let (variant, _) = line.split_once(" = ")?;
        Some(Code { variant: variant.trim().to_owned(), word: quoted(line)?.to_owned() })
    };
    lines.filter_map(code).collect()
}

/// `Self::Name => 4001,`.
fn read_close_codes(text: &str) -> Words {
    let arms =
        text.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => "));
    let numbers = arms.map(|(_, number)| number.trim_end_matches(','));
    numbers.filter(|number| number.parse::<u16>().is_ok()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Words {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn words_are_read_where_they_are_defined() {
        let ops = "match verb {\n  \"auth\" => {\n  \"a.b\" => C::D,\n  \"x\": 1\n \"y\"";
        assert_eq!(read_ops(ops), words(&["auth", "a.b"]));
        let events = "Hello<'a> = \"hello\" {\n v: u32\n#[serde(tag = \"ev\", rename = \"auth\")]\nlet x = \"y\";";
        assert_eq!(read_events(events), words(&["hello", "auth"]));
        let codes = "  BadRequest = \"bad_request\", temporary: false;\n x = \"y\";";
        let code = Code { variant: "BadRequest".to_owned(), word: "bad_request".to_owned() };
        assert_eq!(read_error_codes(codes), [code]);
        let closes = "Self::Normal => 1000,\nSelf::Normal => \"bye\",";
        assert_eq!(read_close_codes(closes), words(&["1000"]));
    }
}
