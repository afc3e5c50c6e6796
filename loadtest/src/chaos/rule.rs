//! What is done to connections: the words of `--rules`, and the draw of one rule for each connection.

use std::str::FromStr;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;

/// A direction, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
    Both,
}

impl Way {
    pub(crate) fn covers(self, other: Self) -> bool {
        self == Self::Both || self == other
    }
}

/// How a connection ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// Both sockets are closed.
    Cut,
    /// Both sockets are reset.
    Reset,
    /// One direction ends, the other goes on.
    HalfClose,
    /// Nothing passes any more, and nobody is told: the TCP connections stay up.
    Blackhole,
}

impl Ending {
    pub(crate) const ALL: [Self; 4] = [Self::Cut, Self::Reset, Self::HalfClose, Self::Blackhole];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Reset => "reset",
            Self::HalfClose => "half-close",
            Self::Blackhole => "blackhole",
        }
    }
}

/// How the bytes of one direction pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub delay: Duration,
    /// Up to so much is added to or taken from the delay.
    pub jitter: Duration,
    /// Most bytes of one write.
    pub piece: usize,
    /// Between two writes.
    pub pause: Duration,
}

impl Default for Shape {
    fn default() -> Self {
        let (delay, jitter, pause) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        Self { delay, jitter, piece: usize::MAX, pause }
    }
}

/// When an ending comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// After so many bytes of the directions it concerns.
    Bytes(u64),
    /// So long after the connection began.
    After(Duration),
}

/// What happens to one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    pub up: Shape,
    pub down: Shape,
    pub ending: Option<(Ending, Way, Moment)>,
}

/// Rules, one of which is drawn for each connection, by weight.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules(Vec<(u32, Vec<Step>)>);

#[derive(Clone, Debug, PartialEq)]
struct Step {
    what: What,
    way: Way,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Pass,
    Delay(Duration, Duration),
    Pieces(usize, Duration),
    End(Ending, Span),
}

/// A moment between two bounds, drawn anew for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Bytes(u64, u64),
    Ms(u64, u64),
}

impl Rules {
    /// What happens to the next connection.
    pub(crate) fn draw(&self, random: &mut SmallRng) -> Script {
        let total: u32 = self.0.iter().map(|(weight, _)| weight).sum();
        let mut at = random.random_range(0..total.max(1));
        let mut script = Script::default();
        for (weight, steps) in &self.0 {
            if at < *weight {
                steps.iter().for_each(|step| step.add_to(&mut script, random));
                break;
            }
            at -= weight;
        }
        script
    }
}

impl Step {
    fn add_to(&self, script: &mut Script, random: &mut SmallRng) {
        let shape = |script: &mut Script, change: &dyn Fn(&mut Shape)| {
            if self.way.covers(Way::Up) {
                change(&mut script.up);
            }
            if self.way.covers(Way::Down) {
                change(&mut script.down);
            }
        };
        match self.what {
            What::Pass => {}
            What::Delay(delay, jitter) => {
                shape(script, &|shape| (shape.delay, shape.jitter) = (delay, jitter));
            }
            What::Pieces(piece, pause) => {
                shape(script, &|shape| (shape.piece, shape.pause) = (piece, pause));
            }
            What::End(ending, span) => {
                // A half-close needs one direction.
                let way = match (ending, self.way) {
                    (Ending::HalfClose, Way::Both) if random.random_bool(0.5) => Way::Up,
                    (Ending::HalfClose, Way::Both) => Way::Down,
                    (_, way) => way,
                };
                let moment = match span {
                    Span::Bytes(least, most) => Moment::Bytes(random.random_range(least..=most)),
                    Span::Ms(least, most) => {
                        Moment::After(Duration::from_millis(random.random_range(least..=most)))
                    }
                };
                script.ending = Some((ending, way, moment));
            }
        }
    }
}

impl FromStr for Rules {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rules = text.split(',').map(|rule| {
            let (weight, steps) = match rule.split_once('*') {
                Some((weight, steps)) => (number(weight)?, steps),
                None => (1, rule),
            };
            let steps = steps.split('+').map(str::parse).collect::<Result<_, _>>()?;
            Ok((weight, steps))
        });
        let rules = rules.collect::<Result<Vec<(u32, _)>, String>>()?;
        if rules.iter().all(|(weight, _)| *weight == 0) {
            return Err("no rule has a weight".to_owned());
        }
        Ok(Self(rules))
    }
}

impl FromStr for Step {
    type Err = String;

