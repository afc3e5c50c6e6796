//! Previews of links: found off the path of the message, told to its room, kept; and nothing that
//! is not on the internet is ever asked.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use moim::faults::Faults;
use moim::preview::{Fetcher, Names, NoPreview};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::support::{Sse, TestApp, fresh};

/// A server that answers each path in its own way, and counts how often it is asked.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicUsize>,
    /// Each asker of `/gate` takes one before it is answered.
    gate: Arc<Semaphore>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(Semaphore::new(0));
        let (count, opens) = (Arc::clone(&asked), Arc::clone(&gate));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (count, opens) = (Arc::clone(&count), Arc::clone(&opens));
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let mut byte = [0];
                        if socket.read(&mut byte).await.unwrap_or(0) == 0 {
                            return;
                        }
                        head.extend(byte);
                    }
                    count.fetch_add(1, Ordering::SeqCst);
                    let head = String::from_utf8(head).unwrap();
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    if path == "/gate" {
                        opens.acquire().await.unwrap().forget();
                    }
                    let _gone = socket.write_all(&answer(&path, address)).await;
                    if path == "/endless" {
                        while socket.write_all(&[b' '; 4_096]).await.is_ok() {}
                    }
                    if path == "/slow" {
                        tokio::time::sleep(Duration::from_secs(60)).await;
                    }
                });
            }
        });
        Self { address, asked, gate }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }
}

fn answer(path: &str, address: SocketAddr) -> Vec<u8> {
    let page = |kind: &str, body: &str| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n");
        (head + body).into_bytes()
    };
    let to = |place: &str| {
        let head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\n";
        format!("{head}Location: {place}\r\n\r\n").into_bytes()
    };
    let port = address.port();
    if let Some(title) = path.strip_prefix("/called/") {
        return page("text/html", &format!("<title>{title}</title>"));
    }
    match path {
        "/page" => page(
            "text/html; charset=utf-8",
            "<title>plain</title><meta property='og:title' content='모임 &amp; more'>\
             <meta name='description' content='what it is'><meta property='og:site_name' content='A site'>",
        ),
        "/gate" => page("text/html", "<title>before</title>"),
        "/other" => page("text/html", "<title>The other</title>"),
        "/picture" => page("image/png", "<title>no</title>"),
        "/untitled" => page("text/html", "<p>nothing"),
        "/endless" => page("text/html", "<title>begins"),
        "/slow" => b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n".to_vec(),
        "/moved" => to("/page"),
        "/inside" => to(&format!("http://127.0.0.1:{port}/page")),
        "/metadata" => to("http://169.254.169.254/latest/meta-data/"),
        "/file" => to("file:///etc/passwd"),
        "/round" => to("/round"),
        _else => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
    }
}

pub(crate) async fn spawn(settings: &[(&str, &str)]) -> (TestApp, Site) {
    let settings = [&[("MOIM_LINK_PREVIEW", "true")], settings].concat();
    let app = TestApp::spawn_with(&settings).await;
    let site = Site::start().await;
    app.faults.lead("page.test", vec![site.address]);
    (app, site)
}

