//! Everybody who watches: for each room as many sessions as asked for, each with that one room open.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::board::{Board, Ear, FIRST_ASK, PULL};
use super::provider::{Provider, question};
use crate::client::{Client, Ending, SignIn, Writer};
use crate::endpoint::Endpoint;
use crate::progress::Progress;
use crate::setup::User;

/// Sign-ins under way at the same time.
const AT_ONCE: usize = 64;
/// Nothing moves for so long: the rest will not come.
const STALL: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(2);

pub(super) struct Viewers {
    pub board: Rc<Board>,
    pub server: String,
    rooms: Vec<String>,
    /// Who asks in each room, one of its viewers.
    askers: Vec<Writer>,
    each: usize,
    followers: JoinSet<Ending>,
}

impl Viewers {
    /// Lets every user open every room, each in a session of its own.
    pub(super) async fn arrive(
        endpoint: &Endpoint,
        users: &[User],
        rooms: &[String],
        board: &Rc<Board>,
        provider: &Rc<Provider>,
    ) -> Result<Self> {
        let each = users.len();
        board.viewers.set(each);
        let progress = Progress::new("viewers", rooms.len() * each);
        let (mut askers, mut followers) = (vec![None; rooms.len()], JoinSet::new());
        let mut server = String::new();
        let numbered = |at: usize| Some((at / each, rooms.get(at / each)?, users.get(at % each)?));
        let all: Vec<_> = (0..rooms.len() * each).filter_map(numbered).collect();
        for (chunk, some) in all.chunks(AT_ONCE).enumerate() {
            let mut arriving = JoinSet::new();
            for (place, (number, room, user)) in some.iter().enumerate() {
                let (endpoint, token) = (endpoint.clone(), user.token.clone());
                let (number, room) = (*number, (*room).clone());
                // Another user asks in each room.
                let asks = (chunk * AT_ONCE + place) % each == number % each;
                arriving.spawn_local(async move {
                    let arrived = Client::connect(&endpoint, &token, SignIn::ForAnswers).await;
                    let (mut client, hello) = arrived?;
                    client.open(2, &room).await?;
                    Ok::<_, anyhow::Error>((number, room, asks, client, hello.server))
                });
            }
            while let Some(arrived) = arriving.join_next().await {
                let (number, room, asks, client, name) = arrived??;
                server = name;
                if asks && let Some(asker) = askers.get_mut(number) {
                    *asker = Some(client.writer());
                }
                followers.spawn_local(follow(client, room, board.clone(), provider.clone()));
                progress.step(1);
            }
        }
        progress.done();
        let askers: Option<Vec<Writer>> = askers.into_iter().collect();
        let askers = askers.context("a room without an asker")?;
        Ok(Self { board: board.clone(), server, rooms: rooms.to_vec(), askers, each, followers })
    }

    pub(super) fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Viewers of a room.
    pub(super) fn each(&self) -> usize {
        self.each
    }

    /// Asks the question with this number in a room.
    pub(super) async fn ask(&self, room: usize, number: u64) -> Result<()> {
        let id = self.rooms.get(room).context("no such room")?;
        let op = json!({
            "id": FIRST_ASK + number, "op": "send", "room": id,
            "cid": format!("q-{number}"), "text": question(number),
        });
        let asker = self.askers.get(room).context("nobody to ask")?;
        Ok(asker.send(&op.to_string()).await?)
    }

    /// Waits until so many ends were heard since the beginning, as long as anything comes; false when
    /// nothing does any more.
    pub(super) async fn heard(&self, ends: usize) -> bool {
        let (mut pulse, mut since) = (self.board.pulse.get(), Instant::now());
        while self.board.ended.get() < ends {
            sleep(POLL).await;
            let now = self.board.pulse.get();
            if now != pulse {
                (pulse, since) = (now, Instant::now());
            }
            if since.elapsed() > STALL {
                let ended = self.board.ended.get();
                self.board.breaks(|| format!("{ended} of {ends} ends came, and nothing more"));
                return false;
            }
        }
        true
    }

    /// Sessions that ended although nobody told them to.
    pub(super) fn dropped(&mut self) -> Vec<String> {
        let mut endings = Vec::new();
        while let Some(ending) = self.followers.try_join_next() {
            endings.push(ending.map_or_else(|error| error.to_string(), |end| end.to_string()));
        }
        endings
    }
}

async fn follow(
    mut client: Client,
    room: String,
    board: Rc<Board>,
    provider: Rc<Provider>,
) -> Ending {
    let (writer, mut ear, mut after) = (client.writer(), Ear::default(), None);
    loop {
        let turn = client.read(|line, at| {
            after = board.take(&mut ear, &provider, line, at).or(after);
        });
        if let Err(ending) = turn.await {
            return ending;
        }
        if let Some(after) = after.take() {
            let pull = json!({"id": PULL, "op": "pull", "room": room, "after": after});
            if let Err(error) = writer.send(&pull.to_string()).await {
                return Ending::Failed(error);
            }
        }
    }
}
