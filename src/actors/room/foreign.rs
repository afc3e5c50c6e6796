//! What other nodes do to a room. The fourth part of [`RoomState`]; as pure as the others.
//!
//! Events and changes of membership that another node committed come over the bus, which may lose,
//! double and reorder them. Events repair themselves by their seqs. A membership that was missed
//! shows in its line when the hole is read, and then the whole roster is read again. Before
//! somebody is refused for not being on the roster, it is read too: the change may be on its way.

use std::collections::{HashMap, HashSet};

use super::commit::Gathered;
use super::message::{Change, RoomMsg, Step};
use super::state::{Effect, RoomState};
use crate::domain::UserId;
use crate::store::{RosterRow, StoredEvent};

/// How the line of a change of membership begins.
const MEMBER_LINE: &str = r#"{"ev":"member."#;

/// What only a room has that other nodes may write too.
#[derive(Debug, Default)]
pub(super) struct Linked {
    /// The newest seq that is known to be in the store.
    known: i64,
    is_reading_roster: bool,
    /// Whose membership changed while the roster was being read.
    changed: HashSet<UserId>,
    /// Asked by somebody who is not on the roster.
    doubtful: Vec<RoomMsg>,
    /// The roster has come for these.
    cleared: Vec<RoomMsg>,
}

/// What somebody asks was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The roster is to be read.
    Read,
    /// It is being read.
    Wait,
}

impl Linked {
    /// A membership changed: what is being read may be older.
    pub(super) fn changed(&mut self, user: UserId) {
        if self.is_reading_roster {
            self.changed.insert(user);
        }
    }
}

impl RoomState {
    /// Other nodes write this room too.
    pub(crate) fn link(&mut self) {
        self.linked = Some(Box::default());
    }

    /// Applies what another node committed.
    pub(crate) fn foreign(&mut self, steps: &[Step]) -> Vec<Effect> {
        let mut gathered = Gathered::default();
        for Step { event, change } in steps {
            if let Some(event) = event {
                self.apply(event.clone(), &mut gathered.events);
            }
            if let Some((user, change)) = change {
                gathered.rest.extend(self.change(*user, *change));
            }
        }
        self.published(gathered)
    }

    /// The log in the store reaches to `head`: what is missing here is to be read.
    pub(crate) fn behind(&mut self, head: i64) -> Option<Effect> {
        let linked = self.linked.as_mut()?;
        linked.known = linked.known.max(head);
        if linked.known <= self.facts.head || self.is_reading_hole {
            return None;
        }
        self.is_reading_hole = true;
        Some(Effect::ReadHole { after: self.facts.head })
    }

    /// A hole was read: perhaps not to its end, and perhaps memberships changed in it.
    pub(super) fn caught_up_with(&mut self, events: &[StoredEvent], gathered: &mut Gathered) {
        if self.linked.is_none() || events.is_empty() {
            return;
        }
        gathered.rest.extend(self.behind(0));
        if events.iter().any(|event| event.body.starts_with(MEMBER_LINE)) {
            gathered.rest.extend(self.read_roster());
        }
    }

    /// Sets aside what somebody asks who is not on the roster, until the roster was read; gives
    /// everything else back.
    pub(crate) fn doubt(&mut self, msg: RoomMsg) -> Result<RoomMsg, Doubt> {
        let Some(linked) = &mut self.linked else {
            return Ok(msg);
        };
        if msg.asked_by().is_none_or(|user| self.facts.roster.contains_key(&user)) {
            return Ok(msg);
        }
        linked.doubtful.push(msg);
        Err(if self.read_roster().is_some() { Doubt::Read } else { Doubt::Wait })
    }

    /// What was set aside and can be decided now.
    pub(crate) fn cleared(&mut self) -> Vec<RoomMsg> {
        self.linked.as_mut().map(|linked| std::mem::take(&mut linked.cleared)).unwrap_or_default()
    }

    /// The roster was read: memberships that changed meanwhile are newer than it.
    pub(super) fn roster_read(&mut self, rows: Option<&[RosterRow]>) -> Vec<Effect> {
        let Some(linked) = &mut self.linked else {
            return Vec::new();
        };
        linked.is_reading_roster = false;
        linked.cleared = std::mem::take(&mut linked.doubtful);
        let changed = std::mem::take(&mut linked.changed);
        let Some(rows) = rows else {
            return Vec::new();
        };
        self.known(rows);
        let is_older = |user: &UserId| changed.contains(user);
        let fresh: HashMap<_, _> = rows.iter().map(|row| (row.user, row)).collect();
        let known = &self.facts.roster;
        let went: Vec<_> =
            known.keys().filter(|u| !fresh.contains_key(u) && !is_older(u)).copied().collect();
        let came: Vec<_> = fresh
            .values()
            .filter(|row| !known.contains_key(&row.user) && !is_older(&row.user))
            .map(|row| (row.user, Change::Came { since: row.join_seq }))
            .collect();
        let went = went.into_iter().map(|user| (user, Change::Went("left")));
        let moved: Vec<_> = went.chain(came).collect();
        let effects =
            moved.into_iter().flat_map(|(user, change)| self.change(user, change)).collect();
        for row in rows.iter().filter(|row| !is_older(&row.user)) {
            if let Some(known) = self.facts.roster.get_mut(&row.user) {
                *known = row.standing;
                self.facts.floors.came(row.user, row.join_seq);
            }
        }
        effects
    }

