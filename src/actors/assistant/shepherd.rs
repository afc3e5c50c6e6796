//! An assistant: looks after one question, from its turn to the end of its answer.
//!
//! The assistants start it. It reads what the answer may read, has it begin in the log, starts the
//! run that speaks it, and has it end in the log, once, however the run fares. Should it crash
//! itself, another buries what it has left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::answering::{Answering, Question};
use super::counted;
use super::ending::text;
use super::message::AssistantsMsg;
use super::prepare::{self, Prepared, Unprepared};
use super::purse::{no_budget, price};
use super::receipt;
use super::run::{Outcome, Run};
use super::verdict::{ai_off, gone};
use crate::actors::journal::Ticket;
use crate::actors::rooms::RoomsHandle;
use crate::actors::seat::Answer;
use crate::domain::{Addresses, Finish, MessageId, Millis, Text};
use crate::faults::{Moment, Part};
use crate::protocol::{AiRefused, ErrorCode, Frame, Refusal};
use crate::store::{
    self, Append, Appended, Budgets, Receipt, RunBegin, RunEnd, RunStep, RunStepped,
};

/// A read, or a step of the journal, that takes longer is given up.
const DEADLINE: Duration = Duration::from_secs(30);
/// Tokens that an answer must be allowed to write at least.
pub(super) const LEAST: i64 = 64;
/// How often the end of an answer is tried to be stored, and the pause between.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// Message of an assistant.
pub(super) enum AssistantMsg {
    /// Begin.
    Go,
    /// Somebody ends it.
    Stop,
    /// The node ends.
    CutOff,
    /// The run is through.
    Finished(Box<Outcome>),
}

/// What it has to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task {
    /// Answer.
    Answer,
    /// End an answer that broke off, with what was said of it.
    Bury,
}

/// An assistant.
pub(super) struct Assistant {
    pub(super) rooms: RoomsHandle,
    pub(super) node: i64,
    pub(super) answering: Arc<Answering>,
    pub(super) task: Task,
}

/// What changes.
#[derive(Default)]
pub(super) struct State {
    prepared: Option<Arc<Prepared>>,
    run: Option<ActorRef<super::run::Go>>,
    /// Tokens that may be written, if that is less than usual.
    is_short: bool,
}

