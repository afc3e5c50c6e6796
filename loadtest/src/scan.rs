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
    /// The ordinal of a message, where it stands right behind the seq.
    pub n: Option<u64>,
    /// Present in messages of the load tester, and in edits of them.
    pub stamp: Option<Stamp>,
}

/// What an event of a log tells of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told<'l> {
    New {
        id: &'l str,
        by: &'l str,
        /// The message that began its thread.
        thread: Option<&'l str>,
    },
    Edit {
        id: &'l str,
        by: &'l str,
        rev: u64,
    },
    /// A reaction, or its end; `count` are those with this emoji after it.
    Mark {
        id: &'l str,
        by: &'l str,
        emoji: &'l str,
        is_on: bool,
        count: u64,
    },
    Delete {
        id: &'l str,
    },
    /// A pin, or its end.
    Pin {
        id: &'l str,
        is_on: bool,
    },
    /// What was told once of a message that is deleted since.
    Erased {
        id: &'l str,
    },
    /// An answer of the assistant begins or ends; too rare to be read without a parser.
    Answer,
    Other,
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

    /// The first word of a text with this number.
    pub(crate) fn word(serial: u64) -> String {
        format!("{serial:0DIGITS$}")
    }

    /// The one that a text carries.
    pub(crate) fn of(text: &str) -> Option<Self> {
        stamp(text.as_bytes())
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

/// The usual shape of what happens to a message. Key order is not promised, so any other shape is
/// parsed in full.
pub(crate) fn is_plain(line: &[u8]) -> bool {
    line.starts_with(br#"{"ev":"msg."#)
}

pub(crate) fn delivery(line: &[u8]) -> Option<Delivery> {
    let (seq, rest) = number(behind(line, br#""seq":"#)?)?;
    let n = rest.strip_prefix(br#","n":"#).and_then(number).map(|(n, _)| n);
    Some(Delivery { seq, n, stamp: behind(line, br#""text":""#).and_then(stamp) })
}

/// What an event of a log tells of a message; nothing when it lacks what it should have.
pub(crate) fn told(line: &[u8]) -> Option<Told<'_>> {
    let event = word(line, br#""ev":""#)?;
    if matches!(event, "ai.start" | "ai.end") {
        return Some(Told::Answer);
    }
    let acts = ["new", "edit", "react", "unreact", "delete", "pin", "unpin"];
    if !event.strip_prefix("msg.").is_some_and(|act| acts.contains(&act)) {
        return Some(Told::Other);
    }
    // What a message carries has ids of its own.
    let at = line.windows(8).position(|window| window == br#""id":"m_"#)?;
    let id = word(line.get(at..)?, br#""id":""#)?;
    let is_text = matches!(event, "msg.new" | "msg.edit");
    if is_text && behind(line, br#""deleted":true"#).is_some() {
        return Some(Told::Erased { id });
    }
    let by = word(line, br#""by":""#)?;
    let count = |key| number(behind(line, key)?).map(|(number, _)| number);
    Some(match event {
        "msg.new" => Told::New { id, by, thread: word(line, br#""thread":""#) },
        "msg.edit" => Told::Edit { id, by, rev: count(br#""rev":"#)? },
        "msg.delete" => Told::Delete { id },
        "msg.pin" | "msg.unpin" => Told::Pin { id, is_on: event == "msg.pin" },
        event => {
            let (emoji, count) = (word(line, br#""emoji":""#)?, count(br#""count":"#)?);
            Told::Mark { id, by, emoji, is_on: event == "msg.react", count }
        }
    })
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
    word(line, br#""room":""#)
}

/// The string behind a key, when it holds no quote.
fn word<'l>(line: &'l [u8], key: &[u8]) -> Option<&'l str> {
    let rest = behind(line, key)?;
    let word = rest.get(..rest.iter().position(|byte| *byte == b'"')?)?;
    std::str::from_utf8(word).ok()
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
        let expected = Delivery { seq: 77, n: Some(3), stamp: Some(stamp) };
        assert_eq!(delivery(line.as_bytes()), Some(expected));
        assert_eq!(room(line.as_bytes()), Some("r_1"));
        let turned = format!(r#"{{"d":{{"text":"{text}"}},"seq":77,"room":"r_1","ev":"msg.new"}}"#);
        assert!(!is_plain(turned.as_bytes()));
        assert_eq!(delivery(turned.as_bytes()), Some(Delivery { n: None, ..expected }));
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
        assert_eq!(delivery(line), Some(Delivery { seq: 5, n: None, stamp: None }));
        for text in ["hello 7", "7", "7 hello"] {
            let line =
                format!(r#"{{"ev":"msg.new","room":"r_1","seq":6,"d":{{"text":"{text}"}}}}"#);
            let expected = Some(Delivery { seq: 6, n: None, stamp: None });
            assert_eq!(delivery(line.as_bytes()), expected, "{text}");
        }
        assert_eq!(delivery(br#"{"ev":"presence","room":"r_1","count":3}"#), None);
        assert_eq!(room(br#"{"ev":"lag"}"#), None);
    }

    #[test]
    fn what_happens_to_a_message_is_read_in_any_order_of_its_fields() {
        let pairs = [
            (
                r#"{"ev":"msg.new","room":"r_1","seq":7,"n":3,"at":1,"d":{"id":"m_1_7","by":"u_3",
                    "cid":"s-1","text":"a","reply_to":null,"files":[{"id":"fi_7","name":"x"}]}}"#,
                Told::New { id: "m_1_7", by: "u_3", thread: None },
            ),
            (
                r#"{"at":1,"d":{"by":"u_3","cid":"s-1","files":[{"id":"fi_7"}],"id":"m_1_7",
                    "text":"a","thread":"m_1_2"},"ev":"msg.new","n":3,"room":"r_1","seq":7}"#,
                Told::New { id: "m_1_7", by: "u_3", thread: Some("m_1_2") },
            ),
            (
                r#"{"ev":"msg.new","room":"r_1","seq":7,"n":3,"at":1,"d":{"id":"m_1_7","by":"u_3",
                    "cid":"s-1","thread":"m_1_2","deleted":true}}"#,
                Told::Erased { id: "m_1_7" },
            ),
            (
                r#"{"ev":"msg.delete","room":"r_1","seq":9,"at":1,"d":{"id":"m_1_7","by":"u_3"}}"#,
                Told::Delete { id: "m_1_7" },
            ),
            (
                r#"{"ev":"msg.unpin","room":"r_1","seq":9,"at":1,"d":{"id":"m_1_7","by":"u_3"}}"#,
                Told::Pin { id: "m_1_7", is_on: false },
            ),
            (r#"{"ev":"ai.end","room":"r_1","seq":9,"at":1,"d":{"id":"m_1_8"}}"#, Told::Answer),
            (
                r#"{"ev":"msg.edit","room":"r_1","seq":8,"at":1,"d":{"id":"m_1_7","by":"u_3",
                    "text":"b","rev":2}}"#,
                Told::Edit { id: "m_1_7", by: "u_3", rev: 2 },
            ),
            (
                r#"{"ev":"msg.unreact","room":"r_1","seq":9,"at":1,"d":{"id":"m_1_7","by":"u_4",
                    "emoji":"👍","count":0}}"#,
                Told::Mark { id: "m_1_7", by: "u_4", emoji: "👍", is_on: false, count: 0 },
            ),
            (r#"{"ev":"member.join","room":"r_1","seq":5,"d":{"user":{"id":"u_1"}}}"#, Told::Other),
        ];
        for (line, expected) in pairs {
            assert_eq!(told(line.as_bytes()), Some(expected), "{line}");
        }
        assert_eq!(told(br#"{"ev":"msg.edit","seq":8,"d":{"id":"m_1","by":"u_3"}}"#), None);
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
