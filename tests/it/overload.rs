//! More than can be done: what waits too long is refused in good time, with when to come back.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::support::{Client, TestApp, eventually};

/// Longer than a message may wait while others stand behind it.
const TOO_LONG: Duration = Duration::from_millis(400);
/// So many messages a user may send at once.
const BURST: usize = 200;

/// A server whose store stands still until [`Stalled::go_on`].
struct Stalled {
    app: TestApp,
    room: String,
    writer: SqliteConnection,
    _folder: tempfile::TempDir,
}

impl Stalled {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("moim.db");
        let url = format!("sqlite://{}", file.display());
        let app = TestApp::spawn_with(&[("MOIM_DATABASE_URL", &url)]).await;
        let mina = app.person("mina").await;
        let room = app.lobby(&mina).await;
        let writer = SqliteConnection::connect(&url).await.unwrap();
        Self { app, room, writer, _folder: folder }
    }

    async fn stop(&mut self) {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.writer).await.unwrap();
    }

    async fn go_on(&mut self) {
        sqlx::query("ROLLBACK").execute(&mut self.writer).await.unwrap();
    }

    /// Some people who have said as much as each may at once; none of it is answered.
    async fn waiting(&mut self, people: usize) -> Vec<(Client, BTreeMap<u32, String>)> {
        let mut clients = Vec::new();
        for n in 0..people {
            let person = self.app.person(&format!("p{n}")).await;
            clients.push((self.app.session(&person).await, BTreeMap::new()));
        }
        self.stop().await;
        for (n, (client, asked)) in clients.iter_mut().enumerate() {
            for m in 0..BURST {
                let cid = format!("c-{n}-{m}");
                let send =
                    json!({ "op": "send", "room": self.room, "cid": cid, "text": "all at once" });
                asked.insert(client.begin(send).await, cid);
            }
        }
        let all = (people * BURST) as f64;
        let depth = "moim_mailbox_depth{queue=\"journal\"}";
        let app = &self.app;
        eventually("all wait", async || app.metric(depth).await >= all).await;
        tokio::time::sleep(TOO_LONG).await;
        clients
    }
}

/// What became of one message: its seq, or the refusal.
async fn outcome(client: &mut Client, re: u32) -> Result<i64, Value> {
    let reply = client.reply(re).await;
    reply["ok"]["seq"].as_i64().ok_or_else(|| reply["err"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_waited_too_long_behind_others_is_refused_and_was_not_done() {
    let mut stalled = Stalled::new().await;
    let mut clients = stalled.waiting(8).await;
    stalled.go_on().await;
    let (mut log, mut refused) = (BTreeMap::new(), 0);
    for (client, asked) in &mut clients {
        for (re, cid) in std::mem::take(asked) {
            match outcome(client, re).await {
                Ok(seq) => assert_eq!(log.insert(seq, cid), None),
                Err(why) => {
                    assert_eq!(why["code"], "overloaded");
                    assert_eq!(why["temporary"], true);
                    let retry = why["retry_ms"].as_u64().unwrap();
                    assert!((500..1_500).contains(&retry), "{retry}");
                    refused += 1;
                }
            }
        }
    }
    // One was being written; a transaction took a thousand more; the others were late.
    assert!((1..8 * BURST - 1_000).contains(&refused), "{refused} refused");
    assert_eq!(log.len() + refused, 8 * BURST);
    assert_eq!(stalled.app.metric("moim_messages_shed_total").await, refused as f64);

    let (client, _) = &mut clients[0];
    let opened = client.open(&stalled.room).await;
    assert_eq!(opened["head"], log.len() as i64, "what was refused is not in the log");
    let since = client.open_since(&stalled.room, opened["epoch"].as_str().unwrap(), 0).await;
    assert_eq!(since["resumed"], true);
    for event in client.expect_many("msg.new", log.len()).await {
        assert_eq!(
            log.get(&event["seq"].as_i64().unwrap()),
            event["d"]["cid"].as_str().map(str::to_owned).as_ref()
        );
    }
    // It is over: everybody is taken again.
    let bob = stalled.app.person("bob").await;
    let mut bob = stalled.app.session(&bob).await;
    assert_eq!(bob.send(&stalled.room, "after", "hello").await["seq"], log.len() as i64 + 1);
    stalled.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_behind_a_store_that_stands_still_are_refused_before_they_fill_the_memory() {
    let mut stalled = Stalled::new().await;
    let mut clients = Vec::new();
    for n in 0..7 {
        let person = stalled.app.person(&format!("p{n}")).await;
        clients.push(stalled.app.session(&person).await);
    }
    stalled.stop().await;
    let (room, wide) = (stalled.room.clone(), "🎈".repeat(4_000));
    let send =
        |cid: String, text: &str| json!({ "op": "send", "room": room, "cid": cid, "text": text });
    let lines = stalled.app.metric("moim_lines_total").await;
    for (n, client) in clients.iter_mut().enumerate().skip(1) {
        for m in 0..BURST {
            client.begin(send(format!("c-{n}-{m}"), &wide)).await;
        }
    }
    // Six times two hundred of 16 kB, where 16 MiB may wait.
    let all = lines + (6 * BURST) as f64;
    eventually("all were read", async || {
        stalled.app.metric("moim_lines_total").await >= all
            && stalled.app.metric("moim_mailbox_depth{queue=\"rooms\"}").await == 0.0
    })
    .await;
    let waiting = stalled.app.metric("moim_mailbox_depth{queue=\"journal\"}").await;
    assert!((900.0..=1_049.0).contains(&waiting), "{waiting} wait");
    let refused = clients[0].request(send("late".to_owned(), &wide)).await["err"].clone();
    assert_eq!(refused["code"], "overloaded");
    assert!(refused["retry_ms"].is_u64(), "{refused}");
    stalled.go_on().await;
    eventually("it is taken", async || {
        clients[0].request(send("late".to_owned(), &wide)).await["ok"].is_object()
    })
    .await;
    stalled.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stood_still_for_a_moment_refuses_nothing() {
    let mut stalled = Stalled::new().await;
    let mut clients = stalled.waiting(4).await;
    stalled.go_on().await;
    for (client, asked) in &mut clients {
        for re in std::mem::take(asked).into_keys() {
            assert!(outcome(client, re).await.is_ok(), "all of it fits into the next transaction");
        }
    }
    stalled.app.end().await;
}
