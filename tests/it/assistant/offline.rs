//! Without a model: honest, and made of what the room said.

use serde_json::json;

use super::{Models, ask, hear, set, talker};
use crate::data::everything;
use crate::support::{TestApp, on_both};

on_both!(
    it_quotes_what_the_room_said,
    it_looks_for_the_words_that_say_something,
    it_quotes_no_question_and_nothing_twice,
    it_lists_what_was_missed,
    an_answer_goes_with_what_it_quotes,
    what_was_found_long_ago_is_within_what_was_read,
    it_writes_no_drafts,
);

async fn it_quotes_what_the_room_said(app: &TestApp) {
    let mina = app.person("mina").await;
    let (_, room) = app.club(&mina, "readers").await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    let korean = session.send(&room, "1", "다음 모임은 일곱 시에 시작해요").await["id"].clone();
    let english = session.send(&room, "2", "The library key is with Bob").await["id"].clone();
    session.send(&room, "3", "nothing of interest").await;
    set(app, &mina, &room, json!({ "ai_language": "ko" })).await;
    ask(&mut session, &room, "q-1", "@ai 모임이 언제야?").await;
    let heard = hear(&mut session).await;
    assert!(heard.text().starts_with("연결된 AI 모델이 없어서"), "{}", heard.text());
    assert!(heard.text().contains("다음 모임은 일곱 시에 시작해요"));
    assert_eq!(heard.end["d"]["cites"][0]["id"], korean);
    assert_eq!(
        (&heard.end["d"]["model"], &heard.end["d"]["use"]["in"]),
        (&json!("offline"), &json!(0))
    );
    assert_eq!(heard.joined(), heard.text());
    set(app, &mina, &room, json!({ "ai_language": "en" })).await;
    ask(&mut session, &room, "q-2", "/ai who has the library key?").await;
    let heard = hear(&mut session).await;
    assert!(heard.text().starts_with("No AI model is connected"), "{}", heard.text());
    assert_eq!(heard.end["d"]["cites"][0]["id"], english);
    ask(&mut session, &room, "q-3", "@ai unicorns and dragons").await;
    let heard = hear(&mut session).await;
    assert_eq!(heard.end["d"]["cites"], json!([]));
    assert!(heard.text().contains("found no message"), "{}", heard.text());
}

async fn it_looks_for_the_words_that_say_something(app: &TestApp) {
    let mina = app.person("mina").await;
    let (_, room) = app.club(&mina, "readers").await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    session.send(&room, "1", "do the dishes where you are").await;
    session.send(&room, "2", "Bob has the lamp").await;
    session.send(&room, "3", "도서관은 월요일에 쉬어요. 언제 어디에서 볼까요?").await;
    session.send(&room, "4", "소풍 준비물:\n- 빵\n- 우유").await;
    session.send(&room, "5", "the budget meeting moved").await;
    set(app, &mina, &room, json!({ "ai_language": "en" })).await;
    let mut asked = async |question: &str| {
        ask(&mut session, &room, question, &format!("@ai {question}")).await;
        hear(&mut session).await
    };
    let english = asked("do you know where the lamp is?").await;
    assert!(english.text().contains("(Looked for: lamp)"), "{}", english.text());
    assert!(english.text().contains("Bob has") && !english.text().contains("dishes"));
    let korean = asked("도서관에서는 언제 만나?").await;
    assert!(korean.text().contains("“도서관은 월요일에"), "{}", korean.text());
    assert_eq!(korean.end["d"]["cites"].as_array().unwrap().len(), 1, "{}", korean.text());
    let list = asked("소풍 에 뭐가 필요해?").await;
    let quoted = "소풍 준비물:\n  > - 빵\n  > - 우유";
    assert!(list.text().contains(quoted), "{}", list.text());
    let html = list.end["d"]["html"].as_str().unwrap();
    assert!(html.contains("<blockquote>") && html.matches("<li>").count() == 3, "{html}");
    let singular = asked("any meetings this week?").await;
    assert!(singular.text().contains("“the budget meeting moved”"), "{}", singular.text());
    let nothing = asked("은 는 에서 뭐예요").await;
    assert!(nothing.text().contains("Ask with the words to look for"), "{}", nothing.text());
}

async fn it_quotes_no_question_and_nothing_twice(app: &TestApp) {
    let mina = app.person("mina").await;
    let (_, room) = app.club(&mina, "readers").await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    set(app, &mina, &room, json!({ "ai_language": "en" })).await;
    let said = session.send(&room, "1", "The retreat begins in May").await["id"].clone();
    // Asked in vain: the questions stand, more of them than are looked at at a time.
    set(app, &mina, &room, json!({ "assistant": "off" })).await;
    for n in 0..25 {
        session.send(&room, &format!("v-{n}"), "@ai when does the retreat start?").await;
    }
    set(app, &mina, &room, json!({ "assistant": "mention" })).await;
    for n in 0..3 {
        session.send(&room, &format!("e-{n}"), "who comes to the retreat").await;
    }
    ask(&mut session, &room, "q", "@ai when does the retreat start?").await;
    let heard = hear(&mut session).await;
    let cites = heard.end["d"]["cites"].as_array().unwrap();
    assert!(cites.iter().any(|cite| cite["id"] == said), "{}", heard.text());
    assert_eq!(cites.len(), 2, "{}", heard.text());
    assert!(!heard.text().contains("@ai"), "{}", heard.text());
}

