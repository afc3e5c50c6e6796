//! Server-sent events from bytes, wherever these are cut.

use std::collections::VecDeque;

/// Bytes of one line.
const LINE_BYTES: usize = 256 * 1024;
/// Bytes of one event.
const EVENT_BYTES: usize = 512 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// Its name, when it has one.
    pub name: Option<String>,
    /// Its data, the lines joined by a line feed.
    pub data: String,
}

/// Why a stream of events cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// A line is too long.
    #[error("a line is too long")]
    LongLine,
    /// An event is too long.
    #[error("an event is too long")]
    LongEvent,
    /// An event is not UTF-8.
    #[error("an event is not UTF-8")]
    NotUtf8,
}

/// Reads events: CR, LF and CRLF end a line, a byte order mark in front is skipped, comments and
/// unknown fields are ignored. Bytes stay bytes until an event is whole, so a character may be cut.
#[derive(Debug)]
pub struct Sse {
    line: Vec<u8>,
    data: Vec<u8>,
    name: Vec<u8>,
    has_data: bool,
    /// The last byte was a CR: a LF right behind it belongs to it.
    is_behind_cr: bool,
    is_first_line: bool,
    events: VecDeque<SseEvent>,
    failed: Option<SseError>,
    line_bytes: usize,
    event_bytes: usize,
}

impl Default for Sse {
    fn default() -> Self {
        Self::with_limits(LINE_BYTES, EVENT_BYTES)
    }
}

impl Sse {
    /// A reader with limits of its own.
    #[must_use]
    pub fn with_limits(line_bytes: usize, event_bytes: usize) -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            name: Vec::new(),
            has_data: false,
            is_behind_cr: false,
            is_first_line: true,
            events: VecDeque::new(),
            failed: None,
            line_bytes,
            event_bytes,
        }
    }

    /// Takes bytes as they come. After an error nothing more is read.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while self.failed.is_none() && !rest.is_empty() {
            if std::mem::take(&mut self.is_behind_cr)
                && let Some(behind) = rest.strip_prefix(b"\n")
            {
                rest = behind;
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let (part, behind) = rest.split_at(end.unwrap_or(rest.len()));
            if self.line.len() + part.len() > self.line_bytes {
                self.failed = Some(SseError::LongLine);
                return;
            }
            self.line.extend_from_slice(part);
            rest = match behind.split_first() {
                Some((sign, behind)) => {
                    self.is_behind_cr = *sign == b'\r';
                    self.end_line();
                    behind
                }
                None => behind,
            };
        }
    }

    /// The next event that is whole.
    ///
    /// # Errors
    /// When the stream cannot be read any further; events before that were given.
    pub fn event(&mut self) -> Result<Option<SseEvent>, SseError> {
        match (self.events.pop_front(), self.failed) {
            (Some(event), _) => Ok(Some(event)),
            (None, Some(why)) => Err(why),
            (None, None) => Ok(None),
        }
    }

    /// The stream ended: what stands there without an empty line behind it is an event too, for
    /// many servers forget that line.
    pub fn end(&mut self) {
        if self.failed.is_none() {
            if !self.line.is_empty() {
                self.end_line();
            }
            self.end_event();
        }
    }

    /// Bytes that are held.
    #[must_use]
    pub fn held(&self) -> usize {
        let whole = self.events.iter().map(|event| event.data.len()).sum::<usize>();
        self.line.len() + self.data.len() + self.name.len() + whole
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        self.take_line(&line);
        line.clear();
        self.line = line; // Its memory serves the next one.
    }

    fn take_line(&mut self, line: &[u8]) {
        let is_first = std::mem::take(&mut self.is_first_line);
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(behind) if is_first => behind,
            _no_mark => line,
        };
        if line.is_empty() {
            self.end_event();
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.data.len() + value.len() + 1 > self.event_bytes {
                    self.failed = Some(SseError::LongEvent);
                    return;
                }
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => self.name = value.to_vec(),
            _comment_or_other => {}
        }
    }

    fn end_event(&mut self) {
        let (data, name) = (std::mem::take(&mut self.data), std::mem::take(&mut self.name));
        if !std::mem::take(&mut self.has_data) {
            return;
        }
        match (String::from_utf8(data), String::from_utf8(name)) {
            (Ok(data), Ok(name)) => {
                let name = Some(name).filter(|name| !name.is_empty());
                self.events.push_back(SseEvent { name, data });
            }
            _not_utf8 => self.failed = Some(SseError::NotUtf8),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<SseError>) {
        let mut sse = Sse::with_limits(64, 96);
        let mut all = Vec::new();
        for piece in pieces {
            sse.feed(piece);
        }
        sse.end();
        loop {
            match sse.event() {
                Ok(Some(event)) => all.push(event.data),
                Ok(None) => return (all, None),
                Err(why) => return (all, Some(why)),
            }
        }
    }

    fn whole(text: &[u8]) -> (Vec<String>, Option<SseError>) {
        read([text])
    }

    #[test]
    fn every_end_of_line_ends_a_line() {
        for text in [
            "data: a\n\ndata: b\n\n",
            "data: a\r\rdata: b\r\r",
            "data: a\r\n\r\ndata: b\r\n\r\n",
            "data:a\n\r\ndata:b\n\n",
            "\u{feff}data: a\n\n: ping\n\nretry: 5\nid: 7\ndata: b",
            "event: x\n\ndata: a\n\nevent: y\ndata: b\n",
        ] {
            assert_eq!(whole(text.as_bytes()), (vec!["a".into(), "b".into()], None), "{text:?}");
        }
    }

    #[test]
    fn lines_of_data_are_joined_and_one_space_is_skipped() {
        assert_eq!(whole(b"data:  a\ndata\ndata:b\n\n").0, [" a\n\nb"]);
        assert_eq!(whole(b"data\n\n").0, [""]);
        assert_eq!(whole("data: 가\u{feff}\n\n".as_bytes()).0, ["가\u{feff}"]);
    }

    #[test]
    fn what_is_too_long_or_no_text_ends_the_stream() {
        let long = format!("data: a\n\ndata: {}\n\n", "x".repeat(64));
        assert_eq!(whole(long.as_bytes()), (vec!["a".into()], Some(SseError::LongLine)));
        let line = format!("data: {}\n", "x".repeat(50));
        assert_eq!(whole(line.repeat(2).as_bytes()), (vec![], Some(SseError::LongEvent)));
        assert_eq!(whole(b"data: \xff\n\ndata: a\n\n"), (vec![], Some(SseError::NotUtf8)));
        assert!(whole(format!(": {}\n\n", "x".repeat(60)).repeat(9).as_bytes()).1.is_none());
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events(
            lines in prop::collection::vec("(data: ?|: |event: ?|id:|\u{feff})?[a-z가\u{e9}]{0,9}(\n|\r|\r\n)", 0..20),
            cuts in prop::collection::vec(1_usize..9, 1..40),
        ) {
            let text = lines.concat().into_bytes();
            let expected = whole(&text);
            prop_assert_eq!(&read(text.chunks(1)), &expected);
            let (mut rest, mut pieces, mut at) = (text.as_slice(), Vec::new(), 0);
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(cuts[at % cuts.len()].min(rest.len()));
                pieces.push(piece);
                (rest, at) = (behind, at + 1);
            }
            prop_assert_eq!(&read(pieces), &expected);
        }
    }
}
