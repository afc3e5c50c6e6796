//! A panic in each kind of actor: only that actor is touched, and nothing is lost by it.

mod clock;
mod poison;
mod root;
mod talker;
mod watchers;

use std::time::{Duration, Instant};

use moim::faults::{Moment, Part};
use serde_json::json;

use self::talker::Talker;
use crate::support::{Client, Person, TestApp, eventually};

/// What crashes again sooner than this after its start is made to wait, which is not looked at here.
const APART: Duration = Duration::from_millis(600);

/// Each moment twice.
const ROUNDS: usize = 6;
const MOMENTS: [Moment; 3] = [Moment::Start, Moment::Middle, Moment::End];

/// Three people, each in two rooms.
async fn company(app: &TestApp) -> (Vec<Person>, Vec<Talker>) {
    let mut people = Vec::new();
    for name in ["mina", "bob", "ines"] {
        people.push(app.person(name).await);
    }
    let (club, plans) = app.club(&people[0], "runners").await;
    app.join(&people[1], &club).await;
    app.join(&people[2], &club).await;
    let lobby = app.lobby(&people[0]).await;
    let mut talkers = Vec::new();
    for person in &people {
        talkers.push(Talker::arrive(app, person, &lobby).await);
        talkers.push(Talker::arrive(app, person, &plans).await);
    }
    (people, talkers)
}

/// Everybody talks while a part panics at each moment, several times; nobody misses anything. Gives
/// how often sockets ended.
async fn talk_through(app: &TestApp, part: Part, talkers: &mut [Talker]) -> usize {
    for round in 0..ROUNDS {
        app.faults.crash(part, MOMENTS[round % MOMENTS.len()], 1);
        let began = Instant::now();
        while app.faults.crashes_to_come() > 0 || began.elapsed() < APART {
            for talker in &mut *talkers {
                talker.say(app).await;
            }
        }
    }
    for talker in &mut *talkers {
        talker.settle(app).await;
    }
    talkers.iter().map(|talker| talker.cuts).sum()
}

/// Crashes of a kind of actor, as the operator sees them.
async fn restarts(app: &TestApp, actor: &str) -> f64 {
    app.metric(&format!("moim_actor_restarts_total{{actor=\"{actor}\"}}")).await
}

/// Waits until a kind of actor has crashed so often: the last crash is counted a moment after it.
async fn restarted(app: &TestApp, actor: &str, times: usize) {
    let what = format!("{actor} crashed {times} times");
    eventually(&what, async || restarts(app, actor).await == times as f64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_panics_loses_nothing() {
    let app = TestApp::spawn().await;
    let (_, mut talkers) = company(&app).await;
    assert_eq!(talk_through(&app, Part::Room, &mut talkers).await, 0);
    eventually("each crash of a room is counted", async || {
        app.metric("moim_room_restarts_total").await == ROUNDS as f64
    })
    .await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_panics_loses_nothing() {
    let app = TestApp::spawn().await;
    let (_, mut talkers) = company(&app).await;
    assert_eq!(talk_through(&app, Part::Journal, &mut talkers).await, 0);
    restarted(&app, "journal", ROUNDS).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_panics_keeps_its_sessions_and_misses_nothing() {
    let app = TestApp::spawn().await;
    let (_, mut talkers) = company(&app).await;
    assert_eq!(talk_through(&app, Part::Relay, &mut talkers).await, 0);
    restarted(&app, "relay", ROUNDS).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_panics_closes_its_own_socket_alone() {
    let app = TestApp::spawn_with(&[("MOIM_SESSIONS_PER_USER", "3")]).await;
    let (_, mut talkers) = company(&app).await;
    assert_eq!(talk_through(&app, Part::Session, &mut talkers).await, ROUNDS);
    restarted(&app, "session", ROUNDS).await;
    eventually("what panicked has given its seats back, and is counted no more", async || {
        app.metric("moim_connections").await == 6.0
    })
    .await;
    drop(talkers);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_of_the_rooms_that_panics_wakes_them_again() {
    let app = TestApp::spawn().await;
    let (people, mut talkers) = company(&app).await;
    for (round, moment) in MOMENTS.into_iter().cycle().take(6).enumerate() {
        // A club whose rooms sleep: the news of its members goes through the supervisor.
        let (club, _) = app.club(&people[0], &format!("club {round}")).await;
        app.faults.crash(Part::Rooms, moment, 1);
        app.join(&people[1], &club).await;
        while app.faults.crashes_to_come() > 0 {
            let (club, room) = app.club(&people[0], "another").await;
            app.join(&people[2], &club).await;
            Talker::arrive(&app, &people[2], &room).await.say(&app).await;
        }
        for talker in &mut talkers {
            talker.say(&app).await;
        }
    }
    for talker in &mut talkers {
        talker.settle(&app).await;
        assert_eq!(talker.cuts, 0);
    }
    restarted(&app, "rooms", 6).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_panics_beside_its_actor_is_an_answer_and_the_next_is_read() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let (room, mut session) = (app.lobby(&mina).await, app.session(&mina).await);
    let open = json!({ "op": "open", "room": room });
    app.faults.crash(Part::Read, Moment::Start, 1);
    let refused = session.request(open.clone()).await["err"].clone();
    assert_eq!((&refused["code"], &refused["temporary"]), (&json!("unavailable"), &json!(true)));
    assert!(session.request(open).await["ok"]["snapshot"].is_object(), "the room reads again");

    app.faults.crash(Part::Read, Moment::Start, 1);
    let mut early = Client::connect(app.address).await;
    let auth = json!({ "op": "auth", "token": mina.token });
    assert_eq!(early.request(auth).await["err"]["code"], "unavailable");
    app.session(&mina).await.send(&room, "c-1", "signed in again").await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_that_panics_keeps_no_sign_in_waiting() {
    let app = TestApp::spawn().await;
    let (people, mut talkers) = company(&app).await;
    for moment in MOMENTS {
        app.panic_in(Part::Lookup, moment, async || {
            let mut session = app.session(&people[0]).await;
            session.expect_none(|line| line["ev"] == "drain").await;
        })
        .await;
        talkers[0].say(&app).await;
    }
    restarted(&app, "lookup", 3).await;
    talkers[1].settle(&app).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_indexer_that_panics_hides_no_message_from_the_search() {
    let app = TestApp::spawn().await;
    let (people, mut talkers) = company(&app).await;
    for moment in MOMENTS {
        app.panic_in(Part::Indexer, moment, async || talkers[0].say(&app).await).await;
    }
    eventually("it is back, and has everything", async || {
        let shown = app.metric("moim_search_behind").await;
        restarts(&app, "indexer").await == 3.0 && shown == 0.0
    })
    .await;
    talkers[0].say(&app).await;
    let (mut found, mut cursor) = (0, String::new());
    loop {
        let path = format!("/v1/search?q=word&limit=200{cursor}");
        let page = app.rest.get(&people[1].token, &path).await;
        found += page["items"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, talkers[0].said());
    talkers[1].settle(&app).await;
    app.end().await;
}
