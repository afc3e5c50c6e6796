//! Rate limits, shared by all workers: GCRA by `governor`, keyed by user or address.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::UserId;
use crate::protocol::{ErrorCode, Refusal};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Per second, and how many at once.
#[derive(Debug, Clone, Copy)]
struct Rate {
    every: Duration,
    burst: u32,
}

/// A keyed limit that forgets keys that have not been seen for a while.
struct Limit<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(rate: Rate) -> Self {
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let every = rate.every.max(Duration::from_nanos(1));
        let quota = Quota::with_period(every).unwrap_or(Quota::per_second(burst));
        let limiter = RateLimiter::keyed(quota.allow_burst(burst));
        Self { limiter, clock: DefaultClock::default() }
    }

    fn check(&self, key: &K) -> Result<(), Refusal> {
        self.check_many(key, NonZeroU32::MIN)
    }

    /// So many at once; more than ever fit at once are as many as fit.
    fn check_many(&self, key: &K, count: NonZeroU32) -> Result<(), Refusal> {
        let Ok(checked) = self.limiter.check_key_n(key, count) else {
            return self.check(key);
        };
        checked.map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Refusal::new(ErrorCode::RateLimited, "too many requests").retry_in(wait)
        })
    }

    /// Bounds the memory: a key at rest is as good as a new one.
    fn forget(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// A keyed limit on failures. `governor` only takes; here an attempt takes its place before it is
/// tried, so that a thousand at once do not slip through, and gives it back when it succeeds.
struct Failures<K> {
    rate: Rate,
    /// GCRA: when each key is at rest again.
    rest_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq> Failures<K> {
    fn new(rate: Rate) -> Self {
        Self { rate, rest_at: Mutex::default() }
    }

    fn take(&self, key: K) -> Result<(), Refusal> {
        let now = Instant::now();
        let Rate { every, burst } = self.rate;
        let mut rest_at = self.rest_at.lock().unwrap_or_else(PoisonError::into_inner);
        let place = rest_at.entry(key).or_insert(now);
        let begin = (*place).max(now);
        let wait = (begin + every).saturating_duration_since(now + every * burst);
        if wait > Duration::ZERO {
            let refusal = Refusal::new(ErrorCode::RateLimited, "too many failed attempts");
            return Err(refusal.retry_in(wait));
        }
        *place = begin + every;
        Ok(())
    }

    fn give_back(&self, key: &K) {
        let mut rest_at = self.rest_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = rest_at.get_mut(key) {
            *place = place.checked_sub(self.rate.every).unwrap_or(*place);
        }
    }

    /// Bounds the memory: a key at rest is as good as a new one.
    fn forget(&self) {
        let now = Instant::now();
        let mut rest_at = self.rest_at.lock().unwrap_or_else(PoisonError::into_inner);
        rest_at.retain(|_key, rest_at| *rest_at > now);
        rest_at.shrink_to_fit();
    }
}

/// All rate limits of a node.
pub struct Throttle {
    requests: Limit<UserId>,
    anonymous: Limit<IpAddr>,
    sends: Limit<UserId>,
    failed_names: Failures<(IpAddr, String)>,
    failed: Failures<IpAddr>,
    registers: Limit<IpAddr>,
    joins: Limit<UserId>,
    called: Limit<UserId>,
    filters: Limit<UserId>,
    uploads: Option<Limit<UserId>>,
}

impl Default for Throttle {
    fn default() -> Self {
        let second = |count: u32, burst| Rate { every: Duration::from_secs(1) / count, burst };
        let minute = |count: u32| Rate { every: Duration::from_secs(60) / count, burst: count };
        Self {
            requests: Limit::new(second(100, 200)),
            anonymous: Limit::new(second(100, 200)),
            sends: Limit::new(second(20, 200)),
            failed_names: Failures::new(minute(10)),
            failed: Failures::new(minute(60)),
            registers: Limit::new(minute(30)),
            joins: Limit::new(minute(10)),
            called: Limit::new(minute(1_000)),
            filters: Limit::new(minute(30)),
            uploads: None,
        }
    }
}

impl Throttle {
    /// The same with a limit to what a user uploads in an hour; 0 is none.
    #[must_use]
    pub fn with_uploads(mut self, per_hour: u32) -> Self {
        let rate = |count| Rate { every: HOUR / count, burst: count };
        self.uploads = (per_hour > 0).then(|| Limit::new(rate(per_hour)));
        self
    }

    /// Any request or op of a user: 100/s, 200 at once.
    ///
    /// # Errors
    /// `rate_limited` with `retry_ms`, as all of these.
    pub fn request(&self, user: UserId) -> Result<(), Refusal> {
        self.requests.check(&user)
    }

    /// A request without a token: 100/s per address. Loopback is not limited.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn anonymous(&self, from: IpAddr) -> Result<(), Refusal> {
        if from.is_loopback() { Ok(()) } else { self.anonymous.check(&from) }
    }

    /// A message: 20/s, 200 at once.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn send(&self, user: UserId) -> Result<(), Refusal> {
        self.sends.check(&user)
    }

    /// A sign-in that is about to be tried, before a hash is computed: 10 failures a minute per
    /// address and name, 60 per address. The limit per name holds on loopback too; that per
    /// address does not.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn sign_in(&self, from: IpAddr, name: &str) -> Result<(), Refusal> {
        let key = (from, name.to_lowercase());
        self.failed_names.take(key.clone())?;
        if from.is_loopback() {
            return Ok(());
        }
        self.failed.take(from).inspect_err(|_refusal| self.failed_names.give_back(&key))
    }

    /// People whom a user brings into rooms, by name or one by one: 1,000 a minute. Each of them
    /// is told of it.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn call(&self, user: UserId, people: usize) -> Result<(), Refusal> {
        let people = u32::try_from(people).ok().and_then(NonZeroU32::new);
        people.map_or(Ok(()), |people| self.called.check_many(&user, people))
    }

    /// The sign-in did not fail: it does not count.
    pub fn signed_in(&self, from: IpAddr, name: &str) {
        self.failed_names.give_back(&(from, name.to_lowercase()));
        self.failed.give_back(&from);
    }

    /// A registration: 30/min per address. Loopback is not limited.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn register(&self, from: IpAddr) -> Result<(), Refusal> {
        if from.is_loopback() { Ok(()) } else { self.registers.check(&from) }
    }

    /// Joining a club: 10/min.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn join(&self, user: UserId) -> Result<(), Refusal> {
        self.joins.check(&user)
    }

    /// A new rule of a club, which takes its time to be worked out: 30/min.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn filter(&self, user: UserId) -> Result<(), Refusal> {
        self.filters.check(&user)
    }

    /// A file that is about to come in.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn upload(&self, user: UserId) -> Result<(), Refusal> {
        let checked = self.uploads.as_ref().map_or(Ok(()), |uploads| uploads.check(&user));
        checked.map_err(|refusal| refusal.because("uploads_per_hour"))
    }

    /// Forgets who has not been seen lately. Called once a minute.
    pub fn forget(&self) {
        self.requests.forget();
        self.anonymous.forget();
        self.sends.forget();
        self.failed_names.forget();
        self.failed.forget();
        self.registers.forget();
        self.joins.forget();
        self.called.forget();
        self.filters.forget();
        if let Some(uploads) = &self.uploads {
            uploads.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_count_against_a_sign_in() {
        let (throttle, home) = (Throttle::default(), IpAddr::from([203, 0, 113, 7]));
        for _ in 0..100 {
            assert!(throttle.sign_in(home, "mina").is_ok());
            throttle.signed_in(home, "Mina");
        }
        for _ in 0..10 {
            assert!(throttle.sign_in(home, "Mina").is_ok());
        }
        let refusal = throttle.sign_in(home, "mina").unwrap_err();
        assert_eq!(refusal.code, ErrorCode::RateLimited);
        assert!(refusal.retry_ms.is_some_and(|wait| (1..=6_000).contains(&wait)));
        assert!(throttle.sign_in(home, "bora").is_ok());
    }

    #[test]
    fn an_address_has_a_limit_of_its_own_and_loopback_has_none() {
        let throttle = Throttle::default();
        let tries = |from: IpAddr| {
            (0..70).filter(|name| throttle.sign_in(from, &name.to_string()).is_ok()).count()
        };
        assert_eq!(tries(IpAddr::from([203, 0, 113, 7])), 60);
        assert_eq!(tries(IpAddr::from([127, 0, 0, 1])), 70);
    }

    #[test]
    fn attempts_at_rest_are_forgotten() {
        let rate = Rate { every: Duration::from_nanos(1), burst: 1 };
        let failures = Failures::new(rate);
        assert!(failures.take(1).is_ok());
        failures.forget();
        assert!(failures.rest_at.lock().unwrap().is_empty());
    }
}
