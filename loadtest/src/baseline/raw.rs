//! The bare writer: a blocking loop that writes one ready-made frame to each socket, one `write()`
//! each, on one thread. Nothing that delivers message by message can be cheaper.
//!
//! The first connection is the trigger: each head of a text on it is one message. It goes into the
//! frame, so that a reader can tell the messages apart and how old they are.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::crowd::TEXT_HEAD;
use crate::frame::{OP_TEXT, write_unmasked};
use crate::proc::{Pins, Process};

const DIGITS: usize = 12;

#[derive(Args)]
pub(crate) struct Options {
    /// Bytes of the payload of one frame
    #[arg(long)]
    bytes: usize,
    /// Sockets to wait for, besides the trigger
    #[arg(long)]
    members: usize,
}

/// The writer's process, ended when this is dropped.
pub(crate) struct Raw {
    child: Child,
    pub addr: SocketAddr,
}

impl Raw {
    pub(crate) fn start(bytes: usize, members: usize, pins: Option<&Pins>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["raw-server", "--bytes", &bytes.to_string()])
            .args(["--members", &members.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let child = match pins {
            Some(pins) => pins.spawn_apart(|| command.spawn())?,
            None => command.spawn(),
        };
        let mut child = child.context("cannot start the bare writer")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the bare writer has no stdout")?;
        let mut raw = Self { child, addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) };
        BufReader::new(stdout).read_line(&mut line)?;
        raw.addr.set_port(line.trim().parse().context("the bare writer named no port")?);
        Ok(raw)
    }

    pub(crate) fn process(&self) -> Process {
        Process { pid: self.child.id() }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's side.
pub(crate) fn serve(options: &Options) -> Result<()> {
    end_with_the_parent();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr()?.port())?;
    stdout.flush()?;
    let (control, _) = listener.accept()?;
    let mut sockets = Vec::with_capacity(options.members);
    for _ in 0..options.members {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        sockets.push(socket);
    }
    write_loop(control, &mut sockets, Ready::made(options.bytes)?)
}

fn write_loop(mut control: TcpStream, sockets: &mut [TcpStream], mut frame: Ready) -> Result<()> {
    let mut head = [0; TEXT_HEAD];
    let mut seq = 0_u64;
    loop {
        match control.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        seq += 1;
        let bytes = frame.fill(seq, &head)?;
        for socket in sockets.iter_mut() {
            socket.write_all(bytes)?;
        }
    }
}

/// The parent holds the other end of stdin; however it ends, that closes.
fn end_with_the_parent() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}

/// A frame like the server's, with two places to fill in.
struct Ready {
    bytes: Vec<u8>,
    seq_at: usize,
    head_at: usize,
}

impl Ready {
    fn made(length: usize) -> Result<Self> {
        let (before, between) = (r#"{"ev":"msg.new","room":"r_raw","seq":"#, r#","d":{"text":""#);
        let (digits, head) = ("0".repeat(DIGITS), " ".repeat(TEXT_HEAD));
        let mut payload = format!("{before}{digits}{between}{head}");
        let end = r#""}}"#;
        let room = length.checked_sub(payload.len() + end.len());
        ensure!(room.is_some(), "a frame of {length} bytes is too short");
        payload.push_str(&"x".repeat(room.unwrap_or(0)));
        payload.push_str(end);
        let mut bytes = Vec::new();
        write_unmasked(&mut bytes, OP_TEXT, payload.as_bytes());
        let seq_at = bytes.len() - payload.len() + before.len();
        Ok(Self { bytes, seq_at, head_at: seq_at + DIGITS + between.len() })
    }

    fn fill(&mut self, seq: u64, head: &[u8]) -> Result<&[u8]> {
        let digits = format!("{seq:0DIGITS$}");
        for (at, from) in [(self.seq_at, digits.as_bytes()), (self.head_at, head)] {
            let place = self.bytes.get_mut(at..at + from.len()).context("no place in the frame")?;
            place.copy_from_slice(from);
        }
        Ok(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crowd::text_head;

    #[test]
    fn a_ready_frame_has_the_asked_length_and_both_numbers() {
        let mut ready = Ready::made(300).unwrap();
        let bytes = ready.fill(7, text_head(42, 9).as_bytes()).unwrap();
        assert_eq!(bytes.len(), 4 + 300);
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains(r#""seq":000000000007,"#), "{text}");
        assert!(text.contains(r#""text":"000000000042 000000000009 x"#), "{text}");
        assert!(Ready::made(20).is_err());
    }
}
