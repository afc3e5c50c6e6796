//! What may come out, and nothing else.

use std::collections::{HashMap, HashSet};

use ammonia::{Builder, Url, UrlRelative};

/// The tags of a text.
const TAGS: [&str; 14] = [
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "span",
    "strong",
    "ul",
];

/// Where a link of a user may lead.
const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

/// What the target of a link learns of who follows it, and what search engines learn from the link.
const REL: &str = "noopener noreferrer nofollow ugc";

/// Letters of the name of a language.
const LANGUAGE: usize = 32;

/// Passes HTML through a parser of its own and keeps what is allowed.
pub(crate) fn clean(html: &str) -> String {
    let mut builder = Builder::empty();
    builder
        .tags(TAGS.into())
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href"])),
            ("code", HashSet::from(["class"])),
            ("span", HashSet::from(["class"])),
        ]))
        .generic_attributes(HashSet::new())
        .clean_content_tags(HashSet::new())
        .url_schemes(SCHEMES.into())
        .url_relative(UrlRelative::Deny)
        .link_rel(Some(REL))
        .set_tag_attribute_value("a", "target", "_blank")
        .attribute_filter(|tag, name, value| match (tag, name) {
            ("code", "class") => {
                value.strip_prefix("language-").and_then(language).map(|_| value.into())
            }
            ("span", "class") => (value == "spoiler").then(|| value.into()),
            _other => Some(value.into()),
        });
    builder.clean(html).to_string()
}

/// Whether an address leads where a link of a user may.
pub(super) fn leads_out(address: &str) -> bool {
    let begins = |scheme: &str| {
        let (begin, rest) = address.split_at_checked(scheme.len()).unwrap_or_default();
        begin.eq_ignore_ascii_case(scheme) && rest.starts_with(':')
    };
    SCHEMES.into_iter().any(begins) && Url::parse(address).is_ok()
}

/// The language that a block of code says it is in.
pub(super) fn language(word: &str) -> Option<&str> {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'#' | b'.' | b'-' | b'_');
    let fits = (1..=LANGUAGE).contains(&word.len()) && word.bytes().all(is_plain);
    fits.then_some(word)
}
