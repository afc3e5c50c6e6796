//! What a node does by the clock: sign-ins that were ended elsewhere end here too, and what ran out
//! goes.

use std::sync::Arc;
use std::time::Duration;

use crate::actors::{RoomsHandle, Throttle};
use crate::domain::{DeviceId, Millis, UserId};
use crate::http::Tokens;
use crate::store::Store;

/// How often the node looks for sign-ins that the command line or another node has ended.
const LOOK: Duration = Duration::from_millis(500);
/// How far back it looks: clocks of nodes differ, and a commit may be late.
const BACK: Duration = Duration::from_secs(30);
/// Looks between two sweeps.
const SWEEP: u32 = 120;

/// The chores of a node.
pub(super) struct Chores {
    pub(super) store: Store,
    pub(super) rooms: RoomsHandle,
    pub(super) tokens: Arc<Tokens>,
    pub(super) throttle: Arc<Throttle>,
}

impl Chores {
    /// Does them until it is dropped.
    pub(super) async fn run(&self) {
        let mut looks = 0_u32;
        loop {
            tokio::time::sleep(LOOK).await;
            self.look_for_revoked().await;
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(SWEEP) {
                self.sweep().await;
            }
        }
    }

    async fn look_for_revoked(&self) {
        let back = i64::try_from(BACK.as_millis()).unwrap_or(0);
        let since = Millis(Millis::now().0 - back);
        let ended = match self.store.families_revoked_since(since).await {
            Ok(ended) => ended,
            Err(why) => {
                tracing::warn!("ended sign-ins could not be read: {why}");
                return;
            }
        };
        let is_news = |(_, device): &(UserId, DeviceId)| !self.tokens.is_revoked(*device);
        for (user, device) in ended.into_iter().filter(is_news) {
            self.tokens.revoke(&[device]);
            self.rooms.revoke_here(user, vec![device]).await;
        }
    }

    async fn sweep(&self) {
        self.throttle.forget();
        if let Err(why) = self.store.sweep_tokens(Millis::now()).await {
            tracing::warn!("tokens were not swept: {why}");
        }
        if let Err(why) = self.store.end_bans(Millis::now()).await {
            tracing::warn!("bans that have ended were not written down: {why}");
        }
    }
}
