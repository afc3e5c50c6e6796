//! What matters most, on SQLite and on PostgreSQL: through the front door nobody can tell them
//! apart.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Sse, TestApp, on_both, seqs};

on_both!(
    what_is_said_is_numbered_heard_and_kept,
    who_comes_back_gets_every_event_once,
    a_long_absence_is_replayed_from_the_store,
    marks_and_names_are_counted,
    the_inbox_is_one_log_for_all_devices,
    members_come_and_go_by_lines,
    a_name_and_a_place_are_given_once,
    sign_ins_end_where_they_should,
    names_are_found_without_case_and_without_wildcards,
    odd_characters_and_numbers_are_refused_or_kept_and_no_defect,
);

fn send(room: &str, cid: &str, text: &str) -> Value {
    json!({ "op": "send", "room": room, "cid": cid, "text": text })
}

async fn what_is_said_is_numbered_heard_and_kept(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    at_bob.open(&room).await;
    let text = "안녕 🙂 \u{1f469}\u{200d}\u{1f680} 'quoted' \"too\" \\ \u{7f} line\nbreak";
    let mut waiting = Vec::new();
    for n in 0..60 {
        let (client, text) =
            if n % 2 == 0 { (&mut at_mina, text) } else { (&mut at_bob, "and back") };
        waiting.push((n % 2, client.begin(send(&room, &format!("c-{n}"), text)).await));
    }
    for (who, re) in waiting {
        let client = if who == 0 { &mut at_mina } else { &mut at_bob };
        assert_eq!(client.reply(re).await["ok"]["dup"], false);
    }
    let heard = at_bob.expect_many("msg.new", 60).await;
    assert_eq!(seqs(&heard), (1..=60).collect::<Vec<_>>());
    assert_eq!(at_mina.expect_many("msg.new", 60).await, heard);
    let first = heard.iter().find(|event| event["d"]["by"] == *mina.id).unwrap();
    assert_eq!(first["d"]["text"], text);
    let again = at_mina.send(&room, "c-0", "another text").await;
    assert_eq!((&again["dup"], &again["seq"]), (&json!(true), &first["seq"]));
    let answer = json!({ "op": "send", "room": room, "cid": "re", "text": "yes", "reply_to": first["d"]["id"] });
    at_bob.ok(answer).await;
    assert_eq!(at_mina.expect("msg.new").await["d"]["reply_to"], first["d"]["id"]);
    let listed = app.rest.get(&mina.token, &format!("/v1/rooms/{room}/messages?limit=200")).await;
    assert_eq!(seqs(listed["items"].as_array().unwrap()), (1..=61).collect::<Vec<_>>());
}

async fn who_comes_back_gets_every_event_once(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut talker = app.session(&mina).await;
    let mut listener = app.session(&bob).await;
    let epoch = listener.open(&room).await["epoch"].as_str().unwrap().to_owned();
    let mut last = 0;
    for round in 0..20_i64 {
        for n in 0..5 {
            talker.begin(send(&room, &format!("c-{round}-{n}"), "word")).await;
        }
        for _ in 0..(round % 6) {
            last += 1;
            assert_eq!(listener.expect("msg.new").await["seq"], last, "a hole or a double");
        }
        listener.cut();
        listener = app.session(&bob).await;
        assert_eq!(listener.open_since(&room, &epoch, last).await["resumed"], true);
    }
    while last < 100 {
        last += 1;
        assert_eq!(listener.expect("msg.new").await["seq"], last, "a hole or a double");
    }
    let path = format!("/v1/rooms/{room}/events?since={epoch}-90");
    let mut stream = Sse::open(&app.rest, &bob.token, &path).await;
    for seq in 91..=100 {
        assert_eq!(stream.next().await.data["seq"], seq);
    }
}

async fn a_long_absence_is_replayed_from_the_store(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut waiting = Vec::new();
    for n in 0..4 {
        let person = app.person(&format!("hand{n}")).await;
        let mut hand = app.session(&person).await;
        let room = room.clone();
        waiting.push(tokio::spawn(async move {
            let mut last = 0;
            for n in 0..180 {
                last = hand.begin(send(&room, &format!("c-{n}"), "word")).await;
            }
            assert!(hand.reply(last).await["ok"].is_object());
        }));
    }
    for hand in waiting {
        hand.await.unwrap();
    }
    let mut client = app.session(&mina).await;
    let epoch = client.open(&room).await["epoch"].as_str().unwrap().to_owned();
    let opened = client.open_since(&room, &epoch, 0).await;
    assert_eq!((&opened["resumed"], &opened["replay"]), (&json!(true), &json!(720)));
    let events = client.expect_many("msg.new", 720).await;
    assert_eq!(seqs(&events), (1..=720).collect::<Vec<_>>());
    assert_eq!(client.expect("caught_up").await["seq"], 720);
    let odd = client.open_since(&room, "elsewhere", 7).await;
    assert_eq!((&odd["resumed"], &odd["why"]), (&json!(false), &json!("epoch")));
    let items = odd["snapshot"]["items"].as_array().unwrap();
    assert_eq!(seqs(items), (671..=720).collect::<Vec<_>>());
}

