//! Whatever is done, in whatever order: the same state for who hears it live, for who comes back again
//! and again, and for who reads it afterwards.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Circle, circle, edit, on, react};
use crate::files::{upload, with_files};
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

const EMOJI: [&str; 4] = ["👍", "🎉", "❤️", "👩\u{200d}🚀"];

/// What happens next; messages are meant by their place among all so far.
#[derive(Debug, Clone)]
enum Step {
    Send(usize, Option<usize>),
    Upload(usize),
    Edit(usize, usize),
    Delete(usize, usize),
    DeleteMany(usize, usize),
    React(usize, usize, usize),
    Unreact(usize, usize, usize),
    Pin(usize),
    Unpin(usize),
    /// All that was asked is answered.
    Settle,
    /// Who comes and goes loses the connection, having heard some.
    Cut(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let (who, which) = (0..4_usize, 0..1_000_usize);
    prop_oneof![
        6 => (who.clone(), prop::option::weighted(0.3, which.clone()))
            .prop_map(|(who, thread)| Step::Send(who, thread)),
        1 => who.clone().prop_map(Step::Upload),
        4 => (who.clone(), which.clone()).prop_map(|(who, of)| Step::Edit(who, of)),
        2 => (who.clone(), which.clone()).prop_map(|(who, of)| Step::Delete(who, of)),
        1 => (which.clone(), which.clone()).prop_map(|(a, b)| Step::DeleteMany(a, b)),
        6 => (who.clone(), which.clone(), 0..4_usize).prop_map(|(w, of, e)| Step::React(w, of, e)),
        3 => (who, which.clone(), 0..4_usize).prop_map(|(w, of, e)| Step::Unreact(w, of, e)),
        2 => which.clone().prop_map(Step::Pin),
        1 => which.prop_map(Step::Unpin),
        2 => Just(Step::Settle),
        2 => (0..6_i64).prop_map(Step::Cut),
    ]
}

/// Everybody who acts, and what they know of the messages by then.
struct World {
    room: String,
    people: [Person; 4],
    sessions: Vec<Client>,
    asked: Vec<(usize, u32)>,
    ids: Vec<Value>,
    site: Site,
}

/// By their place among the people: one whose account is erased in the middle of it.
const DORA: usize = 3;

impl World {
    fn id(&self, of: usize) -> Value {
        self.ids[of % self.ids.len()].clone()
    }

    /// What is said in a step; some of it links to a page.
    fn text(&self, word: &str, number: usize) -> String {
        match number % 3 {
            0 => {
                let page = self.site.url("page.test", &format!("/called/{}", number % 7));
                format!("{word} **{number}** {page}")
            }
            _plain => format!("{word} {number}"),
        }
    }

    /// One of the people goes, with all that they wrote.
    async fn erase(&mut self, app: &TestApp) {
        self.settle().await;
        let body = json!({ "password": "correct horse" });
        let token = Some(self.people[DORA].token.as_str());
        let gone = app.rest.send(Method::DELETE, token, "/v1/me", Some(&body)).await;
        assert_eq!(gone.status(), 204);
        // The next ones who are meant are somebody else.
        self.sessions.truncate(DORA);
    }

    async fn ask(&mut self, who: usize, op: Value) {
        let who = who % self.sessions.len();
        let re = self.sessions[who].begin(op).await;
        self.asked.push((who, re));
    }

    /// Waits for all answers; some are refusals, for what was deleted or is another's.
    async fn settle(&mut self) {
        for (who, re) in std::mem::take(&mut self.asked) {
            let answer = self.sessions[who].reply(re).await;
            if answer["ok"]["id"].is_string() {
                self.ids.push(answer["ok"]["id"].clone());
            }
            let allowed = ["not_author", "deleted", "no_such_thread"];
            let reason = &answer["err"]["reason"];
            let is_allowed = allowed.iter().any(|why| reason == why);
            assert!(answer["err"].is_null() || is_allowed, "{answer}");
        }
    }

    async fn step(&mut self, app: &TestApp, number: usize, step: &Step) {
        let room = self.room.clone();
        let is_first = !matches!(step, Step::Send(..) | Step::Upload(_));
        if self.ids.is_empty() && is_first {
            return self.settle().await;
        }
        match *step {
            Step::Send(who, thread) => {
                let text = self.text("text", number);
                let mut op = json!({ "op": "send", "room": room, "text": text });
                if let Some(of) = thread.filter(|_of| !self.ids.is_empty()) {
                    op["thread"] = self.id(of);
                }
                self.ask(who, op).await;
            }
            Step::Upload(who) => {
                let who = who % self.sessions.len();
                let bytes = format!("words {number}").into_bytes();
                let file = upload(&app.rest, &self.people[who], &room, "a.txt", bytes).await;
                let text = self.text("look", number);
                self.ask(who, with_files(&room, &format!("f-{number}"), &text, &[&file])).await;
            }
            Step::Edit(who, of) => {
                let text = self.text("edit", number);
                self.ask(who, edit(&room, &self.id(of), &text)).await;
            }
            Step::Delete(who, of) => self.ask(who, on("delete", &room, &self.id(of))).await,
            Step::DeleteMany(a, b) => {
                let messages = json!([self.id(a), self.id(b)]);
                let op = json!({ "op": "delete.many", "room": room, "messages": messages });
                self.ask(0, op).await;
            }
            Step::React(who, of, emoji) => {
                self.ask(who, react("react", &room, &self.id(of), EMOJI[emoji])).await;
            }
            Step::Unreact(who, of, emoji) => {
                self.ask(who, react("unreact", &room, &self.id(of), EMOJI[emoji])).await;
            }
            Step::Pin(of) => self.ask(0, on("pin", &room, &self.id(of))).await,
            Step::Unpin(of) => self.ask(0, on("unpin", &room, &self.id(of))).await,
            Step::Settle | Step::Cut(_) => self.settle().await,
        }
    }
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
        let (mut client, mut model) = (app.session(person).await, Model::new(&person.id));
        let opened = client.open(room).await;
        model.open(&opened["snapshot"]);
        let epoch = opened["epoch"].as_str().unwrap().to_owned();
        Self { person: person.clone(), client, model, epoch }
    }

