//! What an index keeps of a text: a set of numbers. A word of letters gives one, a pair of
//! neighbours in a dense script gives one, a sign gives one. Who wrote a message, where it stands
//! and what it carries are numbers of the same kind, so that an index narrows all of it at once.
//!
//! A number is the hash of what it stands for. Two things may share one; then the text decides.
//! **The numbers are kept in databases: whoever changes them empties the index in a migration.**

use super::fold::{Kind, folded, folded_ascii};
use crate::domain::{RoomId, UserId};

/// One thing that an index can be asked for: 31 bits, which every engine keeps as a small number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub i32);

/// The author of a message.
#[must_use]
pub fn author_token(user: UserId) -> Token {
    Hash::of(b'u').number(user.0).token()
}

/// The room of a message.
#[must_use]
pub fn room_token(room: RoomId) -> Token {
    Hash::of(b'r').number(room.0).token()
}

/// A message that holds a link.
#[must_use]
pub fn link_token() -> Token {
    Hash::of(b'l').token()
}

/// A message that carries a file.
#[must_use]
pub fn file_token() -> Token {
    Hash::of(b'f').token()
}

/// Whether a text holds a link.
#[must_use]
pub fn holds_link(text: &str) -> bool {
    let follows = |rest: &str| {
        let address = ["http://", "https://"].into_iter().find_map(|scheme| {
            let (head, address) = rest.split_at_checked(scheme.len())?;
            head.eq_ignore_ascii_case(scheme).then_some(address)
        });
        address.is_some_and(|address| address.starts_with(char::is_alphanumeric))
    };
    text.match_indices(['h', 'H']).any(|(at, _h)| text.get(at..).is_some_and(follows))
}

/// What a text holds, each once, in the order of the numbers.
#[must_use]
pub fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut before = Before::Nothing;
    let mut take = |c| found.extend(before.then(c).into_iter().flatten());
    if text.is_ascii() {
        // Most texts, or most of what is written of them: a plain loop takes a fifth of the time.
        text.bytes().for_each(|byte| take(folded_ascii(byte).unwrap_or(' ')));
    } else {
        folded(text).for_each(|(c, _at)| take(c));
    }
    take(' ');
    found.sort_unstable();
    found.dedup();
    found
}

/// The tokens of folded characters, in their order.
pub(super) fn runs(chars: impl Iterator<Item = char>) -> impl Iterator<Item = Token> {
    let mut before = Before::Nothing;
    // One more at the end, so that the last word ends.
    chars.chain(std::iter::once(' ')).flat_map(move |c| before.then(c)).flatten()
}

/// What stands right before a character.
enum Before {
    Nothing,
    /// A word that may go on.
    Word(Hash),
    Dense(char),
}

impl Before {
    /// Goes on by one character: the word that ends with it, the pair or the sign that it makes.
    fn then(&mut self, c: char) -> [Option<Token>; 2] {
        let kind = Kind::of(c);
        if kind == Kind::Letter {
            let word = if let Self::Word(word) = self { *word } else { Hash::of(b'w') };
            *self = Self::Word(word.char(c));
            return [None, None];
        }
        let ended = if let Self::Word(word) = self { Some(word.token()) } else { None };
        let made = match (kind, &self) {
            (Kind::Dense, Self::Dense(first)) => Some(Hash::of(b'p').char(*first).char(c).token()),
            (Kind::Sign, _before) => Some(Hash::of(b's').char(c).token()),
            _alone => None,
        };
        *self = if kind == Kind::Dense { Self::Dense(c) } else { Self::Nothing };
        [ended, made]
    }
}

/// FNV-1a, 64 bits: short, well spread, and the same for ever.
#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
    /// Begins with the kind of the thing.
    const fn of(kind: u8) -> Self {
        Self(0xcbf2_9ce4_8422_2325).byte(kind)
    }

    const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3))
    }

    fn char(self, c: char) -> Self {
        u32::from(c).to_le_bytes().into_iter().take(3).fold(self, Self::byte)
    }

    fn number(self, number: i64) -> Self {
        number.to_le_bytes().into_iter().fold(self, Self::byte)
    }

    /// Folds the upper bits in: alone, the lower ones of FNV are spread less well.
    fn token(self) -> Token {
        let mixed = (self.0 ^ (self.0 >> 32)) & 0x7fff_ffff;
        Token(i32::try_from(mixed).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_pairs_and_signs_are_tokens() {
        let of = |text: &str| tokens(text).len();
        assert_eq!(of("one two, TWO"), 2);
        assert_eq!(of("내일회의실에서"), 6);
        assert_eq!(of("API를 API를!"), 1, "a syllable alone is none");
        assert_eq!(of("🎉 생일 🎉"), 2);
        assert_eq!(of(" -- … 。"), 0);
        assert!(tokens("내일회의실").contains(&tokens("회의")[0]));
        assert_eq!(tokens("Meeting, at Ten"), tokens("ten AT meeting"));
    }

    proptest! {
        #[test]
        fn a_plain_text_is_taken_apart_like_any_other(text in "[ -~\\t\\n\u{7f}]{0,60}") {
            let mut found: Vec<_> = runs(folded(&text).map(|(c, _at)| c)).collect();
            found.sort_unstable();
            found.dedup();
            prop_assert_eq!(tokens(&text), found);
        }
    }

    #[test]
    fn a_link_is_seen_wherever_it_stands() {
        for text in ["http://a.b", "see (HTTPS://moim.dev/x)", "여기https://한글.kr"] {
            assert!(holds_link(text), "{text}");
        }
        for text in ["http", "https:// not", "ftp://a.b", "hhttp:/x", "http://"] {
            assert!(!holds_link(text), "{text}");
        }
    }

    #[test]
    fn numbers_are_kept_in_databases_and_never_change() {
        assert_eq!(tokens("회의"), [Token(202_963_380)]);
        assert_eq!(tokens("meeting"), [Token(1_853_532_371)]);
        assert_eq!(tokens("🎉"), [Token(864_402_559)]);
        assert_eq!(room_token(RoomId(12)), Token(2_049_256_284));
        assert_eq!(author_token(UserId(3)), Token(1_052_013_406));
        assert_eq!(link_token(), Token(694_293_575));
        assert_eq!(file_token(), Token(694_301_077));
    }
}
