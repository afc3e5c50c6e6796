//! What people write.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::filter::is_unseen;
use super::limits;
use super::markup::{Addresses, Look, links, look, shown};

/// Why a text was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing that anybody sees.
    #[error("must not be blank")]
    Blank,
    /// More characters than allowed, counted after NFC.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// A character that no store keeps (U+0000).
    #[error("holds a character that cannot be stored")]
    Unstorable,
}

/// NFC form of a text, checked against a limit in characters. Nothing is allocated for a text
/// that is in this form already, as nearly all are, or far too long.
pub(super) fn normalise(raw: &str, max_chars: usize) -> Result<Cow<'_, str>, InvalidText> {
    if raw.contains('\0') {
        return Err(InvalidText::Unstorable);
    }
    if raw.chars().nth(max_chars).is_none() && is_nfc_quick(raw.chars()) == IsNormalized::Yes {
        return Ok(Cow::Borrowed(raw));
    }
    // `take` bounds the work and the memory: a text far over the limit is not normalised whole.
    let text: String = raw.nfc().take(max_chars.saturating_add(1)).collect();
    if text.chars().nth(max_chars).is_some() {
        return Err(InvalidText::TooLong(max_chars));
    }
    Ok(Cow::Owned(text))
}

/// Whether a text shows nothing: white space, what Unicode lets be ignored, and the pattern of
/// Braille without dots.
pub(super) fn shows_nothing(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_unseen(c) || c == '\u{2800}')
}

/// The NFC form of a text of any length.
pub(super) fn composed(raw: &str) -> String {
    raw.nfc().collect()
}

/// The text of a message: NFC, not blank, at most 4,000 characters; with what it looks like. Cheap to
/// clone.
///
/// **Invariant:** nothing but this type makes HTML of what people write, or the assistant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    source: Arc<str>,
    /// None for plain texts, as nearly all are.
    look: Option<Arc<Look>>,
}