async fn marks_and_names_are_counted(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("Bob").await);
    let room = app.lobby(&mina).await;
    let mut talker = app.session(&mina).await;
    for (cid, text) in [("1", "one"), ("2", "@bob two"), ("3", "three"), ("4", "@BOB four")] {
        talker.send(&room, cid, text).await;
    }
    let state = async || {
        let mut client = Client::connect(app.address).await;
        let room = client.auth(&bob.token).await["rooms"][0].clone();
        ["n", "read_n", "unread", "mentions"].map(|field| room[field].as_i64().unwrap())
    };
    assert_eq!(state().await, [4, 0, 4, 2]);
    let (mut phone, mut desk) = (app.session(&bob).await, app.session(&bob).await);
    let mark = phone.ok(json!({ "op": "read", "room": room, "seq": 2 })).await;
    assert_eq!(mark, json!({ "read_n": 2, "unread": 2, "mentions": 1 }));
    let told = desk.expect("read").await;
    assert_eq!(
        (&told["seq"], &told["unread"], &told["mentions"]),
        (&json!(2), &json!(2), &json!(1))
    );
    let mark = phone.ok(json!({ "op": "read", "room": room, "seq": 1 })).await;
    assert_eq!(mark["read_n"], 2, "never back");
    assert_eq!(state().await, [4, 2, 2, 1]);
    phone.send(&room, "5", "my own").await;
    assert_eq!(state().await, [5, 5, 0, 0]);
    let path = format!("/v1/rooms/{room}/read");
    let mark = app.rest.post(&bob.token, &path, &json!({ "seq": 999 })).await;
    assert_eq!((&mark["read_n"], &mark["unread"]), (&json!(5), &json!(0)));
}

async fn the_inbox_is_one_log_for_all_devices(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut phone, mut desk) = (app.session(&bob).await, app.session(&bob).await);
    let mut talker = app.session(&mina).await;
    for n in 0..5 {
        talker.send(&room, &format!("c-{n}"), &format!("@bob {n}")).await;
    }
    let events = phone.expect_many("inbox", 5).await;
    assert_eq!(seqs(&events), [1, 2, 3, 4, 5]);
    assert_eq!(desk.expect_many("inbox", 5).await, events);
    let read = json!({ "op": "inbox.read", "upto_seq": 2 });
    assert_eq!(phone.ok(read).await, json!({ "unread": 3 }));
    let told = desk.expect("inbox.read").await;
    assert_eq!((&told["upto_seq"], &told["unread"]), (&json!(2), &json!(3)));
    let ids = json!({ "ids": [events[3]["d"]["id"]] });
    assert_eq!(app.rest.post(&bob.token, "/v1/inbox/read", &ids).await["unread"], 2);
    assert_eq!(desk.expect("inbox.read").await["unread"], 2);
    let mut late = Client::connect(app.address).await;
    let inbox = late.auth(&bob.token).await["inbox"].clone();
    assert_eq!((&inbox["head"], &inbox["unread"]), (&json!(5), &json!(2)));
    let since = json!({ "epoch": inbox["epoch"], "seq": 2 });
    let opened = late.ok(json!({ "op": "inbox.open", "since": since })).await;
    assert_eq!((&opened["resumed"], &opened["replay"]), (&json!(true), &json!(3)));
    assert_eq!(
        (&opened["read_upto"], &opened["read_ids"]),
        (&json!(2), &json!([events[3]["d"]["id"]]))
    );
    assert_eq!(seqs(&late.expect_many("inbox", 3).await), [3, 4, 5]);
    let unread = app.rest.get(&bob.token, "/v1/inbox?unread=true").await;
    assert_eq!(seqs(unread["items"].as_array().unwrap()), [5, 3]);
}

