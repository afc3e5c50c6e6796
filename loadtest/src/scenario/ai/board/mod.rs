//! What all viewers together know of the answers, and what each makes of the lines it gets. No
//! sockets.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde_json::Value;

use super::provider::{Provider, TOKEN, Told, age_us, number_in};
use crate::check::Faults;
use crate::pace::Epoch;
use crate::report::microseconds;
use crate::scan::{self, Piece};

/// The reply to a pull.
pub(super) const PULL: u64 = 1;
/// Replies above are to questions: their number, and this.
pub(super) const FIRST_ASK: u64 = 10;
const MOST_EXAMPLES: usize = 5;

/// A question and its answer, as all see it.
pub(super) struct Answer {
    number: u64,
    told: Arc<Told>,
    run: RefCell<Option<String>>,
    /// Viewers who are to hear it.
    viewers: usize,
    /// Viewers who heard its end.
    ends: Cell<usize>,
}

impl Answer {
    /// Viewers who heard no end, and how that is told.
    pub(super) fn unheard(&self) -> (usize, String) {
        let (number, viewers, ends) = (self.number, self.viewers, self.ends.get());
        let told = format!("question {number}: {ends} of {viewers} saw an end");
        (viewers.saturating_sub(ends), told)
    }
}

/// What one viewer knows of the answer it hears.
#[derive(Default)]
pub(super) struct Ear {
    answer: Option<Rc<Answer>>,
    upto: usize,
    frames: u64,
    /// When the first and the last piece came.
    span: Option<(Instant, Instant)>,
    is_over: bool,
}

/// Times and counts of one phase.
pub(super) struct Noted {
    /// From the moment a token was written to its arrival, for each token and viewer.
    pub delays: Histogram<u64>,
    pub frames: u64,
    pub ends: u64,
    /// Of all viewers and answers.
    pub most_frames_per_second: f64,
    pub states: u64,
    pub lags: u64,
}

impl Noted {
    fn new() -> Result<Self> {
        let (frames, ends, states, lags) = (0, 0, 0, 0);
        let delays = microseconds()?;
        Ok(Self { delays, frames, ends, most_frames_per_second: 0.0, states, lags })
    }
}

pub(super) struct Board {
    epoch: Epoch,
    /// By the id of the question.
    answers: RefCell<HashMap<String, Rc<Answer>>>,
    /// When questions were acknowledged, by their numbers.
    acked: RefCell<HashMap<u64, Instant>>,
    noted: RefCell<Noted>,
    pub faults: RefCell<Faults>,
    /// What was refused, or ended otherwise than it should.
    pub broken: RefCell<Vec<String>>,
    /// Viewers of a room now.
    pub viewers: Cell<usize>,
    /// Goes up with everything that comes.
    pub pulse: Cell<u64>,
    /// Ends that were heard, each once by each viewer.
    pub ended: Cell<usize>,
}

/// Whether events must be fetched, from this seq on.
pub(super) type Duty = Option<u64>;

impl Board {
    pub(super) fn new(epoch: Epoch) -> Result<Self> {
        Ok(Self {
            epoch,
            answers: RefCell::default(),
            acked: RefCell::default(),
            noted: RefCell::new(Noted::new()?),
            faults: RefCell::default(),
            broken: RefCell::default(),
            viewers: Cell::new(1),
            pulse: Cell::new(0),
            ended: Cell::new(0),
        })
    }

    /// What the phase brought; another begins.
    pub(super) fn take_noted(&self) -> Result<Noted> {
        Ok(self.noted.replace(Noted::new()?))
    }

    pub(super) fn acked(&self, number: u64) -> Option<Instant> {
        self.acked.borrow().get(&number).copied()
    }

    /// Every question that was heard of.
    pub(super) fn answers(&self) -> Vec<Rc<Answer>> {
        self.answers.borrow().values().cloned().collect()
    }

