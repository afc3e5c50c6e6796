//! What may happen in a room, and everybody who does it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};

use super::{edit, on, react};
use crate::files::{upload, with_files};
use crate::previews::Site;
use crate::support::{Client, Person, TestApp};

const EMOJI: [&str; 4] = ["👍", "🎉", "❤️", "👩\u{200d}🚀"];
/// Whom a text calls, by the number of its step.
const CALLS: [&str; 6] = ["@bob", "", "@carol @mina", "@bob @carol", "", "@eve @bob"];

/// What becomes of eve.
const MOVES: &[&str] =
    &["join", "join", "leave", "kick", "ban", "unban", "manager", "member", "mute", "unmute"];

/// What happens next; people and messages are meant by their place among all so far.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// In a thread, as an answer.
    Send(usize, Option<usize>, Option<usize>),
    Upload(usize),
    Edit(usize, usize),
    Delete(usize, usize),
    DeleteMany(usize, usize),
    React(usize, usize, usize),
    Unreact(usize, usize, usize),
    Pin(usize),
    Unpin(usize),
    /// Read up to a message, or unread from there.
    Read(usize, usize),
    Unread(usize, usize),
    ReadThread(usize, usize),
    /// Eve comes, goes, is put out, or is something else from now on.
    Eve(&'static str),
    /// One blocks another, or takes that back.
    Block(usize, usize, bool),
    /// A message is reported, and deleted for it.
    Report(usize, usize),
    /// The room is slow, or not; it shows newcomers everything, or not.
    Slow(bool),
    Show(bool),
    /// All that was asked is answered.
    Settle,
    /// Who comes and goes loses the connection, having heard some.
    Cut(i64),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let (who, which) = (0..5_usize, 0..1_000_usize);
    let some = prop::option::weighted(0.3, which.clone());
    let both = (who.clone(), which.clone());
    prop_oneof![
        8 => (who.clone(), some.clone(), some)
            .prop_map(|(who, thread, answer)| Step::Send(who, thread, answer)),
        1 => who.clone().prop_map(Step::Upload),
        5 => both.clone().prop_map(|(who, of)| Step::Edit(who, of)),
        2 => both.clone().prop_map(|(who, of)| Step::Delete(who, of)),
        1 => (which.clone(), which.clone()).prop_map(|(a, b)| Step::DeleteMany(a, b)),
        5 => (who.clone(), which.clone(), 0..4_usize).prop_map(|(w, of, e)| Step::React(w, of, e)),
        2 => (who, which.clone(), 0..4_usize).prop_map(|(w, of, e)| Step::Unreact(w, of, e)),
        2 => which.clone().prop_map(Step::Pin),
        1 => which.prop_map(Step::Unpin),
        4 => both.clone().prop_map(|(who, of)| Step::Read(who, of)),
        2 => both.clone().prop_map(|(who, of)| Step::Unread(who, of)),
        2 => both.prop_map(|(who, of)| Step::ReadThread(who, of)),
        4 => prop::sample::select(MOVES).prop_map(Step::Eve),
        3 => (0..5_usize, 0..5_usize, any::<bool>()).prop_map(|(w, o, is)| Step::Block(w, o, is)),
        1 => (0..5_usize, 0..1_000_usize).prop_map(|(who, of)| Step::Report(who, of)),
        1 => prop::bool::weighted(0.3).prop_map(Step::Slow),
        1 => any::<bool>().prop_map(Step::Show),
        2 => Just(Step::Settle),
        2 => (0..6_i64).prop_map(Step::Cut),
    ]
}

/// Everybody who acts, and what they know of the messages by then.
pub(super) struct World {
    pub(super) club: String,
    pub(super) room: String,
    /// Mina, whose club it is, bob, carol, eve and dora.
    pub(super) people: [Person; 5],
    pub(super) sessions: Vec<Client>,
    asked: Vec<(usize, u32)>,
    ids: Vec<Value>,
    pub(super) site: Site,
    /// Who has blocked whom, and how that was when the texts were written, by the numbers in them.
    blocks: Blocks,
    said_under: BTreeMap<usize, Blocks>,
}

/// Pairs of people, by their places: who said so, and of whom.
type Blocks = BTreeSet<(usize, usize)>;

/// By their places among the people: one who comes and goes, and one whose account is erased.
pub(super) const EVE: usize = 3;
pub(super) const DORA: usize = 4;

impl World {
    pub(super) fn new(
        (club, room): (String, String),
        people: [Person; 5],
        sessions: Vec<Client>,
        site: Site,
    ) -> Self {
        let (asked, ids) = (Vec::new(), Vec::new());
        let (blocks, said_under) = (Blocks::new(), BTreeMap::new());
        Self { club, room, people, sessions, asked, ids, site, blocks, said_under }
    }

