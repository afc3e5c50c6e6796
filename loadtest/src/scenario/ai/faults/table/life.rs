//! The life of a cell: asked, met at its state, done to, and what became of it.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::super::mock::SOUND;
use super::hall::{Hall, Taken};
use super::rows::{Act, Cell, State};
use super::tap::Point;

/// A state comes by then, or not at all.
const MET: Duration = Duration::from_secs(15);
/// On a busy machine a call may be held for so long that the server gives it up: behind this time
/// nobody knows what comes first. Shorter than the server's patience with a silent model.
const HELD: Duration = Duration::from_secs(4);
/// What stands in a log is heard by then.
const HEARD: Duration = Duration::from_secs(20);
/// Between two looks at a run of which nothing is heard.
const LOOK: Duration = Duration::from_millis(400);

/// What must have become of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Must {
    /// One answer with one end.
    Answer,
    /// No answer: it was taken back.
    Nothing,
    /// Either.
    Either,
}

/// A question of a cell.
#[derive(Debug)]
pub(super) struct Asked {
    pub taken: Taken,
    pub must: Must,
    /// How it must end, where it was met.
    pub finish: Option<&'static str>,
    /// How often the provider had been asked when the server died.
    pub calls: Option<u32>,
}

/// A cell that was tried.
#[derive(Debug)]
pub(super) struct Tried {
    pub cell: Cell,
    pub wire: &'static str,
    pub room: String,
    pub asked: Vec<Asked>,
    /// Whether it was in its state when something was done to it.
    pub is_met: bool,
    /// When its first call began, or soon after.
    since: Instant,
    /// What went wrong.
    pub slips: Vec<String>,
}

impl Tried {
    /// The question that the cell is about: the first, or the one behind the blocker.
    fn main(&self) -> Option<&Asked> {
        self.asked.last()
    }

    /// Notes that it was held for too long, if it was.
    fn was_done(&mut self) {
        let is_held = self.cell.state == State::Queued || point(&self.cell).is_some();
        if is_held && self.since.elapsed() > HELD {
            self.is_met = false;
            for asked in &mut self.asked {
                asked.finish = None;
                if asked.must == Must::Nothing {
                    asked.must = Must::Either;
                }
            }
        }
    }

    /// Notes what was asked of the provider before the server dies.
    pub(super) fn dies(&mut self, hall: &Hall) {
        self.was_done();
        for asked in &mut self.asked {
            let calls = hall.tap.calls(asked.taken.number);
            asked.calls = (calls > 0).then_some(calls);
        }
    }

    /// Whether the end of the main answer was heard.
    pub(super) fn has_ended(&self, hall: &Hall) -> bool {
        self.main().is_some_and(|asked| hall.is_over(&asked.taken))
    }

    /// Lets everything go on that was held.
    pub(super) fn release(&self, hall: &Hall) {
        self.asked.iter().for_each(|asked| hall.tap.release(asked.taken.number));
    }
}

/// Asks, and waits until the run is in its state.
pub(super) async fn meet(hall: Rc<Hall>, cell: Cell, wire: &'static str) -> Result<Tried> {
    let room = hall.room(&cell)?;
    let mut tried = Tried {
        cell,
        wire,
        room,
        asked: Vec::new(),
        is_met: false,
        since: Instant::now(),
        slips: Vec::new(),
    };
    if cell.state == State::Queued {
        let blocker = begin(&hall, &cell, SOUND, Some(Point::Asked)).await?;
        tried.since = Instant::now();
        let number = blocker.number;
        hall.until(MET.min(hall.patience), || {
            hall.tap.is_reached(number) || hall.is_over(&blocker)
        })
        .await;
        let asked = Asked { taken: blocker, must: Must::Answer, finish: None, calls: None };
        tried.asked.push(asked);
    }
    let taken = begin(&hall, &cell, cell.model(), point(&cell)).await?;
    if tried.asked.is_empty() {
        tried.since = Instant::now();
    }
    let is_in_state = || match cell.state {
        State::Queued => true,
        State::Speaking => {
            hall.tap.is_reached(taken.number) && hall.witness.shown(&taken.run).pieces > 0
        }
        State::Ending if !cell.row.closes => hall.is_over(&taken),
        _held => hall.tap.is_reached(taken.number),
    };
    let is_late = || match tried.asked.first() {
        Some(blocker) => hall.is_over(&blocker.taken),
        None => hall.is_over(&taken) && (cell.state != State::Ending || cell.row.closes),
    };
    hall.until(MET.min(hall.patience), || is_in_state() || is_late()).await;
    tried.is_met = is_in_state() && !is_late();
    // Of what waits when the room turns its assistant off, nobody has promised anything.
    let must = match (cell.is_taken_back(), tried.is_met) {
        (true, true) => Must::Nothing,
        (true, false) => Must::Either,
        (false, _) if (cell.state, cell.act) == (State::Queued, Act::Off) => Must::Either,
        (false, _) => Must::Answer,
    };
    let finish = cell.finish().filter(|_| tried.is_met);
    tried.asked.push(Asked { taken, must, finish, calls: None });
    Ok(tried)
}

