//! Who is called: by name, by an edit, by `@all` and `@here`; and the inbox and badges of it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Circle, circle, edit, on, say};
use crate::support::{Client, Person, TestApp, eventually, on_both};

on_both!(
    strangers_are_only_words,
    an_edit_calls_those_who_were_not_called_before,
    who_is_called_no_more_loses_the_mention,
    what_is_deleted_calls_nobody,
    everybody_is_called_in_a_small_room,
    here_is_who_is_online,
    a_call_of_all_is_heard_as_each_wants_to_hear,
    in_a_large_room_only_moderators_call_all,
);

/// Unread messages that name somebody, in the list of rooms.
async fn mentions(app: &TestApp, person: &Person, room: &str) -> i64 {
    let rooms = app.rest.get(&person.token, "/v1/rooms?limit=200").await;
    let rooms = rooms["items"].as_array().unwrap();
    let room = rooms.iter().find(|one| one["id"] == room).unwrap();
    room["mentions"].as_i64().unwrap()
}

/// The kinds of the entries of an inbox, newest first.
async fn inbox(app: &TestApp, person: &Person) -> Vec<Value> {
    let list = app.rest.get(&person.token, "/v1/inbox?limit=200").await;
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["kind"].clone()).collect()
}

/// The badge of a room that is not open.
async fn badge(client: &mut Client, room: &str, mentions: i64) {
    let is_it = |line: &Value| {
        line["ev"] == "room.head" && line["room"] == room && line["mentions"] == mentions
    };
    client.wait_for(is_it).await;
}

/// Who is no member any more, each in their way, and who never was one.
async fn strangers(app: &TestApp, mina: &Person, room: &str) -> Vec<Person> {
    let shown = app.rest.get(&mina.token, &format!("/v1/rooms/{room}")).await;
    let club = shown["club_id"].as_str().unwrap().to_owned();
    let mut strangers = Vec::new();
    for way in ["never", "leave", "kick", "ban"] {
        let person = app.person(&format!("who-{way}")).await;
        if way != "never" {
            app.join(&person, &club).await;
        }
        let (who, path) = match way {
            "leave" => (&person, format!("/v1/clubs/{club}/leave")),
            _put_out => (mina, format!("/v1/clubs/{club}/members/{}/{way}", person.id)),
        };
        if way != "never" {
            app.rest.post(&who.token, &path, &json!({})).await;
        }
        strangers.push(person);
    }
    strangers
}

