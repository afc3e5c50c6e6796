//! The lines of a session.

use serde_json::Value;

use crate::protocol::{BadLine, Line, parse_line};

/// Longest complaint about a line; a client must not make the server repeat what it sent.
const WHY_BYTES: usize = 512;

/// Any text: a line that is understood means the same however its JSON is written, and one that is
/// not keeps its id when it has one.
pub fn lines(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let parsed = parse_line(text).map(sorted);
    // Twice the same field, or a number that is none here: then there is nothing to compare.
    let value = serde_json::from_str::<Value>(text).ok();
    let id = value.as_ref().and_then(|value| value.get("id")).and_then(Value::as_u64);
    let id = id.and_then(|id| u32::try_from(id).ok());
    match parsed {
        Ok(line) => {
            let Some(value) = value else {
                return;
            };
            if let Line::Request { id: kept, .. } = &line {
                assert_eq!(*kept, id, "{text}");
            }
            assert_eq!(parse_line(&value.to_string()).map(sorted), Ok(line), "{text}");
        }
        Err(BadLine { id: kept, why }) => {
            assert!(!why.is_empty() && why.len() <= WHY_BYTES, "{why}");
            let is_object = value.as_ref().is_some_and(Value::is_object);
            let is_once = text.matches("\"id\"").count() == 1;
            if is_object && is_once {
                assert_eq!(kept, id, "{text}");
            }
        }
    }
}

/// A heartbeat names rooms in no order.
fn sorted(mut line: Line<'_>) -> Line<'_> {
    if let Line::Heartbeat(beat) = &mut line {
        beat.at.sort_unstable();
    }
    line
}
