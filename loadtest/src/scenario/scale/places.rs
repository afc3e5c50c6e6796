//! Rooms and people for the points: each room in a club of its own, so that nobody hears of another.

use std::cell::RefCell;

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::point::Point;
use crate::client::{Client, Ending, SignIn};
use crate::crowd::{Crowd, Seats};
use crate::endpoint::Endpoint;
use crate::pace::Epoch;
use crate::progress::Progress;
use crate::scenario::Stage;
use crate::setup::{self, User};

/// The contract's limit of sessions of one user.
const SESSIONS_PER_USER: usize = 20;
const AT_ONCE: usize = 64;

/// People of one room: its members, and where the messages of a point would be too many for them
/// (20 a second of a user), some more who only send.
pub(super) fn users_of_room(rooms: usize, members: usize) -> usize {
    const SENDERS: usize = 30;
    members.max(SENDERS.div_ceil(rooms.max(1)))
}

pub(super) struct Places<'a> {
    pub stage: &'a Stage<'a>,
    pub endpoint: &'a Endpoint,
    /// What the server calls itself.
    pub server: RefCell<String>,
}

impl Places<'_> {
    /// So many rooms of so many members, each member with one session.
    pub(super) async fn rooms(&self, count: usize, members: usize, bytes: usize) -> Result<Point> {
        let name = self.stage.name();
        let users_each = users_of_room(count, members);
        let users = setup::register(self.endpoint, &name, count * users_each).await?;
        let mut crowds = Vec::with_capacity(count);
        for (number, some) in users.chunks(users_each).enumerate() {
            crowds.push(self.seat(some, members, &format!("{name}-{number}"), bytes).await?);
        }
        Ok(Point::new(members, crowds))
    }

    /// A club with a room for these users, all of them in it.
    async fn seat(
        &self,
        users: &[User],
        listeners: usize,
        name: &str,
        text_bytes: usize,
    ) -> Result<Crowd> {
        let (owner, others) = users.split_first().context("a room without members")?;
        let club = setup::make_club(self.endpoint, owner, name, 1).await?;
        setup::join(self.endpoint, others, move |_| club.id.clone()).await?;
        let room = club.rooms.first().context("no room")?;
        let seats = Seats { users, listeners, room, text_bytes };
        let (crowd, server) = Crowd::of_server(Epoch::now(), self.endpoint, seats).await?;
        self.server.replace(server);
        Ok(crowd)
    }

    /// Nobody yet.
    pub(super) fn idle(&self) -> Idle<'_> {
        Idle { places: self, sessions: JoinSet::new() }
    }
}

/// Sessions that do nothing but answer heartbeats, of people who are in no club.
pub(super) struct Idle<'a> {
    places: &'a Places<'a>,
    sessions: JoinSet<Ending>,
}

impl Idle<'_> {
    pub(super) async fn grow_to(&mut self, count: usize) -> Result<()> {
        let missing = count.saturating_sub(self.sessions.len());
        let users = missing.div_ceil(SESSIONS_PER_USER);
        let endpoint = self.places.endpoint;
        let users = setup::register(endpoint, &self.places.stage.name(), users).await?;
        let tokens =
            users.iter().flat_map(|user| std::iter::repeat_n(&user.token, SESSIONS_PER_USER));
        let tokens: Vec<&String> = tokens.take(missing).collect();
        let progress = Progress::new("connecting", missing);
        for some in tokens.chunks(AT_ONCE) {
            let mut arriving = JoinSet::new();
            for token in some {
                let (endpoint, token) = (endpoint.clone(), (*token).clone());
                arriving.spawn_local(async move {
                    Client::connect(&endpoint, &token, SignIn::Header).await
                });
            }
            while let Some(arrived) = arriving.join_next().await {
                let (mut client, _) = arrived??;
                self.sessions.spawn_local(async move {
                    loop {
                        if let Err(ending) = client.read(|_, _| {}).await {
                            return ending;
                        }
                    }
                });
                progress.step(1);
            }
        }
        progress.done();
        Ok(())
    }

    /// Sessions that ended although nobody told them to.
    pub(super) fn dropped(&mut self) -> Vec<String> {
        let mut endings = Vec::new();
        while let Some(ending) = self.sessions.try_join_next() {
            endings.push(ending.map_or_else(|error| error.to_string(), |end| end.to_string()));
        }
        endings
    }
}
