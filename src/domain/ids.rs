//! Ids. On the wire they are opaque strings with a prefix (`u_7`); inside they are the 64-bit
//! numbers that the database gave, so that an index entry and a map key cost eight bytes.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text was not an id of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an id of that kind")]
pub struct InvalidId;

/// Reads the digits behind a prefix. Only the canonical form is taken, so that one thing has one
/// id: no sign, no leading zero.
fn digits(text: &str) -> Result<i64, InvalidId> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if !canonical {
        return Err(InvalidId);
    }
    text.parse().map_err(|_ignored| InvalidId)
}

/// Reads a value from its text without a copy of that.
struct AsText<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for AsText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .ok_or(InvalidId)
                    .and_then(digits)
                    .map(Self)
            }
        }

        text_serde!($name);
    };
}

macro_rules! text_serde {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(AsText(PhantomData))
            }
        }
    };
}

/// An account, `u_…`; that of the assistant is `u_ai`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub i64);

/// The id of the assistant on the wire.
const ASSISTANT_ID: &str = "u_ai";

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str(ASSISTANT_ID),
            number => write!(f, "u_{number}"),
        }
    }
}

impl FromStr for UserId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text == ASSISTANT_ID {
            return Ok(Self(0));
        }
        text.strip_prefix("u_").ok_or(InvalidId).and_then(digits).map(Self)
    }
}

text_serde!(UserId);

number_id!(
    /// One answer of the assistant, `run_…`.
    RunId, "run"
);
number_id!(
    /// A club, `c_…`.
    ClubId, "c"
);
number_id!(
    /// A room, `r_…`.
    RoomId, "r"
);
number_id!(
    /// One entry of an inbox, `n_…`.
    NoticeId, "n"
);
number_id!(
    /// One sign-in of a user: a family of refresh tokens, `d_…`.
    DeviceId, "d"
);
number_id!(
    /// One rule of what a club does not want to read, `fl_…`.
    FilterId, "fl"
);
number_id!(
    /// One report of a message, `rp_…`.
    ReportId, "rp"
);
number_id!(
    /// One entry of the audit log of a club, `au_…`.
    AuditId, "au"
);
number_id!(
    /// A file that was uploaded, `fi_…`.
    FileId, "fi"
);

/// A message, `m_<room>_<seq>`: the place of its `msg.new` in the log of its room.
///
/// The id is the primary key of the message, so it needs neither a column nor an index, and the
/// database can give it in the same statement that gives the seq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId {
    /// The room that the message stands in.
    pub room: RoomId,
    /// The seq of its `msg.new`.
    pub seq: i64,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m_{}_{}", self.room.0, self.seq)
    }
}

impl FromStr for MessageId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (room, seq) =
            text.strip_prefix("m_").and_then(|rest| rest.split_once('_')).ok_or(InvalidId)?;
        Ok(Self { room: RoomId(digits(room)?), seq: digits(seq)? })
    }
}

text_serde!(MessageId);

/// One live client over one socket, `s_…`; made by the node, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s_{:x}", self.0)
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        assert_eq!("u_7".parse(), Ok(UserId(7)));
        assert_eq!(("u_ai".parse(), UserId(0).to_string()), (Ok(UserId(0)), "u_ai".to_owned()));
        assert_eq!(RoomId(12).to_string(), "r_12");
        let message = MessageId { room: RoomId(12), seq: 1043 };
        assert_eq!(message.to_string().parse(), Ok(message));
    }

    #[test]
    fn one_thing_has_one_id() {
        for odd in
            ["u_07", "u_+7", "u_", "u_7 ", "r_7", "U_7", "u_99999999999999999999", "u_0", "7"]
        {
            assert_eq!(odd.parse::<UserId>(), Err(InvalidId), "{odd}");
        }
        for odd in ["m_1", "m_1_", "m__1", "m_1_01", "m_1_2_3"] {
            assert_eq!(odd.parse::<MessageId>(), Err(InvalidId), "{odd}");
        }
    }
}
