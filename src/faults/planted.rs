//! The faults themselves.

mod answers;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::answers::Answers;
use super::{Moment, Part, Snag};

/// By how much a reply goes before its commit, when nothing else is said.
const EARLY: Duration = Duration::from_millis(200);
/// Time between two planted panics, when nothing else is said.
const EVERY: Duration = Duration::from_secs(1);
/// Longer than anybody waits for the end of a node.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// The faults that are planted. Cheap to clone: all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Planted>);

#[derive(Debug, Default)]
struct Planted {
    sleep_in_room: Option<Duration>,
    clone_per_member: bool,
    lose_frame: Option<u64>,
    double_frame: Option<u64>,
    swap_frames: Option<u64>,
    leak_room: bool,
    ack_before_commit: Option<Duration>,
    synchronous: Option<&'static str>,
    poison: Vec<(Part, String)>,
    deliveries: AtomicU64,
    /// What goes behind the next delivery, by whom it is for.
    late: Mutex<HashMap<u64, Bytes>>,
    panics: Mutex<Panics>,
    hang: Option<Snag>,
    answers: Answers,
    /// Bytes that uploads may still write, when the disk is full behind them.
    room: Mutex<Option<usize>>,
    /// Names that a test made up, where they lead, and that they are no danger.
    names: Mutex<HashMap<String, Vec<SocketAddr>>>,
}

/// What becomes of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Once,
    Lost,
    Doubled,
    Late,
}

/// Where panics are due.
#[derive(Debug, Default)]
struct Panics {
    /// By the clock: the part, the moment if it is one alone, and when the next is due.
    timed: Option<(Part, Option<Moment>, Instant)>,
    every: Option<Duration>,
    /// So many times it is let off.
    spared: u64,
    /// Whether it ends the whole process, as SIGKILL would.
    is_deadly: bool,
    /// On demand.
    asked: Vec<(Part, Moment, u32)>,
    /// Those that came.
    done: u32,
}

impl Faults {
    /// The variable that plants faults.
    pub const VARIABLE: Option<&'static str> = Some("MOIM_PLANT");
    /// What the variable takes.
    pub const WANTS: &'static str = "names with commas between them, of: panic_spares=N, \
         panic_is_death, sleep_in_room=MS, \
         clone_per_member, lose_frame=N, double_frame=N, swap_frames=N, leak_room, \
         ack_before_commit[=MS], synchronous=OFF|NORMAL, poison_room=TEXT, poison_journal=TEXT, \
         panic=PART, panic_at=start|middle|end, panic_every_ms=MS, \
         hang=drain|store|blocking|thread, lose_end=FINISH, double_end=FINISH, change_end=FINISH, \
         answer_twice, forget_waiting";

    /// Makes a part panic at its next messages, so many times.
    pub fn crash(&self, part: Part, moment: Moment, times: u32) {
        self.panics().asked.push((part, moment, times));
    }

    /// Panics that were asked for and have not come.
    #[must_use]
    pub fn crashes_to_come(&self) -> u32 {
        self.panics().asked.iter().map(|(_, _, times)| *times).sum()
    }

    /// Panics by the clock from now on as another is planted to.
    pub fn panic_as(&self, other: &Self) {
        let (timed, every) = {
            let of = other.panics();
            (of.timed, of.every)
        };
        let mut panics = self.panics();
        (panics.timed, panics.every) = (timed, every);
    }

    /// Panics that have come.
    #[must_use]
    pub fn crashes(&self) -> u32 {
        self.panics().done
    }

    /// Fills the disk of the uploads behind so many bytes more; with none it has room again.
    pub fn fill_disk(&self, behind: Option<usize>) {
        *self.0.room.lock().unwrap_or_else(PoisonError::into_inner) = behind;
    }

    /// Lets a name of a page lead to these addresses, private ones too.
    pub fn lead(&self, name: &str, to: Vec<SocketAddr>) {
        self.names().insert(name.to_owned(), to);
    }