async fn begin(hall: &Hall, cell: &Cell, model: &str, at: Option<Point>) -> Result<Taken> {
    hall.choose(cell, model).await?;
    let number = hall.next();
    if let Some(at) = at {
        hall.tap.hold(number, at);
    }
    hall.ask(cell, number).await
}

fn point(cell: &Cell) -> Option<Point> {
    match cell.state {
        State::Queued => None,
        State::Asked => Some(Point::Asked),
        State::Headed => Some(Point::Headed),
        State::Speaking => Some(Point::Speaking),
        State::Ending => cell.row.closes.then_some(Point::Ending),
    }
}

/// Does to a cell what is to be done to it alone.
pub(super) async fn act(hall: Rc<Hall>, mut tried: Tried) -> Tried {
    if tried.cell.state == State::Ending {
        // What is done then meets the end on its way into the log.
        tried.release(&hall);
    }
    if let Err(why) = do_to(&hall, &tried).await {
        tried.slips.push(format!("it could not be done: {why:#}"));
    }
    tried.was_done();
    tried.release(&hall);
    tried
}

async fn do_to(hall: &Hall, tried: &Tried) -> Result<()> {
    let taken = &tried.main().context("nothing was asked")?.taken;
    let (mut http, token) = (hall.http(), hall.asker(&tried.cell)?.token);
    let message = |id: &str| format!("/v1/rooms/{}/messages/{id}", tried.room);
    match tried.cell.act {
        Act::Stop => {
            let path = format!("/v1/ai/runs/{}/stop", taken.run);
            http.post(&path, Some(&token), &json!({})).await?;
            if tried.is_met && tried.cell.finish().is_some() {
                // It is answered when the wish is taken; let go at once, the rest may come first.
                hall.until(HELD, || hall.is_over(taken)).await;
            }
        }
        Act::Delete => http.delete(&message(&taken.message), &token).await?,
        Act::Erase => {
            let answer = || hall.witness.shown(&taken.run).message;
            hall.until(MET.min(hall.patience), || !answer().is_empty()).await;
            http.delete(&message(&answer()), &hall.owner.token).await?;
        }
        Act::Off => hall.set(&tried.room, json!({"assistant": "off"})).await?,
        Act::Nothing | Act::Again | Act::Kick | Act::Kill => {}
    }
    Ok(())
}

/// Waits until all is over, and sees whether the room goes on.
pub(super) async fn finish(hall: Rc<Hall>, mut tried: Tried) -> Tried {
    for asked in &tried.asked {
        tried.slips.extend(over(&hall, &asked.taken).await.err());
    }
    if let Err(why) = go_on(&hall, &mut tried).await {
        tried.slips.push(format!("the room does not go on: {why:#}"));
    }
    tried
}

/// Waits until a question is over, with an answer or without; or says why it is not.
async fn over(hall: &Hall, taken: &Taken) -> Result<(), String> {
    let deadline = Instant::now() + hall.patience;
    let path = format!("/v1/ai/runs/{}", taken.run);
    while !hall.until(LOOK, || hall.is_over(taken)).await {
        let run = hall.http().get(&path, Some(&hall.owner.token)).await.unwrap_or_default();
        let is = |field: &str| run.get(field).and_then(Value::as_str);
        match (is("status") == Some("done"), is("message")) {
            (true, None) => return Ok(()),
            // It stands in the log, or so the server says.
            (true, Some(_)) if !hall.until(heard(hall), || hall.is_over(taken)).await => {
                return Err(format!("the end of {} is not heard", taken.run));
            }
            _not_yet => {}
        }
        if Instant::now() > deadline {
            return Err(format!("{} does not come to an end", taken.run));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// How long it is waited for what stands in a log.
fn heard(hall: &Hall) -> Duration {
    HEARD.min(hall.patience)
}

async fn go_on(hall: &Hall, tried: &mut Tried) -> Result<()> {
    if tried.cell.act == Act::Off {
        hall.set(&tried.room, json!({"assistant": null})).await?;
    }
    if tried.cell.act == Act::Again {
        let first = tried.main().context("nothing was asked")?.taken.clone();
        let taken = hall.again(&tried.cell, &first).await?;
        over(hall, &taken).await.map_err(|why| anyhow!("asked again, {why}"))?;
        tried.asked.push(Asked { taken, must: Must::Answer, finish: None, calls: None });
    }
    let body = json!({"text": "we talk on", "cid": format!("talk-{}", hall.next())});
    let path = format!("/v1/rooms/{}/messages", tried.room);
    let sent = hall.http().post(&path, Some(&hall.owner.token), &body).await?;
    let seq = sent.get("seq").and_then(Value::as_u64).context("a message without seq")?;
    let is_heard = hall.until(heard(hall), || hall.witness.has_heard(&tried.room, seq)).await;
    anyhow::ensure!(is_heard, "message {seq} is not heard");
    Ok(())
}
