//! What is said of the assistant for a whole club, or for the whole server, and which model is asked.

use reqwest::Method;
use serde_json::json;

use super::{Models, ask, hear, on_both_with, set, talker};
use crate::support::TestApp;

on_both_with!("fast":
    a_club_says_what_its_rooms_do_not,
    what_a_club_says_is_checked_and_noted,
);

async fn a_club_says_what_its_rooms_do_not(app: &TestApp, models: &Models) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (path, detail) = (format!("/v1/clubs/{club}/ai"), format!("/v1/rooms/{room}"));
    let said = app.rest.get(&bob.token, &path).await;
    let nothing = json!({ "assistant": "mention", "assistant_bots": false, "persona": "",
                          "ai_language": null, "ai_model": null });
    assert_eq!(said, nothing);
    let mut at_bob = app.session(&bob).await;
    at_bob.open(&room).await;
    let wish = json!({ "assistant": "always", "persona": "a pirate", "ai_language": "en" });
    app.rest.patch(&mina.token, &path, &wish).await;
    let told = at_bob.wait_for(|line| line["ev"] == "room.update" && line["room"] == *room).await;
    assert_eq!(told["d"], json!({ "assistant": "always" }));
    ask(&mut at_bob, &room, "c-1", "nobody is called here").await;
    hear(&mut at_bob).await;
    assert!(models.last_told().contains("a pirate"));
    let usage = app.rest.get(&mina.token, &format!("{path}/usage")).await;
    assert!(usage["runs"] == 1 && usage["tokens"].as_i64().unwrap() > 0, "{usage}");
    let shown = app.rest.get(&bob.token, &detail).await;
    let fields = (&shown["assistant"], &shown["assistant_own"], &shown["persona"]);
    assert_eq!(fields, (&json!("always"), &json!(false), &json!("")));

    // What a room says itself stays, whatever its club says later.
    set(app, &mina, &room, json!({ "assistant": "mention", "persona": "a librarian" })).await;
    app.rest.patch(&mina.token, &path, &json!({ "assistant": "off" })).await;
    let shown = app.rest.get(&bob.token, &detail).await;
    assert_eq!((&shown["assistant"], &shown["assistant_own"]), (&json!("mention"), &json!(true)));
    ask(&mut at_bob, &room, "c-2", "@ai who are you?").await;
    hear(&mut at_bob).await;
    assert!(models.last_told().contains("a librarian") && !models.last_told().contains("pirate"));

    // It says nothing any more, and neither does a new one.
    set(app, &mina, &room, json!({ "assistant": null, "persona": null })).await;
    let shown = app.rest.get(&bob.token, &detail).await;
    assert_eq!((&shown["assistant"], &shown["assistant_own"]), (&json!("off"), &json!(false)));
    ask(&mut at_bob, &room, "c-3", "@ai are you there?").await;
    let refused = at_bob.expect("ai.refused").await;
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("forbidden"), &json!("ai_off")));
    let rooms = format!("/v1/clubs/{club}/rooms");
    let made = app.rest.post(&mina.token, &rooms, &json!({ "name": "new" })).await;
    let made = format!("/v1/rooms/{}", made["id"].as_str().unwrap());
    assert_eq!(app.rest.get(&mina.token, &made).await["assistant"], "off");
}

