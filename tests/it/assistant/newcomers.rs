//! Who comes to a room while the assistant speaks, where newcomers see nothing of what was before.

use serde_json::json;

use super::{Models, ask, on_both_with};
use crate::support::TestApp;

on_both_with!("tps:10+words:3000": who_comes_in_the_middle_hears_nothing_of_the_answer);

async fn who_comes_in_the_middle_hears_nothing_of_the_answer(app: &TestApp, _models: &Models) {
    let mina = app.person("mina").await;
    let bob = app.person("bob").await;
    let body = json!({ "name": "secrets", "listed": true });
    let room = app.rest.post(&mina.token, "/v1/rooms", &body).await["id"].clone();
    let room = room.as_str().unwrap();
    let change = json!({ "history": "since_join" });
    app.rest.patch(&mina.token, &format!("/v1/rooms/{room}"), &change).await;
    let mut at_mina = app.session(&mina).await;
    at_mina.open(room).await;
    ask(&mut at_mina, room, "c-1", "@ai tell me something long").await;
    let start = at_mina.expect("ai.start").await;
    at_mina.expect("ai.delta").await;
    let join = format!("/v1/rooms/{room}/join");
    assert_eq!(app.rest.post(&bob.token, &join, &json!({})).await["joined"], true);
    let mut at_bob = app.session(&bob).await;
    let opened = at_bob.open(room).await;
    assert_eq!(opened["snapshot"]["items"], json!([]));
    let run = start["d"]["run"].clone();
    at_mina.ok(json!({ "op": "ai.stop", "run": run })).await;
    for session in [&mut at_mina, &mut at_bob] {
        let end = session.expect("ai.end").await;
        assert_eq!((&end["d"]["finish"], end["d"].get("text")), (&json!("cancel"), None), "{end}");
        assert_eq!(end["d"].get("html"), None, "{end}");
    }
    at_bob
        .expect_none(|line| {
            let ev = line["ev"].as_str().unwrap_or_default();
            ev.starts_with("ai.") && ev != "ai.end"
        })
        .await;
    // Who was there when it was asked reads it.
    let path = format!("/v1/rooms/{room}/messages");
    let listed = app.rest.get(&mina.token, &path).await;
    let last =
        listed["items"].as_array().unwrap().iter().find(|item| item["id"] == start["d"]["id"]);
    assert!(!last.unwrap()["text"].as_str().unwrap().is_empty());
    let listed = app.rest.get(&bob.token, &path).await;
    assert_eq!(listed["items"], json!([]));
}
