//! What members do to messages that stand. The sixth part of [`RoomState`]; as pure as the others.

use super::commit::{Counted, Gathered};
use super::message::{Act, Step};
use super::refusal::RoomRefusal;
use super::reply;
use super::state::{Effect, RoomState};
use crate::actors::relay::Tell;
use crate::actors::seat::Asker;
use crate::domain::{Group, Millis, Permission, Rank, Text, UserId, calls};
use crate::protocol::{ActOk, Frame, InboxDrop, Refusal};
use crate::store::{self, Acted, Append, Appended, Called, Deed, Whose};

impl RoomState {
    /// Admits an act and makes a draft of it.
    pub(crate) fn act(&self, act: Act, now: Millis) -> Effect {
        let Act { by, mut deed, asker, since } = act;
        match self.admit_act(by, &mut deed, now) {
            Ok(()) => {
                let act = store::Act { room: self.facts.room, by, deed, at: now };
                Effect::AppendAct { append: Append::Act(act), asker, since }
            }
            Err(why) => Effect::Acted(asker, Err(why.into())),
        }
    }

    /// Whether somebody may do this; fills in what follows from who they are here. Whose the message
    /// is, only the store knows.
    fn admit_act(&self, by: UserId, deed: &mut Deed, now: Millis) -> Result<(), RoomRefusal> {
        let check = |permission| self.check(by, permission, now);
        match deed {
            // What somebody may not see is not there for them.
            Deed::Edit { message, .. }
            | Deed::Delete { message, .. }
            | Deed::React { message, .. }
            | Deed::Unreact { message, .. }
            | Deed::Pin { message }
            | Deed::Unpin { message }
                if *message <= self.floor(by) =>
            {
                return Err(RoomRefusal::NotThere);
            }
            Deed::DeleteMany { messages }
                if messages.iter().any(|message| *message <= self.floor(by)) =>
            {
                return Err(RoomRefusal::NotThere);
            }
            Deed::Edit { text, called, flagged, .. } => {
                let standing = check(Permission::Send)?;
                (*text, *flagged) = self.screen(standing, text.clone())?;
                *called = self.called(by, text);
            }
            // What one has written oneself, one may take back.
            Deed::Delete { whose, .. } => {
                *whose = match check(Permission::DeleteOthers) {
                    Ok(_moderator) => Whose::Any,
                    Err(RoomRefusal::Rank(_)) => Whose::Own,
                    Err(why) => return Err(why),
                };
            }
            Deed::Unreact { .. } => drop(check(Permission::Read)?),
            Deed::DeleteMany { .. } | Deed::Judge { .. } => drop(check(Permission::DeleteOthers)?),
            Deed::React { .. } => drop(check(Permission::React)?),
            Deed::Pin { .. } | Deed::Unpin { .. } => drop(check(Permission::Pin)?),
            // The sweeper asks no room.
            Deed::Forget { .. } | Deed::Sweep { .. } => return Err(RoomRefusal::NotThere),
        }
        Ok(())
    }

    /// Whom a text calls at once, if its author may. Of others it is only a word.
    pub(super) fn called(&self, author: UserId, text: &Text) -> Option<Called> {
        let group = calls(text.spoken()).group?;
        let roster = &self.facts.roster;
        let rank = roster.get(&author).map_or(Rank::Member, |standing| standing.rank);
        if !self.facts.rules.settings.rules.allows_mention_all(rank, roster.len()) {
            return None;
        }
        Some(match group {
            Group::All => Called::All,
            Group::Here => {
                let others = self.online.iter().copied().filter(|user| *user != author);
                Called::Here(others.collect())
            }
        })
    }

    /// An act was committed, or not.
    pub(super) fn act_committed(
        &mut self,
        asker: Asker<ActOk>,
        outcome: Result<Appended, Refusal>,
        gathered: &mut Gathered,
    ) {
        let answer = match outcome {
            Ok(Appended::Acted(acted)) => Ok(self.apply_act(acted, gathered)),
            Ok(Appended::Unchanged { seq, at }) => Ok(ActOk { seq, at, dup: true }),
            Ok(Appended::Refused(why)) => Err(RoomRefusal::from(why).into()),
            Ok(_of_another_kind) => Err(RoomRefusal::Failed.into()),
            Err(refusal) => Err(refusal),
        };
        match asker {
            Asker::Seat(seat, re) => gathered.replies.push((seat, reply(re, &answer))),
            Asker::Call(_) => gathered.rest.push(Effect::Acted(asker, answer)),
            Asker::Nobody => {}
        }
    }

