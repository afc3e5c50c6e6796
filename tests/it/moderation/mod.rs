//! Moderation: what moderators do is done at once, everywhere, and to nobody else.

mod audit;
mod filters;
mod hostile;
mod instance;
mod limits;
mod lobbies;
mod nodes;
mod outside;
mod permitted;
mod removal;
mod reports;
mod settings;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, TestApp};

/// A club with its people, of whom `bob` is a plain member.
pub(crate) struct Club {
    pub(crate) owner: Person,
    pub(crate) manager: Person,
    pub(crate) bob: Person,
    pub(crate) id: String,
    pub(crate) general: String,
    pub(crate) plans: String,
}

/// Makes a club with an owner, a manager and a member.
pub(crate) async fn club(app: &TestApp) -> Club {
    let owner = app.person("owner").await;
    let (manager, bob) = (app.person("manager").await, app.person("bob").await);
    let (id, plans) = app.club(&owner, "readers").await;
    for person in [&manager, &bob] {
        app.join(person, &id).await;
    }
    promote(app, &owner, &id, &manager).await;
    let rooms = app.rest.get(&owner.token, &format!("/v1/clubs/{id}/rooms")).await;
    let general = rooms["items"][0]["id"].as_str().unwrap().to_owned();
    Club { owner, manager, bob, id, general, plans }
}

/// Makes a member a manager, and nothing in the audit log says so.
pub(crate) async fn promote(app: &TestApp, owner: &Person, club: &str, who: &Person) {
    let path = format!("/v1/clubs/{club}/members/{}", who.id);
    app.rest.patch(&owner.token, &path, &json!({ "role": "manager" })).await;
    app.sql("DELETE FROM audit").await;
}

impl Club {
    /// Gives the room a pace.
    pub(crate) async fn slow_mode(&self, app: &TestApp, seconds: i64) {
        let path = format!("/v1/rooms/{}", self.plans);
        app.rest.patch(&self.owner.token, &path, &json!({ "slow_mode_s": seconds })).await;
    }

    /// Acts on somebody; status and body.
    pub(crate) async fn act(
        &self,
        app: &TestApp,
        by: &Person,
        (what, on): (&str, &Person),
        body: Value,
    ) -> (u16, Value) {
        let path = format!("/v1/clubs/{}/members/{}/{what}", self.id, on.id);
        call(app, Method::POST, by, &path, body).await
    }

    /// What moderators did, oldest first: the words, and to whom.
    pub(crate) async fn audit(&self, app: &TestApp) -> Vec<Value> {
        let path = format!("/v1/clubs/{}/audit", self.id);
        let items = app.rest.get(&self.owner.token, &path).await["items"].clone();
        items.as_array().unwrap().iter().rev().cloned().collect()
    }
}

/// Any call; status and body.
pub(crate) async fn call(
    app: &TestApp,
    method: Method,
    who: &Person,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let response = app.rest.send(method, Some(&who.token), path, Some(&body)).await;
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(Value::Null))
}

/// Whether a line is an event, a reply or a head of this room.
pub(crate) fn of_room(line: &Value, room: &str) -> bool {
    line["room"] == room || line["room"]["room"] == room
}

/// A message to send.
pub(crate) fn send(room: &str, cid: &str, text: &str) -> Value {
    json!({ "op": "send", "room": room, "cid": cid, "text": text })
}
