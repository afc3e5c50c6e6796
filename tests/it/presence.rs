//! Who is online, who types, who has read: what passes, and what stays.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Person, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn those_who_come_are_told_and_a_reload_is_no_coming_and_going() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut at_mina = app.session(&mina).await;
    at_mina.open(&room).await;
    at_mina.expect("presence").await;
    let at_bob = app.session(&bob).await;
    let came = at_mina
        .wait_for(|line| {
            line["ev"] == "presence.diff" && line["joins"].to_string().contains(&bob.id)
        })
        .await;
    assert_eq!((&came["leaves"], &came["count"]), (&json!([]), &json!(2)));
    at_bob.cut();
    let mut again = app.session(&bob).await;
    again.open(&room).await;
    let shown = again.expect("presence").await;
    assert_eq!(shown["online"], json!([mina.id, bob.id]));
    let members = app.rest.get(&mina.token, &format!("/v1/rooms/{room}/members")).await;
    assert!(members["items"].as_array().unwrap().iter().all(|member| member["online"] == true));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_for_good_is_told_after_a_while() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut at_mina = app.session(&mina).await;
    at_mina.open(&room).await;
    let at_bob = app.session(&bob).await;
    at_mina.wait_for(|line| line["joins"].to_string().contains(&bob.id)).await;
    at_bob.cut();
    let told = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        loop {
            let line = at_mina.line_within(std::time::Duration::from_secs(20)).await.unwrap();
            if line["leaves"].to_string().contains(&bob.id) {
                return;
            }
        }
    });
    told.await.unwrap();
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_reaches_the_others_and_only_those_who_want_it() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let mut bot = crate::support::Client::connect(app.address).await;
    bot.ok(json!({ "op": "auth", "token": bob.token, "want": ["inbox"] })).await;
    for session in [&mut at_mina, &mut at_bob, &mut bot] {
        session.open(&room).await;
    }
    at_mina.ok(json!({ "op": "typing", "room": room })).await;
    assert_eq!(at_bob.expect("typing").await["by"], mina.id.as_str());
    at_mina.send(&room, "c-1", "there").await;
    bot.expect("msg.new").await;
    let passing = |line: &serde_json::Value| {
        line["ev"] == "typing" || line["ev"].as_str().is_some_and(|ev| ev.starts_with("presence"))
    };
    bot.expect_none(passing).await;
    at_mina.expect_none(|line| line["ev"] == "typing").await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_counts_exactly_and_tells_my_other_sessions() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut talker = app.session(&bob).await;
    talker.open(&room).await;
    for n in 0..5 {
        talker.send(&room, &format!("c-{n}"), if n == 3 { "@mina hey" } else { "word" }).await;
    }
    let (mut phone, mut desk) = (app.session(&mina).await, app.session(&mina).await);
    let unread = app.rest.get(&mina.token, "/v1/rooms").await["items"][0].clone();
    assert_eq!((&unread["unread"], &unread["mentions"]), (&json!(5), &json!(1)));
    let marked = phone.ok(json!({ "op": "read", "room": room, "seq": 4 })).await;
    assert_eq!(marked, json!({ "read_n": 4, "unread": 1, "mentions": 0 }));
    let told = desk.expect("read").await;
    assert_eq!((&told["seq"], &told["read_n"], &told["unread"]), (&json!(4), &json!(4), &json!(1)));
    phone.expect_none(|line| line["ev"] == "read").await;
    // A mark never goes back, and one beyond the end means the end.
    let back = phone.ok(json!({ "op": "read", "room": room, "seq": 1 })).await;
    assert_eq!(back["read_n"], 4);
    let end = phone.ok(json!({ "op": "read", "room": room, "seq": 999 })).await;
    assert_eq!((&end["read_n"], &end["unread"]), (&json!(5), &json!(0)));
    // One's own words are read.
    phone.send(&room, "mine", "hello").await;
    let rooms = app.rest.get(&mina.token, "/v1/rooms").await;
    assert_eq!(rooms["items"][0]["unread"], 0);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_or_answered_finds_it_in_the_inbox() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_bob.open(&room).await;
    let sent = at_bob.send(&room, "c-1", "hey @MINA, and @nobody").await;
    let entry = at_mina.expect("inbox").await;
    assert_eq!((&entry["seq"], &entry["d"]["kind"]), (&json!(1), &json!("mention")));
    assert_eq!((&entry["d"]["message"], &entry["d"]["from"]), (&sent["id"], &json!(bob.id)));

    let mut other = app.session(&mina).await;
    let opened = other.ok(json!({ "op": "inbox.open", "since": null })).await;
    assert_eq!((&opened["head"], &opened["unread"]), (&json!(1), &json!(1)));
    let epoch = opened["epoch"].clone();
    let since = json!({ "epoch": epoch, "seq": 0 });
    let opened = other.ok(json!({ "op": "inbox.open", "since": since })).await;
    assert_eq!((&opened["resumed"], &opened["replay"]), (&json!(true), &json!(1)));
    assert_eq!(other.expect("inbox").await["d"]["id"], entry["d"]["id"]);
    let read = other.ok(json!({ "op": "inbox.read", "upto_seq": 1 })).await;
    assert_eq!(read["unread"], 0);
    assert_eq!(at_mina.expect("inbox.read").await["upto_seq"], 1);
    let answer = json!({ "op": "send", "room": room, "text": "yes", "reply_to": sent["id"] });
    at_mina.ok(answer).await;
    assert_eq!(at_bob.expect("inbox").await["d"]["kind"], "reply");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_from_many_rooms_come_in_the_order_of_the_inbox() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let lobby = app.lobby(&mina).await;
    let (club, room) = app.club(&mina, "both here").await;
    app.join(&bob, &club).await;
    let mut at_bob = app.session(&bob).await;
    let mut at_mina = app.session(&mina).await;
    for n in 0..60 {
        let room = if n % 2 == 0 { &lobby } else { &room };
        let send = json!({ "op": "send", "room": room, "cid": format!("c-{n}"), "text": "@bob" });
        at_mina.begin(send).await;
    }
    for seq in 1..=60 {
        assert_eq!(at_bob.expect("inbox").await["seq"], seq);
    }
    app.end().await;
}

