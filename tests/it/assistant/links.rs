//! Where links of answers lead: where people said, and nowhere else, however the answer ends.

use moim::faults::{Moment, Part};
use serde_json::{Value, json};

use super::{ask, hear, on_both_with, set};
use crate::support::TestApp;

mod invented {
    use super::what_a_model_made_up_is_no_link;

    super::on_both_with!("says:so_https://evil.example/x": what_a_model_made_up_is_no_link);
}

mod near {
    use super::{an_address_is_known_as_a_whole, what_was_buried_leads_where_it_should};

    super::on_both_with!(
        "says:https://bank.example.co_or_https://bank.example.com/login":
        an_address_is_known_as_a_whole, what_was_buried_leads_where_it_should
    );
}

mod offline {
    use super::what_was_found_long_ago_keeps_its_links;

    super::on_both_with!(
        "fast", [("MOIM_AI_CONTEXT_MESSAGES", "3")] =>
        what_was_found_long_ago_keeps_its_links
    );
}

/// Where a text leads.
fn targets(html: &Value) -> Vec<String> {
    let html = html.as_str().unwrap_or_default();
    let targets = html.split("href=\"").skip(1);
    targets.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

async fn what_a_model_made_up_is_no_link(app: &TestApp, models: &super::Models) {
    let mina = app.person("mina").await;
    let (_, room) = app.club(&mina, "readers").await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    // The second time it has read the first answer, of its own.
    for n in 0..2 {
        ask(&mut session, &room, &format!("c-{n}"), "@ai where?").await;
        let heard = hear(&mut session).await;
        let end = &heard.end["d"];
        assert_eq!(end["html"], "<p>so https://evil.example/x</p>", "{end}");
        let path = format!("/v1/rooms/{room}/messages/{}", end["id"].as_str().unwrap());
        let stored = app.rest.get(&mina.token, &path).await;
        assert_eq!((&stored["html"], &stored["text"]), (&end["html"], &end["text"]));
    }
    assert!(models.last_told().contains("evil.example"), "it has read what it said");
    // Said by somebody, it is one.
    ask(&mut session, &room, "c-3", "@ai is it https://evil.example/x?").await;
    let heard = hear(&mut session).await;
    assert_eq!(targets(&heard.end["d"]["html"]), ["https://evil.example/x"]);
}

async fn an_address_is_known_as_a_whole(app: &TestApp, _models: &super::Models) {
    let mina = app.person("mina").await;
    let (_, room) = app.club(&mina, "readers").await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    session.send(&room, "m-1", "log in at https://bank.example.com/login, please").await;
    ask(&mut session, &room, "c-1", "@ai where?").await;
    let heard = hear(&mut session).await;
    assert_eq!(targets(&heard.end["d"]["html"]), ["https://bank.example.com/login"]);
}

async fn what_was_buried_leads_where_it_should(app: &TestApp, _models: &super::Models) {
    let mina = app.person("mina").await;
    let (_, room) = app.club(&mina, "readers").await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    session.send(&room, "m-1", "the map is https://map.example/x").await;
    ask(&mut session, &room, "c-1", "@ai where?").await;
    hear(&mut session).await;
    // As another node would have left it in the middle.
    app.sql("DELETE FROM revision").await;
    let left = "UPDATE ai_run SET status = 'running', node = 99, seen_at = 0,
                text = 'see https://map.example/x and https://map.example/y'";
    app.sql(left).await;
    app.faults.crash(Part::Assistants, Moment::Start, 1);
    let draft = format!("/v1/rooms/{room}/ai/draft");
    let _they_crash_over_it =
        app.rest.send(reqwest::Method::POST, Some(&mina.token), &draft, Some(&json!({}))).await;
    let end = session.expect("ai.end").await;
    assert_eq!((&end["d"]["finish"], &end["d"]["error"]), (&json!("error"), &json!("crash")));
    assert_eq!(targets(&end["d"]["html"]), ["https://map.example/x"], "{end}");
}

async fn what_was_found_long_ago_keeps_its_links(app: &TestApp, _models: &super::Models) {
    let mina = app.person("mina").await;
    let (_, room) = app.club(&mina, "readers").await;
    set(app, &mina, &room, json!({ "ai_language": "en", "ai_model": "offline" })).await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    session.send(&room, "m-0", "the picnic map is https://map.example/x").await;
    for n in 1..6 {
        session.send(&room, &format!("m-{n}"), "of other things").await;
    }
    ask(&mut session, &room, "c-1", "@ai the picnic map?").await;
    let heard = hear(&mut session).await;
    assert!(heard.text().contains("https://map.example/x"), "{}", heard.text());
    assert_eq!(targets(&heard.end["d"]["html"]), ["https://map.example/x"]);
    session.send(&room, "m-6", "more at https://map.example/y").await;
    ask(&mut session, &room, "c-2", "/ai catch up").await;
    let heard = hear(&mut session).await;
    let all = targets(&heard.end["d"]["html"]);
    assert!(all.iter().all(|to| to == "https://map.example/y"), "{}", heard.text());
}
