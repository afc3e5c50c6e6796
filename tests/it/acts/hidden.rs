//! What is done to messages that not everybody sees: in rooms that show newcomers nothing of before.

use reqwest::Method;
use serde_json::{Value, json};

use super::{edit, everything, on, react, say};
use crate::support::{Person, TestApp, on_both};

on_both!(
    a_newcomer_hears_no_old_word,
    a_newcomer_does_nothing_to_what_they_do_not_see,
    nobody_is_called_to_what_they_do_not_see,
);

/// A group that shows newcomers nothing, by its host.
async fn group(app: &TestApp, host: &Person) -> String {
    let body = json!({ "name": "secrets", "listed": true });
    let room = app.rest.post(&host.token, "/v1/rooms", &body).await["id"].clone();
    let room = room.as_str().unwrap().to_owned();
    let change = json!({ "history": "since_join" });
    app.rest.patch(&host.token, &format!("/v1/rooms/{room}"), &change).await;
    room
}

async fn join(app: &TestApp, who: &Person, room: &str) {
    let path = format!("/v1/rooms/{room}/join");
    assert_eq!(app.rest.post(&who.token, &path, &json!({})).await["joined"], true);
}

async fn a_newcomer_hears_no_old_word(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = group(app, &mina).await;
    let (mut at_mina, mut elsewhere) = (app.session(&mina).await, app.session(&mina).await);
    elsewhere.open(&room).await;
    let old = say(&mut at_mina, &room, "xyzzy").await;
    at_mina.ok(edit(&room, &old, "xyzzy one")).await;
    assert_eq!(elsewhere.expect("msg.edit").await["d"]["text"], "xyzzy one", "all see it");
    at_mina.ok(on("pin", &room, &old)).await;
    join(app, &bob, &room).await;
    let new = say(&mut at_mina, &room, "welcome").await;
    let answer = json!({ "op": "send", "room": room, "text": "about it", "thread": old });
    at_mina.ok(answer).await;
    let mut at_bob = app.session(&bob).await;
    at_bob.open(&room).await;
    at_mina.ok(edit(&room, &old, "xyzzy **two**")).await;
    let told = at_bob.expect("msg.edit").await;
    assert_eq!(told["d"], json!({ "id": old, "by": mina.id, "rev": 3 }));
    assert_eq!(elsewhere.expect("msg.edit").await, told, "one event for all");
    at_mina.ok(edit(&room, &new, "welcome **all**")).await;
    let told = at_bob.expect("msg.edit").await;
    assert_eq!(told["d"]["text"], "welcome **all**", "seen by all");
    assert!(told["d"]["html"].as_str().unwrap().contains("<strong>all</strong>"));
    assert!(!everything(app, &bob, &room).await.contains("xyzzy"));
    let at = |rest: &str| format!("/v1/rooms/{room}/{rest}");
    let old = old.as_str().unwrap();
    for hidden in [
        format!("messages/{old}"),
        format!("messages/{old}/revisions"),
        format!("threads/{old}/messages"),
    ] {
        let status =
            async |who: &Person| app.rest.status(Method::GET, &who.token, &at(&hidden)).await;
        assert_eq!((status(&bob).await, status(&mina).await), (404, 200), "{hidden}");
    }
    let pins = async |who: &Person| app.rest.get(&who.token, &at("pins")).await["items"].clone();
    assert_eq!(
        (pins(&bob).await, pins(&mina).await[0]["message"]["rev"].clone()),
        (json!([]), json!(3))
    );
    let found = app.rest.get(&bob.token, "/v1/search?q=xyzzy").await;
    assert_eq!(found["items"], json!([]));
}

async fn a_newcomer_does_nothing_to_what_they_do_not_see(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = group(app, &mina).await;
    join(app, &bob, &room).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let own = say(&mut at_bob, &room, "mine").await;
    let theirs = say(&mut at_mina, &room, "theirs").await;
    at_bob.ok(on("pin", &room, &theirs)).await;
    at_bob.ok(json!({ "op": "send", "room": room, "text": "hm", "thread": theirs })).await;
    app.rest.post(&bob.token, &format!("/v1/rooms/{room}/leave"), &json!({})).await;
    join(app, &bob, &room).await;
    // Whoever comes back begins anew.
    for op in [
        react("react", &room, &theirs, "👍"),
        react("unreact", &room, &theirs, "👍"),
        on("pin", &room, &own),
        on("unpin", &room, &theirs),
    ] {
        assert_eq!(at_bob.err(op.clone()).await["code"], "not_found", "{op}");
    }
    for (field, reason) in [("reply_to", "no_such_message"), ("thread", "no_such_thread")] {
        let mut op = json!({ "op": "send", "room": room, "text": "x" });
        op[field].clone_from(&theirs);
        let refusal = at_bob.err(op).await;
        assert_eq!((&refusal["code"], &refusal["reason"]), (&json!("invalid"), &json!(reason)));
    }
    let at = |rest: &str| format!("/v1/rooms/{room}/{rest}");
    let one = async |id: &Value| {
        app.rest.get(&mina.token, &at(&format!("messages/{}", id.as_str().unwrap()))).await
    };
    assert_eq!(one(&theirs).await["reactions"], json!([]));
    let threads = app.rest.get(&bob.token, &at("threads")).await;
    assert_eq!(threads["items"], json!([]), "the root of the thread is not there");
    // Nor to what one has written oneself: it is not there any more.
    for op in [edit(&room, &own, "not mine"), on("delete", &room, &own)] {
        assert_eq!(at_bob.err(op.clone()).await["code"], "not_found", "{op}");
    }
    assert_eq!(one(&own).await["text"], "mine");
}

async fn nobody_is_called_to_what_they_do_not_see(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let room = group(app, &mina).await;
    join(app, &carol, &room).await;
    let mut at_mina = app.session(&mina).await;
    let old = say(&mut at_mina, &room, "one").await;
    join(app, &bob, &room).await;
    let (mut at_bob, mut at_carol) = (app.session(&bob).await, app.session(&carol).await);
    at_mina.ok(edit(&room, &old, "@bob @carol xyzzy")).await;
    at_carol.wait_for(|line| line["ev"] == "room.head" && line["mentions"] == 1).await;
    at_mina.ok(edit(&room, &old, "@all xyzzy")).await;
    let new = say(&mut at_mina, &room, "@all of you").await;
    let called = |line: &Value| line["ev"] == "inbox" && line["d"]["kind"] == "mention";
    let entry = at_bob.wait_for(called).await;
    assert_eq!(entry["d"]["message"], new);
    assert!(!everything(app, &bob, &room).await.contains("xyzzy"));
    let rooms = app.rest.get(&bob.token, "/v1/rooms").await;
    let listed = rooms["items"].as_array().unwrap().iter().find(|one| one["id"] == room.as_str());
    assert_eq!(listed.unwrap()["mentions"], 1);
}
