//! How many connections were ended, how, and how many more may be.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::rule::Ending;

#[derive(Default)]
pub(crate) struct Tally {
    /// Endings that may still come; `None` means any number.
    left: Cell<Option<usize>>,
    connections: Cell<u64>,
    endings: RefCell<BTreeMap<Ending, u64>>,
}

impl Tally {
    pub(super) fn of(left: Option<usize>) -> Self {
        Self { left: Cell::new(left), ..Self::default() }
    }

    /// Connections that were taken so far.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.get()
    }

    /// Connections that were ended so, so far.
    pub(crate) fn ended(&self, ending: Ending) -> u64 {
        self.endings.borrow().get(&ending).copied().unwrap_or(0)
    }

    /// Connections that were ended, so far.
    pub(crate) fn all_ended(&self) -> u64 {
        self.endings.borrow().values().sum()
    }

    pub(super) fn connected(&self) -> u64 {
        self.connections.update(|count| count + 1);
        self.connections.get()
    }

    /// Whether one more may be ended.
    pub(super) fn take_place(&self) -> bool {
        match self.left.get() {
            None => true,
            Some(0) => false,
            Some(left) => {
                self.left.set(Some(left - 1));
                true
            }
        }
    }

    pub(super) fn count(&self, ending: Ending) {
        *self.endings.borrow_mut().entry(ending).or_default() += 1;
    }
}
