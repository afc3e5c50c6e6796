//! How the mock behaves, from the name of the model.

use std::time::Duration;

/// Every word that may stand in the name of a model, and what it does.
pub const WORDS: &[(&str, &str)] = &[
    ("fast", "answers at once"),
    ("slow:MS", "waits before the first word"),
    ("tps:N", "says so many words a second"),
    ("words:N", "says so many words"),
    ("hang", "takes the question and says nothing"),
    ("hang-after:N", "says so many words and no more, and keeps the line"),
    ("429", "refuses; 429:S with Retry-After"),
    ("500", "fails; so do 503, 400, 401, 404, 413 and 301"),
    ("flaky:N", "fails so many times, then answers"),
    ("error", "an error object in the middle of the stream"),
    ("half", "breaks off in the middle of an event"),
    ("cut", "ends without a last word, properly"),
    ("garbage", "says what is no JSON"),
    ("bad-utf8", "says what is no UTF-8"),
    ("wrong-json", "says JSON that is no answer"),
    ("silent", "says nothing and stops"),
    ("filter", "holds its answer back"),
    ("endless", "never stops"),
    ("huge:SIZE", "says so much, in many events; 10MB, 64KB or bytes"),
    ("line:SIZE", "says so much in one event"),
    ("think:N", "thinks so many times before the first word"),
    ("thought:SIZE", "thinks so much each time; bytes or KB"),
    ("capped", "keeps to the limit of tokens; thoughts are counted too"),
    ("window:N", "takes no more tokens than these, read and to be written"),
    ("no-done", "forgets the end mark and the usage"),
    ("linger", "keeps the line open behind the last word"),
    ("plain", "answers in one piece instead of a stream"),
    ("odd", "events as strange as the standard allows"),
    ("echo", "repeats the last turn"),
    ("says:TEXT", "says this; `_` is a blank, and `__` a `_`"),
    ("obedient", "follows every instruction: tells all it was told"),
    ("key:K", "wants this key"),
];

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Words of its own.
    Words,
    /// The last turn.
    Echo,
    /// Everything that it was told.
    All,
    /// Just this.
    This(String),
    /// So many bytes.
    Bytes(usize),
    /// So many bytes in one event.
    Line(usize),
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// As it should.
    Well,
    /// It is silent from here on.
    Hangs,
    /// In the middle of an event.
    Half,
    /// Between two events.
    Cut,
    /// With an error object.
    Error,
    /// With what is no JSON.
    Garbage,
    /// With what is no UTF-8.
    BadUtf8,
    /// With JSON that is no answer.
    WrongJson,
    /// With the reason that a filter held it back.
    Filter,
    /// Without end mark and usage.
    NoDone,
    /// Well, but the line stays open.
    Lingers,
    /// Never.
    Never,
}

/// How one model behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// Before the first word.
    pub first: Duration,
    /// Words a second; as fast as it goes when absent.
    pub per_second: Option<u32>,
    /// How many words; as many as the text has when absent.
    pub words: Option<usize>,
    /// What is said.
    pub says: Says,
    /// How it ends.
    pub ends: Ends,
    /// A status instead of an answer, and seconds of `Retry-After`.
    pub status: Option<(u16, Option<u64>)>,
    /// How many calls fail before one is answered.
    pub failures: usize,
    /// How often it thinks.
    pub thoughts: usize,
    /// Bytes of a thought.
    pub thought: usize,
    /// Whether it keeps to the limit of tokens.
    pub is_capped: bool,
    /// Tokens that it takes, read and to be written.
    pub window: Option<usize>,
    /// The key that it wants.
    pub key: Option<String>,
    /// One piece instead of a stream.
    pub is_plain: bool,
    /// Strange, but allowed.
    pub is_odd: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            first: Duration::ZERO,
            per_second: None,
            words: None,
            says: Says::Words,
            ends: Ends::Well,
            status: None,
            failures: 0,
            thoughts: 0,
            thought: 2,
            is_capped: false,
            window: None,
            key: None,
            is_plain: false,
            is_odd: false,
        }
    }
}

