//! Clubs: making, joining, leaving, ending, and who hears what of it.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Person, Sse, TestApp};

/// The room `general` of a club.
async fn general(app: &TestApp, who: &Person, club: &str) -> String {
    let rooms = app.rest.get(&who.token, &format!("/v1/clubs/{club}/rooms")).await;
    let rooms = rooms["items"].as_array().unwrap().clone();
    let general = rooms.iter().find(|room| room["name"] == "general").unwrap();
    general["id"].as_str().unwrap().to_owned()
}

async fn leave(app: &TestApp, who: &Person, club: &str) {
    let path = format!("/v1/clubs/{club}/leave");
    let left = app.rest.send(Method::POST, Some(&who.token), &path, None).await;
    assert_eq!(left.status(), 204);
}

fn of_room(line: &Value, room: &str) -> bool {
    line["room"] == room || line["room"]["room"] == room
}

#[tokio::test(flavor = "multi_thread")]
async fn a_club_has_its_owner_and_a_room_from_the_start() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let mut session = app.session(&mina).await;
    let body = json!({ "name": " Chess ", "description": "Sundays" });
    let response = app.rest.send(Method::POST, Some(&mina.token), "/v1/clubs", Some(&body)).await;
    assert_eq!(response.status(), 201);
    let club: Value = response.json().await.unwrap();
    assert_eq!((&club["name"], &club["description"]), (&json!("Chess"), &json!("Sundays")));
    assert_eq!((&club["kind"], &club["category"]), (&json!("community"), &json!("other")));
    assert_eq!((&club["visibility"], &club["join_policy"]), (&json!("public"), &json!("open")));
    assert_eq!((&club["member_count"], &club["capacity"]), (&json!(1), &Value::Null));
    assert_eq!(club["owner"]["id"], mina.id.as_str());
    assert_eq!(club["my"], json!({ "role": "owner", "status": "active" }));
    let id = club["id"].as_str().unwrap();
    let room = session.expect("room.add").await["room"].clone();
    assert_eq!((&room["name"], &room["kind"]), (&json!("general"), &json!("member")));
    assert_eq!((&room["club"], &room["head"], &room["unread"]), (&json!(id), &json!(0), &json!(0)));
    assert_eq!(room["room"], general(&app, &mina, id).await.as_str());
    assert_eq!(session.open(room["room"].as_str().unwrap()).await["epoch"], room["epoch"]);
    let again = json!({ "name": "CHESS" });
    let (status, body) =
        app.rest.refused(Method::POST, Some(&mina.token), "/v1/clubs", Some(&again)).await;
    assert_eq!((status, &body["reason"]), (409, &json!("name_taken")));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clubs_are_found_by_their_names() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    for club in [
        json!({ "name": "Chess club" }),
        json!({ "name": "체스 모임", "kind": "study", "category": "contest" }),
        json!({ "name": "100% chess", "kind": "project" }),
        json!({ "name": "Chess in secret", "visibility": "private" }),
    ] {
        app.rest.post(&mina.token, "/v1/clubs", &club).await;
    }
    let find = async |query: &str| {
        let found = app.rest.get(&bob.token, &format!("/v1/clubs?{query}")).await;
        let items = found["items"].as_array().unwrap().clone();
        items.iter().map(|club| club["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(find("query=CHESS").await, ["100% chess", "Chess club"]);
    assert_eq!(find("query=%EC%B2%B4%EC%8A%A4").await, ["체스 모임"]);
    assert_eq!(find("query=%25").await, ["100% chess"], "a wildcard is a character");
    assert_eq!(find("query=secret").await, Vec::<String>::new());
    assert_eq!(find("kind=study").await, ["체스 모임"]);
    assert_eq!(find("category=contest&query=").await, ["체스 모임"]);
    assert_eq!(find("").await, ["100% chess", "체스 모임", "Chess club"], "newest first");
    let found = app.rest.get(&bob.token, "/v1/clubs?query=club").await["items"][0].clone();
    assert_eq!(found["my"], Value::Null);
    app.join(&bob, found["id"].as_str().unwrap()).await;
    assert_eq!(find("sort=members").await[0], "Chess club");
    let mine = app.rest.get(&bob.token, "/v1/me/clubs").await["items"].clone();
    assert_eq!((mine.as_array().unwrap().len(), &mine[0]["name"]), (1, &json!("Chess club")));
    for (odd, field) in [("kind=sect", "kind"), ("sort=age", "sort"), ("category=x", "category")] {
        let path = format!("/v1/clubs?{odd}");
        let (status, body) = app.rest.refused(Method::GET, Some(&bob.token), &path, None).await;
        assert_eq!((status, &body["errors"][0]["field"]), (422, &json!(field)));
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_is_one_line_and_no_message() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, plans) = app.club(&mina, "readers").await;
    let general = general(&app, &mina, &club).await;
    let (mut owner, mut joiner) = (app.session(&mina).await, app.session(&bob).await);
    owner.open(&general).await;
    owner.send(&general, "c-1", "welcome").await;
    app.join(&bob, &club).await;
    let line = owner.expect("member.join").await;
    assert_eq!((&line["seq"], &line["room"]), (&json!(2), &json!(general)));
    assert_eq!(line["d"]["user"], bob.id.as_str());
    assert!(line.get("n").is_none() && line["at"].is_i64(), "{line}");
    let mut added = Vec::new();
    for _ in 0..2 {
        let room = joiner.expect("room.add").await["room"].clone();
        assert_eq!((&room["club"], &room["unread"]), (&json!(club), &json!(0)));
        added.push(room["room"].as_str().unwrap().to_owned());
    }
    added.sort();
    let mut rooms = vec![general.clone(), plans.clone()];
    rooms.sort();
    assert_eq!(added, rooms);

    // Again: the same answer, and nothing happens.
    app.join(&bob, &club).await;
    let opened = joiner.open(&general).await;
    assert_eq!((&opened["head"], &opened["n"]), (&json!(2), &json!(1)));
    assert_eq!(opened["snapshot"]["items"].as_array().unwrap().len(), 1, "lines are no messages");
    let sent = joiner.send(&general, "c-2", "hello").await;
    assert_eq!((&sent["seq"], &sent["n"]), (&json!(3), &json!(2)));
    assert_eq!(owner.expect("msg.new").await["seq"], 1);
    assert_eq!(owner.expect("msg.new").await["seq"], 3);
    owner.expect_none(|line| line["ev"] == "member.join").await;
    joiner.expect_none(|line| line["ev"] == "room.add").await;
    // In the other room nothing was said.
    assert_eq!(owner.open(&plans).await["head"], 0);
    let shown = app.rest.get(&bob.token, &format!("/v1/clubs/{club}")).await;
    assert_eq!(shown["member_count"], 2);
    assert_eq!(shown["my"], json!({ "role": "member", "status": "active" }));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_sees_the_line_and_then_nothing() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, plans) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let general = general(&app, &mina, &club).await;
    let lobby = app.lobby(&mina).await;
    let (mut stays, mut leaves) = (app.session(&mina).await, app.session(&bob).await);
    let mut at_head = app.session(&bob).await;
    for session in [&mut stays, &mut leaves] {
        session.open(&general).await;
        session.open(&lobby).await;
    }
    leaves.open(&plans).await;
    leaves.send(&plans, "c-1", "I was here").await;
    leave(&app, &bob, &club).await;

    let line = leaves.expect("member.leave").await;
    assert_eq!(line["d"]["user"], bob.id.as_str());
    let mut told = Vec::new();
    while told.len() < 4 {
        let next = leaves.wait_for(|line| {
            of_room(line, &general) && line["ev"] != "presence.diff" && line["ev"] != "presence"
                || line["ev"] == "room.remove"
                || line["ev"] == "member.leave"
        });
        let next = next.await;
        told.push((next["ev"].as_str().unwrap().to_owned(), next["room"].clone()));
        if told.iter().filter(|(ev, _)| ev == "room.remove").count() == 2 {
            break;
        }
    }
    for room in [&general, &plans] {
        let removed = told.iter().filter(|(ev, at)| ev == "room.remove" && at == room.as_str());
        assert_eq!(removed.count(), 1, "{told:?}");
        let removed = told.iter().position(|(ev, at)| ev == "room.remove" && at == room.as_str());
        let line = told.iter().position(|(ev, at)| ev == "member.leave" && at == room.as_str());
        assert!(line < removed, "the line comes first: {told:?}");
    }
    // A session that had not opened them hears of the end, too.
    let why =
        at_head.wait_for(|line| line["ev"] == "room.remove" && line["room"] == *general).await;
    assert_eq!(why["why"], "left");
    // The others see the line; what they say then is not for the one who left.
    assert_eq!(stays.expect("member.leave").await["seq"], 2);
    stays.send(&general, "c-2", "not for bob").await;
    stays.send(&plans, "c-3", "nor this").await;
    stays.send(&lobby, "c-4", "for all").await;
    leaves.wait_for(|line| line["ev"] == "msg.new" && line["room"] == *lobby).await;
    leaves.expect_none(|line| of_room(line, &general) && line["seq"].is_i64()).await;
    leaves.expect_none(|line| of_room(line, &plans) && line["d"]["text"] == "nor this").await;
    for op in ["open", "send", "read", "pull", "typing"] {
        let ask = json!({ "op": op, "room": general, "text": "x", "seq": 1, "after": 0 });
        let answer = leaves.request(ask).await;
        assert!(op == "typing" || answer["err"]["code"] == "not_found", "{op}: {answer}");
    }
    let path = format!("/v1/rooms/{general}/messages");
    let (status, _) = app.rest.refused(Method::GET, Some(&bob.token), &path, None).await;
    assert_eq!(status, 404);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_is_a_member_again_with_nothing_unread() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, plans) = app.club(&mina, "readers").await;
    let general = general(&app, &mina, &club).await;
    let mut owner = app.session(&mina).await;
    owner.open(&general).await;
    app.join(&bob, &club).await;
    leave(&app, &bob, &club).await;
    let path = format!("/v1/clubs/{club}/leave");
    let (status, _) = app.rest.refused(Method::POST, Some(&bob.token), &path, None).await;
    assert_eq!(status, 404, "not in it any more");
    let shown = app.rest.get(&bob.token, &format!("/v1/clubs/{club}")).await;
    assert_eq!(shown["my"]["status"], "left");
    owner.send(&plans, "c-1", "@bob where are you?").await;
    let mut session = app.session(&bob).await;
    app.join(&bob, &club).await;
    session.wait_for(|line| line["ev"] == "room.add" && of_room(line, &plans)).await;
    assert_eq!(owner.expect("member.join").await["seq"], 1);
    assert_eq!(owner.expect("member.leave").await["seq"], 2);
    assert_eq!(owner.expect("member.join").await["seq"], 3);
    let rooms = app.rest.get(&bob.token, "/v1/rooms").await;
    let rooms = rooms["items"].as_array().unwrap();
    let plans = rooms.iter().find(|room| room["id"] == *plans).unwrap();
    assert_eq!(
        (&plans["n"], &plans["unread"], &plans["mentions"]),
        (&json!(1), &json!(0), &json!(0))
    );
    assert_eq!(app.rest.get(&bob.token, "/v1/inbox").await["items"], json!([]));
    let members = app.rest.get(&mina.token, &format!("/v1/clubs/{club}/members")).await;
    let members = members["items"].as_array().unwrap();
    assert_eq!(members.len(), 2);
    assert_eq!(
        (&members[0]["user"]["username"], &members[0]["role"]),
        (&json!("bob"), &json!("member"))
    );
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_club_is_gone_for_everybody_at_once() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, plans) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let general = general(&app, &mina, &club).await;
    let (mut owner, mut member) = (app.session(&mina).await, app.session(&bob).await);
    owner.open(&general).await;
    member.open(&general).await;
    member.open(&plans).await;
    let path = format!("/v1/rooms/{general}/events");
    let mut stream = Sse::open(&app.rest, &bob.token, &path).await;
    let path = format!("/v1/clubs/{club}");
    let (status, _) = app.rest.refused(Method::DELETE, Some(&bob.token), &path, None).await;
    assert_eq!(status, 403);
    let delete =
        async || app.rest.send(Method::DELETE, Some(&mina.token), &path, None).await.status();
    assert_eq!(delete().await, 204);
    let began = Instant::now();
    for session in [&mut owner, &mut member] {
        for room in [&general, &plans] {
            let gone = session.wait_for(|line| line["ev"] == "room.remove" && of_room(line, room));
            assert_eq!(gone.await["why"], "deleted");
        }
    }
    stream.rest().await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    for op in ["open", "send", "read"] {
        let ask = json!({ "op": op, "room": general, "text": "x", "seq": 1 });
        assert_eq!(member.err(ask).await["code"], "not_found", "{op}");
    }
    member.expect_none(|line| line["ev"] == "room.remove").await;
    for person in [&mina, &bob] {
        let rooms = app.rest.get(&person.token, "/v1/rooms").await;
        assert_eq!(rooms["items"].as_array().unwrap().len(), 1, "the lobby is left");
        let (status, _) = app.rest.refused(Method::GET, Some(&person.token), &path, None).await;
        assert_eq!(status, 404);
    }
    assert_eq!(delete().await, 204, "a second time");
    let (status, _) = app.rest.refused(Method::DELETE, Some(&bob.token), &path, None).await;
    assert_eq!(status, 404);
    let mut fresh = Client::connect(app.address).await;
    assert_eq!(fresh.auth(&bob.token).await["rooms"].as_array().unwrap().len(), 1);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_room_is_told_to_all_its_readers_at_once() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, _) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let stranger = app.person("stranger").await;
    let mut sessions =
        vec![app.session(&mina).await, app.session(&bob).await, app.session(&bob).await];
    let mut outside = app.session(&stranger).await;
    let path = format!("/v1/clubs/{club}/rooms");
    let make = async |who: &Person, body: Value| {
        let response = app.rest.send(Method::POST, Some(&who.token), &path, Some(&body)).await;
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let (status, room) = make(&mina, json!({ "name": "side" })).await;
    assert_eq!((status, &room["kind"], &room["club_id"]), (201, &json!("member"), &json!(club)));
    let id = room["id"].as_str().unwrap();
    for session in &mut sessions {
        let added = session.expect("room.add").await["room"].clone();
        assert_eq!((&added["room"], &added["name"]), (&json!(id), &json!("side")));
        assert_eq!((&added["epoch"], &added["club"]), (&room["epoch"], &json!(club)));
        session.open(id).await;
    }
    sessions[2].send(id, "c-1", "first").await;
    for session in &mut sessions {
        assert_eq!(session.expect("msg.new").await["d"]["text"], "first");
    }
    let (status, secret) = make(&mina, json!({ "name": "board", "kind": "manager" })).await;
    assert_eq!(status, 201);
    let secret = secret["id"].as_str().unwrap();
    sessions[0].wait_for(|line| line["ev"] == "room.add" && of_room(line, secret)).await;
    assert_eq!(sessions[1].err(json!({ "op": "open", "room": secret })).await["code"], "not_found");
    sessions[1].expect_none(|line| line["ev"] == "room.add").await;
    outside.expect_none(|line| line["ev"] == "room.add").await;

    let (status, body) = make(&bob, json!({ "name": "mine" })).await;
    assert_eq!((status, &body["reason"]), (403, &json!("role")));
    let (status, body) = make(&stranger, json!({ "name": "mine" })).await;
    assert_eq!((status, &body["reason"]), (403, &json!("not_member")));
    for (odd, field) in
        [(json!({ "name": " " }), "name"), (json!({ "name": "x", "kind": "lobby" }), "kind")]
    {
        let (status, body) = make(&mina, odd).await;
        assert_eq!((status, &body["errors"][0]["field"]), (422, &json!(field)));
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_again_is_no_coming_in() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, plans) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let general = general(&app, &mina, &club).await;
    let mut stays = app.session(&mina).await;
    for room in [&general, &plans] {
        stays.open(room).await;
    }
    let heads = async || {
        let mut heads = Vec::new();
        for room in [&general, &plans] {
            heads.push(
                app.rest.get(&mina.token, &format!("/v1/rooms/{room}")).await["head"].clone(),
            );
        }
        heads
    };
    let before = heads().await;
    for n in 0..5 {
        let mut session = app.session(&bob).await;
        for room in [&general, &plans] {
            session.open(room).await;
        }
        let path = format!("/v1/rooms/{general}/events");
        let _stream = Sse::open(&app.rest, &bob.token, &path).await;
        if n % 2 == 0 {
            session.cut();
        }
    }
    assert_eq!(heads().await, before, "presence is in no log");
    let is_line = |line: &Value| line["ev"].as_str().is_some_and(|ev| ev.starts_with("member."));
    stays.expect_none(is_line).await;
    app.end().await;
}
