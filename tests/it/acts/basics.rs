//! Each act alone: its event, its reply, what lists show after it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Circle, circle, edit, everything, on, react, read, say};
use crate::support::{TestApp, on_both};

on_both!(
    an_edit_is_told_and_its_history_can_be_read,
    what_is_deleted_is_nowhere,
    reactions_are_counted_once_per_user_and_emoji,
    pins_are_kept_until_they_are_let_go,
    moderators_delete_many_at_once,
    the_calls_do_what_the_ops_do,
    the_same_again_changes_nothing,
    an_edit_is_known_by_its_cid,
);

async fn an_edit_is_told_and_its_history_can_be_read(app: &TestApp) {
    let Circle { mina, bob, room, .. } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    at_bob.open(&room).await;
    let id = say(&mut at_bob, &room, "helo").await;
    let before = read(app, &bob, &room, &id).await;
    assert_eq!((&before["rev"], before.get("edited_at")), (&json!(1), None));
    let ok = at_bob.ok(edit(&room, &id, "hello  ")).await;
    assert_eq!(ok["dup"], false);
    let told = at_mina.expect("msg.edit").await;
    assert_eq!((&told["seq"], &told["at"]), (&ok["seq"], &ok["at"]));
    assert_eq!(told.get("n"), None, "no ordinal of its own");
    assert_eq!(told["d"], json!({ "id": id, "by": bob.id, "text": "hello  ", "rev": 2 }));
    at_bob.ok(edit(&room, &id, "hello!")).await;
    let after = read(app, &mina, &room, &id).await;
    assert_eq!((&after["text"], &after["rev"]), (&json!("hello!"), &json!(3)));
    assert!(after["edited_at"].as_i64() >= ok["at"].as_i64());
    assert_eq!((&after["seq"], &after["n"]), (&before["seq"], &before["n"]));
    let path = format!("/v1/rooms/{room}/messages/{}/revisions", id.as_str().unwrap());
    let revisions = app.rest.get(&mina.token, &path).await["items"].clone();
    let texts: Vec<_> = revisions.as_array().unwrap().iter().map(|r| r["text"].clone()).collect();
    assert_eq!(texts, ["helo", "hello  ", "hello!"]);
    assert_eq!((&revisions[0]["rev"], &revisions[0]["at"]), (&json!(1), &before["at"]));
    let opened = app.session(&mina).await.open(&room).await;
    let items = opened["snapshot"]["items"].as_array().unwrap();
    assert_eq!(items.last().unwrap(), &after);
}

async fn what_is_deleted_is_nowhere(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let mut at_bob = app.session(&bob).await;
    let mut at_carol = app.session(&carol).await;
    at_carol.open(&room).await;
    say(&mut at_bob, &room, "before").await;
    let id = say(&mut at_bob, &room, "@carol the xyzzy one").await;
    at_bob.ok(edit(&room, &id, "@carol the xyzzy two")).await;
    at_carol.ok(react("react", &room, &id, "👍")).await;
    let mut at_mina = app.session(&mina).await;
    at_mina.ok(on("pin", &room, &id)).await;
    let notice = at_carol.expect("inbox").await;
    assert!(notice.to_string().contains("xyzzy"));
    assert!(everything(app, &carol, &room).await.contains("xyzzy"));
    let ok = at_bob.ok(on("delete", &room, &id)).await;
    let told = at_carol.expect("msg.delete").await;
    assert_eq!((&told["seq"], &told["d"]), (&ok["seq"], &json!({ "id": id, "by": bob.id })));
    let gone = at_carol.expect("inbox.drop").await;
    assert_eq!(gone, json!({ "ev": "inbox.drop", "ids": [notice["d"]["id"]], "unread": 0 }));
    for person in [&mina, &bob, &carol] {
        let all = everything(app, person, &room).await;
        assert!(!all.contains("xyzzy"), "{all}");
        assert!(all.contains("before"));
    }
    let tombstone = read(app, &mina, &room, &id).await;
    assert_eq!(tombstone.get("text"), None);
    assert_eq!((&tombstone["deleted"], &tombstone["by"]), (&json!(true), &json!(bob.id)));
    assert_eq!((&tombstone["pinned"], &tombstone["reactions"]), (&json!(false), &json!([])));
    let path = format!("/v1/rooms/{room}/messages/{}/revisions", id.as_str().unwrap());
    assert_eq!(app.rest.get(&mina.token, &path).await["items"], json!([]));
    let rooms = app.rest.get(&carol.token, "/v1/rooms").await;
    let mine = rooms["items"].as_array().unwrap().iter().find(|r| r["id"] == room.as_str());
    assert_eq!(mine.unwrap()["mentions"], 0);
    // A room that was asleep, or another node, reads it from the store.
    app.crash(&room).await;
    assert!(!everything(app, &carol, &room).await.contains("xyzzy"));
}

