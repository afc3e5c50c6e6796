//! How a session starts to hear a room: replay from a position, or a snapshot, or a pull of what it
//! missed. The other half of [`RoomState`]; as pure as the first.
//!
//! **Invariant:** replay and attachment leave in the same queue as live events, and reach exactly
//! to the head that was applied, so there is no moment in which an event can be missed or doubled.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::floors::Cut;
use super::kept::Kept;
use super::message::{Ask, Form, Purpose};
use super::refusal::RoomRefusal;
use super::state::{Effect, RoomState};
use crate::actors::relay::{Attach, LiveEvent, Outgoing, Part};
use crate::actors::seat::{Opening, SeatKey};
use crate::domain::{Position, UserId, limits};
use crate::protocol::{
    CaughtUp, Frame, LongFrame, OpenOk, PullOk, Refusal, err_line, ok_line, snapshot_line,
};

/// Bytes of one part of a long replay, and of one answer to a pull.
pub(crate) const PART_BYTES: usize = 128 * 1024;
/// Events of the same.
pub(crate) const PART_EVENTS: usize = 500;

/// A session that waits for a snapshot.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) opening: Opening,
    form: Form,
    why: Option<&'static str>,
}

impl RoomState {
    /// A session opens the room.
    pub(crate) fn open(
        &mut self,
        opening: Opening,
        since: Option<Position>,
        form: Form,
    ) -> Vec<Effect> {
        if !self.facts.roster.contains_key(&opening.user) {
            return vec![refuse(opening, form, RoomRefusal::NotMember)];
        }
        let (head, floor) = (self.facts.head, self.floor(opening.user));
        if floor > head {
            // What came before the reader is not all here yet, and must not come live.
            let why = since.map(|_position| "too_old");
            return self.wait_for_snapshot(opening, form, why);
        }
        match since {
            None if form == Form::Stream => vec![self.attach(opening, None, Vec::new())],
            None => self.wait_for_snapshot(opening, form, None),
            Some(since) if since.epoch != self.facts.epoch => {
                self.cannot_resume(opening, form, "epoch")
            }
            Some(since) if !(0..=head).contains(&since.seq) => {
                self.cannot_resume(opening, form, "epoch")
            }
            Some(since) if since.seq < floor => self.cannot_resume(opening, form, "too_old"),
            Some(since) if head - since.seq > limits::RESUME_EVENTS => {
                self.cannot_resume(opening, form, "too_many")
            }
            Some(since) => self.resume(opening, since.seq, form),
        }
    }

    /// A session has written a part of its replay.
    pub(crate) fn next(&self, opening: Opening, after: i64, goal: i64) -> Vec<Effect> {
        let is_reader = self.facts.roster.contains_key(&opening.user);
        if !is_reader || after < self.floor(opening.user) {
            return vec![Effect::Refused(opening, None)];
        }
        match self.recent(after) {
            Some(events) => {
                vec![self.attach(opening, None, self.with_goal(events, after, goal))]
            }
            None => {
                let (head, purpose) = (self.facts.head, Purpose::Replay { goal });
                vec![Effect::ReadEvents(Ask { opening, after, head, purpose })]
            }
        }
    }

    /// A lagging session asks for the next events.
    pub(crate) fn pull(&self, opening: Opening, after: i64, re: Option<u32>) -> Vec<Effect> {
        if !self.facts.roster.contains_key(&opening.user) {
            return refuse_pull(opening.seat, re, RoomRefusal::NotMember);
        }
        let after = after.max(self.floor(opening.user)).max(0);
        match self.recent(after) {
            Some(events) => vec![self.pulled(opening.seat, re, &events, true)],
            None => {
                let (head, purpose) = (self.facts.head, Purpose::Pull { re });
                vec![Effect::ReadEvents(Ask { opening, after, head, purpose })]
            }
        }
    }

