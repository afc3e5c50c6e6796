//! What nobody looks after is taken up, and what this node looks after is left in good order.

use std::time::Duration;

use ractor::{ActorProcessingErr, ActorRef};

use super::answering::{Answering, Question};
use super::message::AssistantsMsg;
use super::shepherd::{AssistantMsg, Task};
use super::{Assistants, State};
use crate::actors::bounded::Envelope;
use crate::actors::task;
use crate::domain::{Millis, RunId};
use crate::protocol::{ErrorCode, Refusal};
use crate::store;

/// How often it is looked for runs that nobody looks after.
const SWEEP: Duration = Duration::from_secs(15);
/// A run that nobody has seen to for so long was left, where several nodes write.
const LEFT: i64 = 15_000;
/// What was just written is on its way here, where one node writes.
const FRESH: i64 = 3_000;
/// A question that waited longer, because no node was there, is not answered any more.
const STALE: i64 = 600_000;

/// What waits is left to others within this time.
pub(super) const TO_LEAVE: Duration = Duration::from_secs(1);

impl State {
    /// Runs that wait here, those among them that are not in the queue for a moment.
    fn waiting(&self) -> impl Iterator<Item = RunId> {
        let is_queued = |run: &RunId| self.queue.knows(*run);
        let elsewhere = self.elsewhere.keys().copied().filter(move |run| !is_queued(run));
        self.queue.waiting().chain(elsewhere)
    }
}

impl Assistants {
    /// Takes up what nobody looks after: a node ended, or a message got lost.
    pub(super) async fn sweep(
        &self,
        me: &ActorRef<Envelope<AssistantsMsg>>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let _timer = me.send_after(SWEEP, || Envelope::to_self(AssistantsMsg::Sweep));
        self.forget_silent().await;
        if self.rooms.assistant.is_leaving() {
            return Ok(());
        }
        let open = match self.rooms.store.open_runs().await {
            Ok(open) => open,
            Err(why) => {
                tracing::warn!("it is not known which questions are open: {why}");
                return Ok(());
            }
        };
        let now = Millis::now().0;
        let is_alone = self.rooms.store.engine() == "sqlite";
        let patience = if is_alone { FRESH } else { LEFT };
        for run in open {
            let is_here = state.queue.knows(run.id)
                || state.late.contains_key(&run.id)
                || state.is_working(run.id);
            // Of an earlier life of the only node, or of the assistants of this one, nothing is on
            // its way.
            let is_old = (is_alone || run.node == self.node) && run.seen_at < state.since;
            if is_here || (!is_old && run.seen_at.0 > now - patience) {
                continue;
            }
            self.take_up(me, state, run).await?;
        }
        Ok(())
    }

    async fn take_up(
        &self,
        me: &ActorRef<Envelope<AssistantsMsg>>,
        state: &mut State,
        run: store::Run,
    ) -> Result<(), ActorProcessingErr> {
        let question =
            Question { run: run.id, room: run.room, seq: run.question, asker: run.asker };
        if run.status == store::RunStatus::Running {
            let known = self.rooms.assistant.living.of(run.id);
            let answering = known.unwrap_or_else(|| {
                // What was noted of it is all that is known. Who opens the room before its end is
                // written gets this, and not that nothing was said.
                let answering = Answering::new(question);
                answering.say(&run.text);
                answering
            });
            run.message.iter().for_each(|message| answering.begins(*message));
            return self.start(me, state, (answering, Task::Bury)).await;
        }
        if self.rooms.faults.forgets_who_waits() {
            return Ok(());
        }
        if run.asked_at.0 < Millis::now().0 - STALE || !self.rooms.assistant.is_on() {
            let refusal = Refusal::new(ErrorCode::Unavailable, "nobody was there to answer");
            self.drop_run(question, "stale", refusal).await;
        } else {
            state.queue.put_back(question);
        }
        Ok(())
    }

    /// Notes that the runs here are looked after, and what was said; and the other nodes hear who
    /// waits here.
    pub(super) fn tick(&self, me: &ActorRef<Envelope<AssistantsMsg>>, state: &mut State) {
        state.is_ticking = false;
        self.share_places(state);
        // What waits here while the node ends is for others.
        let is_leaving = self.rooms.assistant.is_leaving();
        let waiting = state.waiting().filter(|_| !is_leaving).map(|run| (run, None));
        let spoken = state.working.values().map(|(answering, _)| {
            (answering.question.run, Some(answering.text()).filter(|text| !text.is_empty()))
        });
        self.note(me, waiting.chain(spoken).collect());
    }

    /// Notes how far runs have come, and hears who wants which to stop.
    pub(super) fn note(
        &self,
        me: &ActorRef<Envelope<AssistantsMsg>>,
        runs: Vec<(RunId, Option<String>)>,
    ) {
        let (rooms, node, me) = (self.rooms.clone(), self.node, me.clone());
        task::beside(async move {
            match rooms.store.see_to_runs(&runs, (node, Millis::now())).await {
                Ok(stopped) => {
                    for (run, by) in stopped {
                        let _gone =
                            me.send_message(Envelope::to_self(AssistantsMsg::Stop(run, by)));
                    }
                }
                Err(why) => tracing::warn!("it could not be noted what was said: {why}"),
            }
        });
    }

    /// The node ends: questions that wait are for whoever comes next, at once.
    pub(super) async fn release(&self, state: &State) {
        let waiting: Vec<_> = state.waiting().map(|run| (run, None)).collect();
        let left = self.rooms.store.see_to_runs(&waiting, (0, Millis(0)));
        match tokio::time::timeout(TO_LEAVE, left).await {
            Ok(Ok(_stopped)) => {}
            Ok(Err(why)) => tracing::warn!("questions that wait were not left to others: {why}"),
            Err(_elapsed) => tracing::warn!("questions that wait were not left to others in time"),
        }
    }

    /// The node ends now: what is being said breaks off, and can be gone on with.
    pub(super) fn cut_off(&self, state: &State) {
        for (_answering, assistant) in state.working.values() {
            let _ended_already = assistant.send_message(AssistantMsg::CutOff);
        }
    }
}
