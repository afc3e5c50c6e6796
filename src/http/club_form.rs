//! The fields of a club as a client may write them, and how visibility and policy go together.

use std::str::FromStr;

use super::json::Fields;
use crate::domain::{ClubName, Text};

const GREETING_CHARS: usize = 100;
const DESCRIPTION_CHARS: usize = 1_000;
/// A club has at least so many places.
const LEAST_CAPACITY: i64 = 2;

/// Why a field of a club does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidClub {
    /// Not one of the words.
    #[error("must be one of {}", .0.join(", "))]
    Word(&'static [&'static str]),
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
    #[error("must be {LEAST_CAPACITY} to {0}")]
    Capacity(i64),
    /// Private clubs are joined by invite, and only they are.
    #[error("a private club is joined by invite, a public one is not")]
    Contradiction,
}

/// Defines the words of a field.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// The word that is stored and sent.
            pub(super) const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl FromStr for $name {
            type Err = InvalidClub;

            fn from_str(text: &str) -> Result<Self, InvalidClub> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _other => Err(InvalidClub::Word(&[$($word),+])),
                }
            }
        }
    };
}

words!(
    /// What a club is for.
    Kind {
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
    Policy {
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

impl Kind {
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
    pub(super) fn new_capacity(self, wish: Option<i64>) -> Result<Option<i64>, InvalidClub> {
        within(wish, self.capacity().0).map(|wish| wish.or(self.default_capacity()))
    }

    /// Places of a club that is there; null takes the limit away where there need not be one.
    pub(super) fn changed_capacity(self, wish: Option<i64>) -> Result<Option<i64>, InvalidClub> {
        if wish.is_none() && self.default_capacity().is_some() {
            return Err(InvalidClub::Needed);
        }
        within(wish, self.capacity().1)
    }
}

fn within(wish: Option<i64>, most: i64) -> Result<Option<i64>, InvalidClub> {
    match wish {
        Some(places) if !(LEAST_CAPACITY..=most).contains(&places) => {
            Err(InvalidClub::Capacity(most))
        }
        fits => Ok(fits),
    }
}

/// Visibility and policy after a wish for one or both: private means invite and invite means
/// private.
pub(super) fn access(
    wish: (Option<Visibility>, Option<Policy>),
    now: (Visibility, Policy),
) -> Result<(Visibility, Policy), InvalidClub> {
    match wish {
        (None, None) => Ok(now),
        (Some(Visibility::Private), None | Some(Policy::Invite)) | (None, Some(Policy::Invite)) => {
            Ok((Visibility::Private, Policy::Invite))
        }
        (Some(Visibility::Public), None) if now.1 == Policy::Invite => {
            Ok((Visibility::Public, Policy::Request))
        }
        (Some(Visibility::Public), None) => Ok((Visibility::Public, now.1)),
        (Some(Visibility::Private), Some(_)) | (Some(Visibility::Public), Some(Policy::Invite)) => {
            Err(InvalidClub::Contradiction)
        }
        (None, Some(_)) if now.0 == Visibility::Private => Err(InvalidClub::Contradiction),
        (_public, Some(policy)) => Ok((Visibility::Public, policy)),
    }
}

/// A text that may be empty: NFC, outer white space dropped.
fn text(raw: &str, most: usize) -> Result<String, InvalidClub> {
    let raw = raw.trim();
    if raw.is_empty() {
        return Ok(String::new());
    }
    let text = Text::parse(raw).map_err(|why| match why {
        crate::domain::InvalidText::TooLong(_) => InvalidClub::TooLong(most),
        crate::domain::InvalidText::Blank | crate::domain::InvalidText::Unstorable => {
            InvalidClub::Unstorable
        }
    })?;
    if text.as_str().chars().nth(most).is_some() {
        return Err(InvalidClub::TooLong(most));
    }
    Ok(text.as_str().to_owned())
}

/// The fields that a maker and a changer of a club may both write; what is `None` was not written.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// The name.
    pub(super) name: Option<ClubName>,
    /// One line of welcome.
    pub(super) greeting: Option<String>,
    /// What it is about.
    pub(super) description: Option<String>,
    /// One of the categories.
    pub(super) category: Option<Category>,
    /// Who may know of it.
    pub(super) visibility: Option<Visibility>,
    /// How one gets in.
    pub(super) policy: Option<Policy>,
}

/// The same fields as they came. The inner `None` is null.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RawTexts<'a> {
    /// As in [`Texts`].
    pub(super) name: Option<Option<&'a str>>,
    /// As in [`Texts`].
    pub(super) greeting: Option<Option<&'a str>>,
    /// As in [`Texts`].
    pub(super) description: Option<Option<&'a str>>,
    /// As in [`Texts`].
    pub(super) category: Option<Option<&'a str>>,
    /// As in [`Texts`].
    pub(super) visibility: Option<Option<&'a str>>,
    /// As in [`Texts`].
    pub(super) policy: Option<Option<&'a str>>,
}

impl Texts {
    /// Reads them all; what does not fit is noted in `fields`.
    pub(super) fn read(raw: RawTexts<'_>, fields: &mut Fields) -> Self {
        let greeting = raw.greeting.map(|raw| text(raw.unwrap_or_default(), GREETING_CHARS));
        let description =
            raw.description.map(|raw| text(raw.unwrap_or_default(), DESCRIPTION_CHARS));
        let name = raw.name.map(|raw| ClubName::parse(raw.unwrap_or_default()));
        // Taking the category away means the default one.
        let category = raw.category.map(|raw| raw.map_or(Ok(Category::Other), str::parse));
        Self {
            name: fields.take_some("name", name),
            greeting: fields.take_some("greeting", greeting),
            description: fields.take_some("description", description),
            category: fields.take_some("category", category),
            visibility: fields.take_some("visibility", raw.visibility.map(needed)),
            policy: fields.take_some("join_policy", raw.policy.map(needed)),
        }
    }
}

fn needed<T: FromStr<Err = InvalidClub>>(raw: Option<&str>) -> Result<T, InvalidClub> {
    raw.ok_or(InvalidClub::Needed)?.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_invite_go_together() {
        use {Policy as P, Visibility as V};
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
        assert_eq!(Kind::Study.new_capacity(None), Ok(Some(10)));
        assert_eq!(Kind::Study.new_capacity(Some(2)), Ok(Some(2)));
        assert_eq!(Kind::Study.new_capacity(Some(11)), Err(InvalidClub::Capacity(10)));
        assert_eq!(Kind::Study.changed_capacity(Some(20)), Ok(Some(20)));
        assert_eq!(Kind::Study.changed_capacity(None), Err(InvalidClub::Needed));
        assert_eq!(Kind::Community.new_capacity(None), Ok(None));
        assert_eq!(Kind::Community.changed_capacity(Some(1)), Err(InvalidClub::Capacity(100_000)));
        assert_eq!(Kind::Community.changed_capacity(None), Ok(None));
    }

    #[test]
    fn texts_are_trimmed_and_bounded() {
        assert_eq!(text("  hi\n", 10).as_deref(), Ok("hi"));
        assert_eq!(text("   ", 10).as_deref(), Ok(""));
        assert_eq!(text(&"x".repeat(10), 10).unwrap().len(), 10);
        assert_eq!(text(&"x".repeat(11), 10), Err(InvalidClub::TooLong(10)));
        assert_eq!(text(&"x".repeat(5_000), 10), Err(InvalidClub::TooLong(10)));
        assert_eq!(text("a\0b", 10), Err(InvalidClub::Unstorable));
    }

    #[test]
    fn every_field_that_does_not_fit_is_named() {
        let mut fields = Fields::default();
        let raw = RawTexts {
            name: Some(Some("x")),
            category: Some(Some("cooking")),
            policy: Some(None),
            greeting: Some(None),
            ..RawTexts::default()
        };
        let texts = Texts::read(raw, &mut fields);
        assert_eq!(texts.greeting.as_deref(), Some(""));
        let Err(super::super::error::ApiError::Fields(errors)) = fields.check() else {
            panic!("it fits");
        };
        let names: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(names, ["name", "category", "join_policy"]);
    }
}
