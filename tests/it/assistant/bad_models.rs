//! Whatever a model says, and wherever its address leads: who asks is told in words, the admin reads
//! why, and the next question is answered like any.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::{Models, ask, hear, set, talker};
use crate::support::{TestApp, command, eventually, free_address, fresh};

/// A model, how its answer ends, what readers are told, and why admins read that it is so.
const BAD: [(&str, &str, Option<&str>, Option<&str>); 8] = [
    ("huge:10MB", "length", None, None),
    ("line:2MB", "error", Some("unavailable"), Some("bad_answer")),
    ("bad-utf8", "error", Some("unavailable"), Some("bad_answer")),
    ("bad-utf8+words:9", "error", Some("unavailable"), Some("bad_answer")),
    ("wrong-json", "error", Some("unavailable"), Some("bad_answer")),
    ("garbage", "error", Some("unavailable"), Some("bad_answer")),
    ("nobody-knows", "error", Some("unavailable"), Some("unknown_model")),
    ("key:other", "error", Some("unavailable"), Some("bad_key")),
];

/// A server that speaks one wire, and may be asked for all of these.
async fn app(models: &Models, wire: &str, more: &[(&str, &str)]) -> TestApp {
    let url =
        if wire == "gemini" { models.url.replace("/v1", "/v1beta") } else { models.url.clone() };
    let names = BAD.map(|(model, ..)| model).join(",");
    let settings = [
        ("MOIM_LLM_PROVIDER", wire),
        ("MOIM_LLM_BASE_URL", &url),
        ("MOIM_LLM_API_KEY", "sk-very-secret"),
        ("MOIM_LLM_MODEL", "words:5"),
        ("MOIM_AI_MODELS", &names),
        ("MOIM_AI_QUESTIONS_PER_MINUTE", "100"),
        // Each is to be asked, whatever the others did.
        ("MOIM_AI_PROVIDER_FAILURES", "100"),
    ];
    TestApp::spawn_with(&[&settings, more].concat()).await
}

async fn each_is_over_and_the_next_is_answered(wire: &str, more: &[(&str, &str)]) {
    let models = Models::listen().await;
    let app = app(&models, wire, more).await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, _) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let long = format!("@ai {}끝", "가".repeat(3_995));
    let mut rooms = Vec::new();
    for (model, ..) in BAD {
        let body = json!({ "name": format!("with {}", rooms.len()), "kind": "member" });
        let made = app.rest.post(&mina.token, &format!("/v1/clubs/{club}/rooms"), &body).await;
        let room = made["id"].as_str().unwrap().to_owned();
        set(&app, &mina, &room, json!({ "ai_model": model })).await;
        at_mina.open(&room).await;
        at_bob.open(&room).await;
        rooms.push(room);
    }
    for room in &rooms {
        ask(&mut at_mina, room, "c-1", &long).await;
    }
    let ends = at_bob.expect_many("ai.end", BAD.len()).await;
    let by_room = |end: Value| (end["room"].as_str().unwrap().to_owned(), end["d"].clone());
    let ends: HashMap<String, Value> = ends.into_iter().map(by_room).collect();
    let mut used = 0;
    for ((model, finish, told, kind), room) in BAD.into_iter().zip(&rooms) {
        let end = &ends[room];
        let error = end.get("error").and_then(Value::as_str);
        assert_eq!((end["finish"].as_str(), error), (Some(finish), told), "{model}: {end}");
        let path = format!("/v1/ai/runs/{}", end["run"].as_str().unwrap());
        let (seen, shown) =
            (app.rest.get(&mina.token, &path).await, app.rest.get(&bob.token, &path).await);
        assert_eq!((&seen["status"], seen["error"].as_str()), (&json!("done"), kind), "{model}");
        assert_eq!(shown["error"].as_str(), told, "the reason is the admin's: {model}");
        for text in [end, &seen, &shown] {
            assert!(!text.to_string().contains("sk-very-secret"), "{text}");
        }
        used += end["use"]["in"].as_i64().unwrap() + end["use"]["out"].as_i64().unwrap();
    }
    let is_of_answer = |line: &Value| line["ev"] == "ai.start" || line["ev"] == "ai.end";
    at_bob.heard();
    at_bob.expect_none(is_of_answer).await;
    at_mina.expect_many("ai.end", BAD.len()).await;
    at_mina.heard();
    for room in &rooms {
        set(&app, &mina, room, json!({ "ai_model": "words:5" })).await;
        ask(&mut at_mina, room, "c-2", "@ai and now?").await;
        let end = hear(&mut at_mina).await.end["d"].clone();
        assert_eq!(end["finish"], "stop", "{end}");
        used += end["use"]["in"].as_i64().unwrap() + end["use"]["out"].as_i64().unwrap();
    }
    let spent = app.rest.get(&mina.token, "/v1/me/ai/usage").await;
    assert_eq!(spent["tokens"], used, "nothing stays put aside");
    for gauge in ["moim_ai_working", "moim_ai_waiting"] {
        eventually("nothing is left", async || app.metric(gauge).await == 0.0).await;
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_over_and_the_next_is_answered_by_openai() {
    each_is_over_and_the_next_is_answered("openai", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_over_and_the_next_is_answered_by_gemini_on_postgres() {
    let Some(url) = fresh().await else { return };
    each_is_over_and_the_next_is_answered("gemini", &[("MOIM_DATABASE_URL", url.as_str())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_to_ask_itself_does_not_start() {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
    for host in ["127.0.0.1", "localhost", "0.0.0.0"] {
        let url = format!("http://{host}:{}/v1", address.port());
        let mut server = command(folder.path(), address);
        server.env("MOIM_LLM_PROVIDER", "openai").env("MOIM_LLM_BASE_URL", &url);
        server.env("MOIM_LLM_MODEL", "own");
        let ended = tokio::time::timeout(Duration::from_secs(30), server.output()).await;
        let ended = ended.expect("it serves").unwrap();
        let said = [ended.stdout, ended.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(!ended.status.success() && said.contains("leads to this server itself"), "{said}");
    }
}

/// An address that leads to the server by a detour, which the server cannot know.
async fn detour() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_itself_by_a_detour_ends_as_with_an_unknown_model() {
    let (listener, url) = detour().await;
    let settings =
        [("MOIM_LLM_PROVIDER", "openai"), ("MOIM_LLM_BASE_URL", &url), ("MOIM_LLM_MODEL", "own")];
    let app = TestApp::spawn_with(&settings).await;
    let address = app.address;
    let detour = tokio::spawn(async move {
        let mut calls = 0;
        while let Ok(Ok((mut from, _))) =
            tokio::time::timeout(Duration::from_secs(2), listener.accept()).await
        {
            calls += 1;
            tokio::spawn(async move {
                let mut to = TcpStream::connect(address).await.unwrap();
                let _ended = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
        calls
    });
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let end = hear(&mut session).await.end["d"].clone();
    assert_eq!((&end["finish"], &end["error"]), (&json!("error"), &json!("unavailable")));
    let path = format!("/v1/ai/runs/{}", end["run"].as_str().unwrap());
    assert_eq!(app.rest.get(&mina.token, &path).await["error"], "unknown_model");
    session.send(&room, "c-2", "we talk on").await;
    assert_eq!(detour.await.unwrap(), 1, "it asks once, and no circle comes of it");
    app.end().await;
}
