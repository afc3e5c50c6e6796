//! Behind proxies: whoever a proxy of ours names is counted and written down, and nobody else is
//! believed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, eventually, person};

/// We are the proxy, and there are more behind us.
const OURS: [(&str, &str); 1] = [("MOIM_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8")];

const PASSWORD: &str = "correct horse";

/// A call without a token, as a proxy hands it over.
async fn call(app: &TestApp, path: &str, body: &Value, from: &str) -> (StatusCode, Value) {
    let call = app.rest.http.post(format!("{}{path}", app.rest.base));
    let answer = call.header("x-forwarded-for", from).json(body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn register(app: &TestApp, name: &str, from: &str) -> (StatusCode, Value) {
    let body = json!({ "username": name, "password": PASSWORD });
    call(app, "/v1/auth/register", &body, from).await
}

async fn log_in(app: &TestApp, password: &str, from: &str) -> StatusCode {
    let body = json!({ "username": "mina", "password": password });
    call(app, "/v1/auth/login", &body, from).await.0
}

/// Where somebody who registers like that is said to be.
async fn place(app: &TestApp, name: &str, from: &str) -> Value {
    let (status, body) = register(app, name, from).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let devices = app.rest.get(&person(&body).token, "/v1/me/devices").await;
    devices["items"][0]["ip"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_where_the_last_proxy_of_ours_was_called_from() {
    let app = TestApp::spawn_with(&OURS).await;
    for (n, (from, expected)) in [
        ("203.0.113.7", "203.0.113.0/24"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.0/24"),
        ("127.0.0.1, 203.0.113.7, 10.1.1.1", "203.0.113.0/24"),
        ("[2001:db8:7::1]:4711", "2001:db8:7::/48"),
        ("nonsense", "127.0.0.0/24"),
        ("203.0.113.7, nonsense", "127.0.0.0/24"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(place(&app, &format!("p{n}"), from).await, expected, "{from}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_believed_whom_the_operator_does_not_name() {
    for settings in [&[][..], &[("MOIM_TRUSTED_PROXIES", "10.0.0.0/8")]] {
        let app = TestApp::spawn_with(settings).await;
        assert_eq!(place(&app, "mina", "203.0.113.7").await, "127.0.0.0/24");
        // Another address in each attempt makes it no other attempt.
        let mut refused = 0;
        for n in 0..20 {
            let status = log_in(&app, "wrong horse", &format!("203.0.113.{n}")).await;
            refused += usize::from(status == StatusCode::TOO_MANY_REQUESTS);
        }
        assert!(refused > 0, "none of twenty; ten are allowed");
        app.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_for_those_behind_the_proxy() {
    let app = TestApp::spawn_with(&OURS).await;
    register(&app, "mina", "192.0.2.1").await;
    let mut count = 0;
    let limited = loop {
        let name = format!("p{count}");
        // What a client writes itself makes it nobody else.
        let from = format!("198.51.100.{count}, 203.0.113.7");
        match register(&app, &name, &from).await {
            (StatusCode::CREATED, _) => count += 1,
            (status, body) => break (status, body),
        }
    };
    assert_eq!(limited.0, StatusCode::TOO_MANY_REQUESTS, "{}", limited.1);
    assert!((30..60).contains(&count), "{count} from one address");
    assert_eq!(register(&app, "another", "203.0.113.8").await.0, StatusCode::CREATED);

    let mut tries = 0;
    while log_in(&app, "wrong horse", "203.0.113.9").await == StatusCode::UNAUTHORIZED {
        tries += 1;
    }
    assert!((10..20).contains(&tries), "{tries}");
    assert_eq!(log_in(&app, PASSWORD, "203.0.113.9").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(log_in(&app, PASSWORD, "203.0.113.10").await, StatusCode::OK, "from elsewhere");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_are_counted_with_the_calls_of_their_address() {
    let app = TestApp::spawn_with(&OURS).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let path = format!("{}/v1/auth/available?username=mina", app.rest.base);
    let busy: Vec<_> = (0..16)
        .map(|_| {
            let (http, path, is_over) = (app.rest.http.clone(), path.clone(), is_over.clone());
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let call = http.get(&path).header("x-forwarded-for", "203.0.113.7");
                    call.send().await.unwrap();
                }
            })
        })
        .collect();
    let handshake = async |from: &str| {
        let headers = [("x-forwarded-for", from)];
        Client::connect_with(app.address, "/v1/ws", &headers).await.err()
    };
    eventually("the address is limited", async || handshake("203.0.113.7").await == Some(429))
        .await;
    assert_eq!(handshake("203.0.113.8").await, None);
    is_over.store(true, Ordering::Relaxed);
    for one in busy {
        one.await.unwrap();
    }
    app.end().await;
}
