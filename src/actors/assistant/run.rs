//! A run: one answer that a model speaks, passed on as it comes.
//!
//! An assistant starts it for its question and ends it when somebody stops the answer. It has a
//! single thing to do and no mailbox to speak of; what it has said lies with the assistants, so its
//! crash loses nothing of it.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use super::answering::Answering;
use super::beat;
use super::honest::Without;
use super::message::AssistantsMsg;
use super::offline;
use super::places::tell_room;
use super::prepare::Prepared;
use super::shepherd::AssistantMsg;
use crate::actors::room::RoomMsg;
use crate::actors::rooms::RoomsHandle;
use crate::domain::{Addresses, Finish, Millis, Speech};
use crate::faults::{Moment, Part};
use crate::llm::{self, Answer, Answered, Piece, Tried, Usage};

/// How an answer ended, and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) finish: Finish,
    /// What went wrong, if something did.
    pub(super) error: Option<&'static str>,
    /// Why the model that should have answered did not, if another did.
    pub(super) instead: Option<&'static str>,
    pub(super) provider: &'static str,
    pub(super) model: String,
    /// What the provider counted.
    pub(super) usage: Option<Usage>,
    /// Tokens of its thoughts, guessed; none when it was cut off and could not say.
    pub(super) thoughts: Option<u64>,
    /// Who was asked before, and did not answer.
    pub(super) tried: Vec<Tried>,
    pub(super) first: Option<Duration>,
    /// Seqs of its sources, where that is known better than by its words.
    pub(super) cites: Option<Vec<i64>>,
    /// What may be a link in it, where that is more than what the model was told.
    pub(super) told: Option<Addresses>,
}

impl Outcome {
    /// It came to nothing.
    pub(super) fn broken(error: &'static str, model: &str) -> Self {
        Self {
            finish: Finish::Error,
            error: Some(error),
            instead: None,
            provider: "",
            model: model.to_owned(),
            usage: None,
            thoughts: None,
            tried: Vec::new(),
            first: None,
            cites: None,
            told: None,
        }
    }
}

/// What a run does not change.
pub(super) struct Run {
    pub(super) rooms: RoomsHandle,
    pub(super) answering: Arc<Answering>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) assistant: ActorRef<AssistantMsg>,
}

/// The message of a run: begin.
pub(super) struct Go;

impl Actor for Run {
    type Msg = Go;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<Go>, (): ()) -> Result<(), ActorProcessingErr> {
        me.send_message(Go)?;
        Ok(())
    }

    /// Every wait in here has a deadline: those of the models, and of the store.
    async fn handle(
        &self,
        me: ActorRef<Go>,
        Go: Go,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        self.rooms.faults.panic_point(Part::Run, Moment::Start);
        let outcome = self.answer().await;
        self.rooms.faults.panic_point(Part::Run, Moment::End);
        self.assistant.send_message(AssistantMsg::Finished(Box::new(outcome)))?;
        me.stop(None);
        Ok(())
    }
}

impl Run {
    async fn answer(&self) -> Outcome {
        let models = &self.rooms.assistant.settings.models;
        match models.ask(&self.prepared.request).await {
            Ok(Answered::Model { answer, tried }) => {
                Outcome { instead: first(&tried), tried, ..self.pass_on(*answer).await }
            }
            Ok(Answered::Offline { tried }) => {
                let why = Without::of(models, &tried);
                Outcome { instead: first(&tried), tried, ..self.offline(why).await }
            }
            Err(nobody) => {
                let error = nobody.error();
                let provider = nobody.tried.first().map_or("", |tried| tried.provider);
                let model = nobody.tried.first().map_or("", |tried| tried.model.as_str());
                let broken = Outcome::broken(error.kind(), model);
                let usage = Some(Usage::default());
                Outcome { provider, usage, tried: nobody.tried, ..broken }
            }
        }
    }