async fn a_link_is_told_about_and_kept(app: TestApp, site: Site) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut talker, mut listener) = (app.session(&mina).await, app.session(&bob).await);
    let epoch = listener.open(&room).await["epoch"].as_str().unwrap().to_owned();
    let links = ["/page", "/missing", "/other"].map(|path| site.url("page.test", path));
    let text = format!("see {} and {}, or {}", links[0], links[1], links[2]);
    let sent = talker.send(&room, "c-1", &text).await;
    let told = listener.expect("msg.preview").await;
    let wanted = json!([
        { "url": links[0], "title": "모임 & more", "description": "what it is", "site": "A site" },
        { "url": links[2], "title": "The other" },
    ]);
    assert_eq!(told["d"], json!({ "id": sent["id"], "previews": wanted }));
    assert_eq!(told["seq"], 2, "an event of the log");
    assert!(told.get("n").is_none(), "and no message: {told}");
    let listed = app.rest.get(&mina.token, &format!("/v1/rooms/{room}/messages")).await;
    assert_eq!(listed["items"][0]["previews"], wanted);
    assert_eq!(talker.open(&room).await["snapshot"]["items"][0]["previews"], wanted);
    listener.open_since(&room, &epoch, 0).await;
    assert_eq!(listener.expect("msg.preview").await, told, "a replay is what was heard");
    // The next one who links there asks nobody.
    assert_eq!(site.asked(), 3);
    talker.send(&room, "c-2", &format!("again {}", links[0])).await;
    assert_eq!(listener.expect("msg.preview").await["d"]["previews"][0], wanted[0]);
    assert_eq!(site.asked(), 3);
    // What it keeps of a page does not say where that is.
    let named = "FROM link WHERE url LIKE '%page.test%' OR body LIKE '%page.test%'";
    assert_eq!(app.number(&format!("SELECT count(*) {named}")).await, 0);
    assert_eq!(app.number("SELECT count(*) FROM link").await, 3);
    talker.send(&room, "c-3", "no link at all").await;
    // What a spoiler hides and what stands in code is asked of nobody.
    let called = ["hidden", "bare", "code", "seen"];
    let links = called.map(|n| site.url("page.test", &format!("/called/{n}")));
    let [hidden, bare, code, seen] = &links;
    let text = format!("||see {hidden} here|| ||{bare}|| `{code}` [it]({seen})");
    talker.send(&room, "c-2b", &text).await;
    let told = listener.expect("msg.preview").await["d"]["previews"].clone();
    assert_eq!(told, json!([{ "url": seen, "title": "seen" }]));
    assert_eq!(site.asked(), 4);
    let rooms = app.rest.get(&bob.token, "/v1/rooms").await;
    let lobby = &rooms["items"][0];
    assert_eq!((&lobby["n"], &lobby["head"]), (&json!(4), &json!(7)));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_told_about_and_kept_on_sqlite() {
    let (app, site) = spawn(&[]).await;
    a_link_is_told_about_and_kept(app, site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_told_about_and_kept_on_postgres() {
    let Some(url) = fresh().await else { return };
    let (app, site) = spawn(&[("MOIM_DATABASE_URL", &url)]).await;
    a_link_is_told_about_and_kept(app, site).await;
}

/// The page of a message is looked at when somebody has come who does not see the message.
async fn who_came_since_is_told_nothing(app: TestApp, site: Site) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let body = json!({ "name": "secrets", "listed": true });
    let room = app.rest.post(&mina.token, "/v1/rooms", &body).await["id"].clone();
    let room = room.as_str().unwrap();
    let path = format!("/v1/rooms/{room}");
    app.rest.patch(&mina.token, &path, &json!({ "history": "since_join" })).await;
    let mut at_mina = app.session(&mina).await;
    let epoch = at_mina.open(room).await["epoch"].as_str().unwrap().to_owned();
    let sent = at_mina.send(room, "c-1", &site.url("page.test", "/gate")).await;
    app.rest.post(&bob.token, &format!("{path}/join"), &json!({})).await;
    let mut at_bob = app.session(&bob).await;
    at_bob.open(room).await;
    let mut stream = Sse::open(&app.rest, &bob.token, &format!("{path}/events")).await;
    site.gate.add_permits(1);
    let told = at_bob.expect("msg.preview").await;
    assert_eq!(told["d"], json!({ "id": sent["id"] }), "that there is one, and no more");
    assert_eq!(stream.next().await.data, told);
    assert_eq!(at_mina.expect("msg.preview").await, told, "the log is one for all");
    let seq = told["seq"].as_i64().unwrap();
    at_bob.open_since(room, &epoch, seq - 1).await;
    assert_eq!(at_bob.expect("msg.preview").await, told);
    let pulled = at_bob.ok(json!({ "op": "pull", "room": room, "after": 0 })).await;
    assert!(pulled["events"].as_array().unwrap().contains(&told), "{pulled}");
    let since = format!("{path}/events?since={epoch}-{}", seq - 1);
    let mut again = Sse::open(&app.rest, &bob.token, &since).await;
    assert_eq!(
        again.next().await.data["ev"],
        "horizon",
        "what was before is not for who came since"
    );
    assert_eq!(again.next().await.data, told);
    // Who sees the message reads what was found.
    let message = format!("{path}/messages/{}", sent["id"].as_str().unwrap());
    let read = app.rest.get(&mina.token, &message).await;
    assert_eq!(read["previews"][0]["title"], "before");
    for path in [path.clone() + "/messages?after_seq=0", "/v1/search?q=page.test".to_owned()] {
        let listed = app.rest.get(&bob.token, &path).await;
        assert_eq!(listed["items"], json!([]), "{path}");
    }
    assert_eq!(app.rest.status(reqwest::Method::GET, &bob.token, &message).await, 404);
    app.crash(room).await;
    let opened = at_bob.open_since(room, &epoch, seq - 1).await;
    assert_eq!(opened["resumed"], true);
    let is_told = |line: &Value| line["ev"] == "msg.preview";
    assert_eq!(at_bob.wait_for(is_told).await, told, "kept without it");
    at_bob.expect_none(|line| line.to_string().contains("before")).await;
    // Of what is said now everybody hears.
    at_mina.send(room, "c-2", &site.url("page.test", "/other")).await;
    assert_eq!(at_bob.expect("msg.preview").await["d"]["previews"][0]["title"], "The other");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_came_since_is_told_nothing_on_sqlite() {
    let (app, site) = spawn(&[]).await;
    who_came_since_is_told_nothing(app, site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_came_since_is_told_nothing_on_postgres() {
    let Some(url) = fresh().await else { return };
    let (app, site) = spawn(&[("MOIM_DATABASE_URL", &url)]).await;
    who_came_since_is_told_nothing(app, site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_unless_the_operator_wants_it() {
    let app = TestApp::spawn().await;
    let site = Site::start().await;
    app.faults.lead("page.test", vec![site.address]);
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    session.send(&room, "c-1", &site.url("page.test", "/page")).await;
    session.send(&room, "c-2", "later").await;
    session.expect_none(|line| line["ev"] == "msg.preview").await;
    assert_eq!(site.asked(), 0);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_misbehaves_holds_up_nobody() {
    let (app, site) = spawn(&[]).await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    for (n, path) in ["/slow", "/slow", "/slow", "/endless", "/picture"].iter().enumerate() {
        session.send(&room, &format!("c-{n}"), &site.url("page.test", path)).await;
    }
    session.send(&room, "last", &site.url("page.test", "/other")).await;
    let told = session.expect("msg.preview").await;
    assert_eq!(told["d"]["previews"][0]["title"], "The other");
    app.end().await;
}

async fn looked(path: &str) -> Result<String, NoPreview> {
    let site = Site::start().await;
    let faults = Faults::default();
    faults.lead("page.test", vec![site.address]);
    let fetcher = Fetcher::new(&faults).unwrap();
    let looked = fetcher.look(&site.url("page.test", path)).await;
    if matches!(looked, Err(NoPreview::Closed | NoPreview::Odd)) {
        assert_eq!(site.asked(), 1, "the redirect was not followed");
    }
    looked.map(|preview| preview.title)
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_to_public_places_only() {
    assert_eq!(looked("/moved").await.unwrap(), "모임 & more");
    assert!(matches!(looked("/round").await, Err(NoPreview::Redirects)));
    assert!(matches!(looked("/metadata").await, Err(NoPreview::Closed)));
    // Our own port is not one of the web; with one that is, the address would be the reason.
    assert!(matches!(looked("/inside").await, Err(NoPreview::Odd)));
    assert!(matches!(looked("/file").await, Err(NoPreview::Odd)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_are_read_and_not_for_ever() {
    assert!(matches!(looked("/picture").await, Err(NoPreview::NoPage)));
    assert!(matches!(looked("/untitled").await, Err(NoPreview::Untitled)));
    assert!(matches!(looked("/missing").await, Err(NoPreview::NoPage)));
    // Half a megabyte, and no title in it.
    assert!(matches!(looked("/endless").await, Err(NoPreview::Untitled)));
    assert!(matches!(looked("/slow").await, Err(NoPreview::Late)));
}

/// A name that leads somewhere else each time it is asked for.
struct Turning {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Names for Turning {
    fn look_up(&self, _name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers[at.min(self.answers.len() - 1)].clone();
        Box::pin(async move { Ok(answer) })
    }
}

async fn turning(answers: &[&[&str]]) -> (Result<String, NoPreview>, usize) {
    let answers = answers.iter().map(|ips| ips.iter().map(|ip| ip.parse().unwrap()).collect());
    let names = Arc::new(Turning { answers: answers.collect(), asked: AtomicUsize::new(0) });
    let fetcher = Fetcher::with_names(Arc::clone(&names) as _, &Faults::default()).unwrap();
    let looked = fetcher.look("http://rebind.test/").await;
    (looked.map(|preview| preview.title), names.asked.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_inside_is_not_followed() {
    for inside in [
        "127.0.0.1",
        "10.0.0.5",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "fd00::1",
        "64:ff9b::7f00:1",
    ] {
        let (looked, asked) = turning(&[&[inside]]).await;
        assert!(matches!(looked, Err(NoPreview::Closed)), "{inside}: {looked:?}");
        assert_eq!(asked, 1, "resolved once, and what was checked is all there is");
    }
    // One good address among bad ones.
    let (looked, _) = turning(&[&["93.184.216.34", "127.0.0.1"]]).await;
    assert!(matches!(looked, Err(NoPreview::Closed)), "{looked:?}");
    // A server on 127.0.0.1:80 would be reached by a client that asks a second time.
    let (looked, asked) = turning(&[&["127.0.0.2"], &["93.184.216.34"]]).await;
    assert!(matches!(looked, Err(NoPreview::Closed)) && asked == 1, "{looked:?}");
}
