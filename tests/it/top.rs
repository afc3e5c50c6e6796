//! `moim top`, beside a running server and away from it.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{Client, Process, SOON, command, free_address};

/// Runs the program as an operator would, with the settings of the server at `address`.
async fn moim(
    folder: &Path,
    address: std::net::SocketAddr,
    settings: &[(&str, &str)],
    arguments: &[&str],
) -> Output {
    let mut command = command(folder, address);
    command.envs(settings.iter().copied()).args(arguments);
    tokio::time::timeout(SOON, command.output()).await.expect("does not end").unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// It must end with one line on standard error that holds these words.
fn refused(output: &Output, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_its_server_it_needs_nothing_but_the_same_settings() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), free_address()).await;
    let mina = server.rest.register("mina").await;
    let rooms = server.rest.get(&mina.token, "/v1/rooms").await;
    let room = rooms["items"][0]["id"].as_str().unwrap();
    let mut client = Client::connect(server.address).await;
    client.auth(&mina.token).await;
    client.open(room).await;
    for n in 0..5 {
        client.send(room, &format!("c-{n}"), "word").await;
    }
    let once = moim(folder.path(), server.address, &[], &["top", "--once"]).await;
    let page = said(&once);
    for part in ["sessions 1 ", "Journal", "Lane 1", "Relay", "general", "1 seats, head 5"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains('\x1b'), "colours are for terminals");
    let line = said(&moim(folder.path(), server.address, &[], &["top", "--once", "--json"]).await);
    assert_eq!(line.lines().count(), 1);
    let survey: Value = serde_json::from_str(&line).unwrap();
    assert!(survey["over_ms"].as_u64().unwrap() >= 900, "two looks make a rate: {line}");
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_it_sees_what_its_owner_may_see() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Process::start(folder.path(), free_address()).await;
    let mina = server.rest.register("mina").await;
    let bob = server.rest.register("bob").await;
    let (there, file) = (elsewhere.path(), elsewhere.path().join("token"));
    let top = ["top", "--once"];
    let token = [("MOIM_TOKEN", mina.token.as_str())];
    assert!(said(&moim(there, server.address, &token, &top).await).contains("Journal"));
    std::fs::write(&file, format!("{}\n", mina.token)).unwrap();
    let url = format!("http://{}", server.address);
    let file = file.to_str().unwrap();
    let with_file = ["top", "--once", "--url", &url, "--token-file", file];
    assert!(said(&moim(there, free_address(), &[], &with_file).await).contains("Journal"));

    let token = [("MOIM_TOKEN", bob.token.as_str())];
    refused(&moim(there, server.address, &token, &top).await, &["403", "admin grant"]);
    // Who is no admin any more is none at once, whatever an old token says.
    said(&moim(folder.path(), server.address, &[], &["admin", "revoke", "mina"]).await);
    let token = [("MOIM_TOKEN", mina.token.as_str())];
    refused(&moim(there, server.address, &token, &top).await, &["403"]);
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_cannot_watch_it_says_in_one_line_and_leaves_nothing_behind() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let there = elsewhere.path();
    let nobody = free_address();
    let alone = moim(there, nobody, &[], &["top"]).await;
    refused(&alone, &["no server answers", &nobody.to_string()]);
    let server = Process::start(folder.path(), free_address()).await;
    refused(&moim(there, server.address, &[], &["top"]).await, &["no database", "MOIM_TOKEN"]);
    let key = [("MOIM_JWT_SECRET", "a key that is not the one of this server")];
    refused(&moim(folder.path(), server.address, &key, &["top"]).await, &["401", "settings"]);
    let tls = ["top", "--url", "https://example.org"];
    refused(&moim(there, server.address, &[], &tls).await, &["TLS", "tunnel"]);
    assert_eq!(std::fs::read_dir(there).unwrap().count(), 0);
    server.kill().await;
}
