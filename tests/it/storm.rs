//! Hundreds who lose the server and come back in the same moment: nothing is lost or doubled, nobody
//! sees more than before, and who cannot be taken in at once is told when to come again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use moim::faults::{Moment, Part};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Client, Closed, Person, Process, TestApp, free_address, fresh};

/// Members of the club.
const PEOPLE: usize = 200;
/// Of them, who has two devices.
const WITH_TWO: usize = 50;
/// Of them, who talks while the server goes.
const TALKERS: usize = 40;
/// Messages that are in each room before anybody comes.
const BEFORE: i64 = 5;

/// One device, with what it has heard of each room.
struct Device {
    person: Person,
    rooms: BTreeMap<String, Heard>,
    /// Messages that were acknowledged to it.
    acked: Vec<(String, i64, String)>,
}

/// The events of one room by their seqs: the cid of a message, or the name.
#[derive(Default)]
struct Heard {
    epoch: String,
    head: i64,
    events: BTreeMap<i64, String>,
}

impl Device {
    fn new(person: &Person) -> Self {
        Self { person: person.clone(), rooms: BTreeMap::new(), acked: Vec::new() }
    }

    /// Takes in one line, in its order.
    fn hear(&mut self, line: &Value) {
        let Some(room) = line["room"].as_str().and_then(|room| self.rooms.get_mut(room)) else {
            return;
        };
        // What stands in the log has its time.
        let Some(seq) = line["seq"].as_i64().filter(|_| line["at"].is_i64()) else {
            return;
        };
        assert_eq!(seq, room.head + 1, "a hole or a double: {line}");
        room.head = seq;
        let what = line["d"]["cid"].as_str().or(line["ev"].as_str()).unwrap();
        room.events.insert(seq, what.to_owned());
    }

    fn hear_all(&mut self, client: &mut Client) {
        client.heard().iter().for_each(|line| self.hear(line));
    }

    /// Hears to the end of the connection.
    async fn hear_out(mut self, mut client: Client) -> Self {
        while let Ok(line) = client.line().await {
            self.hear(&line);
        }
        self
    }

    /// Connects with the token in the handshake; gives the rooms that it may read, too.
    async fn sign_in(&self, address: SocketAddr) -> (Client, Vec<String>) {
        let token = format!("Bearer {}", self.person.token);
        let headers = [("authorization", token.as_str())];
        let mut client = Client::connect_with(address, "/v1/ws", &headers).await.unwrap();
        let auth = client.expect("auth").await;
        assert_eq!(auth["user"]["id"], self.person.id.as_str());
        let rooms = auth["rooms"].as_array().unwrap().iter();
        let mut rooms: Vec<_> = rooms.map(|r| r["room"].as_str().unwrap().to_owned()).collect();
        rooms.sort();
        (client, rooms)
    }

    /// Comes the first time: what is in the rooms is in the snapshots.
    async fn come(mut self, address: SocketAddr, rooms: [String; 2]) -> (Self, Client) {
        let (mut client, _readable) = self.sign_in(address).await;
        for room in rooms {
            let opened = client.open(&room).await;
            let epoch = opened["epoch"].as_str().unwrap().to_owned();
            let head = opened["snapshot"]["upto"].as_i64().unwrap();
            self.rooms.insert(room, Heard { epoch, head, events: BTreeMap::new() });
            // What follows live may have come along.
            self.hear_all(&mut client);
        }
        (self, client)
    }

    /// Says something to each room: some of it is acknowledged, some is on its way.
    async fn talk(&mut self, client: &mut Client) {
        let rooms: Vec<_> = self.rooms.keys().cloned().collect();
        for n in 0..4 {
            for room in &rooms {
                let cid = format!("{}-{n}-{room}", self.person.name);
                if n < 2 {
                    let seq = client.send(room, &cid, "on the way").await["seq"].as_i64().unwrap();
                    self.acked.push((room.clone(), seq, cid));
                } else {
                    client.begin(send(room, &cid)).await;
                }
            }
        }
        self.hear_all(client);
    }

