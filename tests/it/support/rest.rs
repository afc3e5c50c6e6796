//! REST calls, by a client that nobody here wrote.

use std::net::SocketAddr;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::{Person, SOON, eventually};

/// The REST side of a server.
#[derive(Clone)]
pub(crate) struct Rest {
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
}

impl Rest {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let http = reqwest::Client::builder().timeout(SOON).build().unwrap();
        Self { base: format!("http://{address}"), http }
    }

    /// Waits until the server takes traffic.
    pub(crate) async fn ready(&self) {
        eventually("the server is ready", async || {
            let ready = self.http.get(format!("{}/readyz", self.base)).send().await;
            ready.is_ok_and(|ready| ready.status() == StatusCode::OK)
        })
        .await;
    }

    /// Registers somebody with the password `correct horse`.
    pub(crate) async fn register(&self, name: &str) -> Person {
        self.register_as(name, name).await
    }

    /// Somebody whom others see under another name.
    pub(crate) async fn register_as(&self, name: &str, shown: &str) -> Person {
        let body = json!({ "username": name, "display_name": shown, "password": "correct horse" });
        let response = self.send(Method::POST, None, "/v1/auth/register", Some(&body)).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        person(&response.json().await.unwrap())
    }

    /// Any call; the answer as it is.
    pub(crate) async fn send(
        &self,
        method: Method,
        token: Option<&str>,
        path: &str,
        body: Option<&Value>,
    ) -> Response {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap()
    }

    /// A GET that must succeed.
    pub(crate) async fn get(&self, token: &str, path: &str) -> Value {
        let response = self.send(Method::GET, Some(token), path, None).await;
        let (status, body) = read(response).await;
        assert!(status.is_success(), "GET {path}: {status} {body}");
        body
    }

    /// A POST that must succeed.
    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Value {
        let response = self.send(Method::POST, Some(token), path, Some(body)).await;
        let (status, body) = read(response).await;
        assert!(status.is_success(), "POST {path}: {status} {body}");
        body
    }

    /// Any call without an answer to read; the status.
    pub(crate) async fn status(&self, method: Method, token: &str, path: &str) -> u16 {
        self.send(method, Some(token), path, None).await.status().as_u16()
    }

    /// A PATCH that must succeed.
    pub(crate) async fn patch(&self, token: &str, path: &str, body: &Value) -> Value {
        let response = self.send(Method::PATCH, Some(token), path, Some(body)).await;
        let (status, body) = read(response).await;
        assert!(status.is_success(), "PATCH {path}: {status} {body}");
        body
    }

    /// A PUT that must succeed.
    pub(crate) async fn put(&self, token: &str, path: &str, body: &Value) {
        let response = self.send(Method::PUT, Some(token), path, Some(body)).await;
        assert!(response.status().is_success(), "PUT {path}: {}", response.status());
    }

    /// A call that must be refused: checks that it is a problem; gives status and body.
    pub(crate) async fn refused(
        &self,
        method: Method,
        token: Option<&str>,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let response = self.send(method, token, path, body).await;
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        let (status, body) = read(response).await;
        assert_eq!(kind, "application/problem+json", "{path}: {status} {body}");
        assert_eq!(body["status"], status.as_u16());
        assert!(body["code"].is_string() && body["title"].is_string(), "{body}");
        (status.as_u16(), body)
    }

    /// A page without a token.
    pub(crate) async fn text(&self, path: &str) -> String {
        self.send(Method::GET, None, path, None).await.text().await.unwrap()
    }
}

async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    (status, body)
}

/// The account in an answer to register, login or refresh.
pub(crate) fn person(body: &Value) -> Person {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Person {
        id: text(&body["user"]["id"]),
        name: text(&body["user"]["username"]),
        token: text(&body["access_token"]),
        refresh: text(&body["refresh_token"]),
    }
}
