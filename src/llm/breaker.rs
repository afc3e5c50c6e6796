//! Leaves a provider alone that keeps failing. A pure state machine: the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// A call that was let through; its outcome is told with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    round: u64,
    /// Whether it is the one call that finds out whether the provider is back.
    pub is_probe: bool,
}

/// No call is let through for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Until a call may probe.
    pub retry_after: Duration,
}

/// How a breaker stands, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Calls go through.
    Closed,
    /// One call may go through, or is under way.
    HalfOpen,
    /// No call goes through.
    Open,
}

impl Standing {
    /// As a number for metrics: the more, the worse.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Probing,
}

/// Closed until so many calls failed in a row, then open for a while, then half-open: exactly one
/// call goes through, and its outcome closes or opens it. Outcomes of calls from before the last
/// change are of yesterday and not counted.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    round: u64,
    failures: u32,
    rest: Duration,
}

impl Breaker {
    /// Opens after so many failures, for so long.
    #[must_use]
    pub fn new(failures: u32, rest: Duration) -> Self {
        Self { state: State::Closed { failures: 0 }, round: 0, failures: failures.max(1), rest }
    }

    /// Asks for a call to be let through.
    ///
    /// # Errors
    /// [`Open`] when the provider is left alone, or somebody is probing it.
    pub fn admit(&mut self, now: Instant) -> Result<Pass, Open> {
        match self.state {
            State::Closed { .. } => Ok(Pass { round: self.round, is_probe: false }),
            State::Open { until } if now >= until => {
                self.turn(State::Probing);
                Ok(Pass { round: self.round, is_probe: true })
            }
            State::Open { until } => Err(Open { retry_after: until.duration_since(now) }),
            State::Probing => Err(Open { retry_after: Duration::from_secs(1) }),
        }
    }

    /// The call brought something: a probe closes the breaker, and counts on as an ordinary call.
    #[must_use]
    pub fn alive(&mut self, pass: Pass) -> Pass {
        if pass.round == self.round && self.state == State::Probing {
            self.turn(State::Closed { failures: 0 });
            return Pass { round: self.round, is_probe: false };
        }
        pass
    }

    /// The call went well to its end.
    pub fn succeeded(&mut self, pass: Pass) {
        let pass = self.alive(pass);
        if pass.round == self.round
            && let State::Closed { failures } = &mut self.state
        {
            *failures = 0;
        }
    }

    /// The call failed.
    pub fn failed(&mut self, pass: Pass, now: Instant) {
        if pass.round != self.round {
            return;
        }
        match &mut self.state {
            State::Closed { failures } if *failures + 1 < self.failures => *failures += 1,
            State::Closed { .. } | State::Probing => {
                let until = now + self.rest;
                self.turn(State::Open { until });
            }
            State::Open { .. } => {}
        }
    }

    /// The call was given up by whoever asked; a probe is free for the next.
    pub fn given_up(&mut self, pass: Pass, now: Instant) {
        if pass.round == self.round && self.state == State::Probing {
            self.turn(State::Open { until: now });
        }
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Standing {
        match self.state {
            State::Closed { .. } => Standing::Closed,
            State::Open { until } if now < until => Standing::Open,
            State::Open { .. } | State::Probing => Standing::HalfOpen,
        }
    }

    /// Whether calls go through.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.round += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAILURES: u32 = 5;
    const REST: Duration = Duration::from_secs(30);
    const SECOND: Duration = Duration::from_secs(1);

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(FAILURES, REST);
        for _ in 0..FAILURES {
            let pass = breaker.admit(now).unwrap();
            breaker.failed(pass, now);
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_a_success_in_between_does_not_let_them() {
        let now = Instant::now();
        let mut breaker = Breaker::new(FAILURES, REST);
        for outcome in [false, false, false, false, true, false, false, false, false] {
            let pass = breaker.admit(now).unwrap();
            if outcome { breaker.succeeded(pass) } else { breaker.failed(pass, now) }
        }
        assert!(breaker.is_closed());
        let pass = breaker.admit(now).unwrap();
        breaker.failed(pass, now);
        assert_eq!(breaker.admit(now), Err(Open { retry_after: REST }));
        assert!(breaker.admit(now + REST - SECOND).is_err());
    }

    #[test]
    fn it_stands_open_until_somebody_may_probe() {
        let now = Instant::now();
        assert_eq!(Breaker::new(FAILURES, REST).standing(now), Standing::Closed);
        let mut breaker = opened(now);
        assert_eq!(breaker.standing(now + REST - SECOND), Standing::Open);
        assert_eq!(breaker.standing(now + REST), Standing::HalfOpen);
        let probe = breaker.admit(now + REST).unwrap();
        assert_eq!(breaker.standing(now + REST), Standing::HalfOpen);
        breaker.succeeded(probe);
        assert_eq!(breaker.standing(now + REST), Standing::Closed);
    }

    #[test]
    fn exactly_one_probe_goes_through() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let probe = breaker.admit(now + REST).unwrap();
        assert!(probe.is_probe);
        assert!(breaker.admit(now + REST + SECOND).is_err());
        breaker.failed(probe, now + REST);
        assert!(breaker.admit(now + REST + SECOND).is_err());
        let probe = breaker.admit(now + REST + REST).unwrap();
        let call = breaker.alive(probe);
        assert!(breaker.is_closed() && !call.is_probe);
        assert!(breaker.admit(now + REST + REST).is_ok_and(|pass| !pass.is_probe));
    }

    #[test]
    fn a_probe_that_nobody_waits_for_any_more_frees_its_place() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let probe = breaker.admit(now + REST).unwrap();
        breaker.given_up(probe, now + REST);
        assert!(breaker.admit(now + REST).is_ok_and(|pass| pass.is_probe));
    }

    #[test]
    fn outcomes_of_yesterday_are_not_counted() {
        let now = Instant::now();
        let mut breaker = Breaker::new(FAILURES, REST);
        let late = breaker.admit(now).unwrap();
        for _ in 0..FAILURES {
            let pass = breaker.admit(now).unwrap();
            breaker.failed(pass, now);
        }
        breaker.succeeded(late);
        assert!(!breaker.is_closed());
        let probe = breaker.admit(now + REST).unwrap();
        breaker.failed(late, now + REST);
        breaker.succeeded(probe);
        assert!(breaker.is_closed());
    }

    proptest! {
        #[test]
        fn never_two_probes_and_never_open_for_good(steps in prop::collection::vec((0_u8..5, 0_u64..20), 0..200)) {
            let mut now = Instant::now();
            let mut breaker = Breaker::new(FAILURES, REST);
            let mut passes = Vec::new();
            let mut probing = 0;
            for (step, seconds) in steps {
                now += Duration::from_secs(seconds);
                let was_probing = breaker.state == State::Probing;
                match (step, passes.pop()) {
                    (0 | 1, held) => {
                        passes.extend(held);
                        if let Ok(pass) = breaker.admit(now) {
                            prop_assert!(!was_probing);
                            probing += usize::from(pass.is_probe);
                            passes.insert(0, pass);
                        }
                    }
                    (2, Some(pass)) => breaker.succeeded(pass),
                    (3, Some(pass)) => breaker.failed(pass, now),
                    (_, Some(pass)) => breaker.given_up(pass, now),
                    (_, None) => {}
                }
            }
            prop_assert!(probing <= 200);
            for pass in passes {
                breaker.given_up(pass, now);
            }
            prop_assert!(breaker.admit(now + REST).is_ok());
        }
    }
}
