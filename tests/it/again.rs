//! Calls that are sent again under a name of the caller's own: done once, answered the same.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Person, Raw, TestApp, eventually, on_both};

on_both!(
    a_call_with_a_name_is_done_once,
    a_name_is_of_one_call_and_one_caller,
    what_was_refused_may_be_sent_again,
    who_hangs_up_finds_it_done_once,
);

/// A POST under a name: status and body.
async fn call(
    app: &TestApp,
    (who, key): (&Person, &str),
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let request = app.rest.http.post(format!("{}{path}", app.rest.base));
    let request = request.bearer_auth(&who.token).header("idempotency-key", key).json(body);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

async fn said(app: &TestApp, who: &Person, room: &str) -> Vec<Value> {
    let listed = app.rest.get(&who.token, &format!("/v1/rooms/{room}/messages")).await;
    listed["items"].as_array().unwrap().iter().map(|item| item["text"].clone()).collect()
}

async fn a_call_with_a_name_is_done_once(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let path = format!("/v1/rooms/{room}/messages");
    let body = json!({ "text": "once" });
    let first = call(app, (&mina, "k-1"), &path, &body).await;
    assert_eq!(first.0, 201, "{first:?}");
    assert_eq!(call(app, (&mina, "k-1"), &path, &body).await, first);
    let many = (0..8).map(|_| call(app, (&mina, "k-2"), &path, &body));
    let many = join_all(many).await;
    let done: Vec<_> = many.iter().filter(|(status, _)| *status == 201).collect();
    assert!(!done.is_empty() && done.iter().all(|one| *one == done[0]), "{many:?}");
    for (status, body) in many.iter().filter(|(status, _)| *status != 201) {
        assert_eq!((*status, &body["reason"]), (409, &json!("key_open")), "{body}");
    }
    assert_eq!(said(app, &mina, &room).await, ["once", "once"]);
    // One without a body has no body again.
    let (club, _) = app.club(&mina, "readers").await;
    let bob = app.person("bob").await;
    app.join(&bob, &club).await;
    let leave = format!("/v1/clubs/{club}/leave");
    let left = call(app, (&bob, "k-3"), &leave, &json!({})).await;
    assert_eq!(call(app, (&bob, "k-3"), &leave, &json!({})).await, left);
    // After a day the name is free.
    app.sql("UPDATE answer SET at = at - 86500000").await;
    let again = call(app, (&mina, "k-1"), &path, &body).await;
    assert!(again.0 == 201 && again != first, "{again:?}");
    assert_eq!(said(app, &mina, &room).await.len(), 3);
}

async fn a_name_is_of_one_call_and_one_caller(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let path = format!("/v1/rooms/{room}/messages");
    let body = json!({ "text": "mine" });
    assert_eq!(call(app, (&mina, "k"), &path, &body).await.0, 201);
    for (path, body) in [
        (path.clone(), json!({ "text": "other" })),
        (format!("/v1/rooms/{room}/read"), body.clone()),
        ("/v1/clubs".to_owned(), json!({ "name": "readers" })),
    ] {
        let (status, problem) = call(app, (&mina, "k"), &path, &body).await;
        assert_eq!((status, &problem["code"]), (409, &json!("conflict")), "{path}");
        assert_eq!(problem["reason"], "key_reuse");
    }
    assert_eq!(call(app, (&bob, "k"), &path, &json!({ "text": "his" })).await.0, 201);
    assert_eq!(said(app, &mina, &room).await, ["mine", "his"]);
    for odd in ["", &"k".repeat(65)] {
        let (status, problem) = call(app, (&mina, odd), &path, &body).await;
        assert_eq!((status, &problem["code"]), (422, &json!("invalid")), "{odd:?}");
    }
    let nobody = Person { token: "nonsense".to_owned(), ..mina.clone() };
    assert_eq!(call(app, (&nobody, "k"), &path, &body).await.0, 401);
    // What opens something is kept nowhere.
    let ticket = || call(app, (&mina, "t"), "/v1/auth/ticket", &Value::Null);
    assert_ne!(ticket().await.1["ticket"], ticket().await.1["ticket"]);
}

async fn what_was_refused_may_be_sent_again(app: &TestApp) {
    let mina = app.person("mina").await;
    let name = json!({ "name": "readers" });
    app.rest.post(&mina.token, "/v1/clubs", &name).await;
    let refused = call(app, (&mina, "k"), "/v1/clubs", &name).await;
    assert_eq!((refused.0, &refused.1["reason"]), (409, &json!("name_taken")));
    app.sql("UPDATE club SET name_key = 'writers', name = 'writers'").await;
    let made = call(app, (&mina, "k"), "/v1/clubs", &name).await;
    assert_eq!((made.0, &made.1["name"]), (201, &json!("readers")));
    let huge = json!({ "name": "x".repeat(70_000) });
    let (status, problem) = call(app, (&mina, "huge"), "/v1/clubs", &huge).await;
    assert_eq!((status, &problem["code"]), (413, &json!("too_large")));
}

async fn who_hangs_up_finds_it_done_once(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let path = format!("/v1/rooms/{room}/messages");
    let body = json!({ "text": "once" });
    for n in 0..10 {
        let text = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nIdempotency-Key: k-{n}\r\nAuthorization: Bearer {}\r\n\r\n",
            text.len(),
            mina.token
        );
        let mut raw = Raw::connect(app.address).await;
        raw.write((head + &text).as_bytes()).await;
        drop(raw);
        eventually("it is answered", async || {
            let (status, answer) = call(app, (&mina, &format!("k-{n}")), &path, &body).await;
            assert!(status == 201 || answer["reason"] == "key_open", "{answer}");
            status == 201
        })
        .await;
    }
    assert_eq!(said(app, &mina, &room).await.len(), 10);
}