    /// Comes back: asks for all rooms at once, each from where it was, and hears until it is level.
    async fn come_back(
        mut self,
        address: SocketAddr,
        rooms: Arc<BTreeSet<String>>,
    ) -> (Self, Client) {
        let (mut client, readable) = self.sign_in(address).await;
        assert!(readable.iter().eq(&*rooms), "each room once, and no other: {readable:?}");
        let opens = self.rooms.iter().zip(100..).map(|((room, heard), id)| {
            let since = json!({ "epoch": heard.epoch, "seq": heard.head });
            json!({ "id": id, "op": "open", "room": room, "since": since }).to_string()
        });
        client.say(&opens.collect::<Vec<_>>().join("\n")).await;
        for id in (100..).take(self.rooms.len()) {
            let reply = client.reply(id).await;
            assert_eq!(reply["ok"]["resumed"], true, "{reply}");
        }
        for _ in 0..self.rooms.len() {
            client.expect("caught_up").await;
        }
        self.hear_all(&mut client);
        (self, client)
    }
}

fn send(room: &str, cid: &str) -> Value {
    json!({ "op": "send", "room": room, "cid": cid, "text": "on the way" })
}

/// A room of a club with some messages in it, before anybody but its owner is there.
async fn room(server: &Process, owner: &Person, club: &str, body: &Value) -> String {
    let room = server.rest.post(&owner.token, &format!("/v1/clubs/{club}/rooms"), body).await;
    let room = room["id"].as_str().unwrap().to_owned();
    let mut client = Client::connect(server.address).await;
    client.auth(&owner.token).await;
    for n in 1..=BEFORE {
        client.send(&room, &format!("before-{n}"), "before").await;
    }
    room
}

/// A club with two rooms that all its members hear.
struct Place {
    owner: Person,
    club: String,
    people: Vec<Person>,
    /// Shows everybody everything.
    open: String,
    /// Shows a newcomer nothing of what was before.
    late: String,
}

impl Place {
    async fn new(server: &Process) -> Self {
        let rest = &server.rest;
        let owner = rest.register("owner").await;
        let club = rest.post(&owner.token, "/v1/clubs", &json!({ "name": "crowd" })).await;
        let club = club["id"].as_str().unwrap().to_owned();
        let open = room(server, &owner, &club, &json!({ "name": "open" })).await;
        let late = json!({ "name": "late", "history": "since_join" });
        let late = room(server, &owner, &club, &late).await;
        let mut people = Vec::new();
        for n in 0..PEOPLE {
            let person = rest.register(&format!("guest{n}")).await;
            rest.post(&person.token, &format!("/v1/clubs/{club}/join"), &json!({})).await;
            people.push(person);
        }
        Self { owner, club, people, open, late }
    }

    fn rooms(&self) -> [String; 2] {
        [self.open.clone(), self.late.clone()]
    }

    /// Everybody comes, some twice.
    async fn gather(&self, address: SocketAddr) -> Vec<(Device, Client)> {
        let mut coming = JoinSet::new();
        for person in self.people.iter().chain(&self.people[..WITH_TWO]) {
            coming.spawn(Device::new(person).come(address, self.rooms()));
        }
        let mut crowd = coming.join_all().await;
        crowd.sort_by(|(one, _), (other, _)| one.person.name.cmp(&other.person.name));
        crowd
    }

    async fn ban(&self, server: &Process, person: &Person) {
        let path = format!("/v1/clubs/{}/members/{}/ban", self.club, person.id);
        let ban = json!({ "seconds": 600, "reason": "storms" });
        server.rest.post(&self.owner.token, &path, &ban).await;
    }

    /// In the middle of the crush somebody who may not hear the rooms asks for them.
    async fn turns_away(
        &self,
        address: SocketAddr,
        (stranger, code): (&Person, &str),
        was: &Device,
    ) {
        let (mut client, readable) = Device::new(stranger).sign_in(address).await;
        for room in self.rooms() {
            assert!(!readable.contains(&room));
            let since = json!({ "epoch": was.rooms[&room].epoch, "seq": was.rooms[&room].head });
            let open = json!({ "op": "open", "room": room, "since": since });
            assert_eq!(client.err(open).await["code"], code);
        }
    }