    fn apply_act(&mut self, acted: Acted, gathered: &mut Gathered) -> ActOk {
        let last = acted.events.last();
        let ok = ActOk { seq: last.map(|e| e.seq), at: last.map(|e| e.at), dup: false };
        self.fanned_out(acted.mentions, gathered);
        for event in &acted.events {
            let live = self.live(event);
            if self.linked.is_some() {
                gathered.steps.push(Step { event: Some(live.clone()), change: None });
            }
            self.apply(live, &mut gathered.events);
        }
        for dropped in &acted.dropped {
            let gone = InboxDrop { ids: &dropped.ids, unread: dropped.unread };
            let tell = Tell::Others(Frame::json(&gone), None);
            gathered.rest.push(Effect::Tell(dropped.user, tell));
        }
        ok
    }

    /// The numbers of unread mentions of some changed.
    pub(super) fn fanned_out(&self, mentions: Vec<(UserId, i64)>, gathered: &mut Gathered) {
        for (user, calls) in mentions {
            let (behind, upto_n) = (gathered.events.len(), i64::MIN);
            gathered.counted.push(Counted { user, calls, behind, upto_n });
            let count = u32::try_from(calls).unwrap_or(u32::MAX);
            let tell = Tell::Mentions(self.facts.room, count);
            gathered.before.push(Effect::Tell(user, tell));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::actors::relay::Outgoing;
    use crate::actors::room::floors::Floors;
    use crate::actors::room::message::{Ask, Commit, Form, Loaded, Purpose};
    use crate::actors::room::rules::RuleBook;
    use crate::actors::room::state::Facts;
    use crate::actors::seat::{Opening, SeatKey};
    use crate::domain::{Emoji, Epoch, Notify, Position, RoomId, RoomKind, Standing, limits};
    use crate::store::{LogHead, Reactors, Snapshot, StoredEvent};

    const ROOM: RoomId = RoomId(12);
    const MINA: UserId = UserId(1);
    const BOB: UserId = UserId(2);
    const NOW: Millis = Millis(1_766_000_000_000);

    fn room(kind: RoomKind) -> RoomState {
        let mina = Standing::new(Rank::Owner);
        let muted_until = Some(NOW.plus(limits::TYPING_EVERY));
        let bob = Standing { muted_until, ..Standing::new(Rank::Member) };
        let facts = Facts {
            room: ROOM,
            name: "general".into(),
            kind,
            club: None,
            epoch: Epoch("a1".into()),
            head: 0,
            n: 0,
            notify: Notify::Mentions,
            roster: HashMap::from([(MINA, mina), (BOB, bob)]),
            floors: Floors::default(),
            rules: RuleBook::of(kind),
        };
        RoomState::new(facts, Vec::new(), Arc::default())
    }

    fn deed(room: &RoomState, by: UserId, deed: Deed) -> Result<Deed, &'static str> {
        let act = Act { by, deed, asker: Asker::Nobody, since: Instant::now() };
        match room.act(act, NOW) {
            Effect::AppendAct { append: Append::Act(act), .. } => Ok(act.deed),
            Effect::Acted(_, Err(refusal)) => Err(refusal.reason.unwrap_or(refusal.code.word())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_muted_react_and_take_back_and_write_nothing() {
        let room = room(RoomKind::Member);
        let text = Text::parse("x").unwrap();
        let edit = Deed::Edit { message: 1, text, cid: None, called: None, flagged: None };
        assert_eq!(deed(&room, BOB, edit).unwrap_err(), "muted");
        let emoji = Emoji::parse("👍").unwrap();
        assert!(deed(&room, BOB, Deed::React { message: 1, emoji }).is_ok());
        assert!(deed(&room, BOB, Deed::Delete { message: 1, whose: Whose::Any }).is_ok());
        let stranger = UserId(9);
        let refused = deed(&room, stranger, Deed::React { message: 1, emoji });
        assert_eq!(refused.unwrap_err(), "not_found");
    }

    #[test]
    fn the_room_says_how_far_a_deletion_reaches_and_who_pins() {
        let delete = || Deed::Delete { message: 1, whose: Whose::Any };
        let club = room(RoomKind::Member);
        let whose = |by| match deed(&club, by, delete()) {
            Ok(Deed::Delete { whose, .. }) => whose,
            other => panic!("{other:?}"),
        };
        assert_eq!((whose(MINA), whose(BOB)), (Whose::Any, Whose::Own));
        let many = || Deed::DeleteMany { messages: [1, 2].into() };
        assert!(deed(&club, MINA, many()).is_ok());
        assert_eq!(deed(&club, BOB, many()).unwrap_err(), "role");
        let pins = |kind| deed(&room(kind), BOB, Deed::Pin { message: 1 }).is_ok();
        assert!(pins(RoomKind::Group) && pins(RoomKind::Private));
        assert!(!pins(RoomKind::Member) && !pins(RoomKind::Manager) && !pins(RoomKind::Lobby));
    }

    #[test]
    fn who_may_call_all_at_once_depends_on_the_size() {
        let mut room = room(RoomKind::Lobby);
        let all = Text::parse("@all").unwrap();
        assert_eq!(room.called(BOB, &all), Some(Called::All));
        room.online.extend([MINA, BOB]);
        let here = Text::parse("@here").unwrap();
        assert_eq!(room.called(BOB, &here), Some(Called::Here([MINA].into())));
        let standing = Standing::new(Rank::Member);
        room.facts.roster.extend((3..=51).map(|user| (UserId(user), standing)));
        assert_eq!(room.called(BOB, &all), None);
        assert_eq!(room.called(MINA, &all), Some(Called::All));
    }

    fn stored(seq: i64, body: &str) -> StoredEvent {
        StoredEvent { seq, n: 1, at: NOW, body: body.into() }
    }

    fn said() -> StoredEvent {
        stored(
            1,
            r#"{"ev":"msg.new","room":"r_12","seq":1,"n":1,"at":1,"d":{"id":"m_12_1","by":"u_1","text":"xyzzy"}}"#,
        )
    }

    fn deleted() -> Commit {
        let event = stored(
            2,
            r#"{"ev":"msg.delete","room":"r_12","seq":2,"at":2,"d":{"id":"m_12_1","by":"u_1"}}"#,
        );
        let acted = Acted { events: vec![event], ..Acted::default() };
        Commit::Act { asker: Asker::Nobody, outcome: Ok(Appended::Acted(acted)) }
    }

    fn message() -> Commit {
        let (event, mentions, notices) = (said(), Vec::new(), Vec::new());
        let outcome = Ok(Appended::Message {
            event,
            mentions,
            notices,
            read: None,
            has_fanout: false,
            asked: None,
        });
        Commit::Message { author: MINA, asker: Asker::Nobody, outcome }
    }

    fn opening() -> Opening {
        Opening { seat: SeatKey { worker: 0, slot: 1, life: 1 }, turn: 1, user: MINA }
    }

    /// Everything that a seat would be sent, as one text.
    fn sent(effects: Vec<Effect>) -> String {
        let mut sent = String::new();
        for effect in effects {
            let (reply, first) = match effect {
                Effect::Attach(attach) => (attach.reply, attach.first),
                Effect::Part(part) => (part.reply, part.events),
                Effect::Pulled { reply, .. } => (reply.map(|(_, frame)| frame.into()), Vec::new()),
                _other => continue,
            };
            let lines = first.into_iter().filter_map(|outgoing| match outgoing {
                Outgoing::Event(event) => Some(event.frame.line()),
                Outgoing::Frame(frame) => Some(frame.line()),
                Outgoing::Presence(_) | Outgoing::Speech(_) => None,
            });
            for line in lines.chain(reply.map(|reply| reply.line())) {
                sent.push_str(&String::from_utf8_lossy(&line));
            }
        }
        sent
    }

    #[test]
    fn nothing_that_is_kept_says_what_was_deleted() {
        let mut room = room(RoomKind::Lobby);
        let form = Form::Socket { re: Some(7) };
        let since = || Some(Position { epoch: Epoch("a1".into()), seq: 0 });
        room.committed(vec![message()]);
        assert!(sent(room.open(opening(), since(), form)).contains("xyzzy"));
        room.committed(vec![deleted()]);
        let replayed = sent(room.open(opening(), since(), form));
        assert!(replayed.contains("msg.delete") && !replayed.contains("xyzzy"), "{replayed}");
        assert!(!sent(room.pull(opening(), 0, Some(7))).contains("xyzzy"));
    }

    #[test]
    fn what_was_read_before_a_deletion_is_not_shown_after_it() {
        let mut room = room(RoomKind::Lobby);
        let form = Form::Socket { re: Some(7) };
        room.committed(vec![message()]);
        let snapshot = |head| {
            let at = LogHead { epoch: Epoch("a1".into()), head, n: 1 };
            let reactors = Reactors { all: Vec::new(), of: None };
            Loaded::Snapshot(Some(Snapshot { at, messages: Vec::new(), reactors }))
        };
        room.open(opening(), None, form);
        let ask =
            Ask { opening: opening(), after: 0, head: 1, purpose: Purpose::Pull { re: Some(7) } };
        room.committed(vec![deleted()]);
        // Both reads began before the deletion and come back behind it.
        let effects = room.loaded(&snapshot(1));
        assert!(matches!(effects.as_slice(), [Effect::ReadSnapshot(_)]), "{effects:?}");
        assert!(sent(room.loaded(&snapshot(2))).contains("snapshot"));
        let events = Loaded::Events { ask, events: Some(vec![said()]) };
        let pulled = sent(room.loaded(&events));
        assert!(pulled.contains("m_12_1") && !pulled.contains("xyzzy"), "{pulled}");
    }
}
