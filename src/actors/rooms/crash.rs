//! How often a room may crash, and what happens to the message that did it. Pure but for the
//! clock of the runtime.

use std::time::Duration;

use tokio::time::Instant;

use crate::actors::room::RoomMsg;

/// More crashes than this in a row put the room to [`REST`].
pub(super) const MOST: u32 = 5;
/// A room that lived so long was well: its crash is the first of a row.
pub(super) const STEADY: Duration = Duration::from_millis(500);
/// How long a room stays down that crashed too often.
pub(super) const REST: Duration = Duration::from_secs(30);
/// The message in hand is tried so often.
const TRIES: u32 = 3;
/// Pause before the second restart in a row; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(50);

/// When the room may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Now, or after a pause.
    After(Duration),
    /// Not for so long: it crashed too often.
    Resting(Duration),
}

/// What to do with the message that was in hand.
pub(super) enum Again {
    /// Give it to the next room.
    Handle(RoomMsg),
    /// It always crashes: answer it and forget it.
    SetAside(RoomMsg),
}

/// The recent crashes of one room.
#[derive(Debug, Default)]
pub(super) struct Crashes {
    row: u32,
    not_before: Option<Instant>,
    rests_until: Option<Instant>,
    tries: u32,
    total: u32,
}

impl Crashes {
    /// How many there were, since the supervisor began to count.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// Counts the crash of a room that lived so long.
    pub(super) fn count(&mut self, lived: Duration) {
        let now = Instant::now();
        self.total = self.total.saturating_add(1);
        if lived >= STEADY {
            self.row = 0;
        }
        self.row += 1;
        if self.row > MOST {
            tracing::error!("a room crashed more than {MOST} times in a row; it stays down");
            self.rests_until = Some(now + REST);
            self.row = 0;
            return;
        }
        let pause = match self.row {
            0 | 1 => Duration::ZERO,
            row => PAUSE * 2_u32.saturating_pow(row - 2),
        };
        self.not_before = Some(now + pause);
    }

    /// When the next start may be.
    pub(super) fn start(&self) -> Start {
        let now = Instant::now();
        let left = |until: Option<Instant>| {
            until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
        };
        match left(self.rests_until) {
            Duration::ZERO => Start::After(left(self.not_before)),
            rest => Start::Resting(rest),
        }
    }

    /// The message that was in hand gets another try, or none. It is handled before all others
    /// by the next room, so one that `got_on` to another message owes its crash to that one.
    pub(super) fn try_again(&mut self, msg: RoomMsg, got_on: bool) -> Again {
        if got_on {
            self.tries = 0;
        }
        self.tries += 1;
        if self.tries < TRIES {
            return Again::Handle(msg);
        }
        self.tries = 0;
        Again::SetAside(msg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn restarts_in_a_row_slow_down_and_then_rest() {
        let mut crashes = Crashes::default();
        let mut starts = Vec::new();
        for _ in 0..=MOST {
            crashes.count(Duration::ZERO);
            starts.push(crashes.start());
        }
        let ms = |ms| Start::After(Duration::from_millis(ms));
        assert_eq!(starts, [ms(0), ms(50), ms(100), ms(200), ms(400), Start::Resting(REST)]);
        tokio::time::advance(REST).await;
        assert_eq!(crashes.start(), ms(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_that_crashes_now_and_then_is_back_at_once_each_time() {
        let mut crashes = Crashes::default();
        for _ in 0..100 {
            crashes.count(STEADY);
            assert_eq!(crashes.start(), Start::After(Duration::ZERO));
            assert!(matches!(crashes.try_again(RoomMsg::Idle, true), Again::Handle(_)));
        }
    }

    #[test]
    fn a_message_is_tried_three_times() {
        let mut crashes = Crashes::default();
        assert!(matches!(crashes.try_again(RoomMsg::Idle, true), Again::Handle(_)));
        assert!(matches!(crashes.try_again(RoomMsg::Idle, false), Again::Handle(_)));
        assert!(matches!(crashes.try_again(RoomMsg::Idle, false), Again::SetAside(_)));
    }
}
