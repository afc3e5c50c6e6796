//! PostgreSQL never finds two transactions of the server waiting for each other, whatever people do at
//! once: rows are locked in one order.

use std::sync::Arc;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::assistant::Models;
use crate::postgres::drop_database;
use crate::support::{Client, Person, SOON, TestApp, eventually_within, fresh};

/// People who do something at once.
const HANDS: usize = 8;
/// Rooms of each of two clubs.
const ROOMS: usize = 8;
/// How often each does all of it.
const ROUNDS: usize = 3;
/// Questions and answers are settled with a budget in hand.
const SETTINGS: &[(&str, &str)] = &[
    ("MOIM_AI_QUESTIONS_PER_MINUTE", "1000"),
    ("MOIM_AI_USER_TOKENS_PER_DAY", "100000000"),
    ("MOIM_AI_TOKENS_PER_DAY", "100000000"),
];

/// A node, its clubs, and all of their rooms.
struct Town {
    app: TestApp,
    owner: Person,
    hands: Vec<Person>,
    clubs: [String; 2],
    rooms: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_in_a_circle_whatever_is_done_at_once() {
    let Some(url) = fresh().await else {
        return;
    };
    let models = Models::listen().await;
    let mut settings = models.settings("tps:2000+words:5");
    settings.extend(SETTINGS);
    settings.push(("MOIM_DATABASE_URL", &url));
    let town = Arc::new(Town::found(TestApp::spawn_with(&settings).await).await);
    let hands = (0..HANDS).map(|hand| tokio::spawn(Arc::clone(&town).work(hand)));
    let (doors, rows) = (Arc::clone(&town).come_and_go(), Arc::clone(&town).moderate());
    let (doors, rows) = (tokio::spawn(doors), tokio::spawn(rows));
    for hand in join_all(hands).await {
        hand.unwrap();
    }
    doors.await.unwrap();
    rows.await.unwrap();
    const OPEN: &str = "SELECT count(*) FROM ai_run WHERE status <> 'done'";
    eventually_within(6 * SOON, "all is answered", async || town.app.number(OPEN).await == 0).await;
    // Not less than this was done.
    let count = |what: &'static str| town.app.number(what);
    let said = i64::try_from(HANDS * ROUNDS * town.rooms.len()).unwrap();
    assert_eq!(count("SELECT count(*) FROM message WHERE cid LIKE 'say-%'").await, said);
    assert!(count("SELECT count(*) FROM revision WHERE rev > 1").await > 0);
    assert!(count("SELECT count(*) FROM message WHERE is_deleted").await > 0);
    assert!(count("SELECT count(*) FROM reaction").await > 0);
    assert!(count("SELECT count(*) FROM notice WHERE read_at IS NOT NULL").await > 0);
    assert!(count("SELECT count(*) FROM ai_run").await > 0);
    let Ok(town) = Arc::try_unwrap(town) else { panic!("somebody is still at it") };
    town.app.end().await;
    assert_eq!(deadlocks(&url).await, 0, "transactions that waited for each other");
    drop_database(&url).await;
}

impl Town {
    async fn found(app: TestApp) -> Self {
        let owner = app.person("owner").await;
        let hands = join_all((0..HANDS).map(|hand| {
            let (rest, name) = (app.rest.clone(), format!("hand{hand}"));
            async move { rest.register(&name).await }
        }));
        let hands = hands.await;
        let (mut clubs, mut rooms) = (Vec::new(), Vec::new());
        // In the second everybody hears of everything.
        for (name, kind) in [("square", "community"), ("circle", "study")] {
            let club = json!({ "name": name, "kind": kind });
            let club = app.rest.post(&owner.token, "/v1/clubs", &club).await["id"].clone();
            let club = club.as_str().unwrap().to_owned();
            for room in 0..ROOMS {
                let path = format!("/v1/clubs/{club}/rooms");
                let room = json!({ "name": format!("{name}-{room}") });
                let room = app.rest.post(&owner.token, &path, &room).await;
                rooms.push(room["id"].as_str().unwrap().to_owned());
            }
            for hand in &hands {
                app.join(hand, &club).await;
            }
            clubs.push(club);
        }
        let clubs = clubs.try_into().unwrap();
        Self { app, owner, hands, clubs, rooms }
    }

    /// The rooms in an order of one's own.
    fn rooms_of(&self, hand: usize) -> Vec<&str> {
        let mut rooms: Vec<&str> = self.rooms.iter().map(String::as_str).collect();
        rooms.rotate_left(hand * 5 % ROOMS);
        if hand % 2 == 1 {
            rooms.reverse();
        }
        rooms
    }

    /// One of the others.
    fn other(&self, hand: usize, step: usize) -> &str {
        &self.hands[(hand + 1 + step % (HANDS - 1)) % HANDS].name
    }

