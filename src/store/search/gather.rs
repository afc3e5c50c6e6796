//! Puts together what the tail and the index have, in one order, and ends in time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Search;
use super::hits::{Answer, Ask, Hit, MOST, SPARE};
use super::scope::Scope;
use super::spot::Spot;
use crate::store::messages::Message;

/// What one search may cost: bytes of texts, and so many bytes more for each that is looked at, and for
/// each that the index only names.
const BUDGET: usize = 2_000_000;
const EACH: usize = 300;
const NAMED: usize = 15;
/// How much more is asked for while nothing was found.
const FURTHER: usize = 16;

/// A message, and whether anything is left on it, if that is known.
type Found = (Message, Option<bool>);

/// What was found so far.
pub(super) struct Gather<'a> {
    search: &'a Search<'a>,
    found: BTreeMap<Reverse<Spot>, Found>,
    /// Down to where everything in the tail was looked at, if not to its end.
    tail_to: Option<Spot>,
    /// The same of the index; nothing at first.
    index_to: Option<Spot>,
    /// What the index was asked for last.
    asked: usize,
    /// How many it named, and how many of those were read and were meant.
    named: usize,
    looked: usize,
    meant: usize,
    spent: usize,
}

impl<'a> Gather<'a> {
    pub(super) fn new(search: &'a Search<'a>) -> Self {
        // Right before the first that is wanted.
        let until = search.until.map(Spot::before);
        let from = [search.after, until].into_iter().flatten().min().unwrap_or(Spot::MAX);
        Self {
            search,
            found: BTreeMap::new(),
            tail_to: None,
            index_to: Some(from),
            asked: 0,
            named: 0,
            looked: 0,
            meant: 0,
            spent: 0,
        }
    }

    /// From where to go on in the index.
    pub(super) fn index_from(&self) -> Spot {
        self.index_to.unwrap_or(Spot::MAX)
    }

    /// Looks at one message that the reader may see. Says whether it is meant.
    pub(super) fn take(&mut self, hit: Hit) -> bool {
        let Hit { message, carries_file, left } = hit;
        self.spent += message.text.as_ref().map_or(0, String::len);
        let is_meant = self.search.means(&message, carries_file);
        if is_meant {
            let spot = Spot::of(message.at, message.room, message.seq);
            self.found.insert(Reverse(spot), (message, left));
        }
        is_meant
    }

    /// The tail was looked at down to here only.
    pub(super) fn cut_tail(&mut self, at: Spot) {
        self.tail_to = Some(at);
    }

    /// What to ask the index for next: at first little more than a page, then as much as it takes by
    /// what it named so far, within what the budget leaves.
    pub(super) fn ask(&mut self) -> Ask {
        let page = self.search.limit + 1;
        let most = if self.named == 0 {
            self.search.limit + SPARE
        } else if self.meant == 0 {
            self.asked * FURTHER
        } else {
            // Few were seen: it may be chance that there were so many.
            let surely = (self.meant - self.meant.isqrt()).max(1);
            page.saturating_sub(self.known().count()) * self.named / surely + SPARE
        };
        let readable = MOST * self.named.max(1) / self.looked.max(1);
        let each = self.spent / self.named.max(1) + 1;
        let affordable = BUDGET.saturating_sub(self.spent) / each + SPARE;
        let asks_left = self.named == 0;
        self.asked = if asks_left { most } else { most.min(readable).min(affordable) };
        Ask { below: self.index_from(), most: self.asked, asks_left }
    }

    /// Takes what the index had.
    pub(super) fn take_answer(&mut self, answer: Answer, scope: &Scope) {
        self.index_to = answer.down_to;
        self.named += answer.named;
        self.spent += answer.named * NAMED;
        for hit in answer.hits {
            self.spent += EACH;
            self.looked += 1;
            if scope.has(hit.message.room) && self.take(hit) {
                self.meant += 1;
            }
        }
    }

    /// Whether the page is full, the index at its end or the budget spent.
    pub(super) fn is_done(&self) -> bool {
        let is_full = || self.known().nth(self.search.limit).is_some();
        self.index_to.is_none() || self.spent >= BUDGET || is_full()
    }

    /// The page, and from where to go on.
    pub(super) fn finish(self) -> (Vec<Found>, Option<Spot>) {
        let known = self.known().count();
        let edge = self.edge();
        let mut messages: Vec<_> = self.found.into_iter().take(known).collect();
        let has_more = messages.len() > self.search.limit;
        messages.truncate(self.search.limit);
        let last = messages.last().map(|(Reverse(spot), _message)| *spot);
        let next = if has_more { last } else { edge };
        (messages.into_iter().map(|(_spot, found)| found).collect(), next)
    }

    /// Down to where both were looked at; none when both are at their end.
    fn edge(&self) -> Option<Spot> {
        self.tail_to.max(self.index_to)
    }

    /// What stands where nothing else can come between any more.
    fn known(&self) -> impl Iterator<Item = &Found> {
        let edge = self.edge();
        let is_known = move |spot: &Spot| edge.is_none_or(|edge| *spot >= edge);
        self.found.iter().take_while(move |(Reverse(spot), _)| is_known(spot)).map(|(_, m)| m)
    }
}
