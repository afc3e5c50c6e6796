//! Somebody who has every room open and comes back whenever the server does: what was shown of each
//! answer, over all lives.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::sleep;

use super::eventually;
use crate::client::{Client, SignIn};
use crate::endpoint::Endpoint;

const AGAIN: Duration = Duration::from_millis(20);
/// Until what was too fast is tried again.
const PUT_OFF: Duration = Duration::from_millis(300);
/// Replies to openings are numbered from here, by the place of the room.
const FIRST: u64 = 10;

/// What was shown of one answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    /// The id of the answer, from its beginning.
    pub message: String,
    pub starts: u32,
    pub ends: u32,
    /// Pieces, and what was told of all so far.
    pub pieces: u32,
    /// Of them, those that came behind the end.
    pub behind: u32,
    /// Of the end.
    pub text: String,
    pub finish: String,
    pub error: String,
    /// Joined from its pieces; none when some may have been told while nobody was here.
    joined: Option<String>,
    /// What did not fit together.
    pub slips: Vec<String>,
}

#[derive(Default)]
struct Room {
    epoch: Option<String>,
    seq: u64,
    is_open: bool,
    /// Whether what comes is said now, and no replay.
    is_level: bool,
}

#[derive(Default)]
struct Memory {
    names: Vec<String>,
    rooms: HashMap<String, Room>,
    /// By run.
    shown: HashMap<String, Shown>,
    /// The places of rooms that were to be opened too fast.
    put_off: Vec<usize>,
    server: String,
    broken: Vec<String>,
}

pub(super) struct Witness {
    memory: Rc<RefCell<Memory>>,
    life: AbortHandle,
    connects: Rc<Cell<u64>>,
}

impl Witness {
    pub(super) fn start(endpoint: &Endpoint, token: &str, rooms: Vec<String>) -> Self {
        Self::begin(endpoint, token, rooms, &HashMap::new())
    }

    /// One who comes now and has the logs replayed from their beginnings; their epochs are known.
    pub(super) fn come_late(
        endpoint: &Endpoint,
        token: &str,
        epochs: &HashMap<String, String>,
    ) -> Self {
        Self::begin(endpoint, token, epochs.keys().cloned().collect(), epochs)
    }

    fn begin(
        endpoint: &Endpoint,
        token: &str,
        rooms: Vec<String>,
        epochs: &HashMap<String, String>,
    ) -> Self {
        let room = |name: &String| Room { epoch: epochs.get(name).cloned(), ..Room::default() };
        let known = rooms.iter().map(|name| (name.clone(), room(name))).collect();
        let memory = Memory { names: rooms, rooms: known, ..Memory::default() };
        let memory = Rc::new(RefCell::new(memory));
        let connects = Rc::new(Cell::new(0));
        let (endpoint, token) = (endpoint.clone(), token.to_owned());
        let watch = watch(endpoint, token, memory.clone(), connects.clone());
        let life = spawn_local(watch).abort_handle();
        Self { memory, life, connects }
    }

    /// Waits until every room is open.
    pub(super) async fn is_there(&self, limit: Duration) -> Result<()> {
        let all = || self.memory.borrow().rooms.values().all(|room| room.is_open);
        let is_there = eventually(limit, async || all()).await;
        let broken = self.memory.borrow().broken.join("; ");
        ensure!(is_there, "rooms could not be opened: {broken}");
        Ok(())
    }

    /// Waits until everything up to these heads was seen; what was not shows in the verdict.
    pub(super) async fn is_level(&self, heads: &HashMap<String, u64>, limit: Duration) {
        let is_level = || {
            let memory = self.memory.borrow();
            heads
                .iter()
                .all(|(room, head)| memory.rooms.get(room).is_some_and(|room| room.seq >= *head))
        };
        eventually(limit, async || is_level()).await;
    }

    pub(super) fn shown(&self, run: &str) -> Shown {
        self.memory.borrow().shown.get(run).cloned().unwrap_or_default()
    }

    /// Whether the log of a room was heard up to here.
    pub(super) fn has_heard(&self, room: &str, seq: u64) -> bool {
        self.memory.borrow().rooms.get(room).is_some_and(|room| room.seq >= seq)
    }

