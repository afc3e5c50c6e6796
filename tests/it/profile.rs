//! What one says of oneself: how one is called, and in which language the server writes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::moderation::call;
use crate::support::{Client, Person, TestApp, on_both};

on_both!(
    a_new_name_is_shown_everywhere,
    the_server_writes_in_the_language_that_one_chose,
    what_does_not_fit_changes_nothing,
    nobody_and_no_place_has_a_name_that_is_not_seen_or_turns_what_stands_around_it,
    all_of_it_is_changed_or_nothing,
);

async fn patch(app: &TestApp, who: &Person, body: Value) -> Value {
    app.rest.patch(&who.token, "/v1/me", &body).await
}

async fn a_new_name_is_shown_everywhere(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let dm = app.rest.post(&mina.token, "/v1/dms", &json!({ "user_id": bob.id })).await;
    let room = dm["id"].as_str().unwrap();
    let (mut at_bob, mut at_carol) = (app.session(&bob).await, app.session(&carol).await);
    let me = patch(app, &mina, json!({ "display_name": "  김미나 " })).await;
    assert_eq!(me["user"]["display_name"], "김미나");
    let told = at_bob.expect("room.update").await;
    assert_eq!((&told["room"], &told["d"]), (&json!(room), &json!({ "name": "김미나" })));
    at_carol.expect_none(|line| line["ev"] == "room.update").await;
    let rooms = app.rest.get(&bob.token, "/v1/rooms").await["items"].clone();
    let shown = rooms.as_array().unwrap().iter().find(|one| one["id"] == room).unwrap();
    assert_eq!(shown["name"], "김미나");
    let found = app.rest.get(&bob.token, "/v1/users?query=미나").await["items"].clone();
    assert_eq!((&found[0]["id"], &found[0]["username"]), (&json!(mina.id), &json!("mina")));
    let mut late = Client::connect(app.address).await;
    assert_eq!(late.auth(&mina.token).await["user"]["display_name"], "김미나");
    // What is as it was tells nobody, and what is not named stays.
    patch(app, &mina, json!({ "display_name": "김미나", "status_text": "here" })).await;
    at_bob.expect_none(|line| line["ev"] == "room.update").await;
    let me = patch(app, &mina, json!({ "display_name": null })).await;
    assert_eq!(me["user"]["display_name"], "mina", "the default");
    assert_eq!(me["user"]["status_text"], "here");
    assert_eq!(at_bob.expect("room.update").await["d"]["name"], "mina");
}

async fn the_server_writes_in_the_language_that_one_chose(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut at_bob = app.session(&bob).await;
    let mut at_mina = app.session(&mina).await;
    for (locale, title) in [("en", "mentioned you"), ("ko", "불렀어요")] {
        assert_eq!(patch(app, &mina, json!({ "locale": locale })).await["locale"], locale);
        at_bob.send(&room, locale, "@mina look").await;
        let entry = at_mina.expect("inbox").await["d"].clone();
        assert!(entry["title"].as_str().unwrap().contains(title), "{entry}");
    }
}

async fn what_does_not_fit_changes_nothing(app: &TestApp) {
    let mina = app.person("mina").await;
    let before = app.rest.get(&mina.token, "/v1/me").await;
    let odd = json!({ "display_name": " ", "locale": "de", "status_text": "x".repeat(61) });
    let (status, body) = call(app, Method::PATCH, &mina, "/v1/me", odd).await;
    let wrong: Vec<_> = body["errors"].as_array().unwrap().iter().collect();
    let fields: Vec<_> = wrong.iter().map(|one| one["field"].as_str().unwrap()).collect();
    assert_eq!((status, fields), (422, vec!["display_name", "locale", "status_text"]));
    for odd in [
        json!({ "locale": null }),
        json!({ "locale": "en", "display_name": "x".repeat(65) }),
        json!({ "locale": "en", "display_name": "a\u{7}b" }),
    ] {
        assert_eq!(call(app, Method::PATCH, &mina, "/v1/me", odd.clone()).await.0, 422, "{odd}");
    }
    assert_eq!(call(app, Method::PATCH, &mina, "/v1/me", json!({ "locale": 7 })).await.0, 400);
    assert_eq!(app.rest.get(&mina.token, "/v1/me").await, before);
}

