//! Accepts, upgrades to a WebSocket, and says nothing more: the least that a client coming back
//! can cost. On tokio, a task for each socket, with as many workers as the machine has cores.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::baseline::end_with_the_parent;

/// As many as the server lets wait.
const BACKLOG: u32 = 2_048;
const MAX_HEAD: usize = 8 * 1024;
/// The answer to the one key that our clients use; hashing it would be a small part of a microsecond.
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: fyZpWy39UH46qVwwkYYE6vZXnEQ=\r\n\
    Sec-WebSocket-Protocol: moim.v1\r\n\r\n";

/// The child's side.
pub(crate) fn serve() -> Result<()> {
    end_with_the_parent();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let listener = socket.listen(BACKLOG)?;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{}", listener.local_addr()?.port())?;
        stdout.flush()?;
        accept_all(listener).await
    })
}

async fn accept_all(listener: TcpListener) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "a task for each socket, on whichever worker")]
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            // Whatever goes wrong with one socket ends it; its client notices.
            let _ = upgrade(stream).await;
        });
    }
}

/// Answers the handshake and waits for the end.
async fn upgrade(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < MAX_HEAD, "a head without an end");
        ensure!(stream.read_buf(&mut head).await? > 0, "the client hung up");
    }
    stream.write_all(SWITCH).await?;
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
