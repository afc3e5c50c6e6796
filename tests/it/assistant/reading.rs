//! What a model is told: the last messages of that room, oldest first, and nothing else.

use serde_json::json;

use super::{Models, ask, hear, on_both_with, set, talker};
use crate::support::TestApp;

on_both_with!("echo":
    it_reads_its_own_room_only_and_no_more_than_it_may,
    what_is_deleted_or_broken_is_not_read,
    nothing_from_before_the_last_who_came,
    a_draft_reads_ten_messages_and_is_heard_by_nobody,
);

async fn it_reads_its_own_room_only_and_no_more_than_it_may(app: &TestApp, models: &Models) {
    let (mina, room, mut session) = talker(app, "mina").await;
    let (_, other) = app.club(&mina, "secrets").await;
    session.open(&other).await;
    session.send(&other, "s-1", "the code is 4711").await;
    for n in 0..60 {
        session.send(&room, &format!("c-{n}"), &format!("word number {n}.")).await;
    }
    ask(&mut session, &room, "q", "@ai what is the code?").await;
    let end = hear(&mut session).await.end;
    let told = models.last_told();
    assert!(!told.contains("4711"), "of another room");
    assert!(!told.contains("word number 9.") && told.contains("word number 10."), "fifty messages");
    let at = |n: i64| told.find(&format!("word number {n}.")).unwrap();
    assert!((10..59).all(|n| at(n) < at(n + 1)), "oldest first");
    assert_eq!(end["d"]["context"]["used"], 50);
    let long = "길고 긴 이야기 ".repeat(300);
    for n in 0..4 {
        session.send(&room, &format!("long-{n}"), &long).await;
    }
    ask(&mut session, &room, "q-2", "@ai and now?").await;
    let context = hear(&mut session).await.end["d"]["context"].clone();
    assert!(context["left_out"]["budget"].as_i64().unwrap() > 0, "{context}");
}

async fn what_is_deleted_or_broken_is_not_read(app: &TestApp, models: &Models) {
    let (_, room, mut session) = talker(app, "mina").await;
    let gone = session.send(&room, "c-1", "a secret that is deleted").await["id"].clone();
    session.send(&room, "c-2", "and one that stays").await;
    session.ok(json!({ "op": "delete", "room": room, "message": gone })).await;
    ask(&mut session, &room, "q", "@ai what was said?").await;
    let context = hear(&mut session).await.end["d"]["context"].clone();
    let told = models.last_told();
    assert!(told.contains("one that stays") && !told.contains("a secret that is deleted"));
    assert_eq!(context["used"], 1);
}

async fn nothing_from_before_the_last_who_came(app: &TestApp, models: &Models) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    set(app, &mina, &room, json!({ "history": "since_join" })).await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    session.send(&room, "c-1", "before bob was here").await;
    app.join(&bob, &club).await;
    session.send(&room, "c-2", "since bob is here").await;
    ask(&mut session, &room, "q", "@ai what was said?").await;
    hear(&mut session).await;
    let told = models.last_told();
    assert!(told.contains("since bob is here") && !told.contains("before bob"), "{told}");
}

async fn a_draft_reads_ten_messages_and_is_heard_by_nobody(app: &TestApp, models: &Models) {
    let (mina, room, mut session) = talker(app, "mina").await;
    let (_, _, mut at_bob) = talker(app, "bob").await;
    let path = format!("/v1/rooms/{room}/ai/draft");
    let empty =
        app.rest.send(reqwest::Method::POST, Some(&mina.token), &path, Some(&json!({}))).await;
    assert_eq!(empty.status(), 409);
    for n in 0..12 {
        session.send(&room, &format!("c-{n}"), &format!("line number {n}.")).await;
    }
    let hint = json!({ "hint": "be brief" });
    let draft = app.rest.post(&mina.token, &path, &hint).await;
    assert!(!draft["text"].as_str().unwrap().is_empty());
    assert_eq!(draft["context"]["used"], 10);
    let told = models.last_told();
    assert!(
        !told.contains("line number 1.")
            && told.contains("line number 2.")
            && told.contains("be brief")
    );
    at_bob.expect_none(|line| line["ev"] == "ai.start" || line["ev"] == "ai.delta").await;
    let stranger = app.person("stranger").await;
    let (_, closed) = app.club(&mina, "closed").await;
    let path = format!("/v1/rooms/{closed}/ai/draft");
    let calls = models.mock.calls().len();
    let call =
        app.rest.send(reqwest::Method::POST, Some(&stranger.token), &path, Some(&json!({}))).await;
    assert_eq!((call.status().as_u16(), models.mock.calls().len()), (404, calls));
}
