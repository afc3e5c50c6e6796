//! Where scenes are set: a server, and people of the kinds that no call makes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use image::ImageFormat;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::files::picture;
use crate::support::{Client, Person, Rest, SOON, TestApp};

/// How many admins there are for the scenes of one test.
const EXTRAS: usize = 64;

/// A server, shared by all scenes of a test.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) rest: Rest,
    pub(super) address: SocketAddr,
    /// A picture, large enough for a small copy.
    pub(super) photo: Arc<[u8]>,
    words: Arc<AtomicU64>,
    /// Whose scene is being flooded: who does not read for half a minute would be sent away.
    pub(super) flood: Arc<tokio::sync::Mutex<()>>,
    admins: Arc<Mutex<Vec<Person>>>,
}

impl Stage {
    /// Makes the admins. No call does: they are made on the command line.
    pub(super) async fn new(app: &TestApp) -> Self {
        let rest = &app.rest;
        let mut admins = Vec::new();
        for n in 0..EXTRAS {
            admins.push(rest.register(&format!("admin{n}")).await);
        }
        app.sql("UPDATE account SET role = 'admin' WHERE username LIKE 'admin%'").await;
        app.sql("UPDATE account SET role = 'user' WHERE username NOT LIKE 'admin%'").await;
        // What was changed behind the server's back the lobby reads when it starts again.
        app.crash(&app.lobby(&admins[0]).await).await;
        Self {
            rest: rest.clone(),
            address: app.address,
            photo: picture(700, 20, ImageFormat::Png).into(),
            words: Arc::default(),
            flood: Arc::default(),
            admins: Arc::new(Mutex::new(admins)),
        }
    }

    /// A word that nothing else holds.
    pub(super) fn word(&self) -> String {
        format!("zq{}x", self.words.fetch_add(1, Ordering::Relaxed))
    }

    /// Somebody new.
    pub(super) async fn person(&self) -> Person {
        self.rest.register(&self.word()).await
    }

    /// An admin of the instance, of one's own.
    pub(super) fn admin(&self) -> Person {
        self.admins.lock().unwrap().pop().expect("more admins")
    }

    /// A bot of somebody.
    pub(super) async fn bot(&self, maker: &Person) -> Person {
        let body = json!({ "username": self.word() });
        crate::bots::of(&self.post(maker, "/v1/bots", &body).await)
    }

    /// A session, signed in by its handshake.
    pub(super) async fn session(&self, who: &Person) -> Client {
        let bearer = format!("Bearer {}", who.token);
        let headers = [("authorization", bearer.as_str())];
        Client::connect_with(self.address, "/v1/ws", &headers).await.unwrap()
    }

    /// Whatever must succeed on the way to what is tested.
    pub(super) async fn must(
        &self,
        who: &Person,
        (method, path): (Method, &str),
        body: &Value,
    ) -> Value {
        let until = Instant::now() + SOON;
        let (status, text) = loop {
            let answer = self.rest.send(method.clone(), Some(&who.token), path, Some(body)).await;
            let (status, text) = (answer.status(), answer.text().await.unwrap());
            // Many stages on a slow machine are much at once: whoever is told so tries again.
            let is_busy = status == StatusCode::SERVICE_UNAVAILABLE && text.contains("overloaded");
            if !is_busy || Instant::now() > until {
                break (status, text);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert!(status.is_success(), "{method} {path} by {}: {status} {text}", who.name);
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// The same with POST, the most common.
    pub(super) async fn post(&self, who: &Person, path: &str, body: &Value) -> Value {
        self.must(who, (Method::POST, path), body).await
    }

    /// The same with PATCH.
    pub(super) async fn patch(&self, who: &Person, path: &str, body: &Value) {
        self.must(who, (Method::PATCH, path), body).await;
    }
}
