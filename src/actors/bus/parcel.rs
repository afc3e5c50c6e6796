//! What crosses nodes: one line of JSON each. Bodies of events travel as strings and are not read.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::actors::assistant::{Question, Wait};
use crate::actors::relay::{LiveEvent, Tell};
use crate::actors::room::{Change, Step, UNKNOWN};
use crate::domain::{DeviceId, Millis, Rank, RoomId, Status, UserId};
use crate::protocol::{CloseCode, Frame, RoomEntry};

/// A line: who says what.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Parcel {
    /// The node that says it; everyone hears oneself too.
    pub(super) node: u64,
    pub(super) what: What,
}

/// What nodes tell each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum What {
    /// The log of a room went on.
    Log { room: RoomId, entries: Vec<Entry> },
    /// A member is writing.
    Typing { room: RoomId, by: UserId },
    /// More of an answer of the assistant, which stands at this seq, from a byte of it on.
    Said { question: Question, message: i64, off: usize, text: String },
    /// The questions that wait on the node, all of them. Said once a second while there are any.
    Waits(Vec<Wait>),
    /// Something for all sessions of these users.
    Users { users: Vec<UserId>, word: Word },
    /// A room is different now; the line that tells of it.
    Update { room: RoomId, line: Option<String> },
    /// Rooms are gone.
    Deleted(Vec<RoomId>),
    /// The rules of rooms have changed.
    Refresh(Vec<RoomId>),
    /// Who came online here, with the rooms that they may read, and who went.
    Online { users: Vec<Online>, roll: Option<Roll> },
    /// How some who are online here are; none: as usual.
    States { users: Vec<(UserId, Option<Status>)> },
    /// Perhaps not everything reached everyone: compare, and say who is online.
    Gap,
}

/// A user, with the rooms that they may read; none: gone.
pub(crate) type Online = (UserId, Option<Vec<RoomId>>);

/// Says that a list of users is a part of all that are online on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Roll {
    /// Tells one list from the next.
    pub(crate) number: u64,
    /// Users in all its parts.
    pub(crate) total: usize,
}

/// A step of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<Event>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    member: Option<Member>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Event {
    seq: i64,
    n: i64,
    by: Option<UserId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<UserId>,
    body: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Member {
    user: UserId,
    /// Why, of somebody who went.
    went: Option<String>,
    /// Newest seq when somebody came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    /// What somebody is who neither came nor went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rank: Option<Rank>,
    /// Of somebody who neither came nor went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mute: Option<Mute>,
}

/// Until when somebody may not write, or that they may again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Mute {
    until: Option<Millis>,
}

/// Something for all sessions of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Word {
    Inbox { seq: i64, body: String },
    Others(String),
    Add(RoomEntry),
    Mentions(RoomId, u32),
    Revoke(Option<Vec<DeviceId>>),
}

impl Entry {
    pub(super) fn of(step: &Step) -> Self {
        let event = step.event.as_ref().map(|event| Event {
            seq: event.seq,
            n: event.n,
            by: event.by,
            mentions: event.mentions.clone(),
            body: text(&event.frame),
        });
        let member = step.change.map(|(user, change)| {
            let nothing = Member { user, went: None, since: None, rank: None, mute: None };
            match change {
                Change::Came { since } => Member { since: Some(since), ..nothing },
                Change::Went(why) => Member { went: Some(why.to_owned()), ..nothing },
                Change::Stands(rank) => Member { rank: Some(rank), ..nothing },
                Change::Muted(until) => Member { mute: Some(Mute { until }), ..nothing },
            }
        });
        Self { event, member }
    }

