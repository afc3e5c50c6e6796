//! Deletion, threads, pins and answers: each thing that may be wrong, planted by hand.

use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::{Value, json};

use super::{Book, For, Known, Part, Post, Shown, Who};
use crate::scan::Stamp;

const END: Known = Known { upto: 20, is_exact: true };

fn text(serial: u64) -> String {
    Stamp { serial, due_us: 1 }.text("x")
}

/// Message 11 began a thread with 13 and 14, 12 was deleted at 15, 11 is pinned since 16, and 17 is
/// an answer that was over at 18.
fn book() -> Book {
    let (book, mina) = (Book::default(), Who::of("u_1"));
    for (seq, root) in [(11, None), (12, None), (13, Some("m_11")), (14, Some("m_11"))] {
        let (by, acked, thread) = (Some(mina), Some((0, None)), root.map(From::from));
        let post = Post { seq, n: Some(seq - 10), serial: seq, by, thread, acked };
        book.posted(&format!("m_{seq}"), post).unwrap();
    }
    book.deleted("m_12", 15).unwrap();
    book.pinned("m_11", (16, true)).unwrap();
    book.answers("m_17", Who::of("u_ai"), (17, 5)).unwrap();
    book.answered("m_17", (18, Some("nothing"))).unwrap();
    book
}

fn item(seq: u64, more: &Value) -> Value {
    let mut item = json!({"id": format!("m_{seq}"), "seq": seq, "by": "u_1", "rev": 1,
        "reactions": [], "pinned": false, "deleted": false, "text": text(seq)});
    let (item_fields, more) = (item.as_object_mut().unwrap(), more.as_object().unwrap());
    item_fields.extend(more.clone());
    item
}

fn tombstone() -> Value {
    let mut item = item(12, &json!({"deleted": true}));
    item.as_object_mut().unwrap().remove("text");
    item
}

/// What is right at the end.
fn page() -> Vec<Value> {
    vec![
        item(11, &json!({"pinned": true, "thread": {"count": 2, "last_at": 1}})),
        tombstone(),
        item(13, &json!({"thread": "m_11"})),
        item(14, &json!({"thread": "m_11"})),
        item(17, &json!({"by": "u_ai", "text": "nothing", "rev": 1})),
    ]
}

fn found(book: &Book, items: &[Value], known: Known) -> Vec<Part> {
    let shown = Shown { items, reader: Who::of("u_3"), from: 1 };
    book.compare(shown, known).into_iter().map(|wrong| wrong.what).collect()
}

/// The page with a field of one item changed.
fn with(place: usize, field: &str, value: Value) -> Vec<Value> {
    let mut page = page();
    page[place][field] = value;
    page
}

#[test]
fn what_is_as_it_was_done_is_right() {
    assert_eq!(found(&book(), &page(), END), []);
    let before = Known { upto: 12, is_exact: false };
    assert_eq!(found(&book(), &page(), before), [], "a page may be ahead of what was known");
}

#[test]
fn a_deleted_message_that_still_says_something_is_caught() {
    for (field, value) in [
        ("deleted", json!(false)),
        ("text", json!(text(12))),
        ("html", json!("<p>x</p>")),
        ("files", json!([{"id": "fi_1"}])),
        ("pinned", json!(true)),
    ] {
        let page = with(1, field, value);
        assert!(found(&book(), &page, END).contains(&Part::Delete), "{field}");
    }
    let mut page = page();
    page[2] = item(13, &json!({"thread": "m_11", "deleted": true, "text": null}));
    assert_eq!(found(&book(), &page, END), [Part::Delete], "nobody deleted it");
    page[2] = item(13, &json!({"thread": "m_11"}));
    let before = Known { upto: 14, is_exact: true };
    assert!(found(&book(), &page, before).contains(&Part::Delete), "before its time");
}

