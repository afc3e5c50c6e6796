//! What the server says of itself: the description of its calls, the page to read it, its numbers.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Rest, TestApp};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn source(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Path and method of every call that the source registers, but those of the page and its files.
fn routes() -> BTreeSet<(String, String)> {
    let text = source("src/http/mod.rs");
    let mut routes = BTreeSet::new();
    for resource in text.split("resource(\"").skip(1) {
        let (path, rest) = resource.split_once('"').unwrap();
        let rest = rest.split(".service(").next().unwrap();
        if !["/v1/", "/files/"].iter().any(|root| path.starts_with(root))
            && !["/healthz", "/readyz", "/metrics"].contains(&path)
        {
            continue;
        }
        for method in METHODS.iter().filter(|method| rest.contains(&format!(".{method}("))) {
            routes.insert((path.to_owned(), (*method).to_owned()));
        }
    }
    routes.remove(&("/v1/docs".to_owned(), "get".to_owned()));
    routes
}

async fn description(rest: &Rest) -> Value {
    let answer = rest.send(Method::GET, None, "/v1/openapi.json", None).await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_described_with_the_problem_it_may_answer() {
    let app = TestApp::spawn().await;
    let description = description(&app.rest).await;
    let mut described = BTreeSet::new();
    for (path, calls) in description["paths"].as_object().unwrap() {
        for (method, call) in calls.as_object().unwrap() {
            described.insert((path.clone(), method.clone()));
            let said = &call["responses"]["default"]["content"]["application/problem+json"];
            assert_eq!(said["schema"]["$ref"], "#/components/schemas/Problem", "{method} {path}");
            let good = call["responses"].as_object().unwrap().keys().any(|it| it.starts_with('2'));
            assert!(good, "{method} {path} says what it answers");
        }
    }
    let routes = routes();
    assert!(routes.len() > 35, "{routes:?}");
    assert_eq!(described, routes);
    let problem = &description["components"]["schemas"]["Problem"]["properties"];
    for field in ["type", "title", "status", "detail", "code", "reason", "retry_ms", "errors"] {
        assert!(problem[field].is_object(), "{field}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_described_answers_as_described() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let description = description(&app.rest).await;
    for (path, calls) in description["paths"].as_object().unwrap() {
        for (method, call) in calls.as_object().unwrap() {
            let place = path.replace("{id}", "nonsense");
            let verb: Method = method.to_uppercase().parse().unwrap();
            let is_open = call["security"] == json!([{}]);
            let answer = app.rest.send(verb.clone(), None, &place, None).await;
            let status = answer.status().as_u16();
            assert_eq!(status == 401, !is_open, "{method} {path}: {status}");
            assert_ne!(status, 405, "{method} {path}");
            if path.contains("{id}") {
                let body = json!({ "name": "x", "text": "x", "seq": 1 });
                let answer = app.rest.send(verb, Some(&mina.token), &place, Some(&body)).await;
                assert_eq!(answer.status(), 404, "{method} {path}");
            }
        }
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_calls_loads_nothing_from_elsewhere() {
    let app = TestApp::spawn().await;
    let moved = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let moved = moved.build().unwrap().get(format!("{}/v1/docs", app.rest.base)).send().await;
    let moved = moved.unwrap();
    assert!(moved.status().is_redirection());
    assert_eq!(moved.headers()["location"], "/v1/docs/");
    let page = app.rest.send(Method::GET, None, "/v1/docs", None).await;
    assert_eq!(page.url().path(), "/v1/docs/");
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'self';"),
        "{policy}"
    );
    let html = page.text().await.unwrap();
    let parts = [" src=\"", " href=\""].into_iter().flat_map(|word| html.split(word).skip(1));
    let files: Vec<_> = parts.map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(files.iter().any(|file| file.ends_with(".js")), "{files:?}");
    assert!(files.iter().any(|file| file.ends_with(".css")), "{files:?}");
    for file in files {
        assert!(!file.contains("//") && !file.starts_with('/'), "{file}");
        let path = format!("/v1/docs/{}", file.trim_start_matches("./"));
        let answer = app.rest.send(Method::GET, None, &path, None).await;
        assert_eq!(answer.status(), 200, "{path}");
        let body = answer.text().await.unwrap();
        if file.ends_with(".css") {
            let elsewhere = body.split("url(").skip(1).find(|url| {
                url.trim_start_matches(['"', '\'']).starts_with("http") || url.starts_with("//")
            });
            assert!(elsewhere.is_none() && !body.contains("@import"), "{file}: {elsewhere:.80?}");
        }
        if file.contains("initializer") {
            assert!(body.contains("/v1/openapi.json"), "{body}");
            assert!(!body.contains("https://"), "{body}");
        }
    }
    // An inline script would not run.
    for script in html.split("<script").skip(1) {
        let (tag, rest) = script.split_once('>').unwrap();
        assert!(
            tag.contains(" src=\"") && rest.trim_start().starts_with("</script>"),
            "{script:.80}"
        );
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_are_there_under_the_names_that_the_guide_tells() {
    // One that counts by reason appears with its first count, that of providers where there is one.
    let nobody = [
        ("MOIM_LLM_PROVIDER", "openai"),
        ("MOIM_LLM_BASE_URL", "http://127.0.0.1:9/v1"),
        ("MOIM_LLM_MODEL", "small"),
    ];
    let app = TestApp::spawn_with(&nobody).await;
    let mina = app.person("mina").await;
    let mut session = app.session(&mina).await;
    app.rest.send(Method::POST, Some(&mina.token), "/v1/auth/logout", None).await;
    session.expect_close().await;
    let answer = app.rest.send(Method::GET, None, "/metrics", None).await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.headers()["content-type"], kind);
    let text = answer.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let named: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.split_once(' ').unwrap())
        .map(
            |(name, kind)| {
                if kind == "counter" { format!("{name}_total") } else { name.to_owned() }
            },
        )
        .collect();
    let mut told = BTreeSet::new();
    let guide = source("docs/guide.md");
    let watching = guide.split("/metrics` for Prometheus").nth(1).unwrap();
    let watching = watching.split("\n## ").next().unwrap();
    for rest in watching.split("`moim_").skip(1) {
        let name = rest.split(['`', '{']).next().unwrap();
        told.insert(format!("moim_{name}"));
    }
    assert!(told.len() >= 5, "{told:?}");
    let unknown: Vec<_> = told.difference(&named).collect();
    assert!(unknown.is_empty(), "the guide tells of {unknown:?}, there are {named:?}");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_move_with_what_happens() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let before = app.metric("moim_http_responses_total{status=\"404\"}").await;
    app.rest.text("/nothing").await;
    assert_eq!(app.metric("moim_http_responses_total{status=\"404\"}").await, before + 1.0);
    let mut session = app.session(&mina).await;
    assert_eq!(app.metric("moim_connections").await, 1.0);
    session.open(&room).await;
    let delivered = app.metric("moim_deliveries_total").await;
    let commits = app.metric("moim_commit_seconds_count").await;
    session.send(&room, "c-1", "hi").await;
    session.expect("msg.new").await;
    assert_eq!(app.metric("moim_deliveries_total").await, delivered + 1.0);
    assert!(app.metric("moim_commit_seconds_count").await > commits);
    assert_eq!(app.metric("moim_rooms_awake").await, 1.0);
    session.say("nonsense").await;
    session.expect_none(|line| line["ev"] == "error").await;
    assert_eq!(app.metric("moim_bad_lines_total").await, 1.0);
    assert_eq!(app.metric("moim_room_restarts_total").await, 0.0);
    app.rest.send(Method::POST, Some(&mina.token), "/v1/auth/logout", None).await;
    session.expect_close().await;
    assert_eq!(app.metric("moim_sessions_closed_total{code=\"4501\"}").await, 1.0);
    app.end().await;
}
