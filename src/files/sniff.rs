//! What a file is, by its content. Names and headers of a client are not asked.

use super::picture::Format;

/// Bytes from the beginning of a file that tell what it is.
pub(super) const HEAD: usize = 8 * 1024;
/// A file of which nobody knows what it is.
const UNKNOWN: &str = "application/octet-stream";
/// Text of any kind: it is shown as it stands and never run.
const TEXT: &str = "text/plain";

/// What a browser may show by itself: it runs no script of them. The list is short on purpose.
const SHOWN: [&str; 17] = [
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "video/mp4",
    "video/webm",
    "video/quicktime",
    "video/x-m4v",
    "audio/aac",
    "audio/m4a",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/x-flac",
    "audio/x-wav",
    "audio/amr",
    TEXT,
];

/// What browsers would run or draw as a page. They go by an unknown type.
const RUN: [&str; 4] =
    ["text/html", "text/xml", "application/x-shockwave-flash", "application/wasm"];

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A picture that is looked into.
    Picture(Format),
    /// Anything else, by its type.
    Other(&'static str),
}

/// What begins like this.
pub(super) fn sniff(head: &[u8]) -> Kind {
    match infer::get(head).map(|found| found.mime_type()) {
        Some("image/png") => Kind::Picture(Format::Png),
        Some("image/jpeg") => Kind::Picture(Format::Jpeg),
        Some("image/webp") => Kind::Picture(Format::Webp),
        Some("image/gif") => Kind::Picture(Format::Gif),
        Some("text/x-shellscript") => Kind::Other(TEXT),
        Some(run) if RUN.contains(&run) => Kind::Other(UNKNOWN),
        Some(known) => Kind::Other(known),
        None if is_text(head) => Kind::Other(TEXT),
        None => Kind::Other(UNKNOWN),
    }
}

/// Whether a browser may show this type instead of saving it.
#[must_use]
pub fn is_shown(mime: &str) -> bool {
    SHOWN.contains(&mime)
}

/// UTF-8 without control characters but those of texts; the last character may be cut off.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(why) if why.error_len().is_none() => {
            let valid = head.get(..why.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
        Err(_other_encoding) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || "\t\n\r\u{c}".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_says_what_a_file_is() {
        for (head, wanted) in [
            (&b"\x89PNG\r\n\x1a\n"[..], Kind::Picture(Format::Png)),
            (b"\xff\xd8\xff\xe0", Kind::Picture(Format::Jpeg)),
            (b"GIF89a", Kind::Picture(Format::Gif)),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Kind::Picture(Format::Webp)),
            (b"%PDF-1.7", Kind::Other("application/pdf")),
            (b"plain words\n", Kind::Other(TEXT)),
            ("말\u{ac00}".as_bytes(), Kind::Other(TEXT)),
            (b"#!/bin/sh\n", Kind::Other(TEXT)),
            (b"", Kind::Other(UNKNOWN)),
            (b"\x01\x02\x03\x04", Kind::Other(UNKNOWN)),
            (b"\xff\xfe\x41\x00", Kind::Other(UNKNOWN)),
        ] {
            assert_eq!(sniff(head), wanted, "{head:?}");
        }
        let cut = "가나다".as_bytes();
        assert_eq!(sniff(&cut[..cut.len() - 1]), Kind::Other(TEXT));
    }

    #[test]
    fn what_a_browser_would_run_is_never_shown() {
        for page in [
            "<!DOCTYPE html><script>alert(1)</script>",
            "  <html ><body>",
            "<script>alert(1)</script>",
            "<?xml version=\"1.0\"?><svg onload=\"alert(1)\"/>",
            "<!-- --><svg>",
        ] {
            let Kind::Other(mime) = sniff(page.as_bytes()) else { panic!("no picture") };
            assert!(!is_shown(mime), "{page}: {mime}");
        }
        // Without its first line a drawing is text, and is shown as text.
        assert_eq!(sniff(b"<svg xmlns=\"x\" onload=\"alert(1)\"/>"), Kind::Other(TEXT));
        for mime in
            ["image/svg+xml", "text/html", "application/pdf", "application/xhtml+xml", UNKNOWN]
        {
            assert!(!is_shown(mime), "{mime}");
        }
    }
}