    /// Takes a line that a viewer got.
    pub(super) fn take(
        &self,
        ear: &mut Ear,
        provider: &Provider,
        line: &[u8],
        at: Instant,
    ) -> Duty {
        self.pulse.update(|pulse| pulse + 1);
        if let Some(piece) = scan::piece(line) {
            self.piece(ear, piece, at);
            return None;
        }
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            self.breaks(|| format!("not JSON: {}", String::from_utf8_lossy(line)));
            return None;
        };
        if let Some(re) = value.get("re").and_then(Value::as_u64) {
            return self.reply(ear, provider, (re, &value), at);
        }
        self.event(ear, provider, &value, at)
    }

    fn event(&self, ear: &mut Ear, provider: &Provider, value: &Value, at: Instant) -> Duty {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
        match text("/ev").unwrap_or_default() {
            "msg.new" => self.asked(provider, text("/d/id"), text("/d/text")),
            "ai.start" => self.starts(ear, text("/d/reply_to"), text("/d/run")),
            "ai.delta" | "ai.state" => {
                let off = value.get("off").and_then(Value::as_u64);
                let off = off.and_then(|off| usize::try_from(off).ok()).unwrap_or(0);
                let (run, text) = (text("/run").unwrap_or_default(), text("/text"));
                let text = text.unwrap_or_default();
                if value.get("ev").and_then(Value::as_str) == Some("ai.delta") {
                    self.piece(ear, Piece { run, off, text }, at);
                } else {
                    self.state(ear, off, text);
                }
            }
            "ai.end" => self.ends(ear, text("/d/run"), text("/d/text"), text("/d/finish")),
            "ai.refused" => self.breaks(|| value.to_string()),
            "behind" | "drain" => self.breaks(|| value.to_string()),
            "lag" => {
                self.noted.borrow_mut().lags += 1;
                let from = value.get("from").and_then(Value::as_u64).unwrap_or(1);
                return Some(from.saturating_sub(1));
            }
            _of_no_concern => {}
        }
        None
    }

    fn reply(
        &self,
        ear: &mut Ear,
        provider: &Provider,
        (re, reply): (u64, &Value),
        at: Instant,
    ) -> Duty {
        let Some(ok) = reply.get("ok") else {
            self.breaks(|| reply.to_string());
            return None;
        };
        if let Some(number) = re.checked_sub(FIRST_ASK) {
            self.acked.borrow_mut().insert(number, at);
            return None;
        }
        let events = ok.get("events").and_then(Value::as_array).filter(|_| re == PULL)?;
        for event in events {
            self.event(ear, provider, event, at);
        }
        let last = events.last().and_then(|event| event.get("seq")).and_then(Value::as_u64);
        last.filter(|_| ok.get("more").and_then(Value::as_bool) == Some(true))
    }

    /// A message came: a question, if it has a number.
    fn asked(&self, provider: &Provider, id: Option<&str>, text: Option<&str>) {
        let (Some(id), Some(number)) = (id, text.and_then(number_in)) else { return };
        self.answers.borrow_mut().entry(id.to_owned()).or_insert_with(|| {
            let (run, ends, viewers) = (RefCell::default(), Cell::new(0), self.viewers.get());
            Rc::new(Answer { number, told: provider.told(number), run, viewers, ends })
        });
    }

    fn starts(&self, ear: &mut Ear, question: Option<&str>, run: Option<&str>) {
        let (question, run) = (question.unwrap_or_default(), run.unwrap_or_default());
        let Some(answer) = self.answers.borrow().get(question).cloned() else {
            return self.breaks(|| format!("{run} answers {question}, which nobody asked"));
        };
        let known = answer.run.borrow_mut().get_or_insert_with(|| run.to_owned()).clone();
        let is_again = ear.answer.as_ref().is_some_and(|own| Rc::ptr_eq(own, &answer));
        if known != run || is_again {
            self.fault(|faults| &mut faults.doubled, || format!("{question}: {known} and {run}"));
        }
        if ear.answer.is_some() && !ear.is_over {
            self.fault(|faults| &mut faults.lost, || format!("no end before {run}"));
        }
        *ear = Ear { answer: Some(answer), ..Ear::default() };
    }

    fn piece(&self, ear: &mut Ear, Piece { run, off, text }: Piece<'_>, at: Instant) {
        let is_its = |answer: &&Rc<Answer>| answer.run.borrow().as_deref() == Some(run);
        let Some(answer) = ear.answer.as_ref().filter(is_its).filter(|_| !ear.is_over) else {
            return self.fault(|faults| &mut faults.reordered, || format!("a piece of {run}"));
        };
        let end = off + text.len();
        let told = || format!("{run}: a piece at {off}, after {}", ear.upto);
        if off > ear.upto {
            self.fault(|faults| &mut faults.lost, told);
        } else if off < ear.upto {
            self.fault(|faults| &mut faults.doubled, told);
        }
        let mut noted = self.noted.borrow_mut();
        let now = self.epoch.stamp(at);
        let is_same = answer.told.with_text(|said| {
            // A token is here when its last digit is.
            let mut first = (off + 2).saturating_sub(TOKEN).div_ceil(TOKEN) * TOKEN;
            while first + TOKEN - 1 <= end {
                if let Some(age) = said.get(first..).and_then(|token| age_us(token, now)) {
                    noted.delays.saturating_record(age.max(1));
                }
                first += TOKEN;
            }
            said.get(off..end) == Some(text)
        });
        noted.frames += 1;
        drop(noted);
        if !is_same {
            self.fault(|faults| &mut faults.differing, || format!("{run} at {off}: {text:?}"));
        }
        (ear.upto, ear.frames) = (end, ear.frames + 1);
        ear.span = Some((ear.span.map_or(at, |(first, _)| first), at));
    }

    /// The server was not sure who has what, and said everything.
    fn state(&self, ear: &mut Ear, off: usize, text: &str) {
        self.noted.borrow_mut().states += 1;
        let Some(answer) = &ear.answer else { return };
        if !answer.told.with_text(|said| said.starts_with(text)) {
            self.fault(|faults| &mut faults.differing, || format!("all of {off} bytes"));
        }
        ear.upto = off;
    }

    fn ends(&self, ear: &mut Ear, run: Option<&str>, text: Option<&str>, finish: Option<&str>) {
        let (run, text) = (run.unwrap_or_default(), text.unwrap_or_default());
        let is_its = |answer: &&Rc<Answer>| answer.run.borrow().as_deref() == Some(run);
        let Some(answer) = ear.answer.as_ref().filter(is_its).filter(|_| !ear.is_over) else {
            return self.fault(|faults| &mut faults.doubled, || format!("an end of {run}"));
        };
        if finish != Some("stop") {
            self.breaks(|| format!("{run} ended with {finish:?}"));
        }
        if !answer.told.with_text(|said| said == text) {
            let told = || format!("{run} ends with another text than was told");
            self.fault(|faults| &mut faults.differing, told);
        }
        if ear.upto < text.len() {
            let told = || format!("{run}: {} of {} bytes came in pieces", ear.upto, text.len());
            self.fault(|faults| &mut faults.lost, told);
        }
        answer.ends.update(|ends| ends + 1);
        self.ended.update(|ended| ended + 1);
        ear.is_over = true;
        let mut noted = self.noted.borrow_mut();
        noted.ends += 1;
        let span = ear.span.map_or(0.0, |(first, last)| (last - first).as_secs_f64());
        if span > 0.0 {
            let rate = ear.frames.saturating_sub(1) as f64 / span;
            noted.most_frames_per_second = noted.most_frames_per_second.max(rate);
        }
    }

    fn fault(&self, kind: impl FnOnce(&mut Faults) -> &mut u64, example: impl FnOnce() -> String) {
        let mut faults = self.faults.borrow_mut();
        *kind(&mut faults) += 1;
        faults.example(example);
    }

    /// Something went otherwise than it should.
    pub(super) fn breaks(&self, example: impl FnOnce() -> String) {
        let mut broken = self.broken.borrow_mut();
        let is_shown = broken.len() < MOST_EXAMPLES;
        broken.push(if is_shown { example() } else { String::new() });
    }
}

/// Whether a question was put to the provider otherwise than once, and how often.
pub(super) fn asked_otherwise(answer: &Answer) -> Option<String> {
    let times = answer.told.arrived().len();
    (times != 1).then(|| format!("question {} was put to the model {times} times", answer.number))
}
