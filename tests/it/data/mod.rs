//! Data that goes for good, and data that moves: erased accounts, retention, exports.

mod bots;
mod carried;
mod erase;
mod export;
mod retention;
mod transfer;

use serde_json::{Value, json};

use crate::support::{Client, Person, TestApp};

/// Sends a message; gives its id.
async fn say(client: &mut Client, room: &str, text: &str) -> Value {
    client.ok(json!({ "op": "send", "room": room, "text": text })).await["id"].clone()
}

/// One room as it stands in somebody's list.
async fn listed(app: &TestApp, person: &Person, room: &str) -> Value {
    let rooms = app.rest.get(&person.token, "/v1/rooms").await;
    let found = rooms["items"].as_array().unwrap().iter().find(|r| r["id"] == room).cloned();
    found.unwrap_or_else(|| panic!("{room} is not in {rooms}"))
}

/// Everything that somebody can read of a room, as one text: its messages, its log from the
/// beginning, the inbox.
pub(crate) async fn everything(app: &TestApp, person: &Person, room: &str) -> String {
    let list = app.rest.get(&person.token, &format!("/v1/rooms/{room}/messages?limit=200")).await;
    let inbox = app.rest.get(&person.token, "/v1/inbox?limit=200").await;
    let mut client = Client::connect(app.address).await;
    let auth = client.auth(&person.token).await;
    let opened = client.open(room).await;
    let pull = client.ok(json!({ "op": "pull", "room": room, "after": 0 })).await;
    let since = json!({ "epoch": auth["inbox"]["epoch"], "seq": 0 });
    client.ok(json!({ "op": "inbox.open", "since": since })).await;
    client.expect_none(|_line| false).await;
    json!([list, inbox, opened, pull, client.heard()]).to_string()
}
