//! Reads the two numbers of a delivery without parsing its JSON.

/// What a delivery of the load tester's own messages carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub seq: u64,
    /// The load tester's own number of the message, at the start of its text.
    pub serial: u64,
    /// When it was due to be sent, in microseconds of the run; behind the serial.
    pub stamp: u64,
}

/// The bytes of both numbers with a blank behind each: the shortest text there is.
pub(crate) const TEXT_HEAD: usize = 26;

/// The beginning of the text of a message.
pub(crate) fn text_head(serial: u64, stamp: u64) -> String {
    format!("{serial:012} {stamp:012} ")
}

/// The usual shape of a delivery. Key order is not promised, so any other shape is parsed in full.
pub(crate) fn is_plain(line: &[u8]) -> bool {
    line.starts_with(br#"{"ev":"msg.new","#)
}

pub(crate) fn delivery(line: &[u8]) -> Option<Delivery> {
    let (seq, _) = number(behind(line, br#""seq":"#)?)?;
    let (serial, rest) = number(behind(line, br#""text":""#)?)?;
    let (stamp, _) = number(rest.strip_prefix(b" ")?)?;
    Some(Delivery { seq, serial, stamp })
}

fn behind<'l>(line: &'l [u8], key: &[u8]) -> Option<&'l [u8]> {
    let at = line.windows(key.len()).position(|window| window == key)?;
    line.get(at + key.len()..)
}

/// The number in front, and what comes after it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count)?;
    if digits.is_empty() {
        return None;
    }
    let digit = |value: u64, byte: &u8| value * 10 + u64::from(byte - b'0');
    Some((digits.iter().take(18).fold(0, digit), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_found_wherever_they_stand() {
        let head = text_head(42, 1_000_007);
        assert_eq!(head.len(), TEXT_HEAD);
        let line =
            format!(r#"{{"ev":"msg.new","room":"r_1","seq":77,"n":3,"d":{{"text":"{head}xx"}}}}"#);
        assert!(is_plain(line.as_bytes()));
        let found = Delivery { seq: 77, serial: 42, stamp: 1_000_007 };
        assert_eq!(delivery(line.as_bytes()), Some(found));
        let turned = br#"{"d":{"text":"7 8"},"seq":9,"ev":"msg.new"}"#;
        assert!(!is_plain(turned));
        assert_eq!(delivery(turned), Some(Delivery { seq: 9, serial: 7, stamp: 8 }));
        assert_eq!(delivery(br#"{"ev":"room.head","head":9}"#), None);
        assert_eq!(delivery(br#"{"seq":9,"text":"7"}"#), None);
        assert_eq!(delivery(br#"{"seq":9,"text":"hello"}"#), None);
    }
}