async fn strangers_are_only_words(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let strangers = strangers(app, &mina, &room).await;
    let mut told: Vec<Vec<Value>> = Vec::new();
    let mut at_strangers = Vec::new();
    for stranger in &strangers {
        told.push(inbox(app, stranger).await);
        at_strangers.push(app.session(stranger).await);
    }
    let gone = app.person("who-erased").await;
    let password = json!({ "password": "correct horse" });
    let erased = app.rest.send(Method::DELETE, Some(&gone.token), "/v1/me", Some(&password)).await;
    assert_eq!(erased.status(), 204);
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_bob.open(&room).await;
    let names: Vec<_> = strangers.iter().map(|one| format!("@{}", one.name)).collect();
    let (called, many) = (names.join(" "), ["@nobody"; 400].join(" "));
    let texts = [
        "@nobody-is-called-this",
        called.as_str(),
        "@who-erased, @deleted-1 and @ai2",
        "@@who-never @ @. @- @\u{202e}bob x@bob `@bob` bob@example.org",
        many.as_str(),
    ];
    let mut first = Value::Null;
    for text in texts {
        let id = say(&mut at_mina, &room, text).await;
        let event = at_bob.expect("msg.new").await;
        assert_eq!((&event["d"]["id"], &event["d"]["text"]), (&id, &json!(text)));
        assert!(event["d"].get("mentions").is_none(), "{event}");
        first = id;
    }
    // Nor by an edit, an answer or in a thread; and who is a member is called beside them.
    let both = format!("{called} @carol");
    at_mina.ok(edit(&room, &first, &both)).await;
    assert_eq!(at_bob.expect("msg.edit").await["d"]["mentions"], json!([carol.id]));
    for field in ["reply_to", "thread"] {
        let path = format!("/v1/rooms/{room}/messages");
        app.rest.post(&mina.token, &path, &json!({ "text": both, (field): first })).await;
        assert_eq!(at_bob.expect("msg.new").await["d"]["mentions"], json!([carol.id]));
    }
    assert_eq!(mentions(app, &carol, &room).await, 3);
    assert_eq!(mentions(app, &bob, &room).await, 0);
    for ((stranger, mut session), told) in strangers.iter().zip(at_strangers).zip(told) {
        session.expect_none(|line| line["ev"] == "inbox" || line["room"] == *room).await;
        assert_eq!(inbox(app, stranger).await, told, "{}", stranger.name);
    }
    // Two people are alone: whom they speak of hears nothing of it.
    let dm = app.rest.post(&mina.token, "/v1/dms", &json!({ "user_id": bob.id })).await;
    say(&mut at_mina, dm["id"].as_str().unwrap(), "@carol @who-never").await;
    let event = at_bob.expect("inbox").await;
    assert_eq!(event["d"]["kind"], "dm", "not a mention: {event}");
    assert_eq!(inbox(app, &carol).await.len(), 3);
    assert!(inbox(app, &strangers[0]).await.is_empty());
}

async fn an_edit_calls_those_who_were_not_called_before(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let stranger = app.person("stranger").await;
    let mut at_mina = app.session(&mina).await;
    let (mut at_bob, mut at_carol) = (app.session(&bob).await, app.session(&carol).await);
    let id = say(&mut at_mina, &room, "@bob").await;
    at_bob.expect("inbox").await;
    let ok = at_mina.ok(edit(&room, &id, "@bob, @carol and @stranger")).await;
    let notice = at_carol.expect("inbox").await;
    assert_eq!(notice["d"]["kind"], "mention");
    assert_eq!((&notice["d"]["message"], &notice["d"]["at"]), (&id, &ok["at"]));
    assert_eq!(notice["d"]["body"], "@bob, @carol and @stranger");
    badge(&mut at_carol, &room, 1).await;
    assert_eq!(inbox(app, &bob).await, ["mention"], "once");
    assert_eq!((mentions(app, &bob, &room).await, mentions(app, &carol, &room).await), (1, 1));
    assert!(inbox(app, &stranger).await.is_empty());
    let mut listener = app.session(&bob).await;
    listener.open(&room).await;
    at_mina.ok(edit(&room, &id, "@carol @bob")).await;
    let told = listener.expect("msg.edit").await;
    assert_eq!(told["d"]["mentions"], json!([carol.id, bob.id]));
    // Taken out and put in again: no second entry of the same message.
    at_mina.ok(edit(&room, &id, "nobody")).await;
    at_mina.ok(edit(&room, &id, "@carol again")).await;
    assert_eq!(inbox(app, &carol).await, ["mention"]);
    assert_eq!(mentions(app, &carol, &room).await, 1);
}

async fn who_is_called_no_more_loses_the_mention(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let id = say(&mut at_mina, &room, "@bob @carol").await;
    badge(&mut at_bob, &room, 1).await;
    at_mina.ok(edit(&room, &id, "@carol")).await;
    badge(&mut at_bob, &room, 0).await;
    assert_eq!((mentions(app, &bob, &room).await, mentions(app, &carol, &room).await), (0, 1));
    // What was read stays read.
    let upto = json!({ "op": "read", "room": room, "seq": 999 });
    assert_eq!(app.session(&carol).await.ok(upto.clone()).await["mentions"], 0);
    at_mina.ok(edit(&room, &id, "nobody")).await;
    at_mina.ok(edit(&room, &id, "@carol")).await;
    assert_eq!(mentions(app, &carol, &room).await, 0);
    assert_eq!(at_bob.ok(upto).await["mentions"], 0);
}

