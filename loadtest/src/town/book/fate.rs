//! What becomes of messages beside their texts and reactions: threads that they begin or are in,
//! pins, deletion, and the answers of the assistant.

use std::rc::Rc;

use rand::RngExt;
use rand::rngs::SmallRng;
use serde_json::Value;

use super::page::{seq, text};
use super::{Book, Entry, Known, Part, Shown, Who, Wrong, agree, hash};
use crate::scan::Stamp;

#[derive(Default)]
pub(super) struct Fate {
    /// Its ordinal among the messages.
    pub(super) n: Option<u64>,
    /// The message that began its thread, if it is in one; nothing while that is not known.
    thread: Option<Option<Rc<str>>>,
    /// Pins and their ends, by the seq of their events.
    pins: Vec<(u64, bool)>,
    /// Pins that were asked for and not answered.
    pins_asked: u32,
    /// The place of its deletion.
    deleted: Option<u64>,
    /// It is deleted, or somebody asked for that.
    pub(super) is_going: bool,
    /// Something hangs on it, so nobody deletes it.
    is_kept: bool,
    answer: Option<Answer>,
}

/// An answer of the assistant.
#[derive(Default)]
struct Answer {
    /// Where it ended, and its text; none when it was deleted by then.
    end: Option<(u64, Option<u64>)>,
}

/// What a message is picked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// To be edited, found, reacted to, or asked about.
    Anything,
    /// To be answered in a thread.
    Thread,
    Pin,
    Delete,
}

impl Fate {
    /// What is told when the message comes. False when it is known otherwise.
    pub(super) fn begins(&mut self, n: Option<u64>, thread: Option<&Rc<str>>) -> bool {
        let is_same = match &self.thread {
            Some(held) => held.as_ref() == thread,
            None => {
                self.thread = Some(thread.cloned());
                true
            }
        };
        agree(&mut self.n, n) && is_same
    }

    fn is_pinned(&self, upto: u64) -> bool {
        let last = self.pins.iter().rfind(|(seq, _)| *seq <= upto);
        last.is_some_and(|(_, is_on)| *is_on)
    }

    /// Whether it is clear whether it is pinned, for a list that was asked for at this seq.
    fn is_settled(&self, upto: u64) -> bool {
        self.pins_asked == 0 && self.pins.last().is_none_or(|(seq, _)| *seq <= upto)
    }
}

impl Entry {
    pub(super) fn will_do(&self, what: For) -> bool {
        let fate = &self.fate;
        let is_aside = !matches!(fate.thread, Some(None));
        !fate.is_going
            && match what {
                For::Anything => true,
                For::Thread => !is_aside,
                For::Pin => fate.pins_asked == 0 && !fate.is_pinned(u64::MAX),
                For::Delete => {
                    !fate.is_kept && !is_aside && self.pending == 0 && self.parcel.is_none()
                }
            }
    }

    /// What is wrong with a message that is shown as deleted; or with one that is not.
    pub(super) fn deletion_wrong(&self, item: &Value, known: Known) -> Option<String> {
        let is_shown = item.get("deleted").and_then(Value::as_bool) == Some(true);
        let Fate { deleted, is_going, answer, .. } = &self.fate;
        let is_by_now = deleted.is_some_and(|seq| seq <= known.upto);
        if !is_shown {
            return is_by_now.then(|| format!("is shown, and was deleted at {deleted:?}"));
        }
        // An answer goes with what it quotes.
        let is_known = if known.is_exact {
            is_by_now
        } else {
            deleted.is_some() || *is_going || answer.is_some()
        };
        if !is_known {
            return Some("is shown as deleted, and nobody did that".to_owned());
        }
        let is_left = |key: &str| match item.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::Bool(is_so)) => *is_so,
            Some(_) => true,
        };
        let left = ["text", "html", "files", "previews", "reactions", "pinned"];
        let left = left.into_iter().find(|key| is_left(key));
        left.map(|key| format!("is deleted, and still has its {key}"))
    }

    /// What is wrong with the thread that a message is shown in, or began; `replies` are known.
    pub(super) fn thread_wrong(&self, item: &Value, replies: u64, known: Known) -> Option<String> {
        let shown = item.get("thread").filter(|thread| !thread.is_null());
        let root = shown.and_then(Value::as_str);
        if let Some(held) = &self.fate.thread
            && held.as_deref() != root
        {
            return Some(format!("stands in the thread {held:?}, is shown in {root:?}"));
        }
        let count = shown.and_then(|thread| thread.get("count")?.as_u64()).unwrap_or(0);
        let is_right = if known.is_exact { count == replies } else { count >= replies };
        (!is_right).then(|| format!("has {replies} answers in its thread, is shown with {count}"))
    }

    /// What is wrong with the pin of a message, where all is known.
    pub(super) fn pin_wrong(&self, item: &Value, upto: u64) -> Option<String> {
        let is_shown = item.get("pinned").and_then(Value::as_bool) == Some(true);
        let is_pinned = self.fate.is_pinned(upto);
        (is_shown != is_pinned).then(|| format!("is pinned: {is_pinned}, is shown so: {is_shown}"))
    }

    pub(super) fn is_answer(&self) -> bool {
        self.fate.answer.is_some()
    }

    /// What is wrong with the text of an answer that was over by then.
    pub(super) fn answer_wrong(&self, item: &Value, known: Known) -> Option<String> {
        let (at, told) = self.fate.answer.as_ref()?.end.filter(|(at, _)| *at <= known.upto)?;
        let shown = Some(hash(&[text(item, "text").as_bytes()]));
        (shown != told).then(|| format!("is not shown as it was told when it ended at {at}"))
    }
}