    /// The life of each log.
    pub(super) fn epochs(&self) -> HashMap<String, String> {
        let memory = self.memory.borrow();
        let epoch = |(name, room): (&String, &Room)| Some((name.clone(), room.epoch.clone()?));
        memory.rooms.iter().filter_map(epoch).collect()
    }

    /// How far each log was heard.
    pub(super) fn heads(&self) -> HashMap<String, u64> {
        let memory = self.memory.borrow();
        memory.rooms.iter().map(|(name, room)| (name.clone(), room.seq)).collect()
    }

    pub(super) fn runs(&self) -> Vec<String> {
        self.memory.borrow().shown.keys().cloned().collect()
    }

    pub(super) fn broken(&self) -> Vec<String> {
        let memory = self.memory.borrow();
        let slip = |(run, shown): (&String, &Shown)| {
            shown.slips.iter().map(|slip| format!("{run}: {slip}")).collect::<Vec<_>>()
        };
        memory.broken.iter().cloned().chain(memory.shown.iter().flat_map(slip)).collect()
    }

    pub(super) fn server(&self) -> String {
        self.memory.borrow().server.clone()
    }

    pub(super) fn connects(&self) -> u64 {
        self.connects.get()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.life.abort();
    }
}

async fn watch(
    endpoint: Endpoint,
    token: String,
    memory: Rc<RefCell<Memory>>,
    connects: Rc<Cell<u64>>,
) {
    loop {
        if let Ok((mut client, welcome)) =
            Client::connect(&endpoint, &token, SignIn::ForAnswers).await
        {
            connects.update(|count| count + 1);
            memory.borrow_mut().server = welcome.server;
            let _lost = converse(&mut client, &memory).await;
            memory.borrow_mut().lost();
        }
        sleep(AGAIN).await;
    }
}

async fn converse(client: &mut Client, memory: &RefCell<Memory>) -> Result<()> {
    let all = memory.borrow_mut().every();
    let opens = memory.borrow().opens(&all);
    client.writer().send(&opens).await?;
    loop {
        let mut is_behind = false;
        client.read(|line, _| is_behind |= memory.borrow_mut().take(line).is_none()).await?;
        // Who comes back gets all that was missed.
        ensure!(!is_behind, "behind");
        let late = std::mem::take(&mut memory.borrow_mut().put_off);
        if !late.is_empty() {
            sleep(PUT_OFF).await;
            let opens = memory.borrow().opens(&late);
            client.writer().send(&opens).await?;
        }
    }
}

impl Shown {
    fn heard_more(&mut self) {
        self.pieces += 1;
        self.behind += u32::from(self.ends > 0);
    }
}

impl Memory {
    /// The places of all rooms; none is put off any more.
    fn every(&mut self) -> Vec<usize> {
        self.put_off.clear();
        (0..self.names.len()).collect()
    }

    fn opens(&self, places: &[usize]) -> String {
        let open = |(at, name): (usize, &String)| {
            let mut op = json!({"id": FIRST + at as u64, "op": "open", "room": name});
            let room = self.rooms.get(name);
            if let Some((epoch, room)) = room.and_then(|room| Some((room.epoch.as_ref()?, room)))
                && let Some(op) = op.as_object_mut()
            {
                op.insert("since".to_owned(), json!({"epoch": epoch, "seq": room.seq}));
            }
            op.to_string()
        };
        let named = places.iter().filter_map(|at| Some((*at, self.names.get(*at)?)));
        named.map(open).collect::<Vec<_>>().join("\n")
    }

    /// The connection is gone: of what is being spoken something may be missed.
    fn lost(&mut self) {
        for room in self.rooms.values_mut() {
            (room.is_open, room.is_level) = (false, false);
        }
        self.shown.values_mut().for_each(|shown| shown.joined = None);
    }

