//! Rooms that show a newcomer nothing of what was before: in no list, snapshot, replay, pull, stream.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Person, Sse, TestApp, eventually, on_both, seqs};

on_both!(
    nothing_from_before_is_seen_on_any_way,
    a_shared_snapshot_is_cut_for_each,
    what_a_room_shows_can_be_changed,
    who_comes_back_begins_anew,
    who_registers_begins_at_that_moment,
);

/// A listed group that shows a newcomer nothing, with three messages in it, by its host.
async fn room(app: &TestApp, host: &Person) -> String {
    let body = json!({ "name": "secrets", "listed": true });
    let room = app.rest.post(&host.token, "/v1/rooms", &body).await;
    let room = room["id"].as_str().unwrap().to_owned();
    let change = json!({ "history": "since_join" });
    app.rest.patch(&host.token, &format!("/v1/rooms/{room}"), &change).await;
    let mut session = app.session(host).await;
    for n in 1..=3 {
        session.send(&room, &format!("before-{n}"), "before").await;
    }
    room
}

async fn join(app: &TestApp, who: &Person, room: &str) {
    let path = format!("/v1/rooms/{room}/join");
    assert_eq!(app.rest.post(&who.token, &path, &json!({})).await["joined"], true);
}

fn items(opened: &Value) -> Vec<i64> {
    seqs(opened["snapshot"]["items"].as_array().unwrap())
}

async fn nothing_from_before_is_seen_on_any_way(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = room(app, &mina).await;
    join(app, &bob, &room).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.send(&room, "after-1", "after").await;
    // The line of bob's coming has seq 4, the message seq 5.
    let opened = at_bob.open(&room).await;
    assert_eq!((items(&opened), &opened["head"]), (vec![5], &json!(5)));
    assert_eq!(opened["snapshot"]["upto"], 5);
    assert_eq!(items(&at_mina.open(&room).await), [1, 2, 3, 5], "who was there sees everything");
    let epoch = opened["epoch"].as_str().unwrap().to_owned();
    for since in [0, 1, 2] {
        let opened = at_bob.open_since(&room, &epoch, since).await;
        assert_eq!((&opened["resumed"], &opened["why"]), (&json!(false), &json!("too_old")));
        assert_eq!(items(&opened), [5]);
    }
    let opened = at_bob.open_since(&room, &epoch, 3).await;
    assert_eq!((&opened["resumed"], &opened["replay"]), (&json!(true), &json!(2)));
    assert_eq!(at_bob.expect("member.join").await["seq"], 4);
    assert_eq!(at_bob.expect("msg.new").await["seq"], 5);
    let pulled = at_bob.ok(json!({ "op": "pull", "room": room, "after": 0 })).await;
    assert_eq!(seqs(pulled["events"].as_array().unwrap()), [4, 5]);
    for query in ["", "?after_seq=0", "?before_seq=5", "?around_seq=2", "?before_seq=3", "?limit=1"]
    {
        let path = format!("/v1/rooms/{room}/messages{query}");
        let listed = app.rest.get(&bob.token, &path).await;
        let found = seqs(listed["items"].as_array().unwrap());
        assert!(found.iter().all(|seq| *seq > 3), "{query}: {found:?}");
        assert_eq!(listed["next"], Value::Null, "{query}: nothing before");
    }
    let seen = format!("/v1/rooms/{room}/messages/m_{}_1/seen", &room[2..]);
    assert_eq!(app.rest.status(Method::GET, &bob.token, &seen).await, 404);
    assert_eq!(app.rest.status(Method::GET, &mina.token, &seen).await, 200);
    let back = at_bob.ok(json!({ "op": "unread", "room": room, "seq": 1 })).await;
    assert_eq!((&back["unread"], &back["read_n"]), (&json!(1), &json!(3)));
    let stream = format!("/v1/rooms/{room}/events?since={epoch}-0");
    let mut stream = Sse::open(&app.rest, &bob.token, &stream).await;
    let gap = stream.next().await;
    assert_eq!((gap.event.as_str(), &gap.data["head"]), ("gap", &json!(5)));
    let rest = format!("/v1/rooms/{room}/events?since={epoch}-4");
    let mut rest = Sse::open(&app.rest, &bob.token, &rest).await;
    at_mina.send(&room, "after-2", "more").await;
    let told = rest.next().await;
    assert_eq!((told.event.as_str(), told.id), ("horizon", format!("{epoch}-4")));
    assert_eq!(told.data, json!({ "ev": "horizon", "room": room, "horizon": 3 }));
    assert_eq!(rest.next().await.data["seq"], 5);
    assert_eq!(rest.next().await.data["seq"], 6);
    assert_eq!(stream.next().await.data["seq"], 6);
    at_bob.expect_none(|line| line["d"]["text"] == "before").await;
}

