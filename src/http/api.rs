//! What the handlers work with; `app.rs` puts it together.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use actix_web::{HttpRequest, web};

use super::assets::Assets;
use super::files::Uploads;
use super::locale::Locale;
use super::password::Passwords;
use super::proxies::Proxies;
use super::token::Tokens;
use crate::actors::{RoomsHandle, Shared, Surveyor, Throttle};
use crate::files::Files;
use crate::store::{FileLimits, Store};
use crate::telemetry::Metrics;

/// Everything behind the REST calls of a node.
pub struct Api {
    /// For durable reads, and writes that touch nothing live.
    pub store: Store,
    /// The live rooms.
    pub rooms: RoomsHandle,
    /// Signs and checks access tokens.
    pub tokens: Arc<Tokens>,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// How much at once.
    pub throttle: Arc<Throttle>,
    /// Numbers for operators.
    pub metrics: Arc<Metrics>,
    /// Looks up how much waits where, before somebody reads the numbers.
    pub weigh: Box<dyn Fn() + Send + Sync>,
    /// Takes pictures of the actors.
    pub surveyor: Surveyor,
    /// What the sessions of this node share.
    pub shared: Arc<Shared>,
    /// What people uploaded.
    pub files: Files,
    /// Uploads under way.
    pub uploads: Uploads,
    /// The page and its files.
    pub assets: Assets,
    /// What the operator chose.
    pub settings: ApiSettings,
    /// Set when the node ends: then it is not ready any more.
    pub is_draining: Arc<AtomicBool>,
}

/// What the operator chose.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// How long a sign-in lasts without being renewed.
    pub refresh_life: Duration,
    /// Whether the first account of an empty instance becomes admin.
    pub first_user_is_admin: bool,
    /// How people reach this server, when it stands behind a proxy.
    pub public_url: Option<String>,
    /// Origins besides our own from which browsers may call.
    pub allowed_origins: Vec<String>,
    /// Who says where calls come from.
    pub proxies: Proxies,
    /// Bytes of one file at most.
    pub file_bytes: u64,
    /// Bytes of a user's files in a day, and of all files.
    pub file_limits: FileLimits,
    /// How long one upload may take.
    pub upload_within: Duration,
    /// Models that a room may choose.
    pub ai_models: Vec<String>,
    /// The language of a client that names none that is spoken here.
    pub default_locale: Locale,
}

/// The parts behind a request.
pub(super) fn of(request: &HttpRequest) -> Option<&Api> {
    request.app_data::<web::Data<Api>>().map(|api| api.get_ref())
}
