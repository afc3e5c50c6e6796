//! The assistants: who sees to it that questions are answered.
//!
//! Root starts them. A question comes from the journal, with its row in the store, and waits in a
//! queue (`state.rs`) for its turn: one answer in a room at a time, so many on a node, fair between
//! users. Then an [`Assistant`] looks after it (`shepherd.rs`), and a [`Run`](run::Run) speaks its
//! answer. No room waits for any of them.
//!
//! A crash of a run ends its answer with what was said; one of an assistant has another bury it; one
//! of the assistants begins with a look at the store, where every question stands until it has come to
//! its one end. The same look finds what a node has left that ended.

mod answering;
mod beat;
mod counted;
mod discretion;
mod draft;
mod ending;
mod excerpt;
mod honest;
mod message;
mod offline;
mod places;
mod prepare;
mod purse;
mod receipt;
mod review;
mod run;
mod shepherd;
mod state;
mod stop;
mod sweep;
mod verdict;
mod waits;
mod wish;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

pub(crate) use self::answering::{Answering, Question};
pub use self::ending::public_reason;
pub use self::message::{AssistantHandle, AssistantSettings, Drafted, RunReading};
pub(crate) use self::message::{AssistantsMsg, DraftAsk, MAILBOX};
pub(crate) use self::places::look;
pub use self::review::{Note, ReviewError, Reviewed, review};
pub(crate) use self::run::tell;
use self::shepherd::{Assistant, AssistantMsg, Task, refuse};
use self::state::{NotQueued, Queue};
pub(super) use self::verdict::{ai_off, may_ask, may_ask_again};
pub(crate) use self::waits::Wait;
use super::bounded::Envelope;
use super::rooms::RoomsHandle;
use super::seat::Answer;
use super::task;
use crate::domain::{Millis, RunId, UserId};
use crate::faults::{Moment, Part};
use crate::protocol::{ErrorCode, Refusal};

/// How often it is noted that runs are looked after, and what was said.
const TICK: Duration = Duration::from_secs(1);
/// A question whose room is busy elsewhere is tried again after this time.
const LATER: Duration = Duration::from_millis(500);
/// A question that crashed its assistant so often is dropped.
const CRASHES: u32 = 3;
/// Drafts at a time, of all and of one user.
const DRAFTS: (usize, usize) = (8, 2);

/// What they do not change.
pub(super) struct Assistants {
    pub(super) rooms: RoomsHandle,
    /// Tells this life of the node from others.
    pub(super) node: i64,
}

/// What changes.
pub(super) struct State {
    queue: Queue,
    working: HashMap<ActorId, (Arc<Answering>, ActorRef<AssistantMsg>)>,
    crashes: HashMap<RunId, u32>,
    /// Those whose rooms are answered in on another node: they are tried again and again.
    elsewhere: HashMap<RunId, Question>,
    /// Those that come back after a while, unless somebody takes them back.
    late: HashMap<RunId, Question>,
    /// How often the queue had changed when places were told. In the beginning nobody knows what was
    /// told by the life before.
    told_at: Option<u64>,
    /// Whether the other nodes were told that somebody waits here.
    has_shared: bool,
    /// Who waits for a draft, once for each.
    drafts: Vec<UserId>,
    is_ticking: bool,
    /// When this life began.
    since: Millis,
}

