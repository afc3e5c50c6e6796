//! What a town found: times and counts of the phase that runs, and everything that must not happen.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;

use super::book::{Part, Wrong};
use crate::check::{Faults, Kind};
use crate::pace::Epoch;
use crate::report::{Report, microseconds, record};
use crate::timeline::Timeline;

/// Latency over time is drawn in stretches of so long, or longer ones.
pub(crate) const STRETCH: Duration = Duration::from_millis(500);

/// What a session asks for, and is timed from the moment it was due until its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Send,
    Open,
    Close,
    Read,
    Typing,
    Pull,
    /// Connect, sign in, and be level in every room.
    Arrive,
    /// A page of messages by REST.
    History,
    /// A fresh token for a living session.
    Refresh,
    Edit,
    /// A reaction, or its end.
    React,
    /// All pages of a search by REST.
    Search,
    /// A file by REST, until it has an id.
    Upload,
    /// A file that somebody brought, or its preview.
    Fetch,
    /// Parts of these.
    Range,
    /// A message into a thread.
    Reply,
    /// The messages of a thread by REST, and that they are read.
    Thread,
    /// A pin, or its end.
    Pin,
    /// The list of pins by REST.
    Pins,
    Delete,
    /// Unread from here.
    Unread,
    /// A message in a private room, which is made where there is none yet.
    Dm,
    /// What one says of oneself, by REST.
    Status,
    /// The inbox by REST, and that it is read.
    Inbox,
    /// A question to the assistant by REST, until it is taken.
    Ask,
    /// The same, until the answer is over.
    Answer,
}

impl Deed {
    const COUNT: usize = Self::Answer as usize + 1;
}

/// Times and counts of one phase.
pub(crate) struct Noted {
    /// From when a message was due to each receipt.
    pub receipts: Timeline,
    /// By [`Deed`].
    deeds: Vec<Histogram<u64>>,
    pub deliveries: u64,
    pub reads: u64,
    pub acked: u64,
    pub put_off: u64,
    pub replayed: u64,
    pub lags: u64,
    pub presence_frames: u64,
    pub too_slow: u64,
    /// Entries of inboxes that were looked at.
    pub notices: u64,
    /// Read marks that were put back, and told to be where they were put.
    pub put_back: u64,
    /// Questions that the assistant had no time for.
    pub unasked: u64,
}

impl Noted {
    fn new() -> Result<Self> {
        let deeds: Result<Vec<_>> = (0..Deed::COUNT).map(|_| microseconds()).collect();
        Ok(Self {
            receipts: Timeline::new(Instant::now(), STRETCH)?,
            deeds: deeds?,
            deliveries: 0,
            reads: 0,
            acked: 0,
            put_off: 0,
            replayed: 0,
            lags: 0,
            presence_frames: 0,
            too_slow: 0,
            notices: 0,
            put_back: 0,
            unasked: 0,
        })
    }

    pub(crate) fn deed(&self, deed: Deed) -> Option<&Histogram<u64>> {
        self.deeds.get(deed as usize)
    }
}

/// The checks of what messages say and carry.
const WRONG: [(Part, &str); 12] = [
    (Part::Edit, "edits_wrong"),
    (Part::Reaction, "reactions_wrong"),
    (Part::Read, "reads_wrong"),
    (Part::Page, "pages_wrong"),
    (Part::Search, "searches_wrong"),
    (Part::File, "files_wrong"),
    (Part::Delete, "deletes_wrong"),
    (Part::Thread, "threads_wrong"),
    (Part::Pin, "pins_wrong"),
    (Part::Status, "statuses_wrong"),
    (Part::Notice, "inbox_wrong"),
    (Part::Answer, "answers_wrong"),
];

/// A count with its first examples.
#[derive(Default)]
pub(super) struct Sins {
    count: Cell<u64>,
    examples: RefCell<Vec<String>>,
}

impl Sins {
    pub(super) fn add(&self, example: impl FnOnce() -> String) {
        self.count.update(|count| count + 1);
        let mut examples = self.examples.borrow_mut();
        if examples.len() < 5 {
            examples.push(example());
        }
    }

    pub(super) fn examples(&self) -> String {
        self.examples.borrow().join("; ")
    }

    fn judge(&self, name: &'static str, report: &mut Report) {
        report.check(name, self.count.get(), self.examples.borrow().clone());
    }
}

