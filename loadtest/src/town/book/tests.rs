//! Each thing that may be wrong with what somebody is shown, planted by hand.

use std::slice::from_ref;

use serde_json::{Value, json};

use super::{Book, EMOJI, Known, Mark, Part, Post, Shown, Text, Who};
use crate::scan::Stamp;

/// Messages 11 and 12 of one author; 11 was edited at 13 and 16, and three reactions were made, of
/// which one was taken back.
fn book() -> Book {
    let (book, mina) = (Book::default(), Who::of("u_1"));
    for seq in [11, 12] {
        let acked = Some((0, None));
        let post = Post { seq, serial: seq, by: Some(mina), acked, ..Post::default() };
        book.posted(&format!("m_{seq}"), post).unwrap();
    }
    for (seq, rev) in [(13, 2), (16, 3)] {
        book.edited("m_11", mina, Text { seq, rev: Some(rev), serial: seq }).unwrap();
    }
    for (seq, user, is_on, count) in
        [(14, "u_2", true, 1), (15, "u_3", true, 2), (17, "u_2", false, 1)]
    {
        book.marked("m_12", mark(seq, user, is_on, count)).unwrap();
    }
    book
}

fn mark(seq: u64, user: &str, is_on: bool, count: u64) -> Mark {
    Mark { seq, by: Who::of(user), emoji: 0, is_on, count: Some(count) }
}

/// What is right at the end, for u_3.
fn page() -> [Value; 2] {
    let text = |serial| Stamp { serial, due_us: 1 }.text("x");
    let item = |seq, serial, rev, reactions| {
        json!({"id": format!("m_{seq}"), "seq": seq, "by": "u_1", "text": text(serial), "rev": rev,
            "reactions": reactions})
    };
    let reacted = json!([{"emoji": EMOJI[0], "count": 1, "mine": true}]);
    [item(11, 16, 3, json!([])), item(12, 12, 1, reacted)]
}

const END: Known = Known { upto: 17, is_exact: true };
/// When the page was asked for, the second edit was not known.
const BEFORE: Known = Known { upto: 15, is_exact: false };

fn found(book: &Book, items: &[Value], known: Known) -> Vec<Part> {
    let shown = Shown { items, reader: Who::of("u_3"), from: 1 };
    book.compare(shown, known).into_iter().map(|wrong| wrong.what).collect()
}

#[test]
fn what_is_as_it_was_said_is_right() {
    assert_eq!(found(&book(), &page(), END), []);
    assert_eq!(found(&book(), &page(), BEFORE), []);
    assert_eq!(book().verdict(), []);
}

#[test]
fn an_edit_that_is_lost_is_caught() {
    let mut old = page();
    old[0]["text"] = Stamp { serial: 13, due_us: 1 }.text("x").into();
    old[0]["rev"] = 2.into();
    assert_eq!(found(&book(), &old, END), [Part::Edit]);
    assert_eq!(found(&book(), &old, BEFORE), [], "the newer one may have come later");
    let mut early = page();
    early[1]["reactions"] = json!([]);
    let then = Known { upto: 13, is_exact: true };
    assert_eq!(found(&book(), &early, then), [Part::Edit], "before its time");
    old[0]["text"] = Stamp { serial: 11, due_us: 1 }.text("x").into();
    assert_eq!(found(&book(), &old, BEFORE), [Part::Edit]);
}

#[test]
fn another_text_or_another_revision_is_caught() {
    let mut other = page();
    other[0]["text"] = Stamp { serial: 99, due_us: 1 }.text("x").into();
    assert_eq!(found(&book(), &other, END), [Part::Edit]);
    assert_eq!(found(&book(), &other, BEFORE), [Part::Edit]);
    other[0]["rev"] = 4.into();
    assert_eq!(found(&book(), &other, BEFORE), [], "an edit that nobody heard of yet");
    let mut other = page();
    other[0]["rev"] = 2.into();
    assert_eq!(found(&book(), &other, END), [Part::Edit]);
    let mut other = page();
    other[1]["text"] = Value::Null;
    assert_eq!(found(&book(), &other, END), [Part::Edit]);
}

