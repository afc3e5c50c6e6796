//! What a session makes of lines, and what is held against the server.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Duty, Session};
use crate::report::Report;
use crate::scan::{Stamp, filler};
use crate::town::room::Room;
use crate::town::tally::{Deed, Tally};

pub(super) struct Stage {
    pub tally: Rc<Tally>,
    pub room: Rc<Room>,
    pub sessions: Vec<Session>,
}

/// Sessions that have the room open at head 10.
pub(super) fn stage(count: usize) -> Stage {
    let tally = Rc::new(Tally::new().unwrap());
    let room = Rc::new(Room::new("r_1".to_owned()));
    let new = |index| {
        let session = Session::new(index, tally.clone(), filler(40).into());
        session.wish(&room);
        session.sets_out();
        let ops = session.signed_in(Some(["r_1".to_owned()].into()));
        assert_eq!(ops.len(), 1);
        let open: Value = serde_json::from_str(&ops[0]).unwrap();
        assert_eq!((&open["op"], open.get("since")), (&json!("open"), None));
        answer(&session, &open["id"], &json!({"epoch": "a1", "head": 10, "snapshot": {}}));
        session
    };
    let sessions = (0..count).map(new).collect();
    Stage { sessions, room, tally }
}

pub(super) fn answer(session: &Session, id: &Value, ok: &Value) -> Option<Duty> {
    session.take(json!({"re": id, "ok": ok}).to_string().as_bytes(), Instant::now())
}

fn event(seq: u64, serial: u64) -> Value {
    let text = Stamp { serial, due_us: 1 }.text("x");
    json!({"ev": "msg.new", "room": "r_1", "seq": seq, "d": {"text": text}})
}

impl Stage {
    pub(super) fn hear(&self, session: usize, line: &Value) -> Option<Duty> {
        self.sessions[session].take(line.to_string().as_bytes(), Instant::now())
    }

    /// The checks that found something.
    pub(super) fn found(&self) -> Vec<(String, u64)> {
        let mut report = Report::new("test", &[], &[], 1).unwrap();
        let mut faults = crate::check::Faults::default();
        self.sessions.iter().for_each(|session| faults.add(session.verdict()));
        self.tally.judge(faults, &mut report);
        let report: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        let checks = report["checks"].as_object().unwrap().iter();
        let counted = checks.map(|(name, check)| (name.clone(), check["count"].as_u64().unwrap()));
        counted.filter(|(_, count)| *count > 0).collect()
    }
}

pub(super) fn one(name: &str) -> Vec<(String, u64)> {
    vec![(name.to_owned(), 1)]
}

#[test]
fn who_hears_every_event_once_has_nothing_to_complain_of() {
    let stage = stage(2);
    for session in 0..2 {
        for seq in 11..=13 {
            assert_eq!(stage.hear(session, &event(seq, seq)), None);
        }
    }
    assert_eq!(stage.found(), []);
    assert_eq!(stage.tally.look(|noted| noted.deliveries), 6);
}

#[test]
fn each_fault_is_found_under_its_own_name() {
    let heard = |events: &[Value]| {
        let stage = stage(2);
        (11..=13).for_each(|seq| drop(stage.hear(0, &event(seq, seq))));
        events.iter().for_each(|event| drop(stage.hear(1, event)));
        stage.found()
    };
    let (first, second, third) = (event(11, 11), event(12, 12), event(13, 13));
    let all = [first.clone(), second.clone(), third.clone()];
    assert_eq!(heard(&all), []);
    assert_eq!(heard(&[first.clone(), third.clone()]), one("lost"));
    assert_eq!(heard(&[first.clone(), second.clone()]), one("lost"));
    assert_eq!(
        heard(&[first.clone(), first.clone(), second.clone(), third.clone()]),
        one("doubled")
    );
    assert_eq!(heard(&[second.clone(), first.clone(), third.clone()]), one("reordered"));
    assert_eq!(heard(&[first, event(12, 99), third]), one("differing"));
    let mut elsewhere = event(40, 40);
    elsewhere["room"] = "r_2".into();
    assert_eq!(heard(&[&all[..], &[elsewhere]].concat()), one("leaked"));
    let head = json!({"ev": "room.head", "room": "r_2", "head": 4});
    assert_eq!(heard(&[&all[..], &[head]].concat()), one("leaked"));
}

