//! Who does something is who has signed in, whatever the request says of it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Circle, circle, edit, on, react, read, say};
use crate::support::{TestApp, on_both};

on_both!(an_op_names_nobody_else, a_call_names_nobody_else);

/// An op or a body that says that somebody else is asking, in all the ways that come to mind.
fn forged(mut asked: Value, by: &Value) -> Value {
    for field in ["by", "author", "author_id", "user", "user_id", "from", "asker", "session"] {
        asked[field] = by.clone();
    }
    asked
}

async fn an_op_names_nobody_else(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    let odd = json!({ "id": mina.id, "username": "mina" });
    for (n, by) in [json!(mina.id), json!("mina"), json!(1), odd].into_iter().enumerate() {
        let (cid, text) = (format!("c-{n}"), "mine");
        let send = json!({ "op": "send", "room": room, "cid": cid, "text": text });
        let id = at_bob.ok(forged(send, &by)).await["id"].clone();
        let told = at_mina.expect("msg.new").await;
        assert_eq!((&told["d"]["id"], &told["d"]["by"]), (&id, &json!(bob.id)));
        at_bob.ok(forged(edit(&room, &id, "mine still"), &by)).await;
        assert_eq!(at_mina.expect("msg.edit").await["d"]["by"], bob.id.as_str());
        at_bob.ok(forged(react("react", &room, &id, "👍"), &by)).await;
        assert_eq!(at_mina.expect("msg.react").await["d"]["by"], bob.id.as_str());
        let message = read(app, &bob, &room, &id).await;
        assert_eq!((&message["by"], &message["text"]), (&json!(bob.id), &json!("mine still")));
        let own = |mine: bool| json!([{ "emoji": "👍", "count": 1, "mine": mine }]);
        assert_eq!(message["reactions"], own(true));
        assert_eq!(read(app, &mina, &room, &id).await["reactions"], own(false));
        // Nor is what somebody else has done undone.
        let undone = at_mina.ok(forged(react("unreact", &room, &id, "👍"), &json!(bob.id))).await;
        assert_eq!(undone, json!({ "dup": true }));
        at_bob.ok(json!({ "op": "read", "room": room, "seq": told["seq"] })).await;
    }
    // The words of another are not one's own for saying so, nor are their rights.
    let theirs = say(&mut at_mina, &room, "mina's").await;
    let mut at_carol = app.session(&carol).await;
    let by = json!(mina.id);
    for (op, reason) in [
        (edit(&room, &theirs, "carol's"), "not_author"),
        (on("delete", &room, &theirs), "not_author"),
        (on("pin", &room, &theirs), "role"),
        (json!({ "op": "delete.many", "room": room, "messages": [theirs] }), "role"),
    ] {
        let refused = at_carol.err(forged(op.clone(), &by)).await;
        let why = (&refused["code"], &refused["reason"]);
        assert_eq!(why, (&json!("forbidden"), &json!(reason)), "{op}");
    }
    // Whose mark moves is who reads.
    let unread =
        async || app.rest.get(&mina.token, &format!("/v1/rooms/{room}")).await["read_n"].clone();
    let before = unread().await;
    at_carol.ok(forged(json!({ "op": "unread", "room": room, "seq": 1 }), &by)).await;
    assert_eq!(unread().await, before);
    let theirs = read(app, &carol, &room, &theirs).await;
    assert_eq!((&theirs["text"], &theirs["rev"]), (&json!("mina's"), &json!(1)));
}

async fn a_call_names_nobody_else(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let mut at_mina = app.session(&mina).await;
    at_mina.open(&room).await;
    let by = json!(mina.id);
    let whose = format!("by={0}&author={0}&user_id={0}", mina.id);
    let path = format!("/v1/rooms/{room}/messages");
    let call = async |who: &str, method: Method, path: &str, body: Value| {
        let path = format!("{path}?{whose}");
        let answer = app.rest.send(method, Some(who), &path, Some(&forged(body, &by))).await;
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap())
    };
    let (status, sent) = call(&bob.token, Method::POST, &path, json!({ "text": "mine" })).await;
    assert_eq!(status, 201, "{sent}");
    let told = at_mina.expect("msg.new").await;
    assert_eq!((&told["d"]["id"], &told["d"]["by"]), (&sent["id"], &json!(bob.id)));
    let at = format!("{path}/{}", sent["id"].as_str().unwrap());
    let text = json!({ "text": "mine still" });
    let (status, said) = call(&bob.token, Method::PATCH, &at, text.clone()).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(at_mina.expect("msg.edit").await["d"]["by"], bob.id.as_str());
    let emoji = format!("{at}/reactions/%F0%9F%91%8D");
    let (status, said) = call(&bob.token, Method::PUT, &emoji, json!({})).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(at_mina.expect("msg.react").await["d"]["by"], bob.id.as_str());
    let who = app.rest.get(&carol.token, &emoji).await;
    assert_eq!((&who["count"], &who["items"][0]["id"]), (&json!(1), &json!(bob.id)));
    for (method, path) in [(Method::PATCH, at.clone()), (Method::DELETE, at.clone())] {
        let (status, problem) = call(&carol.token, method, &path, text.clone()).await;
        assert_eq!((status, &problem["reason"]), (403, &json!("not_author")), "{problem}");
    }
    let (_, undone) = call(&carol.token, Method::DELETE, &emoji, json!({})).await;
    assert_eq!(undone, json!({ "dup": true }));
    let message = read(app, &carol, &room, &sent["id"]).await;
    assert_eq!((&message["by"], &message["text"]), (&json!(bob.id), &json!("mine still")));
    assert_eq!(message["reactions"][0]["count"], 1);
}
