//! Rooms full of clients who talk, follow, and come back: what every scenario of crashes watches.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::company::{Company, Habits};
use super::pictures;
use super::player::Memory;
use super::verdict::{Talk, look};
use crate::endpoint::Endpoint;
use crate::http::Http;
use crate::report::Report;
use crate::sample::Sampler;
use crate::scenario::Stage;
use crate::setup::{self, User};

const OPEN_LIMIT: Duration = Duration::from_secs(30);
const FINISH_LIMIT: Duration = Duration::from_secs(60);

/// All of them.
pub(in crate::scenario) struct Talks {
    pub rooms: Vec<Talk>,
    /// Who may read every room.
    pub owner: User,
    /// The server's name for itself.
    pub server: String,
    /// When the first of them could talk.
    begin: Instant,
}

impl Talks {
    /// Makes a club with so many rooms, lets so many clients in, and spreads them over the rooms.
    /// Of each room's clients the first send.
    pub(in crate::scenario) async fn start(
        endpoint: &Endpoint,
        stage: &Stage<'_>,
        (rooms, clients): (usize, usize),
        habits: Habits,
    ) -> Result<Self> {
        let name = stage.name();
        let users = setup::register(endpoint, &name, clients).await?;
        let owner = users.first().context("no users")?.clone();
        let club = setup::make_club(endpoint, &owner, &name, rooms).await?;
        let id = club.id.clone();
        setup::join(endpoint, &users, move |_| id.clone()).await?;
        let begin = stage.sampler.begin();
        let mut talks = Self { rooms: Vec::new(), owner, server: String::new(), begin };
        for (number, room) in club.rooms.into_iter().enumerate() {
            let start;
            (talks.server, start) = look(endpoint, &talks.owner.token, &room).await?;
            // Every rooms-th of the senders, and of the listeners.
            let share = |from: usize, to: usize| (from..to).skip(number).step_by(rooms);
            let senders = share(0, habits.senders).filter_map(|at| users.get(at));
            let listeners = share(habits.senders, clients).filter_map(|at| users.get(at));
            let own = Habits { senders: senders.clone().count(), ..habits };
            let mine = senders.chain(listeners).cloned().collect();
            let seed = stage.seed.wrapping_add((number * clients) as u64);
            let company = Company::start(endpoint, mine, &room, own, seed);
            talks.rooms.push(Talk { company, room, start, log: Vec::new() });
        }
        ensure!(talks.all_open().await, "not every client could open its room");
        Ok(talks)
    }

    /// Waits until everybody has a room open; false when that takes too long.
    pub(in crate::scenario) async fn all_open(&self) -> bool {
        for talk in &self.rooms {
            if !talk.company.all_open(OPEN_LIMIT).await {
                return false;
            }
        }
        true
    }

    /// The server is about to start again.
    pub(in crate::scenario) fn next_life(&self) {
        self.rooms.iter().for_each(|talk| talk.company.next_life());
    }

    pub(in crate::scenario) fn acked(&self) -> usize {
        self.rooms.iter().map(|talk| talk.company.acked()).sum()
    }

    /// Lets everybody get the last answers, reads the logs and lets everybody follow to their ends.
    /// False when some could not.
    pub(in crate::scenario) async fn finish(&mut self, endpoint: &Endpoint) -> Result<bool> {
        let mut is_finished = true;
        for talk in &self.rooms {
            is_finished &= talk.company.finish(FINISH_LIMIT).await;
        }
        // Tokens run out in a long run.
        let owner = setup::login(endpoint, &self.owner.username).await?;
        let mut http = Http::new(endpoint.clone());
        for talk in &mut self.rooms {
            talk.read(&mut http, &owner.token).await?;
            let head = talk.head();
            is_finished &= talk.company.reach(head, FINISH_LIMIT).await;
        }
        self.owner = owner;
        Ok(is_finished)
    }

    /// What senders waited, and what the server did for its CPU time.
    pub(in crate::scenario) fn draw(&self, report: &mut Report, sampler: &Sampler) -> Result<()> {
        let players = self.rooms.iter().flat_map(|talk| talk.company.players());
        pictures::draw(report, sampler, players, self.begin)
    }

    pub(in crate::scenario) fn figures(&self, report: &mut Report) {
        let players = || self.rooms.iter().flat_map(|talk| talk.company.players());
        let sum = |pick: fn(&Memory) -> u64| {
            players().map(|player| pick(&player.memory.borrow())).sum::<u64>() as f64
        };
        let in_the_log: usize = self.rooms.iter().map(|talk| talk.log.len()).sum();
        report.figure("acknowledged", self.acked() as f64, "", "sends, over all lives");
        report.figure("in_the_log", in_the_log as f64, "", "messages in the rooms' histories");
        let dups = sum(|memory| memory.dups);
        report.figure("answered_as_dup", dups, "", "durable before the kill, acknowledged after");
        let resumes = sum(|memory| memory.resumes);
        report.figure("resumes", resumes, "", "open with since that was resumed");
        let replayed = sum(|memory| memory.replayed);
        report.figure("replayed", replayed, "", "events sent again on resume");
        let connects: u64 = players().map(|player| player.connects.get()).sum();
        report.figure("connects", connects as f64, "", "of all clients");
        let gap = players().map(|player| player.longest_gap.get()).max().unwrap_or_default();
        let gap = gap.as_secs_f64() * 1e3;
        report.figure("longest_absence", gap, "ms", "lost to open again, any client");
    }
}
