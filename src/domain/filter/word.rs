//! Looking for a word in a text, without case.
//!
//! In scripts that are written with spaces a word is found as a whole: `ass` is not in `class`. In
//! Hangul, Han and Kana it is found anywhere, because endings and other words follow it at once.

use std::cell::OnceCell;
use std::ops::Range;

/// A text in lower case, and where its characters came from.
#[derive(Debug, Default)]
pub(super) struct Lowered {
    text: String,
    /// Whether the places are those of the text itself, as they mostly are.
    is_even: bool,
    places: OnceCell<Vec<(usize, usize)>>,
}

/// A word in lower case.
pub(super) fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

impl Lowered {
    pub(super) fn new(text: &str) -> Self {
        let lowered = lower(text);
        let mut lengths = text.chars().map(|c| (c.len_utf8(), c.to_lowercase()));
        let is_even =
            lengths.all(|(length, lower)| lower.map(char::len_utf8).sum::<usize>() == length);
        Self { text: lowered, is_even, places: OnceCell::new() }
    }

    /// Whether a word in lower case is in it.
    pub(super) fn has(&self, word: &str) -> bool {
        self.next(word, 0).is_some()
    }

    /// Where a word in lower case is, as places of the text as it was written.
    pub(super) fn find_all(&self, word: &str, written: &str, found: &mut Vec<Range<usize>>) {
        let mut from = 0;
        while let Some(range) = self.next(word, from) {
            from = range.end;
            found.push(self.written(range.start, written)..self.written_end(range.end, written));
        }
    }

    /// The next place at or behind one, of the text in lower case.
    fn next(&self, word: &str, mut from: usize) -> Option<Range<usize>> {
        if word.is_empty() {
            return None;
        }
        loop {
            let at = from + self.text.get(from..)?.find(word)?;
            let end = at + word.len();
            if self.is_whole(at, end) {
                return Some(at..end);
            }
            from = at + self.text.get(at..)?.chars().next()?.len_utf8();
        }
    }

    fn is_whole(&self, at: usize, end: usize) -> bool {
        let (before, word) = (self.text.get(..at), self.text.get(at..end));
        let (Some(before), Some(word), Some(after)) = (before, word, self.text.get(end..)) else {
            return false;
        };
        let joins = |left: Option<char>, right: Option<char>| {
            left.zip(right).is_some_and(|(left, right)| is_spaced(left) && is_spaced(right))
        };
        !joins(before.chars().next_back(), word.chars().next())
            && !joins(word.chars().next_back(), after.chars().next())
    }

    /// The beginning of the character as it was written.
    fn written(&self, at: usize, written: &str) -> usize {
        if self.is_even {
            return at;
        }
        let places = self.places(written);
        let after = places.partition_point(|(lowered, _)| *lowered <= at);
        places.get(after.saturating_sub(1)).map_or(0, |(_, place)| *place)
    }

    /// The end of the character as it was written.
    fn written_end(&self, end: usize, written: &str) -> usize {
        if self.is_even {
            return end;
        }
        let places = self.places(written);
        let after = places.partition_point(|(lowered, _)| *lowered < end);
        places.get(after).map_or(written.len(), |(_, place)| *place)
    }

    fn places(&self, written: &str) -> &[(usize, usize)] {
        self.places.get_or_init(|| {
            let mut lowered = 0;
            let place = |(at, c): (usize, char)| {
                let here = lowered;
                lowered += c.to_lowercase().map(char::len_utf8).sum::<usize>();
                (here, at)
            };
            written.char_indices().map(place).collect()
        })
    }
}

/// Whether a character belongs to words that have spaces around them.
fn is_spaced(c: char) -> bool {
    let is_dense = matches!(c,
        // Thai, Lao, Myanmar, Khmer.
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        // Hangul, Kana, Bopomofo, Han.
        | '\u{1100}'..='\u{11ff}' | '\u{3005}'..='\u{318f}' | '\u{31a0}'..='\u{31ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ffdc}' | '\u{1b000}'..='\u{1b16f}'
        | '\u{20000}'..='\u{3ffff}');
    c.is_alphanumeric() && !is_dense
}
