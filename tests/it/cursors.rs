//! Cursors that nobody gave: on every list of the description, whoever makes one up is told so, and one
//! that is whole leads to a place of that list and to nothing else.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, TestApp, on_both};

on_both!(no_list_takes_a_cursor_that_it_did_not_give,);

/// Numbers that lists may have in their cursors.
const LISTS: std::ops::Range<u8> = 1..56;

/// No cursors: not of the alphabet, of no version, cut off, too long.
const ODD: [&str; 11] = [
    "",
    "x",
    "AA",
    "AQ",
    "bWFkZSB1cA",
    "%00",
    "%F0%9F%98%80",
    "=",
    "..%2F",
    "' OR 1=1",
    "AQEAAAAAAAAA",
];

/// A cursor as the server writes them: a version, the number of a list, and a key of numbers.
fn cursor(version: u8, list: u8, key: &[i64]) -> String {
    let numbers = key.iter().flat_map(|number| number.to_be_bytes());
    BASE64.encode([version, list].into_iter().chain(numbers).collect::<Vec<_>>())
}

/// The paths of all calls that give pages.
async fn lists(app: &TestApp) -> BTreeSet<String> {
    let answer = app.rest.send(Method::GET, None, "/v1/openapi.json", None).await;
    let description: Value = answer.json().await.unwrap();
    let is_paged = |call: &Value| {
        let all = call["get"]["parameters"].as_array();
        all.is_some_and(|all| all.iter().any(|one| one["name"] == "cursor"))
    };
    let paths = description["paths"].as_object().unwrap().iter();
    paths.filter(|(_path, call)| is_paged(call)).map(|(path, _call)| path.clone()).collect()
}

/// Somebody who may read a list, and its path with everything that it is about.
async fn reader(app: &TestApp, place: usize, path: &str) -> (Person, String) {
    let person = app.person(&format!("reader{place}")).await;
    app.sql(&format!("UPDATE account SET role = 'admin' WHERE username = '{}'", person.name)).await;
    let (club, _plans) = app.club(&person, &format!("readers {place}")).await;
    // Who stays out of a room is asked where no club has it.
    let body = json!({ "name": format!("friends {place}") });
    let room = app.rest.post(&person.token, "/v1/rooms", &body).await["id"].clone();
    let room = room.as_str().unwrap().to_owned();
    let said = json!({ "text": "a word" });
    let messages = format!("/v1/rooms/{room}/messages");
    let message = app.rest.post(&person.token, &messages, &said).await["id"].clone();
    let aside = json!({ "text": "aside", "thread": message });
    app.rest.post(&person.token, &messages, &aside).await;
    let mut filled = Vec::new();
    for part in path.split('/') {
        let of = filled.last().copied();
        filled.push(match (of, part.starts_with('{')) {
            (Some("clubs"), true) => club.as_str(),
            (Some("rooms"), true) => room.as_str(),
            (Some("messages" | "threads"), true) => message.as_str().unwrap(),
            (_, true) => panic!("what is {part} of {path}?"),
            (_, false) => part,
        });
    }
    let query = match path {
        "/v1/search" => "?q=word&cursor=",
        "/v1/users" => "?query=reader&cursor=",
        _list => "?cursor=",
    };
    (person, format!("{}{query}", filled.join("/")))
}

/// Whether a list takes a cursor; it says what is wrong, or gives a page.
async fn takes(app: &TestApp, (who, path): &(Person, String), cursor: &str) -> bool {
    let path = format!("{path}{cursor}");
    let answer = app.rest.send(Method::GET, Some(&who.token), &path, None).await;
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    if status == 200 {
        assert!(body["items"].is_array() && body.get("next").is_some(), "{path}: {body}");
        return true;
    }
    assert_eq!((status, &body["code"]), (422, &json!("invalid")), "{path}: {body}");
    let error = &body["errors"][0];
    assert_eq!((&error["field"], &error["reason"]), (&json!("cursor"), &json!("cursor")), "{path}");
    false
}

async fn tried(app: &TestApp, place: usize, path: &str) {
    let reader = reader(app, place, path).await;
    for odd in ODD {
        assert!(!takes(app, &reader, odd).await, "{path} takes {odd:?}");
    }
    let mut own = Vec::new();
    for list in LISTS {
        for key in [&[1][..], &[1; 2], &[1; 3]] {
            if takes(app, &reader, &cursor(1, list, key)).await {
                own.push((list, key.len()));
            }
        }
    }
    // Messages go back or on, reports are open or decided; by what is asked one of them is meant.
    assert!((1..=2).contains(&own.len()), "{path} takes cursors of {own:?}");
    for (list, numbers) in own {
        for number in [i64::MIN, -1, 0, i64::MAX] {
            takes(app, &reader, &cursor(1, list, &vec![number; numbers])).await;
        }
        for no in [
            cursor(2, list, &vec![1; numbers]),
            cursor(1, list, &[]),
            cursor(1, list, &[1; 4]),
            cursor(1, list, &vec![1; numbers]) + "A",
            BASE64.encode(&BASE64.decode(cursor(1, list, &vec![1; numbers])).unwrap()[..9]),
        ] {
            assert!(!takes(app, &reader, &no).await, "{path} takes {no}");
        }
    }
}

async fn no_list_takes_a_cursor_that_it_did_not_give(app: &TestApp) {
    let lists = lists(app).await;
    assert!(lists.len() > 20, "{lists:?}");
    join_all(lists.iter().enumerate().map(|(place, path)| tried(app, place, path))).await;
}
