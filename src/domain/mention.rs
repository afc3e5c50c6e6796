//! Who a message calls: `@username`, not inside a word or code.

use super::limits;
use super::names::is_username_char;

/// For each `@…` of a text the names it could mean, lower case, longest first.
///
/// A username may hold dots and Hangul, and so may the sentence around it (`@mina.`, `@미나님`):
/// only the store knows which prefix exists. At most [`limits::MENTIONS`] calls are read; text
/// between back quotes is code and calls nobody.
#[must_use]
pub fn mention_candidates(text: &str) -> Vec<Vec<String>> {
    if !text.contains('@') {
        return Vec::new();
    }
    let mut calls = Vec::new();
    let mut in_code = false;
    let mut before = ' ';
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '`' {
            in_code = !in_code;
        }
        let opens = c == '@' && !in_code && !before.is_alphanumeric() && before != '@';
        before = c;
        if !opens {
            continue;
        }
        let name: Vec<char> = rest
            .clone()
            .take(limits::USERNAME_CHARS.1)
            .take_while(|&c| is_username_char(c))
            .collect();
        let (shortest, _) = limits::USERNAME_CHARS;
        if name.len() >= shortest {
            let prefixes = (shortest..=name.len()).rev();
            calls.push(
                prefixes
                    .map(|end| name.iter().take(end).collect::<String>().to_lowercase())
                    .collect(),
            );
        }
        if calls.len() == limits::MENTIONS {
            break;
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(text: &str) -> Vec<String> {
        mention_candidates(text).into_iter().map(|call| call[0].clone()).collect()
    }

    #[test]
    fn names_are_read_and_words_and_code_are_not() {
        assert_eq!(longest("@Mina hi, (@bob) and @미나님!"), ["mina", "bob", "미나님"]);
        assert!(longest("mail mina@example.org, `@mina`, @@x1, @a").is_empty());
    }

    #[test]
    fn every_prefix_that_could_be_a_name_is_offered() {
        assert_eq!(mention_candidates("@abc."), [["abc.", "abc", "ab"]]);
        assert_eq!(mention_candidates(&"@ab ".repeat(50)).len(), limits::MENTIONS);
    }
}
