//! Names of files, as people gave them and made harmless.

use std::fmt::Write;

use unicode_normalization::UnicodeNormalization;

use super::ids::FileId;
use super::limits;
use super::link::is_unseen;

/// Of the length of a name an ending keeps so much, when the name is cut.
const ENDING_CHARS: usize = 16;
/// Of a long name its address has so many characters: each may be nine bytes there, and messages with
/// many files are still to be short.
const ADDRESS_CHARS: usize = 40;
/// What a file is called whose name was nothing but rubbish.
const NAMELESS: &str = "file";
/// In the address of a file this place is taken.
const TAKEN: &str = "preview";

/// What a file is called when it is saved: 1–200 characters, no folders, nothing that a file system
/// or a reader's eye could trip over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// Makes a name of whatever a client sent. The last part of a path is taken, in NFC; what is
    /// not seen goes, and so does what turns the direction (`gnp.exe` spelt backwards); what some file systems refuse becomes `_`, and what is too long
    /// is cut before its ending.
    #[must_use]
    pub fn clean(raw: &str) -> Self {
        let last = raw.rsplit(['/', '\\']).next().unwrap_or_default();
        let text: String = last.nfc().filter(|c| !is_unseen(*c)).map(harmless).collect();
        let text = text.trim_matches(|c: char| c == '.' || c.is_whitespace());
        Self(if text.is_empty() { NAMELESS.to_owned() } else { cut(text, limits::FILE_NAME_CHARS) })
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is wrong with the files of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFiles {
    /// More than a message may bring.
    #[error("must be at most {0}")]
    TooMany(usize),
    /// One of them twice.
    #[error("must be different ones")]
    Twice,
}

/// Checks the files that a message wants to bring.
///
/// # Errors
/// [`InvalidFiles`] says what was wrong.
pub fn check_files(files: Vec<FileId>) -> Result<Vec<FileId>, InvalidFiles> {
    if files.len() > limits::FILES {
        return Err(InvalidFiles::TooMany(limits::FILES));
    }
    let is_new = |(at, file): (usize, &FileId)| !files.iter().take(at).any(|known| known == file);
    if files.iter().enumerate().all(is_new) { Ok(files) } else { Err(InvalidFiles::Twice) }
}

/// The last part of the address of a file with this name: only for people and for programs that
/// save; the id alone says which file is meant.
#[must_use]
pub fn in_address(name: &str) -> String {
    let name = cut(name, ADDRESS_CHARS);
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    if out == TAKEN {
        out.push('_');
    }
    out
}

/// What some file systems refuse, replaced.
fn harmless(c: char) -> char {
    match c {
        '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
        c if c.is_whitespace() => ' ',
        c => c,
    }
}

fn cut(name: &str, most: usize) -> String {
    if name.chars().nth(most).is_none() {
        return name.to_owned();
    }
    let ending = name.rsplit_once('.').map_or("", |(_stem, ending)| ending);
    let length = ending.chars().count();
    if length == 0 || length > ENDING_CHARS {
        return name.chars().take(most).collect();
    }
    let stem: String = name.chars().take(most - 1 - length).collect();
    format!("{stem}.{ending}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clean(raw: &str) -> String {
        FileName::clean(raw).0
    }

    #[test]
    fn a_name_has_no_folders_and_nothing_unseen() {
        for (raw, wanted) in [
            ("notes.txt", "notes.txt"),
            ("회의록 (최종).pdf", "회의록 (최종).pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\mina\\a.png", "a.png"),
            ("..", "file"),
            ("", "file"),
            ("a/", "file"),
            (".htaccess", "htaccess"),
            ("a\r\nSet-Cookie: x", "aSet-Cookie_ x"),
            ("a\0b", "ab"),
            ("photo\u{202e}gnp.exe", "photognp.exe"),
            ("a\u{200b}\u{feff}b", "ab"),
            ("  x . ", "x"),
            ("a\"b<c>|d?.txt", "a_b_c__d_.txt"),
            ("\u{1112}\u{1161}\u{11ab}.txt", "\u{d55c}.txt"),
        ] {
            assert_eq!(clean(raw), wanted, "{raw:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let long = clean(&format!("{}.jpeg", "가".repeat(500)));
        assert_eq!(long.chars().count(), 200);
        assert!(long.ends_with("가.jpeg"));
        assert_eq!(clean(&"x".repeat(300)).chars().count(), 200);
        assert_eq!(clean(&format!("a.{}", "x".repeat(300))).chars().count(), 200);
    }

    #[test]
    fn a_message_brings_few_files_and_each_once() {
        let ids = |ids: &[i64]| ids.iter().map(|id| FileId(*id)).collect::<Vec<_>>();
        assert_eq!(check_files(ids(&[3, 1, 2])), Ok(ids(&[3, 1, 2])));
        assert_eq!(check_files(ids(&[1, 2, 1])), Err(InvalidFiles::Twice));
        let many: Vec<_> = (1..=11).collect();
        assert_eq!(check_files(ids(&many)), Err(InvalidFiles::TooMany(10)));
    }

    #[test]
    fn an_address_has_one_part() {
        assert_eq!(in_address("a b.png"), "a%20b.png");
        assert_eq!(in_address("가"), "%EA%B0%80");
        assert_eq!(in_address("preview"), "preview_");
        let long = in_address(&format!("{}.png", "가".repeat(196)));
        assert_eq!(long, format!("{}.png", "%EA%B0%80".repeat(36)));
    }

    proptest! {
        #[test]
        fn whatever_comes_a_name_is_fit_for_a_header_and_a_file_system(raw in any::<String>()) {
            let name = clean(&raw);
            prop_assert!((1..=limits::FILE_NAME_CHARS).contains(&name.chars().count()));
            prop_assert!(!name.chars().any(|c| is_unseen(c) || "/\\<>:\"|?*".contains(c)));
            prop_assert!(!name.starts_with('.'));
            prop_assert!(in_address(&name).bytes().all(|b| b.is_ascii_graphic() && b != b'/'));
        }
    }
}
