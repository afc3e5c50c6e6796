//! Every path that a Rust file names, made absolute: those of `use` and those in between.

use super::rust::{Token, tokens};
use super::tree::Source;

/// A path as it is meant: `crate` or the name of a package first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// The module that a file below `src/` is: `src/actors/room/mod.rs` is `actors`, `room`.
pub(crate) fn module_of(path: &str) -> Vec<String> {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let mut parts: Vec<_> = path.split('/').map(str::to_owned).collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib")) {
        parts.pop();
    }
    parts
}

/// The paths that a file names. `crate::`, `self::`, `super::` and the name of the library all
/// come out as `crate::`.
pub(crate) fn named(source: &Source, package: &str) -> Vec<Named> {
    let tokens = tokens(&source.text);
    let mut reader =
        Reader { tokens: &tokens, at: 0, package, inside: Vec::new(), found: Vec::new() };
    reader.inside.push((module_of(&source.path), 0));
    reader.read();
    reader.found
}

struct Reader<'t> {
    tokens: &'t [Token<'t>],
    at: usize,
    package: &'t str,
    /// The modules around the current place, each with the depth of its braces.
    inside: Vec<(Vec<String>, usize)>,
    found: Vec<Named>,
}

impl Reader<'_> {
    fn look(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    fn read(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.tokens.len() {
            match (self.look(0), self.look(1), self.look(2)) {
                // `use<…>` names lifetimes.
                ("use", next, _) if next != "<" => {
                    self.at += 1;
                    self.tree(&[]);
                    continue;
                }
                ("mod", name, "{") => {
                    let mut module = self.module().to_vec();
                    module.push(name.to_owned());
                    depth += 1;
                    self.inside.push((module, depth));
                    self.at += 2;
                }
                ("{", ..) => depth += 1,
                ("}", ..) => {
                    if self.inside.len() > 1 && self.inside.last().is_some_and(|(_, d)| *d == depth)
                    {
                        self.inside.pop();
                    }
                    depth = depth.saturating_sub(1);
                }
                (word, "::", _) if is_word(word) => {
                    self.inline();
                    continue;
                }
                _other => {}
            }
            self.at += 1;
        }
    }

    fn module(&self) -> &[String] {
        self.inside.last().map_or(&[], |(module, _)| module)
    }

    /// `a::b::{c, d as e, f::*}`, from its first word on.
    fn tree(&mut self, before: &[String]) {
        let mut path = before.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            match self.look(0) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.look(0), "}" | "") {
                        self.tree(&path);
                        if self.look(0) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "as" => self.at += 2,
                "::" => self.at += 1,
                "self" if !path.is_empty() => self.at += 1,
                word if is_word(word) || word == "*" => {
                    path.push(word.to_owned());
                    self.at += 1;
                }
                _end => {
                    self.note(&path, line);
                    return;
                }
            }
        }
    }

    /// A path in the middle of code.
    fn inline(&mut self) {
        let line = self.tokens[self.at].line;
        let mut path = vec![self.look(0).to_owned()];
        while self.look(1) == "::" && is_word(self.look(2)) {
            path.push(self.look(2).to_owned());
            self.at += 2;
        }
        self.at += 1;
        if path.len() > 1 {
            self.note(&path, line);
        }
    }

    fn note(&mut self, path: &[String], line: usize) {
        let Some(first) = path.first() else {
            return;
        };
        let mut absolute = vec!["crate".to_owned()];
        match first.as_str() {
            "crate" => absolute.extend_from_slice(&path[1..]),
            name if name == self.package => absolute.extend_from_slice(&path[1..]),
            "self" | "super" => {
                let path = if first == "self" { &path[1..] } else { path };
                let ups = path.iter().take_while(|part| *part == "super").count();
                let module = self.module();
                absolute.extend_from_slice(&module[..module.len().saturating_sub(ups)]);
                absolute.extend_from_slice(&path[ups..]);
            }
            _package => absolute = path.to_vec(),
        }
        self.found.push(Named { path: absolute, line });
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        named(&source, "moim").iter().map(|n| format!("{}:{}", n.line, n.path.join("::"))).collect()
    }

    #[test]
    fn a_file_knows_its_module() {
        assert_eq!(module_of("src/actors/room/mod.rs"), ["actors", "room"]);
        assert_eq!(module_of("src/actors/room/open.rs"), ["actors", "room", "open"]);
        assert_eq!(module_of("src/lib.rs"), [""; 0]);
        assert_eq!(module_of("src/main.rs"), ["main"]);
    }

    #[test]
    fn use_trees_are_spread_out() {
        let text = "use a::b::{self, c as d,\n e::{f, g::*},};\npub(crate) use h;";
        let wanted = ["1:a::b", "1:a::b::c", "2:a::b::e::f", "2:a::b::e::g::*", "3:h"];
        assert_eq!(found("src/x.rs", text), wanted);
    }

    #[test]
    fn relative_paths_become_absolute() {
        let text =
            "use super::super::b::C; use self::d; fn f() { super::g::h(); crate::i::j::<u8>() }";
        let wanted =
            ["1:crate::a::b::C", "1:crate::a::x::y::d", "1:crate::a::x::g::h", "1:crate::i::j"];
        assert_eq!(found("src/a/x/y.rs", text), wanted);
        assert_eq!(found("src/main.rs", "fn main() { moim::cli::run() }"), ["1:crate::cli::run"]);
    }

    #[test]
    fn modules_within_a_file_count() {
        let text = "mod t { mod u { use super::super::a; } use super::b; } use super::c;";
        assert_eq!(
            found("src/x/y.rs", text),
            ["1:crate::x::y::a", "1:crate::x::y::b", "1:crate::x::c"]
        );
    }

    #[test]
    fn what_is_no_path_is_not_found() {
        let text = "// use a::b;\nlet x = \"crate::c\"; fn f() -> impl T + use<'_> { y.z::<W>() }";
        assert_eq!(found("src/x.rs", text), [""; 0]);
        let text = "#[e::f(g = 1)] impl h::I for J { k!($crate::l::m) }";
        assert_eq!(found("src/x.rs", text), ["1:e::f", "1:h::I", "1:crate::l::m"]);
    }
}