/// The store takes one part of it and not another.
async fn all_of_it_is_changed_or_nothing(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    app.rest.post(&mina.token, "/v1/dms", &json!({ "user_id": bob.id })).await;
    let mut at_bob = app.session(&bob).await;
    let before = app.rest.get(&mina.token, "/v1/me").await;
    let (no, back) = if app.is_on_postgres() {
        (
            "ALTER TABLE account ADD CONSTRAINT no_status CHECK (status_text <> 'no')",
            "ALTER TABLE account DROP CONSTRAINT no_status",
        )
    } else {
        (
            "CREATE TRIGGER no_status BEFORE UPDATE ON account WHEN NEW.status_text = 'no'
          BEGIN SELECT RAISE(ABORT, 'no'); END",
            "DROP TRIGGER no_status",
        )
    };
    app.sql(no).await;
    let body = json!({ "display_name": "김미나", "locale": "en", "status_text": "no" });
    assert_eq!(call(app, Method::PATCH, &mina, "/v1/me", body).await.0, 500);
    assert_eq!(app.rest.get(&mina.token, "/v1/me").await, before);
    at_bob.expect_none(|line| line["ev"] == "room.update").await;
    app.sql(back).await;
    let body = json!({ "display_name": "김미나", "locale": "en", "status_text": " here " });
    let me = patch(app, &mina, body).await;
    assert_eq!((&me["user"]["display_name"], &me["locale"]), (&json!("김미나"), &json!("en")));
    assert_eq!(me["user"]["status_text"], "here");
    let me = patch(app, &mina, json!({ "status_text": null })).await;
    assert!(me["user"].get("status_text").is_none_or(|text| text == ""), "{me}");
    assert_eq!(me["user"]["display_name"], "김미나");
}

async fn nobody_and_no_place_has_a_name_that_is_not_seen_or_turns_what_stands_around_it(
    app: &TestApp,
) {
    let mina = app.person("mina").await;
    let token = Some(mina.token.as_str());
    let group = app.rest.post(&mina.token, "/v1/rooms", &json!({ "name": "plans" })).await;
    let room = format!("/v1/rooms/{}", group["id"].as_str().unwrap());
    let refused = async |method: Method, path: &str, body: Value| {
        let (status, body) = app.rest.refused(method, token, path, Some(&body)).await;
        let why = &body["errors"][0];
        (
            status,
            why["field"].as_str().unwrap().to_owned(),
            why["reason"].as_str().unwrap().to_owned(),
        )
    };
    for (name, reason) in [
        ("\u{200b}\u{200b}", "length"),
        ("\u{2800}\u{3164}", "length"),
        ("\u{202e}anim", "characters"),
    ] {
        for (method, path, field, body) in [
            (Method::PATCH, "/v1/me", "display_name", json!({ "display_name": name })),
            (Method::POST, "/v1/clubs", "name", json!({ "name": name })),
            (Method::POST, "/v1/rooms", "name", json!({ "name": name })),
            (Method::PATCH, room.as_str(), "name", json!({ "name": name })),
        ] {
            let wanted = (422, field.to_owned(), reason.to_owned());
            assert_eq!(refused(method, path, body).await, wanted, "{path} {name:?}");
        }
    }
    // What joins the parts of an emoji is not seen either, and neither is what marks a direction.
    for name in ["👩\u{200d}👩\u{200d}👧", "שלום\u{200f}!", "❤\u{fe0f}"] {
        let me = patch(app, &mina, json!({ "display_name": name })).await;
        assert_eq!(me["user"]["display_name"], name);
    }
}
