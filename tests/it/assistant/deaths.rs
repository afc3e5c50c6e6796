//! The program dies at one exact moment of an answer, as by SIGKILL, and comes back: every question
//! comes to exactly one end that all see, none is put to a model again, and the room goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Models, send};
use crate::support::{Client, Person, Process, SOON, eventually_within, free_address};

/// Slow to begin, so that a second question waits behind the first by then.
const MODEL: &str = "slow:400+tps:200+words:6";
/// Where several nodes may write, a moment passes before one takes up what another has left.
const TAKEN_UP: Duration = Duration::from_secs(60);

/// A moment of the first answer.
struct Death {
    /// What is planted for it.
    at: &'static str,
    /// How that answer ends then.
    finish: &'static str,
    /// How often a model is asked for it.
    calls: usize,
}

const DEATHS: &[Death] = &[
    // It has its turn, and nothing is done.
    Death { at: "panic=assistant,panic_at=start", finish: "stop", calls: 1 },
    // It stands in the log, empty, and nobody speaks it.
    Death { at: "panic=assistant,panic_at=middle", finish: "error", calls: 0 },
    // No model was asked.
    Death { at: "panic=run,panic_at=start", finish: "error", calls: 0 },
    // The first word is here, and was neither told nor noted.
    Death { at: "panic=run,panic_at=middle", finish: "error", calls: 1 },
    // All is said, and who has it end does not know.
    Death { at: "panic=run,panic_at=end", finish: "error", calls: 1 },
    // All is said, and the end is not in the log.
    Death { at: "panic=assistant,panic_at=start,panic_spares=1", finish: "error", calls: 1 },
    // The end is in the log, and the queue has not moved on.
    Death { at: "panic=assistant,panic_at=end,panic_spares=1", finish: "stop", calls: 1 },
];

/// The room, and who asks in it.
struct Asker {
    person: Person,
    room: String,
    epoch: String,
}

impl Asker {
    async fn enter(process: &Process) -> (Self, Client) {
        let person = process.rest.register("mina").await;
        let rooms = process.rest.get(&person.token, "/v1/rooms").await;
        let room = rooms["items"][0]["id"].as_str().unwrap().to_owned();
        let mut session = Client::connect(process.address).await;
        session.auth(&person.token).await;
        let epoch = session.open(&room).await["epoch"].as_str().unwrap().to_owned();
        (Self { person, room, epoch }, session)
    }

    /// A session that hears the room from its beginning.
    async fn listen(&self, process: &Process) -> Client {
        let mut session = Client::connect(process.address).await;
        session.auth(&self.person.token).await;
        session.open_since(&self.room, &self.epoch, 0).await;
        session
    }

    /// The answers of the room as a list shows them.
    async fn answers(&self, process: &Process) -> Vec<Value> {
        let path = format!("/v1/rooms/{}/messages?after_seq=0&limit=200", self.room);
        let page = process.rest.get(&self.person.token, &path).await;
        let all = page["items"].as_array().unwrap().iter();
        all.filter(|message| message["by"] == "u_ai").cloned().collect()
    }
}

/// What a session heard of each run: its beginnings, and its ends.
async fn heard(session: &mut Client) -> BTreeMap<String, (usize, Vec<Value>)> {
    session.expect_none(|line| line["ev"] == "gap").await;
    let mut runs: BTreeMap<String, (usize, Vec<Value>)> = BTreeMap::new();
    for line in session.heard() {
        let run = line["d"]["run"].as_str().unwrap_or_default().to_owned();
        match line["ev"].as_str() {
            Some("ai.start") => runs.entry(run).or_default().0 += 1,
            Some("ai.end") => runs.entry(run).or_default().1.push(line["d"].clone()),
            // Who comes while it is buried hears what is known, not that nothing was said.
            Some("ai.state") => {
                let run = line["run"].as_str().unwrap();
                assert!(runs.get(run).is_none_or(|(_, ends)| ends.is_empty()), "{line}");
            }
            _of_no_concern => {}
        }
    }
    runs
}

/// Asks two things of a process that dies over the first; both stand in the log afterwards.
async fn ask_two(process: &mut Process, asker: &Asker, session: &mut Client) {
    for (cid, text) in [("c-1", "@ai one?"), ("c-2", "@ai two?")] {
        // It may be dead before it has taken the second.
        let _taken = session.try_request(send(&asker.room, cid, text)).await;
    }
    tokio::time::timeout(SOON, process.child.wait()).await.expect("it does not die").unwrap();
}

async fn dies(death: &Death, folder: &Path, more: &[(&str, &str)]) {
    let models = Models::listen().await;
    let address = free_address();
    let settings = [models.settings(MODEL).as_slice(), more].concat();
    let plant = format!("{},panic_every_ms=1,panic_is_death", death.at);
    let planted = [settings.as_slice(), &[("MOIM_PLANT", plant.as_str())]].concat();
    let mut process = Process::start_with(folder, address, &planted).await;
    let (asker, mut session) = Asker::enter(&process).await;
    ask_two(&mut process, &asker, &mut session).await;

    let process = Process::start_with(folder, address, &settings).await;
    let mut session = asker.listen(&process).await;
    // The same send: taken once, before or now.
    session.send(&asker.room, "c-2", "@ai two?").await;
    eventually_within(TAKEN_UP, &format!("both are over: {}", death.at), async || {
        let answers = asker.answers(&process).await;
        answers.len() == 2 && answers.iter().all(|answer| answer["ai"]["state"] == "done")
    })
    .await;
    let answers = asker.answers(&process).await;
    let finishes: Vec<_> = answers.iter().map(|answer| answer["ai"]["finish"].clone()).collect();
    assert_eq!(finishes, [json!(death.finish), json!("stop")], "{}", death.at);
    let mut late = asker.listen(&process).await;
    for runs in [heard(&mut session).await, heard(&mut late).await] {
        assert_eq!(runs.len(), 2, "{}: {runs:?}", death.at);
        for (answer, (starts, ends)) in answers.iter().zip(runs.values()) {
            assert_eq!((*starts, ends.len()), (1, 1), "{}: {runs:?}", death.at);
            assert_eq!(ends[0]["text"].as_str().unwrap_or_default(), answer["text"]);
        }
    }
    the_room_goes_on(&asker, &mut session).await;
    let calls = models.mock.calls().len();
    assert_eq!(calls, death.calls + 1, "a model was asked so often: {}", death.at);
    process.kill().await;
}

async fn the_room_goes_on(asker: &Asker, session: &mut Client) {
    assert_eq!(session.send(&asker.room, "c-3", "we talk on").await["dup"], false);
    session.wait_for(|line| line["ev"] == "msg.new" && line["d"]["text"] == "we talk on").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_whatever_moment_it_dies_each_question_has_one_end() {
    for death in DEATHS {
        let folder = tempfile::tempdir().unwrap();
        dies(death, folder.path(), &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_whatever_moment_it_dies_each_question_has_one_end_on_postgres() {
    // Side by side: each waits until what was left is taken up.
    let all = DEATHS.iter().map(|death| async move {
        let Some(url) = crate::support::fresh().await else { return };
        let folder = tempfile::tempdir().unwrap();
        dies(death, folder.path(), &[("MOIM_DATABASE_URL", url.as_str())]).await;
    });
    join_all(all).await;
}