impl Behaviour {
    /// Reads the name of a model; none when a word in it is not known.
    #[must_use]
    pub fn of(model: &str) -> Option<Self> {
        let mut behaviour = Self::default();
        for word in model.split('+') {
            let (verb, value) = word.split_once(':').unwrap_or((word, ""));
            behaviour.add(verb, value)?;
        }
        Some(behaviour)
    }

    fn add(&mut self, verb: &str, value: &str) -> Option<()> {
        match verb {
            "fast" => {}
            "slow" => self.first = Duration::from_millis(value.parse().ok()?),
            "tps" => self.per_second = Some(value.parse().ok().filter(|n| *n > 0)?),
            "words" => self.words = Some(value.parse().ok()?),
            "hang" => (self.ends, self.words) = (Ends::Hangs, Some(0)),
            "hang-after" => (self.ends, self.words) = (Ends::Hangs, Some(value.parse().ok()?)),
            "flaky" => self.failures = value.parse().ok()?,
            "think" => self.thoughts = value.parse().ok()?,
            "thought" => self.thought = size(value)?,
            "capped" => self.is_capped = true,
            "window" => self.window = Some(value.parse().ok()?),
            "silent" => self.words = Some(0),
            "filter" => (self.ends, self.words) = (Ends::Filter, Some(0)),
            "error" => self.ends = Ends::Error,
            "half" => self.ends = Ends::Half,
            "cut" => self.ends = Ends::Cut,
            "garbage" => (self.ends, self.words) = (Ends::Garbage, Some(0)),
            "bad-utf8" => (self.ends, self.words) = (Ends::BadUtf8, Some(0)),
            "wrong-json" => (self.ends, self.words) = (Ends::WrongJson, Some(0)),
            "endless" => self.ends = Ends::Never,
            "no-done" => self.ends = Ends::NoDone,
            "linger" => self.ends = Ends::Lingers,
            "huge" => self.says = Says::Bytes(size(value)?),
            "line" => self.says = Says::Line(size(value)?),
            "plain" => self.is_plain = true,
            "odd" => self.is_odd = true,
            "echo" => self.says = Says::Echo,
            "obedient" => self.says = Says::All,
            "says" => self.says = Says::This(said(value)),
            "key" => self.key = Some(value.to_owned()),
            status => {
                let known = [301, 400, 401, 404, 413, 429, 500, 503];
                let status = status.parse().ok().filter(|status| known.contains(status))?;
                let after = if value.is_empty() { None } else { Some(value.parse().ok()?) };
                self.status = Some((status, after));
            }
        }
        Some(())
    }
}

/// `10MB`, `64KB` or bytes; no more than 64 MB.
fn size(text: &str) -> Option<usize> {
    let (number, unit) = match (text.strip_suffix("MB"), text.strip_suffix("KB")) {
        (Some(number), _) => (number, 1 << 20),
        (None, Some(number)) => (number, 1 << 10),
        (None, None) => (text, 1),
    };
    number.parse::<usize>().ok()?.checked_mul(unit).filter(|size| *size <= 64 << 20)
}

/// A text that has no blanks where it is written.
fn said(value: &str) -> String {
    value.split("__").map(|part| part.replace('_', " ")).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_table_is_understood() {
        for (word, _) in WORDS {
            let name = word.replace("SIZE", "10MB").replace("MS", "5").replace(":N", ":3");
            assert!(Behaviour::of(&name).is_some(), "{word}");
        }
    }

    #[test]
    fn words_are_joined_and_unknown_ones_are_no_model() {
        let behaviour = Behaviour::of("slow:300+tps:60+words:7").unwrap();
        assert_eq!(behaviour.first, Duration::from_millis(300));
        assert_eq!((behaviour.per_second, behaviour.words), (Some(60), Some(7)));
        assert_eq!(Behaviour::of("429:3").unwrap().status, Some((429, Some(3))));
        for unknown in
            ["", "gpt", "fast+", "slow", "slow:x", "tps:0", "huge:99999MB", "200", "429:x"]
        {
            assert_eq!(Behaviour::of(unknown), None, "{unknown}");
        }
    }
}
