//! Messages that look like far more than they are: what is sent of them together has a limit.

use serde_json::{Value, json};

use crate::support::{Person, TestApp, on_both};

on_both!(
    what_shows_a_text_counts_in_pages_and_in_a_snapshot,
    pins_say_no_more_in_a_page_than_messages_do,
    threads_say_no_more_in_a_page_than_messages_do,
    revisions_say_no_more_in_a_page_than_messages_do,
);

/// The limit, and something for what stands around the texts.
const MOST: usize = (256 << 10) * 5 / 4;

async fn what_shows_a_text_counts_in_pages_and_in_a_snapshot(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    let text = "http://a.b ".repeat(360);
    for n in 0..16 {
        session.send(&room, &format!("c-{n}"), &text).await;
    }
    let path = format!("/v1/rooms/{room}/messages");
    for first in [format!("{path}?limit=200"), format!("{path}?limit=200&after_seq=0")] {
        let (mut seen, mut pages, mut next) = (Vec::new(), 0, first.clone());
        loop {
            let page = app.rest.get(&mina.token, &next).await;
            assert!(page.to_string().len() < MOST, "{} bytes", page.to_string().len());
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|item| item["seq"].as_i64().unwrap()));
            pages += 1;
            let Some(cursor) = page["next"].as_str() else { break };
            assert!(!items.is_empty());
            next = format!("{path}?limit=200&cursor={cursor}");
        }
        seen.sort_unstable();
        assert_eq!(seen, (1..=16).collect::<Vec<_>>(), "each once: {first}");
        assert!(pages > 1);
    }
    let opened = session.open(&room).await;
    let items = opened["snapshot"]["items"].as_array().unwrap();
    assert!(opened.to_string().len() < MOST, "{} bytes", opened.to_string().len());
    assert!(!items.is_empty() && items.len() < 16);
    assert_eq!(items.last().unwrap()["seq"], json!(16), "the newest are in it");
    assert_eq!(opened["snapshot"]["upto"], json!(16));
}

/// What the items of a list are, page by page, each of which must be short; and how many pages there
/// were.
async fn pages(
    app: &TestApp,
    reader: &Person,
    path: &str,
    what: fn(&Value) -> &Value,
) -> (Vec<Value>, usize) {
    let (mut seen, mut pages, mut next) = (Vec::new(), 0, path.to_owned());
    loop {
        let page = app.rest.get(&reader.token, &next).await;
        assert!(page.to_string().len() < MOST, "{} bytes", page.to_string().len());
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| what(item).clone()));
        pages += 1;
        let Some(cursor) = page["next"].as_str() else { return (seen, pages) };
        assert!(!items.is_empty());
        next = format!("{path}{}cursor={cursor}", if path.contains('?') { "&" } else { "?" });
    }
}

async fn pins_say_no_more_in_a_page_than_messages_do(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let mut session = app.session(&mina).await;
    let text = "http://a.b ".repeat(360);
    let mut pinned = Vec::new();
    for n in 0..16 {
        let text = if n % 4 == 0 { "short" } else { &text };
        let id = session.send(&room, &format!("c-{n}"), text).await["id"].clone();
        session.ok(json!({ "op": "pin", "room": room, "message": id })).await;
        pinned.insert(0, id);
    }
    for limit in ["", "?limit=200", "?limit=3"] {
        let path = format!("/v1/rooms/{room}/pins{limit}");
        let (seen, pages) = pages(app, &bob, &path, |pin| &pin["message"]["id"]).await;
        assert_eq!(seen, pinned, "each once, the last one pinned first: {limit}");
        assert!(pages > 1);
    }
}

async fn threads_say_no_more_in_a_page_than_messages_do(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let text = "http://a.b ".repeat(360);
    let mut roots = Vec::new();
    for n in 0..16 {
        let text = if n % 4 == 0 { "short" } else { &text };
        let root = at_mina.send(&room, &format!("c-{n}"), text).await["id"].clone();
        at_bob.ok(json!({ "op": "send", "room": room, "text": "yes", "thread": root })).await;
        roots.insert(0, root);
    }
    for limit in ["", "?limit=200", "?limit=3"] {
        for reader in [&mina, &bob] {
            let path = format!("/v1/rooms/{room}/threads{limit}");
            let (seen, pages) = pages(app, reader, &path, |thread| &thread["root"]["id"]).await;
            assert_eq!(seen, roots, "each once, the newest first: {limit}");
            assert!(pages > 1);
        }
    }
}

async fn revisions_say_no_more_in_a_page_than_messages_do(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    for (text, edits, limit, is_whole) in [
        (String::from("short"), 60, "", true),
        (String::from("short"), 20, "?limit=7", false),
        ("🎈".repeat(3_990), 24, "", false),
        ("🎈".repeat(3_990), 24, "?limit=200", false),
    ] {
        let cid = format!("c-{}-{edits}{}", text.len(), limit.len());
        let id = session.send(&room, &cid, &text).await["id"].clone();
        for n in 0..edits {
            let text = if n % 4 == 0 { format!("{n}") } else { format!("{n} {text}") };
            session.ok(json!({ "op": "edit", "room": room, "message": id, "text": text })).await;
        }
        let id = id.as_str().unwrap();
        let path = format!("/v1/rooms/{room}/messages/{id}/revisions{limit}");
        let (seen, pages) = pages(app, &mina, &path, |revision| &revision["rev"]).await;
        let all: Vec<Value> = (1..=edits + 1).map(Value::from).collect();
        assert_eq!(seen, all, "each once, the oldest first: {limit}");
        assert_eq!(pages == 1, is_whole, "{pages} pages: {limit}");
    }
}
