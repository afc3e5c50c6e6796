//! What concerns the assistant: questions that stand in a log, and who may end an answer.

use std::time::Duration;

use super::RoomsHandle;
use crate::actors::assistant::{DraftAsk, Drafted, Question, ai_off, may_ask, may_ask_again};
use crate::actors::relay::{RelayMsg, Tell};
use crate::actors::seat::Answer;
use crate::actors::task;
use crate::domain::{Cid, Finish, MessageId, Millis, RoomId, RunId, Text, UserId, Waking, limits};
use crate::protocol::{AiRefused, ErrorCode, Frame, Refusal};
use crate::store::{Asked, AskedAgain, Run, RunStatus, StoreError};

/// A question whose room is busy may be asked again after this time.
const BUSY: Duration = Duration::from_secs(5);
/// From asking for a draft to having it.
const PATIENCE: Duration = Duration::from_secs(150);

impl RoomsHandle {
    /// A question to the assistant stands in the log.
    pub(super) fn asked(&self, room: RoomId, (seq, asker): (i64, UserId), asked: Asked) {
        let refusal = match asked {
            Asked::Run(run) => return self.assistant.asked(Question { run, room, seq, asker }),
            Asked::Busy => room_busy(),
            Asked::InVain => ai_off(),
            Asked::NoBots => no_bots(),
            Asked::TooFar => too_far(),
        };
        self.metrics.assistant.refused(refusal.code.word());
        let rooms = self.clone();
        task::beside(async move {
            let message = MessageId { room, seq };
            let frame = Frame::json(&AiRefused { room, message, refusal: &refusal });
            rooms.tell_asker(asker, frame).await;
        });
    }

    /// Tells all sessions of who asked something.
    pub(crate) async fn tell_asker(&self, asker: UserId, frame: Frame) {
        self.bus.tell(&[asker], &Tell::Others(frame.clone(), None));
        self.tell_asker_here(asker, frame).await;
    }

    /// The same, those on this node.
    pub(crate) async fn tell_asker_here(&self, asker: UserId, frame: Frame) {
        let tell = Tell::Others(frame, None);
        self.relays.broadcast(RelayMsg::Tell([asker].into(), tell)).await;
    }

    /// Whether a question would be answered, as far as that is known before it stands. One that
    /// stands already, by its `cid`, has been decided.
    ///
    /// # Errors
    /// `ai_busy`, `ai_budget`, `unavailable`.
    pub async fn may_ask(
        &self,
        (room, asker): (RoomId, UserId),
        (cid, text): (&Cid, &Text),
    ) -> Result<(), Refusal> {
        let prospect = self.store.prospect((room, asker), cid).await;
        let prospect = prospect.map_err(|why| unreadable(&why))?;
        if prospect.is_known {
            return Ok(());
        }
        if prospect.is_busy {
            return Err(room_busy());
        }
        let what = (text.as_str().to_owned(), prospect.read_seq);
        may_ask(self, (room, asker), what).await
    }

    /// Ends an answer, or takes a question back: for who asked it, and moderators. One that is over
    /// stays as it is.
    ///
    /// # Errors
    /// `not_found` for who may not know of it, `forbidden`, `unavailable`.
    pub async fn stop_run(&self, run: RunId, by: UserId) -> Result<(), Refusal> {
        let known = self.run_for(run, by).await?;
        if known.status != RunStatus::Done {
            self.owned(&known, by).await?;
            self.assistant.stop(run, by);
        }
        Ok(())
    }

    /// Asks the question of a run again, or has its answer go on where it broke off.
    ///
    /// # Errors
    /// As [`Self::stop_run`], `ai_busy`, `ai_budget`, and `conflict` for one that is not over, did not
    /// break off, or whose question is gone.
    pub async fn ask_again(&self, run: RunId, by: UserId, goes_on: bool) -> Result<RunId, Refusal> {
        let known = self.run_for(run, by).await?;
        self.owned(&known, by).await?;
        let room = self.store.room(known.room).await.map_err(|why| unreadable(&why))?;
        if !self.assistant.is_on() || room.is_some_and(|room| room.waking == Waking::Off) {
            return Err(ai_off());
        }
        let is_broken = known.finish.is_some_and(|finish| finish != Finish::Stop);
        if known.status != RunStatus::Done || (goes_on && !is_broken) {
            return Err(not_now(goes_on));
        }
        if goes_on && self.is_full(&known).await? {
            return Err(not_now(goes_on));
        }
        may_ask_again(self, (&known, by), goes_on.then_some(run)).await?;
        let again = self.store.ask_again(run, (goes_on, by), Millis::now()).await;
        match again.map_err(|why| unreadable(&why))? {
            AskedAgain::Run(run) => {
                let question = Question { run, room: known.room, seq: known.question, asker: by };
                self.assistant.asked(question);
                Ok(run)
            }
            AskedAgain::Busy => Err(room_busy()),
            AskedAgain::NotNow => Err(not_now(goes_on)),
        }
    }