    /// Events that were read for one seat, ascending, without holes among themselves.
    pub(super) fn events_loaded(&self, ask: &Ask, mut events: Vec<Arc<LiveEvent>>) -> Vec<Effect> {
        let Ask { opening, after, head, purpose } = ask;
        if !self.facts.roster.contains_key(&opening.user) {
            // They went while it was read.
            return match purpose {
                Purpose::Pull { re } => refuse_pull(opening.seat, *re, RoomRefusal::NotMember),
                Purpose::Replay { .. } => vec![Effect::Refused(*opening, None)],
            };
        }
        let Some(meanwhile) = self.ring.after(*head, self.facts.head) else {
            // Too long ago to know what was deleted meanwhile.
            return vec![Effect::ReadEvents(Ask { head: self.facts.head, ..ask.clone() })];
        };
        erase_deleted(&mut events, &meanwhile);
        self.leave_out_forgotten(&mut events);
        // What the store has and this room has not applied yet comes live.
        events.retain(|event| event.seq <= self.facts.head);
        events.truncate(fitting(&events));
        let is_whole = events.first().is_none_or(|first| first.seq == after + 1);
        let last = events.last().map_or(*after, |event| event.seq);
        let is_level = last >= self.facts.head;
        match purpose {
            Purpose::Pull { re } => vec![self.pulled(opening.seat, *re, &events, is_level)],
            // What the position needs was erased meanwhile; the client starts anew.
            Purpose::Replay { .. } if !is_whole => {
                vec![self.attach(*opening, None, vec![self.gap()])]
            }
            Purpose::Replay { goal } => {
                let events = self.with_goal(events, *after, *goal);
                if is_level {
                    return vec![self.attach(*opening, None, events)];
                }
                let opening = *opening;
                // Told once.
                let goal = if last >= *goal { NO_GOAL } else { *goal };
                vec![Effect::Part(Part { opening, reply: None, events, upto: last, goal })]
            }
        }
    }

    /// Events for a seat could not be read: the pull is refused; a replay ends, and the next
    /// heartbeat of the client shows it that it is behind.
    pub(super) fn events_failed(&self, ask: &Ask) -> Vec<Effect> {
        match ask.purpose {
            Purpose::Pull { re } => refuse_pull(ask.opening.seat, re, RoomRefusal::Unavailable),
            Purpose::Replay { .. } => vec![Effect::Refused(ask.opening, None)],
        }
    }

    /// The last messages were read; everyone who waited gets them, or waits for the events that
    /// are in the snapshot and not applied here yet.
    pub(super) fn snapshot_loaded(&mut self, kept: Kept) -> Vec<Effect> {
        self.is_reading_snapshot = false;
        // One that was read before a deletion was applied may say what was deleted.
        self.snapshot = Some(kept).filter(|kept| kept.upto >= self.erased_at);
        self.serve_waiting()
    }

    /// The last messages could not be read.
    pub(super) fn snapshot_failed(&mut self) -> Vec<Effect> {
        self.is_reading_snapshot = false;
        let waiting = std::mem::take(&mut self.waiting);
        let refused = |w: Waiting| refuse(w.opening, w.form, RoomRefusal::Unavailable);
        waiting.into_iter().map(refused).collect()
    }

    /// Somebody who waits for a snapshot may not read the room any more.
    pub(super) fn turn_away(&mut self, user: UserId) -> Vec<Effect> {
        let theirs = |waiting: &mut Waiting| waiting.opening.user == user;
        let refused = |w: Waiting| refuse(w.opening, w.form, RoomRefusal::NotMember);
        self.waiting.extract_if(.., theirs).map(refused).collect()
    }

