//! How often a room may crash, and what happens to the message that did it. Pure but for the
//! clock of the runtime.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::actors::room::RoomMsg;

/// More crashes than this in [`WINDOW`] put the room to [`REST`].
pub(super) const MOST: usize = 5;
/// The time over which crashes are counted.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// How long a room stays down that crashed too often.
pub(super) const REST: Duration = Duration::from_secs(30);
/// The message in hand is tried so often.
const TRIES: u32 = 3;
/// Pause before the second restart in a window; doubled for each further one.
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
    at: VecDeque<Instant>,
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

    /// Counts a crash.
    pub(super) fn count(&mut self) {
        let now = Instant::now();
        self.total = self.total.saturating_add(1);
        while self.at.front().is_some_and(|at| now.duration_since(*at) > WINDOW) {
            self.at.pop_front();
        }
        if self.at.is_empty() {
            self.tries = 0;
        }
        self.at.push_back(now);
        if self.at.len() > MOST {
            tracing::error!("a room crashed more than {MOST} times in a minute; it stays down");
            self.rests_until = Some(now + REST);
            self.at.clear();
            return;
        }
        let more = u32::try_from(self.at.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let pause = if more == 0 { Duration::ZERO } else { PAUSE * 2_u32.saturating_pow(more - 1) };
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

    /// The message that was in hand gets another try, or none.
    ///
    /// Crashes in a row are counted, not messages compared: the message in hand is handled first
    /// after a restart, so a second crash at once is its doing.
    pub(super) fn try_again(&mut self, msg: RoomMsg) -> Again {
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
    async fn restarts_slow_down_and_then_rest() {
        let mut crashes = Crashes::default();
        let mut starts = Vec::new();
        for _ in 0..=MOST {
            crashes.count();
            starts.push(crashes.start());
        }
        let ms = |ms| Start::After(Duration::from_millis(ms));
        assert_eq!(starts, [ms(0), ms(50), ms(100), ms(200), ms(400), Start::Resting(REST)]);
        tokio::time::advance(REST).await;
        assert_eq!(crashes.start(), ms(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_crash_a_minute_is_forgotten() {
        let mut crashes = Crashes::default();
        for _ in 0..10 {
            crashes.count();
            assert_eq!(crashes.start(), Start::After(Duration::ZERO));
            assert!(matches!(crashes.try_again(RoomMsg::Idle), Again::Handle(_)));
            tokio::time::advance(WINDOW + Duration::from_secs(1)).await;
        }
    }

    #[test]
    fn a_message_is_tried_three_times() {
        let mut crashes = Crashes::default();
        assert!(matches!(crashes.try_again(RoomMsg::Idle), Again::Handle(_)));
        assert!(matches!(crashes.try_again(RoomMsg::Idle), Again::Handle(_)));
        assert!(matches!(crashes.try_again(RoomMsg::Idle), Again::SetAside(_)));
    }
}
