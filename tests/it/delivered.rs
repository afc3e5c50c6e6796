//! When inbox entries were shown: that is not when they were read.

use serde_json::{Value, json};

use crate::support::{Client, Person, Sse, TestApp, eventually, on_both};

on_both!(
    what_is_replayed_was_shown_and_is_unread,
    whatever_shows_an_entry_counts,
    what_is_shown_to_nobody_stays_so,
);

/// The entries of an inbox, oldest first.
async fn inbox(app: &TestApp, who: &Person) -> Vec<Value> {
    let list = app.rest.get(&who.token, "/v1/inbox?limit=200").await;
    let mut items = list["items"].as_array().unwrap().clone();
    items.reverse();
    items
}

/// When they were shown; waits until so many were.
async fn shown(app: &TestApp, who: &Person, count: usize) -> Vec<Value> {
    let mut entries = Vec::new();
    eventually("it is noted", async || {
        entries = inbox(app, who).await;
        entries.iter().filter(|entry| entry["delivered_at"].is_i64()).count() == count
    })
    .await;
    for entry in &entries {
        assert!(entry["read_at"].is_null(), "{entry}");
        let at = entry["delivered_at"].as_i64();
        assert!(at.is_none_or(|at| at >= entry["at"].as_i64().unwrap()), "{entry}");
    }
    entries.into_iter().map(|entry| entry["delivered_at"].clone()).collect()
}

/// Signs in and opens the inbox from its beginning; gives the `ok`.
async fn open(app: &TestApp, who: &Person) -> (Client, Value) {
    let mut session = Client::connect(app.address).await;
    let epoch = session.auth(&who.token).await["inbox"]["epoch"].clone();
    let since = json!({ "epoch": epoch, "seq": 0 });
    let opened = session.ok(json!({ "op": "inbox.open", "since": since })).await;
    (session, opened)
}

async fn what_is_replayed_was_shown_and_is_unread(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut at_mina = app.session(&mina).await;
    for n in 0..3 {
        at_mina.send(&room, &format!("c-{n}"), "@bob").await;
    }
    assert!(inbox(app, &bob).await.iter().all(|entry| entry["delivered_at"].is_null()));
    let (mut at_bob, opened) = open(app, &bob).await;
    let numbers = ["replay", "undelivered", "unread"].map(|field| opened[field].clone());
    assert_eq!(numbers, [3, 3, 3], "{opened}");
    at_bob.expect_many("inbox", 3).await;
    let first = shown(app, &bob, 3).await;
    assert_eq!(app.rest.get(&bob.token, "/v1/me").await["unread_inbox"], 3);

    // Shown again elsewhere, with one more: the first time stays.
    let (mut again, opened) = open(app, &bob).await;
    let numbers = ["replay", "undelivered", "unread"].map(|field| opened[field].clone());
    assert_eq!(numbers, [3, 0, 3], "{opened}");
    again.expect_many("inbox", 3).await;
    at_mina.send(&room, "c-4", "@bob").await;
    at_bob.expect("inbox").await;
    assert_eq!(shown(app, &bob, 4).await[..3], first[..]);
    assert_eq!(open(app, &bob).await.1["undelivered"], 0);
    let read = at_bob.ok(json!({ "op": "inbox.read", "upto_seq": 4 })).await;
    assert_eq!(read["unread"], 0);
    let entries = inbox(app, &bob).await;
    assert!(entries.iter().all(|entry| entry["read_at"].is_i64()), "by the user alone");
    assert_eq!(entries[0]["delivered_at"], first[0]);
}

async fn whatever_shows_an_entry_counts(app: &TestApp) {
    let names = ["live", "stream", "resumed", "hurried"];
    let mut people = Vec::new();
    for name in names {
        people.push(app.person(name).await);
    }
    let [live, stream, resumed, hurried] = people.as_slice() else { unreachable!() };
    let room = app.lobby(live).await;
    let mina = app.person("mina").await;
    let mut at_mina = app.session(&mina).await;
    let mut at_live = app.session(live).await;
    let mut at_stream = Sse::open(&app.rest, &stream.token, "/v1/inbox/events").await;
    at_mina.send(&room, "c-1", "@live @stream @resumed @hurried").await;
    at_live.expect("inbox").await;
    assert_eq!(at_stream.next().await.data["seq"], 1);
    let known = Client::connect(app.address).await.auth(&resumed.token).await;
    let epoch = &known["inbox"]["epoch"];
    let since = format!("{}-0", epoch.as_str().unwrap());
    let path = "/v1/inbox/events";
    let mut behind = Sse::open_after(&app.rest, &resumed.token, path, &since).await;
    assert_eq!(behind.next().await.data["seq"], 1);
    // Gone as soon as it was heard.
    let (mut session, _) = open(app, hurried).await;
    session.expect("inbox").await;
    session.cut();
    for person in &people {
        shown(app, person, 1).await;
    }
}

async fn what_is_shown_to_nobody_stays_so(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (deaf, away) = (app.person("deaf").await, app.person("away").await);
    let room = app.lobby(&mina).await;
    let mut at_bob = app.session(&bob).await;
    // Is there, and wants to hear nothing.
    let mut at_deaf = Client::connect(app.address).await;
    at_deaf.ok(json!({ "op": "auth", "token": deaf.token, "want": [] })).await;
    let mut at_mina = app.session(&mina).await;
    at_mina.send(&room, "c-1", "@bob @deaf @away").await;
    at_bob.expect("inbox").await;
    shown(app, &bob, 1).await;
    assert_eq!(shown(app, &deaf, 0).await, [Value::Null]);
    assert_eq!(shown(app, &away, 0).await, [Value::Null], "a list is not a socket");
}
