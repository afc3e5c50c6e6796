//! What a session makes of edits, reactions, read marks and snapshots.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Duty;
use super::tests::{Stage, answer, one, stage};
use crate::scan::Stamp;
use crate::town::book::{EMOJI, Who};

/// Two sessions in a room with a book, and a message of the first at 11 that both have.
fn inside() -> Stage {
    let stage = stage(2);
    stage.tally.look_inside();
    stage.room.keep_book();
    for session in &stage.sessions {
        session.me.set(Who::of(&format!("u_{}", session.index)));
    }
    let sent = op(stage.sessions[0].send(stage.room.clone(), None, Instant::now()));
    let ok = json!({"seq": 11, "n": 1, "id": "m_11", "at": 1, "dup": false});
    answer(&stage.sessions[0], &sent["id"], &ok);
    // As the server writes it: the ordinal stands right behind the seq.
    let line = format!(
        r#"{{"ev":"msg.new","room":"r_1","seq":11,"n":1,"at":1,"d":{{"id":"m_11","by":"u_0","text":{}}}}}"#,
        sent["text"]
    );
    for session in &stage.sessions {
        assert_eq!(session.take(line.as_bytes(), Instant::now()), None);
    }
    stage
}

fn op(op: Option<String>) -> Value {
    serde_json::from_str(&op.unwrap()).unwrap()
}

fn both(stage: &Stage, event: &Value) {
    for session in 0..stage.sessions.len() {
        stage.hear(session, event);
    }
}

fn edit(stage: &Stage) -> Value {
    op(stage.sessions[0].edit(stage.room.clone(), "m_11".into(), Instant::now()))
}

fn edited(seq: u64, rev: u64, text: &Value) -> Value {
    json!({"ev": "msg.edit", "room": "r_1", "seq": seq, "at": 1,
        "d": {"id": "m_11", "by": "u_0", "text": text, "rev": rev}})
}

fn reacted(seq: u64, count: u64) -> Value {
    json!({"ev": "msg.react", "room": "r_1", "seq": seq, "at": 1,
        "d": {"id": "m_11", "by": "u_1", "emoji": EMOJI[0], "count": count}})
}

/// Session 1 closes the room, opens it again and gets this message.
fn reopen(stage: &Stage, head: u64, item: &Value) {
    let session = &stage.sessions[1];
    let close: Value = serde_json::from_str(&session.close(&stage.room, Instant::now())).unwrap();
    answer(session, &close["id"], &json!({}));
    session.wish(&stage.room);
    let open: Value = serde_json::from_str(&session.open("r_1", Instant::now())).unwrap();
    let snapshot = json!({"upto": head, "items": [item]});
    let ok = json!({"epoch": "a1", "head": head, "n": 1, "snapshot": snapshot});
    answer(session, &open["id"], &ok);
}

fn item(text: &Value, rev: u64, reactions: &Value) -> Value {
    json!({"id": "m_11", "seq": 11, "n": 1, "by": "u_0", "text": text, "rev": rev,
        "reactions": reactions})
}

#[test]
fn edits_and_reactions_have_a_seq_like_messages() {
    let stage = inside();
    let edit = edit(&stage);
    assert_eq!(stage.found(), one("unanswered"));
    answer(&stage.sessions[0], &edit["id"], &json!({"seq": 12, "at": 1, "dup": false}));
    assert_eq!(stage.found(), vec![("lost".to_owned(), 2)], "nobody heard the edit");
    both(&stage, &edited(12, 2, &edit["text"]));
    let by = Instant::now();
    let react = op(stage.sessions[1].react(stage.room.clone(), "m_11".into(), (0, true), by));
    answer(&stage.sessions[1], &react["id"], &json!({"seq": 13, "at": 1, "dup": false}));
    both(&stage, &reacted(13, 1));
    let mark = json!([{"emoji": EMOJI[0], "count": 1, "mine": true}]);
    reopen(&stage, 13, &item(&edit["text"], 2, &mark));
    assert_eq!(stage.found(), []);
    assert!(stage.room.is_known_upto(13));
    assert_eq!(stage.room.book().unwrap().verdict(), []);
}

