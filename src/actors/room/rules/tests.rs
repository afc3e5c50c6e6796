//! What a room asks of those who are inside, without a store.

use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::actors::room::message::{Ask, Change, Commit, Form, Loaded, Purpose, Send, Settings};
use crate::actors::room::{Facts, floors::Floors, follow, state::RoomState};
use crate::actors::seat::{Asker, Opening, SeatKey};
use crate::domain::{
    Epoch, FilterAction, FilterKind, FilterRule, History, Notify, Overrides, Pattern, Rank, RoomId,
    RoomKind, Rules,
};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Append, Appended, FilterStamp, RoomInfo, RosterRow, StoredEvent};

const ROOM: RoomId = RoomId(12);
const MINA: UserId = UserId(1);
const OWNER: UserId = UserId(2);
const BOB: UserId = UserId(3);

fn room() -> RoomState {
    let roster = [(MINA, Rank::Member), (BOB, Rank::Member), (OWNER, Rank::Owner)];
    let facts = Facts {
        room: ROOM,
        name: "general".into(),
        kind: RoomKind::Member,
        club: None,
        epoch: Epoch("a1".into()),
        head: 0,
        n: 0,
        roster: roster.map(|(user, rank)| (user, Standing::new(rank))).into_iter().collect(),
        rules: RuleBook::of(RoomKind::Member),
        notify: Notify::Mentions,
        floors: Floors::default(),
    };
    RoomState::new(facts, Vec::new(), Arc::default())
}

fn slow(seconds: u64) -> RoomState {
    let mut room = room();
    room.facts.rules.settings.slow_mode = Duration::from_secs(seconds);
    room
}

fn send(room: &mut RoomState, author: UserId, cid: &str, now: i64) -> Result<(), Refusal> {
    say(room, author, (cid, "hi"), now).map(|_text| ())
}

