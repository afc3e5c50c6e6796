//! Rust source as words and signs, without comments and literals. Only as much of the language as
//! it takes to find paths in it.

/// A word or a sign, and the line that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

/// The words and signs of a text. `::` is one sign; every other sign is one character.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut reader = Reader { text, at: 0, line: 1 };
    let mut tokens = Vec::new();
    while let Some(token) = reader.next() {
        tokens.push(token);
    }
    tokens
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Takes so many bytes.
    fn take(&mut self, count: usize) -> &'a str {
        let taken = &self.rest()[..count.min(self.rest().len())];
        self.line += taken.matches('\n').count();
        self.at += taken.len();
        taken
    }

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.rest();
            let first = rest.chars().next()?;
            if first.is_whitespace() {
                self.take(first.len_utf8());
            } else if rest.starts_with("//") {
                self.take(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                self.take(comment(rest));
            } else if let Some(length) = literal(rest) {
                self.take(length);
            } else {
                let line = self.line;
                let text = self.take(word(rest));
                return Some(Token { text, line });
            }
        }
    }
}

/// The length of the word or sign in front.
fn word(rest: &str) -> usize {
    let raw = rest.strip_prefix("r#").filter(|rest| rest.starts_with(is_part)).map_or(0, |_| 2);
    let length = rest[raw..].find(|c| !is_part(c)).unwrap_or(rest.len() - raw);
    match length {
        0 if rest.starts_with("::") => 2,
        0 => rest.chars().next().map_or(1, char::len_utf8),
        length => raw + length,
    }
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the block comment in front; they nest.
fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of the string, character or lifetime in front, if there is one.
fn literal(rest: &str) -> Option<usize> {
    if let Some(behind) = rest.strip_prefix('\'') {
        return Some(character(behind) + 1);
    }
    let prefix = rest.find(|c| !matches!(c, 'b' | 'c' | 'r'))?;
    let (marks, body) = rest.split_at(prefix);
    match marks {
        "" | "b" | "c" if body.starts_with('"') => Some(prefix + quoted(body)),
        "b" if body.starts_with('\'') => Some(prefix + 1 + character(&body[1..])),
        "r" | "br" | "cr" => {
            let hashes = body.len() - body.trim_start_matches('#').len();
            let inside = body[hashes..].strip_prefix('"')?;
            let end = format!("\"{}", "#".repeat(hashes));
            let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
            Some(prefix + hashes + 1 + length)
        }
        _word => None,
    }
}

/// The length of the string in front, both quotes in it.
fn quoted(body: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    body.len()
}

/// The length of what stands behind a `'`: the rest of a character, or the name of a lifetime.
fn character(behind: &str) -> usize {
    let mut chars = behind.char_indices();
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let from = at + escaped.len_utf8();
            behind[from..].find('\'').map_or(behind.len(), |end| from + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _lifetime => behind.find(|c| !is_part(c)).unwrap_or(behind.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_literals_are_skipped() {
        assert_eq!(words("a // b\nc /* d /* e */ f */ g"), ["a", "c", "g"]);
        assert_eq!(words(r#"x "a \" b::c" y"#), ["x", "y"]);
        assert_eq!(words("x r#\"a \" b\"# br\"c\" b\"d\" y"), ["x", "y"]);
        assert_eq!(words(r"x 'a' '\'' '\u{1f}' b'\\' '한' y"), ["x", "y"]);
        assert_eq!(words("\"open /* end"), [""; 0]);
    }

    #[test]
    fn lifetimes_and_raw_words_are_no_literals() {
        assert_eq!(words("&'a str, 'static"), ["&", "str", ","]);
        assert_eq!(words("r#type r break b"), ["r#type", "r", "break", "b"]);
    }

    #[test]
    fn lines_are_counted_through_everything() {
        let lines: Vec<_> = tokens("a\n/*\n*/ b \"\n\n\" c").iter().map(|t| t.line).collect();
        assert_eq!(lines, [1, 3, 5]);
    }

    #[test]
    fn signs_stand_alone_but_for_the_double_colon() {
        assert_eq!(words("a::b<c>:d"), ["a", "::", "b", "<", "c", ">", ":", "d"]);
    }
}
