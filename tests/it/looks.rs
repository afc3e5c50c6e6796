//! What a text looks like: safe HTML beside the source, made by the server and by nobody else.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;

const BOLD: &str = "<p><strong>a</strong></p>";

fn html(message: &Value) -> Option<&str> {
    message.get("html").map(|html| html.as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_with_marks_comes_with_its_html_wherever_it_comes() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let epoch = at_mina.open(&room).await["epoch"].as_str().unwrap().to_owned();
    at_mina.send(&room, "c-1", "**a**").await;
    at_mina.send(&room, "c-2", "plain, 12:30 <b>").await;
    let path = format!("/v1/rooms/{room}/messages");
    app.rest.post(&mina.token, &path, &json!({ "text": "**a**" })).await;
    let wanted = [Some(BOLD), None, Some(BOLD)];

    let live: Vec<_> = at_mina.expect_many("msg.new", 3).await;
    let of_live: Vec<_> = live.iter().map(|event| html(&event["d"])).collect();
    assert_eq!(of_live, wanted);
    assert_eq!(live[0]["d"]["text"], "**a**", "the source stays");
    let opened = at_bob.open(&room).await;
    let items = opened["snapshot"]["items"].as_array().unwrap();
    assert_eq!(items.iter().map(html).collect::<Vec<_>>(), wanted);
    at_bob.open_since(&room, &epoch, 0).await;
    let replayed = at_bob.expect_many("msg.new", 3).await;
    assert_eq!(replayed, live);
    let listed = app.rest.get(&bob.token, &path).await;
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.iter().map(html).collect::<Vec<_>>(), wanted);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_server_makes_html() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    let evil = "<img src=x onerror=alert(1)>";
    let send = |text: &str| json!({ "op": "send", "room": room, "text": text, "html": evil });
    session.ok(send("plain")).await;
    session.ok(send("**a**")).await;
    let path = format!("/v1/rooms/{room}/messages");
    let body = json!({ "text": evil, "html": evil });
    let answer = app.rest.send(Method::POST, Some(&mina.token), &path, Some(&body)).await;
    assert!(answer.status() == 201 || answer.status() == 422, "{}", answer.status());
    let heard = session.expect_many("msg.new", 2).await;
    assert_eq!((html(&heard[0]["d"]), html(&heard[1]["d"])), (None, Some(BOLD)));
    let listed = app.rest.get(&mina.token, &path).await;
    let looks: Vec<_> = listed["items"].as_array().unwrap().iter().map(html).collect();
    assert_eq!(looks[..2], [None, Some(BOLD)]);
    assert!(!looks.contains(&Some(evil)));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_and_links_call_nobody() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut session = app.session(&bob).await;
    session.open(&room).await;
    let calls = async |session: &mut crate::support::Client, text: &str| {
        session.ok(json!({ "op": "send", "room": room, "text": text })).await;
        let event = session.expect("msg.new").await;
        event["d"].get("mentions").is_some_and(|names| names[0] == *mina.id)
    };
    for text in ["**@mina**", "||@mina||", "a ` b @mina", "`x` @mina"] {
        assert!(calls(&mut session, text).await, "{text}");
    }
    for text in [
        "`@mina`",
        "``a ` @mina``",
        "```\n@mina\n```",
        "~~~\n@mina",
        "https://a.b/@mina",
        "[@mina](https://a.b)",
    ] {
        assert!(!calls(&mut session, text).await, "{text}");
    }
    let rooms = app.rest.get(&mina.token, "/v1/rooms").await;
    assert_eq!(rooms["items"][0]["mentions"], 4);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_entry_quotes_nothing_that_a_spoiler_hides() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.send(&room, "c-1", "@bob it was ||xyzzy||!").await;
    let told = at_bob.expect("inbox").await;
    assert_eq!(told["d"]["body"], "@bob it was ▒▒▒!");
    // By an edit, and by a piece of work behind the message.
    let plain = at_mina.send(&room, "c-2", "plain").await["id"].clone();
    let text = "||xyzzy|| @bob";
    at_mina.ok(json!({ "op": "edit", "room": room, "message": plain, "text": text })).await;
    assert_eq!(at_bob.expect("inbox").await["d"]["body"], "▒▒▒ @bob");
    at_mina.send(&room, "c-3", "@all ||xyzzy||").await;
    assert_eq!(at_bob.expect("inbox").await["d"]["body"], "@all ▒▒▒");
    // A bare address does not take the bars with it.
    at_mina.send(&room, "c-4", "@bob ||**https://xyzzy.example/a**||").await;
    assert_eq!(at_bob.expect("inbox").await["d"]["body"], "@bob ▒▒▒");
    let inbox = app.rest.get(&bob.token, "/v1/inbox").await;
    assert_eq!(inbox["items"].as_array().unwrap().len(), 4);
    assert!(!inbox.to_string().contains("xyzzy"));
    app.end().await;
}
