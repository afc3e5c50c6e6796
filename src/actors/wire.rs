//! Numbered facts become the JSON that is kept and sent; see [`crate::store::EventWriter`].

use super::journal::{Nobody, Outcomes};
use crate::domain::{
    ASSISTANT, ClubRole, Group, MessageId, Millis, RoomId, Text, UserId, in_address,
};
use crate::protocol::{
    ActData, AiDone, AiEnd, AiEndData, AiOver, AiRunning, AiStart, AiStartData, Cite, ContextRead,
    EditData, FileItem, MemberBan, MemberData, MemberJoin, MemberKick, MemberLeave, MemberRole,
    MessageData, MessageDelete, MessageEdit, MessageNew, MessagePin, MessagePreview, MessageReact,
    MessageUnpin, MessageUnreact, NoticeData, NoticeEvent, PreviewData, ReactionData, RoleData,
    Use, erased_event, erased_notice,
};
use crate::store::{
    ActEvent, EventWriter, File, Happened, Line, N_HOLE, NewMessage, NewNotice, NewPreviews,
    Removal, RunBegun, RunEnd, RunEnded, SEQ_HOLE, WrittenNotice,
};
use crate::telemetry::Metrics;

/// Most events are shorter.
const USUAL_BYTES: usize = 512;
/// Characters of the headline of an inbox entry.
const TITLE_CHARS: usize = 100;
/// Characters of the body of an inbox entry.
const BODY_CHARS: usize = 200;

/// How the numbers are written that no event has, to find their places by.
const SEQ: &str = "-9223372036854775808";
const N: &str = "9223372036854775807";

/// Writes events in the words of the protocol, and counts them.
pub(super) struct Writer<'m> {
    pub(super) metrics: &'m Metrics,
    /// Knows who has which room open.
    pub(super) live: &'m dyn Outcomes,
}

/// Writes events for who has no tree of actors around: nobody hears of them.
pub fn unheard(metrics: &Metrics) -> impl EventWriter {
    Writer { metrics, live: &Nobody }
}