    pub(super) fn into_step(self, room: RoomId) -> Step {
        let event = self.event.map(|Event { seq, n, by, mentions, body }| {
            let mut event = LiveEvent::new(room, seq, n, &body);
            (event.by, event.mentions) = (by, mentions);
            Arc::new(event)
        });
        let change = self.member.map(|Member { user, went, since, rank, mute }| {
            let change = match (went, rank, mute) {
                (Some(why), ..) => Change::Went(known(&why)),
                (None, Some(rank), _) => Change::Stands(rank),
                (None, None, Some(Mute { until })) => Change::Muted(until),
                (None, None, None) => Change::Came { since: since.unwrap_or(UNKNOWN) },
            };
            (user, change)
        });
        Step { event, change }
    }
}

impl Word {
    /// `None` for what crosses in another way: memberships go with the log.
    pub(super) fn of(tell: &Tell) -> Option<Self> {
        Some(match tell {
            Tell::Inbox(event) => Self::Inbox { seq: event.seq, body: text(&event.frame) },
            Tell::Others(frame, _) => Self::Others(text(frame)),
            Tell::Mentions(room, count) => Self::Mentions(*room, *count),
            Tell::Revoke(devices, _) => Self::Revoke(devices.clone()),
            Tell::Add(_) | Tell::Remove(..) | Tell::Update(..) => return None,
        })
    }

    pub(super) fn into_tell(self) -> Tell {
        match self {
            Self::Inbox { seq, body } => {
                Tell::Inbox(Arc::new(LiveEvent::new(RoomId(0), seq, 0, &body)))
            }
            Self::Others(line) => Tell::Others(Frame::text(&line), None),
            Self::Add(entry) => Tell::Add(Arc::new(entry)),
            Self::Mentions(room, count) => Tell::Mentions(room, count),
            Self::Revoke(devices) => Tell::Revoke(devices, CloseCode::Revoked),
        }
    }
}

fn text(frame: &Frame) -> String {
    String::from_utf8_lossy(&frame.line()).into_owned()
}

/// The reason as this program spells it; one of a newer node is the plainest.
fn known(why: &str) -> &'static str {
    const REASONS: [&str; 5] = ["left", "kicked", "banned", "deleted", "role"];
    REASONS.into_iter().find(|known| *known == why).unwrap_or("left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_arrives_as_it_was_sent() {
        let body = "{\"ev\":\"msg.new\",\"d\":{\"text\":\"a \\\"b\\\" 가\\n\"}}";
        let mut event = LiveEvent::new(RoomId(3), 7, 5, body);
        (event.by, event.mentions) = (Some(UserId(1)), vec![UserId(2)]);
        let change = Some((UserId(4), Change::Went("kicked")));
        let step = Step { event: Some(Arc::new(event)), change };
        let what = What::Log { room: RoomId(3), entries: vec![Entry::of(&step)] };
        let line = serde_json::to_string(&Parcel { node: u64::MAX, what }).unwrap();
        assert!(!line.contains('\n'));
        let parcel: Parcel = serde_json::from_str(&line).unwrap();
        assert_eq!(parcel.node, u64::MAX);
        let What::Log { room, mut entries } = parcel.what else { panic!("another thing") };
        let there = entries.remove(0).into_step(room);
        let event = there.event.unwrap();
        assert_eq!((event.room, event.seq, event.n), (RoomId(3), 7, 5));
        assert_eq!((event.by, event.mentions.as_slice()), (Some(UserId(1)), &[UserId(2)][..]));
        assert_eq!(event.frame.line(), body);
        assert_eq!(there.change, change);
        for change in [
            Change::Came { since: 7 },
            Change::Stands(Rank::Moderator),
            Change::Muted(None),
            Change::Muted(Some(Millis(9))),
        ] {
            let step = Step { event: None, change: Some((UserId(4), change)) };
            let line = serde_json::to_string(&Entry::of(&step)).unwrap();
            let there: Entry = serde_json::from_str(&line).unwrap();
            assert_eq!(there.into_step(RoomId(3)).change, step.change, "{line}");
        }
    }

    #[test]
    fn a_reason_that_nobody_here_knows_is_the_plainest() {
        assert_eq!((known("banned"), known("sulked")), ("banned", "left"));
    }
}
