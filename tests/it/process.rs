//! The program: how it starts, refuses to start, is killed, and ends.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Client, Closed, Process, SOON, command, eventually, free_address};

async fn run(folder: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = command(folder, "127.0.0.1:0".parse().unwrap());
    command.envs(settings.iter().copied()).args(arguments);
    tokio::time::timeout(SOON, command.output()).await.expect("does not end").unwrap()
}

/// The program must end with one line that holds these words, and without success.
async fn fails(folder: &Path, settings: &[(&str, &str)], words: &[&str]) {
    let output = run(folder, settings, &[]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(words.iter().all(|word| said.contains(word)), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_cannot_start_with_it_says_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(path, &[("MOIM_LISTEN", &address)], &["cannot listen on", &address]).await;
    fails(path, &[("MOIM_LISTEN", "here")], &["MOIM_LISTEN", "here", "host:port"]).await;
    fails(path, &[("MOIM_HEARTBEAT_MS", "soon")], &["MOIM_HEARTBEAT_MS", "soon", "1000"]).await;
    std::fs::create_dir(path.join("odd")).unwrap();
    std::fs::write(path.join("odd/moim.db"), "this is no database, ".repeat(100)).unwrap();
    let odd = path.join("odd").display().to_string();
    fails(path, &[("MOIM_DATA_DIR", &odd)], &["moim.db", "not a SQLite database"]).await;
    std::fs::write(path.join("file"), "").unwrap();
    let below = path.join("file/data").display().to_string();
    fails(path, &[("MOIM_DATA_DIR", &below)], &["file/data"]).await;
    let nobody = "postgres://nobody@127.0.0.1:1/none";
    fails(path, &[("MOIM_DATABASE_URL", nobody)], &["PostgreSQL", "127.0.0.1"]).await;
    let own = free_address();
    let (listen, base) = (own.to_string(), format!("http://localhost:{}/v1", own.port()));
    let own = [
        ("MOIM_LISTEN", listen.as_str()),
        ("MOIM_LLM_PROVIDER", "openai"),
        ("MOIM_LLM_MODEL", "own"),
        ("MOIM_LLM_BASE_URL", base.as_str()),
    ];
    fails(path, &own, &["MOIM_LLM_BASE_URL"]).await;
    std::fs::write(path.join("moim.toml"), "lisen = 1\n").unwrap();
    fails(path, &[], &["moim.toml", "lisen"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let text = |output: Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let secret = [("MOIM_JWT_SECRET", "0123456789abcdef0123456789abcdef")];
    let shown = text(run(folder.path(), &secret, &["config"]).await);
    assert!(shown.contains("jwt_secret = \"***\"") && !shown.contains("0123456789"), "{shown}");
    let script = text(run(folder.path(), &[], &["completions", "bash"]).await);
    assert!(script.contains("moim"));
    text(run(folder.path(), &[], &["migrate"]).await);
    let made = text(run(folder.path(), &[], &["admin", "create-user", "root"]).await);
    assert!(made.contains("root") && made.contains("admin"), "{made}");
    let password = made.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    let mode = std::fs::metadata(folder.path().join("data")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o700);

    let server = Process::start(folder.path(), free_address()).await;
    let sign_in = json!({ "username": "root", "password": password });
    let signed = server.rest.post("", "/v1/auth/login", &sign_in).await;
    let mut client = Client::connect(server.address).await;
    client.auth(signed["access_token"].as_str().unwrap()).await;
    let reset = text(run(folder.path(), &[], &["admin", "reset-password", "root"]).await);
    assert!(reset.contains("1 sign-ins ended"), "{reset}");
    assert_eq!(client.expect_close().await, Closed { code: 4501 });
    server.kill().await;
    let unknown = run(folder.path(), &[], &["admin", "grant", "nobody"]).await;
    assert!(!unknown.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_an_admin_no_more_moderates_the_lobby_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), free_address()).await;
    let (_first, mina) = (server.rest.register("first").await, server.rest.register("mina").await);
    let rooms = server.rest.get(&mina.token, "/v1/rooms").await;
    let lobby = rooms["items"][0]["id"].as_str().unwrap().to_owned();
    let mut client = Client::connect(server.address).await;
    client.auth(&mina.token).await;
    client.open(&lobby).await;
    let message = client.send(&lobby, "c-1", "hi").await["id"].clone();
    let pin = json!({ "op": "pin", "room": lobby, "message": message });
    assert_eq!(client.err(pin.clone()).await["reason"], "role");
    for (order, may) in [("grant", true), ("revoke", false)] {
        let done = run(folder.path(), &[], &["admin", order, "mina"]).await;
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        eventually(order, async || client.request(pin.clone()).await["ok"].is_object() == may)
            .await;
    }
    server.kill().await;
}

/// One member of the crash test: sends until acknowledged, remembers what it heard.
struct Player {
    token: String,
    room: String,
    epoch: String,
    seen: BTreeMap<i64, String>,
    acked: BTreeMap<String, i64>,
}

impl Player {
    /// Plays until the socket breaks; `next` is the message that is not acknowledged yet.
    async fn play(&mut self, address: std::net::SocketAddr, name: usize, next: &mut usize) {
        let Ok(mut client) = Client::try_connect(address).await else {
            return;
        };
        if client.try_request(json!({ "op": "auth", "token": self.token })).await.is_err() {
            return;
        }
        let last = self.seen.last_key_value().map_or(0, |(seq, _)| *seq);
        let since = json!({ "epoch": self.epoch, "seq": last });
        let open = json!({ "op": "open", "room": self.room, "since": since });
        match client.try_request(open).await {
            Ok(opened) => assert_eq!(opened["ok"]["resumed"], true, "{opened}"),
            Err(Closed { .. }) => return self.hear(&mut client),
        }
        loop {
            let cid = format!("c-{name}-{next}");
            let send = json!({ "op": "send", "room": self.room, "cid": cid, "text": cid });
            let answer = client.try_request(send).await;
            self.hear(&mut client);
            let Ok(answer) = answer else {
                return;
            };
            if let Some(seq) = answer["ok"]["seq"].as_i64() {
                self.acked.insert(cid, seq);
                *next += 1;
            }
        }
    }

    fn hear(&mut self, client: &mut Client) {
        for line in client.heard() {
            if line["ev"] == "msg.new" {
                let cid = line["d"]["cid"].as_str().unwrap().to_owned();
                let seq = line["seq"].as_i64().unwrap();
                let last = self.seen.last_key_value().map_or(0, |(seq, _)| *seq);
                assert_eq!(seq, last + 1, "a hole or a double");
                self.seen.insert(seq, cid);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut server = Some(Process::start(folder.path(), address).await);
    let rest = server.as_ref().unwrap().rest.clone();
    let mut playing = Vec::new();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    for name in 0..8 {
        let person = rest.register(&format!("player{name}")).await;
        let rooms = rest.get(&person.token, "/v1/rooms").await;
        let (room, epoch) = (&rooms["items"][0]["id"], &rooms["items"][0]["epoch"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (seen, acked) = (BTreeMap::new(), BTreeMap::new());
        let mut player =
            Player { token: person.token, room: text(room), epoch: text(epoch), seen, acked };
        let mut stopped = stopped.clone();
        playing.push(tokio::spawn(async move {
            let mut next = 0;
            while !*stopped.borrow_and_update() {
                player.play(address, name, &mut next).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            player
        }));
    }
    for round in 0..6_u64 {
        tokio::time::sleep(Duration::from_millis(150 + round * 37)).await;
        server.take().unwrap().kill().await;
        let began = Instant::now();
        server = Some(Process::start(folder.path(), address).await);
        assert!(began.elapsed() < SOON);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.send(true).unwrap();
    let server = server.unwrap();
    let reader = rest.register("reader").await;
    server.kill().await;
    let mut players = Vec::new();
    for player in playing {
        players.push(player.await.unwrap());
    }
    let server = Process::start(folder.path(), address).await;
    let room = players[0].room.clone();
    let log = history(&server.rest, &reader.token, &room).await;
    let seqs: Vec<i64> = log.keys().copied().collect();
    assert_eq!(seqs, (1..=seqs.len() as i64).collect::<Vec<_>>());
    let mut cids: Vec<_> = log.values().collect();
    cids.sort();
    cids.dedup();
    assert_eq!(cids.len(), log.len(), "doubled");
    assert!(players.iter().map(|player| player.acked.len()).sum::<usize>() > 50);
    for player in &players {
        for (cid, seq) in &player.acked {
            assert_eq!(log.get(seq), Some(cid), "an acknowledged message is not where it was");
        }
        for (seq, cid) in &player.seen {
            assert_eq!(log.get(seq), Some(cid), "somebody saw what is not there");
        }
    }
    server.kill().await;
}

async fn history(rest: &crate::support::Rest, token: &str, room: &str) -> BTreeMap<i64, String> {
    let mut log = BTreeMap::new();
    let mut after = 0;
    loop {
        let path = format!("/v1/rooms/{room}/messages?after_seq={after}&limit=200");
        let page = rest.get(token, &path).await;
        let items = page["items"].as_array().unwrap();
        for item in items {
            after = item["seq"].as_i64().unwrap();
            log.insert(after, item["cid"].as_str().unwrap().to_owned());
        }
        if items.is_empty() {
            return log;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_it_drains_a_thousand_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("MOIM_SESSIONS_PER_USER", "2000"), ("MOIM_DRAIN_WINDOW_MS", "4000")];
    let mut server = Process::start_with(folder.path(), free_address(), &settings).await;
    let mina = server.rest.register("mina").await;
    let mut clients = Vec::new();
    for _ in 0..1_000 {
        let mut client = Client::connect(server.address).await;
        client.auth(&mina.token).await;
        clients.push(client);
    }
    let room = server.rest.get(&mina.token, "/v1/rooms").await["items"][0]["id"].clone();
    let room = room.as_str().unwrap();
    clients[0].open(room).await;
    let send = json!({ "op": "send", "room": room, "cid": "last", "text": "last words" });
    let re = clients[0].begin(send).await;
    let sent = clients[0].reply(re).await;
    let began = Instant::now();
    let id = server.child.id().unwrap().to_string();
    let killed = tokio::process::Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(killed.unwrap().success());
    let mut delays = Vec::new();
    for client in &mut clients {
        delays.push(client.expect("drain").await["in_ms"].as_u64().unwrap());
        assert_eq!(client.expect_close().await, Closed { code: 4001 });
    }
    assert!(delays.iter().all(|delay| *delay < 4_000));
    delays.sort_unstable();
    assert!(delays[900] - delays[100] > 2_000, "spread over the window");
    let ended = tokio::time::timeout(Duration::from_secs(10), server.child.wait()).await;
    assert!(ended.unwrap().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let server = Process::start(folder.path(), free_address()).await;
    let messages = server.rest.get(&mina.token, &format!("/v1/rooms/{room}/messages")).await;
    assert_eq!(messages["items"][0]["seq"], sent["ok"]["seq"]);
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_fills_its_index_it_finds_everything_that_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut server = Process::start(folder.path(), address).await;
    let mina = server.rest.register("mina").await;
    let rooms = server.rest.get(&mina.token, "/v1/rooms").await;
    let room = rooms["items"][0]["id"].as_str().unwrap().to_owned();
    for life in 0..4 {
        let mut client = Client::connect(address).await;
        client.auth(&mina.token).await;
        for n in 0..40 {
            client.send(&room, &format!("{life}-{n}"), &format!("회의 round{life}")).await;
        }
        server.kill().await;
        server = Process::start(folder.path(), address).await;
        for said in 0..=life {
            let path = format!("/v1/search?q=%ED%9A%8C%EC%9D%98+round{said}&limit=50");
            let found = server.rest.get(&mina.token, &path).await;
            let found = found["items"].as_array().unwrap().len();
            assert_eq!(found, 40, "of life {said}, in life {life}");
        }
    }
    server.kill().await;
}
