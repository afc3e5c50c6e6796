//! The search through the front door, on both engines: what is found, by whom, and what is refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;
use crate::support::{Person, TestApp, eventually};

on_both!(
    words_are_found_inside_longer_ones,
    operators_are_few_and_everything_else_is_text,
    what_was_found_shows_where,
    pages_stay_while_others_write,
    what_is_acknowledged_is_found_at_once,
    nobody_finds_what_they_may_not_read,
    hostile_searches_are_answered,
);

async fn say(app: &TestApp, person: &Person, room: &str, text: &str) -> Value {
    let path = format!("/v1/rooms/{room}/messages");
    app.rest.post(&person.token, &path, &json!({ "text": text })).await
}

/// The path of a search; each value is escaped.
fn path(params: &[(&str, &str)]) -> String {
    let pairs = params.iter().map(|(name, value)| {
        let escaped: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("{name}={escaped}")
    });
    format!("/v1/search?{}", pairs.collect::<Vec<_>>().join("&"))
}

async fn find(app: &TestApp, person: &Person, params: &[(&str, &str)]) -> Vec<Value> {
    let page = app.rest.get(&person.token, &path(params)).await;
    assert!(page["next"].is_null(), "{page}");
    page["items"].as_array().unwrap().clone()
}

async fn texts(app: &TestApp, person: &Person, params: &[(&str, &str)]) -> Vec<String> {
    let found = find(app, person, params).await;
    found.iter().map(|item| item["message"]["text"].as_str().unwrap().to_owned()).collect()
}

/// Waits until so many messages are in the index.
async fn level(app: &TestApp, messages: usize) {
    eventually("the index is level", async || {
        app.metric("moim_search_indexed_total").await >= messages as f64
            && app.metric("moim_search_behind").await == 0.0
    })
    .await;
}

async fn words_are_found_inside_longer_ones(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let said = [
        "내일회의실에서 만나요",
        "\u{1112}\u{116c}\u{110b}\u{1174} 자료",
        "明日の会議室で",
        "駅前カフェテリア",
        "在会议室见",
        "Lunch at the CAFÉ, again",
        "API를 고쳤어요",
    ];
    for text in said {
        say(app, &mina, &room, text).await;
    }
    for _ in 0..2 {
        for (query, wanted) in [
            ("회의", vec!["회의 자료", said[0]]),
            ("\u{1112}\u{116c}\u{110b}\u{1174}", vec!["회의 자료", said[0]]),
            ("의실에", vec![said[0]]),
            ("会議", vec![said[2]]),
            ("カフェ", vec![said[3]]),
            ("会议室", vec![said[4]]),
            ("cafe\u{301} LUNCH", vec![said[5]]),
            ("api", vec![said[6]]),
            ("회의 없는", vec![]),
            ("caf", vec![]),
        ] {
            assert_eq!(texts(app, &mina, &[("q", query)]).await, wanted, "{query:?}");
        }
        level(app, said.len()).await;
    }
}

async fn operators_are_few_and_everything_else_is_text(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let said =
        ["내일 회의 자료", "회의 내일 점심", "the quick-brown fox", "NEAR the fox: c++ * 🎉"];
    for text in said {
        say(app, &mina, &room, text).await;
    }
    for _ in 0..2 {
        for (query, wanted) in [
            ("\"내일 회의\"", vec![said[0]]),
            ("“회의 내일”", vec![said[1]]),
            ("회의 내일", vec![said[1], said[0]]),
            ("회의 -점심", vec![said[0]]),
            ("회의 -\"내일 회의\"", vec![said[1]]),
            ("\"내일 회의", vec![said[0]]),
            ("quick-brown", vec![said[2]]),
            ("\"quick brown\"", vec![]),
            ("fo*", vec![]),
            ("fox*", vec![said[3], said[2]]),
            ("NEAR(the fox)", vec![]),
            ("near (fox)", vec![said[3]]),
            ("\"c++\" 🎉", vec![said[3]]),
            ("fox AND near", vec![]),
        ] {
            assert_eq!(texts(app, &mina, &[("q", query)]).await, wanted, "{query:?}");
        }
        level(app, said.len()).await;
    }
}

