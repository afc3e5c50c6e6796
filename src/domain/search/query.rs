//! What a person types, and whether a text is meant by it.
//!
//! Words with blanks between them must all be there, in any order; what stands between quotes must
//! be there as it stands; a `-` right before either wants it absent. Nothing else has a meaning:
//! other signs at the ends of a word are put aside, as a reader would, and within it they are looked
//! for like letters.
//!
//! A term that begins or ends with a letter begins or ends a word there: `cat` is not in `category`.
//! In a dense script every place is good, for there words have no blanks around them.

use super::fold::{Kind, flat, folded};
use super::tokens::{Token, runs};
use crate::domain::text::normalise;
use crate::domain::{InvalidText, limits};

/// Terms of one query at most.
pub const SEARCH_TERMS: usize = 16;
/// Tokens by which an index is asked: more narrow it down no further and cost a look-up each.
const TOKENS: usize = 12;

/// Why a query was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuery {
    /// Nothing to look for: nothing at all, signs alone, or only what is to be absent.
    #[error("names nothing to look for")]
    Empty,
    /// One letter or syllable, or nothing but syllables that each stand alone.
    #[error("is too short: look for two letters or syllables at least")]
    TooShort,
    /// Too long.
    #[error("is longer than {} characters", limits::SEARCH_CHARS)]
    TooLong,
    /// Too many terms.
    #[error("holds more than {SEARCH_TERMS} words")]
    TooMany,
    /// A character that no text holds (U+0000).
    #[error("holds a character that no text holds")]
    Unstorable,
}

impl InvalidQuery {
    /// The stable word for programs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Empty => "query_empty",
            Self::TooShort => "query_short",
            Self::TooLong | Self::TooMany => "query_long",
            Self::Unstorable => "query_odd",
        }
    }
}

/// A stretch of a text: its first character and how many, in characters (Unicode scalar values).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub start: usize,
    /// How long it is.
    pub len: usize,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText {
    wanted: Vec<Term>,
    unwanted: Vec<Term>,
}

/// What must stand in a text, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term(String);

impl SearchText {
    /// Reads what a person typed.
    ///
    /// # Errors
    /// [`InvalidQuery`] says why it cannot be looked for.
    pub fn parse(raw: &str) -> Result<Self, InvalidQuery> {
        let text = normalise(raw, limits::SEARCH_CHARS).map_err(|why| match why {
            InvalidText::TooLong(_) => InvalidQuery::TooLong,
            InvalidText::Blank | InvalidText::Unstorable => InvalidQuery::Unstorable,
        })?;
        let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (is_wanted, term, behind) = first_term(rest);
            rest = behind.trim_start();
            let terms = if is_wanted { &mut wanted } else { &mut unwanted };
            if !term.0.is_empty() && !terms.contains(&term) {
                terms.push(term);
            }
        }
        if wanted.len() + unwanted.len() > SEARCH_TERMS {
            return Err(InvalidQuery::TooMany);
        }
        let text = Self { wanted, unwanted };
        if !text.wanted.is_empty() && text.wanted.iter().all(Term::is_short) {
            return Err(InvalidQuery::TooShort);
        }
        if text.tokens().is_empty() {
            // Syllables that stand alone are in no index, also those of a phrase.
            let is_dense = |term: &Term| term.0.chars().any(|c| Kind::of(c) == Kind::Dense);
            let has_syllables = text.wanted.iter().any(is_dense);
            return Err(if has_syllables { InvalidQuery::TooShort } else { InvalidQuery::Empty });
        }
        Ok(text)
    }

    /// Tokens that every text which is meant has, one at least: an index that is asked for all of
    /// them misses none.
    #[must_use]
    pub fn tokens(&self) -> Vec<Token> {
        let mut found: Vec<Token> =
            self.wanted.iter().flat_map(|term| runs(term.0.chars())).collect();
        found.sort_unstable();
        found.dedup();
        // A long phrase is told well enough by some of it.
        let step = found.len().div_ceil(TOKENS).max(1);
        found.into_iter().step_by(step).collect()
    }

    /// Whether this text, in NFC, is meant.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let text = flat(text);
        self.wanted.iter().all(|term| term.is_in(&text))
            && !self.unwanted.iter().any(|term| term.is_in(&text))
    }

    /// Where the wanted terms stand in a text: ascending, none touching another.
    #[must_use]
    pub fn spans(&self, text: &str) -> Vec<Span> {
        let (mut flat, mut places) = (String::with_capacity(text.len()), Vec::new());
        places.reserve(text.len());
        for (c, at) in folded(text) {
            flat.push(c);
            places.push(at);
        }
        let mut found: Vec<(usize, usize)> = Vec::new();
        for term in &self.wanted {
            let len = term.0.chars().count();
            // From bytes to characters by going along, for the places ascend.
            let (mut byte, mut char) = (0, 0);
            for at in term.places(&flat) {
                char += flat.get(byte..at).map_or(0, |part| part.chars().count());
                byte = at;
                let (first, last) = (places.get(char), places.get(char + len - 1));
                if let (Some(first), Some(last)) = (first, last) {
                    found.push((*first, *last + 1));
                }
            }
        }
        joined(found)
    }
}

