//! Who is beside the members that are measured: somebody without a right to the room, who must hear
//! nothing of it, and members who have it open and never read.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::{Client, SignIn};
use crate::proc::Process;
use crate::report::Report;
use crate::server::Target;
use crate::setup::{self, Club};

/// What waits for a member who does not read is shared with all others, but for a few bytes each.
const ASLEEP_GOAL_KIB: f64 = 128.0;

#[derive(Args)]
pub(super) struct Others {
    /// More members, who open the room and never read
    #[arg(long, default_value_t = 0)]
    pub asleep: usize,
}

pub(super) struct Beside {
    /// Lines of the room that reached the outsider.
    leaked: Rc<RefCell<Vec<String>>>,
    _outsider: JoinSet<()>,
    asleep: Vec<Client>,
    /// Memory of the server when all were there.
    rss: Option<u64>,
}

impl Beside {
    pub(super) async fn arrive(
        others: &Others,
        target: &Target,
        name: &str,
        club: &Club,
    ) -> Result<Self> {
        let endpoint = &target.endpoint;
        let room = club.rooms.first().context("no room")?.clone();
        let outsiders = setup::register(endpoint, &format!("{name}-outside"), 1).await?;
        let outsider = outsiders.first().context("no outsider")?;
        let (client, _) = Client::connect(endpoint, &outsider.token, SignIn::Header).await?;
        let leaked = Rc::new(RefCell::default());
        let mut listening = JoinSet::new();
        listening.spawn_local(listen(client, room.clone(), Rc::clone(&leaked)));

        let sleepers = setup::register(endpoint, &format!("{name}-asleep"), others.asleep).await?;
        let id = club.id.clone();
        setup::join(endpoint, &sleepers, move |_| id.clone()).await?;
        let mut asleep = Vec::with_capacity(sleepers.len());
        for user in &sleepers {
            let (mut client, _) =
                Client::connect(endpoint, &user.token, SignIn::FirstFrame).await?;
            client.open(2, &room).await?;
            asleep.push(client);
        }
        let rss = target.process.map(|process| process.memory()).transpose()?;
        let rss = rss.map(|memory| memory.rss_bytes);
        Ok(Self { leaked, _outsider: listening, asleep, rss })
    }

    pub(super) fn judge(&self, report: &mut Report, process: Option<Process>) -> Result<()> {
        report.none_of("leaked", self.leaked.borrow().clone());
        if let (Some(before), Some(process), false) = (self.rss, process, self.asleep.is_empty()) {
            let grown = process.peak_rss()?.saturating_sub(before);
            let each = grown as f64 / 1024.0 / self.asleep.len() as f64;
            report.figure("asleep_memory", each, "KiB", "most growth by members who never read");
            report.goal_of("asleep_memory", ASLEEP_GOAL_KIB);
        }
        Ok(())
    }
}

async fn listen(mut client: Client, room: String, leaked: Rc<RefCell<Vec<String>>>) {
    let is_of_room = |line: &[u8]| {
        let event = serde_json::from_slice::<Value>(line).unwrap_or_default();
        event.get("room").and_then(Value::as_str) == Some(&room)
    };
    let hear = |line: &[u8], _| {
        if is_of_room(line) {
            leaked.borrow_mut().push(String::from_utf8_lossy(line).into_owned());
        }
    };
    while client.read(hear).await.is_ok() {}
}
