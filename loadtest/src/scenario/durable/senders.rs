//! The senders: each has one message on its way, and sends the next when that is acknowledged.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::answer::Answer;
use crate::client::{Client, Ending, SignIn};
use crate::endpoint::Endpoint;
use crate::progress::Progress;
use crate::setup::User;
use crate::timeline::Timeline;

/// The last answers of a round come within this time, or not at all.
const FINISH: Duration = Duration::from_secs(30);

/// Latency over time is drawn in stretches of so long, or longer ones.
const STRETCH: Duration = Duration::from_millis(250);

/// What the senders write, and where: sender `i` to room `i % rooms`.
pub(super) struct Plan {
    pub rooms: Vec<String>,
    pub text: usize,
}

/// What a round found.
pub(super) struct Round {
    pub acked: u64,
    /// From the first send to the last acknowledgement.
    pub took: Duration,
    pub latency: Timeline,
    /// Sends that the server's rate limit put off.
    pub put_off: u64,
}

pub(super) struct Senders {
    board: Rc<RefCell<Board>>,
    is_on: watch::Sender<bool>,
    tasks: JoinSet<Ending>,
}

/// Where every answer is noted.
struct Board {
    /// The acknowledged seqs of each room.
    seqs: Vec<Vec<u64>>,
    /// Messages without an answer.
    pending: usize,
    last_at: Instant,
    latency: Timeline,
    put_off: u64,
    acked: u64,
    cids: u64,
    refused: Vec<String>,
}

impl Senders {
    /// Signs everybody in. Nobody opens a room, so that what is measured is the way to the disk and
    /// back, not the fan-out.
    pub(super) async fn connect(endpoint: &Endpoint, users: &[User], plan: Plan) -> Result<Self> {
        const AT_ONCE: usize = 32;
        let progress = Progress::new("senders", users.len());
        let board = Rc::new(RefCell::new(Board {
            seqs: vec![Vec::new(); plan.rooms.len()],
            pending: 0,
            last_at: Instant::now(),
            latency: Timeline::new(Instant::now(), STRETCH)?,
            put_off: 0,
            acked: 0,
            cids: 0,
            refused: Vec::new(),
        }));
        let (is_on, round) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let plan = Rc::new(plan);
        for (chunk, some) in users.chunks(AT_ONCE).enumerate() {
            let connecting =
                some.iter().map(|user| Client::connect(endpoint, &user.token, SignIn::FirstFrame));
            let clients = futures_util::future::try_join_all(connecting).await?;
            for (place, (client, _)) in clients.into_iter().enumerate() {
                let room = (chunk * AT_ONCE + place) % plan.rooms.len().max(1);
                let sender = Sender { client, board: board.clone(), plan: plan.clone(), room };
                tasks.spawn_local(sender.live(round.clone()));
                progress.step(1);
            }
        }
        progress.done();
        Ok(Self { board, is_on, tasks })
    }

    /// Everybody sends for so long; ends when everything that was sent is answered.
    pub(super) async fn round(&mut self, time: Duration) -> Result<Round> {
        self.board.borrow_mut().begin()?;
        let before = self.board.borrow().acked;
        let begin = Instant::now();
        self.is_on.send_replace(true);
        sleep(time).await;
        self.is_on.send_replace(false);
        let all_answered = async {
            while self.board.borrow().pending > 0 && !self.tasks.is_empty() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(FINISH, all_answered).await.context("not everything that was sent is answered")?;
        let board = self.board.borrow();
        let took = board.last_at.saturating_duration_since(begin);
        let acked = board.acked - before;
        ensure!(acked > 0, "nothing was acknowledged: {}", board.refused.join("; "));
        Ok(Round { acked, took, latency: board.latency.clone(), put_off: board.put_off })
    }

    /// Acknowledged since the senders connected.
    pub(super) fn acked(&self) -> u64 {
        self.board.borrow().acked
    }

    /// The acknowledged seqs of each room, ascending.
    pub(super) fn seqs(&self) -> Vec<Vec<u64>> {
        let mut seqs = self.board.borrow().seqs.clone();
        for room in &mut seqs {
            room.sort_unstable();
        }
        seqs
    }

    pub(super) fn refused(&self) -> Vec<String> {
        self.board.borrow().refused.clone()
    }

    /// Sessions that ended although nobody told them to.
    pub(super) fn dropped(&mut self) -> Vec<String> {
        let mut endings = Vec::new();
        while let Some(ending) = self.tasks.try_join_next() {
            endings.push(ending.map_or_else(|error| error.to_string(), |end| end.to_string()));
        }
        endings
    }
}

impl Board {
    fn begin(&mut self) -> Result<()> {
        self.latency = Timeline::new(Instant::now(), STRETCH)?;
        self.put_off = 0;
        Ok(())
    }

