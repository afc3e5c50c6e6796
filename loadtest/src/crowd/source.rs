//! Where the messages of a crowd come from.

use anyhow::{Context, Result};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::baseline::Template;
use crate::client::Writer;
use crate::scan::Stamp;

pub(super) enum Source {
    /// The members send in turn, as the contract says.
    Server { room: String, writers: Vec<Writer>, filler: String },
    /// The baseline makes the messages; it is told when.
    Trigger(TcpStream),
    /// Somebody who is no member talks; the baseline passes it on as it is.
    Talker { writer: Writer, template: Template },
}

impl Source {
    pub(super) async fn send(&mut self, serial: u64, due_us: u64) -> Result<()> {
        let head = Stamp { serial, due_us }.head();
        match self {
            Self::Server { room, writers, filler } => {
                let at = usize::try_from(serial)? % writers.len().max(1);
                let writer = writers.get(at).context("no members")?;
                let op = format!(
                    r#"{{"id":{serial},"op":"send","room":"{room}","cid":"f-{serial}","text":"{head}{filler}"}}"#
                );
                writer.send(&op).await.context("a member cannot send")
            }
            Self::Trigger(control) => Ok(control.write_all(head.as_bytes()).await?),
            Self::Talker { writer, template } => {
                let line = template.fill(serial, head.as_bytes())?;
                Ok(writer.send(std::str::from_utf8(line)?).await?)
            }
        }
    }

    /// The server's sender has its reply too.
    pub(super) fn signs(&self, members: usize) -> usize {
        match self {
            Self::Server { .. } => members + 1,
            Self::Trigger(_) | Self::Talker { .. } => members,
        }
    }
}
