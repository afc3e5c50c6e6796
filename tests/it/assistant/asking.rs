//! What wakes the assistant, and what does not.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Models, ask, hear, on_both_with, set, talker};
use crate::support::TestApp;

on_both_with!("fast":
    a_name_a_command_and_an_answer_wake_it,
    a_room_says_what_wakes_it,
    a_private_room_with_it_needs_no_name,
    the_call_asks_and_asks_again,
    what_a_room_says_of_it_is_checked,
);

/// Nothing more is asked than was.
fn asked(models: &Models, count: usize) {
    assert_eq!(models.mock.calls().len(), count);
}

async fn a_name_a_command_and_an_answer_wake_it(app: &TestApp, models: &Models) {
    let (_, room, mut at_mina) = talker(app, "mina").await;
    for (n, text) in ["hello", "`@ai` in code", "@aiden hi", "/aid", "ai"].iter().enumerate() {
        at_mina.send(&room, &format!("no-{n}"), text).await;
    }
    let mut answer = Value::Null;
    for (n, text) in ["@ai hi", "안녕 @ai님", "/ai hi", "so, @AI?"].iter().enumerate() {
        ask(&mut at_mina, &room, &format!("yes-{n}"), text).await;
        answer = hear(&mut at_mina).await.start["d"]["id"].clone();
    }
    asked(models, 4);
    let reply =
        json!({ "op": "send", "room": room, "cid": "re", "text": "why?", "reply_to": answer });
    at_mina.ok(reply).await;
    hear(&mut at_mina).await;
    asked(models, 5);
    // The same send again is the same question.
    assert_eq!(at_mina.send(&room, "yes-0", "@ai hi").await["dup"], true);
    // An edit asks nothing.
    let first = at_mina.send(&room, "edited", "hi").await["id"].clone();
    at_mina.ok(json!({ "op": "edit", "room": room, "message": first, "text": "@ai hi" })).await;
    at_mina.expect("msg.edit").await;
    at_mina.expect_none(|line| line["ev"] == "ai.start").await;
    asked(models, 5);
}

async fn a_room_says_what_wakes_it(app: &TestApp, models: &Models) {
    let mina = app.person("mina").await;
    let (_, room) = app.club(&mina, "readers").await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    set(app, &mina, &room, json!({ "assistant": "off" })).await;
    let question = ask(&mut session, &room, "c-1", "@ai hi").await;
    let refused = session.expect("ai.refused").await;
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("forbidden"), &json!("ai_off")));
    assert_eq!(refused["message"], question);
    let body = json!({ "text": "hi" });
    let path = format!("/v1/rooms/{room}/ai");
    let call = app.rest.send(Method::POST, Some(&mina.token), &path, Some(&body)).await;
    assert_eq!(call.status(), 403);
    set(app, &mina, &room, json!({ "assistant": "always", "persona": "a pirate" })).await;
    session.send(&room, "c-2", "just talking").await;
    hear(&mut session).await;
    assert!(models.last_told().contains("a pirate"));
    set(app, &mina, &room, json!({ "assistant": "mention", "ai_language": "en" })).await;
    session.send(&room, "c-3", "just talking").await;
    session.expect_none(|line| line["ev"] == "ai.start").await;
    ask(&mut session, &room, "c-4", "@ai hi").await;
    hear(&mut session).await;
    assert!(models.last_told().contains("You are"), "in English");
    asked(models, 2);
}

async fn a_private_room_with_it_needs_no_name(app: &TestApp, models: &Models) {
    let mina = app.person("mina").await;
    let room = app.rest.post(&mina.token, "/v1/dms", &json!({ "user_id": "u_ai" })).await;
    let room = room["id"].as_str().unwrap().to_owned();
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    session.send(&room, "c-1", "hello there").await;
    hear(&mut session).await;
    asked(models, 1);
    let login = json!({ "username": "ai", "password": "" });
    let login = app.rest.send(Method::POST, None, "/v1/auth/login", Some(&login)).await;
    assert_eq!(login.status(), 401, "nobody signs in as the assistant");
}

async fn the_call_asks_and_asks_again(app: &TestApp, models: &Models) {
    let (mina, room, mut session) = talker(app, "mina").await;
    let path = format!("/v1/rooms/{room}/ai");
    let asked_it = app.rest.post(&mina.token, &path, &json!({ "text": "hi", "cid": "q" })).await;
    let first = hear(&mut session).await;
    assert_eq!(asked_it["run"], first.start["d"]["run"]);
    assert_eq!(asked_it["message"], first.start["d"]["reply_to"]);
    session.send(&room, "later", "said after the question").await;
    let retry = format!("/v1/ai/runs/{}/retry", asked_it["run"].as_str().unwrap());
    let again = app.rest.post(&mina.token, &retry, &json!({})).await;
    let second = hear(&mut session).await;
    assert_eq!(again["run"], second.start["d"]["run"]);
    assert_eq!(second.start["d"]["reply_to"], first.start["d"]["reply_to"]);
    assert_eq!(second.end["d"]["context"]["to"], first.end["d"]["context"]["to"]);
    assert!(!models.last_told().contains("said after"), "the same messages as before");
    let goes_on = format!("/v1/ai/runs/{}/continue", asked_it["run"].as_str().unwrap());
    let call = app.rest.send(Method::POST, Some(&mina.token), &goes_on, Some(&json!({}))).await;
    assert_eq!(call.status(), 409, "it did not break off");
    let blank = app.rest.send(Method::POST, Some(&mina.token), &path, Some(&json!({}))).await;
    assert_eq!(blank.status(), 422);
}

async fn what_a_room_says_of_it_is_checked(app: &TestApp, _models: &Models) {
    let mina = app.person("mina").await;
    let (_, room) = app.club(&mina, "readers").await;
    let path = format!("/v1/rooms/{room}");
    for odd in [
        json!({ "assistant": "sometimes" }),
        json!({ "persona": "x".repeat(501) }),
        json!({ "ai_language": "fr" }),
        json!({ "ai_model": "gpt-unknown" }),
    ] {
        let call = app.rest.send(Method::PATCH, Some(&mina.token), &path, Some(&odd)).await;
        assert_eq!(call.status(), 422, "{odd}");
    }
    set(app, &mina, &room, json!({ "persona": "kind", "ai_language": "ko" })).await;
    let shown = app.rest.get(&mina.token, &path).await;
    assert_eq!((&shown["persona"], &shown["ai_language"]), (&json!("kind"), &json!("ko")));
    set(app, &mina, &room, json!({ "persona": null, "ai_language": null })).await;
    let shown = app.rest.get(&mina.token, &path).await;
    assert_eq!((&shown["persona"], &shown["ai_language"]), (&json!(""), &json!(null)));
    let about = app.rest.get(&mina.token, "/v1/ai").await;
    assert_eq!((&about["user"], &about["connected"]), (&json!("u_ai"), &json!(true)));
}
