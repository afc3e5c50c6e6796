//! What is unread in a room, and how often one is called in it: exact after every kind of event, in
//! every list, in what a badge is told, and in what other sessions are told of a mark.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::files::upload;
use crate::previews::{Site, spawn};
use crate::support::{Client, Person, TestApp, eventually, fresh};

/// Kinds of events, and what each adds: to the head, to `n`, to the unread calls of a reader, and to
/// those that the reader had read.
const KINDS: &[(&str, [i64; 4])] = &[
    ("a message", [1, 1, 0, 0]),
    ("a message that calls", [1, 1, 1, 0]),
    ("a message that calls all", [1, 1, 1, 0]),
    ("the same message again", [0, 0, 0, 0]),
    ("an answer", [1, 1, 0, 0]),
    ("an answer in a thread", [1, 1, 0, 0]),
    ("a file", [1, 1, 0, 0]),
    ("an edit", [1, 0, 0, 0]),
    ("an edit that calls", [1, 0, 1, 0]),
    ("an edit that calls no more", [1, 0, -1, 0]),
    ("an edit of what is read", [1, 0, 0, -1]),
    ("a delete", [1, 0, 0, 0]),
    ("a delete of what calls", [1, 0, -1, 0]),
    ("a delete of what is read", [1, 0, 0, -1]),
    ("many deletes", [3, 0, -1, -1]),
    ("a reaction", [1, 0, 0, 0]),
    ("a reaction taken back", [2, 0, 0, 0]),
    ("a pin", [1, 0, 0, 0]),
    ("a pin let go", [2, 0, 0, 0]),
    ("a preview", [2, 1, 0, 0]),
    ("a join", [1, 0, 0, 0]),
    ("a leave", [2, 0, 0, 0]),
    ("a kick", [2, 0, 0, 0]),
    ("a ban", [2, 0, 0, 0]),
    ("a role", [1, 0, 0, 0]),
    ("an answer of the assistant", [3, 2, 0, 0]),
    ("a mark of another", [0, 0, 0, 0]),
    ("an account that is erased", [2, 0, -1, 0]),
];

/// These come by and by, when the call has its answer.
const LATER: [&str; 4] = [
    "a message that calls all",
    "a preview",
    "an answer of the assistant",
    "an account that is erased",
];

/// A room of a club with three messages in it, of which bob has read one. That one and the next call
/// him; that next one is carol's, and the others mina's, whose club it is.
struct Scene<'a> {
    app: &'a TestApp,
    site: &'a Site,
    /// In the names of all people here.
    at: usize,
    mina: Person,
    bob: Person,
    carol: Person,
    club: String,
    room: String,
    /// Ids of the messages.
    said: [Value; 3],
}

impl<'a> Scene<'a> {
    async fn set(app: &'a TestApp, site: &'a Site, (at, kind): (usize, &str)) -> Self {
        let person = async |name: &str| app.person(&format!("{name}{at}")).await;
        let (mina, bob, carol) = (person("mina").await, person("bob").await, person("carol").await);
        let (club, plans) = app.club(&mina, &format!("readers {at}")).await;
        for who in [&bob, &carol] {
            app.join(who, &club).await;
        }
        let path = format!("/v1/clubs/{club}/rooms");
        let room = match kind {
            // Of roles only managers are told.
            "a role" => {
                for who in [&bob, &carol] {
                    let path = format!("/v1/clubs/{club}/members/{}", who.id);
                    app.rest.patch(&mina.token, &path, &json!({ "role": "manager" })).await;
                }
                let body = json!({ "name": "desk", "kind": "manager" });
                app.rest.post(&mina.token, &path, &body).await["id"].clone()
            }
            // Who comes and goes is told in the first room.
            "a join" | "a leave" | "a kick" | "a ban" | "an account that is erased" => {
                let rooms = app.rest.get(&mina.token, &path).await["items"].clone();
                let is_general = |room: &&Value| room["name"] == "general";
                rooms.as_array().unwrap().iter().find(is_general).unwrap()["id"].clone()
            }
            _inside => json!(plans),
        };
        let room = room.as_str().unwrap().to_owned();
        let said = [Value::Null, Value::Null, Value::Null];
        let mut scene = Self { app, site, at, mina, bob, carol, club, room, said };
        let call = format!("@bob{at}");
        let first = scene.say(&scene.mina, json!({ "text": format!("{call} one") })).await;
        let read = json!({ "seq": seq(&first) });
        scene.call(&scene.bob, (Method::POST, "read"), read).await;
        let called = scene.say(&scene.carol, json!({ "text": format!("{call} two") })).await;
        let plain = scene.say(&scene.mina, json!({ "text": "three", "cid": "three" })).await;
        scene.said = [first, called, plain];
        scene
    }

