//! Who someone is, in a club and on the instance.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word from the database or a client that names no known variant; these are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", .0.join(", "))]
pub struct InvalidWord(pub &'static [&'static str]);

/// Defines an enum whose variants are stored and sent as one word each.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every word there is.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word that is stored and sent.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = $crate::domain::InvalidWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _other => Err($crate::domain::InvalidWord(Self::WORDS)),
                }
            }
        }
    };
}
pub(crate) use words;

words!(
    /// Role of a member in a club; the order is the rank.
    ClubRole {
        /// Reads and writes in the member rooms.
        Member = "member",
        /// Also moderates and opens rooms.
        Manager = "manager",
        /// Exactly one a club: everything.
        Owner = "owner",
    }
);

words!(
    /// Role on the instance. An admin has no master key: clubs and rooms stay closed to them.
    InstanceRole {
        /// Everybody.
        User = "user",
        /// May use the administration of the instance.
        Admin = "admin",
    }
);

words!(
    /// Where the membership of a user in a club stands; one row per pair for ever.
    MembershipStatus {
        /// Inside.
        Active = "active",
        /// Went by themselves.
        Left = "left",
        /// Put out, may come back as the policy allows.
        Kicked = "kicked",
        /// Stays out.
        Banned = "banned",
    }
);
