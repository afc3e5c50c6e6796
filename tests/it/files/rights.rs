//! Who may open a file: whoever may read its room, now, and nobody else.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{get, refused, try_upload, upload, with_files};
use crate::support::on_both;
use crate::support::{Person, TestApp};

on_both!(
    strangers_and_those_who_left_see_nothing,
    a_key_opens_one_file_for_one_user,
    who_leaves_gets_no_more_of_what_is_under_way,
);

fn url(file: &Value) -> &str {
    file["url"].as_str().unwrap()
}

async fn status(app: &TestApp, person: &Person, path: &str) -> StatusCode {
    get(&app.rest, Some(&person.token), path, &[]).await.status()
}

async fn key(app: &TestApp, person: &Person, file: &Value) -> String {
    let body = json!({ "ids": [file["id"]] });
    let keys = app.rest.post(&person.token, "/v1/files/keys", &body).await;
    assert!((300..=900).contains(&keys["expires_in"].as_i64().unwrap()), "{keys}");
    assert_eq!(keys["items"][0]["id"], file["id"]);
    keys["items"][0]["key"].as_str().unwrap().to_owned()
}

async fn strangers_and_those_who_left_see_nothing(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let stranger = app.person("stranger").await;
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let file = upload(&app.rest, &mina, &room, "plan.txt", b"the plan".to_vec()).await;
    // Not sent yet: its owner alone.
    assert_eq!(status(app, &mina, url(&file)).await, 200);
    assert_eq!(status(app, &bob, url(&file)).await, 404);
    let mut session = app.session(&mina).await;
    session.ok(with_files(&room, "c-1", "", &[&file])).await;
    assert_eq!(status(app, &bob, url(&file)).await, 200);
    assert_eq!(status(app, &stranger, url(&file)).await, 404);
    let answer = try_upload(&app.rest, &stranger, &room, "x", b"x".to_vec()).await;
    assert_eq!(refused(answer).await.0, 404);
    let (keys_of_bob, of_stranger) =
        (key(app, &bob, &file).await, key(app, &stranger, &file).await);
    let by_key = async |key: &str| {
        get(&app.rest, None, &format!("{}?key={key}", url(&file)), &[]).await.status()
    };
    assert_eq!(
        (by_key(&keys_of_bob).await, by_key(&of_stranger).await),
        (StatusCode::OK, StatusCode::NOT_FOUND)
    );
    let leave = format!("/v1/clubs/{club}/leave");
    app.rest.send(Method::POST, Some(&bob.token), &leave, None).await;
    // From this moment on.
    assert_eq!(status(app, &bob, url(&file)).await, 404);
    assert_eq!(by_key(&keys_of_bob).await, 404);
    let known = get(&app.rest, Some(&bob.token), url(&file), &[("if-none-match", "*")]).await;
    assert_eq!(known.status(), 404, "not even that it is still the same");
    let answer = try_upload(&app.rest, &bob, &room, "x", b"x".to_vec()).await;
    assert_eq!(refused(answer).await.0, 404);
    let path = format!("/v1/clubs/{club}");
    let gone = app.rest.send(Method::DELETE, Some(&mina.token), &path, None).await;
    assert_eq!(gone.status(), 204);
    assert_eq!(status(app, &mina, url(&file)).await, 404);
}

async fn a_key_opens_one_file_for_one_user(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let one = upload(&app.rest, &mina, &room, "one.txt", b"one".to_vec()).await;
    let two = upload(&app.rest, &mina, &room, "two.txt", b"two".to_vec()).await;
    let key = key(app, &mina, &one).await;
    let ask = async |path: &str| get(&app.rest, None, path, &[]).await.status().as_u16();
    assert_eq!(ask(&format!("{}?key={key}", url(&one))).await, 200);
    assert_eq!(ask(&format!("{}?key={key}", url(&two))).await, 401);
    assert_eq!(ask(&format!("{}?key={key}x", url(&one))).await, 401);
    assert_eq!(ask(&format!("{}?key=", url(&one))).await, 401);
    assert_eq!(ask(&format!("{}?access_token={}", url(&one), mina.token)).await, 401);
    // It is no token for anything else.
    assert_eq!(ask(&format!("/v1/me?key={key}")).await, 401);
    let many: Vec<_> = (1..=101).map(|n| format!("fi_{n}")).collect();
    for odd in [json!(many), json!(["r_1"])] {
        let body = json!({ "ids": odd });
        let asked = app.rest.refused(Method::POST, Some(&bob.token), "/v1/files/keys", Some(&body));
        assert_eq!(asked.await.0, 422);
    }
    // It ends with its sign-in.
    app.rest.send(Method::POST, Some(&mina.token), "/v1/auth/logout", None).await;
    assert_eq!(ask(&format!("{}?key={key}", url(&one))).await, 401);
}

async fn who_leaves_gets_no_more_of_what_is_under_way(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let size = 20 << 20;
    let file = upload(&app.rest, &mina, &room, "film.bin", vec![7; size]).await;
    app.session(&mina).await.ok(with_files(&room, "c-1", "", &[&file])).await;
    let answer = get(&app.rest, Some(&bob.token), url(&file), &[]).await;
    let mut stream = answer.bytes_stream();
    let mut read = stream.next().await.unwrap().unwrap().len();
    app.rest.send(Method::POST, Some(&bob.token), &format!("/v1/clubs/{club}/leave"), None).await;
    // A slow reader: most of it is still with the server.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let mut is_cut = false;
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => read += piece.len(),
            Err(_cut) => is_cut = true,
        }
    }
    assert!(is_cut && read < size, "{read} of {size}");
}
