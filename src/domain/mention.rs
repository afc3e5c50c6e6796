//! Who a message calls: `@username`, `@here` and `@all`, not inside a word or code.

use super::assistant::ASSISTANT_NAME;
use super::limits;
use super::names::is_username_char;

/// Many who are called at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// `@here`: who is online.
    Here,
    /// `@all`: everybody.
    All,
}

impl Group {
    /// The word behind the `@`; no username is one of them.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::All => "all",
        }
    }
}

/// What a text calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// For each `@…` the names it could mean, lower case, longest first.
    pub names: Vec<Vec<String>>,
    /// The largest group among them.
    pub group: Option<Group>,
    /// Whether the assistant is among them.
    pub assistant: bool,
}

/// Reads who a text calls.
///
/// A username may hold dots and Hangul, and so may the sentence around it (`@mina.`, `@미나님`):
/// only the store knows which prefix exists. At most [`limits::MENTIONS`] calls are read. Code and links
/// call nobody: hand over what is spoken ([`super::Text::spoken`]).
#[must_use]
pub fn calls(text: &str) -> Calls {
    let mut calls = Calls::default();
    if !text.contains('@') {
        return calls;
    }
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
        let group = group(&name);
        calls.group = calls.group.max(group);
        calls.assistant |= begins_with(&name, ASSISTANT_NAME);
        // What is behind the word of a group may make it a name; what is within it may not.
        let shortest = group.map_or(limits::USERNAME_CHARS.0, |group| group.word().len() + 1);
        let prefixes = (shortest..=name.len()).rev();
        let names: Vec<String> =
            prefixes.map(|end| name.iter().take(end).collect::<String>().to_lowercase()).collect();
        if !names.is_empty() {
            calls.names.push(names);
        }
        if calls.names.len() == limits::MENTIONS {
            break;
        }
    }
    calls
}

/// The group that a word begins with, unless it goes on as another word: `@all`, `@all님`, not
/// `@allison`.
fn group(name: &[char]) -> Option<Group> {
    [Group::Here, Group::All].into_iter().find(|group| begins_with(name, group.word()))
}

/// Whether something begins with a word that does not go on as another.
fn begins_with(name: &[char], word: &str) -> bool {
    let (begin, behind) = name.split_at(word.len().min(name.len()));
    let is_word = begin.iter().map(char::to_ascii_lowercase).eq(word.chars());
    let goes_on = behind.iter().find(|c| !matches!(c, '.' | '-'));
    is_word && goes_on.is_none_or(|c| !c.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Text;

    fn calls(text: &str) -> Calls {
        super::calls(Text::parse(text).unwrap().spoken())
    }

    fn longest(text: &str) -> Vec<String> {
        calls(text).names.into_iter().map(|call| call[0].clone()).collect()
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
        assert_eq!(calls("@abc.").names, [["abc.", "abc", "ab"]]);
        assert_eq!(calls(&"@ab ".repeat(50)).names.len(), limits::MENTIONS);
    }

    #[test]
    fn a_group_is_a_word_of_its_own() {
        let group = |text: &str| calls(text).group;
        for all in ["@all", "hi @All!", "(@ALL)", "@all.", "@all님", "@here @all", "@all-"] {
            assert_eq!(group(all), Some(Group::All), "{all}");
        }
        assert_eq!(group("@here,"), Some(Group::Here));
        for none in ["@allison", "@al", "all", "`@all`", "x@all", "@all_in", "@all.x", "@@here"] {
            assert_eq!(group(none), None, "{none}");
        }
        assert!(calls("@all").names.is_empty(), "no name within the word");
        assert_eq!(calls("@all님").names, [["all님"]]);
    }
}
