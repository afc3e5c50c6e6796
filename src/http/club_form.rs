//! The fields of a club as a client may write them.

use std::str::FromStr;

use super::json::Fields;
use crate::domain::{
    Category, ClubName, DESCRIPTION_CHARS, GREETING_CHARS, InvalidClub, InvalidWord, JoinPolicy,
    Visibility, optional_text,
};

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
    pub(super) policy: Option<JoinPolicy>,
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
        let greeting =
            raw.greeting.map(|raw| optional_text(raw.unwrap_or_default(), GREETING_CHARS));
        let description =
            raw.description.map(|raw| optional_text(raw.unwrap_or_default(), DESCRIPTION_CHARS));
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

fn needed<T: FromStr<Err = InvalidWord>>(raw: Option<&str>) -> Result<T, InvalidClub> {
    Ok(raw.ok_or(InvalidClub::Needed)?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
