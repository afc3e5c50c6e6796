//! The addresses that stand in texts, so that what a model says can be held to them.

use std::collections::HashSet;
use std::fmt;
use std::panic::catch_unwind;

use comrak::Arena;
use comrak::nodes::NodeValue;

use super::glance::may_be_marked;
use super::render::parse;
use super::signs::{prepared, restored};

/// Whole addresses, found as the links of a message are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Addresses(HashSet<String>);

impl Addresses {
    /// Those of some texts, each read for itself.
    #[must_use]
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        Self::default().with(texts)
    }

    /// These, and those of some more texts.
    #[must_use]
    pub fn with<'t>(mut self, texts: impl IntoIterator<Item = &'t str>) -> Self {
        for text in texts {
            // A defect of the parser costs the links of one text.
            let found = catch_unwind(|| found(text, true)).unwrap_or_default();
            self.0.extend(found);
        }
        self
    }

    /// Whether this very address is one of them. One that only begins like it is another.
    pub(super) fn hold(&self, address: &str) -> bool {
        self.0.contains(address)
    }
}

// What people wrote must not reach a log by way of `{:?}`.
impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} addresses", self.0.len())
    }
}

/// The addresses of a text. Those in code lead nowhere in it, and are told all the same.
fn found(text: &str, is_outside: bool) -> Vec<String> {
    if !may_be_marked(text) {
        return Vec::new();
    }
    let Some(text) = prepared(text) else { return Vec::new() };
    let arena = Arena::new();
    let Some(root) = parse(&arena, &text) else { return Vec::new() };
    let mut all = Vec::new();
    for node in root.descendants() {
        match &node.data().value {
            NodeValue::Link(link) | NodeValue::Image(link) => {
                all.push(restored(&link.url).into_owned());
            }
            NodeValue::Code(code) if is_outside => {
                all.extend(found(&restored(&code.literal), false));
            }
            NodeValue::CodeBlock(code) if is_outside => {
                all.extend(found(&restored(&code.literal), false));
            }
            _other => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        let text = "see https://a.example/b?c=d&e, [here](https://b.example/c) and `curl https://c.example`\n\
                    ```\nget https://d.example/e\n```\nhttps://e.example.";
        let addresses = Addresses::of([text, "www.f.example"]);
        for address in [
            "https://a.example/b?c=d&e",
            "https://b.example/c",
            "https://c.example",
            "https://d.example/e",
            "https://e.example",
            "http://www.f.example",
        ] {
            assert!(addresses.hold(address), "{address}");
        }
        for other in ["https://a.example/b", "https://a.example", "https://a.example/b?c=d&e,", ""]
        {
            assert!(!addresses.hold(other), "{other}");
        }
        assert!(addresses.with(["https://a.example"]).hold("https://a.example"));
    }
}
