//! What one listener heard, by the seqs of its room: sums alone would let one lost and one doubled
//! delivery cancel out, and know no order.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::RoomId;

/// What became of the deliveries, over all listeners and from the first message on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// Never came to a listener, though a later one of its room did, or another listener had it.
    pub lost: u64,
    /// Came once more.
    pub doubled: u64,
    /// Came behind a later one.
    pub reordered: u64,
    /// Messages that at least one listener of their room heard of.
    pub messages: u64,
}

/// The seqs that one listener heard.
#[derive(Debug)]
pub(super) struct Listener {
    room: RoomId,
    /// The head of the room when it began to listen.
    from: i64,
    next: i64,
    missing: BTreeSet<i64>,
    doubled: u64,
    reordered: u64,
}

impl Listener {
    /// Hears what comes behind `head`.
    pub(super) const fn new(room: RoomId, head: i64) -> Self {
        let missing = BTreeSet::new();
        Self { room, from: head, next: head + 1, missing, doubled: 0, reordered: 0 }
    }

    /// Hears a frame; one without a seq is no event of a log.
    pub(super) fn hear(&mut self, frame: &[u8]) {
        let Some(seq) = seq(frame) else {
            return;
        };
        if seq == self.next {
            self.next += 1;
        } else if seq > self.next {
            self.missing.extend(self.next..seq);
            self.next = seq + 1;
        } else if self.missing.remove(&seq) {
            self.reordered += 1;
        } else {
            self.doubled += 1;
        }
    }
}

/// What all of them heard together: the one that heard most of a room says where its log ends.
pub(super) fn judge<'l>(listeners: impl Iterator<Item = &'l Listener> + Clone) -> Heard {
    let mut ends = BTreeMap::<RoomId, (i64, i64)>::new();
    for one in listeners.clone() {
        let (from, next) = ends.entry(one.room).or_insert((one.from, one.next));
        (*from, *next) = ((*from).min(one.from), (*next).max(one.next));
    }
    let count = |from: i64, to: i64| u64::try_from(to - from).unwrap_or(0);
    let mut heard = Heard::default();
    for one in listeners {
        let end = ends.get(&one.room).map_or(one.next, |(_, next)| *next);
        heard.lost += one.missing.len() as u64 + count(one.next, end);
        heard.doubled += one.doubled;
        heard.reordered += one.reordered;
    }
    heard.messages = ends.values().map(|(from, next)| count(from + 1, *next)).sum();
    heard
}

/// The seq of an event: behind its name and its room, before anything that a person wrote.
fn seq(frame: &[u8]) -> Option<i64> {
    const NAME: &[u8] = br#""seq":"#;
    let at = frame.windows(NAME.len()).position(|bytes| bytes == NAME)?;
    let digits = frame.get(at + NAME.len()..)?.iter().take_while(|byte| byte.is_ascii_digit());
    digits.map(|digit| i64::from(digit - b'0')).reduce(|all, digit| all * 10 + digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(room: i64, seqs: &[i64]) -> Listener {
        let mut listener = Listener::new(RoomId(room), 10);
        for seq in seqs {
            listener.hear(
                format!(r#"{{"ev":"msg.new","room":"r_{room}","seq":{seq},"n":3}}"#).as_bytes(),
            );
        }
        listener
    }

    #[test]
    fn what_one_lost_and_another_heard_twice_does_not_cancel_out() {
        let sound = listener(1, &[11, 12, 13]);
        let same = Heard { messages: 3, ..Heard::default() };
        assert_eq!(judge([&sound, &listener(1, &[11, 12, 13])].into_iter()), same);
        // As many deliveries as there should be.
        let odd = [&sound, &listener(1, &[11, 13, 13])];
        assert_eq!(judge(odd.into_iter()), Heard { lost: 1, doubled: 1, ..same });
        let swapped = [&sound, &listener(1, &[12, 11, 13])];
        assert_eq!(judge(swapped.into_iter()), Heard { reordered: 1, ..same });
    }

    #[test]
    fn who_missed_the_end_is_seen_by_those_who_did_not() {
        let all = [&listener(1, &[11, 12]), &listener(1, &[11]), &listener(2, &[])];
        let meant = Heard { lost: 1, messages: 2, ..Heard::default() };
        assert_eq!(judge(all.into_iter()), meant);
    }

    #[test]
    fn what_is_no_event_of_a_log_has_no_seq() {
        assert_eq!(seq(br#"{"ev":"typing","room":"r_1"}"#), None);
        assert_eq!(seq(br#"{"re":1,"ok":{"seq":4}}"#), Some(4));
        assert_eq!(seq(br#"{"ev":"msg.new","seq":}"#), None);
    }
}
