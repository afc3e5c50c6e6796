//! Who a message calls: `@username`, not inside a word or code.

use super::limits;
use super::names::is_username_char;

/// For each `@…` of a text the names it could mean, lower case, longest first.
///
/// A username may hold dots and Hangul, and so may the sentence around it (`@mina.`, `@미나님`):
/// only the store knows which prefix exists. At most [`limits::MENTIONS`] calls are read. Code and links
/// call nobody: hand over what is spoken ([`super::Text::spoken`]).
#[must_use]
pub fn mention_candidates(text: &str) -> Vec<Vec<String>> {
    if !text.contains('@') {
        return Vec::new();
    }
    let mut calls = Vec::new();
    let mut before = ' ';
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let opens = c == '@' && !before.is_alphanumeric() && before != '@';
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
    use crate::domain::Text;

    fn calls(text: &str) -> Vec<Vec<String>> {
        mention_candidates(Text::parse(text).unwrap().spoken())
    }

    fn longest(text: &str) -> Vec<String> {
        calls(text).into_iter().map(|call| call[0].clone()).collect()
    }

    #[test]
    fn names_are_read_and_words_and_code_are_not() {
        assert_eq!(longest("@Mina hi, (@bob) and @미나님!"), ["mina", "bob", "미나님"]);
        assert!(longest("mail mina@example.org, `@mina`, @@x1, @a").is_empty());
    }

    #[test]
    fn code_is_what_markdown_says() {
        assert!(longest("``a ` @mina``\n\n```\n@bob\n```\n~~~\n@jun\n~~~").is_empty());
        assert!(longest("hi\n\n    @mina").is_empty());
        assert_eq!(longest("a ` back quote, @mina"), ["mina"], "alone it begins no code");
        assert_eq!(longest("\\`@mina\\` `x`@bob **@jun** ||@kim||"), ["mina", "bob", "jun", "kim"]);
        assert_eq!(longest("`x` a*@mina*, a@bob"), ["mina"], "a mark is no letter");
        assert!(longest("https://example.org/@mina <https://a.b/@bob>").is_empty());
        assert!(longest("[@mina](https://a.b/@bob)").is_empty());
    }

    #[test]
    fn every_prefix_that_could_be_a_name_is_offered() {
        assert_eq!(calls("@abc."), [["abc.", "abc", "ab"]]);
        assert_eq!(calls(&"@ab ".repeat(50)).len(), limits::MENTIONS);
    }
}
