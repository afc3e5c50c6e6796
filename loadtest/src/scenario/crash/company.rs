//! The tasks that keep the clients of the crash scenario connected, and tell them what is next.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::client::{Client, Ending, SignIn};
use crate::endpoint::Endpoint;
use crate::http::Refused;
use crate::scenario::crash::player::Memory;
use crate::setup::{self, User};

/// What the clients are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) enum Phase {
    /// Send and follow.
    Send,
    /// Nothing new; get what is open acknowledged, and follow.
    Finish,
    /// Follow to this seq and end.
    Reach(u64),
}

/// What the senders do.
#[derive(Clone, Copy)]
pub(in crate::scenario) struct Habits {
    /// How many of the clients send.
    pub senders: usize,
    /// Messages a second of each.
    pub rate: f64,
    /// Share of the sends that are made twice.
    pub repeat: f64,
    /// Sends of one client that may be unanswered at the same time.
    pub in_flight: usize,
    /// Who hears nothing for so long takes the connection for lost.
    pub patience: Duration,
    /// Share of the connects at which a client has forgotten what it knew of the room.
    pub forget: f64,
}

/// How a session with an open room ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::scenario) struct Parting {
    /// Of the server: the number of its start.
    pub life: usize,
    /// The server had said that it ends.
    pub was_told: bool,
    /// The close code, where there was one.
    pub code: Option<u16>,
}

/// All clients.
pub(in crate::scenario) struct Company {
    phase: watch::Sender<Phase>,
    players: Vec<Rc<Player>>,
    tasks: JoinSet<()>,
    life: Rc<Cell<usize>>,
}

pub(in crate::scenario) struct Player {
    pub memory: RefCell<Memory>,
    user: RefCell<User>,
    /// Messages a second; zero for a listener.
    rate: f64,
    habits: Habits,
    pub connects: Cell<u64>,
    /// The longest time between losing a connection and having the room open again.
    pub longest_gap: Cell<Duration>,
    pub refusals: RefCell<Vec<String>>,
    pub partings: RefCell<Vec<Parting>>,
    /// The life of the server that is going on.
    life: Rc<Cell<usize>>,
}

impl Company {
    /// The first users send, the others only listen.
    pub(in crate::scenario) fn start(
        endpoint: &Endpoint,
        users: Vec<User>,
        room: &str,
        habits: Habits,
        seed: u64,
    ) -> Self {
        let (phase, told) = watch::channel(Phase::Send);
        let (mut players, mut tasks) = (Vec::new(), JoinSet::new());
        let life = Rc::new(Cell::new(0));
        for (number, user) in users.into_iter().enumerate() {
            let is_sender = number < habits.senders;
            let name = format!("{}{number}", if is_sender { "s" } else { "l" });
            let player = Rc::new(Player {
                memory: RefCell::new(Memory::new(name, room.to_owned())),
                user: RefCell::new(user),
                rate: if is_sender { habits.rate } else { 0.0 },
                habits,
                connects: Cell::new(0),
                longest_gap: Cell::new(Duration::ZERO),
                refusals: RefCell::default(),
                partings: RefCell::default(),
                life: Rc::clone(&life),
            });
            let random = SmallRng::seed_from_u64(seed.wrapping_add(number as u64 + 1));
            let (endpoint, told) = (endpoint.clone(), told.clone());
            let one = player.clone();
            tasks.spawn_local(async move { one.play(endpoint, told, random).await });
            players.push(player);
        }
        Self { phase, players, tasks, life }
    }

    /// The server is about to start again.
    pub(in crate::scenario) fn next_life(&self) {
        self.life.update(|life| life + 1);
    }

    pub(in crate::scenario) fn players(&self) -> &[Rc<Player>] {
        &self.players
    }

    /// Waits until everybody has the room open.
    pub(in crate::scenario) async fn all_open(&self, limit: Duration) -> bool {
        eventually(limit, || self.players.iter().all(|player| player.memory.borrow().is_open()))
            .await
    }

    /// No new messages; true when all that was sent is acknowledged.
    pub(in crate::scenario) async fn finish(&self, limit: Duration) -> bool {
        self.phase.send_replace(Phase::Finish);
        eventually(limit, || self.players.iter().all(|p| p.memory.borrow().unacked() == 0)).await
    }

    /// Everybody follows to `head`; true when all got there.
    pub(in crate::scenario) async fn reach(&mut self, head: u64, limit: Duration) -> bool {
        self.phase.send_replace(Phase::Reach(head));
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let is_done = timeout(limit, all).await.is_ok();
        self.tasks.abort_all();
        is_done
    }