impl EventWriter for Writer<'_> {
    fn message(
        &self,
        message: &NewMessage,
        seq: i64,
        n: i64,
        mentions: &[UserId],
        files: &[File],
    ) -> String {
        let room = message.room;
        let reply_to = message.reply_to.map(|seq| MessageId { room, seq });
        let (id, by) = (MessageId { room, seq }, message.author);
        let (cid, text, html) = (&message.cid, message.text.as_str(), message.text.html());
        let thread = message.thread.map(|seq| MessageId { room, seq });
        let calls = message.called.as_ref().map(|called| called.group().word());
        let files: Vec<_> = files.iter().map(FileItem::from).collect();
        let files = files.as_slice();
        let d = MessageData {
            id,
            by,
            cid,
            text,
            html,
            reply_to,
            thread,
            mentions,
            calls,
            files,
            hop: message.hop,
        };
        self.json(&MessageNew { room, seq, n, at: message.at, d })
    }

    fn previews(&self, new: &NewPreviews, seq: i64, is_withheld: bool) -> String {
        let room = new.room;
        let previews = (!is_withheld).then_some(new.previews.as_slice());
        let d = PreviewData { id: MessageId { room, seq: new.message_seq }, previews };
        self.json(&MessagePreview { room, seq, at: new.at, d })
    }

    fn template(&self, message: &NewMessage) -> String {
        let mut body = self.message(message, i64::MIN, i64::MAX, &[], &[]);
        // Ids and moments stand before `cid` and `text`, and none of them is like these numbers: what
        // is found first was put there above, whatever people write.
        for (number, hole) in [(SEQ, SEQ_HOLE), (SEQ, SEQ_HOLE), (N, N_HOLE)] {
            if let Some(at) = body.find(number) {
                body.replace_range(at..at + number.len(), hole.encode_utf8(&mut [0; 4]));
            }
        }
        body
    }

    fn line(&self, room: RoomId, line: Line, user: UserId, seq: i64, at: Millis) -> String {
        let d = MemberData { user };
        match line {
            Line::Join => self.json(&MemberJoin { room, seq, at, d }),
            Line::Leave => self.json(&MemberLeave { room, seq, at, d }),
            Line::Kick => self.json(&MemberKick { room, seq, at, d }),
            Line::Ban => self.json(&MemberBan { room, seq, at, d }),
            Line::Role(role) => {
                self.json(&MemberRole { room, seq, at, d: RoleData { user, role } })
            }
        }
    }

    fn act(&self, act: &ActEvent<'_>) -> String {
        let ActEvent { room, message, by, seq, at, what } = *act;
        let id = MessageId { room, seq: message };
        let on_one = ActData { id, by };
        match what {
            Happened::Edited { text, rev, mentions, group } => {
                let calls = group.map(Group::word);
                let (html, text) = (text.and_then(Text::html), text.map(Text::as_str));
                let d = EditData { id, by, text, html, rev, mentions, calls };
                self.json(&MessageEdit { room, seq, at, d })
            }
            Happened::Deleted => self.json(&MessageDelete { room, seq, at, d: on_one }),
            Happened::Reacted { emoji, count } => {
                let d = ReactionData { id, by, emoji: emoji.as_str(), count };
                self.json(&MessageReact { room, seq, at, d })
            }
            Happened::Unreacted { emoji, count } => {
                let d = ReactionData { id, by, emoji: emoji.as_str(), count };
                self.json(&MessageUnreact { room, seq, at, d })
            }
            Happened::Pinned => self.json(&MessagePin { room, seq, at, d: on_one }),
            Happened::Unpinned => self.json(&MessageUnpin { room, seq, at, d: on_one }),
        }
    }

    fn run_begun(&self, begun: &RunBegun<'_>) -> (String, String) {
        let RunBegun { run, room, seq, n, at, question, thread, hop, asker, model } = *begun;
        let (id, reply_to) = (MessageId { room, seq }, MessageId { room, seq: question });
        let thread = thread.map(|seq| MessageId { room, seq });
        let d = AiStartData { id, run, by: ASSISTANT, asker, reply_to, thread, hop, model };
        let ai = AiRunning { run, state: "running", asker, model };
        (self.json(&AiStart { room, seq, n, at, d }), self.json(&ai))
    }

    fn run_ended(&self, ended: &RunEnded<'_>) -> (String, String) {
        let RunEnded { end, message, seq, asker, is_deleted, is_withheld } = *ended;
        let room = end.room;
        let run = done(end, asker);
        let text = if is_deleted || is_withheld { None } else { Some(end.text.as_ref()) };
        let d = AiEndData {
            id: MessageId { room, seq: message },
            by: ASSISTANT,
            text: text.map(|text| text.map_or("", Text::as_str)),
            html: text.flatten().and_then(Text::html),
            deleted: is_deleted,
            run: run.clone(),
        };
        let event = self.json(&AiEnd { room, seq, at: end.at, d });
        (event, self.json(&AiOver { state: "done", run }))
    }

    fn erased_event(&self, body: &str) -> String {
        erased_event(body)
    }

    fn erased_notice(&self, event: &str) -> String {
        erased_notice(event)
    }

    fn notice(&self, notice: &NewNotice<'_>, seq: i64) -> WrittenNotice {
        let title: String = headline(notice).chars().take(TITLE_CHARS).collect();
        let body: String = excerpt(notice).chars().take(BODY_CHARS).collect();
        let place = notice.room.zip(notice.message_seq);
        let link = link(notice);
        let d = NoticeData {
            id: notice.id,
            kind: notice.kind,
            room: notice.room,
            message: place.map(|(room, seq)| MessageId { room, seq }),
            club: notice.club,
            from: notice.from,
            title: &title,
            body: &body,
            link: &link,
            at: notice.at,
        };
        let event = self.json(&NoticeEvent { seq, d });
        WrittenNotice { event, title, body }
    }

    fn is_listening(&self, room: RoomId, user: UserId) -> bool {
        self.live.is_listening(room, user)
    }
}

impl From<&File> for FileItem {
    fn from(file: &File) -> Self {
        let (width, height) = file.sides.unzip();
        Self {
            id: file.id,
            url: format!("/files/{}/{}", file.id, in_address(&file.name)),
            name: file.name.clone(),
            mime: file.mime.clone(),
            size: file.size,
            width,
            height,
            preview_url: file.has_preview.then(|| format!("/files/{}/preview", file.id)),
        }
    }
}

/// What is told of a run that is over.
fn done(end: &RunEnd, asker: UserId) -> AiDone<'_> {
    let (room, receipt, read) = (end.room, &end.receipt, &end.receipt.manifest);
    let cite = |seq: &i64| Cite { id: MessageId { room, seq: *seq }, seq: *seq };
    AiDone {
        run: end.run,
        asker,
        finish: end.finish,
        model: &receipt.model,
        cites: receipt.cites.iter().map(cite).collect(),
        r#use: Use {
            r#in: receipt.input,
            out: receipt.output,
            micro_usd: receipt.micro_usd,
            guessed: receipt.is_guessed,
        },
        context: ContextRead {
            from: read.range.0,
            to: read.range.1,
            used: read.used,
            left_out: read.left_out.iter().map(|(why, count)| (why.as_str(), *count)).collect(),
            uncited: receipt.uncited,
        },
        first_ms: receipt.first_ms,
        error: receipt.error.as_deref(),
    }
}

