//! Settings: one table says each setting's name, flag, default and meaning; everything else
//! (reading, printing, the example file) follows from it. The only reader of the environment.
//!
//! A flag beats the environment, that beats the file, that beats the default. A value is parsed
//! once into its real type; one that does not fit is one line that names the setting, what it got
//! and what it takes. A secret may also come from a file (`MOIM_…_FILE`).

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

mod table;

pub use table::{SETTINGS, Setting, example};

/// A value that never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Which model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// No model: the room's own words are found and quoted.
    Offline,
    /// Anything that speaks OpenAI chat completions.
    OpenAi,
    /// Gemini.
    Gemini,
}

/// How the edge listens and whom it lets in.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How people reach this server, when it stands behind a proxy.
    pub public_url: Option<String>,
    /// Origins besides our own from which browsers may connect.
    pub allowed_origins: Vec<String>,
    /// HTTP workers; 0 means one a core.
    pub workers: usize,
    /// Time between heartbeats of a session.
    pub heartbeat: Duration,
    /// Sessions that one user may have.
    pub sessions_per_user: u32,
    /// Over how long clients come back when this node ends.
    pub drain_window: Duration,
}

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A server, by URL.
    Postgres(Secret),
}

/// Where things are kept.
#[derive(Debug, Clone)]
pub struct Storage {
    /// The folder of the data.
    pub data_dir: PathBuf,
    /// The database.
    pub database: Database,
    /// Where the nodes meet.
    pub redis_url: Option<Secret>,
}

/// Accounts and their tokens.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// Signs tokens instead of the key kept in the database.
    pub jwt_secret: Option<Secret>,
    /// Memory of one password hash, in KiB.
    pub password_memory_kib: u32,
    /// Whether the first account becomes admin.
    pub first_user_is_admin: bool,
}

/// The assistant.
#[derive(Debug, Clone)]
pub struct Assistant {
    /// Which model answers.
    pub provider: Provider,
    /// Where it is reached.
    pub base_url: Option<String>,
    /// Its key.
    pub api_key: Option<Secret>,
    /// Its name.
    pub model: Option<String>,
    /// Tokens a user may spend a day.
    pub user_tokens_per_day: u64,
    /// Tokens a room may spend a day.
    pub room_tokens_per_day: u64,
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// The edge.
    pub edge: Edge,
    /// The storage.
    pub storage: Storage,
    /// The accounts.
    pub accounts: Accounts,
    /// The assistant.
    pub assistant: Assistant,
    /// Filter of the logs.
    pub log: String,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    /// The value does not fit.
    #[error("{source_name}: got {got:?}, wants {wants}")]
    Value {
        /// Flag, variable or key, as the person wrote it.
        source_name: String,
        /// The value; secrets are hidden.
        got: String,
        /// What would fit.
        wants: String,
    },
    /// A key of the file that is no setting.
    #[error("{file}: unknown setting {key:?}")]
    Unknown {
        /// The file.
        file: String,
        /// The key.
        key: String,
    },
    /// The file cannot be read.
    #[error("{file}: {why}")]
    File {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
}

/// A value and where it came from.
#[derive(Debug, Clone)]
struct Given {
    text: String,
    source: String,
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
        let mut values = Self::default();
        let from_file = match file {
            Some(path) => table::read_file(path)?,
            None => BTreeMap::new(),
        };
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
        Ok(values)
    }

    fn text(&self, name: &str) -> Option<&str> {
        let default = || SETTINGS.iter().find(|s| s.name == name).and_then(|s| s.default);
        self.0.get(name).map(|given| given.text.as_str()).or_else(default)
    }

    fn parse<T: FromStr>(&self, name: &str) -> Result<T, InvalidConfig> {
        let text = self.text(name).unwrap_or_default();
        text.parse().map_err(|_unfit| self.unfit(name))
    }

    fn unfit(&self, name: &str) -> InvalidConfig {
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        let is_secret = setting.is_some_and(|setting| setting.is_secret);
        let got = if is_secret { "***" } else { self.text(name).unwrap_or_default() };
        InvalidConfig::Value {
            source_name: self.0.get(name).map_or_else(|| name.to_owned(), |g| g.source.clone()),
            got: got.to_owned(),
            wants: setting.map_or_else(String::new, |setting| setting.wants.to_owned()),
        }
    }

