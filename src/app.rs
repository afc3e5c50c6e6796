//! The parts list: builds every part from the settings, connects them, runs them, ends them.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use actix_server::Server;
use actix_web::web::Data;

use crate::actors::{Connections, Shared, Throttle, Tree};
use crate::config::{Config, Database, Edge};
use crate::domain::Millis;
use crate::files::Files;
use crate::http::{Api, ApiSettings, Assets, Locale, Passwords, Proxies, Tokens, Uploads};
use crate::llm::{Chain, OFFLINE};
use crate::store::{DatabaseTarget, FileLimits, Link, Redis, Store};
use crate::telemetry::Metrics;

mod admin;
mod chores;
mod ending;
mod error;
mod files;
mod lobbies;
mod models;
#[cfg(feature = "faults")]
mod planted;
mod previews;
mod serve;
mod sockets;
mod top;
mod transfer;

pub use admin::{NewPassword, Order, admin};
use chores::Chores;
pub use ending::serve;
pub use error::StartError;
pub use models::mock_llm;
#[cfg(feature = "faults")]
pub use planted::Sweeper;
use previews::Previews;
use serve::{listen, serve_on};
use sockets::Sockets;
pub use top::{TopOrder, top};
pub use transfer::{Moving, transfer};

/// Bytes that may wait in the outboxes of one worker at least: less would cut a session's own short.
const OUTBOXES: usize = 16 << 20;
/// How long an access token holds.
const ACCESS_LIFE: Duration = Duration::from_secs(30 * 60);
/// How long a sign-in lasts without being renewed.
const REFRESH_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A node that is ready to serve.
pub struct App {
    server: Server,
    sockets: Sockets,
    tree: Arc<Tree>,
    store: Store,
    address: SocketAddr,
    is_draining: Arc<AtomicBool>,
    drain_window: Duration,
    chores: Chores,
    models: Arc<Chain>,
    previews: Previews,
}

impl App {
    /// Opens the database, starts the actors and listens. Nothing is served before
    /// [`App::run_until`].
    ///
    /// # Errors
    /// Whatever part could not be started.
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        let store = open(config).await?;
        store.migrate().await?;
        let link = link(config, &store).await?;
        Self::assemble(config, store, link).await
    }

    async fn assemble(
        config: &Config,
        store: Store,
        link: Option<Arc<dyn Link>>,
    ) -> Result<Self, StartError> {
        lobbies::ensure(config, &store).await?;
        seat_hosts(&store).await?;
        let connections = files::connections(config.edge.connections);
        let queues = listen(config.edge.listen)?;
        let address = queues.first().map_or(Ok(config.edge.listen), TcpListener::local_addr)?;
        let models = Arc::new(models::chain(config, address)?);
        let metrics = Arc::new(Metrics::new());
        let life = random()?;
        let faults = config.faults.clone();
        let assistant = models::assistant(config, Arc::clone(&models));
        let metered = Arc::clone(&metrics);
        let tree = Tree::start(store.clone(), metered, life, link, assistant, faults).await?;
        let tokens = Arc::new(tokens(config, &store).await?);
        let throttle = Arc::new(Throttle::default().with_uploads(config.attachments.per_hour));
        let is_draining = Arc::new(AtomicBool::new(false));
        let shared = shared(&config.edge, &tree, connections, (&tokens, &throttle))?;
        let files = attachments(config, life)?;
        let previews = Previews::new(config, &store, &tree.rooms).await?;
        let chores = Chores {
            store: store.clone(),
            files: files.clone(),
            rooms: tree.rooms.clone(),
            tokens: Arc::clone(&tokens),
            throttle: Arc::clone(&throttle),
        };
        let tree = Arc::new(tree);
        let weighed = Arc::clone(&tree);
        let api = Data::new(Api {
            store: store.clone(),
            rooms: tree.rooms.clone(),
            tokens,
            passwords: Passwords::new(config.accounts.password_memory_kib)?,
            throttle,
            metrics,
            weigh: Box::new(move || weighed.weigh()),
            surveyor: tree.surveyor(),
            shared: Arc::clone(&shared),
            files,
            uploads: Uploads::default(),
            assets: Assets::load(),
            settings: settings(config),
            is_draining: Arc::clone(&is_draining),
        });
        let sockets = Sockets::default();
        let server = serve_on(queues, &config.edge, (&api, &shared), &sockets)?;
        let drain_window = config.edge.drain_window;
        Ok(Self {
            server,
            sockets,
            tree,
            store,
            address,
            is_draining,
            drain_window,
            chores,
            models,
            previews,
        })
    }

    /// Where this node listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The models that the assistant asks.
    #[must_use]
    pub fn models(&self) -> &Arc<Chain> {
        &self.models
    }
}

