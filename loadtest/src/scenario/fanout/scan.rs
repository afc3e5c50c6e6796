//! Reads the two numbers of a delivery without parsing its JSON.

/// What a `msg.new` of this scenario carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    pub seq: u64,
    /// The load tester's own number of the message, at the start of its text.
    pub serial: u64,
}

/// The usual shape of a delivery. Key order is not promised, so any other shape is parsed in full.
pub(super) fn is_plain(line: &[u8]) -> bool {
    line.starts_with(br#"{"ev":"msg.new","#)
}

pub(super) fn delivery(line: &[u8]) -> Option<Delivery> {
    let seq = number_after(line, br#""seq":"#)?;
    let serial = number_after(line, br#""text":""#)?;
    Some(Delivery { seq, serial })
}

fn number_after(line: &[u8], key: &[u8]) -> Option<u64> {
    let at = line.windows(key.len()).position(|window| window == key)?;
    let digits = line.get(at + key.len()..)?;
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let digit = |value: u64, byte: &u8| value * 10 + u64::from(byte - b'0');
    Some(digits.iter().take(count.min(18)).fold(0, digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_numbers_are_found_wherever_they_stand() {
        let line =
            br#"{"ev":"msg.new","room":"r_1","seq":77,"n":3,"d":{"text":"000000000042 xx"}}"#;
        assert!(is_plain(line));
        assert_eq!(delivery(line), Some(Delivery { seq: 77, serial: 42 }));
        let turned = br#"{"d":{"text":"7"},"seq":9,"ev":"msg.new"}"#;
        assert!(!is_plain(turned));
        assert_eq!(delivery(turned), Some(Delivery { seq: 9, serial: 7 }));
        assert_eq!(delivery(br#"{"ev":"room.head","head":9}"#), None);
        assert_eq!(delivery(br#"{"seq":9,"text":"hello"}"#), None);
    }
}
