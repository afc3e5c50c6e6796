//! What a page says about itself, for those who see a link to it.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Characters of a title.
const TITLE: usize = 200;
/// Characters of a description.
const DESCRIPTION: usize = 300;
/// Characters of the name of a site.
const SITE: usize = 100;

/// A link and what its page says. All of it was written by strangers, and is plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkPreview {
    /// The link as it stands in the message.
    pub url: String,
    /// The title of the page.
    pub title: String,
    /// What the page says it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The name of the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
}

impl LinkPreview {
    /// Makes one of raw texts: in NFC, on one line, without characters that are not seen or that
    /// turn the direction, and cut. `None` without a title.
    #[must_use]
    pub fn new(
        url: &str,
        title: &str,
        description: Option<&str>,
        site: Option<&str>,
    ) -> Option<Self> {
        Some(Self {
            url: url.to_owned(),
            title: line(title, TITLE)?,
            description: description.and_then(|text| line(text, DESCRIPTION)),
            site: site.and_then(|text| line(text, SITE)),
        })
    }
}

fn line(raw: &str, most: usize) -> Option<String> {
    let mut out = String::new();
    // Far more than is kept is not looked at.
    for word in raw.split_whitespace().take(most) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().take(most).filter(|c| !is_unseen(*c)));
    }
    let text: String = out.nfc().take(most).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Control characters, those that turn the direction of what follows, and invisible ones.
pub(super) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_strangers_are_one_short_plain_line() {
        let preview =
            LinkPreview::new("https://e.org", " A\n\u{202e}title\t<b> ", Some(" "), None).unwrap();
        assert_eq!(preview.title, "A title <b>");
        assert_eq!((preview.description, preview.site), (None, None));
        let long =
            LinkPreview::new("u", &"가 ".repeat(500), Some(&"x".repeat(5_000)), None).unwrap();
        assert!(long.title.chars().count() <= 200);
        assert_eq!(long.description.unwrap().chars().count(), 300);
        assert_eq!(LinkPreview::new("u", "\u{200b}\u{202e}", None, None), None);
    }
}
