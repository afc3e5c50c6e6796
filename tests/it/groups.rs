//! Group rooms: who makes, finds, enters, leaves and ends them, and who hears what of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, Sse, TestApp, on_both, seqs};

on_both!(
    a_group_is_made_with_its_members,
    listed_rooms_are_found_and_joined,
    a_listed_name_is_given_once,
    members_bring_others_in,
    the_host_puts_out_and_nobody_else,
    the_earliest_member_follows_the_host_and_the_last_one_out_ends_the_room,
    a_club_room_is_changed_and_everyone_who_has_it_is_told,
    a_club_room_is_deleted_and_general_stays,
    in_a_club_room_one_says_hello_once,
    who_may_not_change_a_room_is_told_so_or_nothing,
);

async fn make(app: &TestApp, host: &Person, body: Value) -> String {
    let room = app.rest.post(&host.token, "/v1/rooms", &body).await;
    room["id"].as_str().unwrap().to_owned()
}

async fn names(app: &TestApp, who: &Person, query: &str) -> Vec<String> {
    let found = app.rest.get(&who.token, &format!("/v1/rooms/directory?{query}")).await;
    let items = found["items"].as_array().unwrap();
    items.iter().map(|room| room["name"].as_str().unwrap().to_owned()).collect()
}

async fn post(app: &TestApp, who: &Person, path: &str, body: Value) -> u16 {
    let answer = app.rest.send(Method::POST, Some(&who.token), path, Some(&body)).await;
    answer.status().as_u16()
}