impl Text {
    /// Parses what a client sent.
    ///
    /// # Errors
    /// [`InvalidText`] says what was wrong; `TooLong` is `too_large` on the wire.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        let text = normalise(raw, limits::TEXT_CHARS)?;
        if shows_nothing(&text) {
            return Err(InvalidText::Blank);
        }
        Ok(Self::looking(&text, None))
    }

    /// Parses what the assistant said. A link in it leads somewhere only if its whole address stood in
    /// what the assistant was told.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of_assistant(raw: &str, told: &Addresses) -> Result<Self, InvalidText> {
        let text = normalise(raw, limits::TEXT_CHARS)?;
        if shows_nothing(&text) {
            return Err(InvalidText::Blank);
        }
        Ok(Self::looking(&text, Some(told)))
    }

    fn looking(text: &str, told: Option<&Addresses>) -> Self {
        let look = Some(look(text, told)).filter(|look| *look != Look::default());
        Self { source: text.into(), look: look.map(Arc::new) }
    }

    /// The same for a message that says something by other means: it may be blank, and is empty
    /// then.
    ///
    /// # Errors
    /// As [`Self::parse`], but for a blank text.
    pub fn parse_beside_files(raw: &str) -> Result<Self, InvalidText> {
        match Self::parse(raw) {
            Err(InvalidText::Blank) => Ok(Self { source: "".into(), look: None }),
            parsed => parsed,
        }
    }

    /// The text itself, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Safe HTML that shows it; none where that would be nothing but the text, escaped.
    #[must_use]
    pub fn html(&self) -> Option<&str> {
        self.look.as_ref()?.html.as_deref()
    }

    /// The addresses that it shows as links and that stand in it as they are, in their order; what
    /// a spoiler hides is not shown.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        let mut found = self.html().map(links).unwrap_or_default();
        found.retain(|address| self.source.contains(address.as_str()));
        found
    }

    /// What it says to its readers, line by line, without the signs of its marks; none where that is
    /// the text itself.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        self.html().map(shown)
    }

    /// What calls people: the text without its code and links.
    #[must_use]
    pub fn spoken(&self) -> &str {
        let spoken = self.look.as_ref().and_then(|look| look.spoken.as_deref());
        spoken.unwrap_or(&self.source)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

/// The client's own id of a send: 1–64 characters, unique per author and room, kept for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cid(Arc<str>);

impl Cid {
    /// Parses what a client sent. The bytes are kept as they came: a cid is compared, never shown.
    ///
    /// # Errors
    /// [`InvalidText`] when it is empty, too long or holds a control character.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        if raw.is_empty() {
            return Err(InvalidText::Blank);
        }
        if raw.chars().nth(limits::CID_CHARS).is_some() {
            return Err(InvalidText::TooLong(limits::CID_CHARS));
        }
        if raw.chars().any(char::is_control) {
            return Err(InvalidText::Unstorable);
        }
        Ok(Self(raw.into()))
    }

    /// A cid that the server makes for a client that sent none.
    #[must_use]
    pub fn own(life: u64, count: u64) -> Self {
        Self(format!("own-{life:x}-{count:x}").into())
    }

    /// The cid itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Cid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_after_composition() {
        let decomposed = "\u{1112}\u{1161}\u{11ab}".repeat(4_000);
        assert_eq!(Text::parse(&decomposed).unwrap().as_str().chars().count(), 4_000);
        assert_eq!(Text::parse(&"a".repeat(4_001)), Err(InvalidText::TooLong(4_000)));
    }

    #[test]
    fn the_assistant_links_only_to_what_it_was_told() {
        let said = "see https://known.example/a and https://evil.example/?q=secret [x](https://evil.example)";
        let told = Addresses::of(["somebody wrote https://known.example/a"]);
        let text = Text::of_assistant(said, &told).unwrap();
        let html = text.html().unwrap();
        assert!(html.contains("href=\"https://known.example/a\""), "{html}");
        assert_eq!(html.matches("href").count(), 1, "{html}");
        assert_eq!(text.as_str(), said);
    }

    #[test]
    fn an_address_that_only_begins_like_a_known_one_leads_nowhere() {
        let told = Addresses::of(["log in at https://bank.example.com/login?to=a&b=c"]);
        let html = |said: &str| {
            let text = Text::of_assistant(said, &told).unwrap();
            text.html().map(str::to_owned)
        };
        for near in [
            "https://bank.example.co",
            "https://bank.example.com",
            "https://bank.example.com/login?to=a",
            "http://bank.example.com/login?to=a&b=c",
            "h",
        ] {
            assert!(html(near).is_none_or(|html| !html.contains("href")), "{near}");
        }
        let whole = html("https://bank.example.com/login?to=a&b=c").unwrap();
        assert_eq!(whole.matches("href=").count(), 1, "{whole}");
    }

    #[test]
    fn what_the_assistant_said_leaves_nobody_to_look_for_links() {
        let none = Addresses::default();
        let html = |said: &str| {
            let text = Text::of_assistant(said, &none).unwrap();
            text.html().map(str::to_owned)
        };
        assert_eq!(html("https://evil.example").unwrap(), "<p>https://evil.example</p>");
        for odd in [
            "xhttps://evil.example/<b>&amp;",
            "WWW.evil.example",
            "[a]: https://evil.example\n\nso",
            "\u{fdd0} https://evil.example",
            "see\nhttp://evil.example",
        ] {
            let html = html(odd).unwrap();
            assert!(!html.contains("href") && html.contains("evil.example"), "{odd}: {html}");
        }
        assert_eq!(html("nothing here: at all"), None);
    }

    #[test]
    fn blank_and_unstorable_texts_are_refused() {
        assert_eq!(Text::parse(" \n\t\u{3000}"), Err(InvalidText::Blank));
        assert_eq!(Text::parse("a\0b"), Err(InvalidText::Unstorable));
        assert_eq!(Text::parse_beside_files(" \n").unwrap().as_str(), "");
        assert_eq!(Text::parse_beside_files("a\0b"), Err(InvalidText::Unstorable));
        assert_eq!(Cid::parse(""), Err(InvalidText::Blank));
        assert_eq!(Cid::parse("a\n"), Err(InvalidText::Unstorable));
        assert!(Cid::parse(&"x".repeat(64)).is_ok());
        assert_eq!(Cid::parse(&"x".repeat(65)), Err(InvalidText::TooLong(64)));
    }
}