    /// Whether somebody waits for an answer of the store.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty() || self.is_reading_snapshot || self.is_reading_hole
    }

    /// Seats that waited for events which have come by now.
    pub(super) fn serve_waiting(&mut self) -> Vec<Effect> {
        if self.waiting.is_empty() || self.is_reading_snapshot {
            return Vec::new();
        }
        let Some(kept) = self.snapshot.take() else {
            return self.read_snapshot();
        };
        if kept.upto > self.facts.head {
            self.snapshot = Some(kept);
            return Vec::new();
        }
        // Too old: many events came while it was read.
        let Some(missed) = self.ring.after(kept.upto, self.facts.head) else {
            return self.read_snapshot();
        };
        let all = std::mem::take(&mut self.waiting);
        let is_ready = |w: &Waiting| self.floor(w.opening.user) <= self.facts.head;
        let (ready, early) = all.into_iter().partition::<Vec<_>, _>(is_ready);
        let (known, others): (Vec<_>, Vec<_>) =
            ready.into_iter().partition(|waiting| kept.knows(waiting.opening.user));
        let served = known.iter().map(|waiting| self.with_snapshot(waiting, &kept, &missed));
        let mut effects: Vec<_> = served.collect();
        self.waiting = early;
        self.snapshot = Some(kept);
        if !others.is_empty() {
            self.waiting.extend(others);
            effects.extend(self.read_snapshot());
        }
        effects
    }

    /// Every event after `after`, if few enough of them are at hand.
    fn recent(&self, after: i64) -> Option<Vec<Arc<LiveEvent>>> {
        let events = self.ring.after(after, self.facts.head)?;
        let bytes: usize = events.iter().map(|event| event.frame.len()).sum();
        (bytes <= PART_BYTES).then_some(events)
    }

    fn resume(&self, opening: Opening, after: i64, form: Form) -> Vec<Effect> {
        let (reply, told, goal) = match form {
            Form::Socket { re } => {
                let reply = re.map(|re| self.resumed_reply(re, after, opening.user));
                (reply, None, self.facts.head)
            }
            Form::Stream => (None, self.horizon_event(after, opening.user), NO_GOAL),
        };
        let mut first: Vec<_> = told.into_iter().collect();
        if let Some(events) = self.recent(after) {
            first.extend(self.with_goal(events, after, goal));
            return vec![self.attach(opening, reply, first)];
        }
        vec![Effect::Part(Part { opening, reply, events: first, upto: after, goal })]
    }

    fn wait_for_snapshot(
        &mut self,
        opening: Opening,
        form: Form,
        why: Option<&'static str>,
    ) -> Vec<Effect> {
        self.waiting.push(Waiting { opening, form, why });
        match &self.snapshot {
            Some(kept) if kept.upto >= self.facts.head => self.serve_waiting(),
            _older => self.read_snapshot(),
        }
    }

    fn read_snapshot(&mut self) -> Vec<Effect> {
        if std::mem::replace(&mut self.is_reading_snapshot, true) {
            return Vec::new();
        }
        vec![Effect::ReadSnapshot(self.waiting.iter().map(|w| w.opening.user).collect())]
    }

    fn cannot_resume(&mut self, opening: Opening, form: Form, why: &'static str) -> Vec<Effect> {
        match form {
            Form::Socket { .. } => self.wait_for_snapshot(opening, form, Some(why)),
            Form::Stream => vec![self.attach(opening, None, vec![self.gap()])],
        }
    }

    fn with_snapshot(&self, waiting: &Waiting, kept: &Kept, missed: &[Arc<LiveEvent>]) -> Effect {
        let floor = self.floor(waiting.opening.user);
        let own = kept.own(waiting.opening.user);
        let whole = (kept.upto, kept.n, own.as_ref().unwrap_or(kept.shared()));
        let is_behind = floor > kept.upto || kept.first.is_some_and(|first| first <= floor);
        let cut = is_behind.then(|| Cut::of(whole, missed, floor));
        let (upto, n, body) = match &cut {
            None => whole,
            Some(Some(cut)) => (cut.upto, cut.n, &cut.body),
            Some(None) => return refuse(waiting.opening, waiting.form, RoomRefusal::Failed),
        };
        let ok = OpenOk {
            room: self.facts.room,
            epoch: &self.facts.epoch,
            head: upto,
            n,
            resumed: waiting.why.map(|_| false),
            replay: None,
            why: waiting.why,
            horizon: None,
        };
        let reply = match waiting.form {
            Form::Socket { re } => re.map(|re| snapshot_line(re, &ok, body)),
            Form::Stream => None,
        };
        let missed = missed.iter().filter(|event| event.seq > floor);
        let missed = match (waiting.form, waiting.why) {
            (Form::Stream, Some(_why)) => vec![self.gap()],
            _whole => missed.cloned().map(Outgoing::Event).collect(),
        };
        self.attach(waiting.opening, reply, missed)
    }

    /// Events after `after` with `caught_up` behind the one that reaches the goal.
    fn with_goal(&self, events: Vec<Arc<LiveEvent>>, after: i64, goal: i64) -> Vec<Outgoing> {
        let mut out = Vec::with_capacity(events.len() + 1);
        if goal == after {
            out.push(self.caught_up(goal));
        }
        for event in events {
            let is_goal = event.seq == goal;
            out.push(Outgoing::Event(event));
            if is_goal {
                out.push(self.caught_up(goal));
            }
        }
        out
    }

    fn attach(
        &self,
        opening: Opening,
        reply: Option<LongFrame>,
        mut first: Vec<Outgoing>,
    ) -> Effect {
        first.push(Outgoing::Presence(self.shown.get_or_init(|| self.presence_frame()).clone()));
        first.extend(self.waits_for(opening.user));
        first.extend(self.speech(opening.user));
        let (room, upto, n) = (self.facts.room, self.facts.head, self.facts.n);
        let gauge = Arc::clone(&self.gauge);
        Effect::Attach(Attach { opening, room, reply, first, upto, n, gauge })
    }

    fn pulled(
        &self,
        seat: SeatKey,
        re: Option<u32>,
        events: &[Arc<LiveEvent>],
        level: bool,
    ) -> Effect {
        let reply = re.map(|re| (re, pull_reply(re, events, self.facts.head, !level)));
        Effect::Pulled { seat, reply, level }
    }

    fn caught_up(&self, seq: i64) -> Outgoing {
        Outgoing::Frame(Frame::json(&CaughtUp { room: self.facts.room, seq }))
    }

    fn gap(&self) -> Outgoing {
        let (room, seq, epoch) = (self.facts.room, self.facts.head, &self.facts.epoch);
        let line = format!(r#"{{"ev":"gap","room":"{room}","epoch":"{epoch}","head":{seq}}}"#);
        Outgoing::Event(Arc::new(LiveEvent::new(room, seq, self.facts.n, &line)))
    }
}

