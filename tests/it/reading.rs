//! Read state: marks that go on and back, what is unread where, who has seen what, what to hear of.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;
use crate::support::{Client, Person, TestApp};

on_both!(
    unread_from_here_moves_the_mark_back_everywhere,
    unread_is_exact_after_every_kind_of_event,
    reading_a_room_reads_its_entries,
    who_has_seen_a_message_is_told_unless_the_club_does_not_want_it,
    one_hears_of_what_one_wants,
);

async fn entry(app: &TestApp, who: &Person, room: &str) -> [i64; 4] {
    let mut client = Client::connect(app.address).await;
    let rooms = client.auth(&who.token).await["rooms"].clone();
    let found = rooms.as_array().unwrap().iter().find(|shown| shown["room"] == room).unwrap();
    let live = ["n", "read_n", "unread", "mentions"].map(|field| found[field].as_i64().unwrap());
    let listed = app.rest.get(&who.token, &format!("/v1/rooms/{room}")).await;
    let rest = ["n", "read_n", "unread", "mentions"].map(|field| listed[field].as_i64().unwrap());
    assert_eq!(live, rest, "both lists say the same");
    live
}

async fn unread_from_here_moves_the_mark_back_everywhere(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut talker = app.session(&mina).await;
    for n in 1..=6 {
        let text = if n % 2 == 0 { "@bob look" } else { "word" };
        talker.send(&room, &format!("c-{n}"), text).await;
    }
    let (mut phone, mut desk) = (app.session(&bob).await, app.session(&bob).await);
    phone.ok(json!({ "op": "read", "room": room, "seq": 6 })).await;
    desk.expect("read").await;
    assert_eq!(entry(app, &bob, &room).await, [6, 6, 0, 0]);
    let root =
        app.rest.get(&bob.token, &format!("/v1/rooms/{room}/messages")).await["items"][0]["id"]
            .clone();
    let thread = format!("threads/{}/read", root.as_str().unwrap());
    for path in ["read", "unread", &thread] {
        let (path, body) = (format!("/v1/rooms/{room}/{path}"), json!({ "seq": -1 }));
        let (status, problem) =
            app.rest.refused(Method::POST, Some(&bob.token), &path, Some(&body)).await;
        let wrong = &problem["errors"][0];
        assert_eq!(
            (status, &wrong["field"], &wrong["reason"]),
            (422, &json!("seq"), &json!("range"))
        );
    }
    for (op, seq) in [("read", -1), ("unread", -1), ("read", i64::MIN), ("unread", i64::MIN)] {
        let refused = phone.err(json!({ "op": op, "room": room, "seq": seq })).await;
        assert_eq!((&refused["code"], &refused["field"]), (&json!("invalid"), &json!("seq")));
        assert_eq!(refused["reason"], "range");
    }
    assert_eq!(entry(app, &bob, &room).await, [6, 6, 0, 0], "nothing was moved");
    let back = phone.ok(json!({ "op": "unread", "room": room, "seq": 4 })).await;
    assert_eq!(back, json!({ "read_n": 3, "unread": 3, "mentions": 2 }));
    let told = desk.expect("read").await;
    assert_eq!((&told["seq"], &told["unread"]), (&json!(3), &json!(3)));
    assert_eq!((&told["read_n"], &told["mentions"]), (&json!(3), &json!(2)));
    phone.expect_none(|line| line["ev"] == "read").await;
    assert_eq!(entry(app, &bob, &room).await, [6, 3, 3, 2]);
    // Heads count on from there.
    talker.send(&room, "c-7", "@bob once more").await;
    let head = desk.wait_for(|line| line["ev"] == "room.head" && line["n"] == 7).await;
    assert_eq!(head["mentions"], 3);
    let path = format!("/v1/rooms/{room}/unread");
    let back = app.rest.post(&bob.token, &path, &json!({ "seq": 1 })).await;
    assert_eq!(back, json!({ "read_n": 0, "unread": 7, "mentions": 4 }));
    assert_eq!(phone.expect("read").await["seq"], 0);
    let back = app.rest.post(&bob.token, &path, &json!({ "seq": 0 })).await;
    assert_eq!(back["unread"], 7);
    let all = app.rest.post(&bob.token, &path, &json!({ "seq": i64::MAX })).await;
    assert_eq!((&all["unread"], &all["mentions"]), (&json!(0), &json!(0)));
    let carol = app.person("carol").await;
    let leave = format!("/v1/rooms/{room}/leave");
    app.rest.send(Method::POST, Some(&carol.token), &leave, None).await;
    let (status, _) =
        app.rest.refused(Method::POST, Some(&carol.token), &path, Some(&json!({ "seq": 1 }))).await;
    assert_eq!(status, 404);
}

