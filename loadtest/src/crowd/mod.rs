//! The members of a room, or the readers of a baseline: the same clients on both sides.

pub(crate) mod board;
mod source;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::pending;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use self::board::{Again, Board, Duty, Noted, pull_op};
use self::source::Source;
use crate::baseline::{Baseline, Kind, Template};
use crate::check::Faults;
use crate::client::{Client, Ending, SignIn};
use crate::endpoint::Endpoint;
use crate::pace::{Epoch, Pace};
use crate::proc::{Pins, Process};
use crate::progress::Progress;
use crate::scan::TEXT_HEAD;
use crate::setup::User;

/// Nothing moves for so long: the rest will not come.
const STALL: Duration = Duration::from_secs(30);

/// How the messages of a round follow each other.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub messages: usize,
    /// Messages on their way at the same time.
    pub window: usize,
    /// Messages a second, whatever happens to those before.
    pub rate: Option<f64>,
}

/// What a round found.
pub(crate) struct Outcome {
    pub noted: Noted,
    pub cpu: Option<Duration>,
    pub our_cpu: Duration,
    pub took: Duration,
    /// How late the tester came to its own open-loop sends; it is inside the latencies.
    pub late: Option<Histogram<u64>>,
    pub is_stalled: bool,
}

/// Who is in a room of the server.
#[derive(Clone, Copy)]
pub(crate) struct Seats<'a> {
    /// They send in turn.
    pub users: &'a [User],
    /// So many of them, the first ones, have the room open.
    pub listeners: usize,
    pub room: &'a str,
    /// Bytes of the text of a message.
    pub text_bytes: usize,
}

pub(crate) struct Crowd {
    board: Rc<Board>,
    source: Source,
    put_off: UnboundedReceiver<Again>,
    /// What was put off, by the moment at which it may be sent again, with its serial and when it
    /// was due.
    waiting: BinaryHeap<Reverse<(Instant, u64, Instant)>>,
    followers: JoinSet<Ending>,
    members: usize,
    driven: Driven,
    epoch: Epoch,
    /// The newest seq before the first round.
    head: u64,
    sent: u64,
}

/// What the crowd is connected to.
enum Driven {
    /// With its process, where it may be read.
    Server(Option<Process>),
    /// Ends with its crowd.
    Baseline(Baseline),
}

impl Crowd {
    /// Signs all users in and opens the room in the sessions of the listeners.
    pub(crate) async fn of_server(
        epoch: Epoch,
        endpoint: &Endpoint,
        seats: Seats<'_>,
    ) -> Result<(Self, String)> {
        const AT_ONCE: usize = 32;
        let Seats { users, listeners, room, text_bytes } = seats;
        let progress = Progress::new("members", users.len());
        let (mut open, mut silent, mut server, mut head) =
            (Vec::new(), Vec::new(), String::new(), 0);
        let numbered: Vec<(usize, &User)> = users.iter().enumerate().collect();
        for some in numbered.chunks(AT_ONCE) {
            let mut arriving = JoinSet::new();
            for (number, user) in some {
                let (endpoint, token) = (endpoint.clone(), user.token.clone());
                let room = (*number < listeners).then(|| room.to_owned());
                arriving.spawn_local(async move {
                    let sign_in = SignIn::FirstFrame;
                    let (mut client, hello) = Client::connect(&endpoint, &token, sign_in).await?;
                    let opened = match room {
                        Some(room) => Some(client.open(2, &room).await?),
                        None => None,
                    };
                    Ok::<_, anyhow::Error>((client, hello.server, opened))
                });
            }
            while let Some(arrived) = arriving.join_next().await {
                let (client, name, opened) = arrived??;
                server = name;
                if let Some(opened) = opened {
                    let at = opened.get("head").and_then(serde_json::Value::as_u64);
                    head = at.context("open told no head")?;
                    open.push(client);
                } else {
                    silent.push(client);
                }
                progress.step(1);
            }
        }
        progress.done();
        let writers = open.iter().chain(&silent).map(Client::writer).collect();
        let filler = "x".repeat(text_bytes.saturating_sub(TEXT_HEAD));
        let source = Source::Server { room: room.to_owned(), writers, filler };
        let mut crowd = Self::follow(epoch, source, open, room, head);
        // They hear nothing of the room, but the replies to what they send.
        for client in silent {
            let nobody = usize::MAX;
            let board = crowd.board.clone();
            crowd.followers.spawn_local(follow(client, nobody, board, room.to_owned()));
        }
        Ok((crowd, server))
    }

    /// Starts a baseline whose deliveries have `bytes`, and connects its readers.
    pub(crate) async fn of_baseline(
        epoch: Epoch,
        kind: Kind,
        (bytes, members): (usize, usize),
        pins: Option<&Pins>,
    ) -> Result<Self> {
        let baseline = Baseline::start(kind, bytes, members, pins)?;
        let mut clients = Vec::with_capacity(members);
        let (source, talker) = if kind.is_chat() {
            let endpoint = Endpoint::local(baseline.addr);
            for _ in 0..members {
                clients.push(Client::greeted(&endpoint).await?);
            }
            let talker = Client::greeted(&endpoint).await?;
            let (writer, template) = (talker.writer(), Template::new(bytes)?);
            (Source::Talker { writer, template }, Some(talker))
        } else {
            let control = TcpStream::connect(baseline.addr).await?;
            control.set_nodelay(true)?;
            for _ in 0..members {
                clients.push(Client::bare(TcpStream::connect(baseline.addr).await?));
            }
            (Source::Trigger(control), None)
        };
        let mut crowd = Self::follow(epoch, source, clients, "", 0);
        // The talker hears nothing of use, but it must answer the heartbeats.
        if let Some(mut talker) = talker {
            crowd.followers.spawn_local(async move {
                loop {
                    if let Err(ending) = talker.read(|_, _| {}).await {
                        return ending;
                    }
                }
            });
        }
        crowd.driven = Driven::Baseline(baseline);
        Ok(crowd)
    }