#[test]
fn two_who_hear_different_edits_or_counts_are_caught() {
    let stage = inside();
    let edit = edit(&stage);
    answer(&stage.sessions[0], &edit["id"], &json!({"seq": 12, "at": 1, "dup": false}));
    stage.hear(0, &edited(12, 2, &edit["text"]));
    let other = Stamp { serial: 77, due_us: 1 }.text("x");
    stage.hear(1, &edited(12, 2, &other.into()));
    assert_eq!(stage.found(), one("differing"));
    let stage = inside();
    stage.hear(0, &reacted(12, 1));
    stage.hear(1, &reacted(12, 2));
    assert_eq!(stage.found(), one("differing"));
}

#[test]
fn an_edit_that_a_snapshot_lacks_is_caught() {
    let stage = inside();
    let (first, second) = (edit(&stage), edit(&stage));
    for (edit, seq) in [(&first, 12), (&second, 13)] {
        answer(&stage.sessions[0], &edit["id"], &json!({"seq": seq, "at": 1, "dup": false}));
        both(&stage, &edited(seq, seq - 10, &edit["text"]));
    }
    reopen(&stage, 13, &item(&second["text"], 3, &json!([])));
    assert_eq!(stage.found(), []);
    reopen(&stage, 13, &item(&first["text"], 2, &json!([])));
    assert_eq!(stage.found(), one("edits_wrong"));
}

#[test]
fn a_reaction_that_a_snapshot_miscounts_is_caught() {
    let stage = inside();
    both(&stage, &reacted(12, 1));
    let text = Stamp { serial: 1, due_us: 1 }.text("x").into();
    let mark = json!([{"emoji": EMOJI[0], "count": 2, "mine": true}]);
    reopen(&stage, 12, &item(&text, 1, &mark));
    assert_eq!(stage.found(), one("reactions_wrong"));
}

#[test]
fn messages_are_counted_apart_from_seqs_by_who_reads_them() {
    let stage = inside();
    both(&stage, &reacted(12, 1));
    let read = op(stage.sessions[1].read(&stage.room, Instant::now()));
    assert_eq!((&read["op"], &read["seq"]), (&json!("read"), &json!(12)));
    answer(&stage.sessions[1], &read["id"], &json!({"read_n": 1, "unread": 0, "mentions": 0}));
    assert_eq!(stage.found(), []);
    let read = op(stage.sessions[1].read(&stage.room, Instant::now()));
    answer(&stage.sessions[1], &read["id"], &json!({"read_n": 0, "unread": 1, "mentions": 0}));
    assert_eq!(stage.found(), one("reads_wrong"));
}

#[test]
fn an_edit_and_a_reaction_are_asked_again_until_an_answer_comes() {
    let stage = inside();
    let session = &stage.sessions[0];
    let edit = edit(&stage);
    let id = u32::try_from(edit["id"].as_u64().unwrap()).unwrap();
    let busy = json!({"re": id, "err": {"code": "rate_limited", "retry_ms": 40}});
    assert_eq!(stage.hear(0, &busy), Some(Duty::Again(id, Duration::from_millis(40))));
    let react = op(session.react(stage.room.clone(), "m_11".into(), (1, false), Instant::now()));
    assert_eq!((&react["op"], &react["emoji"]), (&json!("unreact"), &json!(EMOJI[1])));
    let ops = session.signed_in(None);
    let again: Vec<Value> =
        ops.iter().skip(1).map(|op| serde_json::from_str(op).unwrap()).collect();
    assert_eq!(again, [edit, react], "in their order");
    let book = stage.room.book().unwrap();
    assert!(!book.stands("m_11", 1), "an edit is under way");
}
