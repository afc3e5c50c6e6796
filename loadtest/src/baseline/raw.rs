//! The bare writer: a blocking loop that writes one ready-made frame to each socket, one `write()`
//! each, on one thread. Nothing that delivers message by message can be cheaper.
//!
//! The first connection is the trigger: each head of a text on it is one message. It goes into the
//! frame, so that a reader can tell the messages apart and how old they are.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;

use anyhow::Result;

use crate::baseline::Template;
use crate::frame::{OP_TEXT, write_unmasked};
use crate::scan::TEXT_HEAD;

pub(super) fn serve(listener: &TcpListener, bytes: usize, members: usize) -> Result<()> {
    let (mut control, _) = listener.accept()?;
    let mut sockets = Vec::with_capacity(members);
    for _ in 0..members {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        sockets.push(socket);
    }
    let mut template = Template::new(bytes)?;
    let (mut head, mut frame) = ([0; TEXT_HEAD], Vec::new());
    for seq in 1.. {
        match control.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error.into()),
        }
        frame.clear();
        write_unmasked(&mut frame, OP_TEXT, template.fill(seq, &head)?);
        for socket in &mut sockets {
            socket.write_all(&frame)?;
        }
    }
    Ok(())
}
