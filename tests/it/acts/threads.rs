//! Threads: what is in one, what is unread in it, who is told.

use serde_json::{Value, json};

use super::{Circle, circle, on, read, say};
use crate::support::{Client, Person, TestApp, on_both, seqs};

on_both!(
    a_thread_is_a_list_of_its_own,
    what_is_unread_in_a_thread_is_ones_own,
    followers_are_told_once,
    a_thread_needs_a_root,
);

async fn answer(client: &mut Client, room: &str, root: &Value, text: &str) -> Value {
    client.ok(json!({ "op": "send", "room": room, "text": text, "thread": root })).await
}

async fn threads(app: &TestApp, person: &Person, room: &str) -> Value {
    app.rest.get(&person.token, &format!("/v1/rooms/{room}/threads")).await["items"].clone()
}

async fn a_thread_is_a_list_of_its_own(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let mut listener = app.session(&carol).await;
    listener.open(&room).await;
    let root = say(&mut at_mina, &room, "which book?").await;
    assert_eq!(read(app, &mina, &room, &root).await.get("thread"), None);
    listener.expect("msg.new").await;
    let mut in_thread = Vec::new();
    let mut last_at = Value::Null;
    for n in 0..5 {
        let sent = answer(&mut at_bob, &room, &root, &format!("{n}")).await;
        let told = listener.expect("msg.new").await;
        assert_eq!((&told["d"]["thread"], &told["n"]), (&root, &sent["n"]));
        in_thread.push(sent["seq"].as_i64().unwrap());
        last_at = sent["at"].clone();
        say(&mut at_mina, &room, "besides").await;
        listener.expect("msg.new").await;
    }
    let item = read(app, &carol, &room, &root).await;
    assert_eq!(item["thread"], json!({ "count": 5, "last_at": last_at }));
    let root_id = root.as_str().unwrap();
    let path = format!("/v1/rooms/{room}/threads/{root_id}/messages");
    let page = app.rest.get(&carol.token, &format!("{path}?limit=2")).await;
    assert_eq!(seqs(page["items"].as_array().unwrap()), in_thread[3..]);
    assert_eq!(page["items"][0]["thread"], root);
    let next = page["next"].as_str().unwrap();
    let page = app.rest.get(&carol.token, &format!("{path}?limit=2&cursor={next}")).await;
    assert_eq!(seqs(page["items"].as_array().unwrap()), in_thread[1..3]);
    let after = format!("{path}?after_seq={}", in_thread[0]);
    let page = app.rest.get(&carol.token, &after).await;
    assert_eq!(seqs(page["items"].as_array().unwrap()), in_thread[1..]);
    // A tombstone stays in the thread, and is counted.
    let one = json!(format!("m_{}_{}", &room[2..], in_thread[1]));
    at_bob.ok(on("delete", &room, &one)).await;
    let page = app.rest.get(&carol.token, &path).await;
    assert_eq!(seqs(page["items"].as_array().unwrap()), in_thread);
    assert_eq!(page["items"][1]["deleted"], true);
    assert_eq!(read(app, &carol, &room, &root).await["thread"]["count"], 5);
    let snapshot = app.session(&carol).await.open(&room).await["snapshot"]["items"].clone();
    assert_eq!(snapshot[0]["thread"]["count"], 5);
    assert_eq!(snapshot[1]["thread"], root);
    // Of a room that is not mine there is nothing.
    let stranger = app.person("stranger").await;
    let get = app.rest.refused(reqwest::Method::GET, Some(&stranger.token), &path, None).await;
    assert_eq!(get.0, 404);
}

