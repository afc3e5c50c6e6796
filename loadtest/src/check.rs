//! Were events lost, doubled or reordered? Two judges: one by seq alone, cheap enough for every
//! delivery; one that compares whole histories.

use std::collections::{BTreeSet, HashMap};

/// Faults in what one side saw. Everything must be zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub lost: u64,
    pub doubled: u64,
    pub reordered: u64,
    /// The same place in the log with something else in it, or what nobody sent.
    pub differing: u64,
    pub examples: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Lost,
    Doubled,
    Reordered,
    Differing,
}

/// Enough to look into; a broken server would otherwise fill the report.
const MAX_EXAMPLES: usize = 5;

impl Faults {
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
        self.differing += other.differing;
        for example in other.examples {
            self.example(|| example);
        }
    }

    pub(crate) fn example(&mut self, text: impl FnOnce() -> String) {
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(text());
        }
    }
}

/// Watches the seqs of one log in one session.
#[derive(Clone, Debug)]
pub(crate) struct SeqWatch {
    next: u64,
    /// Skipped and not yet seen. Empty all the time with a sound server.
    missing: BTreeSet<u64>,
    faults: Faults,
}

impl SeqWatch {
    /// `head` was the newest seq when the session began to listen.
    pub(crate) fn after(head: u64) -> Self {
        Self { next: head + 1, missing: BTreeSet::new(), faults: Faults::default() }
    }

    /// The newest seq that was seen.
    pub(crate) fn head(&self) -> u64 {
        self.next - 1
    }

    /// Takes note of an event; true when it was not seen before.
    pub(crate) fn see(&mut self, seq: u64) -> bool {
        if seq == self.next {
            self.next += 1;
            return true;
        }
        self.see_odd(seq)
    }

    #[cold]
    fn see_odd(&mut self, seq: u64) -> bool {
        let next = self.next;
        if seq > next {
            self.missing.extend(next..seq);
            self.next = seq + 1;
            return true;
        }
        if self.missing.remove(&seq) {
            self.faults.reordered += 1;
            self.faults.example(|| format!("seq {seq} came after {}", next - 1));
            return true;
        }
        self.faults.doubled += 1;
        self.faults.example(|| format!("seq {seq} came again, after {}", next - 1));
        false
    }

    /// The verdict, knowing where the log ended.
    pub(crate) fn verdict(&self, end: u64) -> Faults {
        let mut faults = self.faults.clone();
        let unseen = (self.next..=end).count() as u64;
        faults.lost += self.missing.len() as u64 + unseen;
        if let Some(first) = self.missing.first() {
            faults.example(|| format!("seq {first} never came"));
        } else if unseen > 0 {
            faults.example(|| format!("nothing came after seq {} of {end}", self.next - 1));
        }
        faults
    }
}

/// A message as a client or the history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub seq: u64,
    pub id: String,
    pub cid: String,
}

/// Compares what one client saw, in the order it saw it, with what the log holds.
pub(crate) fn compare(who: &str, log: &[Message], seen: &[Message]) -> Faults {
    let mut faults = Faults::default();
    let by_seq: HashMap<u64, &Message> = log.iter().map(|message| (message.seq, message)).collect();
    let mut times: HashMap<u64, u64> = HashMap::with_capacity(seen.len());
    let mut newest = 0;
    for message in seen {
        let seq = message.seq;
        let count = times.entry(seq).or_default();
        *count += 1;
        if *count > 1 {
            faults.doubled += 1;
            faults.example(|| format!("{who} saw seq {seq} {count} times"));
        } else if seq < newest {
            faults.reordered += 1;
            faults.example(|| format!("{who} saw seq {seq} after {newest}"));
        }
        newest = newest.max(seq);
        if by_seq.get(&seq) != Some(&message) {
            faults.differing += 1;
            faults
                .example(|| format!("{who} saw {message:?}, the log holds {:?}", by_seq.get(&seq)));
        }
    }
    for message in log.iter().filter(|message| !times.contains_key(&message.seq)) {
        faults.lost += 1;
        faults.example(|| format!("{who} never saw seq {} ({})", message.seq, message.cid));
    }
    faults
}

