//! Faults on the way of an answer of the assistant.

use super::{Faults, UnknownPlant};

/// How answers end, as the wire says it.
const ENDS: [&str; 5] = ["stop", "length", "cancel", "budget", "error"];

/// What is planted there; each of an end is for answers that end in one way.
#[derive(Debug, Default)]
pub(super) struct Answers {
    lost: Option<&'static str>,
    doubled: Option<&'static str>,
    changed: Option<&'static str>,
    is_given_twice: bool,
    is_forgetful: bool,
}

impl Answers {
    /// Takes a plant.
    pub(super) fn take(&mut self, name: &str, value: Option<&str>) -> Result<(), UnknownPlant> {
        match (name, value) {
            ("lose_end", Some(end)) => self.lost = Some(end_of(end)?),
            ("double_end", Some(end)) => self.doubled = Some(end_of(end)?),
            ("change_end", Some(end)) => self.changed = Some(end_of(end)?),
            ("answer_twice", None) => self.is_given_twice = true,
            ("forget_waiting", None) => self.is_forgetful = true,
            _unknown => return Err(UnknownPlant),
        }
        Ok(())
    }
}

impl Faults {
    /// Whether the end of an answer is never written that ends so.
    pub(crate) fn loses_end(&self, finish: &str) -> bool {
        self.0.answers.lost == Some(finish)
    }

    /// Whether an answer that ends so ends twice.
    pub(crate) fn doubles_end(&self, finish: &str) -> bool {
        self.0.answers.doubled == Some(finish)
    }

    /// What the text of an answer that ends so gets behind what was told of it.
    pub(crate) fn changes_end(&self, finish: &str) -> Option<&'static str> {
        (self.0.answers.changed == Some(finish)).then_some(" and more")
    }

    /// Whether a question whose answer broke off with its node is answered once more.
    pub(crate) fn answers_twice(&self) -> bool {
        self.0.answers.is_given_twice
    }

    /// Whether a question that must wait for another is never thought of again.
    pub(crate) fn forgets_who_waits(&self) -> bool {
        self.0.answers.is_forgetful
    }
}

fn end_of(name: &str) -> Result<&'static str, UnknownPlant> {
    ENDS.into_iter().find(|end| *end == name).ok_or(UnknownPlant)
}