    /// Says something in all rooms at once, then changes all of it at once, and so on.
    async fn work(self: Arc<Self>, hand: usize) {
        let mut session = self.app.session(&self.hands[hand]).await;
        for round in 0..ROUNDS {
            let rooms = self.rooms_of(hand);
            let at = |step: usize| (round + step, round * 3 + step * 5 + 1);
            let say = |(step, room): (usize, &&str)| {
                let (one, other) = at(step);
                let (one, other) = (self.other(hand, one), self.other(hand, other));
                let text = match step % 4 {
                    0 => format!("@ai what now? @{one}"),
                    1 => "a plain word".to_owned(),
                    _two => format!("@{one} @{other} look"),
                };
                let cid = format!("say-{hand}-{round}-{step}");
                json!({ "op": "send", "room": room, "cid": cid, "text": text })
            };
            let said = all_at_once(&mut session, rooms.iter().enumerate().map(say)).await;
            let said: Vec<Value> = said.into_iter().map(|re| re["ok"]["id"].clone()).collect();
            let change = |(step, (room, message)): (usize, (&&str, &Value))| {
                let (other, one) = at(step + 2);
                let text = format!("@{} @{} so", self.other(hand, one), self.other(hand, other));
                match (step + round) % 5 {
                    0 => json!({ "op": "delete", "room": room, "message": message }),
                    1 => json!({ "op": "react", "room": room, "message": message, "emoji": "👍" }),
                    2 => json!({ "op": "read", "room": room, "seq": 1_000_000 }),
                    _other => {
                        json!({ "op": "edit", "room": room, "message": message, "text": text })
                    }
                }
            };
            let changes = rooms.iter().zip(&said).enumerate().map(change);
            all_at_once(&mut session, changes).await;
            session.request(json!({ "op": "inbox.read", "upto_seq": 1_000_000 })).await;
            session.heard();
        }
    }

    /// Somebody is put out of both clubs, and comes back.
    async fn come_and_go(self: Arc<Self>) {
        let guest = self.app.person("guest").await;
        for club in self.clubs.iter().cycle().take(2 * ROUNDS) {
            self.app.join(&guest, club).await;
            let path = format!("/v1/clubs/{club}/members/{}/kick", guest.id);
            self.app.rest.post(&self.owner.token, &path, &json!({ "reason": "x" })).await;
        }
    }

    /// Rooms and clubs are changed beside it, and what was reported is decided.
    async fn moderate(self: Arc<Self>) {
        let (rest, owner) = (&self.app.rest, &self.owner.token);
        for (turn, room) in self.rooms.iter().enumerate() {
            let settings = json!({ "topic": format!("{turn}") });
            rest.patch(owner, &format!("/v1/rooms/{room}"), &settings).await;
            let club = &self.clubs[turn % 2];
            let greeting = json!({ "greeting": format!("{turn}") });
            rest.patch(owner, &format!("/v1/clubs/{club}"), &greeting).await;
            let find = format!("/v1/rooms/{room}/messages?limit=1");
            let found = rest.get(owner, &find).await;
            let Some(message) = found["items"][0]["id"].as_str() else { continue };
            let path = format!("/v1/rooms/{room}/messages/{message}");
            let deleted = rest.send(Method::DELETE, Some(owner), &path, None).await;
            assert!(!deleted.status().is_server_error());
        }
    }
}

/// Asks for all of it before it waits for the first answer.
async fn all_at_once(session: &mut Client, ops: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut asked = Vec::new();
    for op in ops {
        asked.push(session.begin(op).await);
    }
    let mut answers = Vec::new();
    for re in asked {
        let answer = session.reply(re).await;
        // Some are late: a message is gone, or the assistant has enough to do.
        assert_ne!(answer["err"]["code"], "unavailable", "{answer}");
        answers.push(answer);
    }
    answers
}

/// How often the database has ended a transaction for another's sake. Nobody uses it any more: what
/// its processes have counted is known when they are gone.
async fn deadlocks(url: &str) -> i64 {
    const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND backend_type = 'client backend'";
    const COUNTED: &str = "SELECT deadlocks, xact_rollback, tup_inserted FROM pg_stat_database
        WHERE datname = current_database()";
    let mut conn = PgConnection::connect(url).await.unwrap();
    let mut before = None;
    eventually_within(3 * SOON, "the counts settle", async || {
        let others: i64 = sqlx::query_scalar(OTHERS).fetch_one(&mut conn).await.unwrap();
        let counted: (i64, i64, i64) = sqlx::query_as(COUNTED).fetch_one(&mut conn).await.unwrap();
        let is_settled = others == 0 && before == Some(counted) && counted.2 > 0;
        before = Some(counted);
        is_settled
    })
    .await;
    conn.close().await.unwrap();
    before.map_or(0, |(deadlocks, ..)| deadlocks)
}
