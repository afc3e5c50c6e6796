//! Messages that look like far more than they are: what is sent of them together has a limit.

use serde_json::json;

use crate::support::{TestApp, on_both};

on_both!(
    what_shows_a_text_counts_in_pages_and_in_a_snapshot,
    pins_say_no_more_in_a_page_than_messages_do,
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
    let path = format!("/v1/rooms/{room}/pins");
    for limit in ["", "limit=200&", "limit=3&"] {
        let (mut seen, mut pages, mut next) = (Vec::new(), 0, format!("{path}?{limit}"));
        loop {
            let page = app.rest.get(&bob.token, &next).await;
            assert!(page.to_string().len() < MOST, "{} bytes", page.to_string().len());
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|item| item["message"]["id"].clone()));
            pages += 1;
            let Some(cursor) = page["next"].as_str() else { break };
            assert!(!items.is_empty());
            next = format!("{path}?{limit}cursor={cursor}");
        }
        assert_eq!(seen, pinned, "each once, the last one pinned first: {limit}");
        assert!(pages > 1);
    }
}
