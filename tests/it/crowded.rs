//! Much at once: a node that is full says so, and what it is asked for comes in bearable pieces.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Raw, Sse, TestApp, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_refuses_one_more_and_answers_calls_all_the_same() {
    let app = TestApp::spawn_with(&[("MOIM_MAX_CONNECTIONS", "3")]).await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let (first, mut second) = (app.session(&mina).await, app.session(&mina).await);
    let events = format!("/v1/rooms/{room}/events");
    let stream = Sse::open(&app.rest, &mina.token, &events).await;
    assert_eq!(Client::connect_with(app.address, "/v1/ws", &[]).await.err(), Some(503));
    let (status, body) = app.rest.refused(Method::GET, Some(&mina.token), &events, None).await;
    assert_eq!((status, &body["code"]), (503, &json!("overloaded")));
    assert!(body["retry_ms"].is_u64(), "{body}");
    // A ticket is not used up by a node that is full.
    let ticket = app.rest.post(&mina.token, "/v1/auth/ticket", &json!({})).await["ticket"].clone();
    let with_ticket = format!("/v1/ws?ticket={}", ticket.as_str().unwrap());
    assert_eq!(Client::connect_with(app.address, &with_ticket, &[]).await.err(), Some(503));
    // Who is in is served, and so is who only calls.
    assert_eq!(second.send(&room, "c-1", "inside").await["seq"], 1);
    assert_eq!(app.rest.send(Method::GET, None, "/healthz", None).await.status(), 200);
    app.rest.get(&mina.token, "/v1/rooms").await;
    // Each who goes makes room for one: a session, and a stream.
    first.cut();
    let mut third = None;
    eventually("there is room for a session", async || {
        third = Client::connect_with(app.address, &with_ticket, &[]).await.ok();
        third.is_some()
    })
    .await;
    assert_eq!(Client::connect_with(app.address, "/v1/ws", &[]).await.err(), Some(503));
    drop(stream);
    eventually("there is room for another", async || {
        Client::connect_with(app.address, "/v1/ws", &[]).await.is_ok()
    })
    .await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_come_to_nothing_take_no_place() {
    let app = TestApp::spawn_with(&[("MOIM_MAX_CONNECTIONS", "1")]).await;
    for _ in 0..3 {
        let bad = Client::connect_with(app.address, "/v1/ws?access_token=nonsense", &[]).await;
        assert_eq!(bad.err(), Some(401));
        let mut raw = Raw::connect(app.address).await;
        raw.write(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n").await;
        assert!(raw.head().await.starts_with("HTTP/1.1 400"));
    }
    let mina = app.person("mina").await;
    app.session(&mina).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_who_sign_in_at_once_are_told_when_to_come_again() {
    // A check takes a while: so much memory is gone through twice.
    let app = TestApp::spawn_with(&[("MOIM_PASSWORD_MEMORY_KIB", "8192")]).await;
    let cores = std::thread::available_parallelism().unwrap().get();
    // For each core there is one at work, and some wait; thrice as many come. Nobody is known here,
    // which takes as long.
    let mut all = Vec::new();
    for _ in 0..cores * 200 {
        all.push(Raw::connect(app.address).await);
    }
    for (n, raw) in all.iter_mut().enumerate() {
        let body = json!({ "username": format!("nobody{n}"), "password": "correct horse" });
        let (body, kind) = (body.to_string(), "Content-Type: application/json");
        let (path, length) = ("/v1/auth/login", body.len());
        let call = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{kind}\r\nContent-Length: {length}");
        raw.write(format!("{call}\r\n\r\n{body}").as_bytes()).await;
    }
    let (mut done, mut refused) = (0, 0);
    for raw in &mut all {
        let (head, body) = raw.response().await;
        let answer: Value = serde_json::from_str(&body).unwrap();
        match answer["code"].as_str() {
            Some("bad_credentials") => done += 1,
            Some("overloaded") => {
                assert!(head.starts_with("HTTP/1.1 503"), "{head}");
                assert_eq!(answer["retry_ms"], 2_000);
                refused += 1;
            }
            _other => panic!("{head}{body}"),
        }
    }
    assert!(refused >= cores * 20 && done >= cores * 64, "{done} done, {refused} refused");
    let late = json!({ "username": "late", "password": "correct horse" });
    let (status, _) = app.rest.refused(Method::POST, None, "/v1/auth/login", Some(&late)).await;
    assert_eq!(status, 401, "it is over");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_long_messages_is_short_and_leads_on() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let (room, mut session) = (app.lobby(&mina).await, app.session(&mina).await);
    let (total, wide) = (100, "🎈".repeat(4_000));
    for n in 0..total {
        session.send(&room, &format!("c-{n}"), &wide).await;
    }
    let read = async |query: &str| {
        let path = format!("/v1/rooms/{room}/messages?limit=200&{query}");
        app.rest.get(&mina.token, &path).await
    };
    let seqs = |page: &Value| -> Vec<i64> {
        page["items"].as_array().unwrap().iter().map(|m| m["seq"].as_i64().unwrap()).collect()
    };
    // Sixteen of these have 256,000 bytes.
    for (from, is_back) in [("", true), ("after_seq=0", false)] {
        let (mut query, mut all) = (from.to_owned(), Vec::new());
        loop {
            let page = read(&query).await;
            let mut seqs = seqs(&page);
            assert!((1..=16).contains(&seqs.len()), "{} in a page", seqs.len());
            assert!(seqs.is_sorted());
            if is_back {
                seqs.append(&mut all);
                all = seqs;
            } else {
                all.append(&mut seqs);
            }
            match page["next"].as_str() {
                Some(next) => query = format!("cursor={next}"),
                None => break,
            }
        }
        assert_eq!(all, (1..=total).collect::<Vec<_>>(), "{from}");
    }
    let around = read("around_seq=50").await;
    assert_eq!(seqs(&around), (35..=66).collect::<Vec<_>>());
    assert!(around["next"].is_null());
    app.end().await;
}
