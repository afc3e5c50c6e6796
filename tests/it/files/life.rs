//! Files live and go with the messages that bring them.

use reqwest::Method;
use serde_json::{Value, json};

use super::{get, lying, picture, refused, try_upload, upload, with_files};
use crate::support::{Client, Person, TestApp, eventually, on_both};

on_both!(
    files_go_with_their_messages,
    an_edit_leaves_the_files,
    what_was_sent_before_one_came_stays_closed,
    who_may_attach_is_said_by_the_room,
    messages_with_files_are_found,
);

fn url(file: &Value) -> &str {
    file["url"].as_str().unwrap()
}

async fn status(app: &TestApp, person: &Person, path: &str) -> u16 {
    get(&app.rest, Some(&person.token), path, &[]).await.status().as_u16()
}

async fn log(session: &mut Client, room: &str) -> String {
    session.ok(json!({ "op": "pull", "room": room, "after": 0 })).await["events"].to_string()
}

async fn files_go_with_their_messages(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut owner, mut member) = (app.session(&mina).await, app.session(&bob).await);
    for session in [&mut owner, &mut member] {
        session.open(&room).await;
    }
    let mut sent = Vec::new();
    for n in 0..4 {
        let photo = picture(900, 700, image::ImageFormat::Jpeg);
        let file = upload(&app.rest, &bob, &room, &format!("secret-{n}.jpg"), photo).await;
        let id =
            member.ok(with_files(&room, &format!("c-{n}"), "look", &[&file])).await["id"].clone();
        sent.push((id, file));
    }
    let keys = json!({ "ids": [sent[0].1["id"]] });
    let keys = app.rest.post(&mina.token, "/v1/files/keys", &keys).await;
    let key = keys["items"][0]["key"].as_str().unwrap();
    let with_key = format!("{}?key={key}", url(&sent[0].1));
    assert_eq!(get(&app.rest, None, &with_key, &[]).await.status(), 200);
    assert!(log(&mut owner, &room).await.contains("secret-3.jpg"));
    // By its author, by a moderator, and many at once.
    member.ok(json!({ "op": "delete", "room": room, "message": sent[0].0 })).await;
    owner.ok(json!({ "op": "delete", "room": room, "message": sent[1].0 })).await;
    let two = json!({ "op": "delete.many", "room": room, "messages": [sent[2].0, sent[3].0] });
    owner.ok(two).await;
    for person in [&mina, &bob] {
        for (_, file) in &sent {
            assert_eq!(status(app, person, url(file)).await, 404, "from that moment on");
            assert_eq!(status(app, person, file["preview_url"].as_str().unwrap()).await, 404);
        }
    }
    assert_eq!(get(&app.rest, None, &with_key, &[]).await.status(), 404);
    let path = format!("/v1/rooms/{room}/messages");
    let listed = app.rest.get(&mina.token, &path).await.to_string();
    let opened = owner.open(&room).await.to_string();
    let pulled = log(&mut owner, &room).await;
    for (what, told) in [("list", listed), ("snapshot", opened), ("log", pulled)] {
        assert!(!told.contains("secret-") && !told.contains("fi_"), "{what}: {told}");
    }
    let again = with_files(&room, "d-1", "again", &[&sent[0].1]);
    assert_eq!(member.err(again).await["reason"], "no_such_file");
    assert_eq!(lying(&app.data()).len(), 8);
    app.sweeper.sweep(std::time::Duration::ZERO).await;
    assert!(lying(&app.data()).is_empty(), "nothing of them is left on the disk");
}

async fn an_edit_leaves_the_files(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut author, mut other) = (app.session(&mina).await, app.session(&bob).await);
    other.open(&room).await;
    let file = upload(&app.rest, &mina, &room, "a.txt", b"a".to_vec()).await;
    let sent = author.ok(with_files(&room, "c-1", "first", &[&file])).await;
    let edit = json!({ "op": "edit", "room": room, "message": sent["id"], "text": "second" });
    author.ok(edit).await;
    assert_eq!(other.expect("msg.edit").await["d"]["text"], "second");
    let listed = app.rest.get(&bob.token, &format!("/v1/rooms/{room}/messages")).await;
    let message = &listed["items"][0];
    assert_eq!((&message["text"], &message["files"]), (&json!("second"), &json!([file])));
    assert_eq!(status(app, &bob, url(&file)).await, 200);
    author.ok(json!({ "op": "pin", "room": room, "message": sent["id"] })).await;
    let pins = app.rest.get(&bob.token, &format!("/v1/rooms/{room}/pins")).await;
    assert_eq!(pins["items"][0]["message"]["files"], json!([file]), "{pins}");
}

