//! Events in a form that tests can read.

use moim::domain::{Millis, RoomId, Text, UserId};
use moim::store::{
    ActEvent, EventWriter, File, Line, N_HOLE, NewMessage, NewNotice, NewPreviews, Removal,
    RunBegun, RunEnded, SEQ_HOLE, WrittenNotice,
};

/// Writes events in a form that tests can read. The text `poison` makes a body that the schema
/// refuses.
pub(crate) struct Plain;

impl EventWriter for Plain {
    fn message(
        &self,
        message: &NewMessage,
        seq: i64,
        n: i64,
        mentions: &[UserId],
        files: &[File],
    ) -> String {
        if message.text.as_str() == "poison" {
            return String::new();
        }
        let text = message.text.as_str().replace('"', "'").replace(char::is_control, ".");
        let files: Vec<_> = files.iter().map(|file| format!(" {}", file.id)).collect();
        let by = message.author;
        let files = files.concat();
        format!("msg seq={seq} n={n} by={by} mentions={mentions:?}{files} \"{text}\"")
    }

    fn previews(&self, new: &NewPreviews, seq: i64, is_withheld: bool) -> String {
        let told = new.previews.iter().filter(|_preview| !is_withheld);
        let titles: Vec<_> = told.map(|preview| preview.title.as_str()).collect();
        format!("previews seq={seq} of={} {titles:?}", new.message_seq)
    }

    fn template(&self, message: &NewMessage) -> String {
        let body = self.message(message, i64::MIN, i64::MAX, &[], &[]);
        let body = body.replace(&i64::MIN.to_string(), &SEQ_HOLE.to_string());
        body.replace(&i64::MAX.to_string(), &N_HOLE.to_string())
    }

    fn line(&self, room: RoomId, line: Line, user: UserId, seq: i64, _at: Millis) -> String {
        format!("{line:?} room={room} user={user} seq={seq}")
    }

    fn is_listening(&self, _room: RoomId, _user: UserId) -> bool {
        false
    }

    fn act(&self, act: &ActEvent<'_>) -> String {
        let ActEvent { message, by, seq, what, .. } = act;
        format!("act seq={seq} message={message} by={by} {what:?}")
    }

    fn run_begun(&self, begun: &RunBegun<'_>) -> (String, String) {
        let RunBegun { run, seq, n, question, model, .. } = begun;
        (format!("begun {run} seq={seq} n={n} question={question}"), format!("{run} by {model}"))
    }

    fn run_ended(&self, ended: &RunEnded<'_>) -> (String, String) {
        let RunEnded { end, message, seq, is_deleted, .. } = ended;
        let text = end.text.as_ref().filter(|_text| !is_deleted).map_or("", Text::as_str);
        let (run, finish) = (end.run, end.finish);
        (
            format!("ended {run} seq={seq} message={message} {finish} \"{text}\""),
            format!("{run} {finish}"),
        )
    }

    fn erased_event(&self, body: &str) -> String {
        format!("erased {}", body.split('"').next().unwrap_or_default())
    }

    fn erased_notice(&self, event: &str) -> String {
        format!("erased {event}")
    }

    fn notice(&self, notice: &NewNotice<'_>, seq: i64) -> WrittenNotice {
        let NewNotice { id, kind, locale, from_name, place, .. } = notice;
        let NewNotice { message_seq, club, removal, excerpt, .. } = notice;
        let message_seq = message_seq.unwrap_or(0);
        WrittenNotice {
            event: format!(
                "{id} {kind} seq={seq} message={message_seq} club={club:?} {locale}{}",
                if *removal == Removal::Banned { " ban" } else { "" }
            ),
            title: match *kind {
                "club_removed" if *removal == Removal::Closed => format!("{place} closed"),
                "club_removed" => format!("out of {place}"),
                kind => format!("{kind} by {from_name}"),
            },
            body: (*excerpt).to_owned(),
        }
    }
}
