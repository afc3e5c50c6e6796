//! A link between nodes in this process: one that keeps its word, or one that loses, doubles and
//! reorders what it carries, at random but the same in each run.

use std::sync::{Arc, Mutex};

use moim::store::{Heard, Link, Unsent};
use tokio::sync::mpsc;

/// Where the nodes meet.
pub(crate) struct Hub(Mutex<State>);

#[derive(Default)]
struct State {
    nodes: Vec<Node>,
    is_faulty: bool,
    is_cut: bool,
    random: u64,
}

#[derive(Default)]
struct Node {
    ear: Option<mpsc::Sender<Heard>>,
    /// Held back, to come behind what is younger.
    late: Vec<String>,
}

impl Hub {
    /// A hub that carries everything once and in order.
    pub(crate) fn sound() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { random: 0x9e37_79b9, ..State::default() })))
    }

    /// A hub that carries what it likes.
    pub(crate) fn faulty() -> Arc<Self> {
        let hub = Self::sound();
        hub.0.lock().unwrap().is_faulty = true;
        hub
    }

    /// The link of one more node.
    pub(crate) fn link(self: &Arc<Self>) -> Arc<dyn Link> {
        let mut state = self.0.lock().unwrap();
        state.nodes.push(Node::default());
        Arc::new(HubLink { hub: Arc::clone(self), at: state.nodes.len() - 1 })
    }

    /// From here on nothing arrives.
    pub(crate) fn cut(&self) {
        self.0.lock().unwrap().is_cut = true;
    }

    /// From here on nothing goes wrong; everyone hears that something did.
    pub(crate) fn heal(&self) {
        let mut state = self.0.lock().unwrap();
        (state.is_faulty, state.is_cut) = (false, false);
        for node in &mut state.nodes {
            node.late.clear();
            node.tell(Heard::Gap);
        }
    }
}

impl State {
    fn carry(&mut self, line: &str) {
        for at in 0..self.nodes.len() {
            let fate = match (self.is_cut, self.is_faulty) {
                (true, _) => 0,
                (false, true) => self.next() % 8,
                (false, false) => 7,
            };
            let node = &mut self.nodes[at];
            match fate {
                0 | 1 => {}
                2 => node.late.push(line.to_owned()),
                3 => {
                    node.tell(Heard::Lines(line.to_owned()));
                    node.tell(Heard::Lines(format!("{line}\n{line}")));
                }
                _well => {
                    node.tell(Heard::Lines(line.to_owned()));
                    for late in std::mem::take(&mut node.late) {
                        node.tell(Heard::Lines(late));
                    }
                }
            }
        }
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

impl Node {
    fn tell(&self, heard: Heard) {
        if let Some(ear) = &self.ear {
            let _overflow = ear.try_send(heard);
        }
    }
}

struct HubLink {
    hub: Arc<Hub>,
    at: usize,
}

impl Link for HubLink {
    fn publish(&self, line: String) -> Result<(), Unsent> {
        self.hub.0.lock().unwrap().carry(&line);
        Ok(())
    }

    fn listen(&self) -> mpsc::Receiver<Heard> {
        let (ear, heard) = mpsc::channel(1_024);
        self.hub.0.lock().unwrap().nodes[self.at].ear = Some(ear);
        heard
    }

    fn is_up(&self) -> bool {
        true
    }
}
