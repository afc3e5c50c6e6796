//! The folded form of a text: what is left when only that counts which a reader reads. Letters of
//! full width, in circles or in another face are plain ones (NFKC), what nobody sees is not there, and
//! neither are strokes over a letter that make no other letter of it. All in lower case.
//!
//! An accent that makes another letter stays: `año` is not `ano`. So do letters of other scripts that
//! only look alike.

use std::iter::once;
use std::ops::Range;

use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// A folded text, and where its characters came from.
#[derive(Debug)]
pub(super) struct Folded {
    text: String,
    /// Where pieces begin that fold by themselves: in the folded text, and as it was written.
    pieces: Vec<(usize, usize)>,
    written: usize,
}

/// The folded form of a text.
pub(super) fn fold(text: &str) -> String {
    let whole = text.chars().filter(|c| !is_unseen(*c)).nfkc();
    // What a stroke stood between may become one syllable.
    whole.flat_map(char::to_lowercase).filter(|c| !is_stroke(*c)).nfc().collect()
}

impl Folded {
    /// Folds a text; none where that would be the text in lower case.
    pub(super) fn of(text: &str) -> Option<Self> {
        let is_folded = if text.is_ascii() { !text.contains(is_unseen) } else { is_folded(text) };
        if is_folded {
            return None;
        }
        let mut folded = Self { text: String::new(), pieces: Vec::new(), written: text.len() };
        let mut begin = 0;
        for (at, c) in text.char_indices().skip(1) {
            if begins(c) {
                folded.push(begin, text.get(begin..at).unwrap_or_default());
                begin = at;
            }
        }
        folded.push(begin, text.get(begin..).unwrap_or_default());
        Some(folded)
    }

    fn push(&mut self, at: usize, piece: &str) {
        self.pieces.push((self.text.len(), at));
        if piece.is_ascii() {
            let seen = piece.chars().filter(|c| !is_unseen(*c));
            self.text.extend(seen.map(|c| c.to_ascii_lowercase()));
        } else {
            self.text.push_str(&fold(piece));
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// What of the text as it was written became this.
    pub(super) fn origin(&self, found: &Range<usize>) -> Range<usize> {
        let begin = self.pieces.partition_point(|(folded, _)| *folded <= found.start);
        let end = self.pieces.partition_point(|(folded, _)| *folded < found.end);
        let place = |piece: usize| self.pieces.get(piece).map(|(_, written)| *written);
        place(begin.saturating_sub(1)).unwrap_or(0)..place(end).unwrap_or(self.written)
    }
}

/// Whether a text certainly folds into itself in lower case.
fn is_folded(text: &str) -> bool {
    let mut lower = text.chars().flat_map(char::to_lowercase);
    is_nfkc_quick(text.chars()) == IsNormalized::Yes && !lower.any(|c| is_unseen(c) || is_stroke(c))
}

/// Whether a character folds into the same whatever stands before it, and so does what stands there.
fn begins(c: char) -> bool {
    if is_unseen(c) || is_stroke(c) {
        return false;
    }
    // Syllables of Hangul, and Chinese characters.
    if c.is_ascii() || matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}') {
        return true;
    }
    let mut first = None;
    decompose_compatible(c, |part| first = first.or(Some(part)));
    let is_apart = |first| {
        canonical_combining_class(first) == 0 && is_nfkc_quick(once(first)) == IsNormalized::Yes
    };
    first.is_some_and(is_apart)
}

/// Characters that show nothing: those that Unicode lets be ignored, and controls but white space.
pub(in crate::domain) fn is_unseen(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Marks that lie over or around the character before them, in any script.
const fn is_stroke(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_nobody_reads_falls_away() {
        for (text, folded) in [
            ("ＢＡＤ", "bad"),
            ("b\u{200b}a\u{2060}d\u{feff}", "bad"),
            ("b\u{ad}ad b\u{34f}ad b\u{1}ad", "bad bad bad"),
            ("b\u{336}a\u{336}d\u{20dd}", "bad"),
            ("𝐛𝒶𝕕 ⓑⓐⓓ ᵇᵃᵈ", "bad bad bad"),
            ("İ", "i"),
            ("ﾊﾞｶ", "バカ"),
            ("바보 ㅂㅏㅂㅗ 바\u{300}보", "바보 바보 바보"),
            ("\u{1107}\u{336}\u{1161}", "바"),
            ("año Café ас", "año café ас"),
            ("a\nb\tc", "a\nb\tc"),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
        for (plain, other) in [("plain, 12:30", "pl\u{1}ain"), ("내일 회의", "내\u{200d}일")]
        {
            assert!(Folded::of(plain).is_none() && Folded::of(other).is_some(), "{plain}");
        }
    }

    #[test]
    fn every_place_leads_back() {
        let text = "a ｂ\u{200b}\u{336}ad ㎏";
        let folded = Folded::of(text).unwrap();
        assert_eq!(folded.as_str(), "a bad kg");
        let origin = |word: &str| {
            let at = folded.as_str().find(word).unwrap();
            text.get(folded.origin(&(at..at + word.len()))).unwrap()
        };
        assert_eq!(origin("bad"), "ｂ\u{200b}\u{336}ad");
        assert_eq!((origin("g"), origin("a")), ("㎏", "a"));
        assert_eq!(origin(folded.as_str()), text);
    }

    fn odd() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            3 => "[\u{1100}-\u{11ff}\u{3130}-\u{318f}\u{ffa0}-\u{ffdc}]{1,3}",
            3 => "[a-cA-C가각\u{300}-\u{345}\u{336}\u{20dd}\u{488}\u{200b}\u{34f}]{1,4}",
            1 => "[ﾊ-ﾟヽゞ\u{3099}ﬀ-ﬆ㎏ǅİß\u{1}´]{1,3}",
            1 => "[\u{915}-\u{94d}\u{9be}\u{b47}\u{b3e}\u{e33}ก]{1,3}",
            2 => "\\PC{1,4}",
        ];
        prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn pieces_fold_as_the_whole_does(text in odd()) {
            match Folded::of(&text) {
                None => {
                    let lower: String = text.chars().flat_map(char::to_lowercase).collect();
                    prop_assert_eq!(fold(&text), lower);
                }
                Some(folded) => {
                    prop_assert_eq!(folded.as_str(), fold(&text));
                    let whole = folded.as_str();
                    for (at, c) in whole.char_indices() {
                        let origin = folded.origin(&(at..at + c.len_utf8()));
                        prop_assert!(text.get(origin).is_some_and(|origin| !origin.is_empty()));
                    }
                }
            }
        }
    }
}
