//! What moderators do is written down: each call once, where those read it whose affair it is.

use reqwest::Method;
use serde_json::{Value, json};

use super::{call, club};
use crate::support::{Person, TestApp, on_both};

on_both!(
    each_act_in_a_club_leaves_one_row,
    each_act_in_a_group_leaves_one_row,
    each_act_in_a_lobby_leaves_one_row,
    what_is_no_act_of_a_moderator_leaves_none,
    the_book_of_a_room_is_for_its_moderators,
);

/// A book, and who reads it.
struct Book<'a> {
    reader: &'a Person,
    path: String,
}

/// Entries of all books.
async fn rows(app: &TestApp) -> i64 {
    let all = "SELECT (SELECT count(*) FROM audit) + (SELECT count(*) FROM instance_audit)";
    app.number(all).await
}

/// Makes each call, which must succeed, and looks for its one row: it is the newest of the book, of
/// this action, by who called.
async fn each_leaves_one(
    app: &TestApp,
    book: &Book<'_>,
    calls: Vec<(&str, &Person, Method, String, Value)>,
) {
    for (action, by, method, path, body) in calls {
        let before = rows(app).await;
        let what = format!("{action}: {method} {path}");
        let (status, answer) = call(app, method, by, &path, body).await;
        assert!((200..300).contains(&status), "{what}: {status} {answer}");
        assert_eq!(rows(app).await - before, 1, "{what}");
        let items = app.rest.get(&book.reader.token, &book.path).await["items"].clone();
        let newest = &items[0];
        assert_eq!((&newest["action"], &newest["by"]), (&json!(action), &json!(by.id)), "{what}");
    }
}

async fn say(app: &TestApp, who: &Person, room: &str) -> String {
    let path = format!("/v1/rooms/{room}/messages");
    let sent = app.rest.post(&who.token, &path, &json!({ "text": "words" })).await;
    sent["id"].as_str().unwrap().to_owned()
}

async fn each_act_in_a_club_leaves_one_row(app: &TestApp) {
    let club = club(app).await;
    let (by, none) = (&club.manager, || json!({}));
    let of_club = |end: &str| format!("/v1/clubs/{}{end}", club.id);
    let of_room = |end: &str| format!("/v1/rooms/{}{end}", club.plans);
    let of_bob = |end: &str| of_club(&format!("/members/{}{end}", club.bob.id));
    let (one, other) =
        (say(app, &club.bob, &club.plans).await, say(app, &club.bob, &club.plans).await);
    let third = say(app, &club.bob, &club.plans).await;
    let report = of_room(&format!("/messages/{third}/report"));
    let reported = app.rest.post(&club.owner.token, &report, &json!({ "reason": "spam" })).await;
    let decide = of_club(&format!("/reports/{}/decide", reported["id"].as_str().unwrap()));
    let many = json!({ "messages": [other] });
    let minute = || json!({ "seconds": 60 });
    let book = Book { reader: &club.owner, path: of_club("/audit") };
    let calls = vec![
        ("room.create", by, Method::POST, of_club("/rooms"), json!({ "name": "more" })),
        ("room.settings", by, Method::PATCH, of_room(""), json!({ "topic": "chess" })),
        (
            "room.permissions",
            by,
            Method::PATCH,
            of_room("/permissions"),
            json!({ "pin": "member" }),
        ),
        ("message.pin", by, Method::PUT, of_room(&format!("/messages/{one}/pin")), none()),
        ("message.unpin", by, Method::DELETE, of_room(&format!("/messages/{one}/pin")), none()),
        ("message.delete", by, Method::DELETE, of_room(&format!("/messages/{one}")), none()),
        ("message.delete", by, Method::POST, of_room("/messages/delete"), many),
        ("report.dismiss", by, Method::POST, decide, json!({ "action": "dismiss" })),
        ("member.mute", by, Method::POST, of_bob("/mute"), minute()),
        ("member.unmute", by, Method::DELETE, of_bob("/mute"), none()),
        ("member.kick", by, Method::POST, of_bob("/kick"), none()),
        ("member.ban", by, Method::POST, of_bob("/ban"), minute()),
        ("member.unban", by, Method::DELETE, of_club(&format!("/bans/{}", club.bob.id)), none()),
        ("club.settings", by, Method::PATCH, of_club("/ai"), json!({ "persona": "kind" })),
        ("room.delete", by, Method::DELETE, of_room(""), none()),
        ("club.update", &club.owner, Method::PATCH, of_club(""), json!({ "greeting": "welcome" })),
    ];
    each_leaves_one(app, &book, calls).await;
    let filter = json!({ "pattern": "odd", "action": "reject" });
    let (status, made) = call(app, Method::POST, by, &of_club("/filters"), filter).await;
    assert_eq!(status, 201);
    let path = of_club(&format!("/filters/{}", made["id"].as_str().unwrap()));
    let owner = &club.owner;
    let role = format!("/members/{}", club.manager.id);
    let calls = vec![
        ("filter.remove", by, Method::DELETE, path, none()),
        ("member.role", owner, Method::PATCH, of_club(&role), json!({ "role": "member" })),
    ];
    each_leaves_one(app, &book, calls).await;
    let before = rows(app).await;
    let path = of_club("");
    assert_eq!(call(app, Method::DELETE, owner, &path, none()).await.0, 204);
    assert_eq!(rows(app).await - before, 1);
    let deleted = "SELECT count(*) FROM audit WHERE action = 'club.delete'";
    assert_eq!(app.number(deleted).await, 1);
    assert_eq!(call(app, Method::DELETE, owner, &path, none()).await.0, 204);
    assert_eq!(rows(app).await - before, 1, "once");
}