async fn a_group_is_made_with_its_members(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let body = json!({ "name": "trip", "member_ids": [bob.id, bob.id, mina.id] });
    let room = make(app, &mina, body).await;
    let added = at_mina.expect("room.add").await["room"].clone();
    assert_eq!((&added["room"], &added["kind"]), (&json!(room), &json!("group")));
    assert_eq!((&added["club"], &added["notify"]), (&Value::Null, &json!("all")));
    let added = at_bob.expect("room.add").await["room"].clone();
    assert_eq!((&added["room"], &added["name"]), (&json!(room), &json!("trip")));
    let invite = at_bob.expect("inbox").await["d"].clone();
    assert_eq!((&invite["kind"], &invite["room"]), (&json!("room_invite"), &json!(room)));
    assert_eq!((&invite["from"], invite.get("message")), (&json!(mina.id), None));
    assert_eq!(invite["link"], format!("/rooms/{room}"));
    let listed = app.rest.get(&bob.token, "/v1/inbox").await["items"][0].clone();
    assert_eq!((&listed["kind"], &listed["link"]), (&json!("room_invite"), &invite["link"]));
    let opened = at_bob.open(&room).await;
    assert_eq!((&opened["head"], &opened["n"]), (&json!(1), &json!(0)), "bob's line");
    at_mina.open(&room).await;
    at_bob.send(&room, "c-1", "hello").await;
    assert_eq!(at_mina.expect("msg.new").await["seq"], 2);
    let members = app.rest.get(&mina.token, &format!("/v1/rooms/{room}/members")).await;
    let roles: Vec<_> = members["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| (member["user"]["username"].clone(), member["role"].clone()))
        .collect();
    assert!(roles.contains(&(json!("mina"), json!("owner"))) && roles.len() == 2, "{roles:?}");
    let shown = app.rest.get(&mina.token, &format!("/v1/rooms/{room}")).await;
    assert_eq!((&shown["host_id"], &shown["listed"]), (&json!(mina.id), &json!(false)));
    // For others it does not exist.
    let paths = ["", "/members", "/messages", "/events"];
    for path in paths.map(|end| format!("/v1/rooms/{room}{end}")) {
        let (status, _) = app.rest.refused(Method::GET, Some(&carol.token), &path, None).await;
        assert_eq!(status, 404, "{path}");
    }
    for act in ["join", "leave"] {
        assert_eq!(post(app, &carol, &format!("/v1/rooms/{room}/{act}"), json!({})).await, 404);
    }
    assert_eq!(names(app, &carol, "kind=group").await, Vec::<String>::new());
    for (odd, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x".repeat(51) }), "name"),
        (json!({ "name": "x", "listed": true }), "name"),
        (json!({ "name": "xx", "member_ids": ["r_1"] }), "member_ids"),
        (json!({ "name": "xx", "member_ids": vec![bob.id.clone(); 201] }), "member_ids"),
    ] {
        let (status, body) =
            app.rest.refused(Method::POST, Some(&mina.token), "/v1/rooms", Some(&odd)).await;
        assert_eq!((status, &body["errors"][0]["field"]), (422, &json!(field)), "{odd}");
    }
    let nobody = json!({ "name": "xx", "member_ids": ["u_99999"] });
    let (status, body) =
        app.rest.refused(Method::POST, Some(&mina.token), "/v1/rooms", Some(&nobody)).await;
    assert_eq!((status, &body["reason"]), (422, &json!("no_such_user")));
    let rooms = app.rest.get(&mina.token, "/v1/rooms").await;
    assert_eq!(rooms["items"].as_array().unwrap().len(), 2, "the lobby, and one group");
}

async fn listed_rooms_are_found_and_joined(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = make(app, &mina, json!({ "name": "Go 모임", "listed": true })).await;
    make(app, &mina, json!({ "name": "100% chess", "listed": true })).await;
    make(app, &mina, json!({ "name": "quiet" })).await;
    assert_eq!(names(app, &bob, "").await, ["100% chess", "Go 모임", "general"], "newest first");
    assert_eq!(names(app, &bob, "kind=group").await, ["100% chess", "Go 모임"]);
    assert_eq!(names(app, &bob, "kind=lobby&query=").await, ["general"]);
    assert_eq!(names(app, &bob, "query=GO").await, ["Go 모임"]);
    assert_eq!(names(app, &bob, "query=%25").await, ["100% chess"], "a wildcard is a character");
    let page = app.rest.get(&bob.token, "/v1/rooms/directory?limit=2").await;
    let next = page["next"].as_str().unwrap();
    assert_eq!(names(app, &bob, &format!("limit=2&cursor={next}")).await, ["general"]);
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    let join = format!("/v1/rooms/{room}/join");
    assert_eq!(app.rest.post(&bob.token, &join, &json!({})).await, json!({ "joined": true }));
    assert_eq!(at_bob.expect("room.add").await["room"]["room"], room);
    assert_eq!(at_mina.expect("member.join").await["d"]["user"], bob.id);
    assert_eq!(app.rest.post(&bob.token, &join, &json!({})).await, json!({ "joined": false }));
    at_mina.expect_none(|line| line["ev"] == "member.join").await;
    let listed = app.rest.get(&bob.token, "/v1/rooms/directory?query=go").await["items"][0].clone();
    assert_eq!((&listed["member_count"], &listed["joined"]), (&json!(2), &json!(true)));
    let odd = "/v1/rooms/directory?kind=member";
    let (status, body) = app.rest.refused(Method::GET, Some(&bob.token), odd, None).await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("kind")));
}

