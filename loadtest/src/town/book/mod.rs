//! What all sessions together know of the messages of a room: the texts of each, one after the
//! other, who reacted, what it carries. Events and answers fill it, and what anybody is shown is held
//! against it (`page`). It knows nothing of sessions and sockets.

mod fate;
#[cfg(test)]
mod fate_tests;
mod page;
#[cfg(test)]
mod tests;
mod verdict;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use rand::RngExt;
use rand::rngs::SmallRng;

use self::fate::Fate;
pub(crate) use self::fate::For;
pub(crate) use self::page::{Known, Shown};

use super::parcel::Parcel;

/// What people react with. Fewer than a message may have.
pub(crate) const EMOJI: [&str; 6] = ["👍", "❤️", "😂", "😮", "🎉", "🙏"];

/// So often a message is drawn until one will do.
const DRAWS: usize = 8;

/// What is wrong with, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub what: Part,
    pub how: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Edit,
    Reaction,
    /// A read mark.
    Read,
    /// A page of history, or a snapshot.
    Page,
    Search,
    File,
    /// A message that was deleted, or should have been.
    Delete,
    Thread,
    Pin,
    Status,
    /// An entry of an inbox.
    Notice,
    /// An answer of the assistant.
    Answer,
}

impl Part {
    pub(crate) fn wrong(self, how: impl Into<String>) -> Wrong {
        Wrong { what: self, how: how.into() }
    }
}

/// A user, by their id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Who(u64);

impl Who {
    pub(crate) fn of(id: &str) -> Self {
        Self(hash(&[id.as_bytes()]))
    }
}

/// FNV-1a over several parts.
pub(super) fn hash(parts: &[&[u8]]) -> u64 {
    let byte = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let part = |hash, part: &&[u8]| byte(part.iter().fold(hash, byte), &0xff);
    parts.iter().fold(0xcbf2_9ce4_8422_2325, part)
}

/// A message that was posted. What is not known yet is `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Post {
    pub seq: u64,
    pub n: Option<u64>,
    pub serial: u64,
    pub by: Option<Who>,
    /// The message that began its thread.
    pub thread: Option<Rc<str>>,
    /// Its author's session, and what it carries: from the answer.
    pub acked: Option<(usize, Option<Rc<Parcel>>)>,
}

/// One text of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// Of its event.
    pub seq: u64,
    pub rev: Option<u64>,
    pub serial: u64,
}

/// A reaction, or its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Of its event.
    pub seq: u64,
    pub by: Who,
    /// In [`EMOJI`].
    pub emoji: usize,
    pub is_on: bool,
    pub count: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Book {
    entries: RefCell<HashMap<Rc<str>, Entry>>,
    /// Messages that were acknowledged, in that order.
    acked: RefCell<Vec<Rc<str>>>,
    parcels: RefCell<Vec<Rc<Parcel>>>,
    /// Places of the messages of each thread, by the one that began it.
    threads: RefCell<BTreeMap<Rc<str>, BTreeSet<u64>>>,
    /// Messages that are deleted, with the number of their last text.
    deleted: RefCell<Vec<(Rc<str>, u64)>>,
    /// Items that were held against it.
    looked_at: Cell<u64>,
}

#[derive(Default)]
struct Entry {
    seq: Option<u64>,
    by: Option<Who>,
    author: Option<usize>,
    /// By the seq of their events.
    texts: Vec<Text>,
    marks: Vec<Mark>,
    /// Edits that were asked for and not answered.
    pending: u32,
    parcel: Option<Rc<Parcel>>,
    fate: Fate,
}

/// A message to do something with.
#[derive(Clone, Debug)]
pub(crate) struct Pick {
    pub id: Rc<str>,
    pub seq: u64,
    pub n: Option<u64>,
    /// The session of its author.
    pub author: usize,
    /// Of its newest text.
    pub serial: u64,
    /// Of a text that it had.
    pub former: Option<u64>,
}

/// Takes what is said for what is not known; false when it is known otherwise.
fn agree<T: Copy + PartialEq>(held: &mut Option<T>, said: Option<T>) -> bool {
    match (*held, said) {
        (Some(held), Some(said)) => held == said,
        (None, said) => {
            *held = said;
            true
        }
        (Some(_), None) => true,
    }
}