async fn reactions_are_counted_once_per_user_and_emoji(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    let id = say(&mut at_mina, &room, "cake").await;
    for emoji in ["👍", "❤", "👍"] {
        at_bob.ok(react("react", &room, &id, emoji)).await;
    }
    at_mina.ok(react("react", &room, &id, "👍")).await;
    let heard = at_mina.expect_many("msg.react", 3).await;
    let told: Vec<_> = heard.iter().map(|event| event["d"].clone()).collect();
    let d = |by: &str, emoji: &str, count| json!({ "id": id, "by": by, "emoji": emoji, "count": count });
    assert_eq!(told, [d(&bob.id, "👍", 1), d(&bob.id, "❤️", 1), d(&mina.id, "👍", 2)]);
    let one = |emoji, count, mine| json!({ "emoji": emoji, "count": count, "mine": mine });
    let reactions = async |person| read(app, person, &room, &id).await["reactions"].clone();
    assert_eq!(reactions(&mina).await, json!([one("👍", 2, true), one("❤️", 1, false)]));
    assert_eq!(reactions(&carol).await, json!([one("👍", 2, false), one("❤️", 1, false)]));
    // The snapshot is shared by all; whose a reaction is, is not.
    for person in [&carol, &bob, &mina, &carol] {
        let opened = app.session(person).await.open(&room).await;
        let item = opened["snapshot"]["items"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(item["reactions"], reactions(person).await);
    }
    let path = format!("/v1/rooms/{room}/messages/{}/reactions", id.as_str().unwrap());
    let who = async |emoji: &str| {
        let told = app.rest.get(&carol.token, &format!("{path}/{emoji}")).await;
        let items = told["items"].as_array().unwrap().iter();
        let names: Vec<_> =
            items.map(|user| user["username"].as_str().unwrap().to_owned()).collect();
        (told["count"].as_i64().unwrap(), names.join(" "))
    };
    let (thumb, heart, cake) = ("%F0%9F%91%8D", "%E2%9D%A4", "%F0%9F%8E%82");
    assert_eq!(who(thumb).await, (2, "bob mina".to_owned()), "who came first is named first");
    assert_eq!((who(heart).await.0, who(cake).await), (1, (0, String::new())));
    let status = app.rest.status(Method::GET, &carol.token, &format!("{path}/cake")).await;
    assert_eq!(status, 422, "no emoji");
    at_bob.ok(react("unreact", &room, &id, "👍")).await;
    at_mina.ok(react("unreact", &room, &id, "👍")).await;
    assert_eq!(who(thumb).await.0, 0);
    let heard = at_mina.expect_many("msg.unreact", 2).await;
    assert_eq!((&heard[0]["d"], &heard[1]["d"]), (&d(&bob.id, "👍", 1), &d(&mina.id, "👍", 0)));
    at_bob.ok(react("react", &room, &id, "👍")).await;
    assert_eq!(reactions(&bob).await, json!([one("❤️", 1, true), one("👍", 1, true)]));
}

async fn pins_are_kept_until_they_are_let_go(app: &TestApp) {
    let Circle { mina, bob, room, .. } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_bob.open(&room).await;
    let one = say(&mut at_bob, &room, "one").await;
    let two = say(&mut at_bob, &room, "two").await;
    at_mina.ok(on("pin", &room, &one)).await;
    at_mina.ok(on("pin", &room, &two)).await;
    let told = at_bob.expect("msg.pin").await;
    assert_eq!(told["d"], json!({ "id": one, "by": mina.id }));
    let pins = async || app.rest.get(&bob.token, &format!("/v1/rooms/{room}/pins")).await;
    let all = pins().await["items"].clone();
    assert_eq!((&all[0]["message"]["id"], &all[1]["message"]["id"]), (&two, &one));
    assert_eq!((&all[1]["by"], &all[1]["at"]), (&json!(mina.id), &told["at"]));
    assert_eq!(all[1]["message"], read(app, &bob, &room, &one).await);
    assert_eq!(all[1]["message"]["pinned"], true);
    at_mina.ok(on("unpin", &room, &one)).await;
    assert_eq!(at_bob.expect("msg.unpin").await["d"], told["d"]);
    assert_eq!(pins().await["items"].as_array().unwrap().len(), 1);
    assert_eq!(read(app, &bob, &room, &one).await["pinned"], false);
    at_bob.ok(on("delete", &room, &two)).await;
    assert_eq!(pins().await["items"], json!([]));
}

async fn moderators_delete_many_at_once(app: &TestApp) {
    let Circle { mina, bob, room, .. } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    let mut ids = Vec::new();
    for n in 0..100 {
        ids.push(say(&mut at_bob, &room, &format!("spam {n}")).await);
    }
    at_mina.ok(on("delete", &room, &ids[7])).await;
    at_mina.expect("msg.delete").await;
    let twice: Vec<&Value> = ids.iter().take(50).chain(ids.iter().take(50)).collect();
    let many =
        |messages: &Value| json!({ "op": "delete.many", "room": room, "messages": messages });
    let ok = at_mina.ok(many(&json!(twice))).await;
    let told = at_mina.expect_many("msg.delete", 49).await;
    assert_eq!(told.last().unwrap()["seq"], ok["seq"]);
    let ok = at_mina.ok(many(&json!(ids))).await;
    assert_eq!(ok["dup"], false);
    at_mina.expect_many("msg.delete", 50).await;
    assert_eq!(at_mina.ok(many(&json!(ids))).await["dup"], true);
    assert!(!everything(app, &bob, &room).await.contains("spam"));
}

async fn the_calls_do_what_the_ops_do(app: &TestApp) {
    let Circle { mina, bob, room, .. } = circle(app).await;
    let mut at_bob = app.session(&bob).await;
    at_bob.open(&room).await;
    let id = say(&mut at_bob, &room, "one").await;
    let at = format!("/v1/rooms/{room}/messages/{}", id.as_str().unwrap());
    let call = async |method: Method, path: &str, body: Option<Value>| {
        let answer = app.rest.send(method, Some(&mina.token), path, body.as_ref()).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.json::<Value>().await.unwrap()
    };
    let emoji = "%F0%9F%91%A9%E2%80%8D%F0%9F%9A%80";
    let ok = call(Method::PUT, &format!("{at}/reactions/{emoji}"), None).await;
    let told = at_bob.expect("msg.react").await;
    assert_eq!((&told["d"]["emoji"], &told["seq"]), (&json!("👩\u{200d}🚀"), &ok["seq"]));
    let again = call(Method::PUT, &format!("{at}/reactions/{emoji}"), None).await;
    assert_eq!(again, json!({ "seq": ok["seq"], "dup": true }));
    call(Method::DELETE, &format!("{at}/reactions/{emoji}"), None).await;
    at_bob.expect("msg.unreact").await;
    call(Method::PUT, &format!("{at}/pin"), None).await;
    at_bob.expect("msg.pin").await;
    call(Method::DELETE, &format!("{at}/pin"), None).await;
    at_bob.expect("msg.unpin").await;
    let body = json!({ "text": "two", "cid": "e-1" });
    let edited = app.rest.send(Method::PATCH, Some(&bob.token), &at, Some(&body)).await;
    assert_eq!(edited.json::<Value>().await.unwrap()["dup"], false);
    at_bob.expect("msg.edit").await;
    call(Method::DELETE, &at, None).await;
    at_bob.expect("msg.delete").await;
    let other = say(&mut at_bob, &room, "three").await;
    let path = format!("/v1/rooms/{room}/messages/delete");
    let ok = call(Method::POST, &path, Some(json!({ "messages": [id, other] }))).await;
    assert_eq!(at_bob.expect("msg.delete").await["seq"], ok["seq"]);
}

async fn the_same_again_changes_nothing(app: &TestApp) {
    let Circle { mina, room, .. } = circle(app).await;
    let mut session = app.session(&mina).await;
    let head = session.open(&room).await["head"].as_i64().unwrap();
    let id = say(&mut session, &room, "one").await;
    let ops = [
        edit(&room, &id, "two"),
        react("react", &room, &id, "👍"),
        on("pin", &room, &id),
        on("unpin", &room, &id),
        react("unreact", &room, &id, "👍"),
        on("delete", &room, &id),
    ];
    for op in &ops {
        let first = session.ok(op.clone()).await;
        assert_eq!(first["dup"], false, "{op}");
        let again = session.ok(op.clone()).await;
        assert_eq!(again["dup"], true, "{op}");
        assert!(again.get("seq").is_none_or(|seq| *seq == first["seq"]), "{op}");
    }
    // Nothing is there any more that could be taken away.
    for op in [on("unpin", &room, &id), react("unreact", &room, &id, "👍")] {
        assert_eq!(session.ok(op).await, json!({ "dup": true }));
    }
    let opened = session.open(&room).await;
    assert_eq!(opened["head"].as_i64().unwrap(), head + 7);
    assert_eq!(opened["n"], 1);
}

async fn an_edit_is_known_by_its_cid(app: &TestApp) {
    let Circle { mina, room, .. } = circle(app).await;
    let mut session = app.session(&mina).await;
    let id = say(&mut session, &room, "one").await;
    let edit = |text: &str, cid: &str| json!({ "op": "edit", "room": room, "message": id, "text": text, "cid": cid });
    let first = session.ok(edit("two", "e-1")).await;
    session.ok(edit("three", "e-2")).await;
    // An edit whose answer was lost is sent again: it does not undo the one behind it.
    let again = session.ok(edit("two", "e-1")).await;
    assert_eq!(again, json!({ "seq": first["seq"], "at": first["at"], "dup": true }));
    assert_eq!(read(app, &mina, &room, &id).await["text"], "three");
}
