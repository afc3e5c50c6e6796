//! Words and patterns that a club does not want in its rooms.
//!
//! A plain word is looked for in the text without case. A regular expression becomes a table (a
//! DFA) of bounded size when it is made, so that looking for it takes one step a byte, whatever it
//! says and whatever the text is; what would need a larger table is refused. Both are in Unicode
//! form NFC, as texts are.
//!
//! Who wants to say a word all the same writes it in other letters of the same look, puts in what
//! nobody sees, or marks a part of it. So every rule looks at a text in up to three ways (`view.rs`).

mod fold;
mod pattern;
mod view;
mod word;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(super) use self::fold::is_unseen;
use self::pattern::Matcher;
pub use self::pattern::{InvalidPattern, Pattern};
use self::view::View;
use super::ids::FilterId;
use super::role::words;
use super::text::Text;

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
        let has_words = rules.iter().any(|rule| matches!(*rule.matcher, Matcher::Word { .. }));
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

    /// What becomes of a text. Every rule looks at the text as it was written, folded, and as its
    /// readers see it.
    #[must_use]
    pub fn judge(&self, text: &Text) -> Verdict {
        let show = |text: &str| Text::parse(text).ok().and_then(|text| text.shown());
        self.weigh(text.as_str(), text.shown().as_deref(), show)
    }

    /// What becomes of a name, which has no marks.
    #[must_use]
    pub fn judge_name(&self, name: &str) -> Verdict {
        self.weigh(name, None, |_name| None)
    }

    /// Every rule that finds something in a text, in the order of the rules.
    #[must_use]
    pub fn found_by(&self, text: &Text) -> Vec<FilterId> {
        let shown = text.shown();
        let views = View::all(text.as_str(), shown.as_deref(), self.has_words);
        self.rules.iter().filter(|rule| rule.finds(&views)).map(|rule| rule.id).collect()
    }

    fn by(&self, action: FilterAction) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.action == action)
    }

    fn weigh(
        &self,
        text: &str,
        shown: Option<&str>,
        show: impl Fn(&str) -> Option<String>,
    ) -> Verdict {
        let views = View::all(text, shown, self.has_words);
        let finds = |rule: &&Rule| rule.finds(&views);
        if let Some(rule) = self.by(FilterAction::Reject).find(finds) {
            return Verdict::Rejected(rule.id);
        }
        let masked = self.masked(text, &views, show);
        let flagged = self.by(FilterAction::Report).find(finds).map(|rule| rule.id);
        Verdict::Taken { masked, flagged }
    }

    fn masked(
        &self,
        text: &str,
        views: &[View<'_>],
        show: impl Fn(&str) -> Option<String>,
    ) -> Option<String> {
        let rules: Vec<_> = self.by(FilterAction::Mask).collect();
        if !rules.iter().any(|rule| rule.finds(views)) {
            return None;
        }
        let exact = views.iter().filter(|view| view.is_exact());
        let masked = mask(text, places(&rules, exact));
        let stars = mask(text, std::iter::once(0..text.len()).collect());
        let bare = show(&stars);
        let nothing = View::all(&stars, bare.as_deref(), self.has_words);
        // What finds stars themselves would never be done.
        let rules: Vec<_> = rules.into_iter().filter(|rule| !rule.finds(&nothing)).collect();
        let left = |masked: &str| {
            let shown = show(masked);
            places(&rules, &View::all(masked, shown.as_deref(), self.has_words))
        };
        // What is only shown is masked as well as can be told where it stands. Stars are marks, too:
        // what stood apart may be shown together by them.
        let rest = left(&masked);
        if rest.is_empty() {
            return Some(masked);
        }
        let masked = mask(&masked, rest);
        Some(if left(&masked).is_empty() { masked } else { stars })
    }
}

/// Where rules find something, in the text as it was written.
fn places<'v, 't: 'v>(
    rules: &[&Rule],
    views: impl IntoIterator<Item = &'v View<'t>>,
) -> Vec<Range<usize>> {
    let found = |view: &View<'t>| {
        let (mut found, mut finds_left) = (Vec::new(), FINDS);
        for rule in rules {
            rule.matcher.find_all(view, &mut finds_left, &mut found);
        }
        view.origins(found)
    };
    views.into_iter().flat_map(found).collect()
}

impl Rule {
    fn finds(&self, views: &[View<'_>]) -> bool {
        views.iter().any(|view| self.matcher.is_in(view))
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
