//! What a club does not want to read.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Club, call, club, send};
use crate::files::{upload, with_files};
use crate::support::{TestApp, on_both};

on_both!(
    a_rule_holds_from_the_moment_it_is_made,
    rules_are_tried_without_sending,
    a_deadly_expression_is_refused_or_harmless,
    rules_are_counted_and_known_to_moderators_only,
    names_of_files_are_judged_as_texts_are,
    a_word_in_disguise_is_the_word,
);

async fn add(app: &TestApp, club: &Club, rule: Value) -> (u16, Value) {
    let path = format!("/v1/clubs/{}/filters", club.id);
    call(app, Method::POST, &club.manager, &path, rule).await
}

async fn a_rule_holds_from_the_moment_it_is_made(app: &TestApp) {
    let club = club(app).await;
    let mut talks = app.session(&club.bob).await;
    let mut owner = app.session(&club.owner).await;
    talks.open(&club.plans).await;
    talks.send(&club.plans, "0", "바보").await;
    let reject = json!({ "pattern": "바보", "action": "reject" });
    let (status, rule) = add(app, &club, reject).await;
    assert_eq!((status, &rule["kind"], &rule["action"]), (201, &json!("word"), &json!("reject")));
    // No pause in between: it holds.
    let refused = talks.err(send(&club.plans, "1", "이런 바보야")).await;
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("forbidden"), &json!("filtered")));
    let path = format!("/v1/rooms/{}/messages", club.general);
    let text = json!({ "text": "바보" });
    let (status, body) = call(app, Method::POST, &club.bob, &path, text).await;
    assert_eq!((status, &body["reason"]), (403, &json!("filtered")));
    owner.send(&club.plans, "1", "moderators say 바보").await;
    let lobby = app.lobby(&club.bob).await;
    talks.send(&lobby, "1", "바보").await;

    let mask = json!({ "kind": "regex", "pattern": "[0-9]{3}-[0-9]{4}", "action": "mask" });
    assert_eq!(add(app, &club, mask).await.0, 201);
    let sent = talks.send(&club.plans, "2", "call 010-1234 now").await;
    let is_it = |line: &Value| line["ev"] == "msg.new" && line["seq"] == sent["seq"];
    assert_eq!(talks.wait_for(is_it).await["d"]["text"], "call ******** now");
    let path = format!("/v1/rooms/{}/messages?limit=1", club.plans);
    let listed = app.rest.get(&club.owner.token, &path).await["items"].clone();
    assert_eq!(listed[0]["text"], "call ******** now", "it is kept so");

    let report = json!({ "pattern": "Casino", "action": "report" });
    let (_, flag) = add(app, &club, report).await;
    let sent = talks.send(&club.plans, "3", "best CASINO 010-1234").await;
    let reports = format!("/v1/clubs/{}/reports", club.id);
    let reports = app.rest.get(&club.manager.token, &reports).await["items"].clone();
    assert_eq!(reports.as_array().unwrap().len(), 1);
    let one = &reports[0];
    assert_eq!((&one["message"], &one["filter"]), (&sent["id"], &flag["id"]));
    assert_eq!((&one["by"], &one["reason"]), (&Value::Null, &json!("filter")));
    assert_eq!(one["text"], "best CASINO ********");

    // The room starts anew with them, and a rule that is gone is gone at once.
    app.crash(&club.plans).await;
    assert_eq!(talks.err(send(&club.plans, "4", "바보")).await["reason"], "filtered");
    let path = format!("/v1/clubs/{}/filters/{}", club.id, rule["id"].as_str().unwrap());
    for _twice in 0..2 {
        assert_eq!(call(app, Method::DELETE, &club.owner, &path, json!({})).await.0, 204);
    }
    talks.send(&club.plans, "4", "바보").await;
    let did: Vec<_> = club.audit(app).await.iter().map(|one| one["action"].clone()).collect();
    assert_eq!(did, ["filter.add", "filter.add", "filter.add", "filter.remove"]);
}