async fn what_was_found_shows_where(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let first = say(app, &mina, &room, "🎉 회의, 또 회의 https://moim.dev").await;
    let second = say(app, &bob, &room, "회의").await;
    let found = find(app, &mina, &[("q", "회의 또"), ("room", &room)]).await;
    assert_eq!(found.len(), 1);
    let message = &found[0]["message"];
    assert_eq!((&message["id"], &message["seq"]), (&first["id"], &first["seq"]));
    assert_eq!((&message["room"], &message["by"]), (&json!(room), &json!(mina.id)));
    assert_eq!(message["deleted"], false);
    assert_eq!(found[0]["highlights"], json!([[2, 2], [6, 1], [8, 2]]));
    let ids = async |params: &[(&str, &str)]| {
        let found = find(app, &mina, params).await;
        found.iter().map(|item| item["message"]["id"].clone()).collect::<Vec<_>>()
    };
    let (one, two) = (&first["id"], &second["id"]);
    assert_eq!(ids(&[("q", "회의"), ("from", &bob.id)]).await, std::slice::from_ref(two));
    assert_eq!(ids(&[("from", &mina.id), ("has", "link")]).await, std::slice::from_ref(one));
    assert_eq!(ids(&[("q", "회의"), ("club", &club)]).await, [two.clone(), one.clone()]);
    assert_eq!(ids(&[("q", "회의"), ("has", "file")]).await, Vec::<Value>::new());
    let at = second["at"].to_string();
    assert!(ids(&[("q", "회의"), ("after", &at)]).await.contains(two));
    assert!(!ids(&[("q", "회의"), ("before", &at)]).await.contains(two));
    assert_eq!(ids(&[("q", "회의"), ("after", "2020-01-01")]).await.len(), 2);
    assert_eq!(ids(&[("q", "회의"), ("before", "2020-01-01")]).await.len(), 0);
}

async fn pages_stay_while_others_write(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut wanted = Vec::new();
    for n in 0..30 {
        wanted.push(say(app, &mina, &room, &format!("회의 {n}")).await["id"].clone());
    }
    wanted.reverse();
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut params = vec![("q", "회의"), ("limit", "4")];
        if let Some(cursor) = &cursor {
            params.push(("cursor", cursor));
        }
        let page = app.rest.get(&mina.token, &path(&params)).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|i| i["message"]["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = Some(next.to_owned());
        say(app, &bob, &room, "새 회의").await;
        if seen.len() == 12 {
            level(app, 30).await;
        }
    }
    assert_eq!(seen, wanted);
}

async fn what_is_acknowledged_is_found_at_once(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    for n in 0..150 {
        session.send(&room, &format!("c-{n}"), &format!("회의록 번호{n:03}")).await;
        if n % 3 == 0 {
            let found = texts(app, &mina, &[("q", &format!("회의 {n:03}"))]).await;
            assert_eq!(found, [format!("회의록 번호{n:03}")]);
        }
    }
    level(app, 150).await;
    assert_eq!(app.metric("moim_search_indexed_total").await, 150.0);
    assert_eq!(texts(app, &mina, &[("q", "회의록 149")]).await.len(), 1);
}

async fn nobody_finds_what_they_may_not_read(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    let managers = json!({ "name": "managers", "kind": "manager" });
    let managers = app.rest.post(&mina.token, &format!("/v1/clubs/{club}/rooms"), &managers).await;
    let managers = managers["id"].as_str().unwrap();
    for place in [room.as_str(), managers] {
        say(app, &mina, place, "비밀 회의").await;
    }
    let status = async |params: &[(&str, &str)]| {
        let (status, body) =
            app.rest.refused(Method::GET, Some(&bob.token), &path(params), None).await;
        (status, body["code"].as_str().unwrap().to_owned())
    };
    for _ in 0..2 {
        assert_eq!(texts(app, &mina, &[("q", "회의")]).await.len(), 2);
        assert!(texts(app, &bob, &[("q", "회의")]).await.is_empty());
        assert!(texts(app, &bob, &[("from", &mina.id)]).await.is_empty());
        for place in [room.as_str(), managers, "r_999999"] {
            assert_eq!(status(&[("q", "회의"), ("room", place)]).await, (404, "not_found".into()));
        }
        assert_eq!(status(&[("q", "회의"), ("club", &club)]).await, (403, "forbidden".into()));
        assert_eq!(status(&[("q", "회의"), ("club", "c_999")]).await, (404, "not_found".into()));
        app.join(&bob, &club).await;
        assert_eq!(texts(app, &bob, &[("q", "회의")]).await.len(), 1);
        assert_eq!(status(&[("q", "회의"), ("room", managers)]).await.0, 404);
        let leave = format!("/v1/clubs/{club}/leave");
        app.rest.send(Method::POST, Some(&bob.token), &leave, None).await;
        assert!(texts(app, &bob, &[("q", "회의")]).await.is_empty(), "from that moment on");
        level(app, 2).await;
    }
    let (status, _) = app.rest.refused(Method::GET, None, "/v1/search?q=word", None).await;
    assert_eq!(status, 401);
}