/// What an entry quotes. An answer without a text broke off before its first word.
fn excerpt<'a>(notice: &NewNotice<'a>) -> &'a str {
    let is_broken = notice.excerpt.is_empty() && notice.from == Some(ASSISTANT);
    match (is_broken, notice.locale) {
        (false, _any) => notice.excerpt,
        (true, "en") => "The answer broke off. Please ask again.",
        (true, _ko) => "답을 끝맺지 못했어요. 다시 물어봐 주세요.",
    }
}

fn headline(notice: &NewNotice<'_>) -> String {
    let NewNotice { from_name: from, place, .. } = notice;
    match (notice.kind, notice.locale) {
        ("mention", "en") => format!("{from} mentioned you"),
        ("mention", _ko) => format!("{from} 님이 나를 불렀어요"),
        ("dm", "en") => format!("{from} wrote to you"),
        ("dm", _ko) => format!("{from} 님이 말을 걸었어요"),
        ("chat", "en") => format!("New in {place}"),
        ("chat", _ko) => format!("{place}에 새 이야기가 있어요"),
        ("room_invite", "en") => format!("{from} added you to {place}"),
        ("room_invite", _ko) => format!("{from} 님이 {place} 방에 불러줬어요"),
        ("club_role", "en") => {
            format!("Your role in {place} is now {}", notice.role.map_or("", ClubRole::word))
        }
        ("club_role", _ko) => {
            let role = notice.role.map_or("", korean);
            format!("{place}에서 맡은 역할이 {role}(으)로 바뀌었어요")
        }
        ("club_removed", "en") => match notice.removal {
            Removal::Kicked => format!("You were removed from {place}"),
            Removal::Banned => format!("You are banned from {place}"),
            Removal::Closed => format!("{place} has closed"),
        },
        ("club_removed", _ko) => match notice.removal {
            Removal::Kicked => format!("{place}에서 내보내졌어요"),
            Removal::Banned => format!("{place} 이용이 막혔어요"),
            Removal::Closed => format!("{place} 모임이 문을 닫았어요"),
        },
        (_reply, "en") => format!("{from} replied to you"),
        (_reply, _ko) => format!("{from} 님이 내 말에 답했어요"),
    }
}

/// A role as people read it.
const fn korean(role: ClubRole) -> &'static str {
    match role {
        ClubRole::Member => "멤버",
        ClubRole::Manager => "매니저",
        ClubRole::Owner => "모임장",
    }
}

/// Path in the page that shows what an entry is about.
fn link(notice: &NewNotice<'_>) -> String {
    match (notice.kind, notice.room, notice.message_seq, notice.club) {
        ("mention" | "reply", Some(room), Some(seq), _) => format!("/rooms/{room}?at={seq}"),
        (_, Some(room), _, _) => format!("/rooms/{room}"),
        // The club is closed to who was put out.
        ("club_removed", ..) => "/clubs".to_owned(),
        (_, None, _, Some(club)) => format!("/clubs/{club}"),
        (_, None, _, None) => "/".to_owned(),
    }
}

impl Writer<'_> {
    /// The shapes of the protocol always can be written.
    fn json(&self, value: &impl serde::Serialize) -> String {
        self.metrics.encoded.inc();
        let mut line = Vec::with_capacity(USUAL_BYTES);
        let written = serde_json::to_writer(&mut line, value);
        written.ok().and_then(|()| String::from_utf8(line).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::actors::journal::Nobody;
    use crate::domain::Cid;

    proptest! {
        #[test]
        fn a_template_with_its_numbers_is_the_event(
            text in "\\PC{1,40}|.{1,40}|(-9223372036854775808|9223372036854775807|\u{1}|\u{2}|x){1,5}",
            cid in "[-0-9]{1,64}|-?922337203685477580[78]",
            (room, author, at) in (0..i64::MAX, 0..i64::MAX, 0..4_000_000_000_000_i64),
            (seq, n) in (1..=i64::MAX, 1..=i64::MAX),
        ) {
            let (Ok(text), Ok(cid)) = (Text::parse(&text), Cid::parse(&cid)) else { return Ok(()) };
            let (room, author, at) = (RoomId(room), UserId(author), Millis(at));
            let message = NewMessage::new(room, author, cid, text, at);
            let metrics = Metrics::new();
            let writer = Writer { metrics: &metrics, live: &Nobody };
            let template = writer.template(&message);
            prop_assert_eq!(template.matches(SEQ_HOLE).count(), 2);
            prop_assert_eq!(template.matches(N_HOLE).count(), 1);
            let filled = template.replace(SEQ_HOLE, &seq.to_string()).replace(N_HOLE, &n.to_string());
            prop_assert_eq!(filled, writer.message(&message, seq, n, &[], &[]));
        }
    }
}
