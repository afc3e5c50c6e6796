//! A club goes into a file and comes out of it: on the same server, on another, on another engine.

use reqwest::Method;
use serde_json::{Value, json};

use super::{listed, say};
use crate::support::{Person, TestApp, fresh, on_both, person, seqs};

on_both!(
    a_club_comes_out_as_it_went_in,
    a_file_that_does_not_fit_leaves_nothing,
    logs_get_new_lives_after_a_backup,
);

/// Runs a command that must succeed; what it wrote to standard output.
pub(super) async fn tool(app: &TestApp, arguments: &[&str]) -> String {
    let output = app.tool(arguments).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A club with something of everything.
async fn furnish(app: &TestApp, mina: &Person, bob: &Person) -> (String, String) {
    let (club, room) = app.club(mina, "readers").await;
    app.join(bob, &club).await;
    let (mut at_mina, mut at_bob) = (app.session(mina).await, app.session(bob).await);
    let first = say(&mut at_mina, &room, "first 안녕 **bold**").await;
    let answer = json!({ "op": "send", "room": room, "text": "an answer", "reply_to": first });
    let answer = at_bob.ok(answer).await["id"].clone();
    for text in ["an answre", "an answer!"] {
        at_bob.ok(json!({ "op": "edit", "room": room, "message": answer, "text": text })).await;
    }
    let gone = say(&mut at_bob, &room, "taken back").await;
    at_bob.ok(json!({ "op": "delete", "room": room, "message": gone })).await;
    for client in [&mut at_mina, &mut at_bob] {
        client.ok(json!({ "op": "react", "room": room, "message": first, "emoji": "👍" })).await;
    }
    at_bob.ok(json!({ "op": "react", "room": room, "message": first, "emoji": "🎉" })).await;
    at_mina.ok(json!({ "op": "pin", "room": room, "message": answer })).await;
    at_bob.ok(json!({ "op": "send", "room": room, "text": "below", "thread": first })).await;
    let lost = json!({ "op": "send", "room": room, "text": "taken back below", "thread": first });
    let lost = at_mina.ok(lost).await["id"].clone();
    at_mina.ok(json!({ "op": "delete", "room": room, "message": lost })).await;
    let said = json!({ "assistant": "always", "persona": "a pirate", "ai_language": "ko" });
    app.rest.patch(&mina.token, &format!("/v1/clubs/{club}/ai"), &said).await;
    let said = json!({ "assistant": "mention", "persona": "a librarian", "ai_language": "en" });
    app.rest.patch(&mina.token, &format!("/v1/rooms/{room}"), &said).await;
    let last = say(&mut at_mina, &room, "last").await;
    assert!(last.is_string());
    let wish = Some(json!({ "notify": "all" }));
    let path = format!("/v1/rooms/{room}/notify");
    let done = app.rest.send(Method::PUT, Some(&bob.token), &path, wish.as_ref()).await;
    assert_eq!(done.status(), 204);
    (club, room)
}

/// What people see of the messages of a room, without the ids that a server gives.
async fn seen(app: &TestApp, who: &Person, room: &str) -> Vec<Value> {
    let list = app.rest.get(&who.token, &format!("/v1/rooms/{room}/messages?limit=200")).await;
    let mut items = list["items"].as_array().unwrap().clone();
    let ids: Vec<String> =
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    let place = |id: &Value| ids.iter().position(|known| id == known.as_str());
    for item in &mut items {
        let thread = item["thread"].as_object().is_none().then(|| place(&item["thread"])).flatten();
        let (reply, thread) = (json!(place(&item["reply_to"])), json!(thread));
        for (field, value) in [("reply_to", reply), ("thread_of", thread)] {
            item[field] = value;
        }
        for field in ["id", "seq", "thread"] {
            item.as_object_mut().unwrap().remove(field);
        }
    }
    items
}

/// The room of this name in a club.
pub(super) async fn room_of(app: &TestApp, who: &Person, club: &str, name: &str) -> String {
    let rooms = app.rest.get(&who.token, &format!("/v1/clubs/{club}/rooms")).await;
    let rooms = rooms["items"].as_array().unwrap();
    let room = rooms.iter().find(|room| room["name"] == name).unwrap();
    room["id"].as_str().unwrap().to_owned()
}

/// The club of this name that somebody is in.
pub(super) async fn club_of(app: &TestApp, who: &Person, name: &str) -> String {
    let clubs = app.rest.get(&who.token, "/v1/me/clubs").await;
    let items = clubs["items"].as_array().unwrap();
    let named = |item: &&Value| item["name"] == name || item["club"]["name"] == name;
    let club = items.iter().find(named).unwrap_or_else(|| panic!("no {name} in {clubs}"));
    let id = club["id"].as_str().or(club["club"]["id"].as_str());
    id.unwrap().to_owned()
}

async fn a_club_comes_out_as_it_went_in(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = furnish(app, &mina, &bob).await;
    let carol = app.person("carol").await;
    let ban = format!("/v1/clubs/{club}/members/{}/ban", carol.id);
    app.rest.post(&mina.token, &ban, &json!({ "reason": "quarrels" })).await;
    let text = tool(app, &["export", "--club", &club]).await;
    assert!(text.lines().next().unwrap().contains(r#""format":"moim-club","version":1"#));
    assert!(!text.contains("argon2") && !text.contains("taken back"), "{text}");
    app.put("club.jsonl", &text);
    let taken = app.tool(&["import", "club.jsonl"]).await;
    assert!(String::from_utf8_lossy(&taken.stderr).contains("readers"), "the name is taken");
    tool(app, &["import", "club.jsonl", "--name", "copies"]).await;
    let copy = club_of(app, &bob, "copies").await;
    let bans = app.rest.get(&mina.token, &format!("/v1/clubs/{copy}/bans")).await;
    let ban = &bans["items"][0];
    assert_eq!((&ban["user"]["id"], &ban["reason"]), (&json!(carol.id), &json!("quarrels")));
    let copied = room_of(app, &bob, &copy, "plans").await;
    let (before, after) = (seen(app, &bob, &room).await, seen(app, &bob, &copied).await);
    assert_eq!(before, after);
    let (was, is) = (listed(app, &bob, &room).await, listed(app, &bob, &copied).await);
    assert_eq!((&was["read_n"], &was["unread"]), (&is["read_n"], &is["unread"]));
    assert!(was["epoch"] != is["epoch"]);
    assert_eq!((&was["notify"], &is["notify"]), (&json!("all"), &json!("all")));
    let says = async |path: String| {
        let said = app.rest.get(&bob.token, &path).await;
        ["assistant", "assistant_own", "persona", "ai_language", "ai_model"]
            .map(|f| said[f].clone())
    };
    assert_eq!(
        says(format!("/v1/clubs/{club}/ai")).await,
        says(format!("/v1/clubs/{copy}/ai")).await
    );
    assert_eq!(
        says(format!("/v1/rooms/{copied}")).await[..3],
        [json!("mention"), json!(true), json!("a librarian")]
    );
    let general = room_of(app, &bob, &copy, "general").await;
    assert_eq!(says(format!("/v1/rooms/{general}")).await[..2], [json!("always"), json!(false)]);
    let pins = app.rest.get(&bob.token, &format!("/v1/rooms/{copied}/pins")).await;
    assert_eq!(pins["items"].as_array().unwrap().len(), 1);
    threads_are_whole(app, [&mina, &bob], [&room, &copied]).await;
    // The log says the same as the lists, and goes on.
    let mut at_bob = app.session(&bob).await;
    let epoch = is["epoch"].as_str().unwrap();
    let opened = at_bob.open_since(&copied, epoch, 0).await;
    let head = opened["head"].as_i64().unwrap();
    assert_eq!(opened["replay"], head);
    assert_eq!(at_bob.expect("caught_up").await["seq"], head);
    let deleted = at_bob.expect("msg.delete").await;
    assert_eq!(deleted["d"]["by"], bob.id);
    let old = at_bob.open_since(&copied, was["epoch"].as_str().unwrap(), 3).await;
    assert_eq!((&old["resumed"], &old["why"]), (&json!(false), &json!("epoch")));
    let id = say(&mut at_bob, &copied, "and on").await;
    assert!(id.as_str().unwrap().ends_with(&format!("_{}", head + 1)));
    let found = app.rest.get(&bob.token, &format!("/v1/search?q=first&room={copied}")).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

/// Who began a thread has it, and who answered; tombstones in it count.
async fn threads_are_whole(app: &TestApp, people: [&Person; 2], [room, copied]: [&str; 2]) {
    for who in people {
        let threads = app.rest.get(&who.token, &format!("/v1/rooms/{copied}/threads")).await;
        assert_eq!(threads["items"].as_array().unwrap().len(), 1, "{}", who.name);
    }
    let thread = async |room: &str| {
        let path = format!("/v1/rooms/{room}/messages");
        app.rest.get(&people[0].token, &path).await["items"][0]["thread"].clone()
    };
    assert_eq!(thread(copied).await, thread(room).await);
    assert_eq!(thread(copied).await["count"], 2);
}

async fn a_file_that_does_not_fit_leaves_nothing(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, _room) = furnish(app, &mina, &bob).await;
    let text = tool(app, &["export", "--all"]).await.replace("\"readers\"", "\"others\"");
    let lines: Vec<&str> = text.lines().collect();
    let at = |what: &str| lines.iter().position(|line| line.contains(what)).unwrap();
    let (member, message) = (at(r#""t":"member""#), at("an answer!"));
    let reacted = at("👍");
    let change = |line: usize, from: &str, to: &str| {
        assert!(lines[line].contains(from), "{}", lines[line]);
        let changed = lines[line].replace(from, to);
        let mut all = lines.clone();
        all[line] = &changed;
        all.join("\n") + "\n"
    };
    let without = |line: usize| {
        let mut all = lines.clone();
        all.remove(line);
        all.join("\n") + "\n"
    };
    let cases = [
        ("rubbish\n".to_owned(), 1),
        (without(0), 1),
        (change(0, r#""version":1"#, r#""version":9"#), 1),
        (lines[..lines.len() - 1].join("\n"), lines.len()),
        (without(message), lines.len() - 1),
        (text.clone() + "{}\n", lines.len() + 1),
        (change(member, r#""role":""#, r#""role":"king"#), member + 1),
        (change(message, r#""by":"#, r#""by":77"#), message + 1),
        (change(message, r#""seq":"#, r#""seq":-"#), message + 1),
        (change(reacted, "👍", "no emoji"), reacted + 1),
    ];
    for (number, (file, line)) in cases.into_iter().enumerate() {
        app.put("odd.jsonl", &file);
        let output = app.tool(&["import", "odd.jsonl"]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "case {number} was taken");
        assert!(said.contains(&format!("line {line}:")), "case {number}: {said}, not {line}");
    }
    let clubs = app.rest.get(&mina.token, "/v1/me/clubs").await;
    assert_eq!(clubs["items"].as_array().unwrap().len(), 1, "nothing of it is kept: {clubs}");
    let missing = app.tool(&["export", "--club", "c_999999"]).await;
    assert!(!missing.status.success());
    assert!(!club.is_empty());
}

async fn logs_get_new_lives_after_a_backup(app: &TestApp) {
    let mina = app.person("mina").await;
    let (_club, room) = app.club(&mina, "readers").await;
    let before = listed(app, &mina, &room).await;
    tool(app, &["epochs", "--renew"]).await;
    let after = listed(app, &mina, &room).await;
    assert!(before["epoch"] != after["epoch"], "{after}");
    let opened =
        app.session(&mina).await.open_since(&room, before["epoch"].as_str().unwrap(), 0).await;
    assert_eq!(opened["why"], "epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_club_moves_from_sqlite_to_postgres() {
    let Some(url) = fresh().await else { return };
    let from = TestApp::spawn().await;
    let to = TestApp::spawn_with(&[("MOIM_DATABASE_URL", url.as_str())]).await;
    let (mina, bob) = (from.person("mina").await, from.person("bob").await);
    let (_club, room) = furnish(&from, &mina, &bob).await;
    let admin = to.person("admin").await;
    // Somebody has an account there already, and keeps it.
    let known = to.person("Bob").await;
    let text = tool(&from, &["export", "--all"]).await;
    to.put("club.jsonl", &text);
    tool(&to, &["import", "club.jsonl"]).await;
    let club = club_of(&to, &known, "readers").await;
    let moved = room_of(&to, &known, &club, "plans").await;
    let body = json!({ "username": "mina", "password": "correct horse" });
    let (status, _) =
        to.rest.refused(reqwest::Method::POST, None, "/v1/auth/login", Some(&body)).await;
    assert_eq!(status, 401, "nobody signs in with an account that was made for somebody");
    let told = tool(&to, &["admin", "reset-password", "mina"]).await;
    let password = told.trim().rsplit(' ').next().unwrap();
    let body = json!({ "username": "mina", "password": password });
    let mina_there = person(&to.rest.post("", "/v1/auth/login", &body).await);
    let (before, after) = (seen(&from, &mina, &room).await, seen(&to, &mina_there, &moved).await);
    let texts = |items: &[Value]| items.iter().map(|item| item["text"].clone()).collect::<Vec<_>>();
    assert_eq!(texts(&before), texts(&after));
    let reactions =
        |items: &[Value]| items.iter().map(|i| i["reactions"].clone()).collect::<Vec<_>>();
    assert_eq!(reactions(&before), reactions(&after));
    let mut client = to.session(&mina_there).await;
    let opened = client.open(&moved).await;
    assert_eq!(seqs(opened["snapshot"]["items"].as_array().unwrap()).len(), before.len());
    let owner = to.rest.get(&mina_there.token, &format!("/v1/clubs/{club}")).await;
    assert_eq!(owner["my_role"].as_str().or(owner["role"].as_str()).unwrap_or("owner"), "owner");
    assert!(!admin.id.is_empty());
    from.end().await;
    to.end().await;
}
