//! What the events of a room say of themselves, when all of them are known.

use std::collections::BTreeSet;

use super::{Book, EMOJI, Entry, Part, Who, Wrong};

impl Book {
    /// Everything that is wrong in the log: for a room of which every event is known.
    pub(crate) fn verdict(&self) -> Vec<Wrong> {
        let entries = self.entries.borrow();
        entries.iter().flat_map(|(id, entry)| entry.verdict(id)).collect()
    }
}

impl Entry {
    /// Who has this reaction behind a seq.
    pub(super) fn reactors(&self, emoji: usize, upto: u64) -> BTreeSet<Who> {
        let mut who = BTreeSet::new();
        let here = self.marks.iter().filter(|mark| mark.emoji == emoji && mark.seq <= upto);
        here.for_each(|mark| {
            if mark.is_on {
                who.insert(mark.by)
            } else {
                who.remove(&mark.by)
            };
        });
        who
    }

    fn verdict(&self, id: &str) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        for (text, rev) in self.texts.iter().zip(1..) {
            if text.rev.is_some_and(|told| told != rev) {
                let how = format!("text {rev} of {id} is told as revision {:?}", text.rev);
                wrongs.push(Part::Edit.wrong(how));
            }
        }
        for emoji in 0..EMOJI.len() {
            let mut who = BTreeSet::new();
            for mark in self.marks.iter().filter(|mark| mark.emoji == emoji) {
                let is_new = if mark.is_on { who.insert(mark.by) } else { who.remove(&mark.by) };
                if !is_new {
                    wrongs.push(Part::Reaction.wrong(format!("{id}: {mark:?} changed nothing")));
                } else if mark.count.is_some_and(|count| count != who.len() as u64) {
                    let how = format!("{id}: {mark:?} leaves {}", who.len());
                    wrongs.push(Part::Reaction.wrong(how));
                }
            }
        }
        wrongs
    }
}
