//! What the filter of a room says of messages. The room has judged their texts; the names of their
//! files only the store knows.

use crate::domain::{FilterId, Verdict};
use crate::store::append::{AppendRefusal, NewMessage};
use crate::store::files::File;
use crate::store::moderation::Flagged;

use super::places::Places;
use super::talk::Draft;

/// A name that moderators are to see.
#[derive(Debug)]
pub(super) struct Found {
    rule: FilterId,
    /// The text of the message, and the names below it.
    text: String,
}

/// Judges the names of the files of a message, and masks what is to be masked in them.
pub(super) fn names(
    message: &NewMessage,
    files: &mut [File],
) -> Result<Option<Found>, AppendRefusal> {
    let Some(judge) = &message.judge else { return Ok(None) };
    let mut rule = None;
    for file in files.iter_mut() {
        match judge.judge_name(&file.name) {
            Verdict::Rejected(_rule) => return Err(AppendRefusal::Filtered),
            Verdict::Taken { masked, flagged } => {
                if let Some(masked) = masked {
                    file.name = masked;
                }
                rule = rule.or(flagged);
            }
        }
    }
    let found = rule.map(|rule| {
        let names = files.iter().map(|file| file.name.as_str());
        let lines: Vec<_> = std::iter::once(message.text.as_str()).chain(names).collect();
        Found { rule, text: lines.join("\n") }
    });
    Ok(found)
}

/// Messages that a rule wants moderators to see.
pub(super) fn flagged<'d>(places: &Places, drafts: &'d [Draft<'_>]) -> Vec<Flagged<'d>> {
    let flagged = |draft: &'d Draft<'_>| {
        let (message, found) = (draft.message, draft.found.as_ref());
        Some(Flagged {
            club: places.rooms.get(&message.room)?.club,
            room: message.room,
            seq: draft.cause.seq,
            author: message.author,
            filter: message.flagged.or(found.map(|found| found.rule))?,
            text: found.map_or(message.text.as_str(), |found| found.text.as_str()),
            at: message.at,
        })
    };
    drafts.iter().filter_map(flagged).collect()
}
