//! Whether a text can be anything but plain, at a glance: nearly all are plain, and pay one pass.

/// What a byte can begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Nothing.
    None,
    /// A mark, wherever it stands.
    Mark,
    /// A mark at the beginning of a line.
    Begin,
    /// A mark next to the same byte.
    Twin,
    /// The name of an emoji, or the end of a scheme.
    Colon,
    /// `www.`
    Www,
    /// A line.
    Break,
}

/// Whether a text may hold marks. `false` is certain.
pub(crate) fn may_be_marked(text: &str) -> bool {
    // A byte order mark is put aside by the parser, and what is behind it then begins the text.
    if text.starts_with('\u{feff}') {
        return true;
    }
    let bytes = text.as_bytes();
    let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    let mut begins = true;
    let mut blanks = 0_usize;
    for (at, byte) in bytes.iter().enumerate() {
        let found = match sign(*byte) {
            Sign::None => false,
            Sign::Mark => true,
            Sign::Begin => begins,
            Sign::Twin => is(at + 1, *byte),
            Sign::Colon => is(at + 1, b'/') || may_be_name(bytes.get(at + 1..)),
            Sign::Www => is(at + 1, b'w') && is(at + 2, b'w') && is(at + 3, b'.'),
            Sign::Break => {
                (begins, blanks) = (true, 0);
                continue;
            }
        };
        if found {
            return true;
        }
        match byte {
            // Four blanks, or a tab, make code.
            b' ' if begins && blanks < 3 => blanks += 1,
            b' ' | b'\t' if begins => return true,
            // The number of a list is still the beginning of its line.
            b'0'..=b'9' if begins => {}
            _other => begins = false,
        }
    }
    false
}

const fn sign(byte: u8) -> Sign {
    match byte {
        b'*' | b'_' | b'~' | b'`' | b'[' | b'<' | b'\\' | b'@' => Sign::Mark,
        b'#' | b'>' | b'-' | b'+' | b'.' | b')' => Sign::Begin,
        b'|' => Sign::Twin,
        b':' => Sign::Colon,
        b'w' => Sign::Www,
        b'\n' | b'\r' => Sign::Break,
        _other => Sign::None,
    }
}

/// Whether what follows a colon reads `name:`.
fn may_be_name(rest: Option<&[u8]>) -> bool {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+');
    let mut rest = rest.unwrap_or_default().iter().skip_while(|byte| is_of_name(byte));
    rest.next() == Some(&b':')
}
