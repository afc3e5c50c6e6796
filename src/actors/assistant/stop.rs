//! Somebody ends a run: a question that waits is taken back, and an answer breaks off. A wish that may
//! come too early or to the wrong node is noted in the store, and found there by who looks after the run.

use ractor::ActorRef;

use super::answering::{Answering, Question};
use super::shepherd::AssistantMsg;
use super::{Assistants, State};
use crate::actors::rooms::RoomsHandle;
use crate::actors::task;
use crate::domain::{Millis, RunId, UserId};

impl State {
    /// Whether a run has an assistant here.
    pub(super) fn is_working(&self, run: RunId) -> bool {
        self.working(run).is_some()
    }

    fn working(&self, run: RunId) -> Option<(&Answering, &ActorRef<AssistantMsg>)> {
        let mut working = self.working.values().map(|(answering, actor)| (&**answering, actor));
        working.find(|(answering, _actor)| answering.question.run == run)
    }

    /// A question that waits here, in whichever way.
    fn take_back(&mut self, run: RunId) -> Option<Question> {
        let (late, elsewhere) = (self.late.remove(&run), self.elsewhere.remove(&run));
        let question = self.queue.take_back(run).or(elsewhere).or(late)?;
        self.queue.ended(run);
        Some(question)
    }
}

impl Assistants {
    /// Ends a run as somebody wishes who may.
    pub(super) fn stop(&self, state: &mut State, run: RunId, by: UserId) {
        if let Some((answering, assistant)) = state.working(run) {
            let _ended_already = assistant.send_message(AssistantMsg::Stop);
            // One that has not begun may be put off at this moment, and must not forget the wish.
            if answering.message().is_some() {
                return;
            }
        } else if state.take_back(run).is_some() {
            let rooms = self.rooms.clone();
            task::beside(async move {
                drop_or_stop(&rooms, run, by).await;
            });
            return;
        }
        let rooms = self.rooms.clone();
        task::beside(async move {
            wish(&rooms, run, by).await;
        });
    }
}

/// Gives up a question that was taken back; one that begins at this moment elsewhere is to stop.
async fn drop_or_stop(rooms: &RoomsHandle, run: RunId, by: UserId) {
    match rooms.store.drop_run(run, "cancel", Millis::now()).await {
        Ok(true) => {
            rooms.metrics.assistant.taken_back.inc();
        }
        Ok(false) => wish(rooms, run, by).await,
        Err(why) => tracing::error!("a question could not be taken back: {why}"),
    }
}

async fn wish(rooms: &RoomsHandle, run: RunId, by: UserId) {
    if let Err(why) = rooms.store.wish_stop(run, by).await {
        tracing::error!("an answer could not be stopped: {why}");
    }
}
