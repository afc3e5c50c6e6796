//! Licence expressions (SPDX specification, annex D), as far as manifests use them.

/// The expression cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) String);

/// Whether an expression can be satisfied with the licences that `is_fine`. The old form with `/`
/// means OR; an exception behind WITH only adds rights.
pub(crate) fn is_satisfied(
    expression: &str,
    is_fine: &dyn Fn(&str) -> bool,
) -> Result<bool, Unreadable> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, is_fine };
    match parser.any() {
        Some(is) if parser.words.is_empty() => Ok(is),
        _odd => Err(Unreadable(expression.to_owned())),
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
    is_fine: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.words.first() == Some(&word);
        if is_next {
            self.words = &self.words[1..];
        }
        is_next
    }

    /// `a OR b`: one is enough.
    fn any(&mut self) -> Option<bool> {
        let mut is = self.all()?;
        while self.takes("OR") {
            is |= self.all()?;
        }
        Some(is)
    }

    /// `a AND b`: binds closer.
    fn all(&mut self) -> Option<bool> {
        let mut is = self.one()?;
        while self.takes("AND") {
            is &= self.one()?;
        }
        Some(is)
    }

    /// A licence, or an expression in brackets.
    fn one(&mut self) -> Option<bool> {
        if self.takes("(") {
            let is = self.any()?;
            return self.takes(")").then_some(is);
        }
        let id = self.name()?;
        if self.takes("WITH") {
            self.name()?;
        }
        Some((self.is_fine)(id.strip_suffix('+').unwrap_or(id)))
    }

    fn name(&mut self) -> Option<&'a str> {
        let (name, rest) = self.words.split_first()?;
        let is_name = !matches!(*name, "AND" | "OR" | "WITH" | "(" | ")");
        self.words = rest;
        is_name.then_some(*name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fine(expression: &str) -> Result<bool, Unreadable> {
        is_satisfied(expression, &|id| matches!(id, "MIT" | "Apache-2.0" | "ISC"))
    }

    #[test]
    fn one_of_several_is_enough_and_all_of_several_are_needed() {
        for yes in [
            "MIT",
            "MIT OR GPL-3.0-only",
            "GPL-3.0-only/MIT",
            "Apache-2.0 / MIT",
            "MIT AND ISC",
            "(MIT OR GPL-3.0-only) AND ISC",
            "GPL-2.0-only OR MIT AND ISC",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0-only",
            "Apache-2.0+",
        ] {
            assert_eq!(fine(yes), Ok(true), "{yes}");
        }
        for no in [
            "GPL-3.0-or-later",
            "MIT AND GPL-3.0-only",
            "(MIT AND SSPL-1.0) OR AGPL-3.0-only",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "MIT AND (ISC AND (LGPL-3.0-only OR AGPL-3.0-only))",
        ] {
            assert_eq!(fine(no), Ok(false), "{no}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for odd in ["", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT ISC", "AND", "MIT WITH", "()"] {
            assert!(fine(odd).is_err(), "{odd}");
        }
    }
}