/// Spans of which some may overlap, as spans that do not touch.
fn joined(mut found: Vec<(usize, usize)>) -> Vec<Span> {
    found.sort_unstable();
    let mut spans: Vec<Span> = Vec::new();
    for (start, end) in found {
        match spans.last_mut() {
            Some(last) if start <= last.start + last.len => {
                last.len = last.len.max(end - last.start);
            }
            _apart => spans.push(Span { start, len: end - start }),
        }
    }
    spans
}

/// The term at the beginning of a text that is not blank there: whether it is wanted, it, and what
/// follows.
fn first_term(text: &str) -> (bool, Term, &str) {
    let negated = text.strip_prefix('-').filter(|rest| !rest.starts_with(char::is_whitespace));
    let (is_wanted, text) = (negated.is_none(), negated.unwrap_or(text));
    if let Some(phrase) = text.strip_prefix(is_quote) {
        // One that is not closed goes on to the end.
        let (phrase, behind) = phrase.split_once(is_quote).unwrap_or((phrase, ""));
        return (is_wanted, Term::of(phrase), behind);
    }
    let (word, behind) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    (is_wanted, Term::of(word).trimmed(), behind)
}

/// Straight, or as telephones write it.
const fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”')
}

impl Term {
    fn of(text: &str) -> Self {
        Self(flat(text).trim_end_matches(' ').to_owned())
    }

    /// Without punctuation at its ends.
    fn trimmed(self) -> Self {
        Self(self.0.trim_matches(|c| Kind::of(c) == Kind::Other).to_owned())
    }

    /// One letter or syllable; one sign is enough.
    fn is_short(&self) -> bool {
        let mut kinds = self.0.chars().map(Kind::of);
        let is_letter = matches!(kinds.next(), Some(Kind::Letter | Kind::Dense | Kind::Other));
        is_letter && kinds.next().is_none()
    }

    fn is_in(&self, folded: &str) -> bool {
        self.places(folded).next().is_some()
    }

    /// Where the term stands, in bytes, ascending; no two overlap.
    fn places<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = usize> {
        let (starts, ends) = (is_letter(self.0.chars().next()), is_letter(self.0.chars().last()));
        let mut from = 0;
        std::iter::from_fn(move || {
            loop {
                let at = from + folded.get(from..)?.find(&self.0)?;
                let (before, rest) = folded.split_at_checked(at)?;
                let behind = rest.get(self.0.len()..)?;
                let begins = !(starts && is_letter(before.chars().next_back()));
                if begins && !(ends && is_letter(behind.chars().next())) {
                    from = at + self.0.len();
                    return Some(at);
                }
                // Within a word no other place begins one: it is skipped, so that a text of one
                // long word is read once.
                let skipped = rest.chars().take_while(|c| starts && is_letter(Some(*c)));
                let skipped: usize = skipped.map(char::len_utf8).sum();
                from = at + skipped.max(rest.chars().next().map_or(1, char::len_utf8));
            }
        })
    }
}

