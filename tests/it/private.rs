//! Private rooms: one for each pair, for ever.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;
use crate::support::{Client, Person, TestApp};

on_both!(
    two_who_open_a_private_room_at_once_share_one,
    a_private_room_is_of_two_and_has_the_name_of_the_other,
    a_private_room_is_hidden_until_its_next_message,
    a_message_there_is_one_unread_entry,
);

async fn dm(app: &TestApp, who: &Person, other: &Person) -> (u16, Value) {
    let body = json!({ "user_id": other.id });
    let answer = app.rest.send(Method::POST, Some(&who.token), "/v1/dms", Some(&body)).await;
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn room(app: &TestApp, who: &Person, other: &Person) -> String {
    dm(app, who, other).await.1["id"].as_str().unwrap().to_owned()
}

async fn list(app: &TestApp, who: &Person, query: &str) -> Vec<Value> {
    let rooms = app.rest.get(&who.token, &format!("/v1/rooms{query}")).await;
    let rooms = rooms["items"].as_array().unwrap().clone();
    rooms.into_iter().filter(|room| room["kind"] == "private").collect()
}

async fn two_who_open_a_private_room_at_once_share_one(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let mut asked = Vec::new();
    for n in 0..10 {
        let (who, other) = if n % 2 == 0 { (&mina, &bob) } else { (&bob, &mina) };
        let (rest, token) = (app.rest.clone(), who.token.clone());
        let body = json!({ "user_id": other.id });
        asked.push(tokio::spawn(async move {
            let answer = rest.send(Method::POST, Some(&token), "/v1/dms", Some(&body)).await;
            let status = answer.status().as_u16();
            (status, answer.json::<Value>().await.unwrap()["id"].clone())
        }));
    }
    let mut answers = Vec::new();
    for asked in asked {
        answers.push(asked.await.unwrap());
    }
    let made = answers.iter().filter(|(status, _room)| *status == 201).count();
    assert_eq!((made, answers.len()), (1, 10), "{answers:?}");
    assert!(answers.iter().all(|(status, room)| *status < 202 && *room == answers[0].1));
    for session in [&mut at_mina, &mut at_bob] {
        assert_eq!(session.expect("room.add").await["room"]["room"], answers[0].1);
        session.expect_none(|line| line["ev"] == "room.add").await;
    }
}

async fn a_private_room_is_of_two_and_has_the_name_of_the_other(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("Bob").await);
    let carol = app.person("carol").await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let (status, made) = dm(app, &mina, &bob).await;
    assert_eq!((status, &made["kind"], &made["name"]), (201, &json!("private"), &json!("Bob")));
    assert_eq!((&made["peer_id"], &made["club_id"]), (&json!(bob.id), &Value::Null));
    let room = made["id"].as_str().unwrap();
    for (session, other) in [(&mut at_mina, &bob), (&mut at_bob, &mina)] {
        let added = session.expect("room.add").await["room"].clone();
        assert_eq!((&added["name"], &added["peer"]), (&json!(other.name), &json!(other.id)));
        session.open(room).await;
    }
    assert_eq!(dm(app, &bob, &mina).await.0, 200);
    at_bob.send(room, "c-1", "hello").await;
    assert_eq!(at_mina.expect("msg.new").await["d"]["text"], "hello");
    let mut late = Client::connect(app.address).await;
    let rooms = late.auth(&mina.token).await["rooms"].clone();
    let shown = rooms.as_array().unwrap().iter().find(|shown| shown["room"] == room).unwrap();
    assert_eq!((&shown["name"], &shown["unread"]), (&json!("Bob"), &json!(1)));
    let path = format!("/v1/rooms/{room}");
    for (who, method, end, wanted) in [
        (&carol, Method::GET, "", 404),
        (&carol, Method::POST, "/join", 404),
        (&mina, Method::POST, "/join", 409),
        (&mina, Method::POST, "/leave", 409),
        (&mina, Method::DELETE, "", 409),
    ] {
        let path = format!("{path}{end}");
        let (status, body) = app.rest.refused(method, Some(&who.token), &path, None).await;
        assert_eq!(status, wanted, "{path}");
        assert!(status != 409 || body["reason"] == "private_room", "{body}");
    }
    let invite = json!({ "user_ids": [carol.id] });
    let members = format!("{path}/members");
    let (status, body) =
        app.rest.refused(Method::POST, Some(&mina.token), &members, Some(&invite)).await;
    assert_eq!((status, &body["reason"]), (409, &json!("private_room")));
    let topic = json!({ "topic": "x" });
    let (status, _) = app.rest.refused(Method::PATCH, Some(&mina.token), &path, Some(&topic)).await;
    assert_eq!(status, 409);
    for (odd, wanted) in [(mina.id.as_str(), 422), ("u_99999", 404), ("bob", 422)] {
        let body = json!({ "user_id": odd });
        let (status, _) =
            app.rest.refused(Method::POST, Some(&mina.token), "/v1/dms", Some(&body)).await;
        assert_eq!(status, wanted, "{odd}");
    }
}