/// A group with a host and two members.
async fn group(app: &TestApp) -> (Person, Person, Person, String) {
    let (host, bob) = (app.person("host").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let body = json!({ "name": "friends", "member_ids": [bob.id, carol.id] });
    let room = app.rest.post(&host.token, "/v1/rooms", &body).await;
    (host, bob, carol, room["id"].as_str().unwrap().to_owned())
}

async fn each_act_in_a_group_leaves_one_row(app: &TestApp) {
    let (host, bob, carol, room) = group(app).await;
    let of_room = |end: &str| format!("/v1/rooms/{room}{end}");
    let (one, other) = (say(app, &bob, &room).await, say(app, &bob, &room).await);
    let many = json!({ "messages": [other] });
    let none = || json!({});
    let (minute, of_bob) =
        (|| json!({ "seconds": 60 }), |end: &str| of_room(&format!("/members/{}{end}", bob.id)));
    let (by, path) = (&host, of_room("/audit"));
    let book = Book { reader: &host, path };
    let calls = vec![
        ("room.settings", by, Method::PATCH, of_room(""), json!({ "topic": "chess" })),
        ("room.permissions", by, Method::PATCH, of_room("/permissions"), json!({ "pin": "owner" })),
        ("message.pin", by, Method::PUT, of_room(&format!("/messages/{one}/pin")), none()),
        ("message.unpin", by, Method::DELETE, of_room(&format!("/messages/{one}/pin")), none()),
        ("message.delete", by, Method::DELETE, of_room(&format!("/messages/{one}")), none()),
        ("message.delete", by, Method::POST, of_room("/messages/delete"), many),
        ("member.mute", by, Method::POST, of_bob("/mute"), minute()),
        ("member.unmute", by, Method::DELETE, of_bob("/mute"), none()),
        ("member.ban", by, Method::POST, of_bob("/ban"), minute()),
        ("member.unban", by, Method::DELETE, of_room(&format!("/bans/{}", bob.id)), none()),
        ("member.kick", by, Method::DELETE, of_room(&format!("/members/{}", carol.id)), none()),
    ];
    each_leaves_one(app, &book, calls).await;
    let log = app.rest.get(&host.token, &of_room("/audit")).await;
    let kick = &log["items"][0];
    assert_eq!((&kick["user"], &kick["room"]), (&json!(carol.id), &json!(room)));
    let before = rows(app).await;
    assert_eq!(call(app, Method::DELETE, &host, &of_room(""), none()).await.0, 204);
    assert_eq!(rows(app).await - before, 1);
    let of_instance = app.rest.get(&host.token, "/v1/admin/audit").await;
    assert_eq!(of_instance["items"], json!([]), "a group is no affair of admins");
}

async fn each_act_in_a_lobby_leaves_one_row(app: &TestApp) {
    // Who comes first is the admin.
    let (admin, bob) = (app.person("mina").await, app.person("bob").await);
    let lobby = app.lobby(&admin).await;
    let of_room = |end: &str| format!("/v1/rooms/{lobby}{end}");
    let (one, other) = (say(app, &bob, &lobby).await, say(app, &bob, &lobby).await);
    let many = json!({ "messages": [other] });
    let none = || json!({});
    let (minute, of_bob) =
        (|| json!({ "seconds": 60 }), |end: &str| of_room(&format!("/members/{}{end}", bob.id)));
    let (by, path) = (&admin, "/v1/admin/audit".to_owned());
    let book = Book { reader: &admin, path };
    let calls = vec![
        ("room.settings", by, Method::PATCH, of_room(""), json!({ "topic": "all" })),
        ("room.permissions", by, Method::PATCH, of_room("/permissions"), json!({ "pin": "owner" })),
        ("message.pin", by, Method::PUT, of_room(&format!("/messages/{one}/pin")), none()),
        ("message.unpin", by, Method::DELETE, of_room(&format!("/messages/{one}/pin")), none()),
        ("message.delete", by, Method::DELETE, of_room(&format!("/messages/{one}")), none()),
        ("member.mute", by, Method::POST, of_bob("/mute"), minute()),
        ("member.unmute", by, Method::DELETE, of_bob("/mute"), none()),
        ("member.kick", by, Method::DELETE, of_bob(""), none()),
        ("member.ban", by, Method::POST, of_bob("/ban"), minute()),
        ("member.unban", by, Method::DELETE, of_room(&format!("/bans/{}", bob.id)), none()),
        ("message.delete", by, Method::POST, of_room("/messages/delete"), many),
    ];
    each_leaves_one(app, &book, calls).await;
    let all = app.rest.get(&admin.token, "/v1/admin/audit").await;
    let here = app.rest.get(&admin.token, &of_room("/audit")).await;
    assert_eq!(all["items"], here["items"]);
    let last = &all["items"][0];
    assert_eq!((&last["user"], &last["message"]), (&json!(bob.id), &json!(other)));
    let settings = &all["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&settings["detail"], &settings["room"]), (&json!("topic"), &json!(lobby)));
}

async fn what_is_no_act_of_a_moderator_leaves_none(app: &TestApp) {
    let (host, bob, carol, room) = group(app).await;
    let of_room = |end: &str| format!("/v1/rooms/{room}{end}");
    let own = say(app, &host, &room).await;
    let other = say(app, &bob, &room).await;
    let greeting = json!({ "greeting": "" });
    let (club, _room) = app.club(&host, "readers").await;
    let before = rows(app).await;
    let none = || json!({});
    for (by, method, path, body) in [
        // One's own.
        (&host, Method::PUT, of_room(&format!("/messages/{own}/pin")), none()),
        (&host, Method::DELETE, of_room(&format!("/messages/{own}/pin")), none()),
        (&host, Method::DELETE, of_room(&format!("/messages/{own}")), none()),
        // What everybody may.
        (&carol, Method::PUT, of_room(&format!("/messages/{other}/pin")), none()),
        (&carol, Method::DELETE, of_room(&format!("/messages/{other}/pin")), none()),
        (&carol, Method::POST, of_room("/leave"), none()),
        // What was so before.
        (&host, Method::PATCH, of_room(""), json!({ "name": "friends" })),
        (&host, Method::PATCH, of_room("/permissions"), json!({ "pin": null })),
        (&host, Method::DELETE, of_room(&format!("/members/{}", carol.id)), none()),
        (&host, Method::PATCH, format!("/v1/clubs/{club}"), greeting),
    ] {
        let what = format!("{method} {path}");
        let (status, answer) = call(app, method, by, &path, body).await;
        assert!((200..300).contains(&status), "{what}: {status} {answer}");
        assert_eq!(rows(app).await, before, "{what}");
    }
}

async fn the_book_of_a_room_is_for_its_moderators(app: &TestApp) {
    let club = club(app).await;
    let path = format!("/v1/rooms/{}", club.plans);
    app.rest.patch(&club.owner.token, &path, &json!({ "topic": "one" })).await;
    app.rest.patch(&club.owner.token, &path, &json!({ "topic": "two" })).await;
    let elsewhere = format!("/v1/rooms/{}", club.general);
    app.rest.patch(&club.owner.token, &elsewhere, &json!({ "topic": "three" })).await;
    let book = format!("{path}/audit");
    let first = app.rest.get(&club.manager.token, &format!("{book}?limit=1")).await;
    let next = first["next"].as_str().unwrap();
    let second = app.rest.get(&club.manager.token, &format!("{book}?limit=1&cursor={next}")).await;
    assert_eq!(
        (&second["items"][0]["action"], &second["next"]),
        (&json!("room.settings"), &Value::Null)
    );
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    let (status, body) = app.rest.refused(Method::GET, Some(&club.bob.token), &book, None).await;
    assert_eq!((status, &body["reason"]), (403, &json!("role")));
}