async fn rules_are_tried_without_sending(app: &TestApp) {
    let club = club(app).await;
    let path = format!("/v1/clubs/{}/filters/test", club.id);
    let test = async |text: &str| {
        let text = json!({ "text": text });
        let (status, body) = call(app, Method::POST, &club.manager, &path, text).await;
        assert_eq!(status, 200, "{body}");
        body
    };
    let wanted = json!({ "action": null, "text": "bad", "found_by": [] });
    assert_eq!(test("bad").await, wanted, "no rules");
    let mut ids = Vec::new();
    for (pattern, action) in [("worst", "reject"), ("bad", "mask"), ("odd", "report")] {
        let rule = json!({ "pattern": pattern, "action": action });
        ids.push(add(app, &club, rule).await.1["id"].clone());
    }
    let wanted = json!({ "action": "mask", "text": "*** odd", "found_by": [ids[1], ids[2]] });
    assert_eq!(test("BAD odd").await, wanted);
    let wanted = json!({ "action": "reject", "text": null, "found_by": [ids[0], ids[2]] });
    assert_eq!(test("worst odd").await, wanted);
    let wanted = json!({ "action": "report", "text": "odd", "found_by": [ids[2]] });
    assert_eq!(test("odd").await, wanted);
    for odd in [json!({}), json!({ "text": " " }), json!({ "text": "x".repeat(4_001) })] {
        assert_eq!(call(app, Method::POST, &club.manager, &path, odd).await.0, 422);
    }
    let text = json!({ "text": "bad" });
    assert_eq!(call(app, Method::POST, &club.bob, &path, text).await.0, 403);
    let rooms = app.rest.get(&club.bob.token, &format!("/v1/rooms/{}", club.plans)).await;
    assert_eq!(rooms["n"], 0, "nothing was sent");
    let reports = format!("/v1/clubs/{}/reports", club.id);
    assert_eq!(app.rest.get(&club.manager.token, &reports).await["items"], json!([]));
}

async fn a_deadly_expression_is_refused_or_harmless(app: &TestApp) {
    let club = club(app).await;
    let regex = |pattern: &str| json!({ "kind": "regex", "pattern": pattern, "action": "mask" });
    for pattern in ["(a+)+$", "(a|a)*b", "(.*a){12}", "(x+x+)+y", ".*[^A-Z]|[A-Z]"] {
        let (status, body) = add(app, &club, regex(pattern)).await;
        assert_eq!(status, 201, "{pattern}: {body}");
    }
    let mut talks = app.session(&club.bob).await;
    talks.open(&club.plans).await;
    let began = Instant::now();
    for (n, text) in ["a".repeat(4_000), "가".repeat(4_000), "x".repeat(4_000)].iter().enumerate()
    {
        talks.send(&club.plans, &format!("{n}"), text).await;
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for (pattern, why, reason) in [
        (r"\w{100}", "too large", "regex_large"),
        ("(a{1000}){1000}", "too large", "regex_large"),
        ("(ab", "no regular expression", "regex"),
        (r"(a)\1", "no regular expression", "regex"),
        ("a*", "empty", "regex_empty"),
        ("", "blank", "blank"),
    ] {
        let (status, body) = add(app, &club, regex(pattern)).await;
        let error = &body["errors"][0];
        assert_eq!((status, &error["field"]), (422, &json!("pattern")), "{pattern}");
        assert!(error["message"].as_str().unwrap().contains(why), "{pattern}: {error}");
        assert_eq!(error["reason"], reason, "{pattern}");
    }
    let odd = json!({ "kind": "poem", "pattern": "", "action": "burn" });
    let (_, body) = add(app, &club, odd).await;
    let fields: Vec<_> =
        body["errors"].as_array().unwrap().iter().map(|one| one["field"].clone()).collect();
    assert_eq!(fields, ["kind", "action", "pattern"], "all at once");
}

async fn rules_are_counted_and_known_to_moderators_only(app: &TestApp) {
    let club = club(app).await;
    let list = format!("/v1/clubs/{}/filters", club.id);
    for n in 0..3 {
        let rule = json!({ "pattern": format!("word{n}"), "action": "mask" });
        assert_eq!(add(app, &club, rule).await.0, 201);
    }
    let page = app.rest.get(&club.owner.token, &format!("{list}?limit=2")).await;
    let next = page["next"].as_str().unwrap();
    assert_eq!(page["items"][0]["pattern"], "word0");
    let rest = app.rest.get(&club.owner.token, &format!("{list}?limit=2&cursor={next}")).await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    let (status, body) = app.rest.refused(Method::GET, Some(&club.bob.token), &list, None).await;
    assert_eq!((status, &body["reason"]), (403, &json!("role")));
    // Many are not taken at once.
    let mut last = 201;
    for n in 0..40 {
        let rule = json!({ "pattern": format!("more{n}"), "action": "mask" });
        last = add(app, &club, rule).await.0;
        if last != 201 {
            break;
        }
    }
    assert_eq!(last, 429);
}

async fn names_of_files_are_judged_as_texts_are(app: &TestApp) {
    let club = club(app).await;
    for (pattern, action) in [("worst", "reject"), ("bad", "mask"), ("odd", "report")] {
        let rule = json!({ "pattern": pattern, "action": action });
        assert_eq!(add(app, &club, rule).await.0, 201);
    }
    let (mut bob, mut manager) = (app.session(&club.bob).await, app.session(&club.manager).await);
    bob.open(&club.plans).await;
    manager.open(&club.plans).await;
    let file = async |who, name: &str| {
        upload(&app.rest, who, &club.plans, name, b"some text".to_vec()).await
    };
    let with = |cid: &str, files: &[&Value]| with_files(&club.plans, cid, "look", files);
    // One of several is enough, and then none of them is used.
    let (fine, worst) = (file(&club.bob, "fine.txt").await, file(&club.bob, "worst.txt").await);
    let refused = bob.err(with("1", &[&fine, &worst])).await;
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("forbidden"), &json!("filtered")));
    let path = format!("/v1/rooms/{}/messages", club.plans);
    let body = json!({ "text": "look", "files": [worst["id"]] });
    let (status, body) = call(app, Method::POST, &club.bob, &path, body).await;
    assert_eq!((status, &body["reason"]), (403, &json!("filtered")));
    bob.ok(with("2", &[&fine])).await;
    assert_eq!(manager.expect("msg.new").await["d"]["files"][0]["name"], "fine.txt");
    let bad = file(&club.bob, "a bad one.txt").await;
    bob.ok(with("3", &[&bad])).await;
    assert_eq!(manager.expect("msg.new").await["d"]["files"][0]["name"], "a *** one.txt");
    let listed = app.rest.get(&club.bob.token, &format!("{path}?limit=1")).await["items"].clone();
    assert_eq!(listed[0]["files"][0]["name"], "a *** one.txt", "it is kept so");
    let odd = file(&club.bob, "odd.txt").await;
    let sent = bob.ok(with("4", &[&odd])).await;
    let reports = format!("/v1/clubs/{}/reports", club.id);
    let open = app.rest.get(&club.manager.token, &reports).await["items"].clone();
    assert_eq!(open.as_array().unwrap().len(), 1);
    assert_eq!((&open[0]["message"], &open[0]["reason"]), (&sent["id"], &json!("filter")));
    assert_eq!(open[0]["text"], "look\nodd.txt", "moderators see what was found");
    // Moderators say what they like.
    let theirs = file(&club.manager, "worst of bad and odd.txt").await;
    manager.ok(with("5", &[&theirs])).await;
}

