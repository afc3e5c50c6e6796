//! Roles in a club: who gives them, which rooms they open and close, and how soon.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::nodes;
use crate::support::on_both;
use crate::support::{Hub, Person, Sse, TestApp};

/// After this nothing more is heard.
const AT_ONCE: Duration = Duration::from_secs(1);

on_both!(
    a_manager_gets_the_rooms_for_managers_and_loses_them_at_once,
    roles_are_given_by_the_owner_alone,
    a_club_is_handed_over,
);

/// A room for managers.
async fn board(app: &TestApp, owner: &Person, club: &str) -> String {
    let body = json!({ "name": "board", "kind": "manager" });
    let room = app.rest.post(&owner.token, &format!("/v1/clubs/{club}/rooms"), &body).await;
    room["id"].as_str().unwrap().to_owned()
}

async fn set(app: &TestApp, owner: &Person, club: &str, who: &Person, role: &str) -> Value {
    let path = format!("/v1/clubs/{club}/members/{}", who.id);
    app.rest.patch(&owner.token, &path, &json!({ "role": role })).await
}

async fn a_manager_gets_the_rooms_for_managers_and_loses_them_at_once(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, plans) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let room = board(app, &mina, &club).await;
    let (mut owner, mut session) = (app.session(&mina).await, app.session(&bob).await);
    owner.open(&room).await;
    owner.send(&room, "c-1", "about bob").await;
    assert_eq!(session.err(json!({ "op": "open", "room": room })).await["code"], "not_found");
    let member = set(app, &mina, &club, &bob, "manager").await;
    assert_eq!((&member["role"], &member["user"]["id"]), (&json!("manager"), &json!(bob.id)));
    let added = session.expect("room.add").await["room"].clone();
    assert_eq!((&added["room"], &added["kind"]), (&json!(room), &json!("manager")));
    assert_eq!(
        owner.expect("member.role").await["d"],
        json!({ "user": bob.id, "role": "manager" })
    );
    let notice = session.expect("inbox").await["d"].clone();
    assert_eq!((&notice["kind"], &notice["club"]), (&json!("club_role"), &json!(club)));
    assert_eq!(notice["title"], "readers에서 맡은 역할이 매니저(으)로 바뀌었어요");
    assert_eq!(notice["link"], format!("/clubs/{club}"));
    let listed = app.rest.get(&bob.token, "/v1/inbox").await["items"][0].clone();
    assert_eq!((&listed["link"], &listed["club"]), (&notice["link"], &json!(club)));
    session.open(&room).await;
    let mut stream = Sse::open(&app.rest, &bob.token, &format!("/v1/rooms/{room}/events")).await;
    // A manager moderates: the topic of a room is theirs.
    let path = format!("/v1/rooms/{plans}");
    app.rest.patch(&bob.token, &path, &json!({ "topic": "by bob" })).await;
    owner.send(&room, "c-2", "welcome").await;
    assert_eq!(stream.next().await.data["d"]["text"], "welcome");

    let began = Instant::now();
    set(app, &mina, &club, &bob, "member").await;
    assert_eq!(
        session.expect("room.remove").await,
        json!({ "ev": "room.remove", "room": room, "why": "role" })
    );
    let rest = stream.rest().await;
    assert!(rest.iter().all(|event| event.event == "member.role"), "{rest:?}");
    assert!(began.elapsed() < AT_ONCE, "took {:?}", began.elapsed());
    owner.send(&room, "c-3", "not for bob").await;
    session.expect_none(|line| line["d"]["text"] == "not for bob").await;
    for op in ["open", "send", "read", "unread", "pull"] {
        let ask = json!({ "op": op, "room": room, "text": "x", "seq": 1, "after": 0 });
        assert_eq!(session.err(ask).await["code"], "not_found", "{op}");
    }
    for end in ["", "/messages", "/members", "/events"] {
        let path = format!("/v1/rooms/{room}{end}");
        assert_eq!(app.rest.status(Method::GET, &bob.token, &path).await, 404, "{path}");
    }
    let (status, _) = app
        .rest
        .refused(Method::PATCH, Some(&bob.token), &path, Some(&json!({ "topic": "x" })))
        .await;
    assert_eq!(status, 403);
    let rooms = app.rest.get(&bob.token, &format!("/v1/clubs/{club}/rooms")).await;
    assert_eq!(rooms["items"].as_array().unwrap().len(), 2);
    // Back again: nothing of what was said meanwhile is unread.
    set(app, &mina, &club, &bob, "manager").await;
    let added = session.expect("room.add").await["room"].clone();
    assert_eq!((&added["unread"], &added["mentions"]), (&json!(0), &json!(0)));
}

