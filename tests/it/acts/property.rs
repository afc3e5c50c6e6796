//! Whatever is done, in whatever order: the same state for who hears it live, for who comes back again
//! and again, and for who reads it afterwards. That is what was said and what became of it, who came
//! and went, what is unread and how much of it calls one, in the room and in its threads.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::world::{DORA, EVE, Step, World, step};
use super::{Circle, circle};
use crate::previews::{Site, spawn};
use crate::support::{Client, Model, Person, TestApp, eventually, fresh};

#[tokio::test(flavor = "multi_thread")]
async fn live_resumed_and_read_are_one_state_on_sqlite() {
    live_resumed_and_read_are_one_state(spawn(&[]).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_resumed_and_read_are_one_state_on_postgres() {
    let Some(url) = fresh().await else { return };
    live_resumed_and_read_are_one_state(spawn(&[("MOIM_DATABASE_URL", &url)]).await).await;
}

/// Somebody who applies events.
struct Listener {
    person: Person,
    client: Client,
    model: Model,
    epoch: String,
}

impl Listener {
    async fn open(app: &TestApp, person: &Person, room: &str) -> Self {
        let (mut client, mut model) = (Client::connect(app.address).await, Model::new(&person.id));
        let signed_in = client.auth(&person.token).await;
        let opened = client.open(room).await;
        model.open(&opened["snapshot"]);
        model.listed(&entry(&signed_in["rooms"], room));
        let epoch = opened["epoch"].as_str().unwrap().to_owned();
        Self { person: person.clone(), client, model, epoch }
    }

    /// Applies the log up to a seq, and whatever is told in between.
    async fn hear(&mut self, upto: i64) {
        while self.model.seq < upto {
            self.hear_one().await;
        }
    }

    async fn hear_one(&mut self) {
        let line = self.client.line().await.unwrap();
        self.model.hear(&line);
    }

    /// Applies whatever has come.
    async fn hear_the_rest(&mut self) {
        self.client.ok(json!({ "op": "ping" })).await;
        for line in self.client.heard() {
            self.model.hear(&line);
        }
    }

    /// Goes and comes back. Who was away for too long begins anew with all that there still is.
    async fn cut(&mut self, app: &TestApp, room: &str) {
        self.client = Client::connect(app.address).await;
        let signed_in = self.client.auth(&self.person.token).await;
        self.model.listed(&entry(&signed_in["rooms"], room));
        let opened = self.client.open_since(room, &self.epoch, self.model.seq).await;
        let shown = app.rest.get(&self.person.token, &format!("/v1/rooms/{room}")).await;
        let horizon = shown["horizon"].as_i64().unwrap();
        let gone = self.model.messages.range(..=horizon).next_back();
        let gone = gone.map_or(0, |(_, message)| message["n"].as_i64().unwrap());
        self.model.forget(horizon, gone);
        if opened["resumed"] == false {
            assert_eq!(opened["why"], "too_old", "{opened}");
            self.pull(room, opened["snapshot"]["upto"].as_i64().unwrap()).await;
        }
        for thread in threads(app, &self.person, room).await {
            self.model.thread_read(&thread["root"]["id"], &thread["read_seq"]);
        }
    }

    async fn pull(&mut self, room: &str, upto: i64) {
        let mut events = Vec::new();
        loop {
            let after = events.last().map_or(json!(0), |last: &Value| last["seq"].clone());
            let pull = json!({ "op": "pull", "room": room, "after": after });
            let pulled = self.client.ok(pull).await;
            events.extend(pulled["events"].as_array().unwrap().clone());
            if pulled["more"] == false {
                break;
            }
        }
        let begin = events.first().map_or(upto, |first| first["seq"].as_i64().unwrap() - 1);
        self.model = Model::behind(begin, &self.model);
        self.model.horizon = begin;
        for event in events.iter().filter(|event| event["seq"].as_i64().unwrap() <= upto) {
            self.model.apply(event);
        }
    }

    /// Reads what was not told.
    async fn look(&mut self, app: &TestApp, room: &str) {
        for id in self.model.unseen.clone() {
            let path = format!("/v1/rooms/{room}/messages/{id}");
            self.model.take(&[app.rest.get(&self.person.token, &path).await]);
        }
    }
}

fn entry(rooms: &Value, room: &str) -> Value {
    let mut rooms = rooms.as_array().unwrap().iter();
    rooms.find(|one| one["room"] == *room || one["id"] == *room).unwrap().clone()
}

async fn threads(app: &TestApp, person: &Person, room: &str) -> Vec<Value> {
    let path = format!("/v1/rooms/{room}/threads?limit=200");
    app.rest.get(&person.token, &path).await["items"].as_array().unwrap().clone()
}

/// Shown of a test that fails.
#[expect(clippy::print_stdout, reason = "that is how a test says so")]
fn show(steps: &[Step]) {
    println!("{steps:?}");
}

/// The first room of the club, where it is told who comes and goes, with everybody in it.
async fn world(app: &TestApp, site: Site) -> World {
    let Circle { mina, bob, carol, .. } = circle(app).await;
    let (eve, dora) = (app.person("eve").await, app.person("dora").await);
    let clubs = app.rest.get(&mina.token, "/v1/me/clubs").await;
    let club = clubs["items"][0]["id"].as_str().unwrap().to_owned();
    for person in [&eve, &dora] {
        app.join(person, &club).await;
    }
    let rooms = app.rest.get(&mina.token, &format!("/v1/clubs/{club}/rooms")).await;
    let mut rooms = rooms["items"].as_array().unwrap().iter();
    let general = rooms.find(|room| room["name"] == "general").unwrap();
    let room = general["id"].as_str().unwrap().to_owned();
    let people = [mina, bob, carol, eve, dora];
    let mut sessions = Vec::new();
    for person in &people {
        sessions.push(app.session(person).await);
    }
    World::new((club, room), people, sessions, site)
}

async fn live_resumed_and_read_are_one_state((app, site): (TestApp, Site)) {
    let steps = prop::collection::vec(step(), 150..180);
    let steps = steps.new_tree(&mut TestRunner::default()).unwrap().current();
    show(&steps);
    let mut world = world(&app, site).await;
    let room = world.room.clone();
    let base = world.head(&app).await;
    let mut live = Listener::open(&app, &world.people[1], &room).await;
    let mut coming = Listener::open(&app, &world.people[2], &room).await;
    // There are some of these in any case.
    for number in [0, 3] {
        world.step(&app, number, &Step::Send(DORA, None, None)).await;
    }
    for (number, step) in steps.iter().enumerate() {
        if number == steps.len() / 2 {
            world.erase(&app).await;
        }
        if number == steps.len() * 2 / 3 {
            let upto = world.forget(&app).await;
            while live.model.horizon < upto {
                live.hear_one().await;
            }
        }
        world.step(&app, number, step).await;
        if let Step::Cut(some) = step {
            let upto = world.head(&app).await.min(coming.model.seq + some);
            coming.hear(upto).await;
            coming.cut(&app, &room).await;
        }
    }
    for step in [Step::Slow(false), Step::Eve("unmute"), Step::Settle] {
        world.step(&app, 0, &step).await;
    }
    let link = world.site.url("page.test", "/called/last");
    let last = world.sessions[0].send(&room, "last", &link).await["id"].clone();
    eventually("all that follows has come", async || {
        let list = listed(&app, &world.people[0], &room).await;
        let items = list.as_array().unwrap();
        let told = items.iter().any(|m| m["id"] == last && m["previews"].is_array());
        let of_dora = |m: &&Value| m["by"] == world.people[DORA].id.as_str();
        told && items.iter().filter(of_dora).all(|m| m["deleted"] == true)
    })
    .await;
    for listener in [&mut live, &mut coming] {
        // A page may still be looked at, and a mark be told: what is compared is one moment.
        for tries in 1.. {
            match are_one_state(&app, &world, (&mut *listener, base)).await {
                Ok(()) => break,
                Err(why) => assert!(tries < 25, "of {}: {why}", listener.person.name),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    assert_eq!(world.sessions.len(), EVE + 1);
    app.end().await;
}

async fn listed(app: &TestApp, person: &Person, room: &str) -> Value {
    let path = format!("/v1/rooms/{room}/messages?limit=200");
    app.rest.get(&person.token, &path).await["items"].clone()
}

/// Compares what was heard with what is read, opened and replayed; why not, when the log went on
/// meanwhile, or something may still be on its way.
async fn are_one_state(
    app: &TestApp,
    world: &World,
    (listener, base): (&mut Listener, i64),
) -> Result<(), String> {
    let (room, begun) = (&world.room, world.head(app).await);
    listener.hear(begun).await;
    listener.hear_the_rest().await;
    listener.look(app, room).await;
    let me = listener.person.clone();
    let list = listed(app, &me, room).await;
    let rooms = app.rest.get(&me.token, "/v1/rooms").await;
    let followed = threads(app, &me, room).await;
    let mut opened = Listener::open(app, &me, room).await;
    let mut replayed = Listener::open(app, &me, room).await;
    let begin = base.max(listener.model.horizon);
    replayed.model = Model::behind(begin, &replayed.model);
    replayed.cut(app, room).await;
    replayed.hear(begun).await;
    replayed.look(app, room).await;
    opened.look(app, room).await;
    if world.head(app).await != begun {
        return Err("the log goes on".to_owned());
    }
    let (model, other) = (&listener.model, &replayed.model);
    let mut read = Model::new(&me.id);
    read.take(list.as_array().unwrap());
    assert_eq!(read.messages, model.messages, "as {} reads them", me.name);
    for (seq, message) in &opened.model.messages {
        assert_eq!(model.messages.get(seq), Some(message));
    }
    assert_eq!((&other.messages, &other.lines), (&model.messages, &model.lines));
    assert_eq!((other.seq, &other.calls), (model.seq, &model.calls));
    // What is said in the end counts, whoever was called in between.
    let number = |field: &str| entry(&rooms["items"], room)[field].as_i64().unwrap();
    let told = ["n", "read_n", "unread", "mentions"].map(number);
    let items = list.as_array().unwrap();
    let calls = items.iter().filter(|m| {
        let is_unread = m["n"].as_i64().unwrap() > told[1];
        is_unread && world.calls(m, &me)
    });
    let n = items.last().unwrap()["n"].as_i64().unwrap();
    let counted = [n, told[1], n - told[1], i64::try_from(calls.count()).unwrap()];
    let kept: BTreeMap<String, [i64; 2]> = followed
        .iter()
        .map(|one| {
            let numbers = ["read_seq", "unread"].map(|field| one[field].as_i64().unwrap());
            (one["root"]["id"].as_str().unwrap().to_owned(), numbers)
        })
        .collect();
    let all = [told, model.unread(), other.unread(), counted];
    if all.iter().any(|one| *one != told) {
        return Err(format!("unread as listed, heard, resumed and counted: {all:?}"));
    }
    if [model.in_threads(), other.in_threads()].iter().any(|one| *one != kept) {
        let all = (kept, model.in_threads(), other.in_threads());
        return Err(format!("threads as listed, heard and resumed: {all:?}"));
    }
    Ok(())
}
