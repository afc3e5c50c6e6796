//! What a delivery says, read without parsing its JSON.
//!
//! The text of every message of the load tester begins with two numbers of twelve digits: its own
//! number of the message, and when it was due in microseconds of the run.

const DIGITS: usize = 12;

/// The bytes of both numbers with a blank behind each: the shortest text there is.
pub(crate) const TEXT_HEAD: usize = 2 * (DIGITS + 1);

/// An event of a room's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub seq: u64,
    /// Present in messages of the load tester.
    pub stamp: Option<Stamp>,
}

/// What a message of the load tester says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub serial: u64,
    pub due_us: u64,
}

impl Stamp {
    /// The beginning of a text that carries it.
    pub(crate) fn head(self) -> String {
        let Self { serial, due_us } = self;
        format!("{serial:0DIGITS$} {due_us:0DIGITS$} ")
    }

    /// A text that carries it.
    pub(crate) fn text(self, filler: &str) -> String {
        self.head() + filler
    }
}

/// A message has at most 4,000 characters, so a longer text is made of longer ones.
const PLAIN_BYTES: usize = 4_000;
const LONG: &str = "가";

/// The filler that makes a text `bytes` long, give or take two.
pub(crate) fn filler(bytes: usize) -> String {
    let left = bytes.saturating_sub(TEXT_HEAD);
    if bytes <= PLAIN_BYTES { "x".repeat(left) } else { LONG.repeat(left / LONG.len()) }
}

/// The usual shape of a message. Key order is not promised, so any other shape is parsed in full.
pub(crate) fn is_plain(line: &[u8]) -> bool {
    line.starts_with(br#"{"ev":"msg.new","#)
}

pub(crate) fn delivery(line: &[u8]) -> Option<Delivery> {
    let (seq, _) = number(behind(line, br#""seq":"#)?)?;
    Some(Delivery { seq, stamp: behind(line, br#""text":""#).and_then(stamp) })
}

/// A piece of an answer of the assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'l> {
    pub run: &'l str,
    /// Bytes of the answer before it.
    pub off: usize,
    pub text: &'l str,
}

/// The usual shape of a piece, with nothing in its text that JSON writes in another way.
pub(crate) fn piece(line: &[u8]) -> Option<Piece<'_>> {
    if !line.starts_with(br#"{"ev":"ai.delta","#) || line.contains(&b'\\') {
        return None;
    }
    let (off, rest) = number(behind(line, br#""off":"#)?)?;
    let text = rest.strip_prefix(br#","text":""#)?.strip_suffix(br#""}"#)?;
    let run = behind(line, br#""run":""#)?;
    let run = run.get(..run.iter().position(|byte| *byte == b'"')?)?;
    let (run, text) = (std::str::from_utf8(run).ok()?, std::str::from_utf8(text).ok()?);
    Some(Piece { run, off: usize::try_from(off).ok()?, text })
}

/// The room of an event.
pub(crate) fn room(line: &[u8]) -> Option<&str> {
    let room = behind(line, br#""room":""#)?;
    let room = room.get(..room.iter().position(|byte| *byte == b'"')?)?;
    std::str::from_utf8(room).ok()
}

fn stamp(text: &[u8]) -> Option<Stamp> {
    let (serial, rest) = number(text)?;
    let (due_us, _) = number(rest.strip_prefix(b" ")?)?;
    Some(Stamp { serial, due_us })
}

fn behind<'l>(line: &'l [u8], key: &[u8]) -> Option<&'l [u8]> {
    let at = line.windows(key.len()).position(|window| window == key)?;
    line.get(at + key.len()..)
}

/// The number in front, and what comes after it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count)?;
    let digit = |value: u64, byte: &u8| value * 10 + u64::from(byte - b'0');
    (count > 0).then(|| (digits.iter().take(18).fold(0, digit), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_from_wherever_it_stands() {
        let stamp = Stamp { serial: 42, due_us: 1_000_007 };
        assert_eq!(stamp.head().len(), TEXT_HEAD);
        let text = stamp.text(&filler(40));
        assert_eq!(text.len(), 40);
        let line = format!(
            r#"{{"ev":"msg.new","room":"r_1","seq":77,"n":3,"at":1,"d":{{"text":"{text}"}}}}"#
        );
        assert!(is_plain(line.as_bytes()));
        let expected = Some(Delivery { seq: 77, stamp: Some(stamp) });
        assert_eq!(delivery(line.as_bytes()), expected);
        assert_eq!(room(line.as_bytes()), Some("r_1"));
        let turned = format!(r#"{{"d":{{"text":"{text}"}},"seq":77,"room":"r_1","ev":"msg.new"}}"#);
        assert!(!is_plain(turned.as_bytes()));
        assert_eq!(delivery(turned.as_bytes()), expected);
        assert_eq!(room(turned.as_bytes()), Some("r_1"));
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
        assert_eq!(delivery(line), Some(Delivery { seq: 5, stamp: None }));
        for text in ["hello 7", "7", "7 hello"] {
            let line =
                format!(r#"{{"ev":"msg.new","room":"r_1","seq":6,"d":{{"text":"{text}"}}}}"#);
            assert_eq!(delivery(line.as_bytes()), Some(Delivery { seq: 6, stamp: None }), "{text}");
        }
        assert_eq!(delivery(br#"{"ev":"presence","room":"r_1","count":3}"#), None);
        assert_eq!(room(br#"{"ev":"lag"}"#), None);
    }

    #[test]
    fn a_piece_of_an_answer_is_read_without_parsing() {
        let line = br#"{"ev":"ai.delta","room":"r_1","run":"run_5","off":14,"text":"we meet "}"#;
        assert_eq!(piece(line), Some(Piece { run: "run_5", off: 14, text: "we meet " }));
        let line = br#"{"ev":"ai.delta","room":"r_1","run":"run_5","off":14,"text":"a\"b"}"#;
        assert_eq!(piece(line), None, "that is for a parser");
        assert_eq!(piece(br#"{"ev":"ai.end","room":"r_1"}"#), None);
    }
}
