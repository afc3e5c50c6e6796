//! How somebody who is online is.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::role::words;

words!(
    /// Whether somebody who is online wants to be spoken to. The order is that in which several of
    /// them become one.
    Availability {
        /// There.
        Online = "online",
        /// Signed in and not there.
        Away = "away",
        /// There, and not to be disturbed.
        Dnd = "dnd",
    }
);

/// What others see of somebody who is online.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether they want to be spoken to.
    pub state: Availability,
    /// What they say of themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Arc<str>>,
}

impl Status {
    /// How everybody is who has not said otherwise.
    pub const USUAL: Self = Self { state: Availability::Online, text: None };

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::USUAL
    }

    /// What becomes of what several devices, or nodes, say of one person: not to be disturbed if
    /// one of them says so, away if all of them are.
    #[must_use]
    pub fn of_all(all: impl IntoIterator<Item = Self>) -> Self {
        let mut whole: Option<Self> = None;
        for one in all {
            whole = Some(match whole {
                None => one,
                Some(known) => Self {
                    state: match (known.state, one.state) {
                        (Availability::Dnd, _) | (_, Availability::Dnd) => Availability::Dnd,
                        (Availability::Away, Availability::Away) => Availability::Away,
                        _one_is_there => Availability::Online,
                    },
                    text: one.text.or(known.text),
                },
            });
        }
        whole.unwrap_or(Self::USUAL)
    }
}

#[cfg(test)]
mod tests {
    use super::Availability::{Away, Dnd, Online};
    use super::*;

    #[test]
    fn several_devices_are_one_person() {
        let of = |states: &[Availability]| {
            let one = |state: &Availability| Status { state: *state, text: None };
            Status::of_all(states.iter().map(one)).state
        };
        assert_eq!(of(&[]), Online);
        assert_eq!(of(&[Away]), Away);
        assert_eq!(of(&[Away, Away]), Away);
        assert_eq!(of(&[Away, Online]), Online);
        assert_eq!(of(&[Away, Dnd, Online]), Dnd);
    }

    #[test]
    fn the_usual_is_not_worth_a_word() {
        let says = Status { text: Some("lunch".into()), ..Status::USUAL };
        assert!(Status::USUAL.is_usual() && !says.is_usual());
        assert_eq!(Status::of_all([says.clone(), Status::USUAL]), says);
    }
}
