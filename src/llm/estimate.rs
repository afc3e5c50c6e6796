//! How many tokens a text will cost, before anybody counts them.
//!
//! Vocabularies differ between models, so this is a guess on the high side, in quarters of a token:
//! a letter, digit or space of Latin 1 (four make a token), a sign of ASCII 2, a letter of another
//! alphabet 2, a Hangul syllable 4, a Han character or Kana 4, anything else, emoji above all, 8.
//! A turn costs 4 tokens of its own. What was really used the provider tells afterwards.

use super::request::Request;

/// Tokens that a turn costs beside its text.
const TURN: u64 = 4;

/// Tokens of a text, rounded up.
#[must_use]
pub fn estimate_text(text: &str) -> u64 {
    text.chars().map(quarters).sum::<u64>().div_ceil(4)
}

/// Tokens of a request, what it may answer not counted.
#[must_use]
pub fn estimate_request(request: &Request) -> u64 {
    let turns = request.turns.iter().map(|turn| TURN + estimate_text(&turn.text));
    TURN + estimate_text(&request.system) + turns.sum::<u64>()
}

fn quarters(c: char) -> u64 {
    match u32::from(c) {
        _ if c.is_ascii_alphanumeric() || c.is_ascii_whitespace() => 1,
        0..=0x7f => 2,
        // Jamo, compatibility Jamo, syllables.
        0x1100..=0x11ff | 0x3130..=0x318f | 0xac00..=0xd7af => 4,
        // Kana, Han with its extensions, full-width forms.
        0x3040..=0x30ff | 0x3400..=0x9fff | 0xf900..=0xfaff | 0xff00..=0xffef => 4,
        0x2_0000..=0x3_ffff => 8,
        _ if c.is_alphabetic() => 2,
        _other => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_weigh_differently() {
        assert_eq!(estimate_text(""), 0);
        assert_eq!(estimate_text("a"), 1);
        assert_eq!(estimate_text("four word text here"), 5);
        assert_eq!(estimate_text("안녕하세요"), 5);
        assert_eq!(estimate_text("漢字かな"), 4);
        assert_eq!(estimate_text("привет"), 3);
        assert_eq!(estimate_text("🙂"), 2);
    }

    #[test]
    fn a_request_is_at_least_its_parts() {
        let request = Request::new("be kind".to_owned(), "안녕".to_owned());
        assert_eq!(estimate_request(&request), 4 + 2 + 4 + 2);
    }
}
