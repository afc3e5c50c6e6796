//! Accounts: names, passwords, tickets, and what a session may do with its tokens.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Closed, Process, Sse, TestApp, free_address, person};

async fn post(app: &TestApp, path: &str, body: Value) -> (u16, Value) {
    let response = app.rest.send(Method::POST, None, path, Some(&body)).await;
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_account_is_admin_and_the_second_is_not() {
    let app = TestApp::spawn().await;
    let body = json!({ "username": "Mina", "password": "correct horse", "display_name": " 미나 " });
    let (status, mina) = post(&app, "/v1/auth/register", body).await;
    assert_eq!(status, 201);
    let keys: Vec<_> = mina.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["access_token", "expires_in", "refresh_token", "user"]);
    let id = mina["user"]["id"].as_str().unwrap();
    assert!(id.starts_with("u_"));
    let user = json!({ "id": id, "username": "Mina", "display_name": "미나", "kind": "human" });
    assert_eq!((&mina["user"], &mina["expires_in"]), (&user, &json!(1_800)));
    let me = app.rest.get(mina["access_token"].as_str().unwrap(), "/v1/me").await;
    assert_eq!(
        (&me["user"], &me["role"], &me["unread_inbox"]),
        (&user, &json!("admin"), &json!(0))
    );
    let bob = app.person("bob").await;
    let me = app.rest.get(&bob.token, "/v1/me").await;
    assert_eq!((&me["role"], &me["user"]["display_name"]), (&json!("user"), &json!("bob")));
    let shown = app.rest.get(&bob.token, &format!("/v1/users/{id}")).await;
    assert_eq!(shown, user, "nothing private");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_kept_as_given_and_unique_without_case_or_form() {
    let app = TestApp::spawn().await;
    let register = async |name: &str| {
        let body = json!({ "username": name, "password": "correct horse" });
        post(&app, "/v1/auth/register", body).await
    };
    assert_eq!(register("Mina.K").await.0, 201);
    assert_eq!(register("미나").await.0, 201);
    for taken in ["mina.k", "MINA.K", " Mina.K ", "\u{1106}\u{1175}\u{1102}\u{1161}"] {
        let (status, body) = register(taken).await;
        assert_eq!((status, &body["code"]), (409, &json!("username_taken")), "{taken}");
    }
    let path = |name: &str| format!("/v1/auth/available?username={name}");
    for (name, free) in
        [("mina.K", false), ("%EB%AF%B8%EB%82%98", false), ("bob", true), ("ALL", false)]
    {
        assert_eq!(app.rest.get("", &path(name)).await, json!({ "available": free }), "{name}");
    }
    for odd in ["a", "a%20b", ""] {
        let (status, body) = app.rest.refused(Method::GET, None, &path(odd), None).await;
        assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("username")), "{odd:?}");
    }
    for name in ["Mina.K", "mina.k", "MINA.k"] {
        let body = json!({ "username": name, "password": "correct horse" });
        let (status, signed) = post(&app, "/v1/auth/login", body).await;
        assert_eq!((status, &signed["user"]["username"]), (200, &json!("Mina.K")), "{name}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_speaks_the_language_of_its_first_client() {
    let app = TestApp::spawn().await;
    for (name, accepts, locale) in [
        ("one", "en-US,en;q=0.9", "en"),
        ("two", "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("three", "de,en;q=0.5", "en"),
        ("four", "de", "ko"),
    ] {
        let body = json!({ "username": name, "password": "correct horse" });
        let request = app.rest.http.post(format!("{}/v1/auth/register", app.rest.base));
        let answer = request.header("accept-language", accepts).json(&body).send().await.unwrap();
        let account = person(&answer.json().await.unwrap());
        let me = app.rest.get(&account.token, "/v1/me").await;
        assert_eq!(me["locale"], locale, "{accepts}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_want_one_name_at_once_are_told_apart() {
    let app = TestApp::spawn().await;
    let both = (0..8).map(|n| {
        let rest = app.rest.clone();
        let name = if n % 2 == 0 { "mina" } else { "MINA" };
        let body = json!({ "username": name, "password": "correct horse" });
        tokio::spawn(async move {
            let path = "/v1/auth/register";
            rest.send(Method::POST, None, path, Some(&body)).await.status().as_u16()
        })
    });
    let mut statuses = Vec::new();
    for asked in both.collect::<Vec<_>>() {
        statuses.push(asked.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_no_account_is_told_by_its_field() {
    let app = TestApp::spawn().await;
    let (x64, x65) = ("x".repeat(64), "x".repeat(65));
    let (p128, p129) = ("가".repeat(128), "가".repeat(129));
    let refused = [
        ("a", "correct horse", "username"),
        (&x65, "correct horse", "username"),
        ("a b", "correct horse", "username"),
        ("m@na", "correct horse", "username"),
        ("Ai", "correct horse", "username"),
        ("all", "correct horse", "username"),
        ("HERE", "correct horse", "username"),
        ("system", "correct horse", "username"),
        ("moim", "correct horse", "username"),
        ("\u{1106}\u{1175}", "correct horse", "username"),
        ("mina", "1234567", "password"),
        ("mina", &p129, "password"),
        ("minamina", "minamina", "password"),
        ("minamina", "MinaMina", "password"),
    ];
    for (username, password, field) in refused {
        let body = json!({ "username": username, "password": password });
        let path = "/v1/auth/register";
        let (status, body) = app.rest.refused(Method::POST, None, path, Some(&body)).await;
        assert_eq!((status, &body["code"]), (422, &json!("invalid")), "{username} {password}");
        let fields: Vec<_> = body["errors"].as_array().unwrap().iter().collect();
        assert_eq!(fields.len(), 1, "{body}");
        assert_eq!(fields[0]["field"], field, "{username} {password}");
        assert!(fields[0]["message"].is_string());
    }
    let (status, body) = post(&app, "/v1/auth/register", json!({})).await;
    let fields: Vec<_> = body["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
    assert_eq!((status, fields), (422, vec![&json!("username"), &json!("password")]));
    assert_eq!(post(&app, "/v1/auth/register", json!({ "username": 7 })).await.0, 400);
    for (username, password) in
        [(x64.as_str(), p128.as_str()), ("ab", "12345678"), ("ai2", "correct horse")]
    {
        let body = json!({ "username": username, "password": password });
        assert_eq!(post(&app, "/v1/auth/register", body.clone()).await.0, 201, "{username}");
        assert_eq!(post(&app, "/v1/auth/login", body).await.0, 200, "{username}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_signs_in_once() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let ticket = async || {
        let given = app.rest.post(&mina.token, "/v1/auth/ticket", &json!({})).await;
        assert_eq!(given["expires_in"], 30);
        given["ticket"].as_str().unwrap().to_owned()
    };
    let path = format!("/v1/ws?ticket={}", ticket().await);
    let mut client = Client::connect_with(app.address, &path, &[]).await.unwrap();
    let auth = client.expect("auth").await;
    assert_eq!(auth["user"]["username"], "mina");
    assert_eq!(auth["rooms"][0]["room"], room.as_str());
    assert_eq!(Client::connect_with(app.address, &path, &[]).await.err(), Some(401));
    let path = format!("/v1/rooms/{room}/events?ticket={}", ticket().await);
    let mut stream = Sse::open_with(&app.rest, &path, &[]).await.unwrap();
    assert_eq!(Sse::open_with(&app.rest, &path, &[]).await.err(), Some(401));
    client.send(&room, "c-1", "heard").await;
    assert_eq!(stream.next().await.data["d"]["text"], "heard");
    // Eight at once, and one of them gets in.
    let path = format!("/v1/inbox/events?ticket={}", ticket().await);
    let mut asked = Vec::new();
    for _ in 0..8 {
        let (rest, path) = (app.rest.clone(), path.clone());
        asked.push(tokio::spawn(async move { Sse::open_with(&rest, &path, &[]).await.is_ok() }));
    }
    let mut inside = 0;
    for asked in asked {
        inside += usize::from(asked.await.unwrap());
    }
    assert_eq!(inside, 1);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_shows_fresh_tokens_and_only_its_own() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let mut client = Client::connect(app.address).await;
    let refresh = |token: &str| json!({ "op": "auth.refresh", "token": token });
    assert_eq!(client.err(refresh(&mina.token)).await["code"], "unauthorized", "not signed in");
    client.auth(&mina.token).await;
    let body = json!({ "refresh_token": mina.refresh });
    let fresh = person(&app.rest.post("", "/v1/auth/refresh", &body).await);
    assert_eq!(client.ok(refresh(&fresh.token)).await, json!({}));
    assert_eq!(client.err(refresh(&bob.token)).await["code"], "unauthorized");
    assert_eq!(client.err(refresh("nonsense")).await["code"], "unauthorized");
    let login = json!({ "username": "mina", "password": "correct horse" });
    let other = person(&app.rest.post("", "/v1/auth/login", &login).await);
    app.rest.post(&other.token, "/v1/auth/logout", &json!({})).await;
    assert_eq!(client.err(refresh(&other.token)).await["code"], "unauthorized", "signed out");
    client.ok(json!({ "op": "ping" })).await;
    let room = app.lobby(&mina).await;
    assert_eq!(client.open(&room).await["head"], 0);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_and_their_ends_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), free_address()).await;
    let mina = server.rest.register("mina").await;
    let login = json!({ "username": "mina", "password": "correct horse" });
    let gone = person(&server.rest.post("", "/v1/auth/login", &login).await);
    server.rest.post(&gone.token, "/v1/auth/logout", &json!({})).await;
    let ticket = server.rest.post(&mina.token, "/v1/auth/ticket", &json!({})).await;
    server.kill().await;

    let server = Process::start(folder.path(), free_address()).await;
    assert_eq!(server.rest.get(&mina.token, "/v1/me").await["user"]["id"], mina.id.as_str());
    let path = format!("/v1/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    let mut client = Client::connect_with(server.address, &path, &[]).await.unwrap();
    assert_eq!(client.expect("auth").await["user"]["id"], mina.id.as_str());
    let body = json!({ "refresh_token": mina.refresh });
    let fresh = person(&server.rest.post("", "/v1/auth/refresh", &body).await);
    server.rest.get(&fresh.token, "/v1/me").await;
    let (status, body) = server.rest.refused(Method::GET, Some(&gone.token), "/v1/me", None).await;
    assert_eq!((status, &body["code"]), (401, &json!("unauthorized")));
    let body = json!({ "refresh_token": mina.refresh });
    let (status, body) =
        server.rest.refused(Method::POST, None, "/v1/auth/refresh", Some(&body)).await;
    assert_eq!((status, &body["code"]), (401, &json!("token_reused")));
    assert_eq!(client.expect_close().await, Closed { code: 4501 });
    server.kill().await;
}