    /// Says which process the server is.
    pub(crate) fn measure(&mut self, process: Option<Process>) {
        self.driven = Driven::Server(process);
    }

    /// Latency over time counts from here on.
    pub(crate) fn count_time_from(&self, begin: Instant) {
        self.board.count_time_from(begin);
    }

    /// Whose CPU and memory are read.
    pub(crate) fn process(&self) -> Option<Process> {
        match &self.driven {
            Driven::Server(process) => *process,
            Driven::Baseline(baseline) => Some(baseline.process()),
        }
    }

    fn follow(epoch: Epoch, source: Source, clients: Vec<Client>, room: &str, head: u64) -> Self {
        let (again, put_off) = unbounded_channel();
        let members = clients.len();
        let board = Rc::new(Board::new(epoch, members, head, again));
        let mut followers = JoinSet::new();
        for (member, client) in clients.into_iter().enumerate() {
            followers.spawn_local(follow(client, member, board.clone(), room.to_owned()));
        }
        Self {
            board,
            source,
            put_off,
            waiting: BinaryHeap::new(),
            followers,
            members,
            driven: Driven::Server(None),
            epoch,
            head,
            sent: 0,
        }
    }

    /// Sends the messages of one round and waits until each of them is through.
    pub(crate) async fn round(&mut self, load: Load) -> Result<Outcome> {
        let window = Rc::new(Semaphore::new(load.window));
        self.board.begin(self.sent + 1, window.clone())?;
        let (us, process) = (Process::ours(), self.process());
        let (ours, theirs) = (us.cpu()?, process.map(|process| process.cpu()).transpose()?);
        let begin = Instant::now();
        let mut clock = load.rate.map(Pace::per_second).transpose()?;
        let is_stalled = !self.send_all(load, clock.as_mut(), &window).await?;
        let took = begin.elapsed();
        let cpu = match (process, theirs) {
            (Some(process), Some(earlier)) => Some(process.cpu()?.since(&earlier)),
            _ => None,
        };
        let our_cpu = us.cpu()?.since(&ours);
        let noted = self.board.end().context("the round is gone")?;
        let late = clock.map(|clock| clock.late().clone());
        Ok(Outcome { noted, cpu, our_cpu, took, late, is_stalled })
    }

    /// False when messages stopped getting through.
    async fn send_all(
        &mut self,
        load: Load,
        mut clock: Option<&mut Pace>,
        window: &Semaphore,
    ) -> Result<bool> {
        for _ in 0..load.messages {
            let due = match &mut clock {
                Some(clock) => Some(self.while_sending_again(clock.due()).await?),
                None => None,
            };
            let turn = timeout(STALL, window.acquire());
            let Ok(permit) = self.while_sending_again(turn).await? else {
                return Ok(false);
            };
            permit?.forget();
            let due = due.unwrap_or_else(Instant::now);
            self.sent += 1;
            self.board.sent(due, self.source.signs(self.members));
            self.source.send(self.sent, self.epoch.stamp(due)).await?;
        }
        let all = timeout(STALL, window.acquire_many(u32::try_from(load.window)?));
        Ok(self.while_sending_again(all).await?.is_ok())
    }

    /// Waits for something, and meanwhile sends again what the server put off, each when its time
    /// has come: what is due besides does not wait for it.
    async fn while_sending_again<T>(&mut self, wait: impl Future<Output = T>) -> Result<T> {
        tokio::pin!(wait);
        loop {
            let ripe = self.waiting.peek().map(|Reverse((at, ..))| *at);
            let ripe = async {
                match ripe {
                    Some(at) => sleep_until(at.into()).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(Again { serial, due, wait_ms }) = self.put_off.recv() => {
                    let at = Instant::now() + Duration::from_millis(wait_ms);
                    self.waiting.push(Reverse((at, serial, due)));
                }
                () = ripe => {
                    if let Some(Reverse((_, serial, due))) = self.waiting.pop() {
                        self.source.send(serial, self.epoch.stamp(due)).await?;
                    }
                }
                done = &mut wait => return Ok(done),
            }
        }
    }

    /// How long a delivery is, from the last one seen.
    pub(crate) fn line_bytes(&self) -> Result<usize> {
        match self.board.line_bytes() {
            0 => bail!("no message came through: {}", self.board.refused().join("; ")),
            bytes => Ok(bytes),
        }
    }

    pub(crate) fn verdict(&self) -> Faults {
        self.board.verdict(self.sent, self.head)
    }

    pub(crate) fn refused(&self) -> Vec<String> {
        self.board.refused()
    }

    pub(crate) fn lagged(&self) -> u64 {
        self.board.lagged()
    }

    /// Sessions that ended although nobody told them to.
    pub(crate) fn dropped(&mut self) -> Vec<String> {
        let mut endings = Vec::new();
        while let Some(ending) = self.followers.try_join_next() {
            endings.push(ending.map_or_else(|error| error.to_string(), |end| end.to_string()));
        }
        endings
    }
}

async fn follow(mut client: Client, member: usize, board: Rc<Board>, room: String) -> Ending {
    let writer = client.writer();
    loop {
        let mut duty = Duty::Nothing;
        let turn = client.read(|line, at| match board.take(member, line, at) {
            Duty::Nothing => {}
            pull => duty = pull,
        });
        if let Err(ending) = turn.await {
            return ending;
        }
        board.read_done();
        if let Duty::Pull { after } = duty
            && let Err(error) = writer.send(&pull_op(&room, after)).await
        {
            return Ending::Failed(error);
        }
    }
}
