//! A place in a log: which life of the log, and how far.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Random id of a log's life. A restore from a backup changes it; a restart does not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub Arc<str>);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a client is in a log: everything up to and including `seq` was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The life of the log that `seq` counts in.
    pub epoch: Epoch,
    /// The newest seq applied; 0 before the first event.
    pub seq: i64,
}

/// The text was not `<epoch>-<seq>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a position is written <epoch>-<seq>")]
pub struct InvalidPosition;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (epoch, seq) = text.rsplit_once('-').ok_or(InvalidPosition)?;
        let plain = !epoch.is_empty()
            && epoch.len() <= 64
            && epoch.bytes().all(|b| b.is_ascii_alphanumeric())
            && seq.bytes().all(|b| b.is_ascii_digit());
        match seq.parse() {
            Ok(seq) if plain => Ok(Self { epoch: Epoch(epoch.into()), seq }),
            _other => Err(InvalidPosition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_and_rubbish_does_not() {
        let position = Position { epoch: Epoch("a1".into()), seq: 1030 };
        assert_eq!(position.to_string().parse(), Ok(position));
        for odd in ["", "-", "a1", "a1-", "-5", "a1--5", "a1-x", "a b-1", "a1-99999999999999999999"]
        {
            assert_eq!(odd.parse::<Position>(), Err(InvalidPosition), "{odd}");
        }
    }
}
