//! A room full of sessions, read by one thread without allocating anything.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use super::server::{SOON, Server};

/// Sessions that one user may have.
const SESSIONS_OF_ONE: usize = 20;
/// An answer to a pull is shorter, and a delivery by far.
const BUFFER: usize = 192 * 1024;

pub(crate) struct Crowd {
    room: String,
    lobby: String,
    tokens: Vec<String>,
    sockets: Vec<TcpStream>,
    buffer: Box<[u8; BUFFER]>,
    made: usize,
}

impl Crowd {
    /// Everybody connected, signed in, with the room open and nothing on its way any more.
    pub(crate) fn gather(server: &Server, sessions: usize) -> Self {
        raise_file_limit();
        let users = sessions.div_ceil(SESSIONS_OF_ONE);
        let tokens: Vec<_> = (0..users).map(|n| server.register(&format!("mina{n}"))).collect();
        let owner = tokens.first().map(String::as_str);
        let body = json!({ "name": "reading", "kind": "community", "join_policy": "open" });
        let club = server.post(owner, "/v1/clubs", &body)["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/clubs/{club}/rooms");
        let room = server.post(owner, &path, &json!({ "name": "plans" }))["id"].clone();
        let room = room.as_str().unwrap().to_owned();
        for token in tokens.iter().skip(1) {
            server.post(Some(token), &format!("/v1/clubs/{club}/join"), &json!({}));
        }
        let rooms = server.get(owner, "/v1/rooms");
        let rooms = rooms["items"].as_array().unwrap();
        let lobby = rooms.iter().find(|room| room["kind"] == "lobby").unwrap()["id"].clone();
        let mut crowd = Self {
            room,
            lobby: lobby.as_str().unwrap().to_owned(),
            tokens,
            sockets: Vec::with_capacity(sessions),
            buffer: Box::new([0; BUFFER]),
            made: 0,
        };
        for number in 0..sessions {
            crowd.call(server, number);
            crowd.sign_in(number);
            crowd.open(number, &[crowd.room.clone()]);
            crowd.hear(number, br#"{"re":1,"ok":"#);
        }
        // Who came last is told to all: the first message comes behind that.
        crowd
    }

    /// Everybody is cut off, comes back at once, signs in and opens two rooms.
    pub(crate) fn come_back(&mut self, server: &Server) {
        let sessions = self.sockets.len();
        self.sockets.clear();
        (0..sessions).for_each(|number| self.call(server, number));
        (0..sessions).for_each(|number| self.sign_in(number));
        let rooms = [self.room.clone(), self.lobby.clone()];
        (0..sessions).for_each(|number| self.open(number, &rooms));
        for number in 0..sessions {
            self.hear(number, br#"{"re":"#);
            self.hear(number, br#"{"re":"#);
        }
    }

    /// Connects and shakes hands, with a token.
    fn call(&mut self, server: &Server, number: usize) {
        let mut socket = TcpStream::connect(server.address).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket.set_nodelay(true).unwrap();
        let token = &self.tokens[number / SESSIONS_OF_ONE];
        let request = format!(
            "GET /v1/ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {token}\r\n\r\n",
            server.address
        );
        socket.write_all(request.as_bytes()).unwrap();
        self.sockets.push(socket);
    }

    /// Reads until it is signed in.
    fn sign_in(&mut self, number: usize) {
        let mut tail = [0; 4];
        while tail != *b"\r\n\r\n" {
            tail.rotate_left(1);
            self.sockets[number].read_exact(&mut tail[3..]).unwrap();
        }
        self.hear(number, br#"{"ev":"auth","#);
    }

    /// Asks to open rooms, all in one write.
    fn open(&mut self, number: usize, rooms: &[String]) {
        let ops =
            (1..).zip(rooms).map(|(id, room)| json!({ "id": id, "op": "open", "room": room }));
        let frames: Vec<u8> = ops.flat_map(|op| frame(op.to_string().as_bytes())).collect();
        self.sockets[number].write_all(&frames).unwrap();
    }

    fn hear(&mut self, number: usize, beginning: &[u8]) -> usize {
        read_until(&mut self.sockets[number], &mut self.buffer, beginning)
    }

    /// Everybody opens the room once more, with no position; says how long the answers are.
    pub(crate) fn open_again(&mut self) -> usize {
        let open =
            frame(json!({ "id": 2, "op": "open", "room": self.room }).to_string().as_bytes());
        self.sockets.iter_mut().for_each(|socket| socket.write_all(&open).unwrap());
        let mut bytes = 0;
        for socket in &mut self.sockets {
            bytes += read_until(socket, &mut self.buffer, br#"{"re":2,"ok":"#);
        }
        bytes
    }

    /// The next message is sent when all have the one before.
    pub(crate) fn one_at_a_time(&mut self, messages: &Messages) {
        for (at, bytes) in messages.frames.chunks(messages.length()).enumerate() {
            let sender = at % SESSIONS_OF_ONE;
            self.sockets[sender].write_all(bytes).unwrap();
            for socket in &mut self.sockets {
                read_until(socket, &mut self.buffer, br#"{"ev":"msg.new","#);
            }
        }
    }

    /// One session of each user sends its share of the messages, then all are read.
    pub(crate) fn all_at_once(&mut self, messages: &Messages) {
        let senders = self.sockets.len().div_ceil(SESSIONS_OF_ONE);
        let shares = messages.frames.chunks(messages.frames.len() / senders);
        for (socket, bytes) in self.sockets.iter_mut().step_by(SESSIONS_OF_ONE).zip(shares) {
            socket.write_all(bytes).unwrap();
        }
        for socket in &mut self.sockets {
            for _ in 0..messages.count {
                read_until(socket, &mut self.buffer, br#"{"ev":"msg.new","#);
            }
        }
    }

    /// The first session asks for what follows a seq; says how many events came, in how many bytes.
    pub(crate) fn pull(&mut self, after: usize) -> (usize, usize) {
        let pull = json!({ "id": 3, "op": "pull", "room": self.room, "after": after });
        self.sockets[0].write_all(&frame(pull.to_string().as_bytes())).unwrap();
        let bytes = self.hear(0, br#"{"re":3,"ok":"#);
        let answer: Value = serde_json::from_slice(&self.buffer[..bytes]).unwrap();
        (answer["ok"]["events"].as_array().unwrap().len(), bytes)
    }

    /// Makes messages that nobody has sent yet.
    pub(crate) fn messages(&mut self, count: usize) -> Messages {
        self.messages_with(count, "")
    }

    /// The same, with a text in front of the number.
    pub(crate) fn messages_with(&mut self, count: usize, text: &str) -> Messages {
        let mut frames = Vec::new();
        for _ in 0..count {
            self.made += 1;
            let text = format!("{text}{:0200}", self.made);
            let cid = format!("c-{:08}", self.made);
            let send = json!({ "op": "send", "room": self.room, "cid": cid, "text": text });
            frames.extend_from_slice(&frame(send.to_string().as_bytes()));
        }
        Messages { count, frames }
    }
}

/// Frames of equal length, one behind the other.
pub(crate) struct Messages {
    count: usize,
    frames: Vec<u8>,
}

impl Messages {
    fn length(&self) -> usize {
        self.frames.len() / self.count
    }
}

/// Reads frames until one begins like this; the bytes of that one.
fn read_until(socket: &mut TcpStream, buffer: &mut [u8; BUFFER], beginning: &[u8]) -> usize {
    loop {
        let mut head = [0; 2];
        socket.read_exact(&mut head).unwrap();
        let length = match head[1] {
            126 => {
                let mut medium = [0; 2];
                socket.read_exact(&mut medium).unwrap();
                usize::from(u16::from_be_bytes(medium))
            }
            127 => {
                let mut long = [0; 8];
                socket.read_exact(&mut long).unwrap();
                usize::try_from(u64::from_be_bytes(long)).unwrap()
            }
            short => usize::from(short),
        };
        let payload = &mut buffer[..length];
        socket.read_exact(payload).unwrap();
        assert_ne!(head[0], 0x88, "closed: {payload:?}");
        if payload.starts_with(beginning) {
            return length;
        }
    }
}

/// A text frame of a client, masked with zeros.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x81];
    match u16::try_from(payload.len()).unwrap() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        medium => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&medium.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A thousand sockets are two thousand files here: both ends.
fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}
