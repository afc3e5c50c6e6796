//! `panic=PART`, as an operator of the load tester plants it: each kind of actor panics by the clock,
//! again and again, while people go on. Only that actor is touched, and nothing is lost by it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use moim::faults::{Faults, Part};
use reqwest::Method;
use serde_json::json;

use super::talker::Talker;
use super::{company, root};
use crate::assistant;
use crate::nodes::over;
use crate::support::{Client, Hub, Person, TestApp, eventually};

/// Panics of each part.
const TIMES: u32 = 3;
/// Between two things that are done to make a part do something.
const STIR: Duration = Duration::from_millis(200);
/// Time enough for all of them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Further apart than what is made to wait, since it crashes right after its start.
fn plant(part: Part) -> Faults {
    format!("panic={},panic_every_ms=700", part.name()).parse().unwrap()
}

async fn by_the_clock(part: Part) {
    match part {
        Part::Root => {
            let at_once: Faults = "panic=root,panic_every_ms=1".parse().unwrap();
            root::ends_the_node(|faults| faults.panic_as(&at_once)).await;
        }
        Part::Bus => between_nodes().await,
        Part::Assistants | Part::Assistant | Part::Run => {
            assistant::crashes::by_the_clock(|| plant(part), 2).await;
        }
        Part::Room
        | Part::Rooms
        | Part::Journal
        | Part::Relay
        | Part::Session
        | Part::Presence
        | Part::Lookup
        | Part::Indexer
        | Part::Sweeper
        | Part::Read => on_one_node(part).await,
    }
}

async fn on_one_node(part: Part) {
    let app = TestApp::spawn_with(&[("MOIM_SESSIONS_PER_USER", "40")]).await;
    let (people, mut talkers) = company(&app).await;
    app.faults.panic_as(&plant(part));
    let (began, mut stirred, mut times) = (Instant::now(), None, 0);
    while app.faults.crashes() < TIMES {
        assert!(began.elapsed() < PATIENCE, "{part:?} did not panic");
        for talker in &mut talkers {
            talker.say(&app).await;
        }
        if stirred.is_none_or(|at: Instant| at.elapsed() >= STIR) {
            times += 1;
            stir(&app, &people, part, times).await;
            stirred = Some(Instant::now());
        }
    }
    app.faults.panic_as(&Faults::default());
    for talker in &mut talkers {
        talker.settle(&app).await;
    }
    let cuts: usize = talkers.iter().map(|talker| talker.cuts).sum();
    assert_eq!(cuts > 0, part == Part::Session, "{cuts} sockets ended");
    // A room is counted apart, and a read is no actor.
    let crashes = f64::from(app.faults.crashes());
    let is_counted = !matches!(part, Part::Room | Part::Read);
    let expected: Vec<_> =
        is_counted.then(|| (part.name().to_owned(), crashes)).into_iter().collect();
    eventually("that actor was started again, and no other", async || {
        let of_rooms = app.metric("moim_room_restarts_total").await;
        let is_room_well = part == Part::Rooms || (of_rooms == crashes) == (part == Part::Room);
        is_room_well && restarts(&app).await.into_iter().collect::<Vec<_>>() == expected
    })
    .await;
    app.end().await;
}

/// Gives a part something to do, where talking does not, for the `time`-th time.
async fn stir(app: &TestApp, people: &[Person], part: Part, time: u32) {
    match part {
        Part::Rooms => {
            let (_, room) = app.club(&people[0], &format!("club {time}")).await;
            Talker::arrive(app, &people[0], &room).await;
        }
        Part::Sweeper => {
            let (club, _) = app.club(&people[0], "for a while").await;
            let path = format!("/v1/clubs/{club}");
            assert_eq!(app.rest.status(Method::DELETE, &people[0].token, &path).await, 204);
        }
        Part::Presence | Part::Lookup => drop(app.session(&people[0]).await),
        Part::Read => {
            let mut guest = Client::connect(app.address).await;
            let answer = guest.request(json!({ "op": "auth", "token": people[0].token })).await;
            assert!(answer["ok"].is_object() || answer["err"]["temporary"] == true, "{answer}");
        }
        _spoken_to => {}
    }
}

/// How often which actors were started again.
async fn restarts(app: &TestApp) -> BTreeMap<String, f64> {
    let text = app.rest.text("/metrics").await;
    let lines = text.lines().filter_map(|line| {
        let rest = line.strip_prefix("moim_actor_restarts_total{actor=\"")?;
        let (actor, count) = rest.split_once("\"} ")?;
        Some((actor.to_owned(), count.parse().unwrap()))
    });
    lines.filter(|(_, count)| *count > 0.0).collect()
}

async fn between_nodes() {
    let hub = Hub::sound();
    let Some(nodes) = over(&hub).await else {
        return;
    };
    let (mina, bob) = (nodes[0].person("mina").await, nodes[1].person("bob").await);
    let room = nodes[0].lobby(&mina).await;
    let mut here = Talker::arrive(&nodes[0], &mina, &room).await;
    let mut there = Talker::arrive(&nodes[1], &bob, &room).await;
    nodes[0].faults.panic_as(&plant(Part::Bus));
    while nodes[0].faults.crashes() < TIMES {
        here.say(&nodes[0]).await;
        there.say(&nodes[1]).await;
    }
    nodes[0].faults.panic_as(&Faults::default());
    here.settle(&nodes[0]).await;
    there.settle(&nodes[1]).await;
    assert_eq!(here.cuts + there.cuts, 0);
    let crashes = f64::from(nodes[0].faults.crashes());
    eventually("the bus alone was started again", async || {
        restarts(&nodes[0]).await == BTreeMap::from([("bus".to_owned(), crashes)])
            && restarts(&nodes[1]).await.is_empty()
    })
    .await;
    let [one, other] = nodes;
    tokio::join!(one.end(), other.end());
}

macro_rules! each {
    ($($name:ident: $part:ident,)+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            by_the_clock(Part::$part).await;
        })+

        #[test]
        fn no_part_is_left_out() {
            let here = [$(Part::$part),+];
            assert!(Part::ALL.iter().all(|part| here.contains(part)));
        }
    };
}

each! {
    rooms_one_by_one: Room,
    the_supervisor_of_the_rooms: Rooms,
    the_journal: Journal,
    a_relay: Relay,
    a_session: Session,
    the_presence: Presence,
    the_lookup: Lookup,
    the_indexer: Indexer,
    the_sweeper: Sweeper,
    the_bus: Bus,
    the_root: Root,
    a_read: Read,
    the_assistants: Assistants,
    an_assistant: Assistant,
    a_run: Run,
}
