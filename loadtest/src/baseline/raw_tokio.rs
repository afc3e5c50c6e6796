//! The bare writer on tokio: a task and a queue for each socket, ready-made frames, and nothing
//! else. With one write for each frame it shows what waking a task per member costs; with one
//! write for all that wait, what is to be gained under pressure.
//!
//! The trigger is the same as that of the blocking writer.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::baseline::Template;
use crate::frame::{OP_TEXT, write_unmasked};
use crate::scan::TEXT_HEAD;

/// Most bytes of one write, as the server has it.
const MOST: usize = 16 * 1024;

type Frame = Arc<[u8]>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// One for each frame.
    Each,
    /// One for all frames that wait.
    Together,
}

pub(super) fn serve(
    listener: TcpListener,
    bytes: usize,
    members: usize,
    writes: Writes,
) -> Result<()> {
    listener.set_nonblocking(true)?;
    let template = Template::new(bytes)?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (control, _) = listener.accept().await?;
        let (mut tasks, mut queues) = (JoinSet::new(), Vec::with_capacity(members));
        for _ in 0..members {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let (queue, frames) = unbounded_channel();
            queues.push(queue);
            tasks.spawn(write(socket, frames, writes));
        }
        // On a worker, beside the writers, like the loop of a server.
        tasks.spawn(announce(control, template, queues));
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    })
}

async fn announce(
    mut control: TcpStream,
    mut template: Template,
    queues: Vec<UnboundedSender<Frame>>,
) -> Result<()> {
    let (mut head, mut frame) = ([0; TEXT_HEAD], Vec::new());
    for seq in 1.. {
        match control.read_exact(&mut head).await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error.into()),
        }
        frame.clear();
        write_unmasked(&mut frame, OP_TEXT, template.fill(seq, &head)?);
        let ready = Frame::from(frame.as_slice());
        for queue in &queues {
            queue.send(ready.clone()).context("a writer is gone")?;
        }
    }
    Ok(())
}

async fn write(
    mut socket: TcpStream,
    mut frames: UnboundedReceiver<Frame>,
    writes: Writes,
) -> Result<()> {
    let mut together = Vec::new();
    while let Some(frame) = frames.recv().await {
        if writes == Writes::Each {
            socket.write_all(&frame).await?;
            continue;
        }
        together.clear();
        together.extend_from_slice(&frame);
        while together.len() < MOST
            && let Ok(next) = frames.try_recv()
        {
            together.extend_from_slice(&next);
        }
        socket.write_all(&together).await?;
    }
    Ok(())
}
