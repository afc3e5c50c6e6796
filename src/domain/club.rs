//! Clubs: their words, their places, and how visibility and policy go together.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidWord;
use super::role::words;
use super::text::{InvalidText, normalise};

/// Characters of the greeting of a club.
pub const GREETING_CHARS: usize = 100;
/// Characters of the description of a club.
pub const DESCRIPTION_CHARS: usize = 1_000;
/// A club has at least so many places.
const LEAST_CAPACITY: i64 = 2;

/// Why a field of a club does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClub {
    /// Not one of the words.
    #[error(transparent)]
    Word(#[from] InvalidWord),
    /// Too long.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// A character that cannot be stored.
    #[error("holds a character that cannot be stored")]
    Unstorable,
    /// Null where something is needed.
    #[error("cannot be taken away")]
    Needed,
    /// Too few or too many places.
    #[error("must be {0} to {1}")]
    Capacity(i64, i64),
    /// Private clubs are joined by invite, and only they are.
    #[error("a private club is joined by invite, a public one is not")]
    Contradiction,
}

words!(
    /// What a club is for.
    ClubKind {
        /// Learning together.
        Study = "study",
        /// Making something.
        Project = "project",
        /// Anything else.
        Community = "community",
    }
);

words!(
    /// What a club is about.
    Category {
        /// Programming.
        Development = "development",
        /// Algorithms.
        Algorithms = "algorithms",
        /// Job interviews.
        Interview = "interview",
        /// Certificates.
        Certificate = "certificate",
        /// Design.
        Design = "design",
        /// Languages.
        Language = "language",
        /// AI and data.
        AiData = "ai_data",
        /// Contests.
        Contest = "contest",
        /// Music.
        Music = "music",
        /// Anything else.
        Other = "other",
    }
);

words!(
    /// Who may know of a club.
    Visibility {
        /// Everybody.
        Public = "public",
        /// Its members.
        Private = "private",
    }
);

words!(
    /// How one gets in.
    JoinPolicy {
        /// By asking.
        Open = "open",
        /// By a request that is decided.
        Request = "request",
        /// By a form.
        Form = "form",
        /// By a quiz.
        Quiz = "quiz",
        /// By an invite.
        Invite = "invite",
    }
);

impl ClubKind {
    /// Most places at the making, and later without a price.
    const fn capacity(self) -> (i64, i64) {
        match self {
            Self::Study | Self::Project => (10, 20),
            Self::Community => (100_000, 100_000),
        }
    }

    /// Places when nobody says.
    const fn default_capacity(self) -> Option<i64> {
        match self {
            Self::Study | Self::Project => Some(10),
            Self::Community => None,
        }
    }

    /// Places of a club that is made.
    ///
    /// # Errors
    /// [`InvalidClub::Capacity`].
    pub fn new_capacity(self, wish: Option<i64>) -> Result<Option<i64>, InvalidClub> {
        within(wish, self.capacity().0).map(|wish| wish.or(self.default_capacity()))
    }

    /// Places of a club that is there; null takes the limit away where there need not be one.
    ///
    /// # Errors
    /// [`InvalidClub::Capacity`] and [`InvalidClub::Needed`].
    pub fn changed_capacity(self, wish: Option<i64>) -> Result<Option<i64>, InvalidClub> {
        if wish.is_none() && self.default_capacity().is_some() {
            return Err(InvalidClub::Needed);
        }
        within(wish, self.capacity().1)
    }
}

fn within(wish: Option<i64>, most: i64) -> Result<Option<i64>, InvalidClub> {
    match wish {
        Some(places) if !(LEAST_CAPACITY..=most).contains(&places) => {
            Err(InvalidClub::Capacity(LEAST_CAPACITY, most))
        }
        fits => Ok(fits),
    }
}