impl Book {
    /// A message, by its event or its answer.
    pub(crate) fn posted(&self, id: &str, post: Post) -> Result<(), Wrong> {
        let id: Rc<str> = id.into();
        let mut entries = self.entries.borrow_mut();
        let entry = entries.entry(id.clone()).or_default();
        let is_same = agree(&mut entry.seq, Some(post.seq))
            & agree(&mut entry.by, post.by)
            & entry.fate.begins(post.n, post.thread.as_ref());
        if let Some(root) = post.thread {
            self.threads.borrow_mut().entry(root).or_default().insert(post.seq);
        }
        if let Some((author, parcel)) = post.acked
            && entry.author.is_none()
        {
            entry.author = Some(author);
            self.parcels.borrow_mut().extend(parcel.clone());
            entry.parcel = parcel;
            self.acked.borrow_mut().push(id.clone());
        }
        let text = Text { seq: post.seq, rev: Some(1), serial: post.serial };
        if is_same && entry.add_text(text) {
            return Ok(());
        }
        Err(Part::Page.wrong(format!("{id} at {} is told in two ways", post.seq)))
    }

    /// An edit, by its event or its answer; the answer does not tell the revision.
    pub(crate) fn edited(&self, id: &str, by: Who, text: Text) -> Result<(), Wrong> {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.entry(id.into()).or_default();
        if agree(&mut entry.by, Some(by)) && entry.add_text(text) {
            return Ok(());
        }
        Err(Part::Edit.wrong(format!("the edit of {id} at {} is told in two ways", text.seq)))
    }

    /// A reaction, by its event or its answer; the answer does not tell the count.
    pub(crate) fn marked(&self, id: &str, mark: Mark) -> Result<(), Wrong> {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.entry(id.into()).or_default();
        let at = entry.marks.partition_point(|held| held.seq < mark.seq);
        match entry.marks.get_mut(at) {
            Some(held) if held.seq == mark.seq => {
                let is_same = agree(&mut held.count, mark.count);
                if !is_same || (Mark { count: held.count, ..mark }) != *held {
                    return Err(Part::Reaction.wrong(format!("{held:?} of {id} is also {mark:?}")));
                }
            }
            _ => entry.marks.insert(at, mark),
        }
        Ok(())
    }

    /// An edit was asked for, or was answered: until then nobody knows which text stands.
    pub(crate) fn edit_asked(&self, id: &str, is_answered: bool) {
        if let Some(entry) = self.entries.borrow_mut().get_mut(id) {
            let pending = entry.pending;
            entry.pending = if is_answered { pending.saturating_sub(1) } else { pending + 1 };
        }
    }

    /// One of the last `among` messages that were acknowledged, of those that will do.
    pub(crate) fn pick(&self, what: For, among: usize, random: &mut SmallRng) -> Option<Pick> {
        let acked = self.acked.borrow();
        let from = acked.len().saturating_sub(among);
        let entries = self.entries.borrow();
        let draw = |_| acked.get(random.random_range(from..acked.len().max(from + 1)));
        let will_do = |id: &&Rc<str>| entries.get(*id).is_some_and(|entry| entry.will_do(what));
        let id = (0..DRAWS).filter_map(draw).find(will_do)?;
        let entry = entries.get(id)?;
        let (newest, former) = entry.texts.split_last()?;
        Some(Pick {
            id: id.clone(),
            seq: entry.seq?,
            n: entry.fate.n,
            author: entry.author?,
            serial: newest.serial,
            former: former.first().map(|text| text.serial),
        })
    }

    pub(crate) fn any_parcel(&self, random: &mut SmallRng) -> Option<Rc<Parcel>> {
        let parcels = self.parcels.borrow();
        parcels.get(random.random_range(0..parcels.len().max(1))).cloned()
    }

    pub(crate) fn parcels(&self) -> Vec<Rc<Parcel>> {
        self.parcels.borrow().clone()
    }

    /// Whether somebody has reacted with this, as far as is known.
    pub(crate) fn has_mark(&self, id: &str, by: Who, emoji: usize) -> bool {
        let entries = self.entries.borrow();
        let marks = entries.get(id).map(|entry| &*entry.marks).unwrap_or_default();
        let last = marks.iter().rfind(|mark| mark.by == by && mark.emoji == emoji);
        last.is_some_and(|mark| mark.is_on)
    }

    /// Whether this text is the one that stands, and no edit is under way.
    pub(crate) fn stands(&self, id: &str, serial: u64) -> bool {
        let entries = self.entries.borrow();
        let is_newest =
            |entry: &Entry| entry.texts.last().is_some_and(|text| text.serial == serial);
        entries
            .get(id)
            .is_some_and(|entry| entry.pending == 0 && !entry.fate.is_going && is_newest(entry))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Items of pages that were compared.
    pub(crate) fn looked_at(&self) -> u64 {
        self.looked_at.get()
    }
}

impl Entry {
    /// False when this text is known otherwise.
    fn add_text(&mut self, text: Text) -> bool {
        let at = self.texts.partition_point(|held| held.seq < text.seq);
        match self.texts.get_mut(at) {
            Some(held) if held.seq == text.seq => {
                agree(&mut held.rev, text.rev) && held.serial == text.serial
            }
            _ => {
                self.texts.insert(at, text);
                true
            }
        }
    }
}
