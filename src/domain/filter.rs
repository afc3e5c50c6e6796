//! Words and patterns that a club does not want in its rooms.
//!
//! A plain word is looked for in the text without case. A regular expression becomes a table (a
//! DFA) of bounded size when it is made, so that looking for it takes one step a byte, whatever it
//! says and whatever the text is; what would need a larger table is refused. Both are in Unicode
//! form NFC, as texts are.

mod pattern;
mod word;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::pattern::Matcher;
pub use self::pattern::{InvalidPattern, Pattern};
use self::word::Folded;
use super::ids::FilterId;
use super::role::words;

/// Rules that a club may have.
pub const FILTERS: usize = 100;
/// Bytes that the tables of a club's rules may take together.
pub const FILTER_BYTES: usize = 2 << 20;
/// Finds of regular expressions that are masked one by one in a text. Behind the last of them all
/// is masked: finding every one could take a step for each pair of bytes.
const FINDS: usize = 64;
/// What stands in the place of each character that is masked.
const MASK: char = '*';

words!(
    /// How a rule reads.
    FilterKind {
        /// A word or a few, as they are written.
        Word = "word",
        /// A regular expression.
        Regex = "regex",
    }
);

words!(
    /// What is done with a text in which a rule finds something.
    FilterAction {
        /// It is not taken.
        Reject = "reject",
        /// What was found is made unreadable.
        Mask = "mask",
        /// It is taken, and shown to the moderators.
        Report = "report",
    }
);

/// One rule of a club.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterRule {
    /// Its id.
    pub id: FilterId,
    /// What it looks for.
    pub pattern: Pattern,
    /// What is done then.
    pub action: FilterAction,
}

/// The rules of a club, ready to be asked.
#[derive(Debug, Default)]
pub struct Filter {
    rules: Vec<Rule>,
    has_words: bool,
}

#[derive(Debug)]
struct Rule {
    id: FilterId,
    action: FilterAction,
    /// Shared by the filters in which the rule is, one after the other.
    matcher: Arc<Matcher>,
}

/// What becomes of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is not taken, because of this rule.
    Rejected(FilterId),
    /// It is taken.
    Taken {
        /// In this form, where something was masked.
        masked: Option<String>,
        /// Moderators are to see it, because of this rule.
        flagged: Option<FilterId>,
    },
}

impl Filter {
    /// Makes the rules ready. One that cannot be made ready any more, by a newer version of this
    /// program, is left out.
    #[must_use]
    pub fn new(rules: &[FilterRule]) -> Self {
        Self::default().renewed(rules)
    }

    /// The same, with what this filter has of them ready already: a rule is never another under its id.
    #[must_use]
    pub fn renewed(&self, rules: &[FilterRule]) -> Self {
        let known: HashMap<_, _> = self.rules.iter().map(|rule| (rule.id, rule)).collect();
        let ready = |rule: &FilterRule| {
            let matcher = match known.get(&rule.id) {
                Some(known) => Arc::clone(&known.matcher),
                None => Arc::new(rule.pattern.matcher(rule.action).ok()?),
            };
            Some(Rule { id: rule.id, action: rule.action, matcher })
        };
        let rules: Vec<_> = rules.iter().filter_map(ready).collect();
        let has_words = rules.iter().any(|rule| matches!(*rule.matcher, Matcher::Word(_)));
        Self { rules, has_words }
    }

    /// Bytes of all tables.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rules.iter().map(|rule| rule.matcher.bytes()).sum()
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What becomes of a text. Every rule looks at the text as it was written.
    #[must_use]
    pub fn judge(&self, text: &str) -> Verdict {
        let folded = self.fold(text);
        let by = |action| self.rules.iter().filter(move |rule| rule.action == action);
        let finds = |rule: &&Rule| rule.matcher.is_in(text, &folded);
        if let Some(rule) = by(FilterAction::Reject).find(finds) {
            return Verdict::Rejected(rule.id);
        }
        let mut ranges = Vec::new();
        let mut finds_left = FINDS;
        for rule in by(FilterAction::Mask) {
            rule.matcher.find_all(text, &folded, &mut finds_left, &mut ranges);
        }
        let masked = (!ranges.is_empty()).then(|| mask(text, ranges));
        let flagged = by(FilterAction::Report).find(finds).map(|rule| rule.id);
        Verdict::Taken { masked, flagged }
    }

    /// Every rule that finds something in a text, in the order of the rules.
    #[must_use]
    pub fn found_by(&self, text: &str) -> Vec<FilterId> {
        let folded = self.fold(text);
        let finds = |rule: &&Rule| rule.matcher.is_in(text, &folded);
        self.rules.iter().filter(finds).map(|rule| rule.id).collect()
    }

    fn fold(&self, text: &str) -> Folded {
        if self.has_words { Folded::new(text) } else { Folded::default() }
    }
}

/// The text without what stands in the ranges; white space stays, so that lines do.
fn mask(text: &str, mut ranges: Vec<Range<usize>>) -> String {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut ranges = ranges.into_iter().peekable();
    let mut end = 0;
    let hidden = |(at, c): (usize, char)| {
        while let Some(range) = ranges.next_if(|range| range.start <= at) {
            end = end.max(range.end);
        }
        if at < end && !c.is_whitespace() { MASK } else { c }
    };
    text.char_indices().map(hidden).collect()
}

#[cfg(test)]
mod tests;