async fn what_a_club_says_is_checked_and_noted(app: &TestApp, _models: &Models) {
    let mina = app.person("mina").await;
    let (club, room) = app.club(&mina, "readers").await;
    let path = format!("/v1/clubs/{club}/ai");
    for odd in [
        json!({ "assistant": "sometimes" }),
        json!({ "assistant": "off", "persona": "x".repeat(501) }),
        json!({ "ai_language": "fr" }),
        json!({ "ai_model": "gpt-unknown" }),
    ] {
        let call = app.rest.send(Method::PATCH, Some(&mina.token), &path, Some(&odd)).await;
        assert_eq!(call.status(), 422, "{odd}");
    }
    assert_eq!(app.rest.get(&mina.token, &path).await["assistant"], "mention");
    app.rest.patch(&mina.token, &path, &json!({ "assistant": "off", "persona": "kind" })).await;
    app.rest.patch(&mina.token, &path, &json!({ "persona": null })).await;
    let audit = app.rest.get(&mina.token, &format!("/v1/clubs/{club}/audit")).await;
    let entries: Vec<_> = audit["items"].as_array().unwrap().iter().take(2).collect();
    assert!(entries.iter().all(|entry| entry["action"] == "club.settings"), "{audit}");
    assert_eq!(entries[1]["detail"], "assistant=off assistant_manner");
    let (path, ask) = (format!("/v1/rooms/{room}/ai"), json!({ "text": "hello" }));
    let call = app.rest.send(Method::POST, Some(&mina.token), &path, Some(&ask)).await;
    assert_eq!(call.status(), 403);
    let usage = app.rest.get(&mina.token, &format!("/v1/clubs/{club}/ai/usage")).await;
    assert_eq!((&usage["runs"], &usage["tokens_limit"]), (&json!(0), &json!(5_000_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_club_or_a_room_chooses_the_model_wherever_it_is() {
    let models = Models::listen().await;
    let second = [
        ("MOIM_LLM_FALLBACK_PROVIDER", "openai"),
        ("MOIM_LLM_FALLBACK_BASE_URL", models.url.as_str()),
        ("MOIM_LLM_FALLBACK_MODEL", "words:3"),
        ("MOIM_AI_MODELS", "words:4"),
    ];
    let app = models.app_with("fast", &second).await;
    let mina = app.person("mina").await;
    let (club, room) = app.club(&mina, "readers").await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    let about = app.rest.get(&mina.token, "/v1/ai").await;
    assert_eq!(about["models"], json!(["fast", "words:4", "words:3", "offline"]));
    let path = format!("/v1/clubs/{club}/ai");
    for (n, model) in [None, Some("words:3"), Some("words:4")].into_iter().enumerate() {
        app.rest.patch(&mina.token, &path, &json!({ "ai_model": model })).await;
        ask(&mut session, &room, &format!("c-{n}"), "@ai hello").await;
        let heard = hear(&mut session).await;
        let model = model.unwrap_or("fast");
        assert_eq!(
            (&heard.start["d"]["model"], &heard.end["d"]["model"]),
            (&json!(model), &json!(model))
        );
        assert_eq!(models.mock.calls().last().unwrap().body["model"], model);
    }
    // What is said in a room may be for no model at all.
    set(&app, &mina, &room, json!({ "ai_model": "offline" })).await;
    ask(&mut session, &room, "c-9", "@ai hello").await;
    let heard = hear(&mut session).await;
    assert_eq!(
        (&heard.end["d"]["model"], &heard.end["d"]["finish"]),
        (&json!("offline"), &json!("stop"))
    );
    let draft = format!("/v1/rooms/{room}/ai/draft");
    let (status, why) =
        app.rest.refused(Method::POST, Some(&mina.token), &draft, Some(&json!({}))).await;
    assert_eq!((status, &why["reason"]), (503, &json!("no_model")));
    assert_eq!(models.mock.calls().len(), 3);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_says_what_nobody_else_does() {
    let models = Models::listen().await;
    let manner = [("MOIM_AI_PERSONA", "a lighthouse"), ("MOIM_AI_LANGUAGE", "en")];
    let app = models.app_with("fast", &manner).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    hear(&mut session).await;
    assert!(models.last_told().contains("a lighthouse"));
    set(&app, &mina, &room, json!({ "persona": "a harbour" })).await;
    ask(&mut session, &room, "c-2", "@ai hello").await;
    hear(&mut session).await;
    assert!(models.last_told().contains("a harbour") && !models.last_told().contains("lighthouse"));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assistant_that_is_switched_off_is_off_everywhere() {
    let models = Models::listen().await;
    let app = models.app_with("fast", &[("MOIM_AI_ENABLED", "false")]).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    assert_eq!(app.rest.get(&mina.token, "/v1/ai").await["enabled"], false);
    set(&app, &mina, &room, json!({ "assistant": "always" })).await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    assert_eq!(session.expect("ai.refused").await["reason"], "ai_off");
    app.crash(&room).await;
    ask(&mut session, &room, "c-2", "@ai hello").await;
    assert_eq!(session.expect("ai.refused").await["reason"], "ai_off");
    for (path, body) in [("ai", json!({ "text": "hello" })), ("ai/draft", json!({}))] {
        let path = format!("/v1/rooms/{room}/{path}");
        let (status, why) =
            app.rest.refused(Method::POST, Some(&mina.token), &path, Some(&body)).await;
        assert_eq!((status, &why["reason"]), (403, &json!("ai_off")), "{path}");
    }
    assert!(models.mock.calls().is_empty());
    app.end().await;
}
