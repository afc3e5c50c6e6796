//! What each op does. Ops about a room are parsed here and decided there.

use std::borrow::Cow;
use std::time::Instant;

use actix::Context;

use super::Session;
use crate::actors::room::{Beside, Form, RoomMsg, Send};
use crate::actors::seat::{Asker, Opening};
use crate::domain::{Cid, FileId, InvalidText, MessageId, RoomId, Text, UserId, check_files};
use crate::protocol::{Behind, Empty, ErrorCode, Frame, Heartbeat, Line, Op, Refusal, ok_line};

impl Session {
    /// Does what a line asks.
    pub(super) fn line(&mut self, line: Line<'_>, context: &mut Context<Self>) {
        match line {
            Line::Heartbeat(beat) => self.heartbeat(&beat),
            Line::Request { id, op: Op::Auth { token, want } } => {
                self.auth(id, &token, want, context);
            }
            Line::Request { id, op: Op::Ping } => {
                if let Some(re) = id {
                    self.send(&ok_line(re, &Empty {}));
                }
            }
            Line::Request { id, op } => match self.user {
                Some(user) => self.request(user, id, op, context),
                None => {
                    let refusal = Refusal::new(ErrorCode::Unauthorized, "sign in first");
                    self.refuse(id, &refusal);
                }
            },
        }
    }

    fn request(&mut self, user: UserId, re: Option<u32>, op: Op<'_>, context: &mut Context<Self>) {
        // What is written has a limit of its own.
        if !matches!(op, Op::Send { .. } | Op::Act(_))
            && let Err(refusal) = self.worker.shared.throttle.request(user)
        {
            return self.refuse(re, &refusal);
        }
        // There is no place before the log.
        if let Op::Read { seq, .. } | Op::Unread { seq, .. } = &op
            && *seq < 0
        {
            let refusal = Refusal::of_field(ErrorCode::Invalid, "seq", "must not be negative");
            return self.refuse(re, &refusal.because("range"));
        }
        let seat = self.seat;
        match op {
            Op::Open { room, since } => {
                let form = Form::Socket { re };
                let ask = |opening| RoomMsg::Open { opening, since, form };
                let msg = self.worker.relay.opening(seat, user, room, ask);
                self.ask_room(room, user, re, msg, context);
            }
            Op::Close { room } => {
                self.worker.relay.close_room(seat, room);
                if let Some(re) = re {
                    self.send(&ok_line(re, &Empty {}));
                }
            }
            Op::Send { .. } | Op::Act(_) => self.write(user, re, op, context),
            Op::Typing { room } => {
                let reply = re.map(|re| (seat, re));
                self.ask_room(room, user, re, RoomMsg::Typing { user, reply }, context);
            }
            Op::Read { room, seq } => {
                let (asker, seat) = (self.asker(re), Some(seat));
                self.ask_room(room, user, re, RoomMsg::Mark { user, seq, asker, seat }, context);
            }
            Op::Status { state, text } => {
                self.status(user, re, state.as_deref(), text.as_deref(), context);
            }
            Op::Unread { room, seq } => {
                let (asker, seat) = (self.asker(re), Some(seat));
                self.ask_room(room, user, re, RoomMsg::Unread { user, seq, asker, seat }, context);
            }
            Op::Pull { room, after } => {
                let opening = Opening { seat, turn: 0, user };
                self.ask_room(room, user, re, RoomMsg::Pull { opening, after, re }, context);
            }
            Op::InboxOpen { since } => self.inbox_open(user, re, since, context),
            Op::InboxRead(selection) => self.inbox_read(user, re, selection, context),
            Op::AiStop { run } => self.ai_stop(user, re, run, context),
            Op::AuthRefresh { token } => self.auth_refresh(re, &token, context),
            Op::Auth { .. } | Op::Ping => {}
        }
    }

    /// A message, or something done to messages: what the journal is to write.
    fn write(&mut self, user: UserId, re: Option<u32>, op: Op<'_>, context: &mut Context<Self>) {
        if let Err(refusal) = self.worker.shared.rooms.pressure.admit() {
            return self.put_off(re, &refusal);
        }
        let (room, msg) = match op {
            Op::Send { room, cid, text, reply_to, thread, files } => {
                let draft = Draft { cid, text, reply_to, thread, files };
                (room, self.draft(user, re, room, draft).map(RoomMsg::Send))
            }
            Op::Act(act) => {
                (act.room, self.act(user, re, act).map(|act| RoomMsg::Act(Box::new(act))))
            }
            _not_written => return,
        };
        match msg {
            Ok(msg) => self.ask_room(room, user, re, msg, context),
            Err(refusal) => self.refuse(re, &refusal),
        }
    }