/// Takes out of events that were read from the store what was deleted while they were read.
fn erase_deleted(events: &mut [Arc<LiveEvent>], meanwhile: &[Arc<LiveEvent>]) {
    let deleted: Vec<i64> = meanwhile.iter().filter_map(|event| event.deleted()).collect();
    if deleted.is_empty() {
        return;
    }
    for event in events {
        if event.brings().is_some_and(|message| deleted.contains(&message)) {
            *event = Arc::new(event.erased());
        }
    }
}

/// A replay that nobody waits to hear the end of: no event has this seq.
const NO_GOAL: i64 = -1;

/// How many events fit into one part or answer: at least one, so that it goes on.
fn fitting(events: &[Arc<LiveEvent>]) -> usize {
    let mut bytes = 0;
    let fits = |event: &&Arc<LiveEvent>| {
        bytes += event.frame.len();
        bytes <= PART_BYTES
    };
    events.iter().take_while(fits).count().max(1)
}

fn refuse(opening: Opening, form: Form, why: RoomRefusal) -> Effect {
    let frame = match form {
        Form::Socket { re: Some(re) } => Some(err_line(Some(re), &Refusal::from(why))),
        // Nobody asked for an answer; a stream was checked before it began.
        Form::Socket { re: None } | Form::Stream => None,
    };
    Effect::Refused(opening, frame)
}

fn refuse_pull(seat: SeatKey, re: Option<u32>, why: RoomRefusal) -> Vec<Effect> {
    let reply = |re| Effect::Reply(seat, err_line(Some(re), &Refusal::from(why)));
    re.map(reply).into_iter().collect()
}

/// The reply to a pull: the events as they stand in the log.
fn pull_reply(re: u32, events: &[Arc<LiveEvent>], head: i64, more: bool) -> Frame {
    let lines: Vec<_> = events.iter().map(|event| event.frame.line()).collect();
    let raw: Vec<&RawValue> =
        lines.iter().filter_map(|line| serde_json::from_slice(line).ok()).collect();
    ok_line(re, &PullOk { events: &raw, head, more })
}
