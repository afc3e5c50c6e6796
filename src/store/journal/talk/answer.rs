//! What became of each append of a run, in the order of the batch.

use crate::domain::RoomId;
use crate::store::append::{Appended, ReadMark, StoredEvent, StoredNotice};

use super::super::facts::First;
use super::super::{reads, runs};
use super::{Draft, Turn};

/// What else the run has left.
pub(super) struct Left {
    /// Of each draft.
    pub(super) notices: Vec<Vec<StoredNotice>>,
    /// Of each mark.
    pub(super) standing: Vec<ReadMark>,
    /// Of each reaction.
    pub(super) reacted: Vec<Appended>,
    pub(super) read: reads::Read,
    pub(super) questions: runs::Questions,
}

/// The answers, in the order of the batch.
pub(super) fn answer(
    turns: Vec<Turn<'_>>,
    drafts: Vec<Draft<'_>>,
    events: Vec<(RoomId, StoredEvent)>,
    Left { notices, standing, reacted, mut read, questions }: Left,
) -> Vec<Appended> {
    let firsts: Vec<First> = drafts
        .iter()
        .map(|draft| First { seq: draft.cause.seq, n: draft.n, at: draft.message.at })
        .collect();
    let mut written = drafts.into_iter().zip(notices);
    let (mut events, mut reacted) = (events.into_iter(), reacted.into_iter());
    let mut standing = standing.into_iter();
    let duplicate = |first: First| Appended::Duplicate { seq: first.seq, n: first.n, at: first.at };
    turns
        .into_iter()
        .map(|turn| match turn {
            Turn::Refused(why) => Appended::Refused(why),
            Turn::Duplicate(first) => duplicate(first),
            Turn::Repeat(place) => firsts.get(place).copied().map_or(Appended::Failed, duplicate),
            Turn::Fresh => match (written.next(), events.next()) {
                (Some((draft, notices)), Some((_room, event))) => {
                    let message = draft.message;
                    let has_fanout = draft.has_crowd || message.called.is_some();
                    let mentions = draft.cause.mentions;
                    let read = read.remove(&(message.room, message.author));
                    let asked = questions.get(&(message.room, event.seq)).copied();
                    Appended::Message { event, mentions, notices, read, has_fanout, asked }
                }
                _missing => Appended::Failed,
            },
            Turn::React(..) => {
                let reacted = reacted.next().unwrap_or(Appended::Failed);
                if matches!(reacted, Appended::Acted(_)) {
                    events.next();
                }
                reacted
            }
            Turn::Mark { room, user, .. } => match standing.next() {
                Some(mark) => Appended::Marked(mark, read.remove(&(room, user))),
                None => Appended::Failed,
            },
        })
        .collect()
}
