//! A delivery as a baseline makes it: of a given length, like the server's, with two places to
//! fill in.

use anyhow::{Context, Result, ensure};

use crate::scan::TEXT_HEAD;

const DIGITS: usize = 12;

pub(crate) struct Template {
    line: Vec<u8>,
    seq_at: usize,
    head_at: usize,
}

impl Template {
    pub(crate) fn new(length: usize) -> Result<Self> {
        let (before, between) = (r#"{"ev":"msg.new","room":"r_raw","seq":"#, r#","d":{"text":""#);
        let (digits, head) = ("0".repeat(DIGITS), " ".repeat(TEXT_HEAD));
        let mut line = format!("{before}{digits}{between}{head}");
        let end = r#""}}"#;
        let room = length.checked_sub(line.len() + end.len());
        let room = room.with_context(|| format!("a delivery of {length} bytes is too short"))?;
        line.push_str(&"x".repeat(room));
        line.push_str(end);
        let seq_at = before.len();
        Ok(Self { line: line.into(), seq_at, head_at: seq_at + DIGITS + between.len() })
    }

    /// The line of this seq with this head of its text.
    pub(crate) fn fill(&mut self, seq: u64, head: &[u8]) -> Result<&[u8]> {
        ensure!(head.len() == TEXT_HEAD, "a head has {TEXT_HEAD} bytes");
        let digits = format!("{seq:0DIGITS$}");
        for (at, from) in [(self.seq_at, digits.as_bytes()), (self.head_at, head)] {
            let place = self.line.get_mut(at..at + from.len()).context("no place in the line")?;
            place.copy_from_slice(from);
        }
        Ok(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Stamp;

    #[test]
    fn a_line_has_the_asked_length_and_both_numbers() {
        let mut template = Template::new(300).unwrap();
        let line = template.fill(7, Stamp { serial: 42, due_us: 9 }.head().as_bytes()).unwrap();
        assert_eq!(line.len(), 300);
        let text = String::from_utf8_lossy(line);
        assert!(text.contains(r#""seq":000000000007,"#), "{text}");
        assert!(text.contains(r#""text":"000000000042 000000000009 x"#), "{text}");
        assert!(Template::new(20).is_err());
    }
}