impl Book {
    /// Nobody deletes this message from here on.
    pub(crate) fn keep(&self, id: &str) {
        self.change(id, |fate| fate.is_kept = true);
    }

    /// Somebody asks for its deletion, or has.
    pub(crate) fn will_go(&self, id: &str) {
        self.change(id, |fate| fate.is_going = true);
    }

    pub(crate) fn is_going(&self, id: &str) -> bool {
        self.entries.borrow().get(id).is_some_and(|entry| entry.fate.is_going)
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Fate)) {
        change(&mut self.entries.borrow_mut().entry(id.into()).or_default().fate);
    }

    /// A deletion, by its event or its answer.
    pub(crate) fn deleted(&self, id: &str, seq: u64) -> Result<(), Wrong> {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.entry(id.into()).or_default();
        let is_first = entry.fate.deleted.is_none();
        entry.fate.is_going = true;
        if !agree(&mut entry.fate.deleted, Some(seq)) {
            return Err(Part::Delete.wrong(format!("{id} is deleted again at {seq}")));
        }
        if let Some(last) = entry.texts.last().filter(|_| is_first) {
            self.deleted.borrow_mut().push((id.into(), last.serial));
        }
        Ok(())
    }

    /// Any message that is deleted, with the number of its last text.
    pub(crate) fn any_deleted(&self, random: &mut SmallRng) -> Option<(Rc<str>, u64)> {
        let deleted = self.deleted.borrow();
        deleted.get(random.random_range(0..deleted.len().max(1))).cloned()
    }

    /// A pin was asked for, or was answered.
    pub(crate) fn pin_asked(&self, id: &str, is_answered: bool) {
        self.change(id, |fate| {
            fate.is_kept = true;
            let asked = fate.pins_asked;
            fate.pins_asked = if is_answered { asked.saturating_sub(1) } else { asked + 1 };
        });
    }

    /// A pin or its end, by its event or its answer.
    pub(crate) fn pinned(&self, id: &str, (seq, is_on): (u64, bool)) -> Result<(), Wrong> {
        let mut entries = self.entries.borrow_mut();
        let pins = &mut entries.entry(id.into()).or_default().fate.pins;
        let at = pins.partition_point(|(held, _)| *held < seq);
        match pins.get(at) {
            Some(held) if held.0 == seq && *held != (seq, is_on) => {
                Err(Part::Pin.wrong(format!("the pin of {id} at {seq} is told in two ways")))
            }
            Some(held) if held.0 == seq => Ok(()),
            _ => {
                pins.insert(at, (seq, is_on));
                Ok(())
            }
        }
    }

    /// The messages that are pinned, as far as is known.
    pub(crate) fn pins(&self) -> Vec<Rc<str>> {
        let entries = self.entries.borrow();
        let pinned = entries.iter().filter(|(_, entry)| {
            let fate = &entry.fate;
            fate.pins_asked == 0 && fate.is_pinned(u64::MAX)
        });
        let mut pins: Vec<_> = pinned.map(|(id, _)| id.clone()).collect();
        pins.sort_unstable();
        pins
    }

    /// What is wrong with a list of pins that was asked for when this seq was the newest.
    pub(crate) fn compare_pins(&self, items: &[Value], upto: u64) -> Vec<Wrong> {
        let shown: Vec<&str> = items
            .iter()
            .filter_map(|item| item.pointer("/message/id").and_then(Value::as_str))
            .collect();
        let entries = self.entries.borrow();
        let settled = entries.iter().filter(|(_, entry)| entry.fate.is_settled(upto));
        let wrong = settled.filter_map(|(id, entry)| {
            let (is_pinned, is_shown) = (entry.fate.is_pinned(upto), shown.contains(&&**id));
            // Somebody may have pinned it before that was heard.
            let is_wrong = is_pinned && !is_shown || is_shown && entry.fate.pins.is_empty();
            is_wrong
                .then(|| Part::Pin.wrong(format!("{id}: pinned {is_pinned}, listed {is_shown}")))
        });
        wrong.collect()
    }

    /// Any message that began a thread.
    pub(crate) fn any_thread(&self, random: &mut SmallRng) -> Option<Rc<str>> {
        let threads = self.threads.borrow();
        threads.keys().nth(random.random_range(0..threads.len().max(1))).cloned()
    }

    /// Whether somebody began this thread, or wrote in it.
    pub(crate) fn follows(&self, root: &str, who: Who) -> bool {
        let entries = self.entries.borrow();
        let is_theirs = |entry: &Entry| entry.by == Some(who);
        let is_in =
            |entry: &&Entry| matches!(&entry.fate.thread, Some(Some(held)) if **held == *root);
        entries.get(root).is_some_and(is_theirs) || entries.values().filter(is_in).any(is_theirs)
    }

    /// Messages of a thread up to a seq.
    pub(super) fn replies(&self, root: &str, upto: u64) -> u64 {
        let threads = self.threads.borrow();
        threads.get(root).map_or(0, |all| all.range(..=upto).count() as u64)
    }

    /// What is wrong with the messages of a thread.
    pub(crate) fn compare_thread(&self, root: &str, shown: Shown<'_>, upto: u64) -> Vec<Wrong> {
        let known = Known { upto, is_exact: false };
        let mut wrongs = Vec::new();
        if !shown.items.iter().map(seq).is_sorted_by(|one, next| one < next) {
            wrongs.push(Part::Thread.wrong(format!("the thread of {root} is not in order")));
        }
        let entries = self.entries.borrow();
        for item in shown.items {
            let (id, held) = (text(item, "id"), text(item, "thread"));
            if held != root {
                wrongs.push(Part::Thread.wrong(format!("{id} of {held:?} is in that of {root}")));
            }
            if let Some(entry) = entries.get(id) {
                entry.compare(item, (shown.reader, 0), known, &mut wrongs);
            }
        }
        let threads = self.threads.borrow();
        let seqs: Vec<u64> = shown.items.iter().map(seq).collect();
        let wanted = threads.get(root).into_iter();
        let wanted = wanted.flat_map(|all| all.range(shown.from..=upto.max(shown.from)));
        for missing in wanted.filter(|at| **at <= upto && !seqs.contains(at)) {
            wrongs.push(Part::Thread.wrong(format!("{missing} is not in the thread of {root}")));
        }
        wrongs
    }

    /// An answer of the assistant begins.
    pub(crate) fn answers(&self, id: &str, by: Who, (seq, n): (u64, u64)) -> Result<(), Wrong> {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.entry(id.into()).or_default();
        entry.fate.answer.get_or_insert_default();
        if agree(&mut entry.seq, Some(seq)) & agree(&mut entry.by, Some(by))
            && entry.fate.begins(Some(n), None)
        {
            return Ok(());
        }
        Err(Part::Answer.wrong(format!("{id} at {seq} is told in two ways")))
    }

    /// It ends, with this text.
    pub(crate) fn answered(&self, id: &str, (seq, text): (u64, Option<&str>)) -> Result<(), Wrong> {
        let mut entries = self.entries.borrow_mut();
        let answer = entries.entry(id.into()).or_default().fate.answer.get_or_insert_default();
        let end = (seq, text.map(|text| hash(&[text.as_bytes()])));
        if agree(&mut answer.end, Some(end)) {
            return Ok(());
        }
        Err(Part::Answer.wrong(format!("{id} ends in two ways")))
    }

    /// Whether somebody heard an answer to its end.
    pub(crate) fn heard_answer(&self, id: &str) -> bool {
        let entries = self.entries.borrow();
        let answer = entries.get(id).and_then(|entry| entry.fate.answer.as_ref());
        answer.is_some_and(|answer| answer.end.is_some())
    }

    /// Whether a text quotes a message, in any of its texts; or is not known not to.
    pub(crate) fn is_quoted(&self, id: &str, quote: &str) -> bool {
        let entries = self.entries.borrow();
        let Some(entry) = entries.get(id).filter(|entry| !entry.texts.is_empty()) else {
            return true;
        };
        entry.pending > 0
            || entry.fate.is_going
            || entry.texts.iter().any(|text| quote.contains(&Stamp::word(text.serial)))
    }
}
