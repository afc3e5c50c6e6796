//! What only tests may do to a node.

use std::sync::Arc;
use std::time::Duration;

use super::chores::Chores;
use super::{App, StartError, open};
use crate::actors::RoomsHandle;
use crate::config::Config;
use crate::domain::Millis;
use crate::faults::Faults;
use crate::store::Link;

/// Sweeps files when it is told to.
pub struct Sweeper(Chores);

impl Sweeper {
    /// Sweeps as if it were later.
    pub async fn sweep(&self, later: Duration) {
        self.0.sweep_files(Millis::now().plus(later)).await;
    }
}

impl App {
    /// Builds a node with a link of one's own between several nodes in one process.
    ///
    /// # Errors
    /// As [`App::build`].
    pub async fn build_linked(config: &Config, link: Arc<dyn Link>) -> Result<Self, StartError> {
        let store = open(config).await?;
        store.migrate().await?;
        Self::assemble(config, store, Some(link)).await
    }

    /// The live rooms, for tests that disturb them.
    #[must_use]
    pub fn rooms(&self) -> RoomsHandle {
        self.tree.rooms.clone()
    }

    /// Does the chores of files, for tests that do not wait for the clock.
    #[must_use]
    pub fn sweeper(&self) -> Sweeper {
        Sweeper(self.chores.clone())
    }

    /// What is planted, for tests that plant more while the node runs.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.tree.rooms.faults.clone()
    }
}