    fn id(&self, of: usize) -> Value {
        self.ids[of % self.ids.len()].clone()
    }

    /// What is said in a step; some of it calls people, and some links to a page.
    fn text(&mut self, word: &str, number: usize) -> String {
        self.said_under.insert(number, self.blocks.clone());
        let calls = CALLS[number % CALLS.len()];
        match number % 4 {
            0 => {
                let page = self.site.url("page.test", &format!("/called/{}", number % 7));
                format!("{word} {calls} **{number}** {page}")
            }
            _plain => format!("{word} {calls} {number}"),
        }
    }

    /// Whether a message calls somebody: not where one of the two had blocked the other when they wrote it.
    pub(super) fn calls(&self, message: &Value, who: &Person) -> bool {
        let text = message["text"].as_str().unwrap_or_default();
        if message["by"] == *who.id || !text.contains(&format!("@{}", who.name)) {
            return false;
        }
        let number = text.split(' ').find_map(|word| word.trim_matches('*').parse().ok());
        let number: usize = number.expect("texts that call have a number");
        let place = |id: &str| self.people.iter().position(|one| one.id == *id).unwrap();
        let (by, on) = (place(message["by"].as_str().unwrap()), place(&who.id));
        let blocks = &self.said_under[&number];
        !blocks.contains(&(by, on)) && !blocks.contains(&(on, by))
    }

    /// One of the people goes, with all that they wrote.
    pub(super) async fn erase(&mut self, app: &TestApp) {
        self.settle().await;
        let body = json!({ "password": "correct horse" });
        let token = Some(self.people[DORA].token.as_str());
        let gone = app.rest.send(Method::DELETE, token, "/v1/me", Some(&body)).await;
        assert_eq!(gone.status(), 204);
        // The next ones who are meant are somebody else.
        self.sessions.truncate(DORA);
        self.blocks.retain(|(by, on)| ![by, on].contains(&&DORA));
    }

    /// The room forgets some of what was said up to now; how far.
    pub(super) async fn forget(&mut self, app: &TestApp) -> i64 {
        self.settle().await;
        let upto = self.head(app).await / 3;
        let number = self.room.trim_start_matches("r_");
        for table in ["room_event", "message"] {
            let old = format!("UPDATE {table} SET at = at - 3456000000");
            app.sql(&format!("{old} WHERE room_id = {number} AND seq <= {upto}")).await;
        }
        let path = format!("/v1/rooms/{}", self.room);
        app.rest.patch(&self.people[0].token, &path, &json!({ "retention_days": 30 })).await;
        upto
    }

    pub(super) async fn head(&self, app: &TestApp) -> i64 {
        let path = format!("/v1/rooms/{}", self.room);
        app.rest.get(&self.people[0].token, &path).await["head"].as_i64().unwrap()
    }

    async fn ask(&mut self, who: usize, op: Value) {
        let who = who % self.sessions.len();
        let re = self.sessions[who].begin(op).await;
        self.asked.push((who, re));
    }

    /// Waits for all answers; some are refusals, for what was deleted or is another's, and for who
    /// may not.
    pub(super) async fn settle(&mut self) {
        for (who, re) in std::mem::take(&mut self.asked) {
            let answer = self.sessions[who].reply(re).await;
            if answer["ok"]["id"].is_string() {
                self.ids.push(answer["ok"]["id"].clone());
            }
            let allowed = ["not_author", "deleted", "no_such_thread", "no_such_message"];
            let codes = ["not_found", "slow_mode", "muted", "banned"];
            let err = &answer["err"];
            let is_allowed = allowed.iter().any(|why| err["reason"] == *why)
                || codes.iter().any(|code| err["code"] == *code);
            assert!(err.is_null() || is_allowed, "{answer}");
        }
    }

    /// A call that may be refused, like everything that has its time.
    async fn call(
        &self,
        app: &TestApp,
        who: usize,
        (method, path): (Method, String),
        body: Value,
    ) -> Value {
        let token = Some(self.people[who].token.as_str());
        let answer = app.rest.send(method, token, &path, Some(&body)).await;
        assert!(answer.status().as_u16() < 500, "{path}: {}", answer.status());
        answer.json().await.unwrap_or_default()
    }

    async fn change(&self, app: &TestApp, settings: Value) {
        self.call(app, 0, (Method::PATCH, format!("/v1/rooms/{}", self.room)), settings).await;
    }