#[test]
fn an_acknowledged_message_must_be_delivered() {
    let stage = stage(1);
    let op = stage.sessions[0].send(stage.room.clone(), None, Instant::now()).unwrap();
    let op: Value = serde_json::from_str(&op).unwrap();
    assert_eq!(stage.found(), one("unanswered"));
    answer(&stage.sessions[0], &op["id"], &json!({"seq": 11, "dup": false}));
    assert!(!stage.sessions[0].is_level());
    assert_eq!(stage.found(), one("lost"));
    stage.hear(0, &event(11, 1));
    assert!(stage.sessions[0].is_level());
    assert_eq!(stage.found(), []);
}

#[test]
fn who_comes_back_resumes_and_sends_again_with_the_same_cid() {
    let stage = stage(1);
    let session = &stage.sessions[0];
    stage.hear(0, &event(11, 77));
    let sent: Value =
        serde_json::from_str(&session.send(stage.room.clone(), None, Instant::now()).unwrap())
            .unwrap();
    stage.tally.forget_arrivals();
    session.sets_out();
    let ops = session.signed_in(None);
    let ops: Vec<Value> = ops.iter().map(|op| serde_json::from_str(op).unwrap()).collect();
    assert_eq!(ops[0]["since"], json!({"epoch": "a1", "seq": 11}));
    assert_eq!(ops[1], sent);
    let resumed = json!({"epoch": "a1", "head": 12, "resumed": true, "replay": 1});
    answer(session, &ops[0]["id"], &resumed);
    assert_eq!(stage.tally.arrived(), 0, "it is not level before the replay");
    stage.hear(0, &event(12, 1));
    stage.hear(0, &json!({"ev": "caught_up", "room": "r_1", "seq": 12}));
    assert_eq!(stage.tally.arrived(), 1);
    assert_eq!(stage.tally.look(|noted| noted.replayed), 1);
    answer(session, &ops[1]["id"], &json!({"seq": 12, "dup": true}));
    assert_eq!(stage.found(), []);
}

#[test]
fn a_snapshot_in_place_of_a_replay_is_noticed() {
    let stage = stage(1);
    let ops = stage.sessions[0].signed_in(None);
    let open: Value = serde_json::from_str(&ops[0]).unwrap();
    let snapshot = json!({"epoch": "a1", "head": 90, "resumed": false, "why": "too_many"});
    answer(&stage.sessions[0], &open["id"], &snapshot);
    assert_eq!(stage.found(), one("not_resumed"));
}

#[test]
fn a_lag_is_pulled_until_nothing_is_left() {
    let stage = stage(1);
    let pull = |duty: Option<Duty>| {
        let Some(Duty::Say(op)) = duty else { panic!("nothing to say") };
        serde_json::from_str::<Value>(&op).unwrap()
    };
    let op = pull(stage.hear(0, &json!({"ev": "lag", "room": "r_1", "from": 11, "head": 13})));
    assert_eq!((&op["op"], &op["after"]), (&json!("pull"), &json!(10)));
    let part = json!({"events": [event(11, 1), event(12, 2)], "head": 13, "more": true});
    let op = pull(answer(&stage.sessions[0], &op["id"], &part));
    assert_eq!(op["after"], 12);
    let rest = json!({"events": [event(13, 3)], "head": 13, "more": false});
    assert_eq!(answer(&stage.sessions[0], &op["id"], &rest), None);
    assert_eq!(stage.found(), []);
}

#[test]
fn what_is_put_off_is_sent_again_and_what_is_refused_is_held_against_the_server() {
    let stage = stage(1);
    let session = &stage.sessions[0];
    let sent = session.send(stage.room.clone(), None, Instant::now()).unwrap();
    let op: Value = serde_json::from_str(&sent).unwrap();
    let id = u32::try_from(op["id"].as_u64().unwrap()).unwrap();
    let busy = json!({"re": id, "err": {"code": "rate_limited", "retry_ms": 40}});
    assert_eq!(stage.hear(0, &busy), Some(Duty::Again(id, Duration::from_millis(40))));
    assert_eq!(session.again(id), Some(sent));
    stage.hear(0, &json!({"re": id, "err": {"code": "forbidden"}}));
    assert_eq!(stage.found(), one("refused"));
}

#[test]
fn a_closed_room_must_be_silent_and_its_faults_stay_known() {
    let stage = stage(1);
    let session = &stage.sessions[0];
    stage.hear(0, &event(12, 2));
    let close: Value = serde_json::from_str(&session.close(&stage.room, Instant::now())).unwrap();
    answer(session, &close["id"], &json!({}));
    assert_eq!(stage.found(), one("lost"));
    stage.hear(0, &event(13, 3));
    assert_eq!(stage.found().len(), 2, "{:?}", stage.found());
    let closed = stage.tally.take().unwrap();
    assert_eq!(closed.deed(Deed::Close).unwrap().len(), 1);
}