async fn roles_are_given_by_the_owner_alone(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (carol, dave) = (app.person("carol").await, app.person("dave").await);
    let (club, _plans) = app.club(&mina, "readers").await;
    for person in [&bob, &carol] {
        app.join(person, &club).await;
    }
    set(app, &mina, &club, &bob, "manager").await;
    let role = async |by: &Person, who: &Person, role: Value| {
        let path = format!("/v1/clubs/{club}/members/{}", who.id);
        let body = json!({ "role": role });
        let answer = app.rest.send(Method::PATCH, Some(&by.token), &path, Some(&body)).await;
        answer.status().as_u16()
    };
    assert_eq!(role(&bob, &carol, json!("manager")).await, 403, "a manager promotes nobody");
    assert_eq!(role(&carol, &carol, json!("manager")).await, 403);
    assert_eq!(role(&dave, &carol, json!("manager")).await, 403);
    assert_eq!(role(&mina, &mina, json!("member")).await, 403, "the owner is the owner");
    assert_eq!(role(&mina, &carol, json!("owner")).await, 422);
    assert_eq!(role(&mina, &carol, json!("king")).await, 422);
    assert_eq!(role(&mina, &dave, json!("manager")).await, 404, "no member");
    let mut session = app.session(&bob).await;
    assert_eq!(role(&mina, &bob, json!("manager")).await, 200, "as it is");
    session.expect_none(|line| line["ev"] == "inbox").await;
    let listed = app.rest.get(&mina.token, &format!("/v1/clubs/{club}/members")).await;
    let managers = listed["items"].as_array().unwrap().iter();
    assert_eq!(managers.filter(|member| member["role"] == "manager").count(), 1);
}

