//! Many signed-in sessions that do nothing: what one of them costs in memory, all of them in CPU.

mod churn;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::sleep;

use crate::client::{Client, SignIn};
use crate::endpoint::Endpoint;
use crate::proc::{CpuMark, Memory, Process};
use crate::progress::{Progress, note};
use crate::report::Report;
use crate::scenario::{Stage, need_files};
use crate::setup::{self, Club, User};

pub(crate) const GOALS: &[&str] = &["memory", "churn_growth"];
const MEMORY_GOAL_KIB: f64 = 3.0;
const SETTLE_LIMIT: Duration = Duration::from_secs(30);
/// The contract's limit of sessions of one user.
const SESSIONS_PER_USER: usize = 20;

#[derive(Args)]
pub(crate) struct Options {
    /// Sessions to hold
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Users they belong to, at most 20 sessions each [default: one each]
    #[arg(long)]
    users: Option<usize>,
    /// Rooms of each user; one is the lobby, one the club's first
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=50))]
    rooms: u16,
    /// How many of the rooms each session opens; the others stay in head mode
    #[arg(long, default_value_t = 0)]
    opened: u16,
    /// Clubs the users are spread over
    #[arg(long, default_value_t = 1)]
    clubs: usize,
    /// Sign-ins under way at the same time
    #[arg(long, default_value_t = 64)]
    at_once: usize,
    /// Seconds of silence over which CPU is counted; heartbeats come every 25 s
    #[arg(long, default_value_t = 60)]
    window: u64,
    /// After the silence, so often: a share of the sessions leaves and comes back
    #[arg(long, default_value_t = 0)]
    churn: usize,
    /// The share, in percent
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    churn_share: u8,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let count = options.connections;
    let user_count = options.users.unwrap_or(count).min(count).max(1);
    ensure!(
        count <= user_count * SESSIONS_PER_USER,
        "a user may have {SESSIONS_PER_USER} sessions"
    );
    ensure!(options.clubs > 0 && options.at_once > 0, "--clubs and --at-once start at 1");
    need_files(count)?;
    report.option("connections", count);
    report.option("users", user_count);
    report.option("rooms", options.rooms);
    report.option("opened", options.opened);
    report.option("clubs", options.clubs);
    report.option("churn", options.churn);
    report.option("churn_share", options.churn_share);
    let target = stage.target(report).await?;
    let probe = Probe(target.process);

    let empty = probe.memory().await?;
    let (users, clubs) = people(&target.endpoint, stage, options, user_count).await?;
    let before = probe.memory().await?;

    let crowd = Rc::new(Crowd::new(options));
    let begin = Instant::now();
    let people = People { endpoint: target.endpoint.clone(), users, clubs };
    let mut sessions = Sessions::connect(&crowd, people);
    crowd.wait_connected(count).await;
    let connecting = begin.elapsed();
    let connected = probe.memory().await?;

    let (heartbeats, mark) = (crowd.heartbeats.get(), probe.mark()?);
    let begin = Instant::now();
    watch_silence(options.window).await;
    let window = begin.elapsed();
    let used = probe.used(mark.as_ref())?;
    let heartbeats = crowd.heartbeats.get() - heartbeats;

    report.server = crowd.server.borrow().clone();
    report.figure("connect_all", connecting.as_secs_f64(), "s", "upgrade and sign-in of all");
    let rate = count as f64 / connecting.as_secs_f64();
    report.figure("connects_per_second", rate, "1/s", "the load tester's own cost included");
    if let Some(used) = used {
        cpu_figures(report, count, used.as_secs_f64(), window.as_secs_f64(), heartbeats);
    }
    report.figure("heartbeats", heartbeats as f64, "", "received in the window");
    let after = probe.memory().await?;
    if let Some(process) = target.process {
        report.figure("threads", process.threads() as f64, "", "of the server");
    }
    memory_figures(report, count, [empty, before, connected, after]);
    if options.churn > 0 {
        let random = SmallRng::seed_from_u64(stage.seed);
        churn::run(options, &crowd, &mut sessions, &probe, random, report).await?;
    }
    crowd.judge(report);
    drop(sessions);
    target.finish(report).await;
    Ok(())
}

