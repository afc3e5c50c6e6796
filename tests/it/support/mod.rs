//! A server of one's own for each test, and clients to talk to it.

mod client;
mod engines;
mod hub;
mod model;
mod process;
mod raw;
mod rest;
mod sse;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use moim::actors::RoomsHandle;
use moim::app::{App, Sweeper};
use moim::config::{Config, Values};
use moim::faults::{Faults, Moment, Part};
use moim::store::Link;
use serde_json::{Value, json};
use sqlx::Connection;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) use self::client::{Client, Closed};
pub(crate) use self::engines::{fresh, on_both};
pub(crate) use self::hub::Hub;
pub(crate) use self::model::Model;
pub(crate) use self::process::{Process, command, free_address};
pub(crate) use self::raw::{Raw, frame};
pub(crate) use self::rest::{Rest, person};
pub(crate) use self::sse::Sse;

/// Nothing in a healthy server takes this long.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A server in this process, on a free port, with a data folder of its own.
pub(crate) struct TestApp {
    pub(crate) address: SocketAddr,
    pub(crate) rest: Rest,
    pub(crate) rooms: RoomsHandle,
    pub(crate) faults: Faults,
    end: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
    pub(crate) sweeper: Sweeper,
    database: String,
    folder: TempDir,
}

/// An account and its tokens.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) refresh: String,
}

impl TestApp {
    /// A server with settings that suit tests: cheap hashes, two workers.
    pub(crate) async fn spawn() -> Self {
        Self::spawn_with(&[]).await
    }

    /// The same with some settings of one's own, by the names of the environment.
    pub(crate) async fn spawn_with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), settings);
        let database = database(&folder, settings).await;
        let app = App::build(&config).await.unwrap();
        Self::run(app, folder, database).await
    }

    /// A node that meets others over a link of its own.
    pub(crate) async fn spawn_linked(settings: &[(&str, &str)], link: Arc<dyn Link>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), settings);
        let database = database(&folder, settings).await;
        let app = App::build_linked(&config, link).await.unwrap();
        Self::run(app, folder, database).await
    }

    async fn run(app: App, folder: TempDir, database: String) -> Self {
        let (address, rooms, faults) = (app.address(), app.rooms(), app.faults());
        let sweeper = app.sweeper();
        let (end, ended) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            let ended = async {
                let _dropped = ended.await;
            };
            app.run_until(ended).await.unwrap();
        });
        let rest = Rest::new(address);
        rest.ready().await;
        let (end, running) = (Some(end), Some(running));
        Self { address, rest, rooms, faults, end, running, sweeper, database, folder }
    }

    /// Registers somebody.
    pub(crate) async fn person(&self, name: &str) -> Person {
        self.rest.register(name).await
    }

    /// A session of somebody, signed in by its first frame.
    pub(crate) async fn session(&self, person: &Person) -> Client {
        let mut client = Client::connect(self.address).await;
        client.auth(&person.token).await;
        client
    }

    /// The lobby that everyone is in.
    pub(crate) async fn lobby(&self, person: &Person) -> String {
        let rooms = self.rest.get(&person.token, "/v1/rooms").await;
        let items = rooms["items"].as_array().unwrap();
        let lobby = items.iter().find(|room| room["kind"] == "lobby").unwrap();
        lobby["id"].as_str().unwrap().to_owned()
    }

    /// A fresh club of somebody with one more room; the club and that room.
    pub(crate) async fn club(&self, owner: &Person, name: &str) -> (String, String) {
        let club = self.rest.post(&owner.token, "/v1/clubs", &json!({ "name": name })).await;
        let club = club["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/clubs/{club}/rooms");
        let room = self.rest.post(&owner.token, &path, &json!({ "name": "plans" })).await;
        (club, room["id"].as_str().unwrap().to_owned())
    }

    /// Brings somebody into a club.
    pub(crate) async fn join(&self, person: &Person, club: &str) {
        let path = format!("/v1/clubs/{club}/join");
        let joined = self.rest.post(&person.token, &path, &json!({})).await;
        assert_eq!(joined["status"], "active");
    }

    /// The folder of the data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Makes a room crash once.
    pub(crate) async fn crash(&self, room: &str) {
        self.rooms.crash(room.parse().unwrap(), 1).await.unwrap();
    }

    /// Gives a room a message that crashes it whenever it is handled.
    pub(crate) async fn poison(&self, room: &str) {
        self.rooms.crash(room.parse().unwrap(), u32::MAX).await.unwrap();
    }

    /// Makes a part of the server panic at its next message, and waits until it has.
    pub(crate) async fn panic_in<F: AsyncFnMut()>(&self, part: Part, at: Moment, mut meanwhile: F) {
        self.faults.crash(part, at, 1);
        while self.faults.crashes_to_come() > 0 {
            meanwhile().await;
        }
    }

    /// Whether its data are in PostgreSQL.
    pub(crate) fn is_on_postgres(&self) -> bool {
        self.database.starts_with("postgres")
    }

    /// Its database, as another server is told of it.
    pub(crate) fn database_url(&self) -> String {
        let path = &self.database;
        if self.is_on_postgres() { path.clone() } else { format!("sqlite://{path}") }
    }

    /// Runs a statement behind the server's back.
    pub(crate) async fn sql(&self, statement: &str) {
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()));
        if self.is_on_postgres() {
            let mut conn = sqlx::PgConnection::connect(&self.database).await.unwrap();
            sql.execute(&mut conn).await.unwrap();
            conn.close().await.unwrap();
        } else {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&self.database);
            let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            sql.execute(&mut conn).await.unwrap();
            conn.close().await.unwrap();
        }
    }

    /// What a statement counts, behind the server's back.
    pub(crate) async fn number(&self, statement: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(statement.to_owned());
        if self.is_on_postgres() {
            let mut conn = sqlx::PgConnection::connect(&self.database).await.unwrap();
            let number = sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap();
            conn.close().await.unwrap();
            number
        } else {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&self.database);
            let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            let number = sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap();
            conn.close().await.unwrap();
            number
        }
    }

    /// Runs a command of the program on the data of this server, beside it.
    pub(crate) async fn tool(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = command(self.folder.path(), "127.0.0.1:0".parse().unwrap());
        if self.is_on_postgres() {
            command.env("MOIM_DATABASE_URL", &self.database);
        }
        command.args(arguments);
        tokio::time::timeout(SOON, command.output()).await.expect("does not end").unwrap()
    }

    /// Puts a text into a file that [`Self::tool`] finds by its name.
    pub(crate) fn put(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Makes a room crash until it rests.
    pub(crate) async fn lay_down(&self, room: &str) {
        while self.rooms.crash(room.parse().unwrap(), u32::MAX).await.is_ok() {}
    }

    /// One number of `/metrics`.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.rest.text("/metrics").await;
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.and_then(|line| line.rsplit(' ').next()).and_then(|n| n.parse().ok()).unwrap_or(0.0)
    }

    /// Ends the server as SIGTERM would, and waits until it has ended.
    pub(crate) async fn end(mut self) {
        self.begin_end();
        self.running.take().unwrap().await.unwrap();
    }

    /// Asks the server to end, without waiting.
    pub(crate) fn begin_end(&mut self) {
        if let Some(end) = self.end.take() {
            let _ended_already = end.send(());
        }
    }
}

