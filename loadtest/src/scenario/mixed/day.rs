//! What people do in a day, as a table: a new thing to do is a row and an arm.

use std::rc::Rc;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::SmallRng;
use serde_json::json;

use crate::town::{Deed, Folk, Picker, Rest, Room, Town};

/// Something that a user does now and then.
pub(super) struct Action {
    /// How often, beside the others.
    pub weight: f64,
    /// What is timed: from when it was due until its answer.
    pub deed: Deed,
    /// Its figures: the 50th and the 99th percentile.
    pub figures: [&'static str; 2],
    act: Act,
}

#[derive(Clone, Copy)]
enum Act {
    Send,
    Read,
    Typing,
    Reopen,
    History,
    GoAway,
}

pub(super) const DAY: &[Action] = &[
    action(30.0, Act::Send, Deed::Send, ["send_p50", "send_p99"]),
    action(30.0, Act::Read, Deed::Read, ["read_p50", "read_p99"]),
    action(20.0, Act::Typing, Deed::Typing, ["typing_p50", "typing_p99"]),
    action(10.0, Act::Reopen, Deed::Open, ["open_p50", "open_p99"]),
    action(7.0, Act::History, Deed::History, ["history_p50", "history_p99"]),
    action(3.0, Act::GoAway, Deed::Arrive, ["resume_p50", "resume_p99"]),
];

const fn action(weight: f64, act: Act, deed: Deed, figures: [&'static str; 2]) -> Action {
    Action { weight, deed, figures, act }
}

/// Picks who does what, and lets it be done.
pub(super) struct Day {
    pub folk: Rc<Folk>,
    pub town: Town,
    pub rest: Rc<Rest>,
    pub random: SmallRng,
    picker: Picker,
}

impl Day {
    pub(super) fn new(folk: Rc<Folk>, town: Town, rest: Rc<Rest>, random: SmallRng) -> Self {
        let picker = Picker::weighted(DAY.iter().map(|action| action.weight));
        Self { folk, town, rest, random, picker }
    }

    /// One action of one of the first `users`, who are those that are connected.
    pub(super) async fn act(&mut self, users: usize, due: Instant) {
        let index = self.random.random_range(0..users.max(1));
        let rooms = self.town.rooms_of(index);
        let at = self.random.random_range(0..rooms.len().max(1));
        let (Some(room), true) = (rooms.get(at), self.folk.is_here(index)) else { return };
        let Some(action) = DAY.get(self.picker.pick(&mut self.random)) else { return };
        let pause = Duration::from_millis(self.random.random_range(100..2_000));
        self.run(action.act, index, room, pause, due).await;
    }

    async fn run(&self, act: Act, index: usize, room: &Rc<Room>, pause: Duration, due: Instant) {
        let folk = &self.folk;
        match act {
            Act::Send => folk.send(index, room, due).await,
            Act::Read => {
                let seq = folk.session(index).map_or(0, |session| session.head(room));
                let op = json!({"op": "read", "room": room.id, "seq": seq});
                folk.ask(index, Deed::Read, op, due).await;
            }
            Act::Typing => {
                let op = json!({"op": "typing", "room": room.id});
                folk.ask(index, Deed::Typing, op, due).await;
            }
            Act::Reopen => folk.reopen(index, room, pause, due).await,
            Act::History => self.rest.history(folk, folk.token(index), &room.id, due),
            Act::GoAway => folk.go_away(index, pause),
        }
    }
}
