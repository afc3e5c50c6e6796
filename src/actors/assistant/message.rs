//! What can be asked of the assistant.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::answering::{Answering, Living, Question};
use super::sweep::TO_LEAVE;
use super::waits::{Wait, Waits};
use crate::actors::bounded::{Address, BoundedRef};
use crate::actors::meter::Mailbox;
use crate::actors::seat::Answer;
use crate::domain::{Day, Millis, RoomId, RoomSettings, RunId, UserId, Waking};
use crate::llm::{Chain, Prices};
use crate::protocol::Refusal;
use crate::store::{Budgets, Context, Manner};

/// Commands that may wait for the assistants.
pub(crate) const MAILBOX: usize = 8_192;

/// What the operator chose.
#[derive(Debug, Clone)]
pub struct AssistantSettings {
    /// The models, in their order.
    pub models: Arc<Chain>,
    /// Whether there is an assistant; if not, it is off everywhere.
    pub is_on: bool,
    /// How it speaks where neither room nor club says so.
    pub manner: Manner,
    /// What they cost.
    pub prices: Prices,
    /// Answers at a time on this node.
    pub places: usize,
    /// Questions of one user in a minute.
    pub per_minute: usize,
    /// Messages that an answer reads.
    pub messages: i64,
    /// Tokens of them.
    pub tokens: u64,
    /// Tokens that a model may think beside what it writes.
    pub thought_tokens: u32,
    /// What may be spent in a day.
    pub budgets: Budgets,
    /// Minutes that people's clocks are ahead of UTC.
    pub minutes_ahead: i32,
}

impl Default for AssistantSettings {
    fn default() -> Self {
        Self {
            models: Arc::new(Chain::offline()),
            is_on: true,
            manner: Manner::default(),
            prices: Prices::default(),
            places: 8,
            per_minute: 5,
            messages: 50,
            tokens: 4_000,
            thought_tokens: 8_192,
            budgets: Budgets::default(),
            minutes_ahead: 540,
        }
    }
}

impl AssistantSettings {
    /// The day whose budgets hold.
    pub(super) fn today(&self) -> Day {
        Day::of(Millis::now(), self.minutes_ahead)
    }

    /// Until they begin anew.
    pub(super) fn until_tomorrow(&self) -> Duration {
        Day::left(Millis::now(), self.minutes_ahead)
    }
}

/// A draft that somebody wants.
#[derive(Debug, Clone)]
pub(crate) struct DraftAsk {
    /// Where.
    pub(crate) room: RoomId,
    /// Who, in whose voice.
    pub(crate) asker: UserId,
    /// What it should say.
    pub(crate) hint: Option<String>,
}

/// A draft, for the asker alone.
#[derive(Debug, Clone)]
pub struct Drafted {
    /// The text.
    pub text: String,
    /// The model that wrote it.
    pub model: String,
    /// Tokens read and written.
    pub tokens: (i64, i64),
    /// What that cost, where a price is known.
    pub micro_usd: Option<i64>,
    /// Whether nobody counted the tokens, or some of them.
    pub is_guessed: bool,
    /// First and last message that it has read, and how many.
    pub context: (i64, i64, i64),
}

/// Message of the assistants.
pub(crate) enum AssistantsMsg {
    /// A fresh question.
    Asked(Question),
    /// One that could not have its turn: the store or the journal did not answer.
    Later(Question),
    /// One whose room is answered in on another node.
    Elsewhere(Question),
    /// Try one that was late again.
    Again(RunId),
    /// Somebody may end this run, and does.
    Stop(RunId, UserId),
    /// What would become of a question of this user.
    Look(UserId, Answer<Result<(), Refusal>>),
    /// Somebody wants a draft.
    Draft(DraftAsk, Answer<Result<Drafted, Refusal>>),
    /// A draft of this user is done.
    Drafted(UserId),
    /// The first words of an answer were told: they are noted at once.
    Spoke(RunId, String),
    /// Say that the runs here are looked after.
    Tick,
    /// Look for runs that nobody looks after.
    Sweep,
    /// The node ends: begin nothing more.
    Leave(Answer<()>),
    /// The node ends now.
    CutOff,
}

/// Face of the assistants of a node. Cheap to clone.
#[derive(Clone, Default)]
pub struct AssistantHandle {
    pub(super) address: Address<AssistantsMsg>,
    pub(super) living: Living,
    /// Those that other nodes speak.
    pub(crate) abroad: Living,
    /// Questions that wait, here and elsewhere.
    pub(crate) waits: Waits,
    pub(in crate::actors) settings: Arc<AssistantSettings>,
    /// Whether the node ends.
    leaves: Arc<AtomicBool>,
}