async fn a_shared_snapshot_is_cut_for_each(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = room(app, &mina).await;
    let mut talker = app.session(&mina).await;
    // Everyone comes at another place, and all open at once and again and again.
    let mut readers = Vec::new();
    for n in 0..6 {
        let person = app.person(&format!("p{n}")).await;
        join(app, &person, &room).await;
        let line = talker.send(&room, &format!("c-{n}"), "word").await["seq"].as_i64().unwrap() - 1;
        readers.push((app.session(&person).await, line));
    }
    let last = readers.last().unwrap().1 + 1;
    for round in 0..3 {
        let mut asked = Vec::new();
        for (session, _line) in &mut readers {
            asked.push(session.begin(json!({ "op": "open", "room": room })).await);
        }
        for ((session, line), re) in readers.iter_mut().zip(asked) {
            let opened = session.reply(re).await["ok"].clone();
            let wanted: Vec<i64> = items(&talker.open(&room).await)
                .into_iter()
                .filter(|seq| *seq > *line && *seq <= opened["head"].as_i64().unwrap())
                .collect();
            assert_eq!(items(&opened), wanted, "round {round}, from {line}");
            assert!(opened["head"].as_i64().unwrap() >= last);
        }
        talker.send(&room, &format!("r-{round}"), "word").await;
        for (session, _line) in &mut readers {
            session.expect("msg.new").await;
            session.ok(json!({ "op": "close", "room": room })).await;
        }
    }
    // Who comes after the snapshot was made sees none of what is between.
    talker.open(&room).await;
    for n in 0..5 {
        talker.send(&room, &format!("d-{n}"), "between").await;
    }
    let late = app.person("late").await;
    join(app, &late, &room).await;
    let mut session = app.session(&late).await;
    let opened = session.open(&room).await;
    assert_eq!(items(&opened), Vec::<i64>::new());
    session.expect_none(|line| line["d"]["text"] == "between").await;
}

async fn what_a_room_shows_can_be_changed(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    let mut at_mina = app.session(&mina).await;
    at_mina.send(&room, "c-1", "before").await;
    app.join(&bob, &club).await;
    at_mina.send(&room, "c-2", "after").await;
    let mut at_bob = app.session(&bob).await;
    let path = format!("/v1/rooms/{room}");
    let show = async |history: &str| {
        app.rest.patch(&mina.token, &path, &json!({ "history": history })).await;
    };
    assert_eq!(items(&at_bob.open(&room).await), [1, 2]);
    show("since_join").await;
    assert_eq!(at_bob.expect("room.update").await["d"], json!({ "history": "since_join" }));
    assert_eq!(items(&at_bob.open(&room).await), [2], "from the answer on");
    let listed = app.rest.get(&bob.token, &format!("{path}/messages")).await;
    assert_eq!(seqs(listed["items"].as_array().unwrap()), [2]);
    assert_eq!(items(&at_mina.open(&room).await), [1, 2]);
    show("all").await;
    assert_eq!(items(&at_bob.open(&room).await), [1, 2]);
    // After a crash the room knows it from the store.
    show("since_join").await;
    app.crash(&room).await;
    assert_eq!(items(&at_bob.open(&room).await), [2]);
}

async fn who_comes_back_begins_anew(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = room(app, &mina).await;
    join(app, &bob, &room).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let opened = at_bob.open(&room).await;
    let epoch = opened["epoch"].as_str().unwrap().to_owned();
    let leave = format!("/v1/rooms/{room}/leave");
    app.rest.send(Method::POST, Some(&bob.token), &leave, None).await;
    at_bob.expect("room.remove").await;
    at_mina.send(&room, "c-1", "while away").await;
    join(app, &bob, &room).await;
    at_bob.expect("room.add").await;
    let opened = at_bob.open_since(&room, &epoch, 4).await;
    assert_eq!((&opened["why"], items(&opened)), (&json!("too_old"), vec![]));
    at_mina.send(&room, "c-2", "again").await;
    assert_eq!(at_bob.expect("msg.new").await["d"]["text"], "again");
    let mut fresh = Client::connect(app.address).await;
    fresh.auth(&bob.token).await;
    assert_eq!(items(&fresh.open(&room).await).len(), 1);
}

async fn who_registers_begins_at_that_moment(app: &TestApp) {
    let mina = app.person("mina").await;
    let rooms = app.rest.get(&mina.token, "/v1/rooms").await;
    let lobby = rooms["items"][0]["id"].as_str().unwrap().to_owned();
    let change = json!({ "history": "since_join" });
    app.rest.patch(&mina.token, &format!("/v1/rooms/{lobby}"), &change).await;
    let mut at_mina = app.session(&mina).await;
    at_mina.open(&lobby).await;
    at_mina.send(&lobby, "before", "before").await;
    let bob = app.person("bob").await;
    let after = at_mina.send(&lobby, "after", "after").await["seq"].as_i64().unwrap();
    let mut at_bob = app.session(&bob).await;
    eventually("what came after is shown", async || items(&at_bob.open(&lobby).await) == [after])
        .await;
}
