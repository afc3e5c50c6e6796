//! Sign-ins end: by hand, by a new password, by a stolen token, by age. What is live of them ends
//! within a second, and nothing else does.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use jsonwebtoken::{EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Closed, Person, Raw, Sse, TestApp, person};

/// The devices of a user share its cids.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Whatever is live of a device, one of each kind.
struct Live {
    who: Person,
    sockets: Vec<Client>,
    streams: Vec<Sse>,
}

impl Live {
    async fn of(app: &TestApp, who: Person) -> Self {
        let room = app.lobby(&who).await;
        let mut open = app.session(&who).await;
        open.open(&room).await;
        let bearer = format!("Bearer {}", who.token);
        let headers = [("authorization", bearer.as_str())];
        let by_header = Client::connect_with(app.address, "/v1/ws", &headers).await.unwrap();
        let ticket = app.rest.post(&who.token, "/v1/auth/ticket", &json!({})).await;
        let path = format!("/v1/inbox/events?ticket={}", ticket["ticket"].as_str().unwrap());
        let by_ticket = Sse::open_with(&app.rest, &path, &[]).await.unwrap();
        let of_room = Sse::open(&app.rest, &who.token, &format!("/v1/rooms/{room}/events")).await;
        Self { who, sockets: vec![open, by_header], streams: vec![of_room, by_ticket] }
    }

    /// All of it ends with 4501 within a second, and the tokens are dead.
    async fn ends(mut self, app: &TestApp) {
        let began = Instant::now();
        for socket in &mut self.sockets {
            assert_eq!(socket.expect_close().await, Closed { code: 4501 });
        }
        for stream in &mut self.streams {
            stream.rest().await;
        }
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        is_dead(app, &self.who).await;
    }

