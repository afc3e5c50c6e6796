//! What attackers and accidents send: the documented answer, and nobody else is disturbed.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Raw, TestApp, eventually, frame};

/// A token with a body and a header of one's own, signed by nobody.
fn forged(header: &Value, token: &str) -> String {
    let body = token.split('.').nth(1).unwrap();
    format!("{}.{body}.", BASE64.encode(header.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_another_server_or_of_no_algorithm_are_refused() {
    let (app, other) = (TestApp::spawn().await, TestApp::spawn().await);
    let (mina, theirs) = (app.person("mina").await, other.person("mina").await);
    let none = forged(&json!({ "alg": "none", "typ": "JWT" }), &mina.token);
    let unsigned = forged(&json!({ "alg": "HS256", "typ": "JWT" }), &mina.token);
    for token in [theirs.token.as_str(), none.as_str(), unsigned.as_str(), "", "a.b.c"] {
        let (status, body) = app.rest.refused(Method::GET, Some(token), "/v1/me", None).await;
        assert_eq!((status, &body["code"]), (401, &json!("unauthorized")), "{token}");
        let mut client = Client::connect(app.address).await;
        assert_eq!(
            client.err(json!({ "op": "auth", "token": token })).await["code"],
            "unauthorized"
        );
    }
    let expired = app.rest.get(&mina.token, "/v1/me").await;
    assert_eq!(expired["user"]["username"], "mina");
    other.end().await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_do_not_fit_are_told_why() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let token = Some(mina.token.as_str());
    let room = app.lobby(&mina).await;
    let messages = format!("/v1/rooms/{room}/messages");
    let post = async |path: &str, body: Value| {
        app.rest.refused(Method::POST, token, path, Some(&body)).await
    };
    let (status, body) = post(&messages, json!({ "text": "a".repeat(4_001) })).await;
    assert_eq!((status, &body["code"]), (413, &json!("too_large")));
    let (status, body) = post(&messages, json!({ "text": "  " })).await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("text")));
    for unseen in ["\u{200b}", "\u{3164} \u{3164}", "\u{2800}\n\u{2800}", "\u{feff}\u{200d}"] {
        let (status, body) = post(&messages, json!({ "text": unseen })).await;
        assert_eq!((status, &body["errors"][0]["reason"]), (422, &json!("blank")), "{unseen:?}");
    }
    assert_eq!(post(&messages, json!({ "text": 7 })).await.0, 400);
    assert_eq!(post(&messages, json!({ "text": "x".repeat(1 << 20) })).await.0, 413);
    assert_eq!(post("/v1/rooms/r_999999/messages", json!({ "text": "hi" })).await.0, 404);
    assert_eq!(post("/v1/rooms/12/messages", json!({ "text": "hi" })).await.0, 404);
    let (status, body) = post("/v1/clubs", json!({ "name": "x", "kind": "sect" })).await;
    assert_eq!((status, &body["code"]), (422, &json!("invalid")));
    assert!(body["errors"].as_array().unwrap().len() >= 2, "{body}");
    for query in ["limit=0", "limit=201", "limit=many", "cursor=bWFkZSB1cA", "cursor=%00"] {
        let path = format!("{messages}?{query}");
        let (status, body) = app.rest.refused(Method::GET, token, &path, None).await;
        assert_eq!((status, &body["code"]), (422, &json!("invalid")), "{query}");
    }
    let (status, _) = app.rest.refused(Method::DELETE, token, &messages, None).await;
    assert_eq!(status, 405);
    let (status, _) = app.rest.refused(Method::GET, token, "/v1/nothing", None).await;
    assert_eq!(status, 404);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_messages_is_told_when_to_come_back() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    let mut waiting = Vec::new();
    // So many that some are too many, however long they take.
    for n in 0..600 {
        let send = json!({ "op": "send", "room": room, "cid": format!("c-{n}"), "text": "hi" });
        waiting.push(session.begin(send).await);
    }
    let mut refused = 0;
    for re in waiting {
        let reply = session.reply(re).await;
        if reply["err"].is_object() {
            assert_eq!(reply["err"]["code"], "rate_limited");
            assert_eq!(reply["err"]["temporary"], true);
            assert!(reply["err"]["retry_ms"].as_u64().unwrap() <= 1_000);
            refused += 1;
        }
    }
    assert!((10..=400).contains(&refused), "{refused}");
    let path = format!("/v1/rooms/{room}/messages");
    let body = json!({ "text": "hi" });
    let mut response = app.rest.send(Method::POST, Some(&mina.token), &path, Some(&body)).await;
    for _ in 0..300 {
        if response.status() == 429 {
            break;
        }
        response = app.rest.send(Method::POST, Some(&mina.token), &path, Some(&body)).await;
    }
    assert_eq!(response.status(), 429);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_are_limited_and_look_like_unknown_names() {
    let app = TestApp::spawn().await;
    app.person("mina").await;
    let sign_in = async |name: &str| {
        let body = json!({ "username": name, "password": "wrong horse" });
        app.rest.refused(Method::POST, None, "/v1/auth/login", Some(&body)).await
    };
    let (known, mut unknown) = (sign_in("mina").await, sign_in("nobody").await);
    unknown.1["request_id"] = known.1["request_id"].clone();
    assert_eq!(known, unknown);
    assert_eq!((known.0, &known.1["code"]), (401, &json!("bad_credentials")));
    let mut status = 401;
    for _ in 0..12 {
        status = sign_in("mina").await.0;
    }
    assert_eq!(status, 429);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_half_sent_frames_hold_next_to_nothing() {
    let app = TestApp::spawn().await;
    let mut stalled = Vec::new();
    let half = &frame(0x81, &vec![b'a'; 60_000])[..14];
    for _ in 0..1_000 {
        stalled.push(Raw::upgraded(app.address, half).await);
    }
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    session.send(&room, "c-1", "nobody else is disturbed").await;
    // They never sign in: each is closed, with the reason.
    for raw in stalled.iter_mut().take(3) {
        let closed = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                match raw.try_frame(Duration::from_secs(20)).await {
                    Some(frame) if frame.first == 0x88 => break frame.payload,
                    Some(_) => {}
                    None => break Vec::new(),
                }
            }
        });
        assert_eq!(&closed.await.unwrap()[..2], &4401_u16.to_be_bytes());
    }
    drop(stalled);
    eventually("they are gone", async || app.metric("moim_connections").await < 2.0).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_drips_is_sent_away_and_a_connection_opened_ahead_of_need_is_not() {
    let app = TestApp::spawn().await;
    let mut ahead = Raw::connect(app.address).await;
    let mut raw = Raw::connect(app.address).await;
    raw.write(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n").await;
    let answer = raw.rest_within(Duration::from_secs(20)).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    ahead.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (head, _) = ahead.response().await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_vanishes_is_noticed_by_its_silence() {
    let app = TestApp::spawn_with(&[("MOIM_HEARTBEAT_MS", "1000")]).await;
    let mina = app.person("mina").await;
    let auth = json!({ "op": "auth", "token": mina.token }).to_string();
    let half_open = Raw::upgraded(app.address, &frame(0x81, auth.as_bytes())).await;
    eventually("it is in", async || app.metric("moim_connections").await >= 1.0).await;
    // The socket stays open here and says nothing, as a peer does whose cable was pulled.
    eventually("it is out", async || app.metric("moim_connections").await < 1.0).await;
    drop(half_open);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_known_by_their_names_and_not_by_their_places() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let token = Some(mina.token.as_str());
    let cases = [
        (Method::POST, "/v1/auth/login", json!(["mina", "correct horse"])),
        (Method::PATCH, "/v1/me", json!(["renamed"])),
        (Method::PUT, "/v1/me/password", json!(["correct horse", "another horse"])),
        (Method::POST, "/v1/clubs", json!(["a club"])),
    ];
    for (method, path, body) in cases {
        let (status, problem) = app.rest.refused(method, token, path, Some(&body)).await;
        assert_eq!((status, &problem["code"]), (400, &json!("bad_request")), "{path} {problem}");
    }
    let mut session = app.session(&mina).await;
    session.say("[1,\"ping\"]").await;
    session.wait_for(|line| line["err"]["code"] == "bad_request").await;
    let nothing = session.err(json!({ "op": null })).await;
    assert_eq!(nothing["code"], "bad_request", "who names an id waits for an answer");
    app.end().await;
}

/// The word is for programs, and what it is about comes as numbers.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_says_why_in_a_word() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let token = Some(mina.token.as_str());
    let (club, room) = app.club(&mina, "readers").await;
    let (of_club, of_room) = (format!("/v1/clubs/{club}"), format!("/v1/rooms/{room}"));
    let own = format!("/v1/users/{}/block", mina.id);
    let cases = [
        (Method::POST, "/v1/clubs", json!({ "name": "x" }), "name length 2 40"),
        (Method::POST, "/v1/clubs", json!({ "name": "ok", "kind": "sect" }), "kind choice"),
        (
            Method::POST,
            "/v1/clubs",
            json!({ "name": "ok", "kind": "study", "capacity": 11 }),
            "capacity range 2 10",
        ),
        (
            Method::PATCH,
            of_club.as_str(),
            json!({ "greeting": "x".repeat(101) }),
            "greeting too_long 100",
        ),
        (Method::PATCH, of_club.as_str(), json!({ "visibility": null }), "visibility needed"),
        (
            Method::PATCH,
            of_club.as_str(),
            json!({ "visibility": "private", "join_policy": "open" }),
            "join_policy contradiction",
        ),
        (
            Method::PATCH,
            of_room.as_str(),
            json!({ "slow_mode_s": -1 }),
            "slow_mode_s range 0 21600",
        ),
        (Method::PATCH, of_room.as_str(), json!({ "listed": true }), "listed not_group"),
        (Method::PATCH, of_room.as_str(), json!({ "ai_model": "none" }), "ai_model model"),
        (Method::POST, "/v1/dms", json!({ "user_id": mina.id }), "user_id yourself"),
        (Method::POST, "/v1/dms", json!({ "user_id": "r_1" }), "user_id id"),
        (Method::PUT, own.as_str(), json!({}), "id yourself"),
        (Method::POST, "/v1/inbox/read", json!({}), "upto_seq either"),
        (Method::GET, "/v1/rooms?limit=0", json!({}), "limit range 1 200"),
        (Method::GET, "/v1/me/blocks?cursor=x", json!({}), "cursor cursor"),
        (Method::GET, "/v1/search?q=words&after=soon", json!({}), "after time"),
        (Method::PUT, "/v1/me/password", json!({ "old": "x", "new": "short" }), "new length 8 128"),
    ];
    for (method, path, body, wanted) in cases {
        let (status, problem) = app.rest.refused(method, token, path, Some(&body)).await;
        let error = &problem["errors"][0];
        let words = ["field", "reason"].map(|key| error[key].as_str().unwrap_or("?").to_owned());
        let numbers = ["least", "most"].iter().filter_map(|key| error[key].as_i64());
        let told: Vec<_> = words.into_iter().chain(numbers.map(|one| one.to_string())).collect();
        assert_eq!((status, told.join(" ").as_str()), (422, wanted), "{path} {problem}");
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
}