async fn what_was_sent_before_one_came_stays_closed(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let body = json!({ "name": "secrets", "listed": true });
    let room = app.rest.post(&mina.token, "/v1/rooms", &body).await["id"].clone();
    let room = room.as_str().unwrap();
    let path = format!("/v1/rooms/{room}");
    app.rest.patch(&mina.token, &path, &json!({ "history": "since_join" })).await;
    let mut host = app.session(&mina).await;
    let before = upload(&app.rest, &mina, room, "before.txt", b"before".to_vec()).await;
    host.ok(with_files(room, "c-1", "", &[&before])).await;
    app.rest.post(&bob.token, &format!("{path}/join"), &json!({})).await;
    let after = upload(&app.rest, &mina, room, "after.txt", b"after".to_vec()).await;
    host.ok(with_files(room, "c-2", "", &[&after])).await;
    assert_eq!(status(app, &bob, url(&before)).await, 404);
    assert_eq!(status(app, &bob, url(&after)).await, 200);
    assert_eq!(status(app, &mina, url(&before)).await, 200);
    app.rest.patch(&mina.token, &path, &json!({ "history": "all" })).await;
    assert_eq!(status(app, &bob, url(&before)).await, 200, "the room says so, not the file");
}

async fn who_may_attach_is_said_by_the_room(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let mut member = app.session(&bob).await;
    let file = upload(&app.rest, &bob, &room, "a.txt", b"a".to_vec()).await;
    let path = format!("/v1/rooms/{room}/permissions");
    app.rest.patch(&mina.token, &path, &json!({ "attach": "moderator" })).await;
    let answer = try_upload(&app.rest, &bob, &room, "b.txt", b"b".to_vec()).await;
    assert_eq!(refused(answer).await, (403, "forbidden".to_owned(), "role".to_owned()));
    let refusal = member.err(with_files(&room, "c-1", "look", &[&file])).await;
    assert_eq!((&refusal["code"], &refusal["reason"]), (&json!("forbidden"), &json!("role")));
    member.send(&room, "c-2", "words are welcome").await;
    upload(&app.rest, &mina, &room, "c.txt", b"c".to_vec()).await;
    app.rest.patch(&mina.token, &path, &json!({ "attach": null })).await;
    member.ok(with_files(&room, "c-1", "look", &[&file])).await;
    let on_bob = |what: &str| format!("/v1/clubs/{club}/members/{}/{what}", bob.id);
    app.rest.post(&mina.token, &on_bob("mute"), &json!({ "seconds": 600 })).await;
    let answer = try_upload(&app.rest, &bob, &room, "d.txt", b"d".to_vec()).await;
    assert_eq!(refused(answer).await.1, "muted");
    assert_eq!(status(app, &bob, url(&file)).await, 200, "who is muted reads on");
    app.rest.post(&mina.token, &on_bob("ban"), &json!({ "seconds": 600 })).await;
    assert_eq!(status(app, &bob, url(&file)).await, 404, "their own as well");
    // In rooms of the club they are told why.
    let answer = try_upload(&app.rest, &bob, &room, "e.txt", b"e".to_vec()).await;
    assert_eq!(refused(answer).await.1, "banned");
}

async fn messages_with_files_are_found(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    let mut ids = Vec::new();
    for (n, text) in ["회의 자료", "", "other words"].iter().enumerate() {
        let file = upload(&app.rest, &mina, &room, "a.txt", b"a".to_vec()).await;
        ids.push(
            session.ok(with_files(&room, &format!("c-{n}"), text, &[&file])).await["id"].clone(),
        );
    }
    session.send(&room, "c-9", "회의 without").await;
    let find = async |query: &str| {
        let found = app.rest.get(&mina.token, &format!("/v1/search?{query}")).await;
        let items = found["items"].as_array().unwrap().iter();
        items.map(|item| item["message"].clone()).collect::<Vec<_>>()
    };
    let word = "q=%ED%9A%8C%EC%9D%98&has=file";
    let all = format!("room={room}&has=file");
    // Before the index has them, and after.
    for round in 0..2 {
        let found = find(word).await;
        assert_eq!(found.len(), 1, "{round}: {found:?}");
        assert_eq!((&found[0]["id"], &found[0]["files"][0]["name"]), (&ids[0], &json!("a.txt")));
        let found: Vec<_> = find(&all).await.iter().map(|found| found["id"].clone()).collect();
        assert_eq!(found, ids.iter().rev().cloned().collect::<Vec<_>>(), "{round}");
        eventually("the index is level", async || {
            app.metric("moim_search_indexed_total").await >= 4.0
                && app.metric("moim_search_behind").await == 0.0
        })
        .await;
    }
    let delete = format!("/v1/rooms/{room}/messages/{}", ids[0].as_str().unwrap());
    app.rest.send(Method::DELETE, Some(&mina.token), &delete, None).await;
    assert!(find(word).await.is_empty());
    assert_eq!(find(&all).await.len(), 2);
}