/// Reads the server's process, where there is one to read.
struct Probe(Option<Process>);

impl Probe {
    async fn memory(&self) -> Result<Option<Memory>> {
        match &self.0 {
            Some(process) => Ok(Some(process.settled_memory(SETTLE_LIMIT).await?)),
            None => Ok(None),
        }
    }

    fn descriptors(&self) -> usize {
        self.0.map_or(0, |process| process.descriptors())
    }

    fn used(&self, since: Option<&CpuMark>) -> Result<Option<Duration>> {
        match (&self.0, since) {
            (Some(process), Some(mark)) => Ok(Some(process.cpu()?.since(mark))),
            _ => Ok(None),
        }
    }

    fn mark(&self) -> Result<Option<CpuMark>> {
        self.0.map(|process| process.cpu()).transpose()
    }
}

async fn people(
    endpoint: &Endpoint,
    stage: &Stage<'_>,
    options: &Options,
    count: usize,
) -> Result<(Vec<User>, Vec<Club>)> {
    let name = stage.name();
    note(&format!("{count} accounts, {} clubs", options.clubs));
    let users = setup::register(endpoint, &name, count).await?;
    let owners = setup::register(endpoint, &format!("{name}-owner"), options.clubs).await?;
    let mut clubs = Vec::new();
    for (number, owner) in owners.iter().enumerate() {
        let rooms = usize::from(options.rooms) - 2;
        clubs.push(setup::make_club(endpoint, owner, &format!("{name}-{number}"), rooms).await?);
    }
    let ids: Vec<String> = clubs.iter().map(|club| club.id.clone()).collect();
    let club_of = move |user: usize| ids.get(user % ids.len()).cloned().unwrap_or_default();
    setup::join(endpoint, &users, club_of).await?;
    Ok((users, clubs))
}

async fn watch_silence(seconds: u64) {
    let progress = Progress::new("silence", usize::try_from(seconds).unwrap_or(0));
    for _ in 0..seconds {
        sleep(Duration::from_secs(1)).await;
        progress.step(1);
    }
    progress.done();
}

fn cpu_figures(report: &mut Report, count: usize, used: f64, window: f64, heartbeats: u64) {
    report.figure("idle_cpu", 100.0 * used / window, "%", "of one core, all sessions silent");
    let each = used * 1e6 / window / count as f64;
    report.figure("cpu_per_connection", each, "µs/s", "of one that is silent");
    let each = used * 1e6 / (heartbeats.max(1) as f64);
    report.figure("cpu_per_heartbeat", each, "µs", "idle CPU by heartbeats in the window");
}

fn memory_figures(report: &mut Report, count: usize, seen: [Option<Memory>; 4]) {
    let [Some(empty), Some(before), Some(connected), Some(after)] = seen else {
        return;
    };
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let each = |now: u64, then: u64| (now as f64 - then as f64) / 1024.0 / count as f64;
    report.figure("rss_empty", mib(empty.rss_bytes), "MiB", "after start");
    report.figure("rss_accounts", mib(before.rss_bytes), "MiB", "with accounts, nobody connected");
    report.figure("rss_connected", mib(connected.rss_bytes), "MiB", "all connected, settled");
    report.figure("rss_idle", mib(after.rss_bytes), "MiB", "after the silence");
    let fresh = each(connected.rss_bytes, before.rss_bytes);
    let idle = each(after.rss_bytes, before.rss_bytes);
    report.figure("rss_per_connection", idle, "KiB", "idle less accounts");
    report.figure("rss_per_connection_fresh", fresh, "KiB", "connected less accounts");
    let anon = each(after.anon_bytes, before.anon_bytes);
    report.figure("anon_per_connection", anon, "KiB", "of it without file pages");
    report.goal("memory", idle.max(fresh), MEMORY_GOAL_KIB, "KiB");
}

/// Who they are, and where.
struct People {
    endpoint: Endpoint,
    users: Vec<User>,
    clubs: Vec<Club>,
}