async fn a_club_is_handed_over(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let (club, _plans) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let room = board(app, &mina, &club).await;
    let mut session = app.session(&bob).await;
    let path = format!("/v1/clubs/{club}/owner");
    let give = async |by: &Person, to: &str| {
        let body = json!({ "user_id": to });
        let answer = app.rest.send(Method::POST, Some(&by.token), &path, Some(&body)).await;
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(give(&bob, &bob.id).await.0, 403);
    let (status, body) = give(&mina, &carol.id).await;
    assert_eq!((status, &body["reason"]), (409, &json!("not_active")));
    assert_eq!(give(&mina, "bob").await.0, 422);
    assert_eq!(give(&mina, &mina.id).await.0, 200, "as it is");
    let (status, body) = give(&mina, &bob.id).await;
    assert_eq!((status, &body["owner"]["id"]), (200, &json!(bob.id)));
    assert_eq!(body["my"]["role"], "manager", "the old owner");
    assert_eq!(session.expect("room.add").await["room"]["room"], room);
    assert_eq!(session.expect("inbox").await["d"]["kind"], "club_role");
    assert_eq!(give(&mina, &mina.id).await.0, 403, "given is given");
    let leave = format!("/v1/clubs/{club}/leave");
    let left = app.rest.send(Method::POST, Some(&mina.token), &leave, None).await;
    assert_eq!(left.status(), 204, "the old owner may leave");
    let (status, body) = app.rest.refused(Method::POST, Some(&bob.token), &leave, None).await;
    assert_eq!((status, &body["reason"]), (409, &json!("owner_stays")));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_another_node_a_role_a_group_and_settings_are_known_at_once() {
    let Some([here, there]) = nodes::over(&Hub::sound()).await else { return };
    let (mina, bob) = (here.person("mina").await, there.person("bob").await);
    let (club, plans) = here.club(&mina, "readers").await;
    there.join(&bob, &club).await;
    let room = board(&here, &mina, &club).await;
    let (mut owner, mut session) = (here.session(&mina).await, there.session(&bob).await);
    owner.open(&room).await;
    set(&here, &mina, &club, &bob, "manager").await;
    assert_eq!(session.expect("room.add").await["room"]["room"], room);
    session.open(&room).await;
    let mut stream = Sse::open(&there.rest, &bob.token, &format!("/v1/rooms/{room}/events")).await;
    owner.send(&room, "c-1", "welcome").await;
    assert_eq!(session.expect("msg.new").await["d"]["text"], "welcome");
    let began = Instant::now();
    set(&here, &mina, &club, &bob, "member").await;
    assert_eq!(session.expect("room.remove").await["why"], "role");
    let rest = stream.rest().await;
    assert!(
        rest.iter().all(|event| event.event != "msg.new" || event.data["seq"] == 2),
        "{rest:?}"
    );
    assert!(began.elapsed() < AT_ONCE, "took {:?}", began.elapsed());
    owner.send(&room, "c-2", "not for bob").await;
    session.expect_none(|line| line["d"]["text"] == "not for bob").await;
    // Settings.
    session.open(&plans).await;
    owner.send(&plans, "c-3", "old").await;
    session.expect("msg.new").await;
    let change = json!({ "topic": "here", "history": "since_join" });
    here.rest.patch(&mina.token, &format!("/v1/rooms/{plans}"), &change).await;
    let update = session.expect("room.update").await;
    assert_eq!(update["d"], change);
    // A group, and one in it who is on the other node.
    let group = json!({ "name": "us", "member_ids": [bob.id] });
    let group = here.rest.post(&mina.token, "/v1/rooms", &group).await["id"].clone();
    let group = group.as_str().unwrap();
    let mine = |line: &Value| line["ev"] == "room.add" && line["room"]["room"] == group;
    session.wait_for(mine).await;
    session.open(group).await;
    session.send(group, "c-4", "hello").await;
    let out = format!("/v1/rooms/{group}/members/{}", bob.id);
    assert_eq!(here.rest.status(Method::DELETE, &mina.token, &out).await, 204);
    let gone = session.wait_for(|line| line["room"] == group && line["ev"] == "room.remove").await;
    assert_eq!(gone["why"], "kicked");
    // A private room, and a mark that goes back.
    let pair = json!({ "user_id": bob.id });
    let pair = here.rest.post(&mina.token, "/v1/dms", &pair).await["id"].clone();
    let pair = pair.as_str().unwrap();
    let added = session.wait_for(|line| line["ev"] == "room.add" && line["room"]["room"] == pair);
    assert_eq!(added.await["room"]["peer"], mina.id.as_str());
    owner.send(pair, "c-5", "hi").await;
    assert_eq!(session.wait_for(|line| line["d"]["kind"] == "dm").await["d"]["room"], pair);
    let mut phone = here.session(&bob).await;
    phone.ok(json!({ "op": "read", "room": pair, "seq": 1 })).await;
    let told = session.wait_for(|line| line["ev"] == "read" && line["room"] == pair).await;
    assert_eq!(told["unread"], 0);
    assert_eq!(session.expect("inbox.read").await["unread"].as_i64(), Some(2), "invite and role");
    phone.ok(json!({ "op": "unread", "room": pair, "seq": 1 })).await;
    let told = session.wait_for(|line| line["ev"] == "read" && line["room"] == pair).await;
    assert_eq!(told["unread"], 1);
    tokio::join!(here.end(), there.end());
}