    /// All of it goes on.
    async fn lives(&mut self, app: &TestApp) {
        let room = app.lobby(&self.who).await;
        for socket in &mut self.sockets {
            socket.ok(json!({ "op": "ping" })).await;
        }
        let cid = format!("c-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let text = format!("@{} still here", self.who.name);
        let sent = self.sockets[0].send(&room, &cid, &text).await;
        let heard = self.streams[0].next().await;
        assert_eq!(heard.data["seq"], sent["seq"]);
    }
}

async fn is_dead(app: &TestApp, who: &Person) {
    let (status, body) = app.rest.refused(Method::GET, Some(&who.token), "/v1/me", None).await;
    assert_eq!((status, &body["code"]), (401, &json!("unauthorized")));
    let path = format!("/v1/ws?access_token={}", who.token);
    assert_eq!(Client::connect_with(app.address, &path, &[]).await.err(), Some(401));
    let path = format!("/v1/inbox/events?access_token={}", who.token);
    assert_eq!(Sse::open_with(&app.rest, &path, &[]).await.err(), Some(401));
    let body = json!({ "refresh_token": who.refresh });
    let (status, _) = app.rest.refused(Method::POST, None, "/v1/auth/refresh", Some(&body)).await;
    assert_eq!(status, 401);
}

async fn login(app: &TestApp, name: &str, password: &str) -> Person {
    let body = json!({ "username": name, "password": password });
    person(&app.rest.post("", "/v1/auth/login", &body).await)
}

async fn devices(app: &TestApp, who: &Person) -> Vec<Value> {
    app.rest.get(&who.token, "/v1/me/devices").await["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_this_device_within_a_second_and_no_other() {
    let app = TestApp::spawn().await;
    let first = app.person("mina").await;
    let mut bob = Live::of(&app, app.person("bob").await).await;
    let mut kept = Live::of(&app, login(&app, "mina", "correct horse").await).await;
    let live = Live::of(&app, first.clone()).await;
    let ticket = app.rest.post(&first.token, "/v1/auth/ticket", &json!({})).await;
    let response = app.rest.send(Method::POST, Some(&first.token), "/v1/auth/logout", None).await;
    assert_eq!(response.status(), 204);
    live.ends(&app).await;
    let path = format!("/v1/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    assert_eq!(Client::connect_with(app.address, &path, &[]).await.err(), Some(401));
    kept.lives(&app).await;
    bob.sockets[0].expect("msg.new").await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_comes_twice_ends_its_whole_family() {
    let app = TestApp::spawn().await;
    let first = app.person("mina").await;
    let mut other = Live::of(&app, login(&app, "mina", "correct horse").await).await;
    let renew = json!({ "refresh_token": first.refresh });
    let second = person(&app.rest.post("", "/v1/auth/refresh", &renew).await);
    assert!(second.refresh != first.refresh && second.id == first.id);
    assert_eq!(devices(&app, &second).await.len(), 2, "the same device");
    let mut live = Live::of(&app, second.clone()).await;
    live.lives(&app).await;
    // The first access token holds until it runs out; it is of the same sign-in.
    app.rest.get(&first.token, "/v1/me").await;
    let (status, body) =
        app.rest.refused(Method::POST, None, "/v1/auth/refresh", Some(&renew)).await;
    assert_eq!((status, &body["code"]), (401, &json!("token_reused")));
    live.ends(&app).await;
    is_dead(&app, &first).await;
    other.streams[0].next().await;
    other.lives(&app).await;
    let unknown = json!({ "refresh_token": "nonsense" });
    let (status, body) =
        app.rest.refused(Method::POST, None, "/v1/auth/refresh", Some(&unknown)).await;
    assert_eq!((status, &body["code"]), (401, &json!("unauthorized")));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refresh_token_shown_twice_at_once_gives_one_sign_in_at_most() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let body = json!({ "refresh_token": mina.refresh });
    let renew = || app.rest.send(Method::POST, None, "/v1/auth/refresh", Some(&body));
    let (one, two) = tokio::join!(renew(), renew());
    let mut statuses = [one.status().as_u16(), two.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    is_dead(&app, &mina).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_other_devices() {
    let app = TestApp::spawn().await;
    let first = app.person("mina").await;
    let mut kept = Live::of(&app, first.clone()).await;
    let other = Live::of(&app, login(&app, "mina", "correct horse").await).await;
    let change = async |old: &str, new: &str| {
        let body = json!({ "old": old, "new": new });
        app.rest.send(Method::PUT, Some(&first.token), "/v1/me/password", Some(&body)).await
    };
    let wrong = change("wrong horse", "battery staple").await;
    assert_eq!(wrong.status(), 403);
    let wrong: Value = wrong.json().await.unwrap();
    assert_eq!((&wrong["code"], &wrong["reason"]), (&json!("forbidden"), &json!("wrong_password")));
    for odd in ["short", "mina", "MINA", &"x".repeat(129)] {
        let odd = change("correct horse", odd).await;
        assert_eq!(odd.status(), 422);
        assert_eq!(odd.json::<Value>().await.unwrap()["errors"][0]["field"], "new");
    }
    assert_eq!(devices(&app, &first).await.len(), 2, "nothing has happened yet");
    assert_eq!(change("correct horse", "battery staple").await.status(), 204);
    other.ends(&app).await;
    kept.lives(&app).await;
    let old = json!({ "username": "mina", "password": "correct horse" });
    let (status, _) = app.rest.refused(Method::POST, None, "/v1/auth/login", Some(&old)).await;
    assert_eq!(status, 401);
    login(&app, "mina", "battery staple").await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_listed_and_each_can_be_ended() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let phone = login(&app, "mina", "correct horse").await;
    let tablet = login(&app, "mina", "correct horse").await;
    let listed = devices(&app, &mina).await;
    assert_eq!(listed.len(), 3);
    assert_eq!(listed.iter().filter(|device| device["current"] == true).count(), 1);
    for device in &listed {
        assert!(device["id"].as_str().unwrap().starts_with("d_"));
        assert_eq!(device["ip"], "127.0.0.0/24");
        assert!(device["seen_at"].as_i64() >= device["created_at"].as_i64());
    }
    let own = |listed: &[Value]| {
        let current = listed.iter().find(|device| device["current"] == true).unwrap();
        current["id"].as_str().unwrap().to_owned()
    };
    let end = async |path: &str| {
        app.rest.send(Method::DELETE, Some(&mina.token), path, None).await.status().as_u16()
    };
    let live = Live::of(&app, phone.clone()).await;
    let path = format!("/v1/me/devices/{}", own(&devices(&app, &phone).await));
    assert_eq!(end(&path).await, 204);
    live.ends(&app).await;
    assert_eq!(end(&path).await, 204, "a second time");
    // Those of others are not ours to end, and we are not told whether they are there.
    let theirs = format!("/v1/me/devices/{}", own(&devices(&app, &bob).await));
    assert_eq!(end(&theirs).await, 204);
    app.rest.get(&bob.token, "/v1/me").await;
    assert_eq!(end("/v1/me/devices/nonsense").await, 404);
    let live = Live::of(&app, tablet).await;
    assert_eq!(end("/v1/me/devices").await, 204);
    live.ends(&app).await;
    let left = devices(&app, &mina).await;
    assert_eq!((left.len(), &left[0]["current"]), (1, &json!(true)));
    app.end().await;
}

fn handshake(bearer: &str) -> String {
    format!(
        "GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: {bearer}\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_while_its_device_is_signed_out_does_not_live_on() {
    let app = TestApp::spawn().await;
    let first = app.person("mina").await;
    let room = app.lobby(&first).await;
    let path = format!("/v1/rooms/{room}/events");
    for _ in 0..40 {
        let device = login(&app, "mina", "correct horse").await;
        let bearer = format!("Bearer {}", device.token);
        let headers = [("authorization", bearer.as_str())];
        let open = || Sse::open_with(&app.rest, &path, &headers);
        let mut raw = Raw::connect(app.address).await;
        let logout = app.rest.send(Method::POST, Some(&device.token), "/v1/auth/logout", None);
        let hand = handshake(&bearer);
        let (one, two, (), gone) = tokio::join!(open(), open(), raw.write(hand.as_bytes()), logout);
        assert_eq!(gone.status(), 204);
        if raw.head().await.starts_with("HTTP/1.1 101") {
            let closed = tokio::time::timeout(Duration::from_secs(1), raw.close_code()).await;
            assert_eq!(closed.ok(), Some(4501), "a session of a device that has ended lives on");
        }
        for mut stream in [one, two].into_iter().flatten() {
            let ended = tokio::time::timeout(Duration::from_secs(1), stream.rest()).await;
            assert!(ended.is_ok(), "a stream of a device that has ended lives on");
        }
    }
    app.end().await;
}

/// The key of the server in the test below, which makes tokens that are about to run out.
const SECRET: &str = "a secret of thirty-two characters";

fn running_out(token: &str, seconds: i64) -> String {
    let body = token.split('.').nth(1).unwrap();
    let body = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, body).unwrap();
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    body["exp"] = json!(now.as_secs() as i64 + seconds);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), &body, &key).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lasts_as_long_as_its_token_and_a_fresh_one_keeps_it() {
    let app = TestApp::spawn_with(&[("MOIM_JWT_SECRET", SECRET)]).await;
    let mina = app.person("mina").await;
    let old = running_out(&mina.token, -60);
    let (status, body) = app.rest.refused(Method::GET, Some(&old), "/v1/me", None).await;
    assert_eq!((status, &body["code"]), (401, &json!("token_expired")));
    let mut client = Client::connect(app.address).await;
    let refused = client.err(json!({ "op": "auth", "token": old })).await;
    assert_eq!(refused["code"], "token_expired");
    assert_eq!(client.expect_close().await, Closed { code: 4401 });

    let short = running_out(&mina.token, 2);
    let mut stream = Sse::open(&app.rest, &short, "/v1/inbox/events").await;
    let (mut one, mut two) =
        (Client::connect(app.address).await, Client::connect(app.address).await);
    one.auth(&short).await;
    two.auth(&short).await;
    two.ok(json!({ "op": "auth.refresh", "token": mina.token })).await;
    let began = Instant::now();
    stream.rest().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // Sessions have half a minute more: time to bring a fresh token.
    let closed = loop {
        match one.line_within(Duration::from_secs(40)).await {
            Ok(_heartbeat) => {}
            Err(closed) => break closed,
        }
    };
    assert_eq!(closed, Closed { code: 4401 });
    assert!(began.elapsed() > Duration::from_secs(25), "{:?}", began.elapsed());
    two.ok(json!({ "op": "ping" })).await;
    app.end().await;
}