async fn what_is_deleted_calls_nobody(app: &TestApp) {
    let Circle { mina, bob, room, .. } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let one = say(&mut at_mina, &room, "@bob one").await;
    let two = say(&mut at_mina, &room, "@bob two").await;
    badge(&mut at_bob, &room, 2).await;
    let entries = at_bob.expect_many("inbox", 2).await;
    at_mina.ok(on("delete", &room, &one)).await;
    badge(&mut at_bob, &room, 1).await;
    let gone = at_bob.expect("inbox.drop").await;
    assert_eq!((&gone["ids"], &gone["unread"]), (&json!([entries[0]["d"]["id"]]), &json!(1)));
    assert_eq!(mentions(app, &bob, &room).await, 1);
    assert_eq!(inbox(app, &bob).await, ["mention"]);
    let epoch = Client::connect(app.address).await.auth(&bob.token).await["inbox"]["epoch"].clone();
    let since = json!({ "epoch": epoch, "seq": 0 });
    let mut late = app.session(&bob).await;
    let opened = late.ok(json!({ "op": "inbox.open", "since": since })).await;
    assert_eq!((&opened["dropped"], &opened["unread"]), (&gone["ids"], &json!(1)));
    let replayed = late.expect_many("inbox", 2).await;
    assert_eq!(replayed[0]["d"]["dropped"], true);
    assert_eq!(replayed[0]["d"].get("body"), None);
    assert_eq!(replayed[1], entries[1]);
    at_mina.ok(on("delete", &room, &two)).await;
    assert_eq!(mentions(app, &bob, &room).await, 0);
}

/// A node that ended had noted whom to tell and told nobody.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_still_to_be_told_is_told_by_the_next_life() {
    use sqlx::Connection;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("moim.db");
    let url = format!("sqlite://{}", file.display());
    let settings = [("MOIM_DATABASE_URL", url.as_str())];
    let app = TestApp::spawn_with(&settings).await;
    let Circle { mina, bob, carol, room } = circle(&app).await;
    let id = say(&mut app.session(&mina).await, &room, "listen").await;
    app.end().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let row = "INSERT INTO fanout (room_id, message_seq, what, users, at)
               SELECT room_id, seq, 'all', '', at FROM message";
    sqlx::query(row).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    let app = TestApp::spawn_with(&settings).await;
    for person in [&bob, &carol] {
        eventually("all are told", async || mentions(&app, person, &room).await == 1).await;
        let list = app.rest.get(&person.token, "/v1/inbox").await;
        assert_eq!(list["items"][0]["message"], id);
    }
    app.end().await;
}

async fn everybody_is_called_in_a_small_room(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let (mut at_bob, mut at_carol) = (app.session(&bob).await, app.session(&carol).await);
    let mut listener = app.session(&mina).await;
    listener.open(&room).await;
    let id = say(&mut at_bob, &room, "@all and @carol, listen").await;
    let told = listener.expect("msg.new").await;
    assert_eq!((&told["d"]["calls"], &told["d"]["mentions"]), (&json!("all"), &json!([carol.id])));
    listener.expect("inbox").await;
    at_carol.expect("inbox").await;
    badge(&mut at_carol, &room, 1).await;
    for (person, count) in [(&mina, 1), (&carol, 1), (&bob, 0)] {
        eventually("everybody has a mention", async || mentions(app, person, &room).await == count)
            .await;
        assert_eq!(inbox(app, person).await.len(), usize::try_from(count).unwrap());
    }
    at_bob.ok(edit(&room, &id, "@carol alone")).await;
    assert_eq!(listener.expect("msg.edit").await["d"].get("calls"), None);
    assert_eq!((mentions(app, &mina, &room).await, mentions(app, &carol, &room).await), (0, 1));
    at_bob.ok(on("delete", &room, &id)).await;
    assert_eq!((inbox(app, &mina).await.len(), inbox(app, &carol).await.len()), (0, 0));
}