async fn members_come_and_go_by_lines(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let club = app.rest.post(&mina.token, "/v1/clubs", &json!({ "name": "독서 모임" })).await;
    let club = club["id"].as_str().unwrap();
    let room = app.rest.get(&mina.token, &format!("/v1/clubs/{club}/rooms")).await;
    let room = room["items"][0]["id"].as_str().unwrap();
    let (mut owner, mut member) = (app.session(&mina).await, app.session(&bob).await);
    let epoch = owner.open(room).await["epoch"].as_str().unwrap().to_owned();
    for round in 0..3 {
        app.join(&bob, club).await;
        app.join(&bob, club).await;
        assert_eq!(member.expect("room.add").await["room"]["room"], room);
        member.open(room).await;
        member.send(room, &format!("c-{round}"), "hello").await;
        let leave = format!("/v1/clubs/{club}/leave");
        app.rest.send(Method::POST, Some(&bob.token), &leave, None).await;
        member.expect("member.leave").await;
        assert_eq!(member.expect("room.remove").await["why"], "left");
    }
    const KINDS: [&str; 3] = ["member.join", "msg.new", "member.leave"];
    let mut events = Vec::new();
    for kind in KINDS {
        events.extend(owner.expect_many(kind, 3).await);
    }
    let opened = owner.open_since(room, &epoch, 0).await;
    assert_eq!(
        (&opened["head"], &opened["n"], &opened["replay"]),
        (&json!(9), &json!(3), &json!(9))
    );
    owner.expect("caught_up").await;
    // All lines twice: as they came, and replayed.
    for kind in KINDS {
        events.extend(owner.expect_many(kind, 3).await);
    }
    events.sort_by_key(|event| event["seq"].as_i64());
    for (at, pair) in events.chunks(2).enumerate() {
        assert_eq!(pair[0], pair[1], "a replay is what was heard");
        assert_eq!(pair[0]["seq"], at + 1);
        assert_eq!(pair[0]["ev"], KINDS[at % 3]);
    }
    app.join(&bob, club).await;
    member.expect("room.add").await;
    let path = format!("/v1/clubs/{club}");
    let deleted = app.rest.send(Method::DELETE, Some(&mina.token), &path, None).await;
    assert_eq!(deleted.status(), 204);
    for session in [&mut owner, &mut member] {
        assert_eq!(session.expect("room.remove").await["why"], "deleted");
        assert_eq!(session.err(json!({ "op": "open", "room": room })).await["code"], "not_found");
    }
}

async fn a_name_and_a_place_are_given_once(app: &TestApp) {
    let mina = app.person("mina").await;
    let pair = json!({ "name": "pair", "kind": "study", "capacity": 2 });
    let pair = app.rest.post(&mina.token, "/v1/clubs", &pair).await["id"].clone();
    let join = format!("/v1/clubs/{}/join", pair.as_str().unwrap());
    let mut asked = Vec::new();
    for n in 0..10 {
        let person = app.person(&format!("p{n}")).await;
        let (rest, join) = (app.rest.clone(), join.clone());
        asked.push(tokio::spawn(async move {
            let status = async |path: &str, body: Value| {
                rest.send(Method::POST, Some(&person.token), path, Some(&body)).await.status()
            };
            let club = status("/v1/clubs", json!({ "name": "One" })).await;
            let name = json!({ "username": "Mi.Na", "password": "correct horse" });
            [status(&join, json!({})).await, club, status("/v1/auth/register", name).await]
                .map(|status| status.as_u16())
        }));
    }
    let mut answers = Vec::new();
    for asked in asked {
        answers.push(asked.await.unwrap());
    }
    for (at, good) in [200, 201, 201].into_iter().enumerate() {
        let given = answers.iter().filter(|answer| answer[at] == good).count();
        let refused = answers.iter().filter(|answer| answer[at] == 409).count();
        assert_eq!((given, refused), (1, 9), "{answers:?}");
    }
}

async fn sign_ins_end_where_they_should(app: &TestApp) {
    let mina = app.person("mina").await;
    let mut session = app.session(&mina).await;
    let renew = json!({ "refresh_token": mina.refresh });
    let refresh = || app.rest.send(Method::POST, None, "/v1/auth/refresh", Some(&renew));
    let (one, two) = tokio::join!(refresh(), refresh());
    let mut statuses = [one.status().as_u16(), two.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "once, and the other ends the family");
    assert_eq!(session.expect_close().await.code, 4501);
    let login = json!({ "username": "MINA", "password": "correct horse" });
    let again = app.rest.post("", "/v1/auth/login", &login).await;
    let token = again["access_token"].as_str().unwrap();
    let devices = app.rest.get(token, "/v1/me/devices").await;
    assert_eq!(devices["items"].as_array().unwrap().len(), 1);
    let ticket = app.rest.post(token, "/v1/auth/ticket", &json!({})).await;
    let path = format!("/v1/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    let (one, two) = tokio::join!(
        Client::connect_with(app.address, &path, &[]),
        Client::connect_with(app.address, &path, &[])
    );
    assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|is_in| **is_in).count(), 1);
}