    /// Leaves a message with a room that this session may read: at once when it is awake and has
    /// a place, else as soon as it is and has.
    fn ask_room(
        &mut self,
        room: RoomId,
        user: UserId,
        re: Option<u32>,
        msg: RoomMsg,
        context: &mut Context<Self>,
    ) {
        let is_readable = self.worker.relay.mode(self.seat, room).is_some();
        let msg = match is_readable {
            true => self.leave(room, msg),
            false => Err(msg),
        };
        let Err(msg) = msg else {
            return;
        };
        let rooms = self.worker.shared.rooms.clone();
        if is_readable {
            let asked = async move { rooms.ask(room, msg).await };
            self.wait_for(context, asked, move |session, asked, _| {
                if let Err(refusal) = asked {
                    session.worker.relay.give_up(session.seat, room);
                    session.refuse(re, &refusal);
                }
            });
            return;
        }
        // Perhaps the room became readable just now and the news is on its way; the store knows.
        let asked = async move {
            rooms.readable(room, user).await?;
            Ok(msg)
        };
        self.wait_for(context, asked, move |session, asked, context| match asked {
            Ok(msg) => {
                session.worker.relay.add_room(session.seat, room);
                session.ask_room(room, user, re, msg, context);
            }
            Err(refusal) => {
                session.worker.relay.give_up(session.seat, room);
                session.refuse(re, &refusal);
            }
        });
    }

    /// Leaves a message with a room that is awake and has a place, behind what this worker had for
    /// it before; gives it back otherwise.
    fn leave(&self, room: RoomId, msg: RoomMsg) -> Result<(), RoomMsg> {
        if matches!(msg, RoomMsg::Open { .. }) {
            return self.worker.openings.take(room, msg);
        }
        self.worker.openings.hand_over();
        self.worker.shared.rooms.try_ask(room, msg)
    }

    fn draft(
        &self,
        author: UserId,
        re: Option<u32>,
        room: RoomId,
        draft: Draft<'_>,
    ) -> Result<Send, Refusal> {
        self.worker.shared.throttle.send(author)?;
        let files = check_files(draft.files)?;
        let text = if files.is_empty() {
            Text::parse(&draft.text)
        } else {
            Text::parse_beside_files(&draft.text)
        };
        let text = text.map_err(|why| invalid("text", why))?;
        let cid = match draft.cid {
            Some(cid) => Cid::parse(&cid).map_err(|why| invalid("cid", why))?,
            None => self.worker.shared.own_cid(),
        };
        let is_elsewhere = |message: &MessageId| message.room != room;
        if draft.reply_to.as_ref().is_some_and(is_elsewhere) {
            let msg = "reply_to is no message of this room";
            return Err(Refusal::new(ErrorCode::Invalid, msg).because("no_such_message"));
        }
        if draft.thread.as_ref().is_some_and(is_elsewhere) {
            let msg = "thread is no message of this room";
            return Err(Refusal::new(ErrorCode::Invalid, msg).because("no_such_thread"));
        }
        let seq = |message: MessageId| message.seq;
        let (reply_to, thread) = (draft.reply_to.map(seq), draft.thread.map(seq));
        let beside = Beside { reply_to, thread, files }.boxed();
        Ok(Send {
            author,
            cid,
            text,
            beside,
            asker: self.asker(re),
            since: Instant::now(),
            is_asked: false,
            is_bots: self.is_bots,
        })
    }

    pub(super) fn asker<T>(&self, re: Option<u32>) -> Asker<T> {
        re.map_or(Asker::Nobody, |re| Asker::Seat(self.seat, re))
    }

    /// Positions that the client has applied: one that is short is told so.
    fn heartbeat(&self, beat: &Heartbeat) {
        for (room, seq) in &beat.at {
            let may = self.worker.relay.mode(self.seat, *room).is_some();
            let live = self.worker.shared.rooms.directory.find(*room).filter(|_| may);
            let Some((head, _)) = live.map(|room| room.head()) else {
                continue;
            };
            // What still waits here is no loss yet.
            if *seq < head && self.outbox.bytes() == 0 {
                self.send(&Frame::json(&Behind { room: *room, head }));
            }
        }
    }
}

/// The fields of a send that are not parsed yet.
struct Draft<'a> {
    cid: Option<Cow<'a, str>>,
    text: Cow<'a, str>,
    reply_to: Option<MessageId>,
    thread: Option<MessageId>,
    files: Vec<FileId>,
}

pub(super) fn invalid(field: &'static str, why: InvalidText) -> Refusal {
    let code = match why {
        InvalidText::TooLong(_) => ErrorCode::TooLarge,
        InvalidText::Blank | InvalidText::Unstorable => ErrorCode::Invalid,
    };
    Refusal::of_field(code, field, why)
}