    pub(super) async fn step(&mut self, app: &TestApp, number: usize, step: &Step) {
        let room = self.room.clone();
        let is_first =
            matches!(step, Step::Send(..) | Step::Upload(_) | Step::Eve(_) | Step::Block(..));
        if self.ids.is_empty() && !is_first {
            return self.settle().await;
        }
        match *step {
            Step::Send(who, thread, answer) => {
                let text = self.text("text", number);
                let mut op = json!({ "op": "send", "room": room, "text": text });
                for (field, of) in [("thread", thread), ("reply_to", answer)] {
                    if let Some(of) = of.filter(|_of| !self.ids.is_empty()) {
                        op[field] = self.id(of);
                    }
                }
                self.ask(who, op).await;
            }
            Step::Upload(who) => {
                // Of those who are in in any case.
                let who = who % EVE;
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
            Step::Read(who, of) => self.mark(who, "read", of).await,
            Step::Unread(who, of) => self.mark(who, "unread", of).await,
            Step::ReadThread(who, of) => self.read_thread(app, who, of).await,
            Step::Eve(what) => self.move_eve(app, what).await,
            Step::Block(by, on, is_set) => self.block(app, (by, on), is_set).await,
            Step::Report(who, of) => self.report(app, who, of).await,
            Step::Slow(is_slow) => {
                self.change(app, json!({ "slow_mode_s": i32::from(is_slow) })).await;
            }
            Step::Show(is_all) => {
                let history = if is_all { "all" } else { "since_join" };
                self.change(app, json!({ "history": history })).await;
            }
            Step::Settle | Step::Cut(_) => self.settle().await,
        }
    }

    /// What was asked before is said before.
    async fn block(&mut self, app: &TestApp, (by, on): (usize, usize), is_set: bool) {
        self.settle().await;
        let (by, on) = (by % self.sessions.len(), on % self.sessions.len());
        if by == on {
            return;
        }
        let path = format!("/v1/users/{}/block", self.people[on].id);
        let method = if is_set { Method::PUT } else { Method::DELETE };
        assert_eq!(app.rest.status(method, &self.people[by].token, &path).await, 204);
        if is_set {
            self.blocks.insert((by, on));
        } else {
            self.blocks.remove(&(by, on));
        }
    }

    async fn report(&self, app: &TestApp, who: usize, of: usize) {
        let (who, id) = (who % self.sessions.len(), self.id(of));
        let path = format!("/v1/rooms/{}/messages/{}/report", self.room, id.as_str().unwrap());
        let made = self.call(app, who, (Method::POST, path), json!({ "reason": "spam" })).await;
        if let Some(report) = made["id"].as_str() {
            let path = format!("/v1/clubs/{}/reports/{report}/decide", self.club);
            self.call(app, 0, (Method::POST, path), json!({ "action": "delete" })).await;
        }
    }

    async fn read_thread(&self, app: &TestApp, who: usize, of: usize) {
        let (who, id) = (who % self.sessions.len(), self.id(of));
        let path = format!("/v1/rooms/{}/threads/{}/read", self.room, id.as_str().unwrap());
        self.call(app, who, (Method::POST, path), json!({ "seq": 1_000_000 })).await;
    }

    async fn mark(&mut self, who: usize, op: &str, of: usize) {
        let id = self.id(of);
        let seq: i64 = id.as_str().unwrap().rsplit('_').next().unwrap().parse().unwrap();
        self.ask(who, json!({ "op": op, "room": self.room, "seq": seq })).await;
    }

    async fn move_eve(&self, app: &TestApp, what: &str) {
        let of_club = |end: &str| format!("/v1/clubs/{}/{end}", self.club);
        let of_eve = |end: &str| of_club(&format!("members/{}{end}", self.people[EVE].id));
        let none = json!({});
        match what {
            "join" | "leave" => {
                self.call(app, EVE, (Method::POST, of_club(what)), none).await;
            }
            "kick" | "ban" => {
                self.call(app, 0, (Method::POST, of_eve(&format!("/{what}"))), none).await;
            }
            "unban" => {
                let path = of_club(&format!("bans/{}", self.people[EVE].id));
                self.call(app, 0, (Method::DELETE, path), none).await;
            }
            "mute" => {
                let body = json!({ "seconds": 60 });
                self.call(app, 0, (Method::POST, of_eve("/mute")), body).await;
            }
            "unmute" => {
                self.call(app, 0, (Method::DELETE, of_eve("/mute")), none).await;
            }
            role => {
                let body = json!({ "role": role });
                self.call(app, 0, (Method::PATCH, of_eve("")), body).await;
            }
        }
    }
}
