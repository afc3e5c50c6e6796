//! What people react with.

/// The text is no emoji, or more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one emoji")]
pub struct InvalidEmoji;

/// One emoji of Unicode, in its fully qualified form: "❤" and "❤️" are one. Skin tones count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Emoji(&'static str);

impl Emoji {
    /// Parses what a client sent.
    ///
    /// # Errors
    /// [`InvalidEmoji`] for anything but one emoji.
    pub fn parse(raw: &str) -> Result<Self, InvalidEmoji> {
        emojis::get(raw).map(|emoji| Self(emoji.as_str())).ok_or(InvalidEmoji)
    }

    /// The emoji itself.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_has_one_form() {
        let of = |raw: &str| Emoji::parse(raw).map(Emoji::as_str);
        assert_eq!(of("\u{2764}"), Ok("\u{2764}\u{fe0f}"));
        assert_eq!(of("\u{2764}\u{fe0f}"), Ok("\u{2764}\u{fe0f}"));
        for whole in ["👍", "👍🏽", "🇰🇷", "👩‍🚀", "1️⃣", "🏳️‍🌈", "👨‍👩‍👧‍👦", "🫶🏿"]
        {
            assert_eq!(of(whole), Ok(whole));
        }
    }

    #[test]
    fn what_is_no_emoji_is_none() {
        for odd in [
            "", " ", "a", "1", "#", "👍👍", "👍 ", ":+1:", "가", "\u{200d}", "🇰", "\u{fe0f}", "<b>",
        ] {
            assert_eq!(Emoji::parse(odd), Err(InvalidEmoji), "{odd:?}");
        }
    }
}
