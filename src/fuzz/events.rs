//! The events of a provider.

use crate::llm::{Sse, SseError, SseEvent};

/// Small enough that chance meets them.
const LINE_BYTES: usize = 64;
const EVENT_BYTES: usize = 96;

fn read<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<SseEvent>, Option<SseError>) {
    let mut sse = Sse::with_limits(LINE_BYTES, EVENT_BYTES);
    let mut all = Vec::new();
    let mut take = |sse: &mut Sse| loop {
        match sse.event() {
            Ok(Some(event)) => all.push(event),
            Ok(None) => return None,
            Err(why) => return Some(why),
        }
    };
    let mut failed = None;
    for piece in pieces {
        sse.feed(piece);
        failed = take(&mut sse);
        assert!(sse.held() <= 2 * LINE_BYTES + EVENT_BYTES, "{} held", sse.held());
        if failed.is_some() {
            break;
        }
    }
    if failed.is_none() {
        sse.end();
        failed = take(&mut sse);
    }
    (all, failed)
}

/// Any bytes: where they are cut does not matter, no more is held than a line and an event, and
/// no event is longer than the limit. The first byte says how they are cut.
pub fn events(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else {
        return;
    };
    let whole = read(std::iter::once(bytes));
    assert_eq!(whole, read(bytes.chunks(usize::from(cut).max(1))), "cut by {cut}");
    assert_eq!(whole, read(bytes.chunks(1)), "cut by one");
    assert!(whole.0.iter().all(|event| event.data.len() <= EVENT_BYTES));
}