    /// Applies the log up to a seq.
    async fn hear(&mut self, upto: i64) {
        while self.model.seq < upto {
            let is_next = |line: &Value| line["seq"].is_i64() && line["room"].is_string();
            let event = self.client.wait_for(|line| is_next(line) && line["d"].is_object()).await;
            self.model.apply(&event);
        }
    }

    /// Goes and comes back.
    async fn cut(&mut self, app: &TestApp, room: &str) {
        self.client = app.session(&self.person).await;
        let opened = self.client.open_since(room, &self.epoch, self.model.seq).await;
        assert_eq!(opened["resumed"], true);
    }
}

/// Shown of a test that fails.
#[expect(clippy::print_stdout, reason = "that is how a test says so")]
fn show(steps: &[Step]) {
    println!("{steps:?}");
}

async fn live_resumed_and_read_are_one_state((app, site): (TestApp, Site)) {
    let Circle { mina, bob, carol, room } = circle(&app).await;
    let dora = app.person("dora").await;
    let club = app.rest.get(&mina.token, "/v1/me/clubs").await;
    let club = club["items"][0]["id"].as_str().or(club["items"][0]["club"]["id"].as_str());
    app.join(&dora, club.unwrap()).await;
    let steps = prop::collection::vec(step(), 120..160);
    let steps = steps.new_tree(&mut TestRunner::default()).unwrap().current();
    show(&steps);
    let people = [mina, bob, carol, dora];
    let mut sessions = Vec::new();
    for person in &people {
        sessions.push(app.session(person).await);
    }
    let (asked, ids) = (Vec::new(), Vec::new());
    let mut world = World { room: room.clone(), people, sessions, asked, ids, site };
    let mut live = Listener::open(&app, &world.people[1], &room).await;
    let mut coming = Listener::open(&app, &world.people[2], &room).await;
    // There are some of these in any case.
    for number in [0, 3] {
        world.step(&app, number, &Step::Send(DORA, None)).await;
    }
    for (number, step) in steps.iter().enumerate() {
        if number == steps.len() / 2 {
            world.erase(&app).await;
        }
        world.step(&app, number, step).await;
        if let Step::Cut(some) = step {
            let upto = head(&app, &world).await.min(coming.model.seq + some);
            coming.hear(upto).await;
            coming.cut(&app, &room).await;
        }
    }
    world.settle().await;
    let link = world.site.url("page.test", "/called/last");
    let last = world.sessions[0].send(&room, "last", &link).await["id"].clone();
    eventually("all that follows has come", async || {
        let path = format!("/v1/rooms/{room}/messages?limit=200");
        let list = app.rest.get(&world.people[0].token, &path).await;
        let items = list["items"].as_array().unwrap();
        let told = items.iter().any(|m| m["id"] == last && m["previews"].is_array());
        let of_dora = |m: &&Value| m["by"] == world.people[DORA].id.as_str();
        told && items.iter().filter(of_dora).all(|m| m["deleted"] == true)
    })
    .await;
    for listener in [&mut live, &mut coming] {
        // A page may still be looked at: what is compared is one moment.
        while !is_one_state(&app, &world, listener).await {}
    }
    app.end().await;
}

async fn head(app: &TestApp, world: &World) -> i64 {
    let path = format!("/v1/rooms/{}", world.room);
    app.rest.get(&world.people[0].token, &path).await["head"].as_i64().unwrap()
}

/// Compares what was heard with what is read, opened and replayed; false when the log went on
/// meanwhile.
async fn is_one_state(app: &TestApp, world: &World, listener: &mut Listener) -> bool {
    let (room, begun) = (&world.room, head(app, world).await);
    listener.hear(begun).await;
    let (me, model) = (&listener.person, &listener.model);
    let list = app.rest.get(&me.token, &format!("/v1/rooms/{room}/messages?limit=200")).await;
    let opened = Listener::open(app, me, room).await;
    let (model_of, epoch) = (Model::new(&me.id), opened.epoch.clone());
    let client = app.session(me).await;
    let mut replayed = Listener { person: me.clone(), client, model: model_of, epoch };
    replayed.cut(app, room).await;
    replayed.hear(begun).await;
    if head(app, world).await != begun {
        return false;
    }
    let mut read = Model::new(&me.id);
    read.take(list["items"].as_array().unwrap());
    assert_eq!(read.messages, model.messages);
    for (seq, message) in &opened.model.messages {
        assert_eq!(model.messages.get(seq), Some(message));
    }
    assert_eq!(replayed.model, listener.model);
    true
}