impl Actor for Assistants {
    type Msg = Envelope<AssistantsMsg>;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        me.send_message(Envelope::to_self(AssistantsMsg::Sweep))?;
        let settings = &self.rooms.assistant.settings;
        Ok(State {
            queue: Queue::new(settings.places, settings.per_minute),
            working: HashMap::new(),
            crashes: HashMap::new(),
            elsewhere: HashMap::new(),
            late: HashMap::new(),
            told_at: None,
            has_shared: false,
            drafts: Vec::new(),
            is_ticking: false,
            since: Millis::now(),
        })
    }

    async fn handle(
        &self,
        me: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.rooms.faults.panic_point(Part::Assistants, Moment::Start);
        let (Some(msg), _place) = envelope.open() else {
            return Ok(());
        };
        match msg {
            AssistantsMsg::Asked(question) => self.asked(state, question).await,
            AssistantsMsg::Later(question) => {
                state.elsewhere.remove(&question.run);
                later(&me, state, question);
            }
            AssistantsMsg::Elsewhere(question) => {
                state.elsewhere.insert(question.run, question);
                later(&me, state, question);
            }
            AssistantsMsg::Again(run) => {
                let wanted = state.late.remove(&run);
                wanted.into_iter().for_each(|question| state.queue.put_back(question));
            }
            AssistantsMsg::Stop(run, by) => self.stop(state, run, by),
            AssistantsMsg::Look(asker, answer) => {
                let verdict = state.queue.look(asker, Instant::now());
                answer.give(verdict.map_err(refused));
            }
            AssistantsMsg::Draft(ask, answer) => self.draft(state, ask, answer),
            AssistantsMsg::Drafted(user) => {
                if let Some(at) = state.drafts.iter().position(|asker| *asker == user) {
                    state.drafts.swap_remove(at);
                }
            }
            AssistantsMsg::Tick => self.tick(&me, state),
            AssistantsMsg::Spoke(run, text) => self.note(&me, vec![(run, Some(text))]),
            AssistantsMsg::Sweep => self.sweep(&me, state).await?,
            AssistantsMsg::Leave(answer) => {
                self.release(state).await;
                answer.give(());
            }
            AssistantsMsg::CutOff => self.cut_off(state),
        }
        self.rooms.faults.panic_point(Part::Assistants, Moment::Middle);
        self.go_on(&me, state).await?;
        self.rooms.faults.panic_point(Part::Assistants, Moment::End);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(who, _, _) => {
                if let Some((answering, _)) = state.working.remove(&who.get_id()) {
                    let run = answering.question.run;
                    self.rooms.assistant.living.remove(run);
                    state.queue.ended(run);
                    state.crashes.remove(&run);
                    if !answering.is_put_off() {
                        state.elsewhere.remove(&run);
                    }
                }
            }
            SupervisionEvent::ActorFailed(who, why) => {
                if let Some((answering, _)) = state.working.remove(&who.get_id()) {
                    tracing::error!(run.id = %answering.question.run, "an assistant crashed: {why}");
                    state.elsewhere.remove(&answering.question.run);
                    self.crashed(&me, state, &answering).await?;
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        self.go_on(&me, state).await
    }
}

impl Assistants {
    async fn asked(&self, state: &mut State, question: Question) {
        let put = state.queue.put(question, Instant::now());
        let must_wait = || state.queue.place(question.run).is_some_and(|place| place > 0);
        if self.rooms.faults.forgets_who_waits() && must_wait() {
            state.queue.take_back(question.run);
        }
        let refusal = match put {
            Ok(()) | Err(NotQueued::Known) => return,
            Err(why) => refused(why),
        };
        self.drop_run(question, "busy", refusal).await;
    }

    /// Has a draft written, where its asker has not too many already.
    fn draft(&self, state: &mut State, ask: DraftAsk, answer: Answer<Result<Drafted, Refusal>>) {
        let asker = ask.asker;
        let own = state.drafts.iter().filter(|user| **user == asker).count();
        let is_full = state.drafts.len() >= DRAFTS.0 || own >= DRAFTS.1;
        let counted = if is_full {
            Err(busy())
        } else {
            state.queue.count(asker, Instant::now()).map_err(too_often)
        };
        if let Err(refusal) = counted {
            self.rooms.metrics.assistant.drafted(refusal.code.word());
            return answer.give(Err(refusal));
        }
        state.drafts.push(asker);
        let rooms = self.rooms.clone();
        task::beside(async move {
            let drafted = task::caught(draft::draft(&rooms, ask)).await;
            let failed = || Refusal::new(ErrorCode::Internal, "this could not be done");
            answer.give(drafted.unwrap_or_else(|| Err(failed())));
            rooms.assistant.address.answer(AssistantsMsg::Drafted(asker));
        });
    }

    async fn drop_run(&self, question: Question, why: &'static str, refusal: Refusal) {
        match self.rooms.store.drop_run(question.run, why, Millis::now()).await {
            Ok(true) => refuse(&self.rooms, question, &refusal).await,
            Ok(false) => {}
            Err(why) => tracing::error!("a question could not be dropped: {why}"),
        }
    }

    /// Starts whoever has their turn now, and tells the others their places.
    async fn go_on(
        &self,
        me: &ActorRef<Envelope<AssistantsMsg>>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let is_leaving = self.rooms.assistant.is_leaving();
        while let Some(question) = if is_leaving { None } else { state.queue.next() } {
            self.start(me, state, (Answering::new(question), Task::Answer)).await?;
        }
        let ((waiting, working), numbers) = (state.queue.len(), &self.rooms.metrics.assistant);
        numbers.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        numbers.working.set(i64::try_from(working).unwrap_or(i64::MAX));
        let changes = Some(state.queue.changes());
        if std::mem::replace(&mut state.told_at, changes) != changes {
            self.tell_places(state).await;
        }
        let has_work = state.queue.len() != (0, 0) || !state.elsewhere.is_empty();
        if !state.is_ticking && (has_work || state.has_shared) {
            state.is_ticking = true;
            let _timer = me.send_after(TICK, || Envelope::to_self(AssistantsMsg::Tick));
        }
        Ok(())
    }

    async fn start(
        &self,
        me: &ActorRef<Envelope<AssistantsMsg>>,
        state: &mut State,
        (answering, task): (Arc<Answering>, Task),
    ) -> Result<(), ActorProcessingErr> {
        self.rooms.assistant.living.add(&answering);
        let assistant = Assistant {
            rooms: self.rooms.clone(),
            node: self.node,
            answering: Arc::clone(&answering),
            task,
        };
        let (actor, _ends) = Assistant::spawn_linked(None, assistant, (), me.get_cell()).await?;
        state.working.insert(actor.get_id(), (answering, actor));
        Ok(())
    }

    /// An assistant crashed: what it had said is buried; what it had not begun is begun again.
    async fn crashed(
        &self,
        me: &ActorRef<Envelope<AssistantsMsg>>,
        state: &mut State,
        answering: &Arc<Answering>,
    ) -> Result<(), ActorProcessingErr> {
        let question = answering.question;
        let crashes = state.crashes.entry(question.run).or_default();
        *crashes += 1;
        let is_hopeless = *crashes >= CRASHES;
        if answering.message().is_some() {
            if is_hopeless {
                // The sweep finds it.
                self.rooms.assistant.living.remove(question.run);
                state.queue.ended(question.run);
                return Ok(());
            }
            return self.start(me, state, (Arc::clone(answering), Task::Bury)).await;
        }
        self.rooms.assistant.living.remove(question.run);
        if is_hopeless {
            state.queue.ended(question.run);
            let refusal =
                Refusal::new(ErrorCode::Unavailable, "the question could not be answered");
            self.drop_run(question, "crash", refusal).await;
        } else {
            state.queue.put_back(question);
        }
        Ok(())
    }
}

/// Has a question come back after a while.
fn later(me: &ActorRef<Envelope<AssistantsMsg>>, state: &mut State, question: Question) {
    state.queue.ended(question.run);
    state.late.insert(question.run, question);
    let again = move || Envelope::to_self(AssistantsMsg::Again(question.run));
    let _timer = me.send_after(LATER, again);
}

/// Why a question does not wait, as the wire says it.
fn refused(why: NotQueued) -> Refusal {
    match why {
        NotQueued::TooOften { retry } => too_often(retry),
        NotQueued::Full | NotQueued::Known => busy(),
    }
}

/// One user asks too much.
fn too_often(retry: Duration) -> Refusal {
    Refusal::new(ErrorCode::AiBusy, "you ask too often").retry_in(retry)
}

/// Too many ask at once.
fn busy() -> Refusal {
    Refusal::new(ErrorCode::AiBusy, "the assistant has too much to do")
        .retry_in(Duration::from_secs(5))
}
