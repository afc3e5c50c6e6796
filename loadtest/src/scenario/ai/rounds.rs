//! What is done to the server: rounds in which every room asks at once, silence, talk in other rooms,
//! and questions one after the other.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use tokio::time::sleep;

use super::board::Noted;
use super::chat::{Chat, Spoken};
use super::provider::{Provider, Script};
use super::viewers::Viewers;
use crate::proc::Process;
use crate::progress::Progress;
use crate::report::{microseconds, record};
use crate::town::{Meter, Spent};

/// Over how long the rooms ask, each once: answers do not begin in step.
const SPREAD: Duration = Duration::from_secs(1);
/// Tokens a second at which each is told in a frame of its own: further apart than the server's time
/// between two pieces of an answer, however many are spoken.
const APART: f64 = 10.0;
/// Between two questions that come one after the other: one user asks them all, and the server takes
/// 20 messages a second of one.
const BETWEEN: Duration = Duration::from_millis(67);
/// A short answer, as fast as it goes.
const SHORT: Script = Script { per_second: 1_000.0, tokens: 8 };

/// A round: an answer in every room.
pub(super) struct Round {
    pub noted: Noted,
    pub spent: Spent,
    /// Tokens times viewers.
    pub seen: u64,
    /// Whether every end was heard.
    pub is_whole: bool,
}

impl Round {
    /// Microseconds of the server for a token and a viewer, less what it uses in silence.
    pub(super) fn each_us(&self, silence: f64) -> Option<f64> {
        let used = self.spent.server?.as_secs_f64() - silence * self.spent.took.as_secs_f64();
        (self.seen > 0).then(|| used.max(0.0) * 1e6 / self.seen as f64)
    }

    pub(super) fn frames_per_token(&self) -> f64 {
        self.noted.frames as f64 / self.seen.max(1) as f64
    }
}

/// One turn of all there is.
pub(super) struct Pair {
    /// CPU of the server in silence, seconds by second.
    pub silence: f64,
    /// Tokens as fast as they come, gathered by the server.
    pub gathered: Round,
    /// The same with a frame for each token.
    pub apart: Round,
    /// Talk in other rooms without answers.
    pub alone: Spoken,
    /// And beside them.
    pub beside: Spoken,
    pub while_talking: Round,
}

impl Pair {
    pub(super) fn is_whole(&self) -> bool {
        [&self.gathered, &self.apart, &self.while_talking].iter().all(|round| round.is_whole)
    }
}

/// From the acknowledgement of a question to its arrival at the provider, and from its sending.
pub(super) struct Starts {
    pub acked: Histogram<u64>,
    pub asked: Histogram<u64>,
    /// Questions that were at the provider before their acknowledgement was here.
    pub before_ack: u64,
}

pub(super) struct Hall {
    pub viewers: Viewers,
    pub provider: Rc<Provider>,
    pub process: Option<Process>,
    pub per_second: f64,
    pub time: Duration,
    next: Cell<u64>,
}

impl Hall {
    pub(super) fn new(
        viewers: Viewers,
        provider: Rc<Provider>,
        process: Option<Process>,
        (per_second, time): (f64, Duration),
    ) -> Self {
        Self { viewers, provider, process, per_second, time, next: Cell::new(1) }
    }

    fn number(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    fn script(&self, per_second: f64, time: Duration) -> Script {
        let tokens = (per_second * time.as_secs_f64()).round() as usize;
        Script { per_second, tokens: tokens.max(1) }
    }

    /// Something short, so that every room is awake before anything is counted.
    pub(super) async fn warm_up(&self) -> Result<()> {
        self.round(self.script(self.per_second, Duration::from_secs(1))).await?;
        Ok(())
    }

    pub(super) async fn pair(&self, chat: &Chat) -> Result<Pair> {
        let silence = self.silence().await?;
        let gathered = self.round(self.script(self.per_second, self.time)).await?;
        let apart = self.round(self.script(APART, self.time)).await?;
        let alone = chat.drive(self.time).await?;
        // Answers that go on until the talk is over.
        let longer = self.script(self.per_second, self.time);
        let talk = async {
            sleep(SPREAD).await;
            chat.drive(self.time.saturating_sub(SPREAD)).await
        };
        let (while_talking, beside) = tokio::join!(self.round(longer), talk);
        let (while_talking, beside) = (while_talking?, beside?);
        Ok(Pair { silence, gathered, apart, alone, beside, while_talking })
    }

    /// Seconds of CPU that the server uses in a second in which nothing is asked.
    async fn silence(&self) -> Result<f64> {
        let meter = Meter::start(self.process)?;
        sleep(self.time.min(Duration::from_secs(5))).await;
        let spent = meter.stop()?;
        let used = spent.server.unwrap_or_default().as_secs_f64();
        Ok(used / spent.took.as_secs_f64().max(1e-9))
    }

    /// Asks in every room and waits until every viewer has heard the end.
    async fn round(&self, script: Script) -> Result<Round> {
        let (viewers, rooms) = (&self.viewers, self.viewers.rooms());
        self.provider.plan(script);
        viewers.board.take_noted()?;
        let before = viewers.board.ended.get();
        let meter = Meter::start(self.process)?;
        let pause = SPREAD / u32::try_from(rooms)?.max(1);
        for room in 0..rooms {
            viewers.ask(room, self.number()).await?;
            sleep(pause).await;
        }
        let is_whole = viewers.heard(before + rooms * viewers.each()).await;
        let spent = meter.stop()?;
        let noted = viewers.board.take_noted()?;
        let seen = (script.tokens * rooms * viewers.each()) as u64;
        Ok(Round { noted, spent, seen, is_whole })
    }

    /// Asks one question after the other, in one room after the other.
    pub(super) async fn one_by_one(&self, questions: usize) -> Result<Starts> {
        let mut starts = Starts { acked: microseconds()?, asked: microseconds()?, before_ack: 0 };
        self.provider.plan(SHORT);
        let progress = Progress::new("questions", questions);
        for count in 0..questions {
            let (number, before) = (self.number(), self.viewers.board.ended.get());
            let asked = Instant::now();
            self.viewers.ask(count % self.viewers.rooms(), number).await?;
            if !self.viewers.heard(before + self.viewers.each()).await {
                break;
            }
            let acked = self.viewers.board.acked(number).context("no acknowledgement came")?;
            let arrived = self.provider.told(number).arrived();
            let arrived = *arrived.first().context("the provider was not asked")?;
            starts.before_ack += u64::from(arrived < acked);
            record(&mut starts.acked, arrived.saturating_duration_since(acked));
            record(&mut starts.asked, arrived.saturating_duration_since(asked));
            progress.step(1);
            sleep(BETWEEN.saturating_sub(asked.elapsed())).await;
        }
        progress.done();
        Ok(starts)
    }
}
