//! Who may do what in a club, and what is refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, Sse, TestApp};

async fn call(
    app: &TestApp,
    method: Method,
    who: &Person,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let response = app.rest.send(method, Some(&who.token), path, Some(&body)).await;
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(Value::Null))
}

async fn make(app: &TestApp, who: &Person, body: Value) -> String {
    let club = app.rest.post(&who.token, "/v1/clubs", &body).await;
    club["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_club_does_not_exist_for_strangers() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let club = make(&app, &mina, json!({ "name": "secret", "visibility": "private" })).await;
    let rooms = app.rest.get(&mina.token, &format!("/v1/clubs/{club}/rooms")).await;
    let room = rooms["items"][0]["id"].as_str().unwrap();
    let mut session = app.session(&mina).await;
    let sent = session.send(room, "c-1", "nobody knows").await;
    let nothing = app.rest.refused(Method::GET, Some(&bob.token), "/v1/clubs/c_999999", None).await;
    for (method, path) in [
        (Method::GET, format!("/v1/clubs/{club}")),
        (Method::PATCH, format!("/v1/clubs/{club}")),
        (Method::DELETE, format!("/v1/clubs/{club}")),
        (Method::POST, format!("/v1/clubs/{club}/join")),
        (Method::POST, format!("/v1/clubs/{club}/leave")),
        (Method::GET, format!("/v1/clubs/{club}/members")),
        (Method::GET, format!("/v1/clubs/{club}/rooms")),
        (Method::POST, format!("/v1/clubs/{club}/rooms")),
        (Method::GET, format!("/v1/rooms/{room}")),
        (Method::GET, format!("/v1/rooms/{room}/messages")),
        (Method::POST, format!("/v1/rooms/{room}/messages")),
        (Method::GET, format!("/v1/rooms/{room}/members")),
        (Method::POST, format!("/v1/rooms/{room}/join")),
        (Method::POST, format!("/v1/rooms/{room}/leave")),
        (Method::POST, format!("/v1/rooms/{room}/read")),
        (Method::GET, format!("/v1/rooms/{room}/events")),
    ] {
        let body = json!({ "name": "mine", "text": "hi", "seq": 1 });
        let (status, mut body) =
            app.rest.refused(method.clone(), Some(&bob.token), &path, Some(&body)).await;
        assert_eq!(status, 404, "{method} {path}: {body}");
        assert_eq!((&body["code"], body.get("reason")), (&json!("not_found"), None), "{path}");
        body["request_id"] = nothing.1["request_id"].clone();
        if path == format!("/v1/clubs/{club}") {
            assert_eq!(body, nothing.1, "as if it were not there");
        }
    }
    let mut outside = app.session(&bob).await;
    let message = sent["id"].clone();
    for op in [
        json!({ "op": "open", "room": room }),
        json!({ "op": "open", "room": room, "since": { "epoch": "a", "seq": 0 } }),
        json!({ "op": "send", "room": room, "text": "hi" }),
        json!({ "op": "send", "room": room, "text": "hi", "reply_to": message }),
        json!({ "op": "read", "room": room, "seq": 1 }),
        json!({ "op": "pull", "room": room, "after": 0 }),
    ] {
        assert_eq!(outside.err(op.clone()).await["code"], "not_found", "{op}");
    }
    outside.expect_none(|line| line["room"] == room).await;
    session.expect_none(|line| line["ev"] == "typing").await;
    assert_eq!(app.rest.get(&mina.token, &format!("/v1/rooms/{room}")).await["head"], 1);
    let bearer = format!("Bearer {}", bob.token);
    let path = format!("/v1/rooms/{room}/events?since=a-0");
    let opened = Sse::open_with(&app.rest, &path, &[("authorization", &bearer)]).await;
    assert_eq!(opened.err(), Some(404));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_open_clubs_are_joined_without_asking() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    for policy in ["request", "form", "quiz"] {
        let club = make(&app, &mina, json!({ "name": policy, "join_policy": policy })).await;
        let join = format!("/v1/clubs/{club}/join");
        let (status, body) = call(&app, Method::POST, &bob, &join, json!({})).await;
        assert_eq!(
            (status, &body["code"], &body["reason"]),
            (403, &json!("forbidden"), &json!("not_open"))
        );
        let shown = app.rest.get(&bob.token, &format!("/v1/clubs/{club}")).await;
        assert_eq!((&shown["my"], &shown["member_count"]), (&Value::Null, &json!(1)));
        // Whoever is in it already is answered the same as ever.
        let (status, body) = call(&app, Method::POST, &mina, &join, json!({})).await;
        assert_eq!((status, body), (200, json!({ "status": "active" })));
        let members = format!("/v1/clubs/{club}/members");
        assert_eq!(call(&app, Method::GET, &bob, &members, json!({})).await.0, 403);
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_changes_a_club_and_nobody_else() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let stranger = app.person("stranger").await;
    let body = json!({ "name": "readers", "greeting": "hi", "description": "we read", "category": "language" });
    let path = format!("/v1/clubs/{}", make(&app, &mina, body).await);
    make(&app, &mina, json!({ "name": "others" })).await;
    app.join(&bob, path.rsplit('/').next().unwrap()).await;
    let change =
        async |who: &Person, body: Value| call(&app, Method::PATCH, who, &path, body).await;
    let (status, body) = change(&bob, json!({ "name": "mine" })).await;
    assert_eq!((status, &body["reason"]), (403, &json!("role")));
    let (status, body) = change(&stranger, json!({ "name": "mine" })).await;
    assert_eq!((status, &body["reason"]), (403, &json!("not_member")));
    let (status, body) = change(&mina, json!({ "description": null, "greeting": " 안녕 " })).await;
    assert_eq!(status, 200);
    assert_eq!((&body["description"], &body["greeting"]), (&json!(""), &json!("안녕")));
    assert_eq!((&body["name"], &body["category"]), (&json!("readers"), &json!("language")));
    let (status, body) = change(&mina, json!({ "name": "READERS", "category": null })).await;
    assert_eq!(
        (status, &body["name"], &body["category"]),
        (200, &json!("READERS"), &json!("other"))
    );
    let (status, body) = change(&mina, json!({ "name": "OTHERS" })).await;
    assert_eq!((status, &body["reason"]), (409, &json!("name_taken")));
    for (odd, field) in [
        (json!({ "name": null }), "name"),
        (json!({ "name": "x" }), "name"),
        (json!({ "greeting": "x".repeat(101) }), "greeting"),
        (json!({ "description": "x".repeat(1_001) }), "description"),
        (json!({ "category": "cooking" }), "category"),
        (json!({ "join_policy": "magic" }), "join_policy"),
        (json!({ "visibility": "hidden" }), "visibility"),
        (json!({ "capacity": 1 }), "capacity"),
        (json!({ "visibility": "private", "join_policy": "open" }), "join_policy"),
        (json!({ "visibility": "public", "join_policy": "invite" }), "join_policy"),
    ] {
        let (status, body) = change(&mina, odd.clone()).await;
        assert_eq!((status, &body["errors"][0]["field"]), (422, &json!(field)), "{odd}: {body}");
    }
    let access = async |body: Value| {
        let (status, body) = change(&mina, body).await;
        assert_eq!(status, 200, "{body}");
        format!("{} {}", body["visibility"], body["join_policy"]).replace('"', "")
    };
    assert_eq!(access(json!({ "visibility": "private" })).await, "private invite");
    assert_eq!(
        change(&mina, json!({ "join_policy": "open" })).await.0,
        422,
        "private is by invite"
    );
    assert_eq!(change(&stranger, json!({})).await.0, 404);
    assert_eq!(change(&bob, json!({})).await.0, 403, "a member still sees it");
    assert_eq!(access(json!({ "visibility": "public" })).await, "public request");
    assert_eq!(access(json!({ "join_policy": "invite" })).await, "private invite");
    assert_eq!(
        access(json!({ "visibility": "public", "join_policy": "open" })).await,
        "public open"
    );
    assert_eq!(change(&mina, json!({ "kind": "study" })).await.1["kind"], "community", "fixed");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_ten_gets_the_last_place() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let club = make(&app, &mina, json!({ "name": "pair", "kind": "study", "capacity": 2 })).await;
    let path = format!("/v1/clubs/{club}/join");
    let mut asked = Vec::new();
    for n in 0..10 {
        let person = app.person(&format!("p{n}")).await;
        let (rest, path) = (app.rest.clone(), path.clone());
        asked.push(tokio::spawn(async move {
            let response = rest.send(Method::POST, Some(&person.token), &path, None).await;
            let status = response.status().as_u16();
            (status, response.json::<Value>().await.unwrap(), person)
        }));
    }
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for asked in asked {
        let (status, body, person) = asked.await.unwrap();
        match status {
            200 => inside.push(person),
            _full => {
                assert_eq!((status, &body["code"]), (409, &json!("conflict")));
                assert_eq!(body["reason"], "club_full");
                outside.push(person);
            }
        }
    }
    assert_eq!((inside.len(), outside.len()), (1, 9));
    assert_eq!(app.rest.get(&mina.token, &format!("/v1/clubs/{club}")).await["member_count"], 2);
    app.join(&inside[0], &club).await;
    let leave = format!("/v1/clubs/{club}/leave");
    assert_eq!(call(&app, Method::POST, &inside[0], &leave, json!({})).await.0, 204);
    app.join(&outside[0], &club).await;
    assert_eq!(call(&app, Method::POST, &outside[1], &path, json!({})).await.0, 409);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_have_bounds_by_the_kind_of_club() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    for kind in ["study", "project"] {
        for capacity in [1, 11, 0, -5] {
            let body = json!({ "name": "too odd", "kind": kind, "capacity": capacity });
            let (status, body) = call(&app, Method::POST, &mina, "/v1/clubs", body).await;
            assert_eq!(
                (status, &body["errors"][0]["field"]),
                (422, &json!("capacity")),
                "{capacity}"
            );
        }
        let club = make(&app, &mina, json!({ "name": kind, "kind": kind })).await;
        let path = format!("/v1/clubs/{club}");
        assert_eq!(app.rest.get(&mina.token, &path).await["capacity"], 10);
        for person in ["a", "b"] {
            let person = app.person(&format!("{kind}-{person}")).await;
            app.join(&person, &club).await;
        }
        let change = async |capacity: Value| {
            call(&app, Method::PATCH, &mina, &path, json!({ "capacity": capacity })).await
        };
        assert_eq!(change(json!(20)).await.1["capacity"], 20);
        assert_eq!(change(json!(21)).await.0, 422);
        assert_eq!(change(json!(null)).await.0, 422);
        let (status, body) = change(json!(2)).await;
        assert_eq!((status, &body["reason"]), (409, &json!("capacity_limit")));
        assert_eq!(change(json!(3)).await.1["capacity"], 3);
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_stays() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, _) = app.club(&mina, "readers").await;
    let path = format!("/v1/clubs/{club}/leave");
    let (status, body) = call(&app, Method::POST, &mina, &path, json!({})).await;
    assert_eq!(
        (status, &body["code"], &body["reason"]),
        (409, &json!("conflict"), &json!("owner_stays"))
    );
    assert_eq!(call(&app, Method::POST, &bob, &path, json!({})).await.0, 404, "never was in it");
    assert_eq!(
        app.rest.get(&mina.token, &format!("/v1/clubs/{club}")).await["my"]["role"],
        "owner"
    );
    app.end().await;
}
