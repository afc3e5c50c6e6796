//! Everything happens in a room, and everybody listens: who hears what.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::ears::{DRAIN, Ears, End, WIDE};
use super::places::{APART, Kind, Place};
use super::scene::{Actor, Scene, text};
use super::stage::Stage;
use super::table::Audience;
use crate::previews::Site;
use crate::support::{Client, Person};

/// How many messages of the widest text are more than waits for a session: in the kernel, on both
/// sides, and in its outbox.
const FLOOD: usize = 70;

/// Lets everything happen in a room of a kind; what was not heard as the table says, and who goes on
/// listening.
pub(super) async fn differences(
    stage: &Stage,
    (place, site): (&'static Place, &Site),
    table: &[Audience],
) -> (Vec<String>, Vec<Ears>) {
    let (scene, mut ears) = audience(stage, place).await;
    let (commons, crier) = share(&scene, &ears).await;
    for one in &mut ears {
        if one.who != "anonymous" {
            one.open.open(&commons).await;
            one.open.heard();
        }
    }
    let mut found = Vec::new();
    let newcomer = ears.iter_mut().find(|one| one.who == "newcomer");
    if let Some(newcomer) = newcomer {
        scene.come_in(&newcomer.person).await;
        newcomer.stream_too(&scene).await;
    }
    let mark = scene.tell("mark", json!({})).await.1;
    for one in &mut ears {
        found.extend(one.guess(&scene, mark).await);
    }
    let doer = ears.iter().position(|one| place.has("doer", one.who)).unwrap();
    let doing = (ears[doer].person.clone(), &mut ears[doer].open);
    let mut other = stage.session(&scene.other).await;
    scene.drive(doing, &mut other).await;
    scene.link(&mut other, site).await;
    scene.come_and_go().await;
    // The room is opened once more while the assistant speaks.
    let runs = ears[doer].ask(&scene).await;
    for one in &mut ears {
        found.extend(one.guess(&scene, mark).await);
    }
    ears[doer].stop(&scene, &runs).await;
    drop(other);
    scene.flood(&mut ears).await;
    if let Some(newcomer) = ears.iter_mut().find(|one| one.who == "newcomer") {
        newcomer.meet_another(&scene).await;
        scene.send_away(&newcomer.person).await;
    }
    let end = scene.end((&commons, &crier), &ears).await;
    for one in &mut ears {
        one.settle(&scene, &end).await;
        found.extend(one.leaks(&scene));
        if one.is_shut_out() == (place.has("in", one.who) || one.who == "newcomer") {
            found.push(format!("{} × {}: the stream of the room", place.name, one.who));
        }
    }
    found.extend(misheard(&scene, &ears, table));
    (found, ears)
}

fn misheard(scene: &Scene, ears: &[Ears], table: &[Audience]) -> Vec<String> {
    let mut found = Vec::new();
    for one in ears {
        let heard = one.events(scene);
        let unknown = heard.iter().filter(|ev| !table.iter().any(|row| row.event == **ev));
        found.extend(unknown.map(|ev| format!("{ev} has no row")));
        for row in table.iter().filter(|row| row.event != DRAIN) {
            let is_meant = one.are_of(scene.place, row.at(scene.place));
            if heard.contains(&row.event) != is_meant {
                let verb = if is_meant { "does not hear" } else { "hears" };
                found.push(format!("{} × {}: {verb} {}", scene.place.name, one.who, row.event));
            }
        }
    }
    found
}

/// Everybody there is to such a room. There are two in a private one.
async fn audience(stage: &Stage, place: &'static Place) -> (Scene, Vec<Ears>) {
    let is_pair = place.kind == Kind::Pair;
    let is_third = |who: &&str| is_pair && (*who == "bot" || APART.contains(who));
    let cast: Vec<_> = place.people().filter(|who| !is_third(who)).collect();
    let (scene, actors): (Scene, Vec<Actor>) = Scene::set(stage, place, &cast).await;
    let mut ears = Vec::new();
    for actor in actors {
        ears.push(Ears::of(&scene, actor).await);
    }
    if !is_pair {
        let person = stage.person().await;
        if place.kind == Kind::Lobby {
            stage.post(&person, &scene.of_room("leave"), &json!({})).await;
        }
        ears.push(Ears::of_newcomer(&scene, person).await);
    }
    (scene, ears)
}

/// A room that all of them are in, and somebody from whom nobody is apart: there the end is told.
async fn share(scene: &Scene, ears: &[Ears]) -> (String, Person) {
    let crier = scene.stage.person().await;
    let ids: Vec<_> = ears.iter().filter(|one| one.who != "anonymous").collect();
    let mut ids: Vec<_> = ids.iter().map(|one| &one.person.id).collect();
    // A bot comes behind its maker.
    ids.push(&scene.keeper.id);
    let body = json!({ "name": "commons", "member_ids": ids });
    let room = text(&scene.stage.post(&crier, "/v1/rooms", &body).await["id"]);
    (room, crier)
}

impl Scene {
    /// The other says something new; its id and seq.
    async fn tell(&self, what: &str, mut body: Value) -> (String, i64) {
        let said = body["text"].as_str().unwrap_or_default().to_owned();
        body["text"] = json!(format!("{}{what} {said}", self.t));
        let sent = self.stage.post(&self.other, &self.of_room("messages"), &body).await;
        (text(&sent["id"]), sent["seq"].as_i64().unwrap())
    }

    async fn call(&self, who: &Person, method: Method, end: &str, body: Value) {
        self.stage.must(who, (method, &self.of_room(end)), &body).await;
    }

    /// Somebody comes into the room the way one comes into it.
    async fn come_in(&self, person: &Person) {
        self.bring(person).await;
        if self.place.kind != Kind::Group {
            self.call(person, Method::POST, "join", json!({})).await;
        }
    }

    async fn send_away(&self, person: &Person) {
        match self.place.kind {
            Kind::Lobby => self.call(person, Method::POST, "leave", json!({})).await,
            Kind::Group => {
                let end = format!("members/{}", person.id);
                self.call(&self.keeper, Method::DELETE, &end, json!({})).await;
            }
            Kind::Club | Kind::Pair => {
                let path = self.of_club(&format!("members/{}/kick", person.id));
                self.stage.post(&self.keeper, &path, &json!({})).await;
            }
        }
    }

    /// Everything that is done in a room by those who are in it.
    async fn drive(&self, (doer, at_doer): (Person, &mut Client), other: &mut Client) {
        let none = || json!({});
        let (root, _) = self.tell("root", none()).await;
        let at = |end: &str| format!("messages/{root}{end}");
        let text = json!({ "text": format!("{}edited", self.t) });
        self.call(&self.other, Method::PATCH, &at(""), text).await;
        for end in ["/reactions/🎉", "/pin"] {
            self.call(&self.keeper, Method::PUT, &at(end), none()).await;
            self.call(&self.keeper, Method::DELETE, &at(end), none()).await;
        }
        other.ok(json!({ "op": "typing", "room": self.room })).await;
        let answer = json!({ "text": format!("{}aside", self.t), "thread": root });
        self.call(&doer, Method::POST, "messages", answer).await;
        let (_, seq) = self.tell("aside", json!({ "thread": root })).await;
        let read = json!({ "seq": seq });
        self.call(&doer, Method::POST, &format!("threads/{root}/read"), read).await;
        at_doer.ok(json!({ "op": "read", "room": self.room, "seq": seq })).await;
        let calls = json!({ "text": format!("@{}", doer.name) });
        self.tell("called", calls.clone()).await;
        let path = "/v1/inbox/read";
        self.stage.post(&doer, path, &json!({ "upto_seq": 1_000_000 })).await;
        let (unsaid, _) = self.tell("called", calls).await;
        self.call(&self.other, Method::DELETE, &format!("messages/{unsaid}"), none()).await;
        if self.place.kind == Kind::Pair {
            self.call(&doer, Method::PUT, "notify", json!({ "notify": "all" })).await;
        } else {
            let topic = json!({ "topic": format!("{}topic again", self.t) });
            self.call(&self.keeper, Method::PATCH, "", topic).await;
        }
    }

    /// A page is linked to in what was said before anybody came: it is called like that.
    async fn link(&self, other: &mut Client, site: &Site) {
        other.open(&self.room).await;
        let link = site.url("page.test", &format!("/called/{}before", self.t));
        let text = json!({ "text": format!("{}before {link}", self.t) });
        let path = self.of_message("before", "");
        self.stage.patch(&self.other, &path, &text).await;
        let is_told = |line: &Value| line["ev"] == "msg.preview" && line["room"] == *self.room;
        let told = other.wait_for(is_told).await;
        assert_eq!(told["d"]["previews"].is_null(), self.place.name == "since", "{told}");
    }

    /// Others come and go, in every way there is.
    async fn come_and_go(&self) {
        if self.place.kind == Kind::Pair {
            return;
        }
        let leaver = self.stage.person().await;
        if self.place.kind == Kind::Lobby {
            for end in ["leave", "join"] {
                self.call(&leaver, Method::POST, end, json!({})).await;
            }
            return;
        }
        self.come_in(&leaver).await;
        if self.place.kind == Kind::Group {
            self.call(&leaver, Method::POST, "leave", json!({})).await;
            let kicked = self.stage.person().await;
            self.come_in(&kicked).await;
            self.send_away(&kicked).await;
            return;
        }
        self.stage.post(&leaver, &self.of_club("leave"), &json!({})).await;
        for what in ["kick", "ban"] {
            let goes = self.stage.person().await;
            self.come_in(&goes).await;
            let path = self.of_club(&format!("members/{}/{what}", goes.id));
            self.stage.post(&self.keeper, &path, &json!({})).await;
        }
    }

    /// More is said than anybody gets who does not read, and then they read on.
    async fn flood(&self, ears: &mut [Ears]) {
        let _turn = self.stage.flood.lock().await;
        let (_, quiet) = self.tell("quiet", json!({})).await;
        for one in &mut *ears {
            one.leave_stream(self, quiet).await;
        }
        let wide = json!({ "text": "\u{1}".repeat(3_900) });
        // All at once, and all read at once: who reads nothing for half a minute is sent away.
        let told = join_all((0..FLOOD).map(|_| self.tell(WIDE, wide.clone()))).await;
        let upto = told.iter().map(|(_, seq)| *seq).fold(quiet, i64::max);
        join_all(ears.iter_mut().map(|one| one.read_on(self, upto))).await;
    }

    /// The last words: in the room, for those who are still there, and then where all are.
    async fn end(&self, (commons, crier): (&str, &Person), ears: &[Ears]) -> End {
        let called = |is_in: &dyn Fn(&&Ears) -> bool| {
            let names: Vec<_> =
                ears.iter().filter(is_in).map(|one| format!("@{}", one.person.name)).collect();
            names.join(" ")
        };
        let outside = called(&|one| !self.place.has("in", one.who));
        self.tell("after", json!({ "text": outside })).await;
        self.tell("after last", json!({})).await;
        let last = format!("{}after last", self.t);
        let (text, all) = (self.stage.word(), called(&|_| true));
        let body = json!({ "text": format!("{text} {all}") });
        let path = format!("/v1/rooms/{commons}/messages");
        let sent = self.stage.post(crier, &path, &body).await;
        let (room, head) = (commons.to_owned(), sent["seq"].as_i64().unwrap());
        End { room, text, head, last }
    }
}
