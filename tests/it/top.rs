//! `moim top`, beside a running server and away from it.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde_json::Value;

use crate::support::{Client, Process, SOON, command, eventually, free_address};

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

/// A terminal, and everything that was written to it.
struct Terminal {
    ours: File,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn new() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let ours = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&ours, size).unwrap();
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (written, mut master) = (Arc::clone(&screen), File::from(master));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = master.read(&mut bytes) {
                written.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { ours, screen }
    }

    fn modes(&self) -> LocalModes {
        tcgetattr(&self.ours).unwrap().local_modes
    }

    fn shows(&self, what: &[u8]) -> bool {
        self.screen.lock().unwrap().windows(what.len()).any(|window| window == what)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_ends_it_gets_the_terminal_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), free_address()).await;
    for end in [Signal::TERM, Signal::HUP, Signal::INT] {
        let terminal = Terminal::new();
        let before = terminal.modes();
        assert!(before.contains(LocalModes::ICANON | LocalModes::ECHO));
        let mut top = command(folder.path(), server.address);
        top.arg("top").stdin(terminal.ours.try_clone().unwrap());
        top.stdout(terminal.ours.try_clone().unwrap());
        let mut top = top.spawn().unwrap();
        eventually("it has the terminal", async || {
            terminal.shows(b"Journal") && !terminal.modes().contains(LocalModes::ICANON)
        })
        .await;
        assert!(terminal.shows(b"\x1b[?1049h") && !terminal.shows(b"\x1b[?1049l"));
        let pid = Pid::from_raw(top.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, end).unwrap();
        let ended = tokio::time::timeout(SOON, top.wait()).await.expect("goes on").unwrap();
        assert!(ended.success(), "{ended}");
        assert_eq!(terminal.modes(), before);
        eventually("the screen is given back", async || terminal.shows(b"\x1b[?1049l")).await;
        assert!(terminal.shows(b"\x1b[?25h"), "the cursor is shown");
    }
    server.kill().await;
}