async fn here_is_who_is_online(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    let shows = |line: &Value| {
        let online = line["online"].as_array().or(line["joins"].as_array());
        online.is_some_and(|online| online.contains(&json!(bob.id)))
    };
    at_mina.wait_for(shows).await;
    say(&mut at_mina, &room, "@here").await;
    at_bob.expect("inbox").await;
    assert_eq!((mentions(app, &bob, &room).await, mentions(app, &carol, &room).await), (1, 0));
    let id = say(&mut at_mina, &room, "quiet").await;
    at_mina.ok(edit(&room, &id, "@here now")).await;
    at_bob.expect("inbox").await;
    assert_eq!(mentions(app, &bob, &room).await, 2);
    assert!(inbox(app, &carol).await.is_empty() && inbox(app, &mina).await.is_empty());
}

async fn a_call_of_all_is_heard_as_each_wants_to_hear(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let path = format!("/v1/rooms/{room}/notify");
    app.rest.put(&bob.token, &path, &json!({ "notify": "none" })).await;
    app.rest.put(&carol.token, &path, &json!({ "notify": "all" })).await;
    let mut at_mina = app.session(&mina).await;
    for (round, text) in [(1, "@all"), (2, "@here")] {
        // Online or not, and whatever the one is told of by a piece of work behind the message.
        let (_at_bob, _at_carol) = (app.session(&bob).await, app.session(&carol).await);
        let mut listener = app.session(&mina).await;
        let online = |line: &Value| line["online"].as_array().is_some_and(|all| all.len() == 3);
        let joined = |line: &Value| line["ev"] == "presence.diff" && line["count"] == 3;
        listener.begin(json!({ "op": "open", "room": room })).await;
        listener.wait_for(|line| online(line) || joined(line)).await;
        say(&mut at_mina, &room, text).await;
        for person in [&bob, &carol] {
            eventually("each has the mention", async || {
                mentions(app, person, &room).await == round
            })
            .await;
        }
        let told = vec![json!("mention"); usize::try_from(round).unwrap()];
        assert_eq!(inbox(app, &carol).await, told, "once, and as a call");
        assert!(inbox(app, &bob).await.is_empty(), "who wants no entry has none");
    }
}

async fn in_a_large_room_only_moderators_call_all(app: &TestApp) {
    let Circle { mina, bob, carol, .. } = circle(app).await;
    let (club, room) = app.club(&mina, "crowd").await;
    let mut last = carol.clone();
    for person in [bob.clone(), carol.clone()] {
        app.join(&person, &club).await;
    }
    for n in 0..48 {
        last = app.person(&format!("person{n}")).await;
        app.join(&last, &club).await;
    }
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let mut listener = app.session(&carol).await;
    listener.open(&room).await;
    say(&mut at_bob, &room, "@all and @here of 51").await;
    assert_eq!(listener.expect("msg.new").await["d"].get("calls"), None);
    say(&mut at_mina, &room, "@all listen").await;
    assert_eq!(listener.expect("msg.new").await["d"]["calls"], "all");
    for person in [&bob, &carol, &last] {
        eventually("everybody is told", async || mentions(app, person, &room).await == 1).await;
        assert_eq!(inbox(app, person).await, ["mention"]);
    }
    assert!(inbox(app, &mina).await.is_empty());
    let leave = format!("/v1/clubs/{club}/leave");
    app.rest.send(reqwest::Method::POST, Some(&last.token), &leave, None).await;
    say(&mut at_bob, &room, "@all 50 of us").await;
    eventually("members call a room of fifty", async || mentions(app, &carol, &room).await == 2)
        .await;
}