    /// `NAME[=VALUE][@WHEN][:WAY]`
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (rest, way) = match text.split_once(':') {
            Some((rest, "up")) => (rest, Way::Up),
            Some((rest, "down")) => (rest, Way::Down),
            Some((_, way)) => return Err(format!("{way:?} is neither up nor down")),
            None => (text, Way::Both),
        };
        let (rest, when) = match rest.split_once('@') {
            Some((rest, when)) => (rest, Some(span(when)?)),
            None => (rest, None),
        };
        let (name, value) = match rest.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (rest, None),
        };
        let what = match (name, value) {
            ("pass", None) => What::Pass,
            ("delay", Some(value)) => {
                let (delay, jitter) = value.split_once('~').unwrap_or((value, "0"));
                What::Delay(ms(delay)?, ms(jitter)?)
            }
            ("drip", Some(value)) => {
                let (bytes, pause) = value.split_once('/').ok_or("drip wants BYTES/MS")?;
                What::Pieces(number::<usize>(bytes)?.max(1), ms(pause)?)
            }
            ("split", None) => What::Pieces(1, Duration::ZERO),
            ("limit", Some(value)) => limit(number(value)?),
            (name, None) => {
                let ending = Ending::ALL.into_iter().find(|ending| ending.word() == name);
                let ending = ending.ok_or_else(|| format!("{text:?} is no rule"))?;
                let at = when.unwrap_or(Span::Bytes(0, 0));
                return Ok(Self { what: What::End(ending, at), way });
            }
            _ => return Err(format!("{text:?} is no rule")),
        };
        if when.is_some() {
            return Err(format!("{name} holds all the time: no @"));
        }
        Ok(Self { what, way })
    }
}

/// So many bytes a second, in pieces that are a hundredth of a second apart where that is exact
/// enough.
fn limit(bytes: u64) -> What {
    let bytes = bytes.max(1);
    if bytes >= 100 {
        What::Pieces(usize::try_from(bytes / 100).unwrap_or(usize::MAX), Duration::from_millis(10))
    } else {
        What::Pieces(1, Duration::from_millis(1_000 / bytes))
    }
}

fn span(text: &str) -> Result<Span, String> {
    let (bounds, is_time) = match text.strip_suffix("ms") {
        Some(bounds) => (bounds, true),
        None => (text, false),
    };
    let (least, most) = bounds.split_once("..").unwrap_or((bounds, bounds));
    let (least, most) = (number(least)?, number(most)?);
    if least > most {
        return Err(format!("{text:?}: the second bound is below the first"));
    }
    Ok(if is_time { Span::Ms(least, most) } else { Span::Bytes(least, most) })
}

fn ms(text: &str) -> Result<Duration, String> {
    number(text).map(Duration::from_millis)
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_unreadable| format!("{text:?} is no number"))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn draw(rules: &str) -> Script {
        let rules: Rules = rules.parse().unwrap();
        rules.draw(&mut SmallRng::seed_from_u64(7))
    }

    #[test]
    fn each_word_does_what_it_says() {
        assert_eq!(draw("pass"), Script::default());
        let slow = draw("delay=20~5:up");
        assert_eq!(slow.up.delay, Duration::from_millis(20));
        assert_eq!(slow.up.jitter, Duration::from_millis(5));
        assert_eq!(slow.down, Shape::default());
        let drip = draw("drip=16/3");
        assert_eq!((drip.down.piece, drip.up.pause), (16, Duration::from_millis(3)));
        assert_eq!(draw("split:down").down.piece, 1);
        let limited = draw("limit=50000").up;
        assert_eq!((limited.piece, limited.pause), (500, Duration::from_millis(10)));
        assert_eq!(draw("limit=4").up.pause, Duration::from_millis(250));
        let cut = Some((Ending::Cut, Way::Both, Moment::Bytes(100)));
        assert_eq!(draw("cut@100").ending, cut);
        let hole = Some((Ending::Blackhole, Way::Down, Moment::After(Duration::from_millis(40))));
        assert_eq!(draw("blackhole@40ms:down").ending, hole);
        let both = draw("split+reset@9:up");
        assert_eq!((both.up.piece, both.ending.unwrap().0), (1, Ending::Reset));
    }

    #[test]
    fn a_seed_repeats_its_draws_and_weights_count() {
        let rules: Rules = "3*cut@0..1000,1*half-close@0..50ms".parse().unwrap();
        let draws = |seed| {
            let mut random = SmallRng::seed_from_u64(seed);
            (0..400).map(|_| rules.draw(&mut random)).collect::<Vec<_>>()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
        let is_cut = |script: &&Script| script.ending.unwrap().0 == Ending::Cut;
        let cuts = draws(1).iter().filter(is_cut).count();
        assert!((250..350).contains(&cuts), "{cuts}");
        let half = draws(1).into_iter().find(|script| !is_cut(&script)).unwrap();
        assert_ne!(half.ending.unwrap().1, Way::Both);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in ["", "cut=3", "delay", "drip=3", "cut@9..3", "pass@3", "split:left", "0*cut"] {
            assert!(text.parse::<Rules>().is_err(), "{text}");
        }
    }
}
