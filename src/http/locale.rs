//! Languages that the server writes in.

use std::str::FromStr;

use actix_web::{HttpRequest, http::header};

use crate::domain::InvalidWord;

/// A language of texts for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Locale {
    /// Korean.
    #[default]
    Ko,
    /// English.
    En,
}

impl Locale {
    /// The word that is stored and sent.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ko => "ko",
            Self::En => "en",
        }
    }

    /// All words.
    pub(super) const WORDS: &'static [&'static str] = &["ko", "en"];

    /// The language that a client likes best of those spoken here.
    pub(super) fn of(request: &HttpRequest, default: Self) -> Self {
        let wishes = request.headers().get(header::ACCEPT_LANGUAGE);
        wishes.and_then(|wishes| wishes.to_str().ok()).and_then(best).unwrap_or(default)
    }
}

impl FromStr for Locale {
    type Err = InvalidWord;

    fn from_str(word: &str) -> Result<Self, InvalidWord> {
        match word {
            "ko" => Ok(Self::Ko),
            "en" => Ok(Self::En),
            _other => Err(InvalidWord(Self::WORDS)),
        }
    }
}

/// The best of `Accept-Language` (RFC 9110, section 12.5.4); the first of equals.
fn best(wishes: &str) -> Option<Locale> {
    let mut best: Option<(Locale, f32)> = None;
    for wish in wishes.split(',') {
        let mut parts = wish.split(';').map(str::trim);
        let tag = parts.next().and_then(|tag| tag.split('-').next()).unwrap_or_default();
        let locale = match tag.to_ascii_lowercase().as_str() {
            "ko" => Locale::Ko,
            "en" => Locale::En,
            _not_spoken => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        let weight: f32 = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
        if weight > 0.0 && best.is_none_or(|(_locale, least)| weight > least) {
            best = Some((locale, weight));
        }
    }
    best.map(|(locale, _weight)| locale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_wish_that_is_spoken_wins() {
        assert_eq!(best("ko-KR,ko;q=0.9,en-US;q=0.8"), Some(Locale::Ko));
        assert_eq!(best("en;q=0.3, ko;q=0.7"), Some(Locale::Ko));
        assert_eq!(best("de, fr;q=0.9, EN;q=0.1"), Some(Locale::En));
        assert_eq!(best("en, ko"), Some(Locale::En));
        assert_eq!(best("ko;q=0, de"), None);
        assert_eq!(best("en;q=x"), None);
        assert_eq!(best(""), None);
    }
}
