//! What a changed text looks like, and what a search finds of it.

use serde_json::{Value, json};

use super::{Circle, circle, edit, on, react, read, say};
use crate::support::{Person, TestApp, eventually, on_both};

on_both!(marks_are_shown_as_they_are_now, a_search_knows_messages_as_they_stand);

async fn marks_are_shown_as_they_are_now(app: &TestApp) {
    let Circle { mina, bob, room, .. } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    let id = say(&mut at_bob, &room, "plain").await;
    at_bob.ok(edit(&room, &id, "now **bold**")).await;
    let told = at_mina.expect("msg.edit").await["d"].clone();
    assert_eq!(told["text"], "now **bold**");
    assert!(told["html"].as_str().unwrap().contains("<strong>bold</strong>"), "{told}");
    let html = async || {
        let opened = app.session(&mina).await.open(&room).await;
        let item = opened["snapshot"]["items"].as_array().unwrap().last().unwrap().clone();
        let shown = read(app, &mina, &room, &id).await;
        assert_eq!(item, shown);
        shown["html"].clone()
    };
    assert_eq!(html().await, told["html"]);
    at_bob.ok(edit(&room, &id, "plain again")).await;
    assert_eq!(at_mina.expect("msg.edit").await["d"].get("html"), None);
    assert_eq!(html().await, Value::Null);
    at_bob.ok(edit(&room, &id, "**bold** again")).await;
    assert_ne!(html().await, Value::Null);
    at_bob.ok(on("delete", &room, &id)).await;
    assert_eq!(html().await, Value::Null);
}

/// What a search finds, as texts.
async fn find(app: &TestApp, person: &Person, word: &str) -> Vec<Value> {
    let found = app.rest.get(&person.token, &format!("/v1/search?q={word}")).await;
    let items = found["items"].as_array().unwrap();
    items.iter().map(|item| item["message"].clone()).collect()
}

async fn a_search_knows_messages_as_they_stand(app: &TestApp) {
    let Circle { mina, bob, room, .. } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let one = say(&mut at_bob, &room, "first plugh").await;
    let two = say(&mut at_bob, &room, "second plugh").await;
    let texts = async |word: &str| {
        let found = find(app, &mina, word).await;
        found.iter().map(|message| message["text"].clone()).collect::<Vec<_>>()
    };
    // Once before the index has them, and once after.
    for round in ["early", "late"] {
        if round == "late" {
            eventually("the index is level", async || {
                app.metric("moim_search_indexed_total").await >= 2.0
                    && app.metric("moim_search_behind").await == 0.0
            })
            .await;
        }
        at_bob.ok(edit(&room, &one, &format!("{round} xyzzy"))).await;
        assert_eq!(texts("xyzzy").await, [format!("{round} xyzzy")]);
        assert_eq!(texts("plugh").await, ["second plugh"], "{round}");
        at_bob.ok(edit(&room, &one, "first plugh")).await;
        assert_eq!(texts("plugh").await, ["second plugh", "first plugh"], "{round}");
        assert!(texts("xyzzy").await.is_empty());
    }
    at_mina.ok(react("react", &room, &one, "👍")).await;
    at_bob.ok(react("react", &room, &one, "🎉")).await;
    at_mina.ok(on("pin", &room, &one)).await;
    at_bob.ok(json!({ "op": "send", "room": room, "text": "why", "thread": one })).await;
    for person in [&mina, &bob] {
        let found = find(app, person, "first").await;
        let mut shown = read(app, person, &room, &one).await;
        shown["room"] = json!(room);
        assert_eq!(found, [shown], "all that a list tells of it");
    }
    at_bob.ok(on("delete", &room, &one)).await;
    assert_eq!(texts("plugh").await, ["second plugh"]);
    at_bob.ok(on("delete", &room, &two)).await;
    assert!(texts("plugh").await.is_empty() && texts("first").await.is_empty());
}