    /// Whether an upload finds room on the disk for so many bytes more.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        let mut room = self.0.room.lock().unwrap_or_else(PoisonError::into_inner);
        match room.as_mut() {
            None => true,
            Some(left) => left.checked_sub(bytes).map(|less| *left = less).is_some(),
        }
    }

    /// Where a name leads, when not where the system says.
    pub(crate) fn leads_to(&self, name: &str) -> Option<Vec<SocketAddr>> {
        self.names().get(name).cloned()
    }

    /// A room has a message in hand.
    pub(crate) async fn in_room(&self) {
        if let Some(span) = self.0.sleep_in_room {
            tokio::time::sleep(span).await;
        }
    }

    /// Puts the bytes of one delivery into an outbox: as they are, copied, not at all, twice, or
    /// behind the next.
    pub(crate) fn deliver(&self, to: u64, bytes: Bytes, push: impl Fn(Bytes)) {
        let bytes = if self.0.clone_per_member { Bytes::copy_from_slice(&bytes) } else { bytes };
        match self.next_delivery() {
            Delivery::Once => push(bytes),
            Delivery::Lost => {}
            Delivery::Doubled => [bytes.clone(), bytes].into_iter().for_each(&push),
            Delivery::Late => {
                self.late().insert(to, bytes);
                return;
            }
        }
        let late = if self.0.swap_frames.is_some() { self.late().remove(&to) } else { None };
        late.into_iter().for_each(&push);
    }

    fn late(&self) -> MutexGuard<'_, HashMap<u64, Bytes>> {
        self.0.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_delivery(&self) -> Delivery {
        let Planted { lose_frame, double_frame, swap_frames, deliveries, .. } = &*self.0;
        if lose_frame.or(*double_frame).or(*swap_frames).is_none() {
            return Delivery::Once;
        }
        let count = deliveries.fetch_add(1, Ordering::Relaxed) + 1;
        let is_due = |every: &Option<u64>| every.is_some_and(|every| count.is_multiple_of(every));
        if is_due(lose_frame) {
            Delivery::Lost
        } else if is_due(double_frame) {
            Delivery::Doubled
        } else if is_due(swap_frames) {
            Delivery::Late
        } else {
            Delivery::Once
        }
    }

    /// Whether a relay tells events of a room to who did not open it.
    pub(crate) fn leaks_rooms(&self) -> bool {
        self.0.leak_room
    }

    /// By how much replies go before the commit.
    pub(crate) fn acks_before_commit(&self) -> Option<Duration> {
        self.0.ack_before_commit
    }

    /// Does work that nobody waits for.
    #[expect(clippy::disallowed_methods, reason = "a fault that outlives its cause")]
    pub(crate) fn beside(work: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(work);
    }

    /// How SQLite syncs, when not as it should.
    pub(crate) fn synchronous(&self) -> Option<&'static str> {
        self.0.synchronous
    }

    /// Panics when a panic is due here.
    #[expect(clippy::panic, reason = "what this is for")]
    pub(crate) fn panic_point(&self, part: Part, moment: Moment) {
        if self.panics().comes(part, moment) {
            panic!("planted in {part:?} at {moment:?}");
        }
    }

    /// Hangs where the end of a node is to hang.
    #[expect(clippy::disallowed_methods, reason = "a thread that stands still is what is wanted")]
    pub(crate) async fn snag(&self, at: Snag) {
        if self.0.hang != Some(at) {
            return;
        }
        match at {
            Snag::Drain | Snag::Store => std::future::pending().await,
            Snag::Blocking => drop(tokio::task::spawn_blocking(|| std::thread::sleep(FOR_EVER))),
            Snag::Thread => std::thread::sleep(FOR_EVER),
        }
    }

    /// Panics on a text that holds the marker of this part.
    #[expect(clippy::panic, reason = "what this is for")]
    pub(crate) fn taste(&self, part: Part, text: &str) {
        let is_bad = |(of, marker): &(Part, String)| *of == part && text.contains(marker);
        if self.0.poison.iter().any(is_bad) {
            panic!("planted poison in {part:?}");
        }
    }

    fn names(&self) -> MutexGuard<'_, HashMap<String, Vec<SocketAddr>>> {
        self.0.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn panics(&self) -> MutexGuard<'_, Panics> {
        self.0.panics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Panics {
    fn comes(&mut self, part: Part, moment: Moment) -> bool {
        let is_due = self.is_due(part, moment);
        self.done += u32::from(is_due);
        is_due
    }

    fn is_due(&mut self, part: Part, moment: Moment) -> bool {
        if let Some((of, at, due)) = &mut self.timed
            && *of == part
            && at.is_none_or(|at| at == moment)
            && *due <= Instant::now()
        {
            *due = Instant::now() + self.every.unwrap_or(EVERY);
            let is_let_off = self.spared > 0;
            self.spared = self.spared.saturating_sub(1);
            if self.is_deadly && !is_let_off {
                std::process::abort();
            }
            return !is_let_off;
        }
        let asked = self.asked.iter().position(|(of, at, _)| (*of, *at) == (part, moment));
        let Some((at, left)) = asked.and_then(|at| Some((at, &mut self.asked.get_mut(at)?.2)))
        else {
            return false;
        };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.asked.swap_remove(at);
        }
        true
    }
}

