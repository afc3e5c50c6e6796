//! What hangs on messages goes into a file and comes out of it: files, reports, what moderators did.

use image::ImageFormat;
use serde_json::{Value, json};

use super::say;
use super::transfer::{club_of, room_of, tool};
use crate::files::{get, picture, upload, with_files};
use crate::support::{Person, TestApp, on_both};

on_both!(files_reports_and_acts_come_along);

async fn newest(app: &TestApp, who: &Person, room: &str) -> Value {
    let listed = app.rest.get(&who.token, &format!("/v1/rooms/{room}/messages?limit=1")).await;
    listed["items"][0].clone()
}

/// What the moderators of a club have before them, without what a server numbers.
async fn before_moderators(app: &TestApp, who: &Person, club: &str) -> Value {
    let mut seen = Vec::new();
    for list in ["reports", "reports?status=decided", "audit"] {
        let listed = app.rest.get(&who.token, &format!("/v1/clubs/{club}/{list}")).await;
        let mut items = listed["items"].as_array().unwrap().clone();
        for item in &mut items {
            if item["detail"] == "gone" {
                // It stays behind, and so does its number.
                item["room"] = Value::Null;
            }
            for field in ["id", "room", "message"] {
                if let Some(value) = item.as_object_mut().unwrap().get_mut(field) {
                    *value = json!(!value.is_null());
                }
            }
        }
        seen.push(items);
    }
    json!(seen)
}

/// A club with a message with files, two reports and some acts of its owner; the club and its room.
async fn furnish(app: &TestApp, mina: &Person, bob: &Person) -> (String, String) {
    let (club, room) = app.club(mina, "readers").await;
    app.join(bob, &club).await;
    let (mut at_mina, mut at_bob) = (app.session(mina).await, app.session(bob).await);
    for text in ["buy this", "nothing wrong"] {
        let id = say(&mut at_bob, &room, text).await;
        let path = format!("/v1/rooms/{room}/messages/{}/report", id.as_str().unwrap());
        app.rest.post(&mina.token, &path, &json!({ "reason": "spam", "note": text })).await;
    }
    let open = app.rest.get(&mina.token, &format!("/v1/clubs/{club}/reports")).await;
    let report = open["items"][0]["id"].as_str().unwrap();
    let path = format!("/v1/clubs/{club}/reports/{report}/decide");
    app.rest.post(&mina.token, &path, &json!({ "action": "dismiss" })).await;
    let mute = format!("/v1/clubs/{club}/members/{}/mute", bob.id);
    let muted = json!({ "seconds": 3_600, "reason": "enough" });
    app.rest.post(&mina.token, &mute, &muted).await;
    let (path, name) = (format!("/v1/clubs/{club}/rooms"), json!({ "name": "gone" }));
    let gone = app.rest.post(&mina.token, &path, &name).await;
    let gone = format!("/v1/rooms/{}", gone["id"].as_str().unwrap());
    app.rest.send(reqwest::Method::DELETE, Some(&mina.token), &gone, None).await;
    let photo = picture(700, 20, ImageFormat::Png);
    let photo = upload(&app.rest, mina, &room, "산책.png", photo).await;
    let notes = upload(&app.rest, mina, &room, "notes.txt", b"one\ntwo".to_vec()).await;
    at_mina.ok(with_files(&room, "f-1", "look", &[&photo, &notes])).await;
    (club, room)
}

async fn files_reports_and_acts_come_along(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = furnish(app, &mina, &bob).await;
    let text = tool(app, &["export", "--club", &club, "--files", "bytes"]).await;
    app.put("club.jsonl", &text);
    tool(app, &["import", "club.jsonl", "--name", "copies", "--files", "bytes"]).await;
    let copy = club_of(app, &mina, "copies").await;
    let copied = room_of(app, &mina, &copy, "plans").await;
    let (was, is) = (newest(app, &mina, &room).await, newest(app, &mina, &copied).await);
    assert_eq!(is["files"].as_array().unwrap().len(), 2, "{is}");
    for (was, is) in was["files"].as_array().unwrap().iter().zip(is["files"].as_array().unwrap()) {
        assert_ne!(was["id"], is["id"]);
        for field in ["name", "mime", "size", "width", "height"] {
            assert_eq!(was[field], is[field], "{field}");
        }
        for url in ["url", "preview_url"].iter().filter(|url| was[**url].is_string()) {
            let bytes = async |file: &Value| {
                let answer = get(&app.rest, Some(&bob.token), file[*url].as_str().unwrap(), &[]);
                let answer = answer.await;
                assert_eq!(answer.status(), 200, "{file}");
                answer.bytes().await.unwrap()
            };
            assert_eq!(bytes(was).await, bytes(is).await, "{url}");
        }
    }
    // The log says the same as the list.
    let opened = app.session(&bob).await.open(&copied).await;
    assert_eq!(opened["snapshot"]["items"].as_array().unwrap().last().unwrap(), &is);
    let seen = before_moderators(app, &mina, &copy).await;
    assert_eq!(seen, before_moderators(app, &mina, &club).await);
    assert_eq!(seen[0][0]["note"], "buy this", "{seen}");
    // Reports go on: what is open can be decided there.
    let open = app.rest.get(&mina.token, &format!("/v1/clubs/{copy}/reports")).await;
    let report = open["items"][0]["id"].as_str().unwrap();
    let path = format!("/v1/clubs/{copy}/reports/{report}/decide");
    app.rest.post(&mina.token, &path, &json!({ "action": "delete" })).await;

    // Without the bytes the message comes without them; nothing points to nowhere.
    let output = app.tool(&["import", "club.jsonl", "--name", "thirds"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("2 files were not found"), "{said}");
    let third = club_of(app, &mina, "thirds").await;
    let third = room_of(app, &mina, &third, "plans").await;
    let bare = newest(app, &mina, &third).await;
    assert_eq!((&bare["text"], &bare["files"]), (&json!("look"), &Value::Null));
    let odd = text.replace("image/png", "image/png\\r\\nx: y");
    app.put("odd.jsonl", &odd);
    let refused = app.tool(&["import", "odd.jsonl", "--name", "odd", "--files", "bytes"]).await;
    assert!(!refused.status.success());
}