async fn unread_is_exact_after_every_kind_of_event(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let body = json!({ "name": "us", "member_ids": [bob.id] });
    let made = app.rest.post(&mina.token, "/v1/rooms", &body).await;
    let room = made["id"].as_str().unwrap();
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    assert_eq!(entry(app, &bob, room).await, [0, 0, 0, 0]);
    at_mina.send(room, "1", "one").await;
    let members = format!("/v1/rooms/{room}/members");
    app.rest.post(&mina.token, &members, &json!({ "user_ids": [carol.id] })).await;
    assert_eq!(entry(app, &bob, room).await, [1, 0, 1, 0], "a line is no message");
    assert_eq!(entry(app, &carol, room).await, [1, 1, 0, 0], "what was before is read");
    at_mina.send(room, "2", "@bob and @carol").await;
    assert_eq!(entry(app, &bob, room).await, [2, 0, 2, 1]);
    assert_eq!(entry(app, &carol, room).await, [2, 1, 1, 1]);
    at_mina.send(room, "2", "sent again").await;
    assert_eq!(entry(app, &bob, room).await, [2, 0, 2, 1], "once");
    let leave = format!("/v1/rooms/{room}/leave");
    app.rest.send(Method::POST, Some(&carol.token), &leave, None).await;
    assert_eq!(entry(app, &bob, room).await, [2, 0, 2, 1]);
    at_bob.send(room, "3", "mine").await;
    assert_eq!(entry(app, &bob, room).await, [3, 3, 0, 0], "who writes has read");
    app.rest.post(&mina.token, &members, &json!({ "user_ids": [carol.id] })).await;
    assert_eq!(entry(app, &carol, room).await, [3, 3, 0, 0], "anew");
    let last = at_bob.open(room).await["head"].as_i64().unwrap();
    at_mina.ok(json!({ "op": "read", "room": room, "seq": last })).await;
    assert_eq!(entry(app, &mina, room).await, [3, 3, 0, 0]);
}

async fn reading_a_room_reads_its_entries(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (lobby, (club, plans)) = (app.lobby(&mina).await, app.club(&mina, "readers").await);
    app.join(&bob, &club).await;
    let mut talker = app.session(&mina).await;
    for n in 1..=3 {
        talker.send(&lobby, &format!("c-{n}"), "@bob").await;
    }
    talker.send(&plans, "c-1", "@bob elsewhere").await;
    let (mut phone, mut desk) = (app.session(&bob).await, app.session(&bob).await);
    let ids = async |unread: &str| {
        let listed = app.rest.get(&bob.token, &format!("/v1/inbox?unread={unread}")).await;
        let items = listed["items"].as_array().unwrap().clone();
        items.iter().map(|entry| entry["id"].clone()).collect::<Vec<_>>()
    };
    let all = ids("false").await;
    assert_eq!(all.len(), 4);
    phone.ok(json!({ "op": "read", "room": lobby, "seq": 2 })).await;
    for session in [&mut phone, &mut desk] {
        let told = session.expect("inbox.read").await;
        let mut read = told["ids"].as_array().unwrap().clone();
        read.sort_by_key(|id| all.iter().position(|known| known == id));
        assert_eq!((read, &told["unread"]), (all[2..4].to_vec(), &json!(2)));
    }
    assert_eq!(ids("true").await, all[..2]);
    phone.ok(json!({ "op": "read", "room": lobby, "seq": 2 })).await;
    phone.expect_none(|line| line["ev"] == "inbox.read").await;
    let path = format!("/v1/rooms/{lobby}/read");
    app.rest.post(&bob.token, &path, &json!({ "seq": 99 })).await;
    assert_eq!(desk.expect("inbox.read").await["unread"], 1);
    // Unread from here is about the room; the entries stay read.
    phone.ok(json!({ "op": "unread", "room": lobby, "seq": 1 })).await;
    assert_eq!(ids("true").await.len(), 1);
    assert_eq!(app.rest.get(&bob.token, "/v1/me").await["unread_inbox"], 1);
}