impl Actor for Assistant {
    type Msg = AssistantMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<AssistantMsg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        me.send_message(AssistantMsg::Go)?;
        Ok(State::default())
    }

    async fn handle(
        &self,
        me: ActorRef<AssistantMsg>,
        msg: AssistantMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.rooms.faults.panic_point(Part::Assistant, Moment::Start);
        match (msg, &self.task) {
            (AssistantMsg::Go, Task::Bury) => {
                self.bury().await;
                me.stop(None);
            }
            (AssistantMsg::Go, Task::Answer) => match self.begin(state).await {
                Some(prepared) => {
                    let run = Run {
                        rooms: self.rooms.clone(),
                        answering: Arc::clone(&self.answering),
                        prepared,
                        assistant: me.clone(),
                    };
                    let (run, _ends) = Run::spawn_linked(None, run, (), me.get_cell()).await?;
                    state.run = Some(run);
                }
                None => me.stop(None),
            },
            (AssistantMsg::Stop, _) => {
                let outcome = Outcome { finish: Finish::Cancel, ..Outcome::broken("cancel", "") };
                self.cut(state, Outcome { error: None, ..outcome }).await;
                me.stop(None);
            }
            (AssistantMsg::CutOff, _) => {
                self.cut(state, Outcome::broken("restart", "")).await;
                me.stop(None);
            }
            (AssistantMsg::Finished(outcome), _) => {
                if state.run.take().is_some() {
                    self.end(state, *outcome).await;
                }
                me.stop(None);
            }
        }
        self.rooms.faults.panic_point(Part::Assistant, Moment::End);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<AssistantMsg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(_, why) => {
                tracing::error!(run.id = %self.question().run, "a run crashed: {why}");
                if state.run.take().is_some() {
                    self.end(state, Outcome::broken("crash", "")).await;
                }
                me.stop(None);
            }
            // What it said before is in the mailbox, or it was ended from here.
            SupervisionEvent::ActorTerminated(..)
            | SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl Assistant {
    fn question(&self) -> Question {
        self.answering.question
    }

    /// Has the answer begin; none when it does not.
    async fn begin(&self, state: &mut State) -> Option<Arc<Prepared>> {
        let (question, settings) = (self.question(), &self.rooms.assistant.settings);
        let mut prepared = self.prepare().await?;
        let is_offline = settings.models.is_offline_for(&prepared.request);
        let model = settings.models.first_model(&prepared.request);
        let most = i64::from(prepared.request.limits.tokens());
        let begin = RunBegin {
            run: question.run,
            room: question.room,
            node: self.node,
            model: model.unwrap_or_else(|| "offline".to_owned()),
            mode: prepared.mode,
            manifest: prepared.manifest.clone(),
            input: if is_offline { 0 } else { prepared.input },
            output: if is_offline { (0, 0) } else { (most, LEAST.min(most)) },
            price: price(settings, &prepared.request),
            budgets: if is_offline { Budgets::default() } else { settings.budgets },
            day: settings.today(),
            at: Millis::now(),
        };
        self.answering.say(&prepared.begun);
        let output = match self.step(RunStep::Begin(begin)).await {
            Ok(RunStepped::Begun { output, .. }) => counted::began(&self.rooms, output),
            Ok(RunStepped::NoBudget) => {
                return self.give_up("budget", &no_budget(settings)).await;
            }
            Ok(RunStepped::Busy) => return self.elsewhere(),
            // Stale: who asked is gone since it was prepared, or the room, or somebody else has begun.
            // The next look says which.
            Err(_) | Ok(RunStepped::Stale) => return self.later(),
            Ok(RunStepped::Ended { .. }) => return None,
        };
        state.is_short = !is_offline && output < most;
        if state.is_short {
            prepared.request.limits.cap(u32::try_from(output).unwrap_or(u32::MAX));
        }
        self.rooms.faults.panic_point(Part::Assistant, Moment::Middle);
        let prepared = Arc::new(prepared);
        state.prepared = Some(Arc::clone(&prepared));
        Some(prepared)
    }

    /// Reads what the answer needs; none where there will be none, or not now.
    async fn prepare(&self) -> Option<Prepared> {
        let settings = &self.rooms.assistant.settings;
        let reading = prepare::prepare(&self.rooms.store, settings, self.question());
        match tokio::time::timeout(DEADLINE, reading).await {
            Ok(Ok(prepared)) => Some(prepared),
            Ok(Err(Unprepared::Stale)) => None,
            Ok(Err(Unprepared::Gone)) => self.give_up("gone", &gone()).await,
            Ok(Err(Unprepared::Off)) => self.give_up("ai_off", &ai_off()).await,
            Ok(Err(Unprepared::Store(why))) => {
                tracing::error!("what an answer may read could not be read: {why}");
                self.later()
            }
            Err(_elapsed) => self.later(),
        }
    }

    /// Ends what is being said.
    async fn cut(&self, state: &mut State, outcome: Outcome) {
        if let Some(run) = state.run.take() {
            run.kill();
            self.end(state, outcome).await;
        }
    }

    /// Its room is answered in on another node.
    fn elsewhere<T>(&self) -> Option<T> {
        self.answering.put_off();
        let elsewhere = AssistantsMsg::Elsewhere(self.question());
        self.rooms.assistant.address.answer(elsewhere);
        None
    }

    /// Another time.
    fn later<T>(&self) -> Option<T> {
        let later = AssistantsMsg::Later(self.question());
        self.rooms.assistant.address.answer(later);
        None
    }

    /// There will be no answer, and the asker is told why; unless somebody else has ended it.
    async fn give_up<T>(&self, why: &str, refusal: &Refusal) -> Option<T> {
        let dropped = self.rooms.store.drop_run(self.question().run, why, Millis::now());
        match tokio::time::timeout(DEADLINE, dropped).await {
            Ok(Ok(true)) => refuse(&self.rooms, self.question(), refusal).await,
            Ok(Ok(false)) => {}
            Ok(Err(why)) => {
                tracing::error!("a question could not be dropped: {why}");
                return self.later();
            }
            Err(_elapsed) => return self.later(),
        }
        None
    }

    /// Has the answer end in the log.
    async fn end(&self, state: &State, outcome: Outcome) {
        let Some(prepared) = &state.prepared else { return };
        // A run that was ended from outside may be in the middle of a word.
        let said = self.answering.seal();
        let told = outcome.told.as_ref().unwrap_or(&prepared.told);
        let (text, is_cut) = text(&said, told);
        let mut outcome = outcome;
        // It may have thought until there was nothing left.
        let is_at_its_limit = outcome.finish == Finish::Length || outcome.error == Some("no_room");
        if is_at_its_limit && state.is_short {
            (outcome.finish, outcome.error) = (Finish::Budget, None);
        } else if outcome.finish == Finish::Stop && is_cut {
            outcome.finish = Finish::Length;
        } else if outcome.finish == Finish::Stop && text.is_none() {
            (outcome.finish, outcome.error) = (Finish::Error, Some("bad_answer"));
        }
        let receipt = receipt::of(&self.rooms.assistant.settings, prepared, &outcome, &said);
        let why = (outcome.error, outcome.instead);
        self.write_end((outcome.finish, why), text, receipt).await;
    }

    /// Ends an answer that somebody else began.
    async fn bury(&self) {
        let said = self.answering.seal();
        let known = tokio::time::timeout(DEADLINE, self.rooms.store.run(self.question().run)).await;
        let Ok(Ok(Some(run))) = known else { return };
        let (text, _is_cut) = text(&said, &self.told(&run).await);
        let receipt = receipt::of_buried(&self.rooms.assistant.settings, run, &said);
        self.write_end((Finish::Error, (Some("crash"), None)), text, receipt).await;
        if self.rooms.faults.answers_twice() {
            let question = self.question();
            let again = self.rooms.ask_again(question.run, question.asker, false).await;
            again.inspect_err(|why| tracing::error!("no second answer: {}", why.msg)).ok();
        }
    }

    /// The addresses that an answer may lead to which somebody else began.
    async fn told(&self, run: &store::Run) -> Addresses {
        let reading = prepare::told(&self.rooms.store, run);
        match tokio::time::timeout(DEADLINE, reading).await {
            Ok(Ok(told)) => told,
            Ok(Err(why)) => {
                tracing::warn!("what an answer has read could not be read again: {why}");
                Addresses::default()
            }
            Err(_elapsed) => Addresses::default(),
        }
    }

    async fn write_end(
        &self,
        (finish, (reason, instead)): (Finish, (Option<&'static str>, Option<&'static str>)),
        text: Option<Text>,
        receipt: Receipt,
    ) {
        let Question { run, room, .. } = self.question();
        if let Some(reason) = reason {
            let (provider, model) = (receipt.provider.as_str(), receipt.model.as_str());
            tracing::warn!(run.id = %run, provider, model, "an answer broke off: {reason}");
        }
        let faults = &self.rooms.faults;
        if faults.loses_end(finish.word()) {
            return;
        }
        let spoilt = faults.changes_end(finish.word());
        let text = text.and_then(|text| match spoilt {
            Some(more) => {
                let spoilt = format!("{}{more}", text.as_str());
                Text::of_assistant(&spoilt, &Addresses::default()).ok()
            }
            None => Some(text),
        });
        #[cfg(feature = "faults")]
        let mut is_doubled = faults.doubles_end(finish.word());
        for _try in 0..TRIES {
            let (text, kept, at) = (text.clone(), receipt.clone(), Millis::now());
            let why = reason.or(instead).map(str::to_owned);
            let end = RunEnd { run, room, finish, text, receipt: kept, reason: why, at };
            match self.step(RunStep::End(end)).await {
                Ok(RunStepped::Stale) => return self.abandon().await,
                #[cfg(feature = "faults")]
                Ok(_ended) if std::mem::take(&mut is_doubled) => {
                    let undone = self.rooms.store.undo_end(run).await;
                    undone.inspect_err(|why| tracing::error!("no second end: {why}")).ok();
                    continue;
                }
                Ok(stepped) => {
                    return counted::over(&self.rooms, &stepped, (finish, reason), &receipt);
                }
                Err(why) => {
                    tracing::warn!(run.id = %run, "an answer could not be ended: {}", why.msg);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        // The sweep finds it.
    }

    /// There is nothing to end: somebody else has, or there is no room any more.
    async fn abandon(&self) {
        let abandoned = self.rooms.store.abandon_run(self.question().run, Millis::now());
        if let Ok(Err(why)) = tokio::time::timeout(DEADLINE, abandoned).await {
            tracing::error!("an answer without a room could not be dropped: {why}");
        }
    }

    /// Takes a step of the run in the log.
    async fn step(&self, step: RunStep) -> Result<RunStepped, Refusal> {
        let (answer, appended) = Answer::channel();
        let ticket = Ticket::Run { answering: Arc::clone(&self.answering), answer };
        let append = Append::Run(Box::new(step));
        if let Err(refused) = self.rooms.journal.append(append, ticket, Instant::now()) {
            refused.1?;
        }
        let lost = || Refusal::new(ErrorCode::Unavailable, "the journal does not answer");
        match tokio::time::timeout(DEADLINE, appended).await {
            Ok(Ok(appended)) => match appended? {
                Appended::Run(stepped) => Ok(stepped),
                Appended::Refused(_gone) => Ok(RunStepped::Stale),
                _failed => Err(Refusal::new(ErrorCode::Internal, "this could not be done")),
            },
            Ok(Err(_)) | Err(_) => Err(lost()),
        }
    }
}

/// Tells an asker that there will be no answer.
pub(super) async fn refuse(rooms: &RoomsHandle, question: Question, refusal: &Refusal) {
    rooms.metrics.assistant.refused(refusal.code.word());
    let Question { room, seq, asker, .. } = question;
    let refused = AiRefused { room, message: MessageId { room, seq }, refusal };
    rooms.tell_asker(asker, Frame::json(&refused)).await;
}
