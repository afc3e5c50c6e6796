//! The assistant, asked over real sockets, with a mock of a model or none.

mod answers;
mod asking;
mod bad_models;
mod clubs;
pub(crate) mod crashes;
mod deaths;
mod ending;
mod faults;
mod limits;
mod links;
mod newcomers;
mod nodes;
mod offline;
mod providers;
mod reading;
mod rights;
mod safety;
mod verdicts;
mod waits;
mod watched;

use std::net::SocketAddr;

use moim::mock::Mock;
use serde_json::{Value, json};

use crate::support::{Client, Person, TestApp};

/// A mock of a model, and the settings of a server that asks it.
pub(crate) struct Models {
    pub(crate) mock: Mock,
    url: String,
}

impl Models {
    pub(crate) async fn listen() -> Self {
        let anywhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mock = Mock::listen(anywhere).await.unwrap();
        let url = format!("http://{}/v1", mock.address());
        Self { mock, url }
    }

    /// A server that asks this model.
    pub(crate) async fn app(&self, model: &str) -> TestApp {
        self.app_with(model, &[]).await
    }

    /// The same with more settings.
    pub(crate) async fn app_with(&self, model: &str, more: &[(&str, &str)]) -> TestApp {
        TestApp::spawn_with(&[&self.settings(model), more].concat()).await
    }

    /// The settings of a server that asks this model.
    pub(crate) fn settings<'a>(&'a self, model: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("MOIM_LLM_PROVIDER", "openai"),
            ("MOIM_LLM_BASE_URL", &self.url),
            ("MOIM_LLM_API_KEY", "sk-very-secret"),
            ("MOIM_LLM_MODEL", model),
        ]
    }

    /// All that the model was told, of its last call.
    pub(crate) fn last_told(&self) -> String {
        self.mock.calls().last().map_or_else(String::new, |call| call.body["messages"].to_string())
    }
}

/// The same test on both engines, with a model that behaves so, and settings of the test's own.
macro_rules! on_both_with {
    ($model:literal: $($name:ident),+ $(,)?) => {
        crate::assistant::on_both_with!($model, [] => $($name),+);
    };
    ($model:literal, $settings:expr => $($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let models = crate::assistant::Models::listen().await;
                let app = models.app_with($model, &$settings).await;
                super::$name(&app, &models).await;
                app.end().await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let Some(url) = crate::support::fresh().await else {
                    return;
                };
                let models = crate::assistant::Models::listen().await;
                let mut settings: Vec<(&str, &str)> = Vec::from($settings);
                settings.push(("MOIM_DATABASE_URL", &url));
                let app = models.app_with($model, &settings).await;
                super::$name(&app, &models).await;
                app.end().await;
            })+
        }
    };
}
pub(crate) use on_both_with;

/// Somebody in the lobby, with the room open.
pub(crate) async fn talker(app: &TestApp, name: &str) -> (Person, String, Client) {
    let person = app.person(name).await;
    let room = app.lobby(&person).await;
    let mut session = app.session(&person).await;
    session.open(&room).await;
    (person, room, session)
}

/// All of one answer, as a session heard it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) start: Value,
    pub(crate) deltas: Vec<Value>,
    pub(crate) end: Value,
}

impl Heard {
    /// What the deltas join to; each begins where the one before ended.
    pub(crate) fn joined(&self) -> String {
        let mut text = String::new();
        for delta in &self.deltas {
            assert_eq!(delta["off"], text.len(), "a hole or a double: {delta}");
            text.push_str(delta["text"].as_str().unwrap());
        }
        text
    }

    pub(crate) fn text(&self) -> &str {
        self.end["d"]["text"].as_str().unwrap()
    }
}

/// Waits for a whole answer.
pub(crate) async fn hear(session: &mut Client) -> Heard {
    let start = session.expect("ai.start").await;
    let mut deltas = Vec::new();
    loop {
        let line = session
            .wait_for(|line| ["ai.delta", "ai.end"].contains(&line["ev"].as_str().unwrap_or("")))
            .await;
        if line["ev"] == "ai.end" {
            assert_eq!(line["d"]["id"], start["d"]["id"]);
            return Heard { start, deltas, end: line };
        }
        deltas.push(line);
    }
}

/// Asks in a room; gives the id of the question.
pub(crate) async fn ask(session: &mut Client, room: &str, cid: &str, text: &str) -> Value {
    session.send(room, cid, text).await["id"].clone()
}

/// A change of a room's settings.
pub(crate) async fn set(app: &TestApp, who: &Person, room: &str, patch: Value) {
    app.rest.patch(&who.token, &format!("/v1/rooms/{room}"), &patch).await;
}

/// A message to send.
pub(crate) fn send(room: &str, cid: &str, text: &str) -> Value {
    json!({ "op": "send", "room": room, "cid": cid, "text": text })
}