    /// And a member asks for what was said before they came.
    async fn keeps_the_past(&self, address: SocketAddr, was: &Device) {
        let (mut client, _readable) = Device::new(&self.people[0]).sign_in(address).await;
        let epoch = |room: &String| was.rooms[room].epoch.clone();
        let opened = client.open_since(&self.open, &epoch(&self.open), 0).await;
        assert_eq!(opened["resumed"], true);
        let opened = client.open_since(&self.late, &epoch(&self.late), 0).await;
        assert_eq!((&opened["resumed"], &opened["why"]), (&json!(false), &json!("too_old")));
        let items = opened["snapshot"]["items"].as_array().unwrap();
        assert!(items.iter().all(|item| item["seq"].as_i64().unwrap() > BEFORE), "{opened}");
    }

    /// Everybody hears a last word, and has heard the same as everybody else.
    async fn agrees(&self, address: SocketAddr, crowd: &mut [(Device, Client)]) {
        let mut owner = Client::connect(address).await;
        owner.auth(&self.owner.token).await;
        for room in &self.rooms() {
            let last = owner.send(room, "last", "last").await["seq"].as_i64().unwrap();
            for (device, client) in &mut *crowd {
                while device.rooms[room].head < last {
                    let line = client.line().await.unwrap();
                    device.hear(&line);
                }
            }
            let log = crowd[0].0.rooms[room].events.clone();
            for (device, _) in &*crowd {
                let heard = &device.rooms[room].events;
                let same = |(seq, what)| log.get(seq).is_none_or(|other| other == what);
                assert!(heard.iter().all(same));
                for (_, seq, cid) in device.acked.iter().filter(|(of, ..)| of == room) {
                    assert_eq!(log.get(seq), Some(cid), "was acknowledged");
                }
            }
        }
    }
}

async fn storm(settings: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let server = Process::start_with(folder.path(), address, settings).await;
    let place = Place::new(&server).await;
    let outside = server.rest.register("outside").await;
    let mut crowd = place.gather(address).await;
    let banned = crowd.pop().unwrap().0;
    place.ban(&server, &banned.person).await;
    for (device, client) in crowd.iter_mut().take(TALKERS) {
        device.talk(client).await;
    }
    server.kill().await;
    let gone = crowd.into_iter().map(|(device, client)| device.hear_out(client));
    let devices = gone.collect::<JoinSet<_>>().join_all().await;

    let server = Process::start_with(folder.path(), address, settings).await;
    let rooms = server.rest.get(&devices[0].person.token, "/v1/rooms").await;
    let ids = rooms["items"].as_array().unwrap().iter().map(|room| room["id"].as_str().unwrap());
    let readable: Arc<BTreeSet<_>> = Arc::new(ids.map(str::to_owned).collect());
    assert!(place.rooms().iter().all(|room| readable.contains(room)));
    let coming = devices.into_iter().map(|device| device.come_back(address, readable.clone()));
    let coming: JoinSet<_> = coming.collect();
    for stranger in [(&outside, "not_found"), (&banned.person, "banned")] {
        place.turns_away(address, stranger, &banned).await;
    }
    place.keeps_the_past(address, &banned).await;
    let mut crowd = coming.join_all().await;
    place.agrees(address, &mut crowd).await;
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_who_come_back_at_once_lose_nothing() {
    storm(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_who_come_back_at_once_lose_nothing_on_postgres() {
    if let Some(url) = fresh().await {
        storm(&[("MOIM_DATABASE_URL", &url)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_taken_in_at_once_is_told_when_to_come_again() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let mut clients = Vec::new();
    for n in 0..16 {
        let who = if n % 2 == 0 { &mina } else { &bob };
        clients.push((who, Client::connect(app.address).await));
    }
    // What is read for the first of them comes to nothing.
    app.faults.crash(Part::Read, Moment::Start, 1);
    let mut asked = Vec::new();
    for (who, client) in &mut clients {
        asked.push(client.begin(json!({ "op": "auth", "token": who.token })).await);
    }
    let mut refused = 0;
    for ((who, mut client), re) in clients.into_iter().zip(asked) {
        let reply = client.reply(re).await;
        if reply["ok"].is_object() {
            continue;
        }
        let err = &reply["err"];
        assert_eq!((&err["code"], &err["temporary"]), (&json!("unavailable"), &json!(true)));
        assert!(err["retry_ms"].is_u64(), "{err}");
        assert_eq!(client.expect_close().await, Closed { code: 4001 });
        // And who comes again is taken in.
        app.session(who).await;
        refused += 1;
    }
    assert!(refused > 0);
    app.end().await;
}