async fn a_listed_name_is_given_once(app: &TestApp) {
    let mina = app.person("mina").await;
    let mut asked = Vec::new();
    for n in 0..8 {
        let (rest, token) = (app.rest.clone(), app.person(&format!("p{n}")).await.token);
        asked.push(tokio::spawn(async move {
            let body = json!({ "name": "The Room", "listed": true });
            let answer = rest.send(Method::POST, Some(&token), "/v1/rooms", Some(&body)).await;
            answer.status().as_u16()
        }));
    }
    let mut statuses = Vec::new();
    for asked in asked {
        statuses.push(asked.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    let again = json!({ "name": " the ROOM ", "listed": true });
    let (status, body) =
        app.rest.refused(Method::POST, Some(&mina.token), "/v1/rooms", Some(&again)).await;
    assert_eq!((status, &body["code"]), (409, &json!("conflict")));
    assert_eq!(body["reason"], "name_taken");
    // Unlisted it is a name like any other, until it is to be listed.
    let room = make(app, &mina, json!({ "name": "The Room" })).await;
    let list = json!({ "listed": true });
    let path = format!("/v1/rooms/{room}");
    let (status, body) =
        app.rest.refused(Method::PATCH, Some(&mina.token), &path, Some(&list)).await;
    assert_eq!((status, &body["reason"]), (409, &json!("name_taken")));
    let other = json!({ "listed": true, "name": "Another" });
    assert_eq!(app.rest.patch(&mina.token, &path, &other).await["listed"], true);
    assert_eq!(names(app, &mina, "query=another").await, ["Another"]);
    // The name is free again with the end of its room.
    assert_eq!(app.rest.status(Method::DELETE, &mina.token, &path).await, 204);
    make(app, &mina, json!({ "name": "another", "listed": true })).await;
}

async fn members_bring_others_in(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (carol, dave) = (app.person("carol").await, app.person("dave").await);
    let room = make(app, &mina, json!({ "name": "us", "member_ids": [bob.id] })).await;
    let path = format!("/v1/rooms/{room}/members");
    let mut at_mina = app.session(&mina).await;
    let mut at_carol = app.session(&carol).await;
    at_mina.open(&room).await;
    let body = json!({ "user_ids": [carol.id, mina.id, bob.id, carol.id] });
    let answer = app.rest.post(&bob.token, &path, &body).await;
    assert_eq!(answer["added"], json!([carol.id]));
    assert_eq!(answer["already"].as_array().unwrap().len(), 2);
    assert_eq!(at_mina.expect("member.join").await["d"]["user"], carol.id);
    assert_eq!(at_carol.expect("room.add").await["room"]["unread"], 0);
    assert_eq!(at_carol.expect("inbox").await["d"]["from"], bob.id);
    let again = app.rest.post(&bob.token, &path, &json!({ "user_ids": [carol.id] })).await;
    assert_eq!((&again["added"], &again["already"]), (&json!([]), &json!([carol.id])));
    at_mina.expect_none(|line| line["ev"] == "member.join").await;
    at_carol.expect_none(|line| line["ev"] == "inbox").await;
    assert_eq!(post(app, &dave, &path, json!({ "user_ids": [dave.id] })).await, 404);
    assert_eq!(post(app, &bob, &path, json!({ "user_ids": [] })).await, 422);
    assert_eq!(post(app, &bob, &path, json!({ "user_ids": ["u_99999"] })).await, 422);
    // Other rooms are entered in other ways.
    let (_club, plans) = app.club(&mina, "readers").await;
    let lobby = app.lobby(&mina).await;
    for other in [plans, lobby] {
        let path = format!("/v1/rooms/{other}/members");
        let body = json!({ "user_ids": [bob.id] });
        let (status, body) =
            app.rest.refused(Method::POST, Some(&mina.token), &path, Some(&body)).await;
        assert_eq!((status, &body["reason"]), (403, &json!("not_group")));
    }
}

async fn the_host_puts_out_and_nobody_else(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let body = json!({ "name": "us", "member_ids": [bob.id, carol.id] });
    let room = make(app, &mina, body).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    at_bob.open(&room).await;
    let of = |who: &Person| format!("/v1/rooms/{room}/members/{}", who.id);
    let (status, body) =
        app.rest.refused(Method::DELETE, Some(&carol.token), &of(&bob), None).await;
    assert_eq!((status, &body["reason"]), (403, &json!("role")));
    assert_eq!(app.rest.status(Method::DELETE, &mina.token, &of(&mina)).await, 422);
    for _twice in 0..2 {
        assert_eq!(app.rest.status(Method::DELETE, &mina.token, &of(&bob)).await, 204);
    }
    for session in [&mut at_mina, &mut at_bob] {
        assert_eq!(session.expect("member.kick").await["d"]["user"], bob.id);
    }
    assert_eq!(at_bob.expect("room.remove").await["why"], "kicked");
    at_mina.send(&room, "c-1", "without bob").await;
    at_bob.expect_none(|line| line["d"]["text"] == "without bob").await;
    assert_eq!(at_bob.err(json!({ "op": "open", "room": room })).await["code"], "not_found");
    at_mina.expect_none(|line| line["ev"] == "member.kick").await;
    let stranger = format!("/v1/rooms/{room}/members/{}", carol.id);
    assert_eq!(app.rest.status(Method::DELETE, &bob.token, &stranger).await, 404);
}

async fn the_earliest_member_follows_the_host_and_the_last_one_out_ends_the_room(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let body = json!({ "name": "relay", "listed": true, "member_ids": [bob.id] });
    let room = make(app, &mina, body).await;
    let path = format!("/v1/rooms/{room}");
    app.rest.post(&carol.token, &format!("{path}/join"), &json!({})).await;
    let mut at_carol = app.session(&carol).await;
    let mut at_mina = app.session(&mina).await;
    at_carol.open(&room).await;
    assert_eq!(post(app, &mina, &format!("{path}/leave"), json!({})).await, 204);
    assert_eq!(at_carol.expect("member.leave").await["d"]["user"], mina.id);
    assert_eq!(at_carol.expect("room.update").await["d"], json!({ "host": bob.id }));
    assert_eq!(at_mina.expect("room.remove").await["why"], "left");
    assert_eq!(app.rest.get(&carol.token, &path).await["host_id"], bob.id.as_str());
    let put_out = |who: &Person| format!("{path}/members/{}", who.id);
    assert_eq!(app.rest.status(Method::DELETE, &carol.token, &put_out(&bob)).await, 403);
    assert_eq!(app.rest.status(Method::DELETE, &bob.token, &put_out(&carol)).await, 204);
    assert_eq!(at_carol.expect("room.remove").await["why"], "kicked");
    let mut at_bob = app.session(&bob).await;
    assert_eq!(names(app, &mina, "kind=group").await, ["relay"]);
    assert_eq!(post(app, &bob, &format!("{path}/leave"), json!({})).await, 204);
    assert_eq!(at_bob.expect("room.remove").await["why"], "left");
    assert_eq!(names(app, &mina, "kind=group").await, Vec::<String>::new());
    for who in [&mina, &bob, &carol] {
        assert_eq!(post(app, who, &format!("{path}/join"), json!({})).await, 404);
        assert_eq!(app.rest.status(Method::GET, &who.token, &path).await, 404);
    }
    make(app, &mina, json!({ "name": "relay", "listed": true })).await;
}

async fn a_club_room_is_changed_and_everyone_who_has_it_is_told(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, _plans) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut open, mut head) = (app.session(&bob).await, app.session(&bob).await);
    let body = json!({ "name": "news", "topic": "only news", "history": "since_join",
        "write": "moderators" });
    let made = app.rest.post(&mina.token, &format!("/v1/clubs/{club}/rooms"), &body).await;
    let room = made["id"].as_str().unwrap();
    let path = format!("/v1/rooms/{room}");
    let shown = app.rest.get(&bob.token, &path).await;
    assert_eq!((&shown["topic"], &shown["slow_mode_s"]), (&json!("only news"), &json!(0)));
    assert_eq!((&shown["history"], &shown["write"]), (&json!("since_join"), &json!("moderators")));
    open.open(room).await;
    head.expect("room.add").await;
    let change = json!({ "name": " News! ", "topic": null, "write": "all", "slow_mode_s": 30,
        "history": "since_join" });
    let changed = app.rest.patch(&mina.token, &path, &change).await;
    assert_eq!((&changed["name"], &changed["topic"]), (&json!("News!"), &json!("")));
    for session in [&mut open, &mut head] {
        let update = session.expect("room.update").await;
        assert_eq!(update["room"], room);
        let d = json!({ "name": "News!", "topic": "", "write": "all", "slow_mode_s": 30 });
        assert_eq!(update["d"], d, "what is the same is not told");
    }
    app.rest.patch(&mina.token, &path, &change).await;
    open.expect_none(|line| line["ev"] == "room.update").await;
    for (odd, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "topic": "x".repeat(201) }), "topic"),
        (json!({ "history": "some" }), "history"),
        (json!({ "write": "nobody" }), "write"),
        (json!({ "write": null }), "write"),
        (json!({ "history": null }), "history"),
        (json!({ "slow_mode_s": -1 }), "slow_mode_s"),
        (json!({ "slow_mode_s": 21_601 }), "slow_mode_s"),
        (json!({ "listed": true }), "listed"),
    ] {
        let (status, body) =
            app.rest.refused(Method::PATCH, Some(&mina.token), &path, Some(&odd)).await;
        assert_eq!((status, &body["errors"][0]["field"]), (422, &json!(field)), "{odd}");
    }
}