/// Visibility and policy after a wish for one or both: private means invite and invite means
/// private.
///
/// # Errors
/// [`InvalidClub::Contradiction`].
pub fn access(
    wish: (Option<Visibility>, Option<JoinPolicy>),
    now: (Visibility, JoinPolicy),
) -> Result<(Visibility, JoinPolicy), InvalidClub> {
    match wish {
        (None, None) => Ok(now),
        (Some(Visibility::Private), None | Some(JoinPolicy::Invite))
        | (None, Some(JoinPolicy::Invite)) => Ok((Visibility::Private, JoinPolicy::Invite)),
        (Some(Visibility::Public), None) if now.1 == JoinPolicy::Invite => {
            Ok((Visibility::Public, JoinPolicy::Request))
        }
        (Some(Visibility::Public), None) => Ok((Visibility::Public, now.1)),
        (Some(Visibility::Private), Some(_))
        | (Some(Visibility::Public), Some(JoinPolicy::Invite)) => Err(InvalidClub::Contradiction),
        (None, Some(_)) if now.0 == Visibility::Private => Err(InvalidClub::Contradiction),
        (_public, Some(policy)) => Ok((Visibility::Public, policy)),
    }
}

/// A text that may be empty: NFC, outer white space dropped.
///
/// # Errors
/// [`InvalidClub::TooLong`] and [`InvalidClub::Unstorable`].
pub fn optional_text(raw: &str, most: usize) -> Result<String, InvalidClub> {
    let text = normalise(raw.trim(), most).map_err(|why| match why {
        InvalidText::TooLong(most) => InvalidClub::TooLong(most),
        InvalidText::Blank | InvalidText::Unstorable => InvalidClub::Unstorable,
    })?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_invite_go_together() {
        use {JoinPolicy as P, Visibility as V};
        let made = (V::Public, P::Open);
        let private = (V::Private, P::Invite);
        assert_eq!(access((None, None), made), Ok(made));
        assert_eq!(access((Some(V::Private), None), made), Ok(private));
        assert_eq!(access((None, Some(P::Invite)), made), Ok(private));
        assert_eq!(access((Some(V::Private), Some(P::Invite)), made), Ok(private));
        assert_eq!(access((Some(V::Public), None), private), Ok((V::Public, P::Request)));
        assert_eq!(access((Some(V::Public), None), (V::Public, P::Quiz)), Ok((V::Public, P::Quiz)));
        assert_eq!(access((None, Some(P::Form)), made), Ok((V::Public, P::Form)));
        assert_eq!(access((Some(V::Public), Some(P::Open)), private), Ok(made));
        for (wish, now) in [
            ((Some(V::Private), Some(P::Open)), made),
            ((Some(V::Public), Some(P::Invite)), made),
            ((None, Some(P::Open)), private),
        ] {
            assert_eq!(access(wish, now), Err(InvalidClub::Contradiction));
        }
    }

    #[test]
    fn places_depend_on_the_kind() {
        assert_eq!(ClubKind::Study.new_capacity(None), Ok(Some(10)));
        assert_eq!(ClubKind::Study.new_capacity(Some(2)), Ok(Some(2)));
        assert_eq!(
            ClubKind::Study.new_capacity(Some(11)),
            Err(InvalidClub::Capacity(LEAST_CAPACITY, 10))
        );
        assert_eq!(ClubKind::Study.changed_capacity(Some(20)), Ok(Some(20)));
        assert_eq!(ClubKind::Study.changed_capacity(None), Err(InvalidClub::Needed));
        assert_eq!(ClubKind::Community.new_capacity(None), Ok(None));
        assert_eq!(
            ClubKind::Community.changed_capacity(Some(1)),
            Err(InvalidClub::Capacity(LEAST_CAPACITY, 100_000))
        );
        assert_eq!(ClubKind::Community.changed_capacity(None), Ok(None));
    }

    #[test]
    fn texts_are_trimmed_and_bounded() {
        assert_eq!(optional_text("  hi\n", 10).as_deref(), Ok("hi"));
        assert_eq!(optional_text("   ", 10).as_deref(), Ok(""));
        assert_eq!(optional_text(&"x".repeat(10), 10).unwrap().len(), 10);
        assert_eq!(optional_text(&"x".repeat(11), 10), Err(InvalidClub::TooLong(10)));
        assert_eq!(optional_text(&"x".repeat(5_000), 10), Err(InvalidClub::TooLong(10)));
        assert_eq!(optional_text("a\0b", 10), Err(InvalidClub::Unstorable));
    }
}
