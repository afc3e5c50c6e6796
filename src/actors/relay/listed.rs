//! Whose outboxes are to be flushed, and who comes first.
//!
//! Who hears an answer of the assistant can wait: hundreds of viewers would stand before everybody
//! else, many times in a second. They are written to behind the others and a few at a time, and
//! between these the relay takes what has come. In an outbox nothing changes places: whatever comes
//! for a viewer meanwhile leaves behind what was said, in the same write.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::actors::outbox::Outbox;
use crate::actors::seat::SeatKey;

/// Outboxes that are flushed before the relay looks for more messages.
const FLUSH: usize = 256;
/// And of those who only hear more of an answer: about a tenth of a millisecond.
const FLUSH_SPOKEN: usize = 32;

/// Outboxes to flush, each once in a list: they say themselves in which they are.
#[derive(Debug, Default)]
pub(super) struct Listed {
    all: RefCell<Vec<SeatKey>>,
    spoken: RefCell<VecDeque<SeatKey>>,
}

impl Listed {
    /// One more.
    pub(super) fn add(&self, seat: SeatKey, outbox: &Outbox) {
        if !outbox.is_listed.replace(true) {
            self.all.borrow_mut().push(seat);
        }
    }

    /// One who hears more of an answer, and nothing else yet.
    pub(super) fn add_spoken(&self, seat: SeatKey, outbox: &Outbox) {
        if !outbox.is_listed.get() && !outbox.is_spoken.replace(true) {
            self.spoken.borrow_mut().push_back(seat);
        }
    }

    /// Some to flush now.
    pub(super) fn some(&self) -> Vec<SeatKey> {
        let mut all = self.all.borrow_mut();
        let keep = all.len().saturating_sub(FLUSH);
        all.drain(keep..).collect()
    }

    /// A few of those who hear an answer, in the order in which they were told.
    pub(super) fn some_spoken(&self) -> Vec<SeatKey> {
        let mut spoken = self.spoken.borrow_mut();
        let few = spoken.len().min(FLUSH_SPOKEN);
        spoken.drain(..few).collect()
    }

    /// Whether there are more that cannot wait.
    pub(super) fn has_more(&self) -> bool {
        !self.all.borrow().is_empty()
    }

    /// Whether there are more who hear an answer.
    pub(super) fn has_spoken(&self) -> bool {
        !self.spoken.borrow().is_empty()
    }

    /// Nobody knows who is listed: now these are, and nobody else.
    pub(super) fn reset<'a>(&self, seats: impl Iterator<Item = (SeatKey, &'a Outbox)>) {
        let mut all = self.all.borrow_mut();
        all.clear();
        self.spoken.borrow_mut().clear();
        for (seat, outbox) in seats {
            outbox.is_listed.set(true);
            outbox.is_spoken.set(false);
            all.push(seat);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;
    use crate::actors::budget::Budget;
    use crate::actors::outbox::Port;
    use crate::domain::Epoch;

    fn outboxes(count: u32) -> Vec<(SeatKey, Outbox)> {
        let budget = Rc::new(Budget::new(1 << 20));
        let port = || Port::Stream(Epoch("e".into()));
        let outbox = || Outbox::new(port(), 0, Rc::clone(&budget));
        let seat = |slot| SeatKey { worker: 0, slot, life: 1 };
        (0..count).map(|slot| (seat(slot), outbox())).collect()
    }

    /// What a round flushes, in its order.
    fn round(listed: &Listed, outboxes: &[(SeatKey, Outbox)]) -> (Vec<u32>, Vec<u32>) {
        let of = |seat: &SeatKey| &outboxes[seat.slot as usize].1;
        let some = listed.some();
        some.iter().for_each(|seat| of(seat).is_listed.set(false));
        let spoken = listed.some_spoken();
        spoken.iter().for_each(|seat| of(seat).is_spoken.set(false));
        let slots = |seats: Vec<SeatKey>| seats.into_iter().map(|seat| seat.slot).collect();
        (slots(some), slots(spoken))
    }

    #[test]
    fn talk_is_not_behind_a_thousand_viewers() {
        let (listed, outboxes) = (Listed::default(), outboxes(1_001));
        for (seat, outbox) in outboxes.iter().take(1_000) {
            listed.add_spoken(*seat, outbox);
        }
        let viewers = round(&listed, &outboxes);
        assert_eq!(viewers, (vec![], (0..32).collect()), "the first who were told, and few");
        let (seat, outbox) = &outboxes[1_000];
        listed.add(*seat, outbox);
        assert_eq!(round(&listed, &outboxes), (vec![1_000], (32..64).collect()));
        // What comes for a viewer takes what was said along.
        let (seat, outbox) = &outboxes[500];
        listed.add(*seat, outbox);
        assert_eq!(round(&listed, &outboxes).0, [500]);
    }

    proptest! {
        #[test]
        fn everybody_is_flushed_and_nobody_waits_for_ever(
            steps in prop::collection::vec(
                (prop::collection::vec(0..400_u32, 0..300), any::<bool>()), 1..40,
            ),
        ) {
            let (listed, outboxes) = (Listed::default(), outboxes(400));
            let mut waiting: BTreeSet<u32> = BTreeSet::new();
            let mut rounds = 0;
            let mut steps = steps.into_iter();
            loop {
                let step = steps.next();
                let is_last = step.is_none();
                for (slot, is_spoken) in step.into_iter().flat_map(|(slots, is_spoken)| {
                    slots.into_iter().map(move |slot| (slot, is_spoken))
                }) {
                    let (seat, outbox) = &outboxes[slot as usize];
                    waiting.insert(slot);
                    if is_spoken {
                        listed.add_spoken(*seat, outbox);
                    } else {
                        listed.add(*seat, outbox);
                    }
                }
                let had_spoken = listed.has_spoken();
                let (some, spoken) = round(&listed, &outboxes);
                prop_assert!(some.len() <= FLUSH && spoken.len() <= FLUSH_SPOKEN);
                prop_assert!(!had_spoken || !spoken.is_empty(), "those who hear an answer go on");
                some.iter().chain(&spoken).for_each(|slot| {
                    waiting.remove(slot);
                });
                if is_last && !listed.has_more() && !listed.has_spoken() {
                    break;
                }
                rounds += 1;
                prop_assert!(rounds < 100);
            }
            prop_assert!(waiting.is_empty(), "forgotten: {waiting:?}");
        }
    }
}