async fn a_club_room_is_deleted_and_general_stays(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut open, mut head) = (app.session(&bob).await, app.session(&bob).await);
    open.open(&room).await;
    let path = format!("/v1/rooms/{room}");
    let mut stream = Sse::open(&app.rest, &bob.token, &format!("{path}/events")).await;
    for _twice in 0..2 {
        assert_eq!(app.rest.status(Method::DELETE, &mina.token, &path).await, 204);
    }
    for session in [&mut open, &mut head] {
        let gone = session.expect("room.remove").await;
        assert_eq!((&gone["room"], &gone["why"]), (&json!(room), &json!("deleted")));
    }
    assert!(stream.try_next().await.is_none(), "the stream ends");
    for end in ["", "/messages", "/members", "/events"] {
        assert_eq!(app.rest.status(Method::GET, &bob.token, &format!("{path}{end}")).await, 404);
    }
    let left = app.rest.get(&bob.token, &format!("/v1/clubs/{club}/rooms")).await;
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
    let general = left["items"][0]["id"].as_str().unwrap();
    let path = format!("/v1/rooms/{general}");
    let (status, body) = app.rest.refused(Method::DELETE, Some(&mina.token), &path, None).await;
    assert_eq!((status, &body["code"]), (409, &json!("conflict")));
    assert_eq!(body["reason"], "general");
}

