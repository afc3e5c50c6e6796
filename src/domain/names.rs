//! Names of people, clubs and rooms, and passwords.

use std::fmt;

use serde::{Serialize, Serializer};

use super::limits;
use super::text::{InvalidText, normalise, shows_nothing};

/// Why a name was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Shorter or longer than allowed, counted after NFC and trimming; or nothing of it is seen.
    #[error("must be {0} to {1} characters long")]
    Length(usize, usize),
    /// A character that such a name may not hold.
    #[error("may hold letters A–Z, digits, '.', '_', '-' and Hangul syllables only")]
    Character,
    /// A control character, or one that turns the direction of what follows.
    #[error("must not hold control characters")]
    Control,
    /// Kept for the system.
    #[error("is reserved")]
    Reserved,
    /// The password repeats the username.
    #[error("must not equal the username")]
    SameAsUsername,
}

/// Names that no account may take, because a message would read them as something else.
const RESERVED: [&str; 5] = ["ai", "all", "here", "system", "moim"];

fn trimmed(raw: &str, (min, max): (usize, usize)) -> Result<String, InvalidName> {
    let text = normalise(raw.trim(), max).map_err(|why| match why {
        InvalidText::Unstorable => InvalidName::Control,
        InvalidText::Blank | InvalidText::TooLong(_) => InvalidName::Length(min, max),
    })?;
    let text = text.trim();
    if text.chars().count() < min || shows_nothing(text) {
        return Err(InvalidName::Length(min, max));
    }
    if text.chars().any(|c| c.is_control() || turns(c)) {
        return Err(InvalidName::Control);
    }
    Ok(text.to_owned())
}

/// Whether a character turns the direction of what follows it: a name stands among the words of others.
const fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $limit:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Parses what a client sent: NFC, outer white space dropped.
            ///
            /// # Errors
            /// [`InvalidName`] says what was wrong.
            pub fn parse(raw: &str) -> Result<Self, InvalidName> {
                trimmed(raw, $limit).map(Self)
            }

            /// The name as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The form that uniqueness is checked on: without case.
            #[must_use]
            pub fn key(&self) -> String {
                self.0.to_lowercase()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

name!(
    /// What others see: 1–64 characters.
    DisplayName, limits::DISPLAY_NAME_CHARS
);
name!(
    /// Name of a club: 2–40 characters, unique without case among living clubs.
    ClubName, limits::CLUB_NAME_CHARS
);
name!(
    /// Name of a room: 1–50 characters.
    RoomName, limits::ROOM_NAME_CHARS
);

/// Whether a character may stand in a username.
pub(super) fn is_username_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '\u{ac00}'..='\u{d7a3}')
}

/// A username: 2–64 of `A-Za-z0-9._-` and Hangul syllables, kept as given, unique without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Parses what a client sent.
    ///
    /// # Errors
    /// [`InvalidName`] says what was wrong.
    pub fn parse(raw: &str) -> Result<Self, InvalidName> {
        let text = trimmed(raw, limits::USERNAME_CHARS)?;
        if !text.chars().all(is_username_char) {
            return Err(InvalidName::Character);
        }
        if RESERVED.contains(&text.to_lowercase().as_str()) {
            return Err(InvalidName::Reserved);
        }
        Ok(Self(text))
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that uniqueness is checked on: without case.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

/// A password on its way to the hash. Prints as stars, so that no log can hold it.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Parses a new password: 8–128 characters, not the username.
    ///
    /// # Errors
    /// [`InvalidName`] says what was wrong.
    pub fn parse(raw: &str, username: &str) -> Result<Self, InvalidName> {
        let (min, max) = limits::PASSWORD_CHARS;
        let count = raw.chars().take(max + 1).count();
        if !(min..=max).contains(&count) {
            return Err(InvalidName::Length(min, max));
        }
        if raw.to_lowercase() == username.to_lowercase() {
            return Err(InvalidName::SameAsUsername);
        }
        Ok(Self(raw.to_owned()))
    }

    /// The bytes to hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_keep_their_case_and_compare_without_it() {
        let mina = Username::parse(" Mina.미나 ").unwrap();
        assert_eq!(mina.as_str(), "Mina.미나");
        assert_eq!(mina.key(), "mina.미나");
    }

    #[test]
    fn odd_usernames_are_refused_with_the_reason() {
        assert_eq!(Username::parse("a"), Err(InvalidName::Length(2, 64)));
        assert_eq!(Username::parse(&"a".repeat(65)), Err(InvalidName::Length(2, 64)));
        assert_eq!(Username::parse("mi na"), Err(InvalidName::Character));
        assert_eq!(Username::parse("<b>"), Err(InvalidName::Character));
        assert_eq!(Username::parse("ALL"), Err(InvalidName::Reserved));
    }

    #[test]
    fn a_name_is_seen_and_leaves_the_words_around_it_alone() {
        for unseen in ["\u{200b}", "\u{3164}\u{3164}", "\u{2800} \u{2800}", "\u{200d}\u{fe0f}"] {
            assert_eq!(DisplayName::parse(unseen), Err(InvalidName::Length(1, 64)), "{unseen:?}");
        }
        for turned in ["\u{202e}anim", "mina\u{2067}", "\u{2066}mi\u{2069}na"] {
            assert_eq!(DisplayName::parse(turned), Err(InvalidName::Control), "{turned:?}");
        }
        for name in ["👩\u{200d}👩\u{200d}👧", "שלום", "❤\u{fe0f}", "a\u{200f}ב"] {
            assert_eq!(DisplayName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_password_never_prints() {
        let password = Password::parse("correct horse", "mina").unwrap();
        assert_eq!(format!("{password:?}"), "***");
        assert!(Password::parse("minamina", "MinaMina").is_err());
        assert!(Password::parse("short", "mina").is_err());
    }
}