    /// A call in the room that must be granted.
    async fn call(&self, who: &Person, (method, end): (Method, &str), body: Value) -> Value {
        self.must(who, method, &format!("/v1/rooms/{}/{end}", self.room), body).await
    }

    async fn must(&self, who: &Person, method: Method, path: &str, body: Value) -> Value {
        let answer = self.app.rest.send(method, Some(&who.token), path, Some(&body)).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn say(&self, who: &Person, body: Value) -> Value {
        self.call(who, (Method::POST, "messages"), body).await["id"].clone()
    }

    /// Somebody more, in the club.
    async fn guest(&self) -> Person {
        let guest = self.app.person(&format!("guest{}", self.at)).await;
        self.app.join(&guest, &self.club).await;
        guest
    }

    async fn happens(&self, kind: &str) {
        let (call, plain) = (format!("@bob{}", self.at), &self.said[2]);
        let body = match kind {
            "a message" => json!({ "text": "four" }),
            "a message that calls" => json!({ "text": call }),
            "a message that calls all" => json!({ "text": "@all" }),
            "the same message again" => json!({ "text": call, "cid": "three" }),
            "an answer" => json!({ "text": "four", "reply_to": plain }),
            "an answer in a thread" => json!({ "text": "four", "thread": plain }),
            "a file" => {
                let (rest, bytes) = (&self.app.rest, b"a".to_vec());
                let file = upload(rest, &self.mina, &self.room, "a.txt", bytes).await;
                json!({ "text": "", "files": [file["id"]] })
            }
            "a preview" => {
                json!({ "text": self.site.url("page.test", &format!("/called/{}", self.at)) })
            }
            "an answer of the assistant" => json!({ "text": "@ai what is new?" }),
            _no_message => return self.changes(kind).await,
        };
        let id = self.say(&self.mina, body).await;
        assert_eq!(id == *plain, kind == "the same message again");
    }

    /// Something becomes of what was said, or of who said it.
    async fn changes(&self, kind: &str) {
        let ([first, called, plain], mina) = (&self.said, &self.mina);
        let on =
            |message: &Value, end: &str| format!("messages/{}{end}", message.as_str().unwrap());
        let edit = async |who: &Person, message: &Value, text: &str| {
            self.call(who, (Method::PATCH, &on(message, "")), json!({ "text": text })).await;
        };
        let delete = async |message: &Value| {
            self.call(mina, (Method::DELETE, &on(message, "")), json!({})).await;
        };
        match kind {
            "an edit" => edit(mina, plain, "3").await,
            "an edit that calls" => edit(mina, plain, &format!("@bob{}", self.at)).await,
            "an edit that calls no more" => edit(&self.carol, called, "2").await,
            "an edit of what is read" => edit(mina, first, "1").await,
            "a delete" => delete(plain).await,
            "a delete of what calls" => delete(called).await,
            "a delete of what is read" => delete(first).await,
            "many deletes" => {
                let many = json!({ "messages": self.said });
                self.call(mina, (Method::POST, "messages/delete"), many).await;
            }
            "a reaction" | "a reaction taken back" | "a pin" | "a pin let go" => {
                let emoji = "/reactions/%F0%9F%91%8D";
                let end = on(called, if kind.contains("pin") { "/pin" } else { emoji });
                self.call(mina, (Method::PUT, &end), json!({})).await;
                if kind.ends_with("back") || kind.ends_with("go") {
                    self.call(mina, (Method::DELETE, &end), json!({})).await;
                }
            }
            "a mark of another" => {
                self.call(mina, (Method::POST, "unread"), json!({ "seq": seq(first) })).await;
            }
            "an account that is erased" => {
                let body = json!({ "password": "correct horse" });
                self.must(&self.carol, Method::DELETE, "/v1/me", body).await;
            }
            "a join" => _ = self.guest().await,
            _moves => self.moves(kind).await,
        }
    }

    /// Somebody has come, and what becomes of them.
    async fn moves(&self, kind: &str) {
        let guest = self.guest().await;
        let of_club = |end: &str| format!("/v1/clubs/{}/{end}", self.club);
        let of_guest = |end: &str| of_club(&format!("members/{}{end}", guest.id));
        match kind {
            "a leave" => self.must(&guest, Method::POST, &of_club("leave"), json!({})).await,
            "a kick" => self.must(&self.mina, Method::POST, &of_guest("/kick"), json!({})).await,
            "a ban" => self.must(&self.mina, Method::POST, &of_guest("/ban"), json!({})).await,
            "a role" => {
                let role = json!({ "role": "manager" });
                self.must(&self.mina, Method::PATCH, &of_guest(""), role).await
            }
            other => panic!("nobody knows how {other} happens"),
        };
    }

    /// Head, `n`, `read_n`, `unread` and `mentions` for bob, if all lists agree.
    async fn numbers(&self) -> Result<[i64; 5], Vec<[i64; 5]>> {
        let token = &self.bob.token;
        let mut session = Client::connect(self.app.address).await;
        let signed_in = session.auth(token).await["rooms"].clone();
        let room = json!(self.room);
        let find = |list: &Value| {
            let mut rooms = list.as_array().unwrap().iter();
            rooms.find(|one| one["id"] == room || one["room"] == room).unwrap().clone()
        };
        let club = format!("/v1/clubs/{}/rooms", self.club);
        let shown = [
            find(&self.app.rest.get(token, "/v1/rooms").await["items"]),
            find(&self.app.rest.get(token, &club).await["items"]),
            find(&signed_in),
            self.app.rest.get(token, &format!("/v1/rooms/{}", self.room)).await,
        ];
        let fields = ["head", "n", "read_n", "unread", "mentions"];
        let shown = shown.map(|one| fields.map(|field| one[field].as_i64().unwrap()));
        if shown.iter().all(|one| *one == shown[0]) { Ok(shown[0]) } else { Err(shown.to_vec()) }
    }
}

fn seq(id: &Value) -> i64 {
    id.as_str().unwrap().rsplit('_').next().unwrap().parse().unwrap()
}

async fn is_counted(scene: &Scene<'_>, (kind, adds): (&str, [i64; 4])) {
    let (mut phone, mut desk) =
        (scene.app.session(&scene.bob).await, scene.app.session(&scene.bob).await);
    let before = scene.numbers().await.unwrap();
    let [head, n, ..] = before;
    assert_eq!(before[1..], [3, 1, 2, 1], "{kind}: to begin with");
    scene.happens(kind).await;
    let after = [head + adds[0], n + adds[1], 1, 2 + adds[1], 1 + adds[2]];
    if LATER.contains(&kind) {
        eventually(kind, async || scene.numbers().await == Ok(after)).await;
    }
    assert_eq!(scene.numbers().await, Ok(after), "{kind}");
    if adds[0] > 0 {
        let is_told = |line: &Value| {
            let told = ["head", "n", "mentions"].map(|field| line[field].as_i64());
            line["ev"] == "room.head"
                && line["room"] == *scene.room
                && told == [after[0], after[1], after[4]].map(Some)
        };
        for session in [&mut phone, &mut desk] {
            session.wait_for(is_told).await;
        }
    }
    // Marks of one session, told to the other: as far as was said before, back, all, nothing.
    let [first, called, _] = &scene.said;
    let new = adds[2].max(0) * adds[1];
    let all = after[0];
    let back = 1 + after[4] + adds[3];
    for (op, at, left) in [
        ("read", head, [3, adds[1], new]),
        ("unread", seq(called), [1, 2 + adds[1], after[4]]),
        ("unread", seq(first), [0, 3 + adds[1], back]),
        ("read", all, [after[1], 0, 0]),
    ] {
        let said = phone.ok(json!({ "op": op, "room": scene.room, "seq": at })).await;
        let told = desk.wait_for(|line| line["ev"] == "read" && line["room"] == *scene.room).await;
        let of = |said: &Value| {
            ["read_n", "unread", "mentions"].map(|field| said[field].as_i64().unwrap())
        };
        assert_eq!(of(&said), left, "{kind}: {op} {at}");
        assert_eq!(of(&told), left, "{kind}: {op} {at}, as it is told");
        let listed = [after[0], after[1], left[0], left[1], left[2]];
        assert_eq!(scene.numbers().await, Ok(listed), "{kind}: {op} {at}, as it is listed");
    }
    desk.expect_none(|line| line["ev"] == "read" && line["room"] == *scene.room).await;
}

async fn unread_is_exact_after_every_kind_of_event(app: &TestApp, site: &Site) {
    let kinds = KINDS.iter().enumerate().map(|(at, &(kind, adds))| async move {
        let scene = Scene::set(app, site, (at, kind)).await;
        is_counted(&scene, (kind, adds)).await;
    });
    join_all(kinds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_is_exact_after_every_kind_of_event_on_sqlite() {
    let (app, site) = spawn(&[]).await;
    unread_is_exact_after_every_kind_of_event(&app, &site).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_is_exact_after_every_kind_of_event_on_postgres() {
    let Some(url) = fresh().await else { return };
    let (app, site) = spawn(&[("MOIM_DATABASE_URL", &url)]).await;
    unread_is_exact_after_every_kind_of_event(&app, &site).await;
    app.end().await;
}

/// What a badge shows by what it is told: messages, how many are not read, how many of those call.
#[derive(Debug, Default, PartialEq)]
struct Badge([i64; 3]);

impl Badge {
    fn hear(&mut self, line: &Value) {
        let number = |field: &str| line[field].as_i64().unwrap();
        let read_n = self.0[0] - self.0[1];
        match line["ev"].as_str().unwrap_or_default() {
            "room.head" => self.0 = [number("n"), number("n") - read_n, number("mentions")],
            "read" => {
                let n = self.0[0].max(number("read_n") + number("unread"));
                self.0 = [n, n - number("read_n"), number("mentions")];
            }
            _else => {}
        }
    }
}

/// Much at once, so that marks and what is said and done to it are written together.
async fn a_badge_is_exact_whatever_comes_together(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut at_mina, mut phone) = (app.session(&mina).await, app.session(&bob).await);
    let mut desk = app.session(&bob).await;
    let mut badge = Badge::default();
    let root = at_mina.send(&room, "root", "root").await["id"].clone();
    let mut last = root.clone();
    for round in 0..8 {
        let (mut asked, mut marks) = (Vec::new(), Vec::new());
        for n in 0..4 {
            let send = |text: &str| json!({ "op": "send", "room": room, "text": text });
            let on = |op: &str, id: &Value| json!({ "op": op, "room": room, "message": id });
            let mut edit = on("edit", &root);
            edit["text"] = json!(format!("{} {round} {n}", ["@bob", "nobody"][n % 2]));
            for op in [send("@bob one"), edit, send("@bob two"), on("delete", &last)] {
                asked.push(at_mina.begin(op).await);
                if n == round % 4 {
                    let read = json!({ "op": "read", "room": room, "seq": i64::MAX });
                    marks.push(phone.begin(read).await);
                }
            }
            if n == 2 && round % 3 == 0 {
                marks.push(phone.begin(send("what was that?")).await);
            }
        }
        for re in asked {
            let said = at_mina.reply(re).await;
            if said["ok"]["id"].is_string() {
                last = said["ok"]["id"].clone();
            }
        }
        for re in marks {
            phone.reply(re).await;
        }
        at_mina.send(&room, &format!("end-{round}"), "enough").await;
        let listed = app.rest.get(&bob.token, &format!("/v1/rooms/{room}")).await;
        let right = Badge(["n", "unread", "mentions"].map(|field| listed[field].as_i64().unwrap()));
        while badge.0[0] < right.0[0] {
            badge.hear(&desk.line().await.unwrap());
        }
        desk.ok(json!({ "op": "ping" })).await;
        desk.heard().iter().for_each(|line| badge.hear(line));
        assert_eq!(badge, right, "round {round}");
    }
}

crate::support::on_both!(a_badge_is_exact_whatever_comes_together);
