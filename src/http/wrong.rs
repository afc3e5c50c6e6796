//! Why a field does not fit: a stable word for programs, the numbers that it is about, and a sentence.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    InvalidClub, InvalidId, InvalidName, InvalidOverride, InvalidPattern, InvalidText, InvalidTime,
    InvalidWord,
};

/// A field of a request that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Name of the field in the body or of the parameter.
    pub(super) field: &'static str,
    /// The stable word that programs match.
    #[schema(example = "length")]
    pub(super) reason: &'static str,
    /// The least that it may be, or have, where the reason is about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) least: Option<i64>,
    /// The most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) most: Option<i64>,
    /// What is wrong with it, for people; may change.
    pub(super) message: String,
}

/// What is wrong with a value, whatever field it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    reason: &'static str,
    least: Option<i64>,
    most: Option<i64>,
    message: String,
}

impl Wrong {
    /// For a rule that no type speaks of.
    pub(super) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, least: None, most: None, message: message.into() }
    }

    /// A number that is too small or too large, in these units.
    pub(super) fn range(least: i64, most: i64, unit: &str) -> Self {
        let message = format!("must be {least} to {most}{unit}");
        Self { least: Some(least), most: Some(most), ..Self::new("range", message) }
    }

    /// A number below zero.
    pub(super) fn negative() -> Self {
        Self { least: Some(0), ..Self::new("range", "must not be negative") }
    }

    /// A list with more entries than it may have.
    pub(super) fn too_many(most: usize) -> Self {
        let message = format!("must be at most {most}");
        Self { most: i64::try_from(most).ok(), ..Self::new("too_many", message) }
    }

    /// None of the words that there are.
    pub(super) fn choice(words: &str) -> Self {
        Self::new("choice", format!("must be {words}"))
    }

    /// Only one of two fields.
    pub(super) fn either(one: &str, other: &str) -> Self {
        Self::new("either", format!("either `{one}` or `{other}` is wanted"))
    }

    /// The same of a field.
    pub(super) fn at(self, field: &'static str) -> FieldError {
        let Self { reason, least, most, message } = self;
        FieldError { field, reason, least, most, message }
    }

    /// With the characters that there may be.
    fn chars(self, least: Option<usize>, most: usize) -> Self {
        let number = |count: usize| i64::try_from(count).ok();
        Self { least: least.and_then(number), most: number(most), ..self }
    }
}

impl From<InvalidName> for Wrong {
    fn from(why: InvalidName) -> Self {
        let message = why.to_string();
        match why {
            InvalidName::Length(least, most) => {
                Self::new("length", message).chars(Some(least), most)
            }
            InvalidName::Character | InvalidName::Control => Self::new("characters", message),
            InvalidName::Reserved => Self::new("reserved", message),
            InvalidName::SameAsUsername => Self::new("same_as_username", message),
        }
    }
}

impl From<InvalidText> for Wrong {
    fn from(why: InvalidText) -> Self {
        let message = why.to_string();
        match why {
            InvalidText::Blank => Self::new("blank", message),
            InvalidText::TooLong(most) => Self::new("too_long", message).chars(None, most),
            InvalidText::Unstorable => Self::new("characters", message),
        }
    }
}

impl From<InvalidClub> for Wrong {
    fn from(why: InvalidClub) -> Self {
        let message = why.to_string();
        match why {
            InvalidClub::Word(why) => why.into(),
            InvalidClub::TooLong(most) => Self::new("too_long", message).chars(None, most),
            InvalidClub::Unstorable => Self::new("characters", message),
            InvalidClub::Needed => Self::new("needed", message),
            InvalidClub::Capacity(least, most) => Self::range(least, most, ""),
            InvalidClub::Contradiction => Self::new("contradiction", message),
        }
    }
}

impl From<InvalidPattern> for Wrong {
    fn from(why: InvalidPattern) -> Self {
        let message = why.to_string();
        let reason = match why {
            InvalidPattern::Blank => "blank",
            InvalidPattern::TooLong(most) => {
                return Self::new("too_long", message).chars(None, most);
            }
            InvalidPattern::Unstorable => "characters",
            InvalidPattern::Syntax(_) => "regex",
            InvalidPattern::TooBig => "regex_large",
            InvalidPattern::Unsupported => "regex_unknown",
            InvalidPattern::Empty => "regex_empty",
        };
        Self::new(reason, message)
    }
}

impl From<InvalidOverride> for Wrong {
    fn from(why: InvalidOverride) -> Self {
        let reason = match why {
            InvalidOverride::Fixed => "fixed",
            InvalidOverride::NoChoice(_) => "choice",
            InvalidOverride::AboveYou => "above_you",
        };
        Self::new(reason, why.to_string())
    }
}

impl From<InvalidWord> for Wrong {
    fn from(why: InvalidWord) -> Self {
        Self::new("choice", why.to_string())
    }
}

impl From<InvalidId> for Wrong {
    fn from(why: InvalidId) -> Self {
        Self::new("id", why.to_string())
    }
}

impl From<InvalidTime> for Wrong {
    fn from(why: InvalidTime) -> Self {
        Self::new("time", why.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_tells_the_numbers_that_it_is_about() {
        let wrong = Wrong::from(InvalidName::Length(2, 64)).at("username");
        assert_eq!((wrong.reason, wrong.least, wrong.most), ("length", Some(2), Some(64)));
        assert_eq!(wrong.message, "must be 2 to 64 characters long");
        let wrong = Wrong::from(InvalidText::TooLong(64)).at("cid");
        assert_eq!((wrong.reason, wrong.least, wrong.most), ("too_long", None, Some(64)));
        let wrong = Wrong::range(60, 600, " seconds").at("seconds");
        assert_eq!((wrong.least, wrong.most), (Some(60), Some(600)));
        assert_eq!(wrong.message, "must be 60 to 600 seconds");
    }
}
