//! Why the program ended.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::actors::NotStarted;
use crate::config::InvalidConfig;
use crate::domain::InvalidName;
use crate::http::UnusableCost;
use crate::llm::InvalidEndpoint;
use crate::store::{OpenError, StoreError, TransferError, UnusableRedis};
use crate::top::TopError;

/// Why the program ended; one line for its operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting does not fit.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database stopped answering.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        why: std::io::Error,
    },
    /// The folder of the uploads cannot be used.
    #[error("cannot keep uploads in {}: {why}", folder.display())]
    Files {
        /// Where.
        folder: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// The cost of a password hash cannot be used.
    #[error(transparent)]
    Cost(#[from] UnusableCost),
    /// The actors did not start.
    #[error(transparent)]
    Actors(#[from] NotStarted),
    /// A part of the tree could not be kept alive.
    #[error("the actors gave up, see the log; start the node again")]
    GaveUp,
    /// The system refused something else.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// A name or password that cannot be used.
    #[error("{what} {why}")]
    Name {
        /// `username` or `password`.
        what: &'static str,
        /// Why.
        why: InvalidName,
    },
    /// There is no such account.
    #[error("there is no account {0:?}")]
    NoAccount(String),
    /// The name is taken.
    #[error("the username {0:?} is taken")]
    Taken(String),
    /// Watching a server ended.
    #[error(transparent)]
    Top(#[from] TopError),
    /// A club could not be moved.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// Redis cannot be used.
    #[error(transparent)]
    Redis(#[from] UnusableRedis),
    /// A model cannot be asked.
    #[error("MOIM_LLM_…: {0}")]
    Model(#[from] InvalidEndpoint),
    /// A model is where this server is.
    #[error("MOIM_LLM_BASE_URL leads to this server itself")]
    OwnModel,
}
