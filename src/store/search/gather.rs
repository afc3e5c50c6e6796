//! Puts together what the tail and the index have, in one order, and ends in time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::hits::{self, Hit, SPARE};
use super::scope::Scope;
use super::spot::Spot;
use super::{FoundPage, Search};
use crate::store::messages::Message;

/// What one search may cost: bytes of texts, and so many bytes more for each that is looked at.
const BUDGET: usize = 2_000_000;
const EACH: usize = 300;

/// What was found so far.
pub(super) struct Gather<'a> {
    search: &'a Search<'a>,
    found: BTreeMap<Reverse<Spot>, Message>,
    /// Down to where everything in the tail was looked at, if not to its end.
    tail_to: Option<Spot>,
    /// The same of the index; nothing at first.
    index_to: Option<Spot>,
    looked: usize,
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
            looked: 0,
            spent: 0,
        }
    }

    /// From where to go on in the index.
    pub(super) fn index_from(&self) -> Spot {
        self.index_to.unwrap_or(Spot::MAX)
    }

    /// Looks at one message that the reader may see.
    pub(super) fn take(&mut self, message: Message, carries_file: bool) {
        self.spent += message.text.as_ref().map_or(0, String::len);
        if self.search.means(&message, carries_file) {
            let spot = Spot::of(message.at, message.room, message.seq);
            self.found.insert(Reverse(spot), message);
        }
    }

    /// The tail was looked at down to here only.
    pub(super) fn cut_tail(&mut self, at: Spot) {
        self.tail_to = Some(at);
    }

    /// Takes what the index has next, of at most `most`; fewer are its end. Says how much to ask for
    /// next: more each time, within what the budget leaves.
    pub(super) fn take_hits(&mut self, hits: Vec<Hit>, scope: &Scope, most: usize) -> usize {
        let is_end = hits.first().is_none_or(|hit| hit.count < most);
        self.index_to = hits.last().map(|last| last.spot).filter(|_last| !is_end);
        for hit in hits {
            self.spent += EACH;
            self.looked += 1;
            if let Some(message) = hit.message.filter(|message| scope.has(message.room)) {
                self.take(message, hit.carries_file);
            }
        }
        let each = self.spent / self.looked.max(1) + 1;
        (most * 4).min(hits::MOST).min(BUDGET.saturating_sub(self.spent) / each + SPARE)
    }

    /// Whether the page is full, the index at its end or the budget spent.
    pub(super) fn is_done(&self) -> bool {
        let is_full = || self.known().nth(self.search.limit).is_some();
        self.index_to.is_none() || self.spent >= BUDGET || is_full()
    }

    /// The page.
    pub(super) fn finish(self) -> FoundPage {
        let known = self.known().count();
        let edge = self.edge();
        let mut messages: Vec<_> = self.found.into_iter().take(known).collect();
        let has_more = messages.len() > self.search.limit;
        messages.truncate(self.search.limit);
        let last = messages.last().map(|(Reverse(spot), _message)| *spot);
        let next = if has_more { last } else { edge };
        FoundPage { messages: messages.into_iter().map(|(_spot, message)| message).collect(), next }
    }

    /// Down to where both were looked at; none when both are at their end.
    fn edge(&self) -> Option<Spot> {
        self.tail_to.max(self.index_to)
    }

    /// What stands where nothing else can come between any more.
    fn known(&self) -> impl Iterator<Item = &Message> {
        let edge = self.edge();
        let is_known = move |spot: &Spot| edge.is_none_or(|edge| *spot >= edge);
        self.found.iter().take_while(move |(Reverse(spot), _)| is_known(spot)).map(|(_, m)| m)
    }
}