/// What the open room says of how somebody is, from here on.
async fn state_of(session: &mut Client, who: &Person) -> Value {
    let told =
        |line: &Value| line["ev"] == "presence.diff" && line["states"].get(&who.id).is_some();
    session.wait_for(told).await["states"][&who.id].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_devices_are_one_person_who_is_away_when_all_are() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut watcher = app.session(&bob).await;
    watcher.open(&room).await;
    let (mut phone, mut desk) = (app.session(&mina).await, app.session(&mina).await);
    let came =
        |line: &Value| line["joins"].as_array().is_some_and(|all| all.contains(&json!(mina.id)));
    watcher.wait_for(came).await;
    let say = |state: &str| json!({ "op": "status", "state": state });
    assert_eq!(phone.ok(say("away")).await, json!({}));
    assert_eq!(desk.ok(say("away")).await, json!({}));
    assert_eq!(state_of(&mut watcher, &mina).await, json!({ "state": "away" }));
    let member = async || {
        let listed = app.rest.get(&bob.token, &format!("/v1/rooms/{room}/members")).await;
        let items = listed["items"].as_array().unwrap().clone();
        items.into_iter().find(|member| member["user"]["id"] == *mina.id).unwrap()
    };
    assert_eq!(member().await["state"], "away");
    desk.ok(say("online")).await;
    assert_eq!(state_of(&mut watcher, &mina).await, json!({ "state": "online" }));
    // The one that is there goes: what is left is away.
    desk.cut();
    assert_eq!(state_of(&mut watcher, &mina).await, json!({ "state": "away" }));
    phone.ok(say("dnd")).await;
    assert_eq!(state_of(&mut watcher, &mina).await, json!({ "state": "dnd" }));
    let text = json!({ "op": "status", "text": " 점심 먹는 중 " });
    phone.ok(text).await;
    let wanted = json!({ "state": "dnd", "text": "점심 먹는 중" });
    assert_eq!(state_of(&mut watcher, &mina).await, wanted);
    assert_eq!(member().await["user"]["status_text"], "점심 먹는 중");
    // Who opens the room later is told at once.
    let mut late = app.session(&bob).await;
    late.open(&room).await;
    assert_eq!(late.expect("presence").await["states"], json!({ mina.id.as_str(): wanted }));
    for odd in [json!({ "state": "asleep" }), json!({ "text": "x".repeat(61) })] {
        let mut op = odd.clone();
        op["op"] = json!("status");
        assert_eq!(phone.err(op).await["code"], "invalid", "{odd}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_says_stays_and_how_one_is_ends_with_the_sessions() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut watcher = app.session(&bob).await;
    watcher.open(&room).await;
    let mut phone = app.session(&mina).await;
    phone.ok(json!({ "op": "status", "state": "dnd", "text": "점심" })).await;
    assert_eq!(state_of(&mut watcher, &mina).await, json!({ "state": "dnd", "text": "점심" }));
    phone.cut();
    let is_gone =
        |line: &Value| line["leaves"].as_array().is_some_and(|gone| gone.contains(&json!(mina.id)));
    while !is_gone(&watcher.line_within(Duration::from_secs(20)).await.unwrap()) {}
    let members = format!("/v1/rooms/{room}/members");
    let listed = app.rest.get(&bob.token, &members).await["items"].clone();
    let offline = listed.as_array().unwrap().iter().find(|m| m["user"]["id"] == *mina.id).unwrap();
    assert_eq!((&offline["state"], &offline["online"]), (&Value::Null, &json!(false)));
    let _back = app.session(&mina).await;
    assert_eq!(state_of(&mut watcher, &mina).await, json!({ "state": "online", "text": "점심" }));
    let cleared = app.rest.patch(&mina.token, "/v1/me", &json!({ "status_text": null })).await;
    assert!(cleared["user"].get("status_text").is_none(), "{cleared}");
    assert_eq!(state_of(&mut watcher, &mina).await, json!({ "state": "online" }));
    let long = json!({ "status_text": "x".repeat(61) });
    let (status, body) =
        app.rest.refused(Method::PATCH, Some(&mina.token), "/v1/me", Some(&long)).await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("status_text")));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_away_when_they_are_on_every_node() {
    let Some([here, there]) = crate::nodes::over(&crate::support::Hub::sound()).await else {
        return;
    };
    let (mina, bob) = (here.person("mina").await, here.person("bob").await);
    let room = here.lobby(&mina).await;
    let mut watcher = here.session(&bob).await;
    watcher.open(&room).await;
    let (mut near, mut far) = (here.session(&mina).await, there.session(&mina).await);
    let away = json!({ "op": "status", "state": "away" });
    far.ok(away.clone()).await;
    near.ok(away).await;
    assert_eq!(state_of(&mut watcher, &mina).await, json!({ "state": "away" }));
    far.ok(json!({ "op": "status", "state": "dnd", "text": "busy" })).await;
    let wanted = json!({ "state": "dnd", "text": "busy" });
    let told = |line: &Value| line["states"][&mina.id] == wanted;
    watcher.wait_for(told).await;
    let listed = here.rest.get(&bob.token, &format!("/v1/rooms/{room}/members")).await;
    let states: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|member| member["state"].clone()).collect();
    assert!(states.contains(&json!("dnd")), "{states:?}");
    tokio::join!(here.end(), there.end());
}