    async fn offline(&self, why: Without) -> Outcome {
        let asked = Instant::now();
        let outcome = Outcome {
            finish: Finish::Stop,
            error: None,
            instead: None,
            provider: "offline",
            model: "offline".to_owned(),
            usage: Some(Usage::default()),
            thoughts: None,
            tried: Vec::new(),
            first: None,
            cites: None,
            told: None,
        };
        match offline::answer(&self.rooms.store, &self.prepared, why).await {
            Ok(offline::Found { text, cites, told }) => {
                self.answering.say(&text);
                self.tell();
                let (cites, told) = (Some(cites), Some(told));
                Outcome { first: Some(asked.elapsed()), cites, told, ..outcome }
            }
            Err(why) => {
                tracing::error!("the room could not be searched for an answer: {why}");
                Outcome { finish: Finish::Error, error: Some("unavailable"), ..outcome }
            }
        }
    }

    async fn pass_on(&self, mut answer: Answer) -> Outcome {
        let mut speech = Speech::default();
        let mut discretion = self.prepared.discretion();
        let (mut rests, mut due): (Option<Instant>, Option<Instant>) = (None, None);
        let ended = loop {
            // It was deleted, or would tell on what it was told.
            if self.answering.is_over() || discretion.is_broken() {
                break (Finish::Cancel, None);
            }
            let piece = match due {
                None => answer.next().await,
                Some(at) => match tokio::time::timeout_at(at, answer.next()).await {
                    Ok(piece) => piece,
                    Err(_elapsed) => {
                        if rests.is_none() {
                            self.note();
                        }
                        (rests, due) = (Some(Instant::now() + self.rest()), None);
                        self.tell();
                        continue;
                    }
                },
            };
            match piece {
                Some(Ok(Piece::Text(text))) => {
                    self.rooms.faults.panic_point(Part::Run, Moment::Middle);
                    let said = discretion.take(&speech.take(&text));
                    if !said.is_empty() {
                        self.answering.say(&said);
                        let now = Instant::now();
                        due.get_or_insert(rests.map_or(now, |rests| rests.max(now)));
                    }
                }
                Some(Ok(Piece::End { finish, .. })) => break finished(finish),
                Some(Err(why)) => break (Finish::Error, Some(why.kind())),
                None => break (Finish::Stop, None),
            }
        };
        self.answering.say(&discretion.take(&speech.rest()));
        self.answering.say(&discretion.rest());
        self.tell();
        let withheld = (Finish::Error, Some("withheld"));
        let (finish, error) = if discretion.is_broken() { withheld } else { ended };
        let (provider, model) = (answer.provider(), answer.model());
        let (usage, first) = (answer.usage(), Some(answer.first_after()));
        let thoughts = Some(answer.thoughts());
        let outcome = Outcome::broken("", model);
        Outcome { finish, error, provider, usage, thoughts, first, ..outcome }
    }

    /// Has noted what is told for the first time: all that follows is noted once a second, and what
    /// people have seen is not to be lost with the node.
    fn note(&self) {
        let (run, text) = (self.answering.question.run, self.answering.text());
        self.rooms.assistant.address.answer(AssistantsMsg::Spoke(run, text));
    }

    /// How long nothing is told after something was.
    fn rest(&self) -> Duration {
        let spoken = self.rooms.assistant.living.len();
        beat::rest(self.answering.question.run, Millis::now(), spoken)
    }

    /// The room has more to tell.
    fn tell(&self) {
        tell(&self.rooms, &self.answering);
    }
}

/// How an answer ended that a model has finished.
const fn finished(finish: llm::Finish) -> (Finish, Option<&'static str>) {
    match finish {
        llm::Finish::Stop => (Finish::Stop, None),
        llm::Finish::Length => (Finish::Length, None),
        llm::Finish::Filter => (Finish::Error, Some("declined")),
    }
}

/// Why the first of those who were asked did not answer.
fn first(tried: &[Tried]) -> Option<&'static str> {
    tried.first().map(|tried| tried.error.kind())
}

/// Lets a room know that there is more of an answer. A room that nobody has open may sleep.
pub(crate) fn tell(rooms: &RoomsHandle, answering: &Arc<Answering>) {
    tell_room(rooms, answering.question.room, RoomMsg::Said(Arc::clone(answering)));
}
