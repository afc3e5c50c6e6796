//! Messages as living things: edited, deleted, reacted to, pinned, answered in threads.

mod basics;
mod calls;
mod forged;
mod found;
mod hidden;
mod nodes;
mod property;
mod refusals;
mod threads;
mod world;

use serde_json::{Value, json};

use crate::support::{Client, Person, TestApp};

/// A club with its owner, two members, and a room of it.
struct Circle {
    mina: Person,
    bob: Person,
    carol: Person,
    room: String,
}

async fn circle(app: &TestApp) -> Circle {
    let mina = app.person("mina").await;
    let (bob, carol) = (app.person("bob").await, app.person("carol").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    app.join(&carol, &club).await;
    Circle { mina, bob, carol, room }
}

/// An op on one message.
fn on(op: &str, room: &str, message: &Value) -> Value {
    json!({ "op": op, "room": room, "message": message })
}

fn edit(room: &str, message: &Value, text: &str) -> Value {
    json!({ "op": "edit", "room": room, "message": message, "text": text })
}

fn react(op: &str, room: &str, message: &Value, emoji: &str) -> Value {
    json!({ "op": op, "room": room, "message": message, "emoji": emoji })
}

/// Sends a message; gives its id.
async fn say(client: &mut Client, room: &str, text: &str) -> Value {
    let op = json!({ "op": "send", "room": room, "text": text });
    client.ok(op).await["id"].clone()
}

/// One message as somebody reads it.
async fn read(app: &TestApp, person: &Person, room: &str, message: &Value) -> Value {
    let message = message.as_str().unwrap();
    app.rest.get(&person.token, &format!("/v1/rooms/{room}/messages/{message}")).await
}

/// Everything that somebody can read of a room, as one text: its messages, its log from the
/// beginning, the inbox.
async fn everything(app: &TestApp, person: &Person, room: &str) -> String {
    let list = app.rest.get(&person.token, &format!("/v1/rooms/{room}/messages?limit=200")).await;
    let pins = app.rest.get(&person.token, &format!("/v1/rooms/{room}/pins")).await;
    let inbox = app.rest.get(&person.token, "/v1/inbox?limit=200").await;
    let mut client = Client::connect(app.address).await;
    let auth = client.auth(&person.token).await;
    let opened = client.open(room).await;
    let epoch = opened["epoch"].as_str().unwrap().to_owned();
    let pull = client.ok(json!({ "op": "pull", "room": room, "after": 0 })).await;
    // Not from the beginning where that was before them.
    if client.open_since(room, &epoch, 0).await["resumed"] == true {
        client.expect("caught_up").await;
    }
    let since = json!({ "epoch": auth["inbox"]["epoch"], "seq": 0 });
    client.ok(json!({ "op": "inbox.open", "since": since })).await;
    client.expect_none(|_line| false).await;
    json!([list, pins, inbox, opened, pull, client.heard()]).to_string()
}