/// What the sessions of all workers have in common.
fn shared(
    edge: &Edge,
    tree: &Tree,
    connections: usize,
    (tokens, throttle): (&Arc<Tokens>, &Arc<Throttle>),
) -> Result<Arc<Shared>, StartError> {
    Ok(Arc::new(Shared {
        rooms: tree.rooms.clone(),
        lookup: tree.lookup.clone(),
        tokens: Arc::clone(tokens) as Arc<_>,
        throttle: Arc::clone(throttle),
        connections: Connections::new(connections),
        heartbeat: edge.heartbeat,
        sessions_per_user: edge.sessions_per_user,
        outbox_bytes: OUTBOXES.max(edge.outbox_bytes / edge.threads()),
        next_session: AtomicU64::new(random()? >> 16),
    }))
}

fn settings(config: &Config) -> ApiSettings {
    ApiSettings {
        refresh_life: REFRESH_LIFE,
        first_user_is_admin: config.accounts.first_user_is_admin,
        public_url: config.edge.public_url.clone(),
        allowed_origins: config.edge.allowed_origins.clone(),
        proxies: Proxies::new(config.edge.trusted_proxies.clone()),
        file_bytes: config.attachments.max_bytes,
        file_limits: FileLimits {
            day: config.attachments.day_bytes,
            all: config.attachments.quota_bytes,
        },
        upload_within: config.attachments.within,
        ai_models: config.assistant.offered(OFFLINE),
        default_locale: Locale::Ko,
    }
}

fn attachments(config: &Config, life: u64) -> Result<Files, StartError> {
    let folder = config.storage.data_dir.join("files");
    let files = Files::open(&folder, life, config.attachments.picture_mib, &config.faults);
    files.map_err(|why| StartError::Files { folder, why })
}

/// Puts right what an earlier version let happen.
async fn seat_hosts(store: &Store) -> Result<(), StartError> {
    let seated = store.seat_hosts(Millis::now()).await?;
    if seated > 0 {
        tracing::info!("{seated} groups had no person for a host; they have one now, or ended");
    }
    Ok(())
}

async fn open(config: &Config) -> Result<Store, StartError> {
    let target = match &config.storage.database {
        Database::Sqlite(path) => DatabaseTarget::Sqlite(path.clone()),
        Database::Postgres(url) => DatabaseTarget::Postgres(url.expose().to_owned()),
    };
    Ok(Store::open_with(&target, &config.faults).await?)
}

/// The link to the other nodes, when there may be some.
async fn link(config: &Config, store: &Store) -> Result<Option<Arc<dyn Link>>, StartError> {
    let Some(url) = &config.storage.redis_url else {
        return Ok(None);
    };
    if store.engine() == "sqlite" {
        tracing::warn!("MOIM_REDIS_URL is of no use with SQLite: its file serves one node");
    }
    let fresh = [random()?, random()?].map(u64::to_be_bytes).concat();
    let secret = store.keep_secret("bus", &fresh).await?;
    let suffix: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(Arc::new(Redis::connect(url.expose(), format!("moim:{suffix}"))?)))
}

async fn tokens(config: &Config, store: &Store) -> Result<Tokens, StartError> {
    let key = match &config.accounts.jwt_secret {
        Some(secret) => secret.expose().as_bytes().to_vec(),
        None => store.keep_secret("jwt", &fresh_key()?).await?,
    };
    let tokens = Tokens::new(&key, ACCESS_LIFE).with_bots(store.clone());
    let since = Millis(Millis::now().0 - i64::try_from(tokens.memory().as_millis()).unwrap_or(0));
    let revoked = store.families_revoked_since(since).await?;
    tokens.revoke(&revoked.into_iter().map(|(_user, device)| device).collect::<Vec<_>>());
    Ok(tokens)
}

/// Thirty-two bytes that nobody knows.
fn fresh_key() -> Result<Vec<u8>, StartError> {
    let parts = [random()?, random()?, random()?, random()?];
    Ok(parts.iter().flat_map(|part| part.to_be_bytes()).collect())
}

/// Eight bytes from the system's source of randomness.
fn random() -> Result<u64, StartError> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_unspecified| std::io::Error::other("no randomness from the system"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// Brings the database to this version.
///
/// # Errors
/// When it cannot be opened or migrated.
pub async fn migrate(config: &Config) -> Result<(), StartError> {
    let store = open(config).await?;
    store.migrate().await?;
    store.close().await;
    Ok(())
}

/// Runs a future on a fresh runtime, to its end.
///
/// # Errors
/// What the future says, or that no runtime could be made.
pub fn block_on<R>(work: impl Future<Output = Result<R, StartError>>) -> Result<R, StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work)
}
