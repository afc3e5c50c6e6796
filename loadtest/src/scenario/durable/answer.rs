//! Reads the answer to a send, mostly without parsing its JSON.

use std::time::Duration;

use serde_json::Value;

/// What the server says to a send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Acked {
        seq: u64,
    },
    /// Temporary: the same message may be sent again after so long.
    PutOff {
        wait: Duration,
    },
    Refused(String),
}

impl Answer {
    /// `None` for a line that is no answer.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        if let Some(seq) = usual(line) {
            return Some(Self::Acked { seq });
        }
        let line: Value = serde_json::from_slice(line).ok()?;
        line.get("re")?;
        if let Some(seq) = line.pointer("/ok/seq").and_then(Value::as_u64) {
            return Some(Self::Acked { seq });
        }
        let err = line.get("err")?;
        let is_temporary = err.get("temporary").and_then(Value::as_bool) == Some(true);
        Some(match err.get("retry_ms").and_then(Value::as_u64) {
            Some(wait) if is_temporary => Self::PutOff { wait: Duration::from_millis(wait) },
            _ => Self::Refused(err.to_string()),
        })
    }
}

/// The usual shape. Key order is not promised, so any other shape is parsed in full.
fn usual(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(br#"{"re":7,"ok":{"seq":"#)?;
    let digits = rest.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_is_found_in_any_shape() {
        let usual = br#"{"re":7,"ok":{"seq":41,"n":40,"id":"m_1_41","at":1,"dup":false}}"#;
        assert_eq!(super::usual(usual), Some(41));
        let turned = br#"{"ok":{"n":40,"seq":41},"re":7}"#;
        assert_eq!(super::usual(turned), None);
        for line in [&usual[..], turned] {
            assert_eq!(Answer::of(line), Some(Answer::Acked { seq: 41 }));
        }
        assert_eq!(Answer::of(br#"{"ev":"room.head","head":41}"#), None);
    }

    #[test]
    fn only_a_temporary_refusal_is_worth_another_try() {
        let limit = br#"{"re":7,"err":{"code":"rate_limited","temporary":true,"retry_ms":50}}"#;
        let wait = Duration::from_millis(50);
        assert_eq!(Answer::of(limit), Some(Answer::PutOff { wait }));
        let never = br#"{"re":7,"err":{"code":"forbidden","temporary":false}}"#;
        assert!(matches!(Answer::of(never), Some(Answer::Refused(_))));
    }
}
