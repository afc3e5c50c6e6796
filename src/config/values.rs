//! Values from all places, the strongest for each setting.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use super::table::{SETTINGS, Setting};
use super::{InvalidConfig, Secret, file};
use crate::faults::Faults;

/// A value and where it came from.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) source: String,
}

/// Values from all places, the strongest for each setting.
#[derive(Debug, Clone, Default)]
pub struct Values(BTreeMap<&'static str, Given>);

/// Looks up a variable of the environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment of this process.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "config.rs alone reads the environment")]
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The token of an admin, for commands that ask a server elsewhere. No setting: a server has no use
/// for it.
#[must_use]
pub fn token_of_environment() -> Option<Secret> {
    process_environment("MOIM_TOKEN").map(Secret::new)
}

impl Values {
    /// Gathers values: flags, then environment, then the file.
    ///
    /// # Errors
    /// When a file cannot be read, or holds what is no setting.
    pub fn gather(
        flags: &BTreeMap<String, String>,
        environment: Environment<'_>,
        file: Option<&Path>,
    ) -> Result<Self, InvalidConfig> {
        let from_file = match file {
            Some(path) => file::read_file(path)?,
            None => BTreeMap::new(),
        };
        Self::strongest(flags, environment, &from_file)
    }

    /// The same with the text of a file instead of its place.
    #[cfg(feature = "faults")]
    pub(crate) fn gather_text(
        environment: Environment<'_>,
        text: &str,
    ) -> Result<Self, InvalidConfig> {
        let from_file = file::read_text("moim.toml".to_owned(), text)?;
        Self::strongest(&BTreeMap::new(), environment, &from_file)
    }

    fn strongest(
        flags: &BTreeMap<String, String>,
        environment: Environment<'_>,
        from_file: &BTreeMap<&'static str, Given>,
    ) -> Result<Self, InvalidConfig> {
        let mut values = Self::default();
        for setting in SETTINGS {
            let flag = flags
                .get(setting.name)
                .map(|text| Given { text: text.clone(), source: format!("--{}", setting.flag()) });
            let variable = setting.variable();
            let given = match flag {
                Some(flag) => Some(flag),
                None => from_environment(setting, &variable, environment)?
                    .or_else(|| from_file.get(setting.name).cloned()),
            };
            if let Some(given) = given {
                values.0.insert(setting.name, given);
            }
        }
        if let Some(variable) = Faults::VARIABLE
            && let Some(text) = environment(variable)
        {
            values.0.insert(variable, Given { text, source: variable.to_owned() });
        }
        Ok(values)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let default = || SETTINGS.iter().find(|s| s.name == name).and_then(|s| s.default);
        self.0.get(name).map(|given| given.text.as_str()).or_else(default)
    }

    pub(super) fn parse<T: FromStr>(&self, name: &str) -> Result<T, InvalidConfig> {
        let text = self.text(name).unwrap_or_default();
        text.parse().map_err(|_unfit| self.unfit(name))
    }

    pub(super) fn unfit(&self, name: &str) -> InvalidConfig {
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        let is_secret = setting.is_some_and(|setting| setting.is_secret);
        let text = self.text(name).unwrap_or_default();
        let got = if is_secret { "***".to_owned() } else { hide_password(text) };
        InvalidConfig::Value {
            source_name: self.0.get(name).map_or_else(|| name.to_owned(), |g| g.source.clone()),
            got,
            wants: setting.map_or_else(String::new, |setting| setting.wants.to_owned()),
        }
    }

    /// The planted faults; none without the feature.
    pub(super) fn faults(&self) -> Result<Faults, InvalidConfig> {
        let Some(given) = Faults::VARIABLE.and_then(|variable| self.0.get(variable)) else {
            return Ok(Faults::default());
        };
        given.text.parse().map_err(|_unknown| InvalidConfig::Value {
            source_name: given.source.clone(),
            got: given.text.clone(),
            wants: Faults::WANTS.to_owned(),
        })
    }

    pub(super) fn optional(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.optional(name).map(Secret::new)
    }

    /// One line for each setting as it is in force; secrets are hidden.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut out = String::new();
        for setting in SETTINGS {
            let value = self.text(setting.name).unwrap_or_default();
            let shown = if setting.is_secret && !value.is_empty() {
                "***".to_owned()
            } else {
                hide_password(value)
            };
            let source = self.0.get(setting.name).map_or("default", |given| given.source.as_str());
            out.push_str(&format!("{} = {shown:?}  # {source}\n", setting.name));
        }
        out
    }
}

fn from_environment(
    setting: &Setting,
    variable: &str,
    environment: Environment<'_>,
) -> Result<Option<Given>, InvalidConfig> {
    let direct = environment(variable).map(|text| Given { text, source: variable.to_owned() });
    if direct.is_some() || !setting.is_secret {
        return Ok(direct);
    }
    let variable = format!("{variable}_FILE");
    let Some(path) = environment(&variable) else {
        return Ok(None);
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(Given { text: text.trim_end().to_owned(), source: variable })),
        Err(why) => Err(InvalidConfig::File { file: path, why: why.to_string() }),
    }
}

/// A value without the password that a URL may hold; also when it is a URL with a slip in it.
fn hide_password(value: &str) -> String {
    let Some((front, host)) = value.rsplit_once('@') else {
        return value.to_owned();
    };
    let begin = front.find("://").map_or(0, |at| at + 3);
    let (scheme, user) = front.split_at_checked(begin).unwrap_or_default();
    match user.split_once(':') {
        Some((name, _password)) => format!("{scheme}{name}:***@{host}"),
        None => value.to_owned(),
    }
}