    fn next_cid(&mut self) -> u64 {
        self.cids += 1;
        self.cids
    }

    fn note(&mut self, room: usize, answer: Answer, sent_at: Instant, at: Instant) -> Next {
        match answer {
            Answer::Acked { seq } => {
                self.acked += 1;
                self.last_at = at;
                // Only a number that the histogram cannot hold is refused, and there is none.
                let _ = self.latency.record(sent_at, at.saturating_duration_since(sent_at));
                if let Some(seqs) = self.seqs.get_mut(room) {
                    seqs.push(seq);
                }
                Next::Message
            }
            Answer::PutOff { wait } => {
                self.put_off += 1;
                Next::AgainIn(wait)
            }
            Answer::Refused(why) => {
                self.refused.push(why);
                // A server that refuses everything must not be asked in a tight loop.
                Next::MessageIn(Duration::from_millis(100))
            }
        }
    }
}

/// What a sender does after an answer.
enum Next {
    Message,
    MessageIn(Duration),
    AgainIn(Duration),
}

struct Sender {
    client: Client,
    board: Rc<RefCell<Board>>,
    plan: Rc<Plan>,
    /// Which room of the plan.
    room: usize,
}

impl Sender {
    async fn live(mut self, mut is_on: watch::Receiver<bool>) -> Ending {
        loop {
            // Between rounds there are heartbeats to answer.
            while !*is_on.borrow_and_update() {
                tokio::select! {
                    _ = is_on.changed() => {}
                    read = self.client.read(|_, _| {}) => {
                        if let Err(ending) = read {
                            return ending;
                        }
                    }
                }
            }
            self.board.borrow_mut().pending += 1;
            let sent = self.send().await;
            self.board.borrow_mut().pending -= 1;
            if let Err(ending) = sent {
                return ending;
            }
        }
    }

    /// Sends one message, again and again under the same cid while the server puts it off.
    async fn send(&mut self) -> Result<(), Ending> {
        let cid = self.board.borrow_mut().next_cid();
        let Plan { rooms, text } = &*self.plan;
        let room = rooms.get(self.room).map_or("", String::as_str);
        let op = format!(
            r#"{{"id":7,"op":"send","room":"{room}","cid":"load-{cid}","text":"{:x<text$}"}}"#,
            "x"
        );
        // A message that was put off counts from its first send.
        let sent_at = Instant::now();
        loop {
            self.client.writer().send(&op).await.map_err(Ending::Failed)?;
            let (answer, at) = self.answer().await?;
            let next = self.board.borrow_mut().note(self.room, answer, sent_at, at);
            match next {
                Next::Message => return Ok(()),
                Next::AgainIn(wait) => sleep(wait).await,
                Next::MessageIn(wait) => {
                    sleep(wait).await;
                    return Ok(());
                }
            }
        }
    }

    async fn answer(&mut self) -> Result<(Answer, Instant), Ending> {
        loop {
            let mut found = None;
            self.client
                .read(|line, at| {
                    if let Some(answer) = Answer::of(line) {
                        found = Some((answer, at));
                    }
                })
                .await?;
            if let Some(found) = found {
                return Ok(found);
            }
        }
    }
}
