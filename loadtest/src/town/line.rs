//! What a delivery says, read without parsing its JSON.
//!
//! The text of every message that a town sends begins with two numbers of twelve digits: its
//! serial, and when it was due in microseconds of the run.

const DIGITS: usize = 12;

/// An event of a room's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivery<'a> {
    pub room: &'a str,
    pub seq: u64,
    /// Present in messages that a town sent.
    pub stamp: Option<Stamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub serial: u64,
    pub due_us: u64,
}

impl Stamp {
    /// A text of about `bytes` that carries it.
    pub(super) fn text(self, filler: &str) -> String {
        let Self { serial, due_us } = self;
        format!("{serial:0DIGITS$} {due_us:0DIGITS$} {filler}")
    }
}

/// A message has at most 4,000 characters, so a longer text is made of longer ones.
const PLAIN_BYTES: usize = 4_000;
const LONG: &str = "가";

/// The filler that makes a text `bytes` long, give or take two.
pub(super) fn filler(bytes: usize) -> String {
    let left = bytes.saturating_sub(2 * DIGITS + 2);
    if bytes <= PLAIN_BYTES { "x".repeat(left) } else { LONG.repeat(left / LONG.len()) }
}

/// The usual shape of a message. Key order is not promised, so any other shape is parsed in full.
pub(super) fn is_plain(line: &[u8]) -> bool {
    line.starts_with(br#"{"ev":"msg.new","#)
}

pub(super) fn delivery(line: &[u8]) -> Option<Delivery<'_>> {
    let room = behind(line, br#""room":""#)?;
    let room = room.get(..room.iter().position(|byte| *byte == b'"')?)?;
    let (seq, _) = number(behind(line, br#""seq":"#)?)?;
    let stamp = behind(line, br#""text":""#).and_then(stamp);
    Some(Delivery { room: std::str::from_utf8(room).ok()?, seq, stamp })
}

fn stamp(text: &[u8]) -> Option<Stamp> {
    let (serial, rest) = number(text)?;
    let (due_us, _) = number(rest.strip_prefix(b" ")?)?;
    Some(Stamp { serial, due_us })
}

fn behind<'a>(line: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = line.windows(key.len()).position(|window| window == key)?;
    line.get(at + key.len()..)
}

fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let count = text.iter().take(18).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count)?;
    let value = digits.iter().fold(0, |value, byte| value * 10 + u64::from(byte - b'0'));
    (count > 0).then_some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_from_wherever_it_stands() {
        let stamp = Stamp { serial: 42, due_us: 1_000_007 };
        let text = stamp.text(&filler(40));
        assert_eq!(text.len(), 40);
        let line = format!(
            r#"{{"ev":"msg.new","room":"r_1","seq":77,"n":3,"at":1,"d":{{"text":"{text}"}}}}"#
        );
        assert!(is_plain(line.as_bytes()));
        let expected = Delivery { room: "r_1", seq: 77, stamp: Some(stamp) };
        assert_eq!(delivery(line.as_bytes()), Some(expected));
        let turned = format!(r#"{{"d":{{"text":"{text}"}},"seq":77,"room":"r_1","ev":"msg.new"}}"#);
        assert!(!is_plain(turned.as_bytes()));
        assert_eq!(delivery(turned.as_bytes()), Some(expected));
    }

    #[test]
    fn a_long_text_has_no_more_characters_than_a_message_may_have() {
        let stamp = Stamp { serial: 1, due_us: 1 };
        for bytes in [32, 4_000, 4_001, 11_900] {
            let text = stamp.text(&filler(bytes));
            assert!(text.len().abs_diff(bytes) <= 2, "{} for {bytes}", text.len());
            assert!(text.chars().count() <= 4_000, "{bytes}");
        }
    }

    #[test]
    fn an_event_without_a_stamp_has_its_place_all_the_same() {
        let line = br#"{"ev":"member.join","room":"r_1","seq":5,"d":{"user":{"id":"u_1"}}}"#;
        assert_eq!(delivery(line), Some(Delivery { room: "r_1", seq: 5, stamp: None }));
        let line = br#"{"ev":"msg.new","room":"r_1","seq":6,"d":{"text":"hello 7"}}"#;
        assert_eq!(delivery(line), Some(Delivery { room: "r_1", seq: 6, stamp: None }));
        assert_eq!(delivery(br#"{"ev":"presence","room":"r_1","count":3}"#), None);
    }
}