/// Checks the log itself: seqs from `first` without holes, no cid twice, every acknowledged message
/// in its place, nothing that nobody sent.
pub(crate) fn audit(
    log: &[Message],
    first: u64,
    acked: &[Message],
    sent: &BTreeSet<String>,
) -> Faults {
    let mut faults = Faults::default();
    let mut watch = SeqWatch::after(first.saturating_sub(1));
    for message in log {
        watch.see(message.seq);
    }
    faults.add(watch.verdict(watch.head()));
    let mut by_cid: HashMap<&str, &Message> = HashMap::with_capacity(log.len());
    for message in log {
        if by_cid.insert(&message.cid, message).is_some() {
            faults.doubled += 1;
            faults.example(|| format!("the log holds cid {} twice", message.cid));
        }
        if !sent.contains(&message.cid) {
            faults.differing += 1;
            faults.example(|| format!("the log holds {message:?}, which nobody sent"));
        }
    }
    for message in acked {
        match by_cid.get(message.cid.as_str()) {
            None => {
                faults.lost += 1;
                faults.example(|| format!("{message:?} was acknowledged and is gone"));
            }
            Some(held) if *held != message => {
                faults.differing += 1;
                faults.example(|| format!("{message:?} was acknowledged, the log holds {held:?}"));
            }
            Some(_) => {}
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(seqs: &[u64], end: u64) -> (u64, u64, u64) {
        let mut watch = SeqWatch::after(10);
        for seq in seqs {
            watch.see(*seq);
        }
        let Faults { lost, doubled, reordered, .. } = watch.verdict(end);
        (lost, doubled, reordered)
    }

    #[test]
    fn the_watch_tells_lost_doubled_and_reordered_apart() {
        assert_eq!(watch(&[11, 12, 13], 13), (0, 0, 0));
        assert_eq!(watch(&[11, 13], 13), (1, 0, 0));
        assert_eq!(watch(&[11, 12], 13), (1, 0, 0));
        assert_eq!(watch(&[], 13), (3, 0, 0));
        assert_eq!(watch(&[11, 12, 12, 13], 13), (0, 1, 0));
        assert_eq!(watch(&[11, 10, 12, 13], 13), (0, 1, 0));
        assert_eq!(watch(&[11, 13, 12], 13), (0, 0, 1));
        assert_eq!(watch(&[13, 12, 12], 13), (1, 1, 1));
    }

    fn message(seq: u64) -> Message {
        Message { seq, id: format!("m_{seq}"), cid: format!("c-{seq}") }
    }

    fn messages(seqs: &[u64]) -> Vec<Message> {
        seqs.iter().copied().map(message).collect()
    }

    #[test]
    fn a_client_that_saw_the_log_is_sound() {
        let log = messages(&[4, 5, 6]);
        assert_eq!(compare("mina", &log, &log), Faults::default());
    }

    #[test]
    fn comparing_finds_each_kind_of_fault() {
        let log = messages(&[4, 5, 6]);
        let faults = |seen: &[Message]| {
            let Faults { lost, doubled, reordered, differing, .. } = compare("mina", &log, seen);
            (lost, doubled, reordered, differing)
        };
        assert_eq!(faults(&messages(&[4, 6])), (1, 0, 0, 0));
        assert_eq!(faults(&messages(&[4, 5, 5, 6])), (0, 1, 0, 0));
        assert_eq!(faults(&messages(&[5, 4, 6])), (0, 0, 1, 0));
        assert_eq!(faults(&messages(&[4, 5, 6, 7])), (0, 0, 0, 1));
        let mut other = messages(&[4, 5, 6]);
        if let Some(middle) = other.get_mut(1) {
            middle.cid = "c-9".to_owned();
        }
        assert_eq!(faults(&other), (0, 0, 0, 1));
    }

    #[test]
    fn the_audit_finds_what_the_log_lacks_and_what_it_should_not_hold() {
        let sent: BTreeSet<String> = (1..=9).map(|seq| format!("c-{seq}")).collect();
        let sound = messages(&[3, 4, 5]);
        assert_eq!(audit(&sound, 3, &sound, &sent), Faults::default());
        assert_eq!(audit(&sound, 3, &messages(&[6]), &sent).lost, 1);
        assert_eq!(audit(&messages(&[3, 5]), 3, &[], &sent).lost, 1);
        assert_eq!(audit(&messages(&[4, 5]), 3, &[], &sent).lost, 1);
        assert_eq!(audit(&messages(&[3, 12]), 3, &[], &sent).differing, 1);
        let twice = [message(3), Message { seq: 4, ..message(3) }];
        assert_eq!(audit(&twice, 3, &[], &sent).doubled, 1);
        let moved = [Message { seq: 4, ..message(3) }];
        assert_eq!(audit(&sound, 3, &moved, &sent).differing, 1);
    }
}
