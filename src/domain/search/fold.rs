//! The form in which texts are compared: without case, widths and invisible marks, white space as
//! single blanks. Each character is folded by itself, so that a place in the folded text leads back
//! to one in the text.

use unicode_normalization::char::is_combining_mark;

/// What a folded character is to a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// White space.
    Blank,
    /// A letter or digit of a script that puts blanks between words.
    Letter,
    /// A character of a script whose words are found inside longer ones: Korean, Japanese, Chinese,
    /// Thai and their like.
    Dense,
    /// A sign that can be looked for by itself, like an emoji.
    Sign,
    /// Punctuation.
    Other,
}

impl Kind {
    /// The kind of a folded character.
    pub(super) fn of(c: char) -> Self {
        match c {
            ' ' => Self::Blank,
            'a'..='z' | '0'..='9' => Self::Letter,
            '\0'..='\u{7f}' => Self::Other,
            _dense if is_dense(c) => Self::Dense,
            _letter if c.is_alphanumeric() || is_combining_mark(c) => Self::Letter,
            // Latin-1, general and Asian punctuation.
            '\u{80}'..='\u{bf}'
            | '\u{2000}'..='\u{206f}'
            | '\u{2e00}'..='\u{2e7f}'
            | '\u{3000}'..='\u{303f}'
            | '\u{fe10}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ffef}' => Self::Other,
            _other => Self::Sign,
        }
    }
}

fn is_dense(c: char) -> bool {
    matches!(c,
        // Thai, Lao, Burmese, Khmer.
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        // Hangul in syllables and in parts.
        | '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}'
        // Kana, and kana of half width.
        | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ffdc}'
        // Bopomofo.
        | '\u{3100}'..='\u{312f}' | '\u{31a0}'..='\u{31bf}'
        // Chinese characters, and the signs that repeat one or stand for one.
        | '\u{3005}'..='\u{3007}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The folded characters of a text in NFC, each with the place (in characters) of that which it
/// came from.
pub(super) fn folded(text: &str) -> impl Iterator<Item = (char, usize)> {
    let mut after_blank = true;
    let parts = text.chars().enumerate().flat_map(|(at, c)| Fold::of(c).map(move |c| (c, at)));
    parts.filter(move |(c, _at)| {
        let is_repeated = *c == ' ' && after_blank;
        after_blank = *c == ' ';
        !is_repeated
    })
}

/// The folded characters of a text in NFC.
pub(super) fn flat(text: &str) -> String {
    let mut flat = String::with_capacity(text.len());
    if text.is_ascii() {
        for c in text.bytes() {
            match folded_ascii(c) {
                Some(c) => flat.push(c),
                None if flat.is_empty() || flat.ends_with(' ') => {}
                None => flat.push(' '),
            }
        }
    } else {
        folded(text).for_each(|(c, _at)| flat.push(c));
    }
    flat
}

/// What a byte of ASCII becomes; none for white space.
pub(super) fn folded_ascii(byte: u8) -> Option<char> {
    matches!(byte, b'!'..=b'~').then(|| char::from(byte.to_ascii_lowercase()))
}

/// What one character becomes: nothing, itself, or up to three.
struct Fold {
    chars: [char; 3],
    next: usize,
    end: usize,
}

impl Fold {
    fn of(c: char) -> Self {
        match c {
            'A'..='Z' => Self::one(c.to_ascii_lowercase()),
            '!'..='~' => Self::one(c),
            _blank if c.is_whitespace() || c.is_control() => Self::one(' '),
            // Soft hyphen, zero-width space, variation selectors, byte order mark.
            '\u{ad}' | '\u{200b}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => Self::few("".chars()),
            // Asian scripts know no case.
            '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{a63f}' | '\u{ac00}'..='\u{faff}' => {
                Self::one(c)
            }
            // ASCII in full width.
            '\u{ff01}'..='\u{ff5e}' => {
                let narrow = char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c);
                Self::one(narrow.to_ascii_lowercase())
            }
            _other => Self::without_case(c),
        }
    }

    /// By way of the capital, so that all small forms of one fall together (σ and ς, ı and i); and
    /// into several letters only where these are plain ones (ß, ﬁ).
    fn without_case(c: char) -> Self {
        let capital = c.to_uppercase();
        if capital.clone().all(|c| c.is_ascii()) {
            return Self::few(capital.map(|c| c.to_ascii_lowercase()));
        }
        let alone = if capital.len() == 1 { capital.clone().next() } else { None };
        Self::one(alone.unwrap_or(c).to_lowercase().next().unwrap_or(c))
    }

    fn one(c: char) -> Self {
        Self::few(std::iter::once(c))
    }

    fn few(chars: impl Iterator<Item = char>) -> Self {
        let mut fold = Self { chars: [' '; 3], next: 0, end: 0 };
        for (place, c) in fold.chars.iter_mut().zip(chars) {
            *place = c;
            fold.end += 1;
        }
        fold
    }
}

impl Iterator for Fold {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.next..self.end)?.first().copied();
        self.next += 1;
        c
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(text: &str) -> String {
        let one_by_one: String = folded(text).map(|(c, _at)| c).collect();
        assert_eq!(flat(text), one_by_one);
        one_by_one
    }

    #[test]
    fn case_width_and_invisible_marks_fall_away() {
        for (text, folded) in [
            ("Straße STRASSE", "strasse strasse"),
            ("ΟΔΟΣ οδος οδοσ", "οδοσ οδοσ οδοσ"),
            ("İstanbul ıI", "istanbul ii"),
            ("ＡＢＣ１２３", "abc123"),
            ("❤\u{fe0f} co\u{ad}op", "❤ coop"),
            (" \n a\u{3000}\tb ", "a b "),
            ("회의ABC", "회의abc"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
    }

    #[test]
    fn every_character_knows_where_it_came_from() {
        let places: Vec<_> = folded("Aß  x").collect();
        assert_eq!(places, [('a', 0), ('s', 1), ('s', 1), (' ', 2), ('x', 4)]);
    }

    #[test]
    fn kinds_are_told_apart() {
        for (c, kind) in [
            (' ', Kind::Blank),
            ('a', Kind::Letter),
            ('é', Kind::Letter),
            ('\u{301}', Kind::Letter),
            ('д', Kind::Letter),
            ('7', Kind::Letter),
            ('회', Kind::Dense),
            ('会', Kind::Dense),
            ('カ', Kind::Dense),
            ('ｶ', Kind::Dense),
            ('ก', Kind::Dense),
            ('々', Kind::Dense),
            ('🎉', Kind::Sign),
            ('₩', Kind::Sign),
            ('-', Kind::Other),
            ('。', Kind::Other),
            ('“', Kind::Other),
        ] {
            assert_eq!(Kind::of(c), kind, "{c:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn plain_texts_are_folded_like_all(text in "[\\x00-\\x7f]{0,40}|.{0,40}") {
            fold(&text);
        }
    }
}