async fn what_is_unread_in_a_thread_is_ones_own(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let root = say(&mut at_mina, &room, "root").await;
    let other = say(&mut at_mina, &room, "other").await;
    let first = answer(&mut at_bob, &room, &root, "1").await;
    answer(&mut at_bob, &room, &root, "2").await;
    answer(&mut at_bob, &room, &other, "elsewhere").await;
    let numbers = |thread: &Value| {
        (thread["root"]["text"].clone(), thread["unread"].clone(), thread["read_seq"].clone())
    };
    let mine = threads(app, &mina, &room).await;
    assert_eq!(numbers(&mine[0]), (json!("other"), json!(1), json!(2)));
    assert_eq!(numbers(&mine[1]), (json!("root"), json!(2), json!(1)));
    assert_eq!(threads(app, &bob, &room).await[1]["unread"], 0, "who writes has read");
    assert_eq!(threads(app, &carol, &room).await, json!([]));
    let path = format!("/v1/rooms/{room}/threads/{}/read", root.as_str().unwrap());
    let mark = app.rest.post(&mina.token, &path, &json!({ "seq": first["seq"] })).await;
    assert_eq!(mark, json!({ "seq": first["seq"], "unread": 1 }));
    let told = at_mina.expect("thread.read").await;
    assert_eq!((&told["thread"], &told["unread"]), (&root, &json!(1)));
    // Never back, and not beyond the thread.
    let mark = app.rest.post(&mina.token, &path, &json!({ "seq": 0 })).await;
    assert_eq!(mark["unread"], 1);
    let mark = app.rest.post(&mina.token, &path, &json!({ "seq": i64::MAX })).await;
    assert_eq!(mark["unread"], 0);
    answer(&mut at_bob, &room, &root, "3").await;
    assert_eq!(threads(app, &mina, &room).await[0]["unread"], 1);
    answer(&mut at_mina, &room, &root, "4").await;
    assert_eq!(threads(app, &mina, &room).await[0]["unread"], 0);
    let mark = app.rest.post(&carol.token, &path, &json!({ "seq": 9 })).await;
    assert_eq!(mark, json!({ "seq": 0, "unread": 0 }), "carol follows nothing");
    // What is read in the room is another thing.
    let page = app.rest.get(&mina.token, &format!("/v1/rooms/{room}/threads?limit=1")).await;
    let next = page["next"].as_str().unwrap();
    let path = format!("/v1/rooms/{room}/threads?limit=1&cursor={next}");
    let page = app.rest.get(&mina.token, &path).await;
    assert_eq!((&page["items"][0]["root"]["id"], &page["next"]), (&other, &Value::Null));
}

async fn followers_are_told_once(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let mut at_carol = app.session(&carol).await;
    let root = say(&mut at_mina, &room, "root").await;
    answer(&mut at_bob, &room, &root, "one").await;
    assert_eq!(at_mina.expect("inbox").await["d"]["kind"], "reply");
    answer(&mut at_carol, &room, &root, "two").await;
    let told = at_mina.expect("inbox").await;
    assert_eq!((&told["d"]["kind"], &told["d"]["from"]), (&json!("reply"), &json!(carol.id)));
    assert_eq!(at_bob.expect("inbox").await["d"]["kind"], "reply");
    // Named, answered and following: one entry, the first that fits.
    let op = json!({ "op": "send", "room": room, "text": "@bob three", "thread": root, "reply_to": root });
    at_carol.ok(op).await;
    assert_eq!(at_bob.expect("inbox").await["d"]["kind"], "mention");
    assert_eq!(at_mina.expect("inbox").await["d"]["kind"], "reply");
    for (person, count) in [(&mina, 3), (&bob, 2), (&carol, 0)] {
        let list = app.rest.get(&person.token, "/v1/inbox").await;
        assert_eq!(list["items"].as_array().unwrap().len(), count);
    }
}

async fn a_thread_needs_a_root(app: &TestApp) {
    let Circle { mina, room, .. } = circle(app).await;
    let mut session = app.session(&mina).await;
    let root = say(&mut session, &room, "root").await;
    let inside = answer(&mut session, &room, &root, "inside").await["id"].clone();
    let lobby = app.lobby(&mina).await;
    let elsewhere = say(&mut session, &lobby, "elsewhere").await;
    let never = json!(format!("m_{}_999", &room[2..]));
    for odd in [&inside, &elsewhere, &never] {
        let op = json!({ "op": "send", "room": room, "text": "x", "thread": odd });
        let refusal = session.err(op).await;
        assert_eq!(
            (&refusal["code"], &refusal["reason"]),
            (&json!("invalid"), &json!("no_such_thread"))
        );
        let body = json!({ "text": "x", "thread": odd });
        let path = format!("/v1/rooms/{room}/messages");
        let method = reqwest::Method::POST;
        let refused = app.rest.refused(method, Some(&mina.token), &path, Some(&body)).await;
        assert_eq!((refused.0, &refused.1["reason"]), (422, &json!("no_such_thread")));
    }
    // A deleted root still holds its thread.
    session.ok(on("delete", &room, &root)).await;
    answer(&mut session, &room, &root, "goes on").await;
    let item = read(app, &mina, &room, &root).await;
    assert_eq!((&item["deleted"], &item["thread"]["count"]), (&json!(true), &json!(2)));
}
