//! The assistant: the member of the instance that a model speaks for, and what wakes it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UserId;
use super::mention::calls;
use super::role::words;

/// The account of the assistant; `u_ai` on the wire.
pub const ASSISTANT: UserId = UserId(0);
/// Its username. Nobody else can have it.
pub(super) const ASSISTANT_NAME: &str = "ai";
/// Characters of what moderators of a room want the assistant to be.
pub const PERSONA_CHARS: usize = 500;
/// Characters of the hint of a draft.
pub const HINT_CHARS: usize = 200;

words!(
    /// What wakes the assistant in a room.
    Waking {
        /// Nothing.
        Off = "off",
        /// A call by its name, an answer to it, or a command.
        Mention = "mention",
        /// Every message of a person.
        Always = "always",
    }
);

words!(
    /// What an answer is to be.
    Mode {
        /// An answer to a question.
        Reply = "reply",
        /// What the asker has missed.
        CatchUp = "catch_up",
    }
);

words!(
    /// How an answer ended.
    Finish {
        /// All was said.
        Stop = "stop",
        /// A limit was met.
        Length = "length",
        /// Somebody stopped it.
        Cancel = "cancel",
        /// The budget was met.
        Budget = "budget",
        /// It broke off.
        Error = "error",
    }
);

/// What a message is to the assistant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wakes {
    /// It asks.
    Surely,
    /// It asks if it answers the assistant.
    IfAnswer,
    /// It asks where nobody is to be asked; its author is told so.
    InVain,
}

/// Whether a text calls the assistant: by `/ai` at its beginning, or by name. `spoken` is the text
/// without code and links.
#[must_use]
pub fn calls_assistant(text: &str, spoken: &str) -> bool {
    command(text).is_some() || (spoken.contains('@') && calls(spoken).assistant)
}

/// What stands behind `/ai` at the beginning of a text.
#[must_use]
pub fn command(text: &str) -> Option<&str> {
    let (slash, rest) = text.trim_start().split_at_checked(3)?;
    let is_word = rest.chars().next().is_none_or(char::is_whitespace);
    (slash.eq_ignore_ascii_case("/ai") && is_word).then(|| rest.trim())
}

/// A question without what only calls the assistant.
#[must_use]
pub fn question(text: &str) -> String {
    if let Some(rest) = command(text) {
        return rest.to_owned();
    }
    let trimmed = text.trim();
    match trimmed.split_once(char::is_whitespace) {
        Some((first, rest)) if is_call(first) => rest.trim().to_owned(),
        _other => trimmed.to_owned(),
    }
}

/// The words of a question without those that only call the assistant, wherever they stand.
pub fn asked_words(text: &str) -> impl Iterator<Item = &str> {
    let asked = command(text).unwrap_or(text);
    asked.split_whitespace().filter(|word| !is_call(word))
}

/// Whether a word is the name of the assistant behind its `@`, with a word of address at most: `@ai님`.
fn is_call(word: &str) -> bool {
    let name = word.strip_prefix('@').unwrap_or_default();
    let name = name.trim_end_matches([',', '.', ':', '!', '?', '~']);
    name.trim_end_matches(['님', '씨', '야']).eq_ignore_ascii_case(ASSISTANT_NAME)
}

/// Text as it comes, let out only up to where nothing that follows can change it: what was let out is
/// in NFC together, whatever pieces it came in.
#[derive(Debug, Default)]
pub struct Speech(String);

impl Speech {
    /// Bytes that are held back at most.
    const HELD: usize = 256;

    /// Takes a piece, and gives what may be shown.
    pub fn take(&mut self, piece: &str) -> String {
        self.0.extend(piece.chars().filter(|c| *c != '\0'));
        // Before such a character nothing composes with what stands behind.
        let begins = |c: char| {
            c.is_ascii() || matches!(c, '\u{ac00}'..='\u{d7a3}' | '\u{4e00}'..='\u{9fff}')
        };
        let cut = self.0.char_indices().rev().find(|(_, c)| begins(*c)).map_or(0, |(at, _)| at);
        let cut = if self.0.len() - cut > Self::HELD { self.0.len() } else { cut };
        let rest = self.0.split_off(cut);
        super::text::composed(&std::mem::replace(&mut self.0, rest))
    }

    /// What is still held back, at the end.
    pub fn rest(&mut self) -> String {
        super::text::composed(&std::mem::take(&mut self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    use super::*;

    #[test]
    fn a_call_is_a_word() {
        for yes in
            ["@ai hi", "hi @AI!", "@ai님 안녕", "/ai", "/ai what", " /AI\nx", "(@ai)", "@ai."]
        {
            assert!(calls_assistant(yes, yes), "{yes}");
        }
        for no in ["@aiden", "x@ai", "/aid", "ai", "hi /ai", "@@ai", "@ai_bot", "", "/a", "@ail님"]
        {
            assert!(!calls_assistant(no, no), "{no}");
        }
        assert!(!calls_assistant("`@ai`", ""), "code calls nobody");
    }

    #[test]
    fn a_question_is_what_is_left() {
        for (text, left) in [
            ("@ai what?", "what?"),
            ("@AI, what?", "what?"),
            ("@ai님 뭐예요?", "뭐예요?"),
            ("@AI야, 뭐야?", "뭐야?"),
            ("@ai팀 뭐예요?", "@ai팀 뭐예요?"),
            ("/ai  catch up ", "catch up"),
            ("what, @ai?", "what, @ai?"),
            ("/ai", ""),
            ("@ai", "@ai"),
            ("@aiden hi", "@aiden hi"),
        ] {
            assert_eq!(question(text), left, "{text}");
        }
    }

    #[test]
    fn a_call_is_left_out_wherever_it_stands() {
        for (text, left) in [
            ("hey @ai, catch  me up", "hey catch me up"),
            ("/ai what now", "what now"),
            ("뭐예요 @ai님?", "뭐예요"),
            ("@aiden x@ai @", "@aiden x@ai @"),
            ("@ai", ""),
            ("", ""),
        ] {
            assert_eq!(asked_words(text).collect::<Vec<_>>().join(" "), left, "{text}");
        }
    }

    proptest! {
        #[test]
        fn speech_is_composed_in_whatever_pieces(
            text in "[a-e가각힣\u{1100}-\u{1112}\u{1161}-\u{1175}\u{11a8}-\u{11c2}\u{300}\u{301} é漢\0]{0,40}",
            cuts in prop::collection::vec(0..8_usize, 0..20),
        ) {
            let chars: Vec<char> = text.chars().collect();
            let (mut speech, mut said, mut rest) = (Speech::default(), String::new(), &chars[..]);
            for cut in cuts {
                let (piece, left) = rest.split_at(cut.min(rest.len()));
                said.push_str(&speech.take(&piece.iter().collect::<String>()));
                rest = left;
            }
            said.push_str(&speech.take(&rest.iter().collect::<String>()));
            said.push_str(&speech.rest());
            let whole: String = text.chars().filter(|c| *c != '\0').nfc().collect();
            prop_assert_eq!(said, whole);
        }
    }
}
