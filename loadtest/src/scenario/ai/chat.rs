//! Ordinary talk in other rooms, on a thread of its own: what it measures must not wait for those
//! who read ten thousand sockets.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use crate::client::SignIn;
use crate::endpoint::Endpoint;
use crate::report::Report;
use crate::town::{Folk, Manner, Town, sizes};

/// Rooms that one user is in.
const ROOMS_OF_A_USER: usize = 5;
const BYTES: usize = 200;

#[derive(Args, Clone, Copy)]
pub(super) struct Talk {
    /// Other rooms, in which people talk
    #[arg(long, default_value_t = 20)]
    pub chat_rooms: usize,
    /// Members of each
    #[arg(long, default_value_t = 10)]
    pub chat_members: usize,
    /// Messages a second in all of them together
    #[arg(long, default_value_t = 100.0)]
    pub chat_rate: f64,
}

impl Talk {
    pub(super) fn users(self) -> usize {
        (self.chat_rooms * self.chat_members).div_ceil(ROOMS_OF_A_USER).max(self.chat_members)
    }

    pub(super) fn check(self) -> Result<()> {
        let is_talk = self.chat_rooms > 0 && self.chat_members > 1 && self.chat_rate > 0.0;
        ensure!(is_talk, "--chat-rooms and --chat-rate start above 0, --chat-members at 2");
        Ok(())
    }
}

/// What a time of talk brought.
pub(super) struct Spoken {
    /// From when a message was due to each receipt.
    pub receipts: Histogram<u64>,
    /// Our own delay, which is inside.
    pub late: Histogram<u64>,
    pub deliveries: u64,
}

enum Order {
    Drive(Duration, oneshot::Sender<Result<Spoken>>),
    Judge(oneshot::Sender<Result<Report>>),
}

/// The people who talk.
pub(super) struct Chat(mpsc::UnboundedSender<Order>);

impl Chat {
    /// Makes rooms and members, and waits until all are there.
    pub(super) async fn start(
        endpoint: &Endpoint,
        name: &str,
        talk: Talk,
        seed: u64,
    ) -> Result<Self> {
        let (orders, told) = mpsc::unbounded_channel();
        let (ready, is_ready) = oneshot::channel();
        let (endpoint, name) = (endpoint.clone(), format!("{name}-chat"));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("chat".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, async {
                match gather(&endpoint, &name, talk).await {
                    Ok((town, folk)) => {
                        let _nobody_waits = ready.send(Ok(()));
                        follow(told, &town, &folk, talk, seed).await;
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
        })?;
        is_ready.await.context("the talk in other rooms did not begin")??;
        Ok(Self(orders))
    }

    /// Lets them talk for so long.
    pub(super) async fn drive(&self, time: Duration) -> Result<Spoken> {
        let (answer, spoken) = oneshot::channel();
        self.0.send(Order::Drive(time, answer)).ok().context("nobody talks any more")?;
        spoken.await.context("the talk in other rooms broke off")?
    }

    /// Whether anything was lost, doubled or leaked among them; the checks go into the report.
    pub(super) async fn judge(&self, report: &mut Report) -> Result<()> {
        let (answer, judged) = oneshot::channel();
        self.0.send(Order::Judge(answer)).ok().context("nobody talks any more")?;
        let theirs = judged.await.context("the talk in other rooms broke off")??;
        report.passed &= theirs.passed;
        let named = theirs.checks.0.into_iter();
        report.checks.0.extend(named.map(|(name, check)| (format!("chat_{name}").into(), check)));
        Ok(())
    }
}

async fn gather(endpoint: &Endpoint, name: &str, talk: Talk) -> Result<(Town, Folk)> {
    let users = talk.users();
    let sizes = sizes(talk.chat_rooms, talk.chat_members, None, users);
    let town = Town::build(endpoint, name, users, &sizes).await?;
    let manner = Manner { sign_in: SignIn::FirstFrame, bytes: BYTES, at_once: 16 };
    let folk = Folk::of_town(endpoint, &town, &manner)?;
    folk.gather().await?;
    Ok((town, folk))
}

async fn follow(
    mut orders: mpsc::UnboundedReceiver<Order>,
    town: &Town,
    folk: &Folk,
    talk: Talk,
    seed: u64,
) {
    let mut random = SmallRng::seed_from_u64(seed);
    while let Some(order) = orders.recv().await {
        match order {
            Order::Drive(time, answer) => {
                let spoken = speak(town, folk, talk.chat_rate, time, &mut random).await;
                let _nobody_waits = answer.send(spoken);
            }
            Order::Judge(answer) => {
                let judged = Report::new("chat", &[], &[], seed).map(|mut report| {
                    folk.judge(&mut report);
                    report
                });
                let _nobody_waits = answer.send(judged);
            }
        }
    }
}

async fn speak(
    town: &Town,
    folk: &Folk,
    rate: f64,
    time: Duration,
    random: &mut SmallRng,
) -> Result<Spoken> {
    let seats = town.members();
    let pick = || {
        let room = random.random_range(0..town.rooms.len().max(1));
        let members = seats.get(room)?;
        let user = members.get(random.random_range(0..members.len().max(1)))?;
        Some((*user, town.rooms.get(room)?.clone()))
    };
    folk.tally().take()?;
    let late = folk.drive(rate, time, pick).await?;
    // What is missing is in the verdict.
    let _is_all_there = folk.settle().await;
    let noted = folk.tally().take()?;
    Ok(Spoken { receipts: noted.receipts.total().clone(), late, deliveries: noted.deliveries })
}