async fn who_has_seen_a_message_is_told_unless_the_club_does_not_want_it(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (carol, dave) = (app.person("carol").await, app.person("dave").await);
    let (club, room) = app.club(&mina, "readers").await;
    for person in [&bob, &carol] {
        app.join(person, &club).await;
    }
    let mut talker = app.session(&mina).await;
    let first = talker.send(&room, "1", "one").await["id"].clone();
    let second = talker.send(&room, "2", "two").await["id"].clone();
    app.join(&dave, &club).await;
    let path =
        |message: &Value| format!("/v1/rooms/{room}/messages/{}/seen", message.as_str().unwrap());
    let seen = async |message: &Value| {
        let seen = app.rest.get(&carol.token, &path(message)).await;
        let items = seen["items"].as_array().unwrap();
        let names = items.iter().map(|user| user["username"].as_str().unwrap().to_owned());
        (seen["count"].as_i64().unwrap(), names.collect::<Vec<_>>())
    };
    assert_eq!(seen(&first).await, (0, vec![]), "not the author, nor who came later");
    let mut session = app.session(&bob).await;
    session.ok(json!({ "op": "read", "room": room, "seq": 1 })).await;
    assert_eq!(seen(&first).await, (1, vec!["bob".to_owned()]));
    assert_eq!(seen(&second).await, (0, vec![]));
    app.session(&carol).await.send(&room, "3", "three").await;
    assert_eq!(seen(&second).await, (1, vec!["carol".to_owned()]));
    session.ok(json!({ "op": "unread", "room": room, "seq": 1 })).await;
    assert_eq!(seen(&first).await, (1, vec!["carol".to_owned()]));
    let stranger = app.person("eve").await;
    let (status, _) =
        app.rest.refused(Method::GET, Some(&stranger.token), &path(&first), None).await;
    assert_eq!(status, 404);
    let lobby = app.lobby(&mina).await;
    for odd in
        [path(&json!("m_1_99")), path(&json!("x")), path(&json!(format!("m_{}_1", &lobby[2..])))]
    {
        assert_eq!(app.rest.status(Method::GET, &bob.token, &odd).await, 404, "{odd}");
    }
    let club = format!("/v1/clubs/{club}");
    assert_eq!(app.rest.get(&bob.token, &club).await["seen_by"], true);
    let off = json!({ "seen_by": false });
    assert_eq!(app.rest.patch(&mina.token, &club, &off).await["seen_by"], false);
    let (status, body) = app.rest.refused(Method::GET, Some(&bob.token), &path(&first), None).await;
    assert_eq!((status, &body["reason"]), (403, &json!("seen_by_off")));
    let (status, _) = app.rest.refused(Method::PATCH, Some(&bob.token), &club, Some(&off)).await;
    assert_eq!(status, 403);
    // Outside clubs it is always told.
    let sent = talker.send(&lobby, "1", "hello").await["id"].clone();
    app.session(&bob).await.ok(json!({ "op": "read", "room": lobby, "seq": 1 })).await;
    let path = format!("/v1/rooms/{lobby}/messages/{}/seen", sent.as_str().unwrap());
    assert_eq!(app.rest.get(&mina.token, &path).await["count"], 1);
}

async fn one_hears_of_what_one_wants(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut talker, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let path = format!("/v1/rooms/{room}/notify");
    let kinds = async || {
        let listed = app.rest.get(&bob.token, "/v1/inbox?unread=true").await;
        let items = listed["items"].as_array().unwrap().clone();
        items.iter().rev().map(|entry| entry["kind"].clone()).collect::<Vec<_>>()
    };
    let shown = async || app.rest.get(&bob.token, &format!("/v1/rooms/{room}")).await;
    assert_eq!(shown().await["notify"], "mentions");
    talker.send(&room, "1", "nobody hears").await;
    assert_eq!(kinds().await, Vec::<Value>::new());
    app.rest.put(&bob.token, &path, &json!({ "notify": "all" })).await;
    let told = at_bob.expect("room.update").await;
    assert_eq!((&told["room"], &told["d"]), (&json!(room), &json!({ "notify": "all" })));
    assert_eq!(shown().await["notify"], "all");
    talker.send(&room, "2", "two").await;
    talker.send(&room, "3", "three").await;
    let entry = at_bob.expect("inbox").await["d"].clone();
    assert_eq!((&entry["kind"], &entry["club"]), (&json!("chat"), &json!(club)));
    assert_eq!(
        (&entry["title"], &entry["body"]),
        (&json!("plans에 새 이야기가 있어요"), &json!("two"))
    );
    assert_eq!(kinds().await, ["chat"], "one at a time");
    talker.send(&room, "4", "@bob four").await;
    assert_eq!(kinds().await, ["chat", "mention"]);
    at_bob.ok(json!({ "op": "read", "room": room, "seq": 4 })).await;
    app.rest.put(&bob.token, &path, &json!({ "notify": "none" })).await;
    let mine = at_bob.send(&room, "mine", "ask me").await["id"].clone();
    talker.send(&room, "5", "@bob five").await;
    let answer = json!({ "op": "send", "room": room, "cid": "6", "text": "yes", "reply_to": mine });
    talker.ok(answer).await;
    assert_eq!(kinds().await, Vec::<Value>::new(), "none is none");
    assert_eq!(shown().await["mentions"], 1, "the badge counts all the same");
    app.rest.put(&bob.token, &path, &json!({ "notify": "mentions" })).await;
    talker.send(&room, "7", "seven").await;
    talker.send(&room, "8", "@bob eight").await;
    assert_eq!(kinds().await, ["mention"]);
    // In small circles one hears of everything unasked.
    let study = json!({ "name": "algorithms", "kind": "study" });
    let study = app.rest.post(&mina.token, "/v1/clubs", &study).await["id"].clone();
    app.join(&bob, study.as_str().unwrap()).await;
    let rooms = format!("/v1/clubs/{}/rooms", study.as_str().unwrap());
    let general = app.rest.get(&bob.token, &rooms).await["items"][0].clone();
    assert_eq!(general["notify"], "all");
    talker.send(general["id"].as_str().unwrap(), "1", "first").await;
    assert_eq!(kinds().await, ["mention", "chat"]);
    for odd in [json!({}), json!({ "notify": "some" })] {
        let (status, body) =
            app.rest.refused(Method::PUT, Some(&bob.token), &path, Some(&odd)).await;
        assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("notify")));
    }
}
