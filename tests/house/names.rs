//! The page speaks the same words as the server.

use super::tree::{self, none};
use super::wire::{self, Words, quoted};

/// Where the page keeps its words.
const PAGE: &str = "web/js/protocol.js";

/// Words that the page knows ahead of the server: ops of a later release.
const LATER_OPS: &[&str] = &[];

/// Words that the page knows ahead of the server: events of a later release.
const LATER_EVENTS: &[&str] = &[];

/// Words that the server speaks and the page does not know yet.
const NOT_YET: &[&str] = &[];

/// The values of `export const <name> = Object.freeze({ … })`.
fn frozen(text: &str, name: &str) -> Words {
    let opening = format!("export const {name} = Object.freeze({{");
    let body = text.split(&opening).nth(1).and_then(|rest| rest.split("});").next());
    let pairs = body.unwrap_or_default().lines().filter_map(|line| line.split_once(':'));
    let values = pairs.map(|(_, value)| value.trim().trim_end_matches(','));
    values.map(|value| quoted(value).unwrap_or(value).to_owned()).collect()
}

/// Where the words of the page and those of the server differ.
fn slips(what: &str, page: &Words, server: &Words, later: &[&str]) -> Vec<String> {
    let is_later = |word: &String| later.contains(&word.as_str());
    let is_awaited = |word: &&String| !NOT_YET.contains(&word.as_str());
    let unknown = server.difference(page).filter(is_awaited);
    let unknown = unknown.map(|word| format!("{what} {word}: {PAGE} lacks it"));
    let learnt = page.iter().filter(|word| NOT_YET.contains(&word.as_str()));
    let learnt = learnt.map(|word| format!("{what} {word}: {PAGE} knows it now"));
    let invented = page.difference(server).filter(|word| !is_later(word));
    let invented = invented.map(|word| format!("{what} {word}: the server does not speak it"));
    let arrived = server.iter().filter(|word| is_later(word));
    let arrived = arrived.map(|word| format!("{what} {word}: is here now, not later"));
    let forgotten = later.iter().filter(|word| !page.contains(**word));
    let forgotten = forgotten.map(|word| format!("{what} {word}: later, and not in {PAGE}"));
    unknown.chain(learnt).chain(invented).chain(arrived).chain(forgotten).collect()
}

#[test]
fn the_page_speaks_the_words_of_the_server() {
    let page = tree::read(PAGE);
    let codes: Words = wire::error_codes().into_iter().map(|code| code.word).collect();
    // Those below 4000 belong to WebSocket itself.
    let closes: Words =
        wire::close_codes().into_iter().filter(|code| code.as_str() >= "4000").collect();
    let mut all = slips("op", &frozen(&page, "Op"), &wire::ops(), LATER_OPS);
    all.extend(slips("event", &frozen(&page, "Ev"), &wire::events(), LATER_EVENTS));
    all.extend(slips("error", &frozen(&page, "ErrorCode"), &codes, &[]));
    all.extend(slips("close", &frozen(&page, "CloseCode"), &closes, &[]));
    none("the words of the page", &all);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Words {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn words_are_read_from_the_page() {
        let text = "/** x: \"y\" */\nexport const Op = Object.freeze({\n  A: \"a.b\",\n  C: 4001,\n});\nB: \"b\"";
        assert_eq!(frozen(text, "Op"), words(&["a.b", "4001"]));
        assert_eq!(frozen(text, "Ev"), words(&[]));
    }

    #[test]
    fn every_difference_is_seen() {
        let slips = |page: &[&str], server: &[&str]| {
            slips("op", &words(page), &words(server), &["z"]).len()
        };
        assert_eq!(slips(&["a", "z"], &["a"]), 0);
        assert_eq!(slips(&["z"], &["a"]), 1);
        assert_eq!(slips(&["a", "b", "z"], &["a"]), 1);
        assert_eq!(slips(&["a", "z"], &["a", "z"]), 1);
        assert_eq!(slips(&["a"], &["a"]), 1);
    }
}