fn is_letter(c: Option<char>) -> bool {
    c.is_some_and(|c| Kind::of(c) == Kind::Letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tokens;

    fn means(query: &str, text: &str) -> bool {
        SearchText::parse(query).unwrap().is_in(text)
    }

    fn spans(query: &str, text: &str) -> Vec<(usize, usize)> {
        let spans = SearchText::parse(query).unwrap().spans(text);
        spans.into_iter().map(|span| (span.start, span.len)).collect()
    }

    #[test]
    fn words_are_found_whole_and_dense_scripts_anywhere() {
        for (query, text) in [
            ("회의", "내일회의실에서 봐요"),
            ("会議", "明日の会議室で"),
            ("会议室", "在会议室见"),
            ("カフェ", "駅前カフェテリア"),
            ("api", "API를 고쳤어요"),
            ("MEETING ten", "at Ten: the meeting"),
            ("strasse", "Straße"),
            ("🎉", "생일🎉🎉"),
            ("꽃 축제", "벚꽃 축제"),
            ("2026년 계획", "계획: 2026년"),
        ] {
            assert!(means(query, text), "{query:?} in {text:?}");
        }
        for (query, text) in
            [("meet", "the meeting"), ("회의 점심", "내일 회의"), ("회실", "회의실"), ("pi", "api")]
        {
            assert!(!means(query, text), "{query:?} in {text:?}");
        }
    }

    #[test]
    fn quotes_keep_words_together_and_a_dash_wants_them_absent() {
        let text = "The meeting is at ten,  not at nine. C++ foo-bar";
        for query in [
            "\"at ten\"",
            "“at ten, not”",
            "meeting -lunch",
            "\"c++\"",
            "foo-bar",
            "\"is at",
            "meeting -\"at eleven\"",
        ] {
            assert!(means(query, text), "{query:?}");
        }
        for query in ["\"ten at\"", "meeting -nine", "meeting -\"at ten\"", "\"d++\"", "bar-foo"] {
            assert!(!means(query, text), "{query:?}");
        }
    }

    #[test]
    fn what_means_something_elsewhere_is_text_here() {
        for (query, text) in [
            ("foo*", "foo"),
            ("(foo OR bar)", "foo or bar"),
            ("foo AND bar NOT baz", "foo and bar not baz"),
            ("NEAR(foo bar, 5)", "near(foo: bar, 5"),
            ("' OR 1=1 --", "or 1=1"),
            ("text:foo", "text:foo"),
            ("^foo + bar", "foo bar"),
            ("foo%_", "foo"),
            ("{foo bar}:baz", "foo bar}:baz"),
        ] {
            assert!(means(query, text), "{query:?} in {text:?}");
        }
        assert!(!means("foo*", "foot"));
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused_with_a_word() {
        for (query, why) in [
            ("", InvalidQuery::Empty),
            ("  ", InvalidQuery::Empty),
            ("-회의", InvalidQuery::Empty),
            ("\"\" - -- !!", InvalidQuery::Empty),
            ("。、", InvalidQuery::Empty),
            ("a", InvalidQuery::TooShort),
            ("가 나", InvalidQuery::TooShort),
            ("\"이 책\"", InvalidQuery::TooShort),
            ("\"이 책\" -나무", InvalidQuery::TooShort),
            ("가-나", InvalidQuery::TooShort),
            ("가*", InvalidQuery::TooShort),
            ("C++", InvalidQuery::TooShort),
            ("a\0b", InvalidQuery::Unstorable),
        ] {
            assert_eq!(SearchText::parse(query), Err(why), "{query:?}");
        }
        assert_eq!(SearchText::parse(&"a".repeat(201)), Err(InvalidQuery::TooLong));
        assert!(SearchText::parse(&"가".repeat(200)).is_ok());
        let many: String = (10..27).map(|n| format!("{n} ")).collect();
        assert_eq!(SearchText::parse(&many), Err(InvalidQuery::TooMany));
    }

    #[test]
    fn spans_are_characters_of_the_text_as_it_is() {
        assert_eq!(spans("회의", "내일회의실, 회의!"), [(2, 2), (7, 2)]);
        assert_eq!(spans("strasse", "🎉 Straße"), [(2, 6)]);
        assert_eq!(spans("\"a  b\"", "x a \n b"), [(2, 5)]);
        assert_eq!(spans("나다 가나", "가나다"), [(0, 3)]);
        assert_eq!(spans("가나 가나다 -x", "가나다 가나"), [(0, 3), (4, 2)]);
        assert_eq!(spans("cat", "category cat"), [(9, 3)]);
        assert!(spans("cat", "dog").is_empty());
    }

    #[test]
    fn every_text_that_is_meant_has_the_tokens() {
        let text = "내일 「회의실」 에서 API v2를 🎉 foo-bar";
        for query in ["회의실 api", "\"내일 「회의\"", "🎉 v2", "foo-bar", "\"o-bar", "에서"]
        {
            let query = SearchText::parse(query).unwrap();
            let has = tokens(text);
            assert!(!query.is_in(text) || query.tokens().iter().all(|token| has.contains(token)));
        }
        let long = SearchText::parse(&"가나다라".repeat(50)).unwrap();
        assert!(long.tokens().len() <= TOKENS);
    }
}