/// What people type who try what a search does with it.
const HOSTILE: [&str; 30] = [
    "\"",
    "\"\"",
    "\"\"\"",
    "' OR 1=1; --",
    "word\" OR \"1",
    "tokens:word",
    "{word}",
    "word^2",
    "NEAR(word, 1)",
    "word AND",
    "NOT",
    "(",
    ")",
    "*",
    "-",
    "--",
    "-\"",
    "\\",
    "%",
    "_",
    "$1",
    "?1",
    "{1,2}",
    "'{1}'::int[]",
    "word; DROP TABLE message",
    "\u{202e}word",
    "\u{ffff}",
    "word\u{feff}",
    "🎉",
    "\u{1112}\u{1161}",
];

async fn hostile_searches_are_answered(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    say(app, &mina, &room, "a word").await;
    let get = async |params: &[(&str, &str)]| {
        app.rest.send(Method::GET, Some(&mina.token), &path(params), None).await
    };
    for _ in 0..2 {
        for query in HOSTILE {
            let status = get(&[("q", query)]).await.status().as_u16();
            assert!(status == 200 || status == 422, "{query:?}: {status}");
        }
        level(app, 1).await;
    }
    for (query, reason) in [
        ("", "query_empty"),
        (" \n", "query_empty"),
        ("-word", "query_empty"),
        ("a", "query_short"),
        ("가", "query_short"),
        ("\"이 책\"", "query_short"),
        ("a\0b", "query_odd"),
    ] {
        let (status, body) =
            app.rest.refused(Method::GET, Some(&mina.token), &path(&[("q", query)]), None).await;
        assert_eq!((status, &body["reason"]), (422, &json!(reason)), "{query:?}");
    }
    let long = "a".repeat(10_000);
    let (status, body) =
        app.rest.refused(Method::GET, Some(&mina.token), &path(&[("q", &long)]), None).await;
    assert_eq!((status, &body["reason"]), (422, &json!("query_long")));
    what_does_not_fit_is_named(app, &mina).await;
    // Made by hand, but whole: any place at all, and nothing that is not there.
    for number in [i64::MIN, -1, 0, 1, i64::MAX] {
        let mut bytes = vec![1, 12];
        (0..3).for_each(|_| bytes.extend(number.to_be_bytes()));
        let cursor = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, bytes);
        let answer = get(&[("q", "word"), ("cursor", &cursor)]).await;
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(get(&[("q", "word"), ("q", "other")]).await.status(), 400);
}

async fn what_does_not_fit_is_named(app: &TestApp, who: &Person) {
    for (name, value) in [
        ("room", "12"),
        ("room", "r_-1"),
        ("club", "r_1"),
        ("from", "me"),
        ("before", "soon"),
        ("after", "2026-02-30"),
        ("has", "cake"),
        ("limit", "0"),
        ("limit", "201"),
        ("cursor", "AQ"),
        ("cursor", "DAwAAAAAAAAABw"),
        ("cursor", "\0"),
    ] {
        let params = path(&[("q", "word"), (name, value)]);
        let (status, body) = app.rest.refused(Method::GET, Some(&who.token), &params, None).await;
        assert_eq!((status, &body["errors"][0]["field"]), (422, &json!(name)), "{value}");
    }
}