async fn a_word_in_disguise_is_the_word(app: &TestApp) {
    let club = club(app).await;
    for (kind, pattern, action) in
        [("word", "worst", "reject"), ("word", "bad", "mask"), ("regex", "od+", "report")]
    {
        let rule = json!({ "kind": kind, "pattern": pattern, "action": action });
        assert_eq!(add(app, &club, rule).await.0, 201);
    }
    let (mut bob, mut manager) = (app.session(&club.bob).await, app.session(&club.manager).await);
    bob.open(&club.plans).await;
    manager.open(&club.plans).await;
    for text in ["ｗｏｒｓｔ", "wo\u{200b}rst", "wor\u{336}st", "𝐰orst", "wo**r**st", "wo||rs||`t`"]
    {
        let refused = bob.err(send(&club.plans, "1", text)).await;
        assert_eq!(refused["reason"], "filtered", "{text:?}");
    }
    for (cid, text, stands) in [
        ("2", "a b\u{200b}ad **day**", "a **** **day**"),
        ("3", "a b**a**d `day`", "a ******* `day`"),
        ("4", "a ｂａｄ day", "a *** day"),
        ("5", "a bád day", "a bád day"),
    ] {
        bob.send(&club.plans, cid, text).await;
        assert_eq!(manager.expect("msg.new").await["d"]["text"], stands);
    }
    // An edit is a text, and the name of a file is one without marks.
    let sent = bob.send(&club.plans, "6", "fine").await;
    let edit =
        json!({ "op": "edit", "room": club.plans, "message": sent["id"], "text": "w**or**st" });
    assert_eq!(bob.err(edit).await["reason"], "filtered");
    let name = "ｗorst.txt";
    let file = upload(&app.rest, &club.bob, &club.plans, name, b"some text".to_vec()).await;
    let refused = bob.err(with_files(&club.plans, "7", "look", &[&file])).await;
    assert_eq!(refused["reason"], "filtered");
    let sent = bob.send(&club.plans, "8", "o**d**d").await;
    let reports = format!("/v1/clubs/{}/reports", club.id);
    let open = app.rest.get(&club.manager.token, &reports).await["items"].clone();
    assert_eq!((&open[0]["message"], &open[0]["text"]), (&sent["id"], &json!("o**d**d")));
}
