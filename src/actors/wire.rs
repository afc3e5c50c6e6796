//! Numbered facts become the JSON that is kept and sent; see [`crate::store::EventWriter`].

use crate::domain::{MessageId, Millis, RoomId, UserId};
use crate::protocol::{
    MemberData, MemberJoin, MemberLeave, MessageData, MessageNew, NoticeData, NoticeEvent,
};
use crate::store::{EventWriter, Line, N_HOLE, NewMessage, NewNotice, SEQ_HOLE, WrittenNotice};
use crate::telemetry::Metrics;

/// Most events are shorter.
const USUAL_BYTES: usize = 512;
/// Characters of the headline of an inbox entry.
const TITLE_CHARS: usize = 100;
/// Characters of the body of an inbox entry.
const BODY_CHARS: usize = 200;

/// Numbers that no event has, to find their places by.
const SEQ: i64 = i64::MIN;
const N: i64 = i64::MIN + 1;

/// Writes events in the words of the protocol, and counts them.
pub(super) struct Writer<'m>(pub(super) &'m Metrics);

impl EventWriter for Writer<'_> {
    fn message(&self, message: &NewMessage, seq: i64, n: i64, mentions: &[UserId]) -> String {
        let room = message.room;
        let reply_to = message.reply_to.map(|seq| MessageId { room, seq });
        let (id, by) = (MessageId { room, seq }, message.author);
        let (cid, text, html) = (&message.cid, message.text.as_str(), message.text.html());
        let d = MessageData { id, by, cid, text, html, reply_to, mentions };
        self.json(&MessageNew { room, seq, n, at: message.at, d })
    }

    fn template(&self, message: &NewMessage) -> String {
        let body = self.message(message, SEQ, N, &[]);
        // Ids and numbers stand before `cid` and `text`, and none of them is like these two: what is
        // found first was put there above, whatever people write.
        let body = body.replacen(&SEQ.to_string(), SEQ_HOLE.encode_utf8(&mut [0; 4]), 2);
        body.replacen(&N.to_string(), N_HOLE.encode_utf8(&mut [0; 4]), 1)
    }

    fn line(&self, room: RoomId, line: Line, user: UserId, seq: i64, at: Millis) -> String {
        let d = MemberData { user };
        match line {
            Line::Join => self.json(&MemberJoin { room, seq, at, d }),
            Line::Leave => self.json(&MemberLeave { room, seq, at, d }),
        }
    }

    fn notice(&self, notice: &NewNotice<'_>, seq: i64) -> WrittenNotice {
        let title: String = headline(notice).chars().take(TITLE_CHARS).collect();
        let body: String = notice.excerpt.chars().take(BODY_CHARS).collect();
        let room = notice.room;
        let link = format!("/rooms/{room}?at={}", notice.message_seq);
        let d = NoticeData {
            id: notice.id,
            kind: notice.kind,
            room,
            message: MessageId { room, seq: notice.message_seq },
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
}

fn headline(notice: &NewNotice<'_>) -> String {
    let from = notice.from_name;
    match (notice.kind, notice.locale) {
        ("mention", "en") => format!("{from} mentioned you"),
        ("mention", _ko) => format!("{from} 님이 나를 불렀어요"),
        (_reply, "en") => format!("{from} replied to you"),
        (_reply, _ko) => format!("{from} 님이 내 말에 답했어요"),
    }
}

impl Writer<'_> {
    /// The shapes of the protocol always can be written.
    fn json(&self, value: &impl serde::Serialize) -> String {
        self.0.encoded.inc();
        let mut line = Vec::with_capacity(USUAL_BYTES);
        let written = serde_json::to_writer(&mut line, value);
        written.ok().and_then(|()| String::from_utf8(line).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Cid, Text};

    proptest! {
        #[test]
        fn a_template_with_its_numbers_is_the_event(
            text in "\\PC{1,40}|.{1,40}|(-9223372036854775808|-9223372036854775807|\u{1}|\u{2}|x){1,5}",
            cid in "[-0-9]{1,64}|-922337203685477580[78]",
            (room, author, at) in (0..i64::MAX, 0..i64::MAX, 0..4_000_000_000_000_i64),
            (seq, n) in (1..i64::MAX, 1..i64::MAX),
        ) {
            let (Ok(text), Ok(cid)) = (Text::parse(&text), Cid::parse(&cid)) else { return Ok(()) };
            let (room, author, at) = (RoomId(room), UserId(author), Millis(at));
            let message = NewMessage { room, author, cid, text, reply_to: None, at };
            let metrics = Metrics::new();
            let writer = Writer(&metrics);
            let template = writer.template(&message);
            prop_assert_eq!(template.matches(SEQ_HOLE).count(), 2);
            prop_assert_eq!(template.matches(N_HOLE).count(), 1);
            let filled = template.replace(SEQ_HOLE, &seq.to_string()).replace(N_HOLE, &n.to_string());
            prop_assert_eq!(filled, writer.message(&message, seq, n, &[]));
        }
    }
}