#[test]
fn a_reaction_that_is_miscounted_is_caught() {
    for reactions in [
        json!([]),
        json!([{"emoji": EMOJI[0], "count": 2, "mine": true}]),
        json!([{"emoji": EMOJI[0], "count": 1, "mine": false}]),
        json!([{"emoji": EMOJI[1], "count": 1, "mine": true}]),
        json!([{"emoji": EMOJI[0], "count": 1, "mine": true}, {"emoji": "🐙", "count": 1}]),
    ] {
        let mut other = page();
        other[1]["reactions"] = reactions.clone();
        assert_eq!(found(&book(), &other, END), [Part::Reaction], "{reactions}");
        assert_eq!(found(&book(), &other, BEFORE), [], "it may have changed meanwhile");
    }
}

#[test]
fn a_message_that_is_missing_unknown_or_out_of_place_is_caught() {
    let [first, second] = page();
    assert_eq!(found(&book(), from_ref(&second), END), [Part::Page]);
    assert_eq!(found(&book(), &[second.clone(), first.clone()], END), [Part::Page]);
    assert_eq!(found(&book(), &[first.clone(), second.clone(), second.clone()], END), [Part::Page]);
    let mut moved = page();
    moved[1]["seq"] = 14.into();
    assert_eq!(found(&book(), &moved, END), [Part::Page]);
    let mut elses = page();
    elses[1]["by"] = "u_9".into();
    assert_eq!(found(&book(), &elses, END), [Part::Page]);
    let mut unknown = first.clone();
    (unknown["id"], unknown["seq"]) = ("m_30".into(), 30.into());
    let more = [first.clone(), second, unknown];
    assert_eq!(found(&book(), &more, END), [Part::Page]);
    assert_eq!(found(&book(), &more, BEFORE), [], "it may be new");
    let page = [first];
    let full = Shown::newest(&page, 1, Who::of("u_3"));
    assert_eq!(full.from, 11);
    assert_eq!(Shown::newest(&page, 50, Who::of("u_3")).from, 0);
}

#[test]
fn a_file_that_nobody_posted_is_caught() {
    let mut other = page();
    other[0]["files"] = json!([{"id": "fi_1"}]);
    assert_eq!(found(&book(), &other, END), [Part::File]);
}

#[test]
fn a_log_that_contradicts_itself_is_caught() {
    let parts =
        |book: &Book| -> Vec<Part> { book.verdict().into_iter().map(|wrong| wrong.what).collect() };
    let miscounted = book();
    miscounted.marked("m_12", mark(18, "u_4", true, 3)).unwrap();
    assert_eq!(parts(&miscounted), [Part::Reaction]);
    let twice = book();
    twice.marked("m_12", mark(18, "u_3", true, 1)).unwrap();
    assert_eq!(parts(&twice), [Part::Reaction]);
    let from_nowhere = book();
    from_nowhere.marked("m_12", mark(18, "u_4", false, 1)).unwrap();
    assert_eq!(parts(&from_nowhere), [Part::Reaction]);
    let skipped = book();
    let text = Text { seq: 18, rev: Some(5), serial: 18 };
    skipped.edited("m_11", Who::of("u_1"), text).unwrap();
    assert_eq!(parts(&skipped), [Part::Edit]);
}

#[test]
fn an_answer_and_an_event_that_differ_are_caught() {
    let book = book();
    let text = Text { seq: 16, rev: None, serial: 16 };
    assert_eq!(book.edited("m_11", Who::of("u_1"), text), Ok(()));
    assert!(book.edited("m_11", Who::of("u_1"), Text { serial: 17, ..text }).is_err());
    assert!(book.edited("m_11", Who::of("u_2"), text).is_err());
    let known = mark(17, "u_2", false, 1);
    assert_eq!(book.marked("m_12", Mark { count: None, ..known }), Ok(()));
    assert!(book.marked("m_12", Mark { count: Some(2), ..known }).is_err());
    assert!(book.marked("m_12", Mark { is_on: true, ..known }).is_err());
    let post = Post { seq: 12, serial: 12, by: Some(Who::of("u_1")), ..Post::default() };
    assert_eq!(book.posted("m_12", post.clone()), Ok(()));
    assert!(book.posted("m_12", Post { serial: 13, ..post.clone() }).is_err());
    assert!(book.posted("m_12", Post { by: Some(Who::of("u_2")), ..post }).is_err());
}