async fn names_are_found_without_case_and_without_wildcards(app: &TestApp) {
    let mina = app.person("Mina_K").await;
    app.person("김철수").await;
    for name in ["Élan vital", "100% élan", "독서 모임"] {
        app.rest.post(&mina.token, "/v1/clubs", &json!({ "name": name })).await;
    }
    let find = async |path: &str, field: &str| {
        let found = app.rest.get(&mina.token, path).await;
        let items = found["items"].as_array().unwrap().clone();
        items.iter().map(|item| item[field].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(find("/v1/clubs?query=%C3%89LAN", "name").await, ["100% élan", "Élan vital"]);
    assert_eq!(find("/v1/clubs?query=%25", "name").await, ["100% élan"]);
    assert_eq!(find("/v1/clubs?query=%EB%8F%85%EC%84%9C", "name").await, ["독서 모임"]);
    assert_eq!(find("/v1/users?query=mina_", "username").await, ["Mina_K"]);
    assert_eq!(find("/v1/users?query=_", "username").await, ["Mina_K"]);
    assert_eq!(find("/v1/users?query=%EC%B2%A0", "username").await, ["김철수"]);
    let taken = json!({ "name": "ÉLAN VITAL" });
    let (status, body) =
        app.rest.refused(Method::POST, Some(&mina.token), "/v1/clubs", Some(&taken)).await;
    assert_eq!((status, &body["reason"]), (409, &json!("name_taken")));
}

async fn odd_characters_and_numbers_are_refused_or_kept_and_no_defect(app: &TestApp) {
    let mina = app.person("mina").await;
    let (club, room) = app.club(&mina, "readers").await;
    let call = async |method: Method, path: &str, body: Value| {
        let answer = app.rest.send(method, Some(&mina.token), path, Some(&body)).await;
        assert!(!answer.status().is_server_error(), "{path} {body}: {}", answer.status());
    };
    let messages = format!("/v1/rooms/{room}/messages");
    let club = format!("/v1/clubs/{club}");
    for odd in
        ["a\0b", "\u{1}\u{7f}", "\u{ffff}\u{10ffff}", "\u{202e}x", "'; --", "\u{1112}\u{1161}"]
    {
        let account = json!({ "username": odd, "password": odd, "display_name": odd });
        call(Method::POST, "/v1/auth/register", account).await;
        call(Method::POST, "/v1/clubs", json!({ "name": odd, "greeting": odd })).await;
        call(Method::PATCH, &club, json!({ "description": odd, "category": odd })).await;
        call(Method::PATCH, &club, json!({ "description": odd, "greeting": odd })).await;
        call(Method::POST, &format!("{club}/rooms"), json!({ "name": odd })).await;
        call(Method::POST, &messages, json!({ "text": odd })).await;
        call(Method::POST, &messages, json!({ "text": "x", "cid": odd })).await;
        call(Method::POST, "/v1/auth/refresh", json!({ "refresh_token": odd })).await;
    }
    for odd in ["%00", "%ff", "%ED%A0%80", "_%25!%5C", "%F0%9F%99%82", "-1", "9223372036854775807"]
    {
        for path in [
            "/v1/users?query=",
            "/v1/users?ids=u_",
            "/v1/clubs?query=",
            "/v1/users/u_",
            "/v1/rooms/r_",
        ] {
            call(Method::GET, &format!("{path}{odd}"), json!({})).await;
        }
        for window in ["before_seq", "after_seq", "around_seq", "cursor"] {
            call(Method::GET, &format!("{messages}?{window}={odd}"), json!({})).await;
        }
    }
    for seq in [i64::MIN, -1, 0, i64::MAX] {
        call(Method::POST, &format!("/v1/rooms/{room}/read"), json!({ "seq": seq })).await;
        call(Method::POST, "/v1/inbox/read", json!({ "upto_seq": seq })).await;
        call(Method::PATCH, &club, json!({ "capacity": seq })).await;
        let reply_to = format!("m_{}_{seq}", &room[2..]);
        call(Method::POST, &messages, json!({ "text": "x", "reply_to": reply_to })).await;
        let mut session = app.session(&mina).await;
        for op in [
            json!({ "op": "pull", "room": room, "after": seq }),
            json!({ "op": "read", "room": room, "seq": seq }),
            json!({ "op": "open", "room": room, "since": { "epoch": "a", "seq": seq } }),
            json!({ "op": "inbox.open", "since": { "epoch": "a", "seq": seq } }),
        ] {
            let answer = session.request(op.clone()).await;
            let is_told = ["invalid", "bad_request", "not_found"].map(|code| json!(code));
            assert!(
                answer["ok"].is_object() || is_told.contains(&answer["err"]["code"]),
                "{op}: {answer}"
            );
        }
    }
    assert_eq!(app.metric("moim_room_restarts_total").await, 0.0);
}