/// A plant that nobody knows, or a value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPlant;

impl FromStr for Faults {
    type Err = UnknownPlant;

    fn from_str(text: &str) -> Result<Self, UnknownPlant> {
        let (mut planted, mut panics) = (Planted::default(), Panics::default());
        let (mut part, mut moment) = (None, None);
        for plant in text.split(',').map(str::trim).filter(|plant| !plant.is_empty()) {
            let (name, value) = plant.split_once('=').map_or((plant, None), |(n, v)| (n, Some(v)));
            match (name, value) {
                ("sleep_in_room", value) => planted.sleep_in_room = Some(ms(value)?),
                ("clone_per_member", None) => planted.clone_per_member = true,
                ("lose_frame", value) => planted.lose_frame = Some(number(value)?),
                ("double_frame", value) => planted.double_frame = Some(number(value)?),
                ("swap_frames", value) => planted.swap_frames = Some(number(value)?),
                ("leak_room", None) => planted.leak_room = true,
                ("ack_before_commit", None) => planted.ack_before_commit = Some(EARLY),
                ("ack_before_commit", value) => planted.ack_before_commit = Some(ms(value)?),
                ("synchronous", Some("OFF")) => planted.synchronous = Some("OFF"),
                ("synchronous", Some("NORMAL")) => planted.synchronous = Some("NORMAL"),
                ("poison_room", Some(marker)) => planted.poison.push((Part::Room, marker.into())),
                ("poison_journal", Some(marker)) => {
                    planted.poison.push((Part::Journal, marker.into()));
                }
                ("panic", Some(name)) => part = Some(part_of(name)?),
                ("panic_at", Some(name)) => moment = Some(moment_of(name)?),
                ("panic_spares", value) => panics.spared = number(value)?,
                ("panic_is_death", None) => panics.is_deadly = true,
                ("panic_every_ms", value) => panics.every = Some(ms(value)?),
                ("hang", Some(name)) => planted.hang = Some(snag_of(name)?),
                (name, value) => planted.answers.take(name, value)?,
            }
        }
        let first = Instant::now() + panics.every.unwrap_or(EVERY);
        panics.timed = part.map(|part| (part, moment, first));
        planted.panics = Mutex::new(panics);
        Ok(Self(Arc::new(planted)))
    }
}

fn number(value: Option<&str>) -> Result<u64, UnknownPlant> {
    let number = value.and_then(|value| value.parse().ok());
    number.filter(|number| *number > 0).ok_or(UnknownPlant)
}

fn ms(value: Option<&str>) -> Result<Duration, UnknownPlant> {
    number(value).map(Duration::from_millis)
}

fn part_of(name: &str) -> Result<Part, UnknownPlant> {
    Part::ALL.iter().copied().find(|part| part.name() == name).ok_or(UnknownPlant)
}

fn snag_of(name: &str) -> Result<Snag, UnknownPlant> {
    match name {
        "drain" => Ok(Snag::Drain),
        "store" => Ok(Snag::Store),
        "blocking" => Ok(Snag::Blocking),
        "thread" => Ok(Snag::Thread),
        _unknown => Err(UnknownPlant),
    }
}

fn moment_of(name: &str) -> Result<Moment, UnknownPlant> {
    match name {
        "start" => Ok(Moment::Start),
        "middle" => Ok(Moment::Middle),
        "end" => Ok(Moment::End),
        _unknown => Err(UnknownPlant),
    }
}

#[cfg(test)]
mod tests;
