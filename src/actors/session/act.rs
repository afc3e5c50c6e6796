//! Ops on messages that stand: read here, decided by the room and the journal.

use std::time::Instant;

use actix::Context;

use super::Session;
use super::op::invalid;
use crate::actors::room::Act;
use crate::domain::{Cid, Emoji, MessageId, RoomId, RunId, Text, UserId, limits};
use crate::protocol::{ActOp, DeedOp, Empty, ErrorCode, Refusal, ok_line};
use crate::store::{Deed, Whose};

impl Session {
    /// Ends an answer, or takes a question back.
    pub(super) fn ai_stop(
        &mut self,
        user: UserId,
        re: Option<u32>,
        run: RunId,
        context: &mut Context<Self>,
    ) {
        let rooms = self.worker.shared.rooms.clone();
        let stopped = async move { rooms.stop_run(run, user).await };
        self.wait_for(context, stopped, move |session, stopped, _| match (stopped, re) {
            (Ok(()), Some(re)) => session.send(&ok_line(re, &Empty {})),
            (Ok(()), None) => {}
            (Err(refusal), _) => session.refuse(re, &refusal),
        });
    }

    /// What an op is to do to messages. The text is read before it counts against the limit.
    pub(super) fn act(&self, by: UserId, re: Option<u32>, op: ActOp<'_>) -> Result<Act, Refusal> {
        self.worker.shared.throttle.send(by)?;
        let deed = deed(op)?;
        Ok(Act { by, deed, asker: self.asker(re), since: Instant::now() })
    }
}

fn deed(ActOp { room, deed }: ActOp<'_>) -> Result<Deed, Refusal> {
    Ok(match deed {
        DeedOp::Edit { message, text, cid } => {
            let message = within(room, message)?;
            let text = Text::parse(&text).map_err(|why| invalid("text", why))?;
            let cid = cid.map(|cid| Cid::parse(&cid)).transpose();
            let cid = cid.map_err(|why| invalid("cid", why))?;
            Deed::Edit { message, text, cid, called: None, flagged: None }
        }
        DeedOp::Delete { message } => {
            Deed::Delete { message: within(room, message)?, whose: Whose::Own }
        }
        DeedOp::DeleteMany { messages } => many(room, &messages)?,
        DeedOp::React { message, emoji } => {
            Deed::React { message: within(room, message)?, emoji: self::emoji(&emoji)? }
        }
        DeedOp::Unreact { message, emoji } => {
            Deed::Unreact { message: within(room, message)?, emoji: self::emoji(&emoji)? }
        }
        DeedOp::Pin { message } => Deed::Pin { message: within(room, message)? },
        DeedOp::Unpin { message } => Deed::Unpin { message: within(room, message)? },
    })
}

/// Another room has other messages: in this one there is none of that id.
fn within(room: RoomId, message: MessageId) -> Result<i64, Refusal> {
    if message.room == room {
        Ok(message.seq)
    } else {
        Err(Refusal::new(ErrorCode::NotFound, "no such message"))
    }
}

fn emoji(raw: &str) -> Result<Emoji, Refusal> {
    Emoji::parse(raw)
        .map_err(|why| Refusal::new(ErrorCode::Invalid, format!("emoji {why}")).because("no_emoji"))
}

/// Messages to delete together, each once.
fn many(room: RoomId, messages: &[MessageId]) -> Result<Deed, Refusal> {
    let most = limits::DELETE_MANY;
    if messages.is_empty() || messages.len() > most {
        let msg = format!("messages must be 1 to {most}");
        return Err(Refusal::new(ErrorCode::Invalid, msg));
    }
    let seqs: Result<Vec<i64>, _> = messages.iter().map(|message| within(room, *message)).collect();
    let mut seqs = seqs?;
    seqs.sort_unstable();
    seqs.dedup();
    Ok(Deed::DeleteMany { messages: seqs.into() })
}