/// What is seen of an answer that is being spoken.
#[derive(Debug, Clone)]
pub struct RunReading {
    /// The run.
    pub run: RunId,
    /// Its room.
    pub room: RoomId,
    /// Bytes that were said.
    pub bytes: usize,
    /// How long it is worked on.
    pub age: Duration,
    /// Whether it stands in the log.
    pub has_begun: bool,
}

impl AssistantHandle {
    /// The face of assistants that the root is about to start.
    pub(crate) fn new(settings: AssistantSettings) -> Self {
        Self { settings: Arc::new(settings), ..Self::default() }
    }

    /// Called by the root at each start.
    pub(crate) fn start(&self, assistants: BoundedRef<AssistantsMsg>) {
        self.address.set(assistants);
    }

    /// A question stands in the log. Should there be no place, the sweep finds it.
    pub(crate) fn asked(&self, question: Question) {
        let _later = self.address.try_cast(AssistantsMsg::Asked(question));
    }

    /// Somebody may end this run, and does.
    pub(crate) fn stop(&self, run: RunId, by: UserId) {
        self.address.answer(AssistantsMsg::Stop(run, by));
    }

    /// Asks what would become of a question; false when too many ask something.
    pub(super) fn look(&self, asker: UserId, answer: Answer<Result<(), Refusal>>) -> bool {
        self.address.try_cast(AssistantsMsg::Look(asker, answer)).is_ok()
    }

    /// Wants a draft; false when too many want one.
    pub(crate) fn draft(&self, ask: DraftAsk, answer: Answer<Result<Drafted, Refusal>>) -> bool {
        self.address.try_cast(AssistantsMsg::Draft(ask, answer)).is_ok()
    }

    /// The node ends: what is being said may end, and nothing more begins.
    pub(crate) async fn leave(&self) {
        self.leaves.store(true, Ordering::Release);
        let (answer, left) = Answer::channel();
        self.address.answer(AssistantsMsg::Leave(answer));
        let _late = tokio::time::timeout(TO_LEAVE, left).await;
    }

    /// The node ends now: what is still being said breaks off.
    pub(crate) fn cut_off(&self) {
        self.address.answer(AssistantsMsg::CutOff);
    }

    /// Whether the node ends.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaves.load(Ordering::Acquire)
    }

    /// Whether anything is being said here.
    pub(crate) fn is_speaking(&self) -> bool {
        !self.living.is_empty()
    }

    /// The answer that is being spoken in a room.
    pub(crate) fn in_room(&self, room: RoomId) -> Option<Arc<Answering>> {
        self.living.in_room(room).or_else(|| self.abroad.in_room(room))
    }

    /// The questions that wait in a room.
    pub(crate) fn waits_in(&self, room: RoomId) -> Vec<Wait> {
        let mut waits = self.waits.in_room(room, Instant::now());
        waits.retain(|wait| !self.has_begun(wait.question.run));
        waits
    }

    /// How many come before a question that waits, as far as that was told.
    #[must_use]
    pub fn place(&self, run: RunId) -> Option<usize> {
        self.waits.place(run, Instant::now()).filter(|_place| !self.has_begun(run))
    }

    /// Whether the answer of a run stands in a log, as far as is known here.
    pub(super) fn has_begun(&self, run: RunId) -> bool {
        let known = self.living.of(run).or_else(|| self.abroad.of(run));
        known.is_some_and(|answering| answering.message().is_some())
    }

    /// Whether there is an assistant at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.settings.is_on
    }

    /// What a room says of it holds only where there is one.
    pub(crate) fn rule(&self, settings: &mut RoomSettings) {
        if !self.settings.is_on {
            settings.waking = Waking::Off;
        }
    }

    /// Whether no model is connected.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.settings.models.is_offline()
    }

    /// What may be spent in a day.
    #[must_use]
    pub fn budgets(&self) -> Budgets {
        self.settings.budgets
    }

    /// The day whose budgets hold.
    #[must_use]
    pub fn today(&self) -> Day {
        self.settings.today()
    }

    /// What its mailbox shows, how often it was started again, and what is being spoken.
    pub(crate) fn read(&self, now: Instant) -> (Mailbox, u32, Vec<RunReading>) {
        let reading = |answering: Arc<Answering>| RunReading {
            run: answering.question.run,
            room: answering.question.room,
            bytes: answering.len(),
            age: now.saturating_duration_since(answering.since),
            has_begun: answering.message().is_some(),
        };
        let runs = self.living.all().into_iter().map(reading).collect();
        (self.address.read(now), self.address.restarts(), runs)
    }
}

/// What the assistant may read and how it is to speak, before that is put into words.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) context: Context,
    /// How many messages the budget of tokens left out.
    pub(super) over_budget: i64,
}
