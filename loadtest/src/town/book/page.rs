//! What somebody is shown of messages, held against what is known of them.

use std::collections::HashSet;

use serde_json::Value;

use super::{Book, EMOJI, Entry, Part, Who, Wrong};
use crate::scan::Stamp;

/// What must be in a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// Whatever happened up to this seq.
    pub upto: u64,
    /// Nothing that happened later, and all of that is known.
    pub is_exact: bool,
}

/// Messages as somebody is shown them, by ascending seq.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'p> {
    pub items: &'p [Value],
    /// Whoever looks at it.
    pub reader: Who,
    /// Every message from this seq on, up to what is known, must be there.
    pub from: u64,
}

impl<'p> Shown<'p> {
    /// The newest messages: a page that is full begins where it begins, another with the first.
    pub(crate) fn newest(items: &'p [Value], most: usize, reader: Who) -> Self {
        let first = items.first().filter(|_| items.len() >= most).map_or(0, seq);
        Self { items, reader, from: first }
    }
}

pub(super) fn seq(item: &Value) -> u64 {
    item.get("seq").and_then(Value::as_u64).unwrap_or(0)
}

pub(super) fn text<'v>(item: &'v Value, key: &str) -> &'v str {
    item.get(key).and_then(Value::as_str).unwrap_or_default()
}

impl Book {
    /// Everything that is wrong with what is shown.
    pub(crate) fn compare(&self, shown: Shown<'_>, known: Known) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let is_ordered = shown.items.iter().map(seq).is_sorted_by(|one, next| one < next);
        if !is_ordered {
            wrongs.push(Part::Page.wrong("the messages of a page are not in order"));
        }
        let entries = self.entries.borrow();
        for item in shown.items {
            let id = text(item, "id");
            match entries.get(id) {
                Some(entry) => {
                    let replies = self.replies(id, known.upto);
                    entry.compare(item, (shown.reader, replies), known, &mut wrongs);
                }
                None if known.is_exact => {
                    wrongs.push(Part::Page.wrong(format!("{id} is shown, and nobody heard of it")));
                }
                // It may be newer than all that was heard.
                None => {}
            }
        }
        let ids: HashSet<&str> = shown.items.iter().map(|item| text(item, "id")).collect();
        // More than a page back nothing is missing from a page.
        for id in self.acked.borrow().iter().rev().take(shown.items.len() + 64) {
            let seq = entries.get(id).and_then(|entry| entry.seq).unwrap_or(0);
            if (shown.from.max(1)..=known.upto).contains(&seq) && !ids.contains(&**id) {
                wrongs.push(Part::Page.wrong(format!("{id} at {seq} is not shown")));
            }
        }
        self.looked_at.update(|count| count + shown.items.len() as u64);
        wrongs
    }
}

impl Entry {
    /// Holds an item against what is known of it, and of so many `replies` in its thread.
    pub(super) fn compare(
        &self,
        item: &Value,
        (reader, replies): (Who, u64),
        known: Known,
        wrongs: &mut Vec<Wrong>,
    ) {
        let (id, at) = (text(item, "id"), seq(item));
        if self.seq.is_some_and(|seq| seq != at) {
            wrongs.push(Part::Page.wrong(format!("{id} stands at {:?}, shown at {at}", self.seq)));
        }
        if self.by.is_some_and(|by| by != Who::of(text(item, "by"))) {
            wrongs.push(Part::Page.wrong(format!("{id} is shown with another author")));
        }
        if let Some(how) = self.thread_wrong(item, replies, known) {
            wrongs.push(Part::Thread.wrong(format!("{id} {how}")));
        }
        if let Some(how) = self.deletion_wrong(item, known) {
            wrongs.push(Part::Delete.wrong(format!("{id} {how}")));
        }
        // Of what is deleted nothing more is shown.
        if item.get("deleted").and_then(Value::as_bool) == Some(true) {
            return;
        }
        if self.is_answer() {
            let wrong = self.answer_wrong(item, known);
            return wrongs.extend(wrong.map(|how| Part::Answer.wrong(format!("{id} {how}"))));
        }
        if known.is_exact
            && let Some(how) = self.pin_wrong(item, known.upto)
        {
            wrongs.push(Part::Pin.wrong(format!("{id} {how}")));
        }
        if let Some(how) = self.text_wrong(item, known) {
            wrongs.push(Part::Edit.wrong(format!("{id}: {how}")));
        }
        if known.is_exact
            && let Some(how) = self.marks_wrong(item, reader, known.upto)
        {
            wrongs.push(Part::Reaction.wrong(format!("{id}: {how}")));
        }
        let file = item.pointer("/files/0/id").and_then(Value::as_str);
        let wanted = self.parcel.as_ref().map(|parcel| &*parcel.id);
        if self.author.is_some() && file != wanted {
            wrongs.push(Part::File.wrong(format!("{id} brought {wanted:?}, shown is {file:?}")));
        }
    }

    /// The newest text that is known to stand must be shown, or a newer one.
    fn text_wrong(&self, item: &Value, known: Known) -> Option<String> {
        let Some(stamp) = Stamp::of(text(item, "text")) else {
            return Some(format!("no text of ours: {:?}", item.get("text")));
        };
        let rev = item.get("rev").and_then(Value::as_u64).unwrap_or(0);
        let least = self.texts.iter().rposition(|text| text.seq <= known.upto)?;
        let place = self.texts.iter().position(|text| text.serial == stamp.serial);
        let newest = self.texts.iter().filter_map(|text| text.rev).max().unwrap_or(0);
        match place.and_then(|place| Some((place, self.texts.get(place)?))) {
            Some((place, _)) if place < least => {
                let since = self.texts.get(least).map(|text| text.seq);
                Some(format!("revision {rev} is shown, a newer text stands since {since:?}"))
            }
            Some((place, _)) if known.is_exact && place > least => {
                Some(format!("revision {rev} is shown before its time"))
            }
            Some((_, text)) if text.rev.is_some_and(|known| known != rev) => {
                Some(format!("revision {:?} is shown as {rev}", text.rev))
            }
            None if known.is_exact || rev <= newest => {
                Some(format!("revision {rev} is another text: {}", stamp.serial))
            }
            _ => None,
        }
    }

    fn marks_wrong(&self, item: &Value, reader: Who, upto: u64) -> Option<String> {
        let shown = item.get("reactions").and_then(Value::as_array);
        let shown = shown.map(Vec::as_slice).unwrap_or_default();
        let mut wanted = 0;
        for (emoji, word) in EMOJI.into_iter().enumerate() {
            let who = self.reactors(emoji, upto);
            wanted += usize::from(!who.is_empty());
            let found = shown.iter().find(|reaction| text(reaction, "emoji") == word);
            let count = found.and_then(|found| found.get("count")?.as_u64()).unwrap_or(0);
            let is_mine = found.and_then(|found| found.get("mine")?.as_bool()).unwrap_or(false);
            if (count, is_mine) != (who.len() as u64, who.contains(&reader)) {
                let mine = if is_mine { ", the reader's among them" } else { "" };
                return Some(format!("{count} {word}{mine}, but {} reacted", who.len()));
            }
        }
        (wanted != shown.len()).then(|| format!("reactions that nobody made: {shown:?}"))
    }
}
