//! How an answer without a model quotes a message: short, with what its spoilers hide covered, and a
//! list as a list. Pure.

use std::borrow::Cow;

use crate::domain::{MessageId, Text, quote};

/// Characters of a quote.
const CHARS: usize = 160;
/// Characters of a word that was looked for.
const WORD: usize = 30;
/// Lines of a quoted list.
const LINES: usize = 8;

/// A message in one line.
pub(super) fn line(text: &str) -> String {
    let text = covered(text);
    let is_list = is_list(&text);
    let whole = if is_list {
        lines(&text).map(|line| item(line).unwrap_or(line)).collect::<Vec<_>>().join(" / ")
    } else {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    shortened(&whole, CHARS)
}

/// A word of a question.
pub(super) fn word(word: &str) -> String {
    shortened(word, WORD)
}

/// A message with its id: in one line, or a list line by line, as a part of the list of all that was
/// found.
pub(super) fn quoted(text: &str, id: MessageId) -> String {
    let text = covered(text);
    if !is_list(&text) {
        return format!("{} [{id}]", in_marks(&line(&text)));
    }
    let (mut quoted, mut left) = (format!("[{id}]"), CHARS);
    let count = lines(&text).count();
    for (at, one) in lines(&text).take(LINES).enumerate() {
        let (short, is_cut) = cut(one, left);
        left -= short.chars().count();
        let is_last = is_cut || left == 0 || (at + 1 == LINES && count > LINES);
        quoted.push_str(&format!("\n  > {short}{}", if is_last { "…" } else { "" }));
        if is_last {
            break;
        }
    }
    quoted
}

/// A line between quotation marks. An address at its end would take the last one for a part of it.
pub(super) fn in_marks(line: &str) -> String {
    let last = line.rsplit(' ').next().unwrap_or_default().to_lowercase();
    let is_address = last.contains("://") || last.contains("www.");
    format!("“{line}{}”", if is_address { " " } else { "" })
}

/// A line, or its beginning and a sign that it is no more.
fn shortened(text: &str, chars: usize) -> String {
    let (short, is_cut) = cut(text, chars);
    if is_cut { format!("{short}…") } else { short }
}

/// The beginning of a line, and whether something was cut off.
fn cut(text: &str, chars: usize) -> (String, bool) {
    let short: String = text.chars().take(chars).collect();
    let is_cut = short.len() < text.len();
    (short, is_cut)
}

fn covered(text: &str) -> Cow<'_, str> {
    if !text.contains("||") {
        return text.into();
    }
    let Ok(text) = Text::parse(text) else { return "…".into() };
    quote(text.as_str(), text.html()).into_owned().into()
}

/// Lines that hold anything.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_end).filter(|line| !line.is_empty())
}

fn is_list(text: &str) -> bool {
    lines(text).nth(1).is_some() && lines(text).any(|line| item(line).is_some())
}

/// What stands behind the mark of an item.
fn item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let dotted = line.strip_prefix(['-', '*', '+', '•']);
    let numbered = || {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_numbered = (1..=9).contains(&(line.len() - rest.len()));
        rest.strip_prefix(['.', ')']).filter(|_| is_numbered)
    };
    dotted.or_else(numbered)?.strip_prefix(' ').map(str::trim_start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RoomId;

    const ID: MessageId = MessageId { room: RoomId(1), seq: 7 };

    #[test]
    fn a_list_stays_one() {
        let text = "가져올 것:\n- 빵\n  - 흰 빵\n\n2) 우유";
        assert_eq!(
            quoted(text, ID),
            "[m_1_7]\n  > 가져올 것:\n  > - 빵\n  >   - 흰 빵\n  > 2) 우유"
        );
        assert_eq!(line(text), "가져올 것: / 빵 / 흰 빵 / 우유");
        let long: String = (1..20).map(|n| format!("{n}. item\n")).collect();
        let cut = quoted(&long, ID);
        assert!(cut.ends_with("> 8. item…") && cut.lines().count() == 9, "{cut}");
    }

    #[test]
    fn what_is_no_list_is_one_line() {
        for (text, said) in [
            ("모임은\n7시에  시작해요", "모임은 7시에 시작해요"),
            ("- one item alone", "- one item alone"),
            ("-5 degrees\nand 3.5 metres", "-5 degrees and 3.5 metres"),
            ("see https://a.example/b", "see https://a.example/b "),
        ] {
            assert_eq!(quoted(text, ID), format!("“{said}” [m_1_7]"));
        }
        let long = "가".repeat(200);
        assert_eq!(line(&long), format!("{}…", "가".repeat(CHARS)));
        assert_eq!(word(&long), format!("{}…", "가".repeat(WORD)));
        assert_eq!(word(&"가".repeat(WORD)), "가".repeat(WORD));
    }

    #[test]
    fn what_a_spoiler_hides_stays_hidden_wherever_it_is_cut() {
        let behind = format!("{} ||the killer is Bob||", "a".repeat(CHARS - 8));
        for text in ["||the killer is Bob||", "- a\n- ||the killer is Bob||", &behind] {
            for said in [quoted(text, ID), line(text)] {
                assert!(!said.contains("killer") && !said.contains("the k"), "{said}");
            }
        }
    }
}