    pub(super) fn read_roster(&mut self) -> Option<Effect> {
        let linked = self.linked.as_mut()?;
        if std::mem::replace(&mut linked.is_reading_roster, true) {
            return None;
        }
        Some(Effect::ReadRoster)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::actors::relay::{LiveEvent, Tell};
    use crate::actors::room::Facts;
    use crate::actors::room::floors::Floors;
    use crate::actors::room::message::{Form, Loaded};
    use crate::actors::room::rules::RuleBook;
    use crate::actors::seat::{Asker, Opening, SeatKey};
    use crate::domain::{Epoch, Millis, Notify, Rank, RoomId, RoomKind, Standing};
    use crate::store::StoredEvent;

    const ROOM: RoomId = RoomId(12);
    const MINA: UserId = UserId(1);
    const BOB: UserId = UserId(2);
    const STANDING: Standing = Standing::new(Rank::Member);

    fn room() -> RoomState {
        let facts = Facts {
            room: ROOM,
            name: "general".into(),
            kind: RoomKind::Lobby,
            club: None,
            epoch: Epoch("a1".into()),
            head: 0,
            n: 0,
            notify: Notify::Mentions,
            roster: HashMap::from([(MINA, STANDING)]),
            floors: Floors::default(),
            rules: RuleBook::of(RoomKind::Lobby),
        };
        let mut room = RoomState::new(facts, Vec::new(), Arc::default());
        room.link();
        room
    }

    fn row(user: UserId) -> RosterRow {
        RosterRow { user, standing: STANDING, join_seq: 0, has_opened: false }
    }

    fn stored(seq: i64, ev: &str) -> StoredEvent {
        let body = format!(r#"{{"ev":"{ev}","room":"r_12","seq":{seq}}}"#);
        StoredEvent { seq, n: seq, at: Millis(0), body: body.into() }
    }

    fn step(seq: i64) -> Step {
        let event = stored(seq, "msg.new");
        Step { event: Some(Arc::new(LiveEvent::new(ROOM, seq, seq, &event.body))), change: None }
    }

    fn heard(effects: &[Effect], into: &mut Vec<i64>) -> Option<i64> {
        let mut hole = None;
        for effect in effects {
            match effect {
                Effect::Publish { events, .. } => into.extend(events.iter().map(|e| e.seq)),
                Effect::ReadHole { after } => hole = Some(*after),
                Effect::Share(_) => panic!("what came from elsewhere is not told again"),
                _other => {}
            }
        }
        hole
    }

    proptest! {
        /// Whatever is lost, doubled and mixed up on the way: each event once and in order, and all
        /// of them once the heads were compared.
        #[test]
        fn every_event_once_and_in_order(
            carried in prop::collection::vec(1..40_i64, 0..120),
            part in 1..20_usize,
        ) {
            let (mut room, mut seqs) = (room(), Vec::new());
            let read = |after: i64| {
                let events = (after + 1..=40).take(part).map(|seq| stored(seq, "msg.new"));
                Loaded::Hole(events.collect())
            };
            let mut hole = None;
            for (at, seq) in carried.into_iter().enumerate() {
                hole = heard(&room.foreign(&[step(seq)]), &mut seqs).or(hole);
                // The store takes its time to answer.
                if let (Some(after), true) = (hole, at % 3 == 0) {
                    hole = heard(&room.loaded(&read(after)), &mut seqs);
                }
            }
            if hole.is_none() {
                hole = heard(&Vec::from_iter(room.behind(40)), &mut seqs);
            } else {
                prop_assert!(room.behind(40).is_none());
            }
            while let Some(after) = hole {
                hole = heard(&room.loaded(&read(after)), &mut seqs);
            }
            prop_assert_eq!(seqs, (1..=40).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_member_line_in_a_hole_brings_the_roster() {
        let mut room = room();
        assert!(room.behind(2).is_some());
        let hole = Loaded::Hole(vec![stored(1, "msg.new"), stored(2, "member.join")]);
        let effects = room.loaded(&hole);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::ReadRoster)));
        // Bob has come; Mina has left meanwhile, which is newer than what was read.
        room.foreign(&[Step { event: None, change: Some((MINA, Change::Went("left"))) }]);
        let effects = room.loaded(&Loaded::Roster(Some(vec![row(MINA), row(BOB)])));
        assert!(matches!(effects.as_slice(), [Effect::Tell(BOB, Tell::Add(_))]));
        assert!(room.admit(BOB, Millis(0)).is_ok() && room.admit(MINA, Millis(0)).is_err());
    }

    #[test]
    fn who_is_not_on_the_roster_waits_for_it() {
        let opening =
            |user| Opening { seat: SeatKey { worker: 0, slot: 1, life: 1 }, turn: 1, user };
        let open = |user| RoomMsg::Open {
            opening: opening(user),
            since: None,
            form: Form::Socket { re: None },
        };
        let mut room = room();
        assert!(room.doubt(open(MINA)).is_ok());
        assert_eq!(room.doubt(open(BOB)).unwrap_err(), Doubt::Read);
        let asker = Asker::Nobody;
        let mark = RoomMsg::Mark { user: BOB, seq: 1, asker, seat: None };
        assert_eq!(room.doubt(mark).unwrap_err(), Doubt::Wait);
        room.loaded(&Loaded::Roster(Some(vec![row(MINA), row(BOB)])));
        assert_eq!(room.cleared().len(), 2);
        assert!(room.cleared().is_empty() && room.doubt(open(BOB)).is_ok());
        // A read that fails keeps nobody waiting.
        assert_eq!(room.doubt(open(UserId(3))).unwrap_err(), Doubt::Read);
        assert!(room.loaded(&Loaded::Roster(None)).is_empty());
        assert_eq!(room.cleared().len(), 1);
    }
}