/// A task for each session.
struct Sessions {
    crowd: Rc<Crowd>,
    people: Rc<People>,
    tasks: Vec<AbortHandle>,
}

impl Sessions {
    fn connect(crowd: &Rc<Crowd>, people: People) -> Self {
        let mut all = Self { crowd: crowd.clone(), people: Rc::new(people), tasks: Vec::new() };
        all.tasks = (0..crowd.progress.total()).map(|index| all.start(index)).collect();
        all
    }

    fn start(&self, index: usize) -> AbortHandle {
        let (crowd, people) = (self.crowd.clone(), self.people.clone());
        let session = async move {
            let People { endpoint, users, clubs } = &*people;
            let user = index % users.len().max(1);
            let rooms = clubs.get(user % clubs.len().max(1)).map_or(&[][..], |club| &club.rooms);
            if let Some(user) = users.get(user) {
                crowd.session(endpoint, user, rooms).await;
            }
        };
        spawn_local(session).abort_handle()
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// What the sessions have in common.
struct Crowd {
    gate: Rc<Semaphore>,
    progress: Progress,
    room_count: usize,
    opened: usize,
    connected: Cell<usize>,
    heartbeats: Cell<u64>,
    failed: RefCell<Vec<String>>,
    dropped: RefCell<Vec<String>>,
    without_rooms: Cell<u64>,
    server: RefCell<String>,
}

impl Crowd {
    fn new(options: &Options) -> Self {
        Self {
            gate: Rc::new(Semaphore::new(options.at_once)),
            progress: Progress::new("connecting", options.connections),
            room_count: usize::from(options.rooms),
            opened: usize::from(options.opened),
            connected: Cell::new(0),
            heartbeats: Cell::new(0),
            failed: RefCell::default(),
            dropped: RefCell::default(),
            without_rooms: Cell::new(0),
            server: RefCell::default(),
        }
    }

    async fn session(&self, endpoint: &Endpoint, user: &User, rooms: &[String]) {
        let arrived = {
            let _turn = self.gate.acquire().await;
            self.arrive(endpoint, user, rooms).await
        };
        self.progress.step(1);
        self.connected.update(|count| count + 1);
        let mut client = match arrived {
            Ok(client) => client,
            Err(error) => return self.failed.borrow_mut().push(format!("{error:#}")),
        };
        loop {
            match client.read(|_, _| {}).await {
                Ok(turn) => self.heartbeats.update(|count| count + u64::from(turn.heartbeats)),
                Err(ending) => return self.dropped.borrow_mut().push(ending.to_string()),
            }
        }
    }

    async fn arrive(&self, endpoint: &Endpoint, user: &User, rooms: &[String]) -> Result<Client> {
        let (mut client, welcome) = Client::connect(endpoint, &user.token, SignIn::Header).await?;
        if welcome.rooms.len() != self.room_count {
            self.without_rooms.update(|count| count + 1);
        }
        // Rooms made here first, then the lobby and the club's own.
        let others = welcome.rooms.iter().filter(|room| !rooms.contains(room));
        for (id, room) in (2..).zip(rooms.iter().chain(others).take(self.opened)) {
            client.open(id, room).await?;
        }
        if self.server.borrow().is_empty() {
            self.server.replace(welcome.server);
        }
        Ok(client)
    }

    async fn wait_connected(&self, count: usize) {
        while self.connected.get() < count {
            sleep(Duration::from_millis(5)).await;
        }
        self.progress.done();
    }

    fn judge(&self, report: &mut Report) {
        let few = |list: &RefCell<Vec<String>>| {
            let list = list.borrow();
            (list.len() as u64, list.iter().take(5).cloned().collect())
        };
        let (count, examples) = few(&self.failed);
        report.check("not_connected", count, examples);
        let (count, examples) = few(&self.dropped);
        report.check("dropped", count, examples);
        let wrong = self.without_rooms.get();
        report.check("wrong_room_count", wrong, Vec::new());
        report.series("sessions", json!({"connected": self.connected.get()}));
    }
}