async fn it_lists_what_was_missed(app: &TestApp) {
    // Mentions go by the username, whatever name others see.
    let (mina, bob) = (app.person("mina").await, app.rest.register_as("bob", "Robert").await);
    let (club, room) = app.club(&mina, "walkers").await;
    app.join(&bob, &club).await;
    set(app, &mina, &room, json!({ "ai_language": "en" })).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_bob.open(&room).await;
    let read = at_mina.send(&room, "0", "read by bob").await["seq"].clone();
    at_bob.ok(json!({ "op": "read", "room": room, "seq": read })).await;
    for (n, text) in [
        "the picnic is on sunday",
        "who brings bread to the picnic?",
        "see https://example.org/map",
        "@bob are you coming?",
    ]
    .iter()
    .enumerate()
    {
        at_mina.send(&room, &format!("m-{n}"), text).await;
    }
    at_bob.send(&room, "q", "/ai catch up").await;
    let heard = hear(&mut at_bob).await;
    let text = heard.text();
    assert!(!text.contains("read by bob"), "{text}");
    for part in ["mina (4)", "picnic", "Link · mina: “see https", "Calls you · mina: “@bob are"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(heard.end["d"]["cites"].as_array().unwrap().len() >= 3);
    at_mina.send(&room, "m-5", "언제 와요?").await;
    at_mina.send(&room, "m-6", "@all 어디예요?").await;
    set(app, &mina, &room, json!({ "ai_language": "ko" })).await;
    at_bob.send(&room, "q2", "/ai 따라잡기").await;
    let korean = hear(&mut at_bob).await;
    for part in ["밀린 메시지 2개", "말한 사람: mina (2)", "열린 질문 · mina: “언제"]
    {
        assert!(korean.text().contains(part), "{part} in {}", korean.text());
    }
    assert!(korean.text().contains("나를 부름 · mina: “@all 어디예요?”"), "{}", korean.text());
    assert!(!korean.text().contains("나를 부름 · mina: “언제"), "{}", korean.text());
    at_bob.send(&room, "q3", "/ai 따라잡기").await;
    let again = hear(&mut at_bob).await;
    assert_eq!(again.end["d"]["cites"], json!([]), "nothing was missed since");
}

async fn an_answer_goes_with_what_it_quotes(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    at_bob.open(&room).await;
    let key = at_bob.send(&room, "1", "the key is under the xyzzy").await["id"].clone();
    at_bob.send(&room, "2", "the lamp is beside the plugh").await;
    ask(&mut at_mina, &room, "q-1", "@ai where is the key?").await;
    let quoting = hear(&mut at_mina).await;
    assert!(quoting.text().contains("xyzzy"), "{}", quoting.text());
    ask(&mut at_mina, &room, "q-2", "@ai where is the lamp?").await;
    let other = hear(&mut at_mina).await;
    let deleted = at_bob.ok(json!({ "op": "delete", "room": room, "message": key })).await;
    let answer = at_mina.expect("msg.delete").await;
    assert_eq!(answer["d"], json!({ "id": quoting.start["d"]["id"], "by": bob.id }));
    let message = at_mina.expect("msg.delete").await;
    assert_eq!((&message["d"]["id"], &message["seq"]), (&key, &deleted["seq"]));
    for _look in 0..2 {
        let all = everything(app, &mina, &room).await;
        assert!(!all.contains("xyzzy") && all.contains("plugh"), "{all}");
        app.crash(&room).await;
    }
    let found = app.rest.get(&mina.token, "/v1/search?q=xyzzy").await;
    assert_eq!(found["items"], json!([]));
    // A moderator takes what is left, and the other answer goes, too.
    let lamp = &other.end["d"]["cites"][0]["id"];
    at_mina.ok(json!({ "op": "delete", "room": room, "message": lamp })).await;
    assert!(!everything(app, &bob, &room).await.contains("plugh"));
}

async fn what_was_found_long_ago_is_within_what_was_read(app: &TestApp) {
    let (mina, room, mut session) = talker(app, "mina").await;
    let found = session.send(&room, "1", "the key is under the xyzzy").await["seq"].clone();
    for n in 0..60 {
        session.send(&room, &format!("c-{n}"), "we talk on").await;
    }
    ask(&mut session, &room, "q-1", "@ai xyzzy?").await;
    let end = hear(&mut session).await.end["d"].clone();
    let context = &end["context"];
    assert_eq!((&context["from"], &context["used"]), (&found, &json!(1)), "{end}");
    assert_eq!(context["left_out"], json!({}), "it has looked everywhere");
    let run = app.rest.get(&mina.token, &run_path(&end)).await;
    assert_eq!((&run["context"], &run["cites"]), (context, &end["cites"]));
    // What was missed is read whole, whatever of it is named.
    ask(&mut session, &room, "q-2", "/ai catch up").await;
    let end = hear(&mut session).await.end["d"].clone();
    assert_eq!(app.rest.get(&mina.token, &run_path(&end)).await["mode"], "catch_up");
}

/// The path of the run that an end tells of.
fn run_path(end: &serde_json::Value) -> String {
    format!("/v1/ai/runs/{}", end["run"].as_str().unwrap())
}

async fn it_writes_no_drafts(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let path = format!("/v1/rooms/{room}/ai/draft");
    let call =
        app.rest.send(reqwest::Method::POST, Some(&mina.token), &path, Some(&json!({}))).await;
    assert_eq!(call.status(), 503);
    assert_eq!(call.headers().get("retry-after"), None, "to try again does not help");
    let why: serde_json::Value = call.json().await.unwrap();
    assert_eq!((&why["code"], &why["reason"]), (&json!("unavailable"), &json!("no_model")));
    let about = app.rest.get(&mina.token, "/v1/ai").await;
    assert_eq!(about["connected"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_answer_is_not_called_missing() {
    let models = Models::listen().await;
    let last = [("MOIM_AI_OFFLINE_LAST", "true"), ("MOIM_AI_QUESTIONS_PER_MINUTE", "100")];
    let app = models.app_with("404", &last).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    let bob = app.person("bob").await;
    for (language, questions, words) in [
        ("en", ["@ai the key?", "@ai ?", "/ai catch up"], "The AI model does not answer just now"),
        ("ko", ["@ai 열쇠", "@ai ?", "/ai 따라잡기"], "지금은 AI 모델이 답하지 않아"),
    ] {
        set(&app, &mina, &room, json!({ "ai_language": language })).await;
        for (n, question) in questions.iter().enumerate() {
            // So that something was missed.
            app.session(&bob).await.ok(super::send(&room, &format!("{language}-{n}"), "so")).await;
            ask(&mut session, &room, &format!("{language}-{n}"), question).await;
            let heard = hear(&mut session).await;
            let end = &heard.end["d"];
            assert!(heard.text().starts_with(words), "{question}: {}", heard.text());
            assert_eq!((&end["finish"], end.get("error")), (&json!("stop"), None));
            // The operator sees why; for others it is an answer like any.
            let path = format!("/v1/ai/runs/{}", end["run"].as_str().unwrap());
            let run = app.rest.get(&mina.token, &path).await;
            assert_eq!(
                (&run["error"], &run["provider"]),
                (&json!("unknown_model"), &json!("offline"))
            );
            let run = app.rest.get(&bob.token, &path).await;
            assert_eq!((&run["error"], run.get("provider")), (&json!(null), None));
        }
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_wants_no_model_says_so() {
    let models = Models::listen().await;
    let app = models.app("fast").await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    for (language, words) in [
        ("en", "This room is answered without an AI model"),
        ("ko", "이 방에서는 AI 모델 없이 답해"),
    ] {
        let offline = json!({ "ai_language": language, "ai_model": "offline" });
        set(&app, &mina, &room, offline).await;
        ask(&mut session, &room, language, "@ai the key?").await;
        let heard = hear(&mut session).await;
        assert!(heard.text().starts_with(words), "{}", heard.text());
        let path = format!("/v1/ai/runs/{}", heard.end["d"]["run"].as_str().unwrap());
        assert_eq!(app.rest.get(&mina.token, &path).await["error"], json!(null));
    }
    assert!(models.mock.calls().is_empty());
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_another_model_answered_is_for_the_operator() {
    let models = Models::listen().await;
    let second = [
        ("MOIM_LLM_FALLBACK_PROVIDER", "openai"),
        ("MOIM_LLM_FALLBACK_BASE_URL", models.url.as_str()),
        ("MOIM_LLM_FALLBACK_MODEL", "words:3"),
    ];
    let app = models.app_with("key:other", &second).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let heard = hear(&mut session).await;
    let end = &heard.end["d"];
    assert_eq!((&end["model"], end.get("error")), (&json!("words:3"), None));
    let path = format!("/v1/ai/runs/{}", end["run"].as_str().unwrap());
    let run = app.rest.get(&mina.token, &path).await;
    assert_eq!((&run["error"], &run["finish"]), (&json!("bad_key"), &json!("stop")));
    assert_eq!(run["model"], "words:3");
    let bob = app.person("bob").await;
    assert_eq!(app.rest.get(&bob.token, &path).await["error"], json!(null));
    app.end().await;
}