fn say(
    room: &mut RoomState,
    author: UserId,
    (cid, text): (&str, &str),
    now: i64,
) -> Result<(String, Option<FilterId>), Refusal> {
    let (cid, text) = (Cid::parse(cid).unwrap(), Text::parse(text).unwrap());
    let (asker, since, is_asked, is_bots) = (Asker::Nobody, Instant::now(), false, false);
    let send = Send { author, cid, text, beside: None, asker, since, is_asked, is_bots };
    match room.send(send, Millis(now)) {
        Effect::Append { append: Append::Message(message), .. } => {
            Ok((message.text.as_str().to_owned(), message.flagged))
        }
        Effect::Sent(_, Err(refusal)) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

fn stored(seq: i64) -> StoredEvent {
    let body = format!(r#"{{"ev":"msg.new","room":"r_12","seq":{seq},"n":{seq}}}"#);
    StoredEvent { seq, n: seq, at: Millis(0), body: body.into() }
}

fn committed(room: &mut RoomState, author: UserId, outcome: Result<Appended, Refusal>) {
    let asker = Asker::Nobody;
    room.committed(vec![Commit::Message { author, asker, outcome }]);
}

fn went(room: &mut RoomState, user: UserId) -> Vec<Effect> {
    room.committed(vec![Commit::Member { user, change: Change::Went("kicked"), line: None }])
}

fn opening(user: UserId) -> Opening {
    Opening { seat: SeatKey { worker: 0, slot: 1, life: 1 }, turn: 1, user }
}

#[test]
fn the_room_knows_who_may_what() {
    let mut room = room();
    let now = Millis(0);
    let check = |room: &RoomState, user, permission| {
        room.check(user, permission, now).map_err(|why| Refusal::from(why).code)
    };
    assert_eq!(check(&room, MINA, Permission::Pin), Err(ErrorCode::Forbidden));
    assert!(check(&room, OWNER, Permission::Pin).is_ok());
    assert_eq!(check(&room, UserId(9), Permission::Read), Err(ErrorCode::NotFound));
    let overrides = Overrides::read("pin=member", "moderators");
    room.facts.rules.settings.rules = Rules::of(RoomKind::Member).with(&overrides);
    assert!(check(&room, MINA, Permission::Pin).is_ok());
    let refused = send(&mut room, MINA, "1", 0).unwrap_err();
    assert_eq!((refused.code, refused.reason), (ErrorCode::Forbidden, Some("role")));
    assert!(send(&mut room, OWNER, "1", 0).is_ok());
    assert_eq!(check(&room, MINA, Permission::React), Ok(Standing::new(Rank::Member)));
}

#[test]
fn a_mute_holds_at_once_and_ends_by_itself() {
    let mut room = room();
    let mute = |until| Commit::Member { user: MINA, change: Change::Muted(until), line: None };
    room.committed(vec![mute(Some(Millis(100)))]);
    let refused = send(&mut room, MINA, "1", 99).unwrap_err();
    assert_eq!((refused.code, refused.until), (ErrorCode::Muted, Some(100)));
    assert!(send(&mut room, MINA, "1", 100).is_ok());
    assert!(room.check(MINA, Permission::React, Millis(0)).is_ok());
    assert!(send(&mut room, BOB, "1", 99).is_ok());
    room.committed(vec![mute(None)]);
    assert!(send(&mut room, MINA, "2", 99).is_ok());
    // Who is not inside is not let in by it.
    room.committed(vec![Commit::Member {
        user: UserId(9),
        change: Change::Muted(None),
        line: None,
    }]);
    assert!(send(&mut room, UserId(9), "1", 0).is_err());
}

#[test]
fn what_the_journal_knew_better_is_learnt() {
    let mut room = room();
    let until = Millis(100);
    committed(&mut room, MINA, Ok(Appended::Refused(AppendRefusal::Muted { until })));
    assert_eq!(send(&mut room, MINA, "1", 99).unwrap_err().until, Some(100));
}

#[test]
fn the_pace_is_for_members_and_the_same_message_goes_through() {
    let mut room = slow(10);
    assert!(send(&mut room, MINA, "1", 0).is_ok());
    let refused = send(&mut room, MINA, "2", 1).unwrap_err();
    assert_eq!((refused.code, refused.retry_ms), (ErrorCode::SlowMode, Some(9_999)));
    assert!(send(&mut room, MINA, "1", 1).is_ok(), "the journal knows it");
    assert!(send(&mut room, BOB, "1", 1).is_ok());
    for n in 0..5 {
        assert!(send(&mut room, OWNER, &format!("{n}"), 1).is_ok());
    }
    assert!(send(&mut room, MINA, "2", 10_000).is_ok());
}

#[test]
fn a_message_that_was_not_taken_holds_nobody_up() {
    for outcome in [
        Err(Refusal::new(ErrorCode::Unavailable, "no")),
        Ok(Appended::Failed),
        Ok(Appended::Refused(AppendRefusal::NoSuchMessage)),
        Ok(Appended::Duplicate { seq: 1, n: 1, at: Millis(0) }),
    ] {
        let mut room = slow(10);
        assert!(send(&mut room, MINA, "1", 0).is_ok());
        committed(&mut room, MINA, outcome);
        assert!(send(&mut room, MINA, "2", 1).is_ok());
    }
    let mut room = slow(10);
    assert!(send(&mut room, MINA, "1", 0).is_ok());
    let (mentions, notices) = (Vec::new(), Vec::new());
    let event = stored(1);
    committed(
        &mut room,
        MINA,
        Ok(Appended::Message {
            event,
            mentions,
            notices,
            read: None,
            has_fanout: false,
            asked: None,
        }),
    );
    assert!(send(&mut room, MINA, "2", 1).is_err());
}

#[test]
fn the_pace_forgets_whom_it_does_not_hold_up() {
    let mut room = slow(10);
    let member = Standing::new(Rank::Member);
    for n in 0..10_000 {
        let user = UserId(1_000 + n);
        room.facts.roster.insert(user, member);
        assert!(send(&mut room, user, "1", n * 100).is_ok());
    }
    assert!(room.pace.sent.len() <= 2 * PACE, "{}", room.pace.sent.len());
}

fn filtered(rules: &[(&str, FilterAction)]) -> RoomState {
    let rule = |((word, action), id): (&(&str, FilterAction), i64)| {
        let pattern = Pattern::parse(FilterKind::Word, word).unwrap();
        FilterRule { id: FilterId(id), pattern, action: *action }
    };
    let rules: Vec<_> = rules.iter().zip(1..).map(rule).collect();
    let mut room = slow(10);
    room.facts.rules.filter = Some(Arc::new(Filter::new(&rules)));
    room
}

#[test]
fn the_filter_is_for_members_and_a_rejected_text_costs_no_wait() {
    let mut room = filtered(&[
        ("worst", FilterAction::Reject),
        ("bad", FilterAction::Mask),
        ("odd", FilterAction::Report),
    ]);
    let refused = say(&mut room, MINA, ("1", "the WORST"), 0).unwrap_err();
    assert_eq!((refused.code, refused.reason), (ErrorCode::Forbidden, Some("filtered")));
    let taken = say(&mut room, MINA, ("2", "bad and odd"), 0).unwrap();
    assert_eq!(taken, ("*** and odd".to_owned(), Some(FilterId(3))));
    let taken = say(&mut room, OWNER, ("1", "the worst bad odd"), 0).unwrap();
    assert_eq!(taken, ("the worst bad odd".to_owned(), None));
}

#[test]
fn who_went_gets_nothing_of_what_was_being_read() {
    for purpose in [Purpose::Pull { re: Some(7) }, Purpose::Replay { goal: 3 }] {
        let mut room = room();
        let is_replay = matches!(purpose, Purpose::Replay { .. });
        let ask = Ask { opening: opening(MINA), after: 0, head: 3, purpose };
        went(&mut room, MINA);
        let loaded = Loaded::Events { ask, events: Some((1..=3).map(stored).collect()) };
        let effects = room.loaded(&loaded);
        match effects.as_slice() {
            [Effect::Refused(refused, None)] => assert!(is_replay && *refused == opening(MINA)),
            [Effect::Reply(_, frame)] => {
                assert!(frame.line().starts_with(br#"{"re":7,"err":{"code":"not_found""#));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_went_while_waiting_for_a_snapshot_is_answered() {
    let mut room = room();
    let form = Form::Socket { re: Some(5) };
    let effects = room.open(opening(MINA), None, form);
    assert!(matches!(effects.as_slice(), [Effect::ReadSnapshot(_)]));
    let effects = went(&mut room, MINA);
    let [Effect::Refused(refused, Some(frame)), Effect::Tell(MINA, Tell::Remove(ROOM, "kicked"))] =
        effects.as_slice()
    else {
        panic!("{effects:?}")
    };
    assert_eq!(*refused, opening(MINA));
    assert!(frame.line().starts_with(br#"{"re":5,"err":{"code":"not_found""#));
}

#[test]
fn who_asks_from_outside_loses_a_place_that_was_left() {
    let mut room = room();
    let form = Form::Socket { re: Some(1) };
    let open = |user| RoomMsg::Open { opening: opening(user), since: None, form };
    let effects = follow(open(UserId(9)), &mut room);
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::Refused(..), Effect::Tell(UserId(9), Tell::Remove(ROOM, "left"))]
        ),
        "{effects:?}"
    );
    let effects = follow(open(MINA), &mut room);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Tell(..))));
}

fn read(rules: &RuleBook) -> Loaded {
    let info = RoomInfo {
        is_shut: false,
        room: ROOM,
        name: "general".into(),
        topic: String::new(),
        kind: RoomKind::Member,
        club: None,
        host: None,
        is_listed: false,
        is_general: true,
        slow_mode_s: 0,
        notify: Notify::Mentions,
        history: History::All,
        write: "all".into(),
        permissions: String::new(),
        waking: rules.settings.waking,
        has_own_waking: false,
        lets_bots_ask: false,
        has_own_bots: false,
        assistant: crate::store::Manner::default(),
        rev: rules.rev,
        filters: FilterStamp::default(),
        retention_days: None,
        horizon: rules.horizon,
        horizon_n: 0,
        epoch: Epoch("a1".into()),
        head: 0,
        n: 0,
        created_by: None,
        created_at: Millis(0),
    };
    Loaded::Settings(Some(Box::new(Settings { info, rules: rules.clone(), readers: Vec::new() })))
}

#[test]
fn who_changes_the_rules_waits_for_a_read_that_began_later() {
    let mut room = room();
    let is_read = |effect: &&Effect| matches!(effect, Effect::ReadSettings);
    let reads = |effects: &[Effect]| effects.iter().filter(is_read).count();
    let answered = |effects: &[Effect]| -> usize {
        let answers = |effect: &Effect| match effect {
            Effect::Refreshed(answers) => answers.len(),
            _other => 0,
        };
        effects.iter().map(answers).sum()
    };
    let asks = || Some(Answer::channel().0);
    assert_eq!(reads(&room.refresh(asks())), 1);
    // Two more while it is being read: one more read for both.
    assert_eq!(reads(&room.refresh(asks())), 0);
    assert_eq!(reads(&room.refresh(asks())), 0);
    let mut rules = RuleBook { rev: 5, ..RuleBook::of(RoomKind::Member) };
    let effects = room.loaded(&read(&rules));
    assert_eq!((reads(&effects), answered(&effects)), (1, 1));
    assert_eq!(room.gauge.rev(), 5);
    rules.settings.slow_mode = Duration::from_secs(9);
    let effects = room.loaded(&read(&rules));
    assert_eq!((reads(&effects), answered(&effects)), (0, 2));
    assert_eq!(room.facts.rules.settings.slow_mode, Duration::from_secs(9));
    // A read that fails keeps nobody waiting, and changes nothing.
    room.refresh(asks());
    let effects = room.loaded(&Loaded::Settings(None));
    assert_eq!((reads(&effects), answered(&effects)), (0, 1));
    assert_eq!(room.gauge.rev(), 5);
    assert_eq!(reads(&room.refresh(None)), 1, "from elsewhere nobody waits");
}

#[test]
fn a_mute_that_came_meanwhile_is_newer_than_the_roster() {
    let mut room = room();
    room.link();
    assert!(room.refresh(None).iter().any(|effect| matches!(effect, Effect::ReadRoster)));
    let mute = Change::Muted(Some(Millis(100)));
    room.committed(vec![Commit::Member { user: MINA, change: mute, line: None }]);
    let row = |user, standing| RosterRow { user, standing, join_seq: 0, has_opened: false };
    let member = Standing::new(Rank::Member);
    room.loaded(&Loaded::Roster(Some(vec![row(MINA, member), row(BOB, member)])));
    assert!(send(&mut room, MINA, "1", 99).is_err());
    assert!(send(&mut room, OWNER, "1", 99).is_err(), "who is not on the roster went");
    let muted = Standing { rank: Rank::Member, muted_until: Some(Millis(50)) };
    room.refresh(None);
    room.loaded(&Loaded::Roster(Some(vec![row(BOB, muted)])));
    assert_eq!(send(&mut room, BOB, "1", 49).unwrap_err().until, Some(50));
}

proptest! {
    /// Whatever comes when: between two messages of a member that stand there is never less than the
    /// pace, and who waits as long as told is let through.
    #[test]
    fn members_keep_the_pace(
        gaps in prop::collection::vec(0..4_000_i64, 1..60),
        seconds in 1..4_u64,
        fails in prop::collection::vec(any::<bool>(), 60),
    ) {
        let mut room = slow(seconds);
        let pace = i64::try_from(seconds).unwrap() * 1_000;
        let (mut now, mut last, mut seq) = (0, None::<i64>, 0);
        for (n, gap) in gaps.into_iter().enumerate() {
            now += gap;
            match send(&mut room, MINA, &format!("c-{n}"), now) {
                Ok(()) if fails[n] => {
                    committed(&mut room, MINA, Err(Refusal::new(ErrorCode::Unavailable, "no")));
                    // The journal would still keep the pace; here it is forgotten.
                    last = None;
                }
                Ok(()) => {
                    prop_assert!(last.is_none_or(|last| now - last >= pace));
                    seq += 1;
                    let (mentions, notices) = (Vec::new(), Vec::new());
                    let event = stored(seq);
                    committed(&mut room, MINA, Ok(Appended::Message { event, mentions, notices, read: None, has_fanout: false, asked: None }));
                    last = Some(now);
                }
                Err(refusal) => {
                    let retry = i64::try_from(refusal.retry_ms.unwrap()).unwrap();
                    prop_assert_eq!(now + retry, last.unwrap() + pace);
                    prop_assert!(has_to_wait(&room, now + retry - 1));
                    prop_assert!(!has_to_wait(&room, now + retry));
                }
            }
        }
    }
}

fn has_to_wait(room: &RoomState, now: i64) -> bool {
    let last = room.pace.sent.get(&MINA).map(|(at, _cid)| *at);
    let settings = room.facts.rules.settings;
    last.and_then(|last| settings.wait(room.facts.roster[&MINA], last, Millis(now))).is_some()
}
