//! What the journal has appended goes to the rooms that it concerns, and to who asked.

use std::sync::Arc;
use std::time::Instant;

use super::RoomsHandle;
use crate::actors::assistant::Answering;
use crate::actors::journal::{Outcome, Outcomes, Telling, Ticket};
use crate::actors::room::{Change, Commit, RoomMsg};
use crate::domain::{MessageId, RoomId, Text, UserId};
use crate::protocol::Refusal;
use crate::store::{Acted, Append, Appended, Move, NoticesRead, RunStepped, StoredNotice};

impl Outcomes for RoomsHandle {
    fn tell(&self, notices: Vec<StoredNotice>) -> Telling<'_> {
        Box::pin(self.tell_notices(notices))
    }

    fn tell_read(&self, read: Vec<NoticesRead>) -> Telling<'_> {
        Box::pin(self.tell_notices_read(read))
    }

    fn is_listening(&self, room: RoomId, user: UserId) -> bool {
        self.directory.find(room).is_some_and(|room| room.gauge.has(user))
    }

    fn untold(&self, messages: Vec<(RoomId, i64)>) {
        messages.into_iter().for_each(|(room, message)| self.fan_out(room, message));
    }

    fn spoken(&self, message: MessageId, text_seq: i64, text: &Text) {
        self.links.ask(message, text_seq, text);
    }

    fn arrived(&self, outcomes: Vec<Outcome>) {
        let mut per_room: Vec<(RoomId, Vec<Commit>)> = Vec::new();
        let mut answers = Vec::new();
        for (ticket, outcome) in outcomes {
            match ticket {
                Ticket::Message { room, author, asker } => {
                    self.stands(room, author, &outcome);
                    add(&mut per_room, room, Commit::Message { author, asker, outcome });
                }
                Ticket::Act { room, asker } => {
                    if let Ok(Appended::Acted(Acted { fanout: Some(message), .. })) = &outcome {
                        self.fan_out(room, *message);
                    }
                    add(&mut per_room, room, Commit::Act { asker, outcome });
                }
                Ticket::Event { room } => {
                    if let Ok(Appended::Event(event)) = outcome {
                        add(&mut per_room, room, Commit::Event(event));
                    }
                }
                Ticket::FanOut { room, message } => {
                    if let Ok(Appended::FannedOut { mentions, has_more, .. }) = outcome {
                        if has_more {
                            self.fan_out(room, message);
                        }
                        if !mentions.is_empty() {
                            add(&mut per_room, room, Commit::FannedOut(mentions));
                        }
                    }
                }
                Ticket::Mark { room, user, asker, seat } => {
                    add(&mut per_room, room, Commit::Mark { user, asker, seat, outcome });
                }
                Ticket::Member { user, change, answer } => {
                    members(&mut per_room, &outcome, Some((user, change)));
                    answers.push((answer, outcome));
                }
                Ticket::Run { answering, answer } => {
                    stepped(&mut per_room, answering, &outcome);
                    answers.push((answer, outcome));
                }
                Ticket::Moves { answer } => {
                    members(&mut per_room, &outcome, None);
                    answers.push((answer, outcome));
                }
            }
        }
        self.indexer.wrote(per_room.iter().map(|(room, _commits)| *room));
        for (room, commits) in per_room {
            // A mute is read with the room when it wakes; everything else is to be told now.
            let is_silent =
                |commit: &Commit| matches!(commit, Commit::Member { change: Change::Muted(_), .. });
            if commits.iter().all(is_silent) {
                self.offer(room, RoomMsg::Committed(commits));
            } else {
                self.hand_over(room, RoomMsg::Committed(commits));
            }
        }
        // The rooms have it in their mailboxes before the caller hears, so that whatever the
        // caller asks of a room next comes behind.
        answers.into_iter().for_each(|(answer, outcome)| answer.give(outcome));
    }
}

impl RoomsHandle {
    /// What follows from a message besides that its room tells it.
    fn stands(&self, room: RoomId, author: UserId, outcome: &Result<Appended, Refusal>) {
        let Ok(Appended::Message { event, has_fanout, asked, .. }) = outcome else { return };
        if *has_fanout {
            self.fan_out(room, event.seq);
        }
        if let Some(asked) = asked {
            self.asked(room, (event.seq, author), *asked);
        }
    }

    /// Has the next piece of what many are to be told of a message told. What cannot be left now is
    /// found when the journal looks for it.
    pub(crate) fn fan_out(&self, room: RoomId, message: i64) {
        let ticket = Ticket::FanOut { room, message };
        let _later = self.journal.append(Append::FanOut { room, message }, ticket, Instant::now());
    }
}

/// A step of an answer of the assistant.
fn stepped(
    per_room: &mut Vec<(RoomId, Vec<Commit>)>,
    answering: Arc<Answering>,
    outcome: &Result<Appended, Refusal>,
) {
    match outcome {
        Ok(Appended::Run(RunStepped::Begun { event, .. })) => answering.begins(event.seq),
        Ok(Appended::Run(RunStepped::Ended { .. })) => answering.end(),
        _not_done => {}
    }
    let (room, outcome) = (answering.question.room, outcome.clone());
    add(per_room, room, Commit::Run { answering, outcome });
}

/// Who came and went where; of a change of one member, who and how.
fn members(
    per_room: &mut Vec<(RoomId, Vec<Commit>)>,
    outcome: &Result<Appended, Refusal>,
    one: Option<(UserId, Change)>,
) {
    match (outcome, one) {
        (Ok(Appended::Member { rooms, bots }), Some((user, change))) => {
            for touched in rooms {
                let line = touched.line.clone();
                let change = match change {
                    Change::Came { .. } => Change::Came { since: touched.since },
                    other => other,
                };
                add(per_room, touched.room, Commit::Member { user, change, line });
                if let Some(until) = touched.muted_until {
                    let change = Change::Muted(Some(until));
                    add(per_room, touched.room, Commit::Member { user, change, line: None });
                }
            }
            for Move { room, user, how, line } in bots.iter().cloned() {
                add(per_room, room, Commit::Member { user, change: how.into(), line });
            }
        }
        (Ok(Appended::Moved(moves)), None) => {
            for Move { room, user, how, line } in moves.moves.iter().cloned() {
                add(per_room, room, Commit::Member { user, change: how.into(), line });
            }
        }
        _nobody => {}
    }
}

fn add(per_room: &mut Vec<(RoomId, Vec<Commit>)>, room: RoomId, commit: Commit) {
    match per_room.iter_mut().rev().find(|(known, _)| *known == room) {
        Some((_, commits)) => commits.push(commit),
        None => per_room.push((room, vec![commit])),
    }
}
