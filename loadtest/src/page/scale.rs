//! From values to places along an axis, and where its ticks stand.

use crate::chart::{Axis, NINES};

/// Where a value stands between the two ends of an axis.
pub(super) struct Scale {
    least: f64,
    most: f64,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Linear,
    Log,
    Nines,
}

/// Where a linear axis ends.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    AtTick,
    AtLast,
}

impl Scale {
    /// For the values that there are; a linear axis of amounts begins at zero.
    pub(super) fn new(axis: &Axis, end: End, values: impl Iterator<Item = f64>) -> Self {
        let kind = match axis {
            Axis { unit, .. } if *unit == NINES => Kind::Nines,
            Axis { is_log: true, .. } => Kind::Log,
            _ => Kind::Linear,
        };
        let usable = |value: &f64| value.is_finite() && (kind == Kind::Linear || *value > 0.0);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(usable) {
            least = least.min(value);
            most = most.max(value);
        }
        if least > most {
            (least, most) = (1.0, 10.0);
        }
        match kind {
            Kind::Linear => {
                least = least.min(0.0);
                let step = step(most - least);
                least = (least / step).floor() * step;
                if end == End::AtTick {
                    most = (most / step).ceil() * step;
                }
                if most <= least {
                    most = least + 1.0;
                }
            }
            Kind::Log => {
                least = below(least);
                most = above(most).max(least * 10.0);
            }
            Kind::Nines => {
                least = 1.0;
                most = most.max(10.0);
            }
        }
        Self { least, most, kind }
    }

    /// From 0 at the least to 1 at the most; `None` for what has no place.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let place = match self.kind {
            Kind::Linear => (value - self.least) / (self.most - self.least),
            Kind::Log | Kind::Nines => (value / self.least).ln() / (self.most / self.least).ln(),
        };
        place.is_finite().then_some(place.clamp(0.0, 1.0))
    }

    /// Values with their words.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        match self.kind {
            Kind::Linear => {
                let step = step(self.most - self.least);
                let count = ((self.most - self.least) / step + 1e-6).floor() as usize;
                let value = |at: usize| self.least + at as f64 * step;
                (0..=count).map(|at| (value(at), short(value(at)))).collect()
            }
            Kind::Log => {
                let decades = (self.most / self.least).log10();
                let within: &[f64] = if decades <= 2.2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let inside = |value: &f64| {
                    *value >= self.least * 0.999_999 && *value <= self.most * 1.000_001
                };
                let first = self.least.log10().floor() as i32;
                (first..=first + decades.ceil() as i32 + 1)
                    .flat_map(|power| within.iter().map(move |digit| digit * 10_f64.powi(power)))
                    .filter(inside)
                    .map(|value| (value, short(value)))
                    .collect()
            }
            Kind::Nines => {
                let words = [
                    (1.0, "0 %"),
                    (2.0, "50 %"),
                    (10.0, "90 %"),
                    (100.0, "99 %"),
                    (1e3, "99.9 %"),
                    (1e4, "99.99 %"),
                    (1e5, "99.999 %"),
                ];
                let inside = words.into_iter().filter(|(value, _)| *value <= self.most * 1.01);
                inside.map(|(value, word)| (value, word.to_owned())).collect()
            }
        }
    }
}

/// A distance of ticks that people count in: about five of them.
fn step(span: f64) -> f64 {
    let rough = (span.abs() / 5.0).max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].into_iter().find(|nice| *nice * power >= rough * 0.999_999);
    nice.unwrap_or(10.0) * power
}

/// The next of 1, 2, 5 times a power of ten at or below.
fn below(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let nice = [5.0, 2.0, 1.0].into_iter().find(|nice| *nice * power <= value * 1.000_001);
    nice.unwrap_or(1.0) * power
}

/// The same at or above.
fn above(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].into_iter().find(|nice| *nice * power >= value * 0.999_999);
    nice.unwrap_or(10.0) * power
}

/// A number in few characters.
pub(super) fn short(value: f64) -> String {
    let (scaled, suffix) = match value.abs() {
        big if big >= 1e6 => (value / 1e6, " M"),
        middle if middle >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let digits = match scaled.abs() {
        none if none < 1e-12 => return "0".to_owned(),
        big if big >= 100.0 => 0,
        middle if middle >= 1.0 => 2,
        small => (2.0 - small.log10().floor()).min(6.0) as usize,
    };
    let text = format!("{scaled:.digits$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(axis: &Axis, values: &[f64]) -> Vec<String> {
        let ticks = Scale::new(axis, End::AtTick, values.iter().copied()).ticks();
        ticks.into_iter().map(|(_, word)| word).collect()
    }

    #[test]
    fn ticks_are_numbers_that_people_count_in() {
        let linear = Axis::linear("x", "");
        assert_eq!(words(&linear, &[0.3, 97.0]), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(words(&linear, &[3.0]), ["0", "1", "2", "3"]);
        assert_eq!(words(&linear, &[-3.0, 11.0]), ["-5", "0", "5", "10", "15"]);
        assert_eq!(words(&linear, &[]), ["0", "2", "4", "6", "8", "10"]);
        let log = Axis::log("x", "");
        assert_eq!(words(&log, &[0.3, 9_000.0]), ["1", "10", "100", "1000", "10 k"]);
        assert_eq!(words(&log, &[3.0, 40.0]), ["2", "5", "10", "20", "50"]);
        let nines = Axis::percentiles();
        assert_eq!(words(&nines, &[1.0, 1_000.0]), ["0 %", "50 %", "90 %", "99 %", "99.9 %"]);
    }

    #[test]
    fn places_run_from_end_to_end() {
        let log = Scale::new(&Axis::log("x", ""), End::AtTick, [1.0, 100.0].into_iter());
        assert_eq!(log.place(1.0), Some(0.0));
        assert!((log.place(10.0).unwrap() - 0.5).abs() < 1e-9);
        assert_eq!(log.place(0.0), None, "zero is on no logarithmic axis");
        assert_eq!(log.place(f64::NAN), None);
        let flat = Scale::new(&Axis::linear("x", ""), End::AtTick, [0.0].into_iter());
        assert_eq!(flat.place(0.0), Some(0.0));
        let time = Scale::new(&Axis::linear("x", ""), End::AtLast, [15.3].into_iter());
        assert_eq!(time.place(15.3), Some(1.0));
        assert_eq!(time.ticks().len(), 4, "0, 5, 10 and 15");
    }

    #[test]
    fn short_numbers() {
        for (value, text) in [
            (0.0, "0"),
            (0.05, "0.05"),
            (2.5, "2.5"),
            (1_500.0, "1500"),
            (25e3, "25 k"),
            (2e6, "2 M"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