async fn in_a_club_room_one_says_hello_once(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, plans) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let mut owner = app.session(&mina).await;
    owner.open(&plans).await;
    let join = format!("/v1/rooms/{plans}/join");
    assert_eq!(app.rest.post(&bob.token, &join, &json!({})).await["joined"], true);
    assert_eq!(owner.expect("member.join").await["d"]["user"], bob.id);
    assert_eq!(app.rest.post(&bob.token, &join, &json!({})).await["joined"], false);
    owner.expect_none(|line| line["ev"] == "member.join").await;
    let rooms = app.rest.get(&bob.token, &format!("/v1/clubs/{club}/rooms")).await;
    let general = rooms["items"][0]["id"].as_str().unwrap();
    let join = format!("/v1/rooms/{general}/join");
    assert_eq!(
        app.rest.post(&bob.token, &join, &json!({})).await["joined"],
        false,
        "at the club's"
    );
    assert_eq!(post(app, &bob, &format!("/v1/rooms/{plans}/leave"), json!({})).await, 403);
    let stranger = app.person("eve").await;
    assert_eq!(post(app, &stranger, &format!("/v1/rooms/{plans}/join"), json!({})).await, 404);
}

async fn who_may_not_change_a_room_is_told_so_or_nothing(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let (club, plans) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let board = json!({ "name": "board", "kind": "manager" });
    let board = app.rest.post(&mina.token, &format!("/v1/clubs/{club}/rooms"), &board).await;
    let group = make(app, &mina, json!({ "name": "us", "member_ids": [bob.id] })).await;
    let lobby = app.lobby(&bob).await;
    let change = json!({ "topic": "x" });
    for (who, room, wanted) in [
        (&bob, plans.as_str(), 403),
        (&bob, board["id"].as_str().unwrap(), 404),
        (&bob, group.as_str(), 403),
        (&bob, lobby.as_str(), 403),
        (&carol, plans.as_str(), 404),
        (&carol, group.as_str(), 404),
    ] {
        let path = format!("/v1/rooms/{room}");
        let (status, _) =
            app.rest.refused(Method::PATCH, Some(&who.token), &path, Some(&change)).await;
        assert_eq!(status, wanted, "{} {room}", who.name);
        assert_eq!(app.rest.status(Method::DELETE, &who.token, &path).await, wanted);
    }
    // The first account is the admin: a lobby's topic is theirs, its name the operator's.
    let path = format!("/v1/rooms/{lobby}");
    assert_eq!(app.rest.patch(&mina.token, &path, &change).await["topic"], "x");
    let name = json!({ "name": "mine" });
    let (status, _) = app.rest.refused(Method::PATCH, Some(&mina.token), &path, Some(&name)).await;
    assert_eq!(status, 422);
    assert_eq!(app.rest.status(Method::DELETE, &mina.token, &path).await, 403);
    let mut session = app.session(&bob).await;
    let opened = session.open(&plans).await;
    assert_eq!(seqs(opened["snapshot"]["items"].as_array().unwrap()), Vec::<i64>::new());
}
