//! SIGTERM: the program ends in its grace time whatever hangs, says what did, and loses nothing.

use std::time::{Duration, Instant};

use crate::support::{Client, Process, SOON, free_address};

/// What the guide promises, and a little for a busy machine to notice.
const GRACE: Duration = Duration::from_secs(10);
const NOTICED: Duration = Duration::from_secs(3);

async fn ask_to_end(server: &Process) {
    let id = server.child.id().unwrap().to_string();
    let asked = tokio::process::Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(asked.unwrap().success());
}

/// Something is said, then the end hangs as planted. The log must have `words`, and the code must be
/// this one.
async fn ends_though(plant: &str, words: &str, code: i32) {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("MOIM_PLANT", plant)];
    let server = Process::start_with(folder.path(), free_address(), &settings).await;
    let mina = server.rest.register("mina").await;
    let rooms = server.rest.get(&mina.token, "/v1/rooms").await;
    let room = rooms["items"][0]["id"].as_str().unwrap().to_owned();
    let mut client = Client::connect(server.address).await;
    client.auth(&mina.token).await;
    let sent = client.send(&room, "c-1", "before the end").await;
    let began = Instant::now();
    ask_to_end(&server).await;
    let Process { child, .. } = server;
    let ended = tokio::time::timeout(GRACE + SOON, child.wait_with_output()).await;
    let (ended, took) = (ended.expect("it does not end").unwrap(), began.elapsed());
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains(words), "{plant}: {said}");
    assert_eq!(ended.status.code(), Some(code), "{plant}: {said}");
    assert!(took <= GRACE + NOTICED, "{plant}: {took:?}");
    let server = Process::start(folder.path(), free_address()).await;
    let messages = server.rest.get(&mina.token, &format!("/v1/rooms/{room}/messages")).await;
    assert_eq!(messages["items"][0]["seq"], sent["seq"], "{plant}");
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn actors_that_do_not_answer_are_left() {
    ends_though("hang=drain", "not everybody was told in time", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_close_is_left() {
    ends_though("hang=store", "the store is still busy", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_cannot_be_broken_off_is_left() {
    ends_though("hang=blocking", "something cannot be broken off", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_stands_still_is_broken_off() {
    ends_though("hang=thread", "the end takes longer than", 1).await;
}
