//! PostgreSQL behind the server: restarts, and a database that is away for a while.

use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::postgres::Cluster;
use crate::support::{Client, Process, TestApp, eventually, free_address, seqs};

async fn fresh() -> Option<String> {
    Some(Cluster::of_this_process()?.fresh_database().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_on_postgres_keeps_the_log_its_life_and_the_tokens() {
    let Some(url) = fresh().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let settings = [("MOIM_DATABASE_URL", url.as_str())];
    let server = Process::start_with(folder.path(), address, &settings).await;
    let mina = server.rest.register("mina").await;
    let mut client = Client::connect(address).await;
    let room = client.auth(&mina.token).await["rooms"][0]["room"].as_str().unwrap().to_owned();
    let epoch = client.open(&room).await["epoch"].as_str().unwrap().to_owned();
    client.send(&room, "c-1", "before").await;
    server.kill().await;
    let server = Process::start_with(folder.path(), address, &settings).await;
    let mut client = Client::connect(address).await;
    client.auth(&mina.token).await;
    assert_eq!(client.open_since(&room, &epoch, 0).await["replay"], 1);
    assert_eq!(client.expect("msg.new").await["d"]["text"], "before");
    assert_eq!(client.send(&room, "c-1", "before").await["dup"], true);
    assert_eq!(client.send(&room, "c-2", "after").await["seq"], 2);
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_is_told_and_comes_back() {
    let Some(url) = fresh().await else {
        return;
    };
    let app = TestApp::spawn_with(&[("MOIM_DATABASE_URL", &url)]).await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    session.send(&room, "c-1", "before").await;
    let name = url.split("localhost/").nth(1).and_then(|rest| rest.split('?').next()).unwrap();
    let send = json!({ "op": "send", "room": room, "cid": "c-2", "text": "meanwhile" });
    let mut admin = PgConnection::connect(&url.replace(name, "postgres")).await.unwrap();
    let mut run = async |sql: String| {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut admin).await.unwrap();
    };
    run(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
    run(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
        .await;
    let (status, body) = app.rest.refused(Method::GET, None, "/readyz", None).await;
    assert_eq!((status, &body["reason"]), (503, &json!("store")));
    let refused = session.request(send.clone()).await;
    assert_eq!(refused["err"]["code"], "unavailable");
    assert_eq!(refused["err"]["temporary"], true);
    let path = format!("/v1/rooms/{room}/messages");
    let (status, body) = app.rest.refused(Method::GET, Some(&mina.token), &path, None).await;
    assert_eq!((status, &body["code"]), (503, &json!("unavailable")));
    run(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
    eventually("it is ready again", async || {
        app.rest.send(Method::GET, None, "/readyz", None).await.status() == 200
    })
    .await;
    let mut seq = None;
    eventually("it takes messages again", async || {
        let answer = session.request(send.clone()).await;
        seq = answer["ok"]["seq"].as_i64();
        seq.is_some()
    })
    .await;
    assert_eq!(seq, Some(2), "what was refused was not kept");
    assert_eq!(seqs(&session.expect_many("msg.new", 2).await), [1, 2]);
    app.end().await;
}
