//! The settings file.

use std::collections::BTreeMap;
use std::path::Path;

use super::InvalidConfig;
use super::table::SETTINGS;
use super::values::Given;

/// Reads a settings file: TOML, flat, the keys of the table.
pub(super) fn read_file(path: &Path) -> Result<BTreeMap<&'static str, Given>, InvalidConfig> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|why| InvalidConfig::File { file: file.clone(), why: why.to_string() })?;
    read_text(file, &text)
}

/// Reads the text of a settings file.
pub(super) fn read_text(
    file: String,
    text: &str,
) -> Result<BTreeMap<&'static str, Given>, InvalidConfig> {
    let keys: toml::Table = text.parse().map_err(|why: toml::de::Error| InvalidConfig::File {
        file: file.clone(),
        why: one_line(&why),
    })?;
    let mut values = BTreeMap::new();
    for (key, value) in keys {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == key) else {
            return Err(InvalidConfig::Unknown { file, key });
        };
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(is) => is.to_string(),
            toml::Value::Array(items) => {
                let items = items.iter().map(|item| item.as_str().unwrap_or_default());
                items.collect::<Vec<_>>().join(",")
            }
            other => {
                let got = if setting.is_secret { "***".to_owned() } else { other.to_string() };
                let (source_name, wants) = (format!("{file}: {key}"), setting.wants.to_owned());
                return Err(InvalidConfig::Value { source_name, got, wants });
            }
        };
        values.insert(setting.name, Given { text, source: format!("{file}: {key}") });
    }
    Ok(values)
}

fn one_line(why: &toml::de::Error) -> String {
    why.message().lines().collect::<Vec<_>>().join(" ")
}