/// Shared by all sessions of a town.
pub(crate) struct Tally {
    pub(super) epoch: Epoch,
    noted: RefCell<Noted>,
    /// Sends, edits and reactions whose answer has not come.
    pub(super) unanswered: Cell<usize>,
    serial: Cell<u64>,
    /// Sessions that are level in all their rooms since they connected last.
    arrived: Cell<usize>,
    arrived_at: Cell<Instant>,
    /// Times a connection was tried again.
    pub(super) retries: Cell<u64>,
    /// Goes up with everything that comes; where it stands still, nothing is to be waited for.
    pub(super) pulse: Cell<u64>,
    pub(super) faults: RefCell<Faults>,
    pub(super) leaked: Sins,
    pub(super) refused: Sins,
    pub(super) dropped: Sins,
    pub(super) not_resumed: Sins,
    /// What was shown and is not so, by its kind; only of rooms that keep a book.
    wrong: [(Part, &'static str, Sins); 12],
    looks_inside: Cell<bool>,
    pub(super) server: RefCell<String>,
}

impl Tally {
    pub(super) fn new() -> Result<Self> {
        let now = Instant::now();
        Ok(Self {
            epoch: Epoch::now(),
            noted: RefCell::new(Noted::new()?),
            unanswered: Cell::new(0),
            serial: Cell::new(0),
            arrived: Cell::new(0),
            arrived_at: Cell::new(now),
            retries: Cell::new(0),
            pulse: Cell::new(0),
            faults: RefCell::default(),
            leaked: Sins::default(),
            refused: Sins::default(),
            dropped: Sins::default(),
            not_resumed: Sins::default(),
            wrong: WRONG.map(|(part, name)| (part, name, Sins::default())),
            looks_inside: Cell::new(false),
            server: RefCell::default(),
        })
    }

    /// Ends a phase and begins the next one.
    pub(crate) fn take(&self) -> Result<Noted> {
        Ok(self.noted.replace(Noted::new()?))
    }

    pub(crate) fn look<T>(&self, at: impl FnOnce(&Noted) -> T) -> T {
        at(&self.noted.borrow())
    }

    /// Something came.
    pub(super) fn note(&self, change: impl FnOnce(&mut Noted)) {
        self.pulse.update(|pulse| pulse + 1);
        change(&mut self.noted.borrow_mut());
    }

    pub(super) fn read_done(&self) {
        self.noted.borrow_mut().reads += 1;
    }

    /// A message came in at `at`; timed when it tells when it was due.
    pub(super) fn receipt(&self, due_us: Option<u64>, at: Instant) {
        self.note(|noted| {
            noted.deliveries += 1;
            if let Some(due_us) = due_us {
                let due = self.epoch.moment(due_us);
                // Only a number that the histogram cannot hold is refused, and there is none.
                let _ = noted.receipts.record(due, at.saturating_duration_since(due));
            }
        });
    }

    pub(crate) fn done(&self, deed: Deed, due: Instant) {
        self.note(|noted| {
            if let Some(times) = noted.deeds.get_mut(deed as usize) {
                record(times, due.elapsed());
            }
        });
    }

    pub(super) fn arrival(&self, since: Instant) {
        self.arrived.update(|arrived| arrived + 1);
        self.arrived_at.set(Instant::now());
        self.done(Deed::Arrive, since);
    }

    /// Sessions that arrived since the last call of [`Tally::forget_arrivals`].
    pub(crate) fn arrived(&self) -> usize {
        self.arrived.get()
    }

    /// When the last of them did.
    pub(crate) fn arrived_at(&self) -> Instant {
        self.arrived_at.get()
    }

    pub(crate) fn forget_arrivals(&self) {
        self.arrived.set(0);
    }

    pub(crate) fn retries(&self) -> u64 {
        self.retries.get()
    }

    /// Something was answered with no, or with what it must not be.
    pub(crate) fn refuse(&self, example: impl FnOnce() -> String) {
        self.refused.add(example);
    }

    /// The run looks at what messages say and carry.
    pub(crate) fn look_inside(&self) {
        self.looks_inside.set(true);
    }

    /// Two saw something different at one place.
    pub(super) fn differs(&self, example: impl FnOnce() -> String) {
        let mut faults = self.faults.borrow_mut();
        faults.differing += 1;
        faults.example(example);
    }

    /// Something is not as it is known.
    pub(crate) fn wrong(&self, wrong: Wrong) {
        if let Some((.., sins)) = self.wrong.iter().find(|(part, ..)| *part == wrong.what) {
            sins.add(|| wrong.how);
        }
    }

    /// Somebody got what they may not have.
    pub(crate) fn leak(&self, example: impl FnOnce() -> String) {
        self.leaked.add(example);
    }

    /// The number of a new text.
    pub(crate) fn next_serial(&self) -> u64 {
        self.serial.update(|serial| serial + 1);
        self.serial.get()
    }

    /// Faults that were found beside the sessions.
    pub(crate) fn blame(&self, faults: Faults) {
        self.faults.borrow_mut().add(faults);
    }

    /// Everything that must be zero. `faults` are those of the rooms that are open at the end.
    pub(super) fn judge(&self, mut faults: Faults, report: &mut Report) {
        faults.add(self.faults.borrow().clone());
        let kinds = [
            ("lost", Kind::Lost),
            ("doubled", Kind::Doubled),
            ("reordered", Kind::Reordered),
            ("differing", Kind::Differing),
        ];
        report.faults(&kinds, faults);
        for (_, name, sins) in self.wrong.iter().filter(|_| self.looks_inside.get()) {
            sins.judge(name, report);
        }
        self.leaked.judge("leaked", report);
        self.not_resumed.judge("not_resumed", report);
        self.refused.judge("refused", report);
        self.dropped.judge("dropped", report);
        report.check("unanswered", self.unanswered.get() as u64, Vec::new());
        report.server = self.server.borrow().clone();
    }
}