    /// Takes a line; none when the server says that more was missed.
    fn take(&mut self, line: &[u8]) -> Option<()> {
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            self.broken.push(format!("not JSON: {}", String::from_utf8_lossy(line)));
            return Some(());
        };
        if let Some(at) = value.get("re").and_then(Value::as_u64) {
            return self.opened(at, &value);
        }
        let event = value.get("ev").and_then(Value::as_str).unwrap_or_default();
        if matches!(event, "lag" | "behind") {
            return None;
        }
        self.moves(&value);
        self.event(event, &value).unwrap_or_else(|| self.broken.push(value.to_string()));
        Some(())
    }

    fn opened(&mut self, re: u64, reply: &Value) -> Option<()> {
        let at = re.checked_sub(FIRST).and_then(|at| usize::try_from(at).ok());
        let name = self.names.get(at?)?.clone();
        if reply.pointer("/err/code").and_then(Value::as_str) == Some("rate_limited") {
            self.put_off.extend(at);
            return Some(());
        }
        let room = self.rooms.get_mut(&name)?;
        let ok = reply.get("ok")?;
        let is_resumed = ok.get("resumed").and_then(Value::as_bool) == Some(true);
        if !is_resumed {
            if room.epoch.is_some() {
                self.broken.push(format!("{name} was not resumed: {:?}", ok.get("why")));
            }
            room.seq = ok.get("head").and_then(Value::as_u64)?;
            room.epoch = ok.get("epoch").and_then(Value::as_str).map(str::to_owned);
        }
        (room.is_open, room.is_level) = (true, !is_resumed);
        Some(())
    }

    /// Events of a log come one after the other, each once.
    fn moves(&mut self, value: &Value) {
        let name = value.get("room").and_then(Value::as_str).unwrap_or_default();
        let is_of_log = value.get("d").is_some();
        let seq = value.get("seq").and_then(Value::as_u64).filter(|_| is_of_log);
        let (Some(seq), Some(room)) = (seq, self.rooms.get_mut(name)) else { return };
        if seq != room.seq + 1 {
            self.broken.push(format!("{name}: {seq} came behind {}", room.seq));
        }
        room.seq = room.seq.max(seq);
    }

    fn event(&mut self, event: &str, value: &Value) -> Option<()> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
        let room = text("/room").and_then(|room| self.rooms.get_mut(room));
        match event {
            "caught_up" => room?.is_level = true,
            "ai.start" => {
                let shown = self.shown.entry(text("/d/run")?.to_owned()).or_default();
                shown.starts += 1;
                text("/d/id").unwrap_or_default().clone_into(&mut shown.message);
                // Of one that began while nobody was here, pieces may be missed.
                shown.joined = room?.is_level.then(String::new);
            }
            "ai.delta" => {
                let shown = self.shown.entry(text("/run")?.to_owned()).or_default();
                let off = value.get("off").and_then(Value::as_u64)?;
                let piece = text("/text")?;
                shown.heard_more();
                if let Some(joined) = &mut shown.joined {
                    if joined.len() as u64 != off {
                        shown.slips.push(format!("a piece at {off} came behind {}", joined.len()));
                    }
                    joined.push_str(piece);
                }
            }
            "ai.state" => {
                let shown = self.shown.entry(text("/run")?.to_owned()).or_default();
                shown.heard_more();
                shown.joined = Some(text("/text")?.to_owned());
            }
            "ai.end" => {
                let shown = self.shown.entry(text("/d/run")?.to_owned()).or_default();
                shown.ends += 1;
                let of = |field: &str| text(field).unwrap_or_default().to_owned();
                (shown.text, shown.finish) = (of("/d/text"), of("/d/finish"));
                shown.error = of("/d/error");
                // Of one that was deleted nobody hears the text.
                if value.pointer("/d/deleted").and_then(Value::as_bool) == Some(true) {
                    shown.joined = None;
                }
                if shown.joined.as_ref().is_some_and(|joined| *joined != shown.text) {
                    let (told, is) = (shown.joined.as_deref().unwrap_or_default(), &shown.text);
                    let (told, is) = (told.chars().count(), is.chars().count());
                    let what = format!("{told} characters were told of {is}, or others");
                    shown.slips.push(what);
                }
            }
            _of_no_concern => {}
        }
        Some(())
    }
}

/// The text of a message, as a list has it.
pub(super) fn text_of(message: &Value) -> Result<&str> {
    message.get("text").and_then(Value::as_str).context("a message without text")
}
