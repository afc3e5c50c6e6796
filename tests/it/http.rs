//! HTTP as such: problems, headers, the page and its files, what operators see.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{Raw, TestApp, eventually};

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = app.rest.http.get(format!("{}{path}", app.rest.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

/// The addresses in `src` and `href` of a page.
fn addresses(html: &str) -> Vec<String> {
    let parts = [" src=\"", " href=\""].into_iter().flat_map(|word| html.split(word).skip(1));
    parts.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_says_no_is_a_problem_with_the_id_of_its_call() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let url = |path: &str| format!("{}{path}", app.rest.base);
    let post = || app.rest.http.post(url("/v1/clubs")).bearer_auth(&mina.token);
    let json = "application/json";
    let answers = [
        (404, "not_found", app.rest.http.get(url("/nothing")).send().await),
        (404, "not_found", app.rest.http.get(url("/v1/nothing")).send().await),
        (404, "not_found", app.rest.http.get(url("/js/nothing.js")).send().await),
        (404, "not_found", app.rest.http.post(url("/v1/auth/nothing")).body("{}").send().await),
        // What a proxy makes of a handshake that does not know of them.
        (400, "bad_request", app.rest.http.get(url("/v1/ws")).send().await),
        (404, "not_found", app.rest.http.delete(url("/v1/ws")).send().await),
        (405, "bad_request", app.rest.http.delete(url("/v1/auth/login")).send().await),
        (405, "bad_request", app.rest.http.post(url("/healthz")).send().await),
        (405, "bad_request", app.rest.http.put(url("/")).send().await),
        (415, "bad_request", post().body("{}").send().await),
        (415, "bad_request", post().header("content-type", "text/plain").body("{}").send().await),
        (400, "bad_request", post().header("content-type", json).body("{").send().await),
        (400, "bad_request", post().header("content-type", json).body("").send().await),
        (400, "bad_request", post().header("content-type", json).body("[1]").send().await),
        (400, "bad_request", post().header("content-type", json).body(vec![0xff]).send().await),
        (422, "invalid", post().header("content-type", json).body("{}").send().await),
        (401, "unauthorized", app.rest.http.get(url("/v1/me")).send().await),
        (401, "unauthorized", app.rest.http.post(url("/v1/clubs")).body("{").send().await),
    ];
    let mut ids = Vec::new();
    for (status, code, answer) in answers {
        let answer = answer.unwrap();
        let place = answer.url().path().to_owned();
        assert_eq!(answer.status().as_u16(), status, "{place}");
        assert_eq!(header(&answer, "content-type"), "application/problem+json", "{place}");
        assert_eq!(header(&answer, "cache-control"), "no-store", "{place}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{place}");
        assert_eq!(header(&answer, "www-authenticate").is_empty(), status != 401, "{place}");
        if status == 405 {
            assert!(!header(&answer, "allow").is_empty(), "{place} says what may be asked");
        }
        let id = header(&answer, "x-request-id").to_owned();
        let body: Value = answer.json().await.unwrap();
        assert_eq!((&body["status"], &body["code"]), (&json!(status), &json!(code)), "{place}");
        assert_eq!((&body["type"], &body["request_id"]), (&json!("about:blank"), &json!(id)));
        assert!(body["detail"].is_string() && body["title"].is_string(), "{body}");
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), ids[0].is_empty()), (18, false), "an id for each");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_guarded_and_the_page_most_of_all() {
    let app = TestApp::spawn().await;
    for path in ["/", "/rooms/r_1?at=3", "/healthz", "/v1/me", "/js/app.js", "/nothing", "/metrics"]
    {
        let answer = get(&app, path, &[]).await;
        let policy = header(&answer, "content-security-policy").to_owned();
        let rule = |name: &str| {
            let rule = policy.split(';').map(str::trim).find(|rule| rule.starts_with(name));
            rule.unwrap_or_default().to_owned()
        };
        assert_eq!(rule("default-src"), "default-src 'none'", "{path}");
        assert_eq!(rule("script-src"), "script-src 'self'", "{path}");
        assert_eq!(rule("style-src"), "style-src 'self'", "{path}");
        assert_eq!(rule("frame-ancestors"), "frame-ancestors 'none'", "{path}");
        assert_eq!(rule("base-uri"), "base-uri 'none'", "{path}");
        assert!(!policy.contains("unsafe") && !policy.contains("http:"), "{path}: {policy}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&answer, "referrer-policy"), "no-referrer", "{path}");
        assert!(!header(&answer, "x-request-id").is_empty(), "{path}");
    }
    // A refused handshake is an answer, too.
    let mut raw = Raw::connect(app.address).await;
    let ask = "GET /v1/ws?access_token=x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
               Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
               Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    raw.write(ask.as_bytes()).await;
    let answer = raw.rest().await;
    assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
    for word in ["application/problem+json", "x-request-id: ", "nosniff", "\"unauthorized\""] {
        assert!(answer.contains(word), "{word}: {answer}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_loads_its_own_files_only_and_once() {
    let app = TestApp::spawn().await;
    let page = get(&app, "/", &[]).await;
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    let html = page.text().await.unwrap();
    assert_eq!(app.rest.text("/rooms/r_12").await, html, "the page finds its own way");
    assert!(!html.contains("<style") && !html.contains(" style=\"") && !html.contains(" onclick"));
    for script in html.split("<script").skip(1) {
        assert!(script.split('>').next().unwrap().contains(" src=\""), "no inline script");
    }
    let mut files = addresses(&html);
    // Links within the page, and back to it, load nothing.
    files.retain(|path| !path.starts_with('#') && path != "/");
    assert!(files.len() > 10, "{files:?}");
    let kinds = [
        (".js", "text/javascript; charset=utf-8"),
        (".css", "text/css; charset=utf-8"),
        (".svg", "image/svg+xml"),
    ];
    for path in &files {
        assert!(path.starts_with('/') && !path.starts_with("//"), "{path}");
        let plain = get(&app, path, &[]).await;
        assert_eq!(plain.status(), 200, "{path}");
        let kind = kinds.iter().find(|(ending, _)| path.ends_with(ending)).unwrap().1;
        assert_eq!(header(&plain, "content-type"), kind, "{path}");
        assert_eq!(header(&plain, "cache-control"), "no-cache", "{path}");
        assert_eq!(header(&plain, "vary"), "accept-encoding", "{path}");
        let etag = header(&plain, "etag").to_owned();
        assert!(etag.starts_with('"'), "{path}: {etag}");
        let body = plain.bytes().await.unwrap();
        let zipped = get(&app, path, &[("accept-encoding", "gzip")]).await;
        assert_eq!(header(&zipped, "vary"), "accept-encoding", "{path}");
        let zipped_etag = header(&zipped, "etag").to_owned();
        if header(&zipped, "content-encoding") == "gzip" {
            assert_ne!(zipped_etag, etag, "{path}");
            let small = zipped.bytes().await.unwrap();
            assert!(small.len() < body.len(), "{path}");
            let mut out = Vec::new();
            let mut decoder = flate2::read::GzDecoder::new(&small[..]);
            std::io::Read::read_to_end(&mut decoder, &mut out).unwrap();
            assert_eq!(out, body, "{path}");
        }
        let headers = [("accept-encoding", "gzip"), ("if-none-match", zipped_etag.as_str())];
        let known = get(&app, path, &headers).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(header(&known, "etag"), zipped_etag, "{path}");
        assert!(known.bytes().await.unwrap().is_empty());
        let other = get(&app, path, &[("if-none-match", "\"another\"")]).await;
        assert_eq!(other.status(), 200, "{path}");
    }
    let app_js = get(&app, "/js/app.js", &[("accept-encoding", "gzip")]).await;
    assert_eq!(header(&app_js, "content-encoding"), "gzip");
    for odd in ["/js/../index.html", "/js/%2e%2e/%2e%2e/Cargo.toml", "/js/", "/css", "/.env"] {
        let mut raw = Raw::connect(app.address).await;
        let ask = format!("GET {odd} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        raw.write(ask.as_bytes()).await;
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{odd}: {answer}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_tells_what_get_would_and_sends_no_body() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let events = format!("/v1/rooms/{room}/events");
    let token = Some(mina.token.as_str());
    for (token, path) in [
        (None, "/"),
        (None, "/js/app.js"),
        (None, "/css/base.css"),
        (None, "/favicon.svg"),
        (None, "/rooms/r_1"),
        (None, "/healthz"),
        (None, "/readyz"),
        (None, "/v1/openapi.json"),
        (token, "/v1/me"),
        (token, "/v1/rooms?limit=1"),
        (token, events.as_str()),
        (None, "/v1/me"),
        (token, "/v1/rooms/r_999"),
        (token, "/v1/auth/logout"),
    ] {
        let whole = app.rest.send(Method::GET, token, path, None).await;
        let head = app.rest.send(Method::HEAD, token, path, None).await;
        assert_eq!(head.status(), whole.status(), "{path}");
        for name in ["content-type", "content-length", "etag", "cache-control"] {
            assert_eq!(header(&head, name), header(&whole, name), "{path} {name}");
        }
        let mut raw = Raw::connect(app.address).await;
        let pass = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let pass = pass.unwrap_or_default();
        let ask = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{pass}\r\n");
        raw.write(ask.as_bytes()).await;
        let answer = raw.rest().await;
        assert!(answer.ends_with("\r\n\r\n"), "{path} has a body: {answer}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_and_the_server_goes_on() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let url = format!("{}/v1/rooms/{room}/messages", app.rest.base);
    let send = async |body: reqwest::Body| {
        let request = app.rest.http.post(&url).bearer_auth(&mina.token);
        let answer = request.header("content-type", "application/json").body(body).send().await;
        let answer = answer.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap()["code"].clone())
    };
    let padded = |bytes: usize| {
        let body = json!({ "text": "hi" }).to_string();
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    assert_eq!(send(padded(65_536).into()).await.0, 201);
    assert_eq!(send(padded(65_537).into()).await, (413, json!("too_large")));
    let parts = (0..40).map(|_| Ok::<_, std::io::Error>(" ".repeat(4_096)));
    let parts = reqwest::Body::wrap_stream(futures_util::stream::iter(parts));
    assert_eq!(send(parts).await, (413, json!("too_large")), "without a length");
    // Of a length that is only claimed nothing is waited for.
    let mut raw = Raw::connect(app.address).await;
    let head = format!(
        "POST /v1/rooms/{room}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n",
        mina.token
    );
    raw.write(head.as_bytes()).await;
    assert!(raw.head().await.starts_with("HTTP/1.1 413"));
    for odd in [
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(300_000)),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(300_000)),
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: a\r\n".repeat(500)),
        "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_owned(),
        "POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            .to_owned(),
        "\u{16}\u{3}\u{1}\u{0}\u{ff}".to_owned(),
        "NONSENSE\r\n\r\n".to_owned(),
    ] {
        let mut raw = Raw::connect(app.address).await;
        // The server may have closed before all of it was taken.
        let _closed = tokio::io::AsyncWriteExt::write_all(&mut raw.socket, odd.as_bytes()).await;
        let answer = raw.rest().await;
        let line = answer.lines().next().unwrap_or_default().to_owned();
        assert!(line.is_empty() || line.starts_with("HTTP/1.1 4"), "{line}: {odd:.60}");
    }
    assert_eq!(get(&app, "/readyz", &[]).await.status(), 200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_call_only_where_the_operator_says_so() {
    let ask = async |app: &TestApp, method: Method, origin: &str| {
        let request = app.rest.http.request(method, format!("{}/v1/me", app.rest.base));
        let request = request.header("origin", origin);
        let request = request.header("access-control-request-method", "GET");
        let request = request.header("access-control-request-headers", "authorization");
        let answer = request.send().await.unwrap();
        header(&answer, "access-control-allow-origin").to_owned()
    };
    let app = TestApp::spawn().await;
    assert_eq!(ask(&app, Method::OPTIONS, "https://club.example.org").await, "");
    assert_eq!(ask(&app, Method::GET, "https://club.example.org").await, "");
    app.end().await;
    let settings = [("MOIM_ALLOWED_ORIGINS", "https://club.example.org")];
    let app = TestApp::spawn_with(&settings).await;
    for method in [Method::OPTIONS, Method::GET] {
        let allowed = ask(&app, method.clone(), "https://club.example.org").await;
        assert_eq!(allowed, "https://club.example.org");
        assert_eq!(ask(&app, method, "https://evil.example.org").await, "");
    }
    // Our own page names its origin, too, when it posts.
    let own = app.rest.http.post(format!("{}/v1/auth/register", app.rest.base));
    let body = json!({ "username": "mina", "password": "correct horse" });
    let own = own.header("origin", app.rest.base.as_str()).json(&body).send().await.unwrap();
    assert_eq!(own.status(), 201);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_says_so_to_those_who_ask_whether_it_is_ready() {
    let mut app = TestApp::spawn_with(&[("MOIM_DRAIN_WINDOW_MS", "3000")]).await;
    let mina = app.person("mina").await;
    let _open = app.session(&mina).await;
    let mut raw = Raw::connect(app.address).await;
    let ask = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";
    raw.write(ask).await;
    assert!(raw.response().await.0.starts_with("HTTP/1.1 200"));
    app.begin_end();
    let (mut head, mut body) = (String::new(), String::new());
    eventually("it says that it ends", async || {
        raw.write(ask).await;
        (head, body) = raw.response().await;
        head.starts_with("HTTP/1.1 503")
    })
    .await;
    assert!(head.to_lowercase().contains("\r\nretry-after: 1\r\n"), "{head}");
    assert!(head.contains("application/problem+json"), "{head}");
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&problem["code"], &problem["reason"]), (&json!("unavailable"), &json!("draining")));
    app.end().await;
}