    /// A run, for who may read its question.
    ///
    /// # Errors
    /// `not_found` for who may not know of it, `unavailable`.
    pub async fn run_for(&self, run: RunId, reader: UserId) -> Result<Run, Refusal> {
        let nothing = || Refusal::new(ErrorCode::NotFound, "no such run");
        let known = self.store.run(run).await.map_err(|why| unreadable(&why))?;
        let known = known.ok_or_else(nothing)?;
        let reach = self.store.reach(known.room, reader).await.map_err(|why| unreadable(&why))?;
        reach.filter(|reach| known.question > reach.after).map(|_reach| known).ok_or_else(nothing)
    }

    /// The next line in somebody's own voice.
    ///
    /// # Errors
    /// `not_found`, `conflict`, `ai_busy`, `ai_budget` and `unavailable`.
    pub async fn draft(
        &self,
        room: RoomId,
        asker: UserId,
        hint: Option<String>,
    ) -> Result<Drafted, Refusal> {
        let (answer, drafted) = Answer::channel();
        if !self.assistant.draft(DraftAsk { room, asker, hint }, answer) {
            return Err(room_busy());
        }
        let late = || Refusal::new(ErrorCode::Unavailable, "the assistant does not answer");
        match tokio::time::timeout(PATIENCE, drafted).await {
            Ok(Ok(drafted)) => drafted,
            Ok(Err(_)) | Err(_) => Err(late().retry_in(BUSY)),
        }
    }

    /// Whether an answer is as long as a message may be: one that began with it could say nothing more.
    async fn is_full(&self, run: &Run) -> Result<bool, Refusal> {
        let Some(message) = run.message else { return Ok(false) };
        let text = self.store.text_of(run.room, message).await.map_err(|why| unreadable(&why))?;
        Ok(text.is_some_and(|text| text.chars().count() >= limits::TEXT_CHARS))
    }

    /// Whether somebody may end a run.
    async fn owned(&self, run: &Run, by: UserId) -> Result<(), Refusal> {
        if run.asker == by {
            return Ok(());
        }
        let rank = self.store.rank(run.room, by).await.map_err(|why| unreadable(&why))?;
        if rank.is_some_and(|rank| rank.is_moderator()) {
            return Ok(());
        }
        let msg = "this is for who asked, and for moderators";
        Err(Refusal::new(ErrorCode::Forbidden, msg).because("not_asker"))
    }
}

/// It is no time to ask again, or to go on.
fn not_now(goes_on: bool) -> Refusal {
    if goes_on {
        let msg = "there is nothing to go on with";
        return Refusal::new(ErrorCode::Conflict, msg).because("not_broken");
    }
    Refusal::new(ErrorCode::Conflict, "it is not over yet").because("not_over")
}

/// Too many wait in this room.
fn room_busy() -> Refusal {
    Refusal::new(ErrorCode::AiBusy, "the assistant is answering here already").retry_in(BUSY)
}

/// The room does not want bots to ask.
#[must_use]
pub fn no_bots() -> Refusal {
    let msg = "bots may not ask the assistant in this room";
    Refusal::new(ErrorCode::Forbidden, msg).because("ai_bots")
}

/// Machines have talked among themselves for long enough.
#[must_use]
pub fn too_far() -> Refusal {
    let msg = "there are too many machines between this question and a human";
    Refusal::new(ErrorCode::Forbidden, msg).because("hops")
}

fn unreadable(why: &StoreError) -> Refusal {
    tracing::error!("a run could not be read: {why}");
    Refusal::new(ErrorCode::Unavailable, "the store does not answer")
        .retry_in(Duration::from_secs(1))
}