    pub(in crate::scenario) fn acked(&self) -> usize {
        self.players.iter().map(|player| player.memory.borrow().acked.len()).sum()
    }
}

async fn eventually(limit: Duration, holds: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(10)).await;
    }
    true
}

impl Player {
    async fn play(
        &self,
        endpoint: Endpoint,
        mut phase: watch::Receiver<Phase>,
        mut random: SmallRng,
    ) {
        let mut lost_at = Instant::now();
        loop {
            if self.is_there(*phase.borrow()) {
                return;
            }
            match self.arrive(&endpoint).await {
                Some(mut client) => {
                    self.converse(&mut client, &mut phase, &mut random, lost_at).await;
                    lost_at = Instant::now();
                }
                // Nobody answers while the server is down.
                None => sleep(Duration::from_millis(random.random_range(5..40))).await,
            }
        }
    }

    async fn arrive(&self, endpoint: &Endpoint) -> Option<Client> {
        let token = self.user.borrow().token.clone();
        let connect = Client::connect(endpoint, &token, SignIn::Header);
        match timeout(self.habits.patience, connect).await.ok()? {
            Ok((client, _)) => {
                self.connects.update(|count| count + 1);
                Some(client)
            }
            Err(error) => {
                let status = error.downcast_ref::<Refused>().map(|refused| refused.status);
                if status == Some(401) {
                    self.sign_in_again(endpoint).await;
                }
                if status.is_some() {
                    self.refusals.borrow_mut().push(format!("{error:#}"));
                }
                None
            }
        }
    }

    /// Access tokens live for half an hour; a longer run needs another.
    async fn sign_in_again(&self, endpoint: &Endpoint) {
        let username = self.user.borrow().username.clone();
        if let Ok(user) = setup::login(endpoint, &username).await {
            self.user.replace(user);
        }
    }

    /// Until the connection is lost, or the goal of the phase is reached.
    async fn converse(
        &self,
        client: &mut Client,
        phase: &mut watch::Receiver<Phase>,
        random: &mut SmallRng,
        lost_at: Instant,
    ) {
        let (writer, life) = (client.writer(), self.life.get());
        if random.random_bool(self.habits.forget) {
            self.memory.borrow_mut().forget();
        }
        let open = self.memory.borrow_mut().connected();
        if writer.send(&open).await.is_err() {
            return;
        }
        let mut was_open = false;
        let mut heard_at = Instant::now();
        let mut next = Instant::now() + self.pause(random);
        loop {
            let now = *phase.borrow_and_update();
            if self.is_there(now) {
                return;
            }
            if !was_open && self.memory.borrow().is_open() {
                was_open = true;
                self.longest_gap.set(self.longest_gap.get().max(lost_at.elapsed()));
            }
            if Instant::now() >= next {
                next = Instant::now() + self.pause(random);
                self.maybe_compose(now, random);
            }
            loop {
                let op = self.memory.borrow_mut().next_op();
                let Some(op) = op else { break };
                if writer.send(&op).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                turn = client.read(|line, _| self.memory.borrow_mut().take(line)) => {
                    if let Err(ending) = turn {
                        return self.part(life, &ending);
                    }
                    heard_at = Instant::now();
                }
                () = sleep_until(next) => {}
                () = sleep_until(heard_at + self.habits.patience) => return,
                changed = phase.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn part(&self, life: usize, ending: &Ending) {
        let memory = self.memory.borrow();
        if memory.is_open() {
            let code = if let Ending::Close(code) = ending { Some(*code) } else { None };
            let parting = Parting { life, was_told: memory.is_drained(), code };
            self.partings.borrow_mut().push(parting);
        }
    }

    fn is_there(&self, phase: Phase) -> bool {
        matches!(phase, Phase::Reach(head) if self.memory.borrow().head() >= head)
    }

    fn maybe_compose(&self, phase: Phase, random: &mut SmallRng) {
        let mut memory = self.memory.borrow_mut();
        if phase == Phase::Send && self.rate > 0.0 && memory.unacked() < self.habits.in_flight {
            let copies = if random.random_bool(self.habits.repeat) { 2 } else { 1 };
            memory.compose(copies);
        }
    }

    /// Between two sends; a listener only looks up now and then.
    fn pause(&self, random: &mut SmallRng) -> Duration {
        if self.rate > 0.0 {
            Duration::from_secs_f64(random.random_range(0.0..2.0) / self.rate)
        } else {
            Duration::from_secs(1)
        }
    }
}