/// Where the database of a test server is.
async fn database(folder: &TempDir, settings: &[(&str, &str)]) -> String {
    let url = settings.iter().find(|(name, _)| *name == "MOIM_DATABASE_URL");
    if let Some((_name, url)) = url {
        return (*url).to_owned();
    }
    let file = folder.path().join("data").join("moim.db");
    crate::ready::sqlite(&file).await;
    file.display().to_string()
}

/// Settings for a test server.
pub(crate) fn config(folder: &std::path::Path, settings: &[(&str, &str)]) -> Config {
    let data = folder.join("data").display().to_string();
    let mut all = BTreeMap::from([
        ("MOIM_LISTEN", "127.0.0.1:0"),
        ("MOIM_DATA_DIR", data.as_str()),
        ("MOIM_PASSWORD_MEMORY_KIB", "64"),
        ("MOIM_WORKERS", "2"),
    ]);
    all.extend(settings.iter().copied());
    let look = |name: &str| all.get(name).map(|value| (*value).to_owned());
    Config::parse(&Values::gather(&BTreeMap::new(), &look, None).unwrap()).unwrap()
}

/// Waits until something holds; fails when it does not within [`SOON`].
pub(crate) async fn eventually<F: AsyncFnMut() -> bool>(what: &str, holds: F) {
    eventually_within(SOON, what, holds).await;
}

/// The same for what takes its time.
pub(crate) async fn eventually_within<F>(span: Duration, what: &str, mut holds: F)
where
    F: AsyncFnMut() -> bool,
{
    let deadline = tokio::time::Instant::now() + span;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The seqs of events.
pub(crate) fn seqs(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| event["seq"].as_i64().unwrap()).collect()
}
