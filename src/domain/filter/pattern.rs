//! What a rule looks for: how it is read, and how it becomes something that looks.

use std::error::Error;
use std::ops::Range;

use regex_automata::dfa::regex::Regex;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Input, Span};

use super::fold::fold;
use super::view::View;
use super::word::lower;
use super::{FilterAction, FilterKind};
use crate::domain::text::{InvalidText, normalise};

/// Characters of a pattern.
const CHARS: usize = 200;
/// Bytes of the table of one expression; for masks there is a second one, to find beginnings.
const TABLE: usize = 512 << 10;
/// Bytes that making the table may take on the way.
const MAKING: usize = 2 << 20;
/// The same for the automaton that it is made from.
const AUTOMATON: usize = 128 << 10;
/// How deep brackets may be.
const DEPTH: u32 = 32;

/// Why a pattern was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Nothing to look for.
    #[error("must not be blank")]
    Blank,
    /// Too long.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// A character that cannot be stored.
    #[error("holds a character that cannot be stored")]
    Unstorable,
    /// No regular expression.
    #[error("is no regular expression: {0}")]
    Syntax(String),
    /// Its table would be too large.
    #[error("is too large once it is worked out: repeat less, or name fewer kinds of characters")]
    TooBig,
    /// Something that cannot be looked for in one pass.
    #[error("uses what is not known here, like \\b for all scripts; (?-u:\\b) is")]
    Unsupported,
    /// It finds nothing, everywhere.
    #[error("finds the empty text")]
    Empty,
}

/// What a rule looks for: 1–200 characters, NFC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    kind: FilterKind,
    text: String,
}

impl Pattern {
    /// Parses what a client sent. A word loses the white space around it.
    ///
    /// # Errors
    /// [`InvalidPattern`] says what was wrong.
    pub fn parse(kind: FilterKind, raw: &str) -> Result<Self, InvalidPattern> {
        let raw = if kind == FilterKind::Word { raw.trim() } else { raw };
        let text = normalise(raw, CHARS).map_err(|why| match why {
            InvalidText::TooLong(_) => InvalidPattern::TooLong(CHARS),
            InvalidText::Unstorable => InvalidPattern::Unstorable,
            InvalidText::Blank => InvalidPattern::Blank,
        })?;
        if text.chars().all(char::is_whitespace) {
            return Err(InvalidPattern::Blank);
        }
        let pattern = Self { kind, text: text.into_owned() };
        // The largest form is the one that must fit, so that any action can be chosen.
        let matcher = pattern.matcher(FilterAction::Mask)?;
        if matcher.finds_nothing() {
            return Err(InvalidPattern::Empty);
        }
        Ok(pattern)
    }

    /// What was kept of one that was parsed before.
    #[must_use]
    pub fn kept(kind: FilterKind, text: String) -> Self {
        Self { kind, text }
    }

    /// How it reads.
    #[must_use]
    pub const fn kind(&self) -> FilterKind {
        self.kind
    }

    /// What it says.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn matcher(&self, action: FilterAction) -> Result<Matcher, InvalidPattern> {
        match (self.kind, action) {
            (FilterKind::Word, _) => {
                Ok(Matcher::Word { lower: lower(&self.text), folded: fold(&self.text) })
            }
            (FilterKind::Regex, FilterAction::Mask) => Ok(Matcher::Find(self.find()?)),
            (FilterKind::Regex, FilterAction::Reject | FilterAction::Report) => {
                Ok(Matcher::Test(self.test()?))
            }
        }
    }

    fn find(&self) -> Result<Box<Regex>, InvalidPattern> {
        let mut builder = Regex::builder();
        builder.syntax(syntax()).thompson(automaton()).dense(table());
        builder.build(&self.text).map(Box::new).map_err(|why| invalid(&why))
    }

    fn test(&self) -> Result<Box<dense::DFA<Vec<u32>>>, InvalidPattern> {
        let mut builder = dense::Builder::new();
        builder.syntax(syntax()).thompson(automaton()).configure(table());
        builder.build(&self.text).map(Box::new).map_err(|why| invalid(&why))
    }
}

fn syntax() -> syntax::Config {
    syntax::Config::new().case_insensitive(true).nest_limit(DEPTH)
}

fn automaton() -> thompson::Config {
    thompson::Config::new().nfa_size_limit(Some(AUTOMATON))
}

fn table() -> dense::Config {
    dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .dfa_size_limit(Some(TABLE))
        .determinize_size_limit(Some(MAKING))
}

fn invalid(why: &dense::BuildError) -> InvalidPattern {
    let inner = why.source().and_then(|inner| inner.downcast_ref::<thompson::BuildError>());
    match inner {
        _ if why.is_size_limit_exceeded() => InvalidPattern::TooBig,
        None => InvalidPattern::Unsupported,
        Some(inner) if inner.size_limit().is_some() => InvalidPattern::TooBig,
        Some(inner) => InvalidPattern::Syntax(last_line(inner)),
    }
}

/// What is wrong, without the drawing that points at it.
fn last_line(why: &thompson::BuildError) -> String {
    let text = why.source().map_or_else(|| why.to_string(), ToString::to_string);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim_start_matches("error:").trim().to_owned()
}

/// Something that looks for a pattern.
#[derive(Debug)]
pub(super) enum Matcher {
    /// A word.
    Word {
        /// In lower case, for texts as they were written.
        lower: String,
        /// Folded, for folded ones; empty where nothing of it is left.
        folded: String,
    },
    /// Whether an expression is there at all.
    Test(Box<dense::DFA<Vec<u32>>>),
    /// Where it is.
    Find(Box<Regex>),
}

impl Matcher {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Word { lower, folded } => lower.len() + folded.len(),
            Self::Test(dfa) => dfa.memory_usage(),
            Self::Find(regex) => regex.forward().memory_usage() + regex.reverse().memory_usage(),
        }
    }

    /// Whether the pattern is in what a view shows.
    pub(super) fn is_in(&self, view: &View<'_>) -> bool {
        match self {
            Self::Word { lower, folded } => {
                view.forms(lower, folded).any(|word| view.lowered().has(word))
            }
            // Searching fails only on bytes that a table gives up on, and these give up on none.
            Self::Test(dfa) => {
                let input = Input::new(view.as_str()).earliest(true);
                dfa.try_search_fwd(&input).is_ok_and(|found| found.is_some())
            }
            Self::Find(regex) => regex.is_match(view.as_str()),
        }
    }

    /// Where the pattern is in what a view shows. Takes from `left` for each find, and takes the whole
    /// rest when nothing is left.
    pub(super) fn find_all(
        &self,
        view: &View<'_>,
        left: &mut usize,
        found: &mut Vec<Range<usize>>,
    ) {
        let text = view.as_str();
        let regex = match self {
            Self::Word { lower, folded } => {
                let forms = view.forms(lower, folded);
                return forms.for_each(|word| view.lowered().find_all(word, text, found));
            }
            Self::Test(_) => return,
            Self::Find(regex) => regex,
        };
        for find in regex.find_iter(text) {
            let Span { start, end } = find.span();
            if *left == 0 {
                found.push(start..text.len());
                return;
            }
            *left -= 1;
            found.push(start..end);
        }
    }

    fn finds_nothing(&self) -> bool {
        match self {
            Self::Word { lower, .. } => lower.is_empty(),
            Self::Test(dfa) => dfa.has_empty(),
            Self::Find(regex) => regex.forward().has_empty(),
        }
    }
}