#[test]
fn a_message_is_deleted_once_and_found_no_more() {
    let book = book();
    assert_eq!(book.deleted("m_12", 15), Ok(()));
    assert_eq!(book.deleted("m_12", 16).unwrap_err().what, Part::Delete);
    let random = &mut SmallRng::seed_from_u64(1);
    assert_eq!(book.any_deleted(random), Some(("m_12".into(), 12)));
    assert!(!book.stands("m_12", 12));
    let picked = |what| {
        let random = &mut SmallRng::seed_from_u64(7);
        let picks = (0..60).filter_map(|_| book.pick(what, 9, random));
        let mut seqs: Vec<u64> = picks.map(|pick| pick.seq).collect();
        seqs.sort_unstable();
        seqs.dedup();
        seqs
    };
    assert_eq!(picked(For::Anything), [11, 13, 14]);
    assert_eq!(picked(For::Thread), [11]);
    assert_eq!(picked(For::Pin), [13, 14]);
    assert_eq!(picked(For::Delete), [11]);
    book.keep("m_11");
    assert_eq!(picked(For::Delete), [0; 0]);
}

#[test]
fn a_thread_with_other_messages_is_caught() {
    for (place, thread) in [
        (0, json!({"count": 1, "last_at": 1})),
        (0, json!({"count": 3, "last_at": 1})),
        (0, Value::Null),
        (2, json!("m_12")),
        (2, Value::Null),
    ] {
        assert_eq!(found(&book(), &with(place, "thread", thread), END), [Part::Thread], "{place}");
    }
    let (book, reader) = (book(), Who::of("u_1"));
    let judge = |items: &[Value]| {
        let wrongs = book.compare_thread("m_11", Shown { items, reader, from: 1 }, 20);
        wrongs.into_iter().map(|wrong| wrong.what).collect::<Vec<_>>()
    };
    let page = page();
    assert_eq!(judge(&page[2..4]), []);
    assert_eq!(judge(&page[2..3]), [Part::Thread], "one is missing");
    assert_eq!(judge(&[page[3].clone(), page[2].clone()]), [Part::Thread], "not in order");
    assert_eq!(judge(&page[1..4]), [Part::Thread], "one that is not in it");
    assert!(book.follows("m_11", reader) && !book.follows("m_11", Who::of("u_2")));
    let again = Post { seq: 13, serial: 13, thread: Some("m_12".into()), ..Post::default() };
    assert!(book.posted("m_13", again).is_err());
}

#[test]
fn pins_that_are_not_so_are_caught() {
    assert_eq!(found(&book(), &with(0, "pinned", json!(false)), END), [Part::Pin]);
    assert_eq!(found(&book(), &with(2, "pinned", json!(true)), END), [Part::Pin]);
    let list = |seqs: &[u64]| {
        let items = seqs.iter().map(|seq| json!({"message": {"id": format!("m_{seq}")}}));
        items.collect::<Vec<_>>()
    };
    let book = book();
    assert_eq!(book.compare_pins(&list(&[11]), 20), []);
    assert_eq!(book.compare_pins(&list(&[]), 20).len(), 1);
    assert_eq!(book.compare_pins(&list(&[11, 13]), 20).len(), 1);
    book.pin_asked("m_11", false);
    assert_eq!(book.compare_pins(&list(&[]), 20), [], "it may be let go just now");
    book.pinned("m_11", (19, false)).unwrap();
    book.pin_asked("m_11", true);
    assert!(book.pins().is_empty());
    assert!(book.pinned("m_11", (19, true)).is_err());
}

#[test]
fn an_answer_that_changes_is_caught() {
    assert_eq!(found(&book(), &with(4, "text", json!("something")), END), [Part::Answer]);
    let book = book();
    assert!(book.heard_answer("m_17") && !book.heard_answer("m_19"));
    assert_eq!(book.answered("m_17", (18, Some("else"))).unwrap_err().what, Part::Answer);
    assert!(book.is_quoted("m_11", &format!("mina: {}", text(11))));
    assert!(!book.is_quoted("m_11", &text(13)));
    assert!(book.is_quoted("m_99", "anything"), "nobody knows what it says");
}