async fn a_private_room_is_hidden_until_its_next_message(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = room(app, &mina, &bob).await;
    let (mut phone, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let path = format!("/v1/rooms/{room}/hidden");
    for _twice in 0..2 {
        app.rest.put(&mina.token, &path, &json!({})).await;
    }
    let told = phone.expect("room.update").await;
    assert_eq!((&told["room"], &told["d"]), (&json!(room), &json!({ "hidden": true })));
    at_bob.expect_none(|line| line["ev"] == "room.update").await;
    assert!(list(app, &mina, "").await.is_empty());
    assert_eq!(list(app, &mina, "?hidden=true").await[0]["hidden"], true);
    assert_eq!(list(app, &bob, "").await.len(), 1, "the other one sees it");
    let hidden = async || {
        let mut session = Client::connect(app.address).await;
        let rooms = session.auth(&mina.token).await["rooms"].clone();
        let shown = rooms.as_array().unwrap().iter().find(|shown| shown["room"] == room).unwrap();
        shown.get("hidden").cloned()
    };
    assert_eq!(hidden().await, Some(json!(true)));
    at_bob.send(&room, "c-1", "hey").await;
    let head = phone.wait_for(|line| line["ev"] == "room.head" && line["room"] == room).await;
    assert_eq!(head["n"], 1);
    assert_eq!(hidden().await, None, "shown again");
    assert_eq!(list(app, &mina, "").await[0]["unread"], 1);
    app.rest.put(&mina.token, &path, &json!({})).await;
    assert!(list(app, &mina, "").await.is_empty());
    assert_eq!(app.rest.status(Method::DELETE, &mina.token, &path).await, 204);
    assert_eq!(list(app, &mina, "").await.len(), 1);
    let lobby = app.lobby(&mina).await;
    let path = format!("/v1/rooms/{lobby}/hidden");
    let (status, body) = app.rest.refused(Method::PUT, Some(&mina.token), &path, None).await;
    assert_eq!((status, &body["reason"]), (409, &json!("not_private")));
}

async fn a_message_there_is_one_unread_entry(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = room(app, &mina, &bob).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    for n in 0..5 {
        at_mina.send(&room, &format!("c-{n}"), "are you there?").await;
    }
    let entry = at_bob.expect("inbox").await["d"].clone();
    assert_eq!(
        (&entry["kind"], &entry["title"]),
        (&json!("dm"), &json!("mina 님이 말을 걸었어요"))
    );
    assert_eq!((&entry["body"], &entry["room"]), (&json!("are you there?"), &json!(room)));
    assert_eq!(entry["link"], format!("/rooms/{room}"));
    at_bob.expect_none(|line| line["ev"] == "inbox").await;
    at_mina.expect_none(|line| line["ev"] == "inbox").await;
    assert_eq!(list(app, &bob, "").await[0]["unread"], 5);
    // Named there it is an entry of its own: the first kind that fits.
    at_mina.send(&room, "c-5", "@bob!").await;
    assert_eq!(at_bob.expect("inbox").await["d"]["kind"], "mention");
    let read = at_bob.ok(json!({ "op": "read", "room": room, "seq": 6 })).await;
    assert_eq!(read, json!({ "read_n": 6, "unread": 0, "mentions": 0 }));
    let told = at_bob.expect("inbox.read").await;
    assert_eq!((&told["unread"], told["ids"].as_array().unwrap().len()), (&json!(0), 2));
    let me = app.rest.get(&bob.token, "/v1/me").await;
    assert_eq!(me["unread_inbox"], 0);
    // While it is open somebody reads it anyhow.
    at_bob.open(&room).await;
    at_mina.send(&room, "c-6", "good").await;
    at_bob.expect("msg.new").await;
    at_bob.ok(json!({ "op": "close", "room": room })).await;
    at_bob.expect_none(|line| line["ev"] == "inbox").await;
    at_mina.send(&room, "c-7", "gone again?").await;
    assert_eq!(at_bob.expect("inbox").await["d"]["body"], "gone again?");
    // Who answers has read it, too.
    at_bob.send(&room, "c-0", "no").await;
    assert_eq!(at_bob.expect("inbox.read").await["unread"], 0);
}
