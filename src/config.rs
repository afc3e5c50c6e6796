//! Settings: one table says each setting's name, flag, default and meaning; everything else
//! (reading, printing, the example file) follows from it. The only reader of the environment.
//!
//! A flag beats the environment, that beats the file, that beats the default. A value is parsed
//! once into its real type; one that does not fit is one line that names the setting, what it got
//! and what it takes. A secret may also come from a file (`MOIM_…_FILE`).

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

mod assistant;
mod attachments;
mod file;
mod table;
mod values;

pub use assistant::{Assistant, ModelPlace, ModelPrice, Provider, Thinking};
pub use attachments::Attachments;
pub use table::{SETTINGS, Setting, example};
pub use values::{Environment, Values, process_environment, token_of_environment};

use crate::faults::Faults;

/// A value that never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    fn new(text: String) -> Self {
        Self(text)
    }

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

/// How the edge listens and whom it lets in.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How people reach this server, when it stands behind a proxy.
    pub public_url: Option<String>,
    /// Origins besides our own from which browsers may connect.
    pub allowed_origins: Vec<String>,
    /// Networks of proxies that say where calls come from.
    pub trusted_proxies: Vec<IpNet>,
    /// HTTP workers; 0 means one a core.
    pub workers: usize,
    /// Time between heartbeats of a session.
    pub heartbeat: Duration,
    /// Sessions that one user may have.
    pub sessions_per_user: u32,
    /// Clients that may be connected at once; 0 means as many as open files allow.
    pub connections: usize,
    /// Bytes that may wait for all clients together.
    pub outbox_bytes: usize,
    /// Over how long clients come back when this node ends.
    pub drain_window: Duration,
}

impl Edge {
    /// How many HTTP workers there are, each a thread.
    #[must_use]
    pub fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.workers == 0 { cores() } else { self.workers }
    }
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

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// The edge.
    pub edge: Edge,
    /// The storage.
    pub storage: Storage,
    /// The accounts.
    pub accounts: Accounts,
    /// Files and link previews.
    pub attachments: Attachments,
    /// The assistant.
    pub assistant: Assistant,
    /// Lobbies that there are besides `general`.
    pub lobbies: Vec<String>,
    /// Filter of the logs.
    pub log: String,
    /// What is planted; nothing without the feature `faults`.
    pub faults: Faults,
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
                trusted_proxies: networks(values, "trusted_proxies")?,
                workers: values.parse("workers")?,
                heartbeat: Duration::from_millis(within(values, "heartbeat_ms", 1_000..=300_000)?),
                sessions_per_user: values.parse("sessions_per_user")?,
                connections: values.parse("max_connections")?,
                outbox_bytes: usize::try_from(within(values, "outbox_mib", 16..=65_536)? << 20)
                    .unwrap_or(usize::MAX),
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
            attachments: Attachments::parse(values)?,
            assistant: Assistant::parse(values)?,
            lobbies: lobbies(values)?,
            log: log_filter(values)?,
            faults: values.faults()?,
        })
    }
}

fn lobbies(values: &Values) -> Result<Vec<String>, InvalidConfig> {
    let text: String = values.parse("lobbies")?;
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    Ok(names.map(str::to_owned).collect())
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

/// Addresses and networks, with commas between. A network is named by its first address: with a slip
/// in it, it is not known which one was meant.
fn networks(values: &Values, name: &str) -> Result<Vec<IpNet>, InvalidConfig> {
    let text: String = values.parse(name)?;
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let network = |part: &str| match part.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_no_address) => part.parse().ok().filter(|net: &IpNet| net.trunc() == *net),
    };
    parts.map(|part| network(part).ok_or_else(|| values.unfit(name))).collect()
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
