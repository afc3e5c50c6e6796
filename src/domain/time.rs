//! Wire time.

use serde::{Deserialize, Serialize};

/// UTC milliseconds since 1970: every time that is stored or sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The wall clock now. Rules take the time as an argument; only their callers ask here.
    #[must_use]
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment and a span later.
    #[must_use]
    pub fn plus(self, span: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Reads a time that a person or program typed: UTC milliseconds, or a day like `2026-11-20`,
    /// which is its first moment in UTC.
    ///
    /// # Errors
    /// [`InvalidTime`] for anything else, and for days that no calendar has.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        if let Ok(millis) = text.parse() {
            return Ok(Self(millis));
        }
        day(text).map(|day| Self(day * 86_400_000)).ok_or(InvalidTime)
    }
}

/// A day by the clock that people live by, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    const MILLIS: i64 = 86_400_000;

    /// The day of a moment, where clocks are so many minutes ahead of UTC.
    #[must_use]
    pub const fn of(at: Millis, minutes_ahead: i32) -> Self {
        Self(local(at, minutes_ahead).div_euclid(Self::MILLIS))
    }

    /// From a moment to the beginning of the next day.
    #[must_use]
    pub fn left(at: Millis, minutes_ahead: i32) -> std::time::Duration {
        let left = Self::MILLIS - local(at, minutes_ahead).rem_euclid(Self::MILLIS);
        std::time::Duration::from_millis(u64::try_from(left).unwrap_or(1))
    }
}

const fn local(at: Millis, minutes_ahead: i32) -> i64 {
    at.0.saturating_add(minutes_ahead as i64 * 60_000)
}

/// The text was no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be UTC milliseconds or a day like 2026-11-20")]
pub struct InvalidTime;

/// Days from 1970 to a day that is written `YYYY-MM-DD`.
fn day(text: &str) -> Option<i64> {
    let shape = |(at, byte): (usize, u8)| {
        if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() }
    };
    if text.len() != 10 || !text.bytes().enumerate().all(shape) {
        return None;
    }
    let part = |at: std::ops::Range<usize>| text.get(at)?.parse::<i64>().ok();
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _none => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years begin with March here, so that the odd day is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_people_live() {
        let hour = 3_600_000;
        let noon = Millis(10 * 24 * hour + 12 * hour);
        assert_eq!(Day::of(noon, 0), Day(10));
        assert_eq!(Day::left(noon, 0).as_secs(), 12 * 3_600);
        assert_eq!((Day::of(noon, 720), Day::of(noon, 719)), (Day(11), Day(10)));
        assert_eq!(Day::left(noon, 720).as_secs(), 24 * 3_600, "it begins this moment");
        assert_eq!(Day::of(Millis(0), -60), Day(-1));
        assert_eq!(Day::left(Millis(0), -60).as_secs(), 3_600);
    }

    #[test]
    fn a_time_is_milliseconds_or_a_day() {
        for (text, millis) in [
            ("0", 0),
            ("1766000000123", 1_766_000_000_123),
            ("-5", -5),
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400_000),
            ("2026-11-20", 1_795_132_800_000),
        ] {
            assert_eq!(Millis::parse(text), Ok(Millis(millis)), "{text}");
        }
        for odd in ["", "x", "2026-02-29", "2026-13-01", "2026-00-01", "2026-1-01", "20261-01-01"] {
            assert_eq!(Millis::parse(odd), Err(InvalidTime), "{odd}");
        }
    }
}