    fn optional(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.optional(name).map(Secret)
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

/// A URL without the password in it.
fn hide_password(value: &str) -> String {
    match value.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?))) {
        Some((scheme, (user, host))) if user.contains(':') => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}:***@{host}")
        }
        _plain => value.to_owned(),
    }
}

impl Config {
    /// Parses everything once.
    ///
    /// # Errors
    /// The first value that does not fit.
    pub fn parse(values: &Values) -> Result<Self, InvalidConfig> {
        let data_dir: PathBuf = values.parse("data_dir")?;
        Ok(Self {
            edge: Edge {
                listen: listen(values)?,
                public_url: url(values, "public_url")?,
                allowed_origins: origins(values)?,
                workers: values.parse("workers")?,
                heartbeat: Duration::from_millis(within(values, "heartbeat_ms", 1_000..=300_000)?),
                sessions_per_user: values.parse("sessions_per_user")?,
                drain_window: Duration::from_millis(within(values, "drain_window_ms", 0..=60_000)?),
            },
            storage: Storage {
                database: database(values, &data_dir)?,
                redis_url: values.secret("redis_url"),
                data_dir,
            },
            accounts: Accounts {
                jwt_secret: jwt_secret(values)?,
                password_memory_kib: u32::try_from(within(
                    values,
                    "password_memory_kib",
                    8..=1_048_576,
                )?)
                .unwrap_or(u32::MAX),
                first_user_is_admin: values.parse("first_user_is_admin")?,
            },
            assistant: Assistant {
                provider: values.parse("llm_provider")?,
                base_url: url(values, "llm_base_url")?,
                api_key: values.secret("llm_api_key"),
                model: values.optional("llm_model"),
                user_tokens_per_day: values.parse("ai_user_tokens_per_day")?,
                room_tokens_per_day: values.parse("ai_room_tokens_per_day")?,
            },
            log: log_filter(values)?,
        })
    }
}

impl FromStr for Provider {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "offline" => Ok(Self::Offline),
            "openai" => Ok(Self::OpenAi),
            "gemini" => Ok(Self::Gemini),
            _unknown => Err(()),
        }
    }
}

fn within(
    values: &Values,
    name: &str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<u64, InvalidConfig> {
    let number = values.parse(name)?;
    if range.contains(&number) { Ok(number) } else { Err(values.unfit(name)) }
}

fn listen(values: &Values) -> Result<SocketAddr, InvalidConfig> {
    let text: String = values.parse("listen")?;
    let mut found = text.to_socket_addrs().map_err(|_unresolved| values.unfit("listen"))?;
    found.next().ok_or_else(|| values.unfit("listen"))
}

fn url(values: &Values, name: &str) -> Result<Option<String>, InvalidConfig> {
    let Some(text) = values.optional(name) else {
        return Ok(None);
    };
    let is_url = text.starts_with("http://") || text.starts_with("https://");
    if is_url { Ok(Some(text.trim_end_matches('/').to_owned())) } else { Err(values.unfit(name)) }
}

fn origins(values: &Values) -> Result<Vec<String>, InvalidConfig> {
    let text: String = values.parse("allowed_origins")?;
    let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    origins
        .map(|origin| {
            let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            match rest {
                Some(host) if !host.is_empty() && !host.contains('/') => {
                    Ok(origin.to_ascii_lowercase())
                }
                None if origin == "*" => Ok(origin.to_owned()),
                _other => Err(values.unfit("allowed_origins")),
            }
        })
        .collect()
}

fn database(values: &Values, data_dir: &Path) -> Result<Database, InvalidConfig> {
    let Some(url) = values.optional("database_url") else {
        return Ok(Database::Sqlite(data_dir.join("moim.db")));
    };
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Database::Postgres(Secret(url)));
    }
    match url.strip_prefix("sqlite://") {
        Some(path) if !path.is_empty() => Ok(Database::Sqlite(PathBuf::from(path))),
        _other => Err(values.unfit("database_url")),
    }
}

fn jwt_secret(values: &Values) -> Result<Option<Secret>, InvalidConfig> {
    match values.secret("jwt_secret") {
        Some(secret) if secret.0.len() < 32 => Err(values.unfit("jwt_secret")),
        secret => Ok(secret),
    }
}

fn log_filter(values: &Values) -> Result<String, InvalidConfig> {
    let text: String = values.parse("log")?;
    let is_filter = text.parse::<tracing_subscriber::EnvFilter>().is_ok();
    if is_filter { Ok(text) } else { Err(values.unfit("log")) }
}

#[cfg(test)]
mod tests;
