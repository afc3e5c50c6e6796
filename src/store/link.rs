//! What carries messages from one node to the others.

use tokio::sync::mpsc;

/// A way between nodes: at most once, in no promised order, gone when it is away. Whoever uses it
/// repairs from the database.
pub trait Link: Send + Sync + 'static {
    /// Leaves a line for all nodes, this one included; never waits.
    ///
    /// # Errors
    /// The line was dropped: the link is away, or slower than what it is given.
    fn publish(&self, line: String) -> Result<(), Unsent>;

    /// Begins to listen; whoever listened before hears nothing more.
    fn listen(&self) -> mpsc::Receiver<Heard>;

    /// Whether lines cross now.
    fn is_up(&self) -> bool;
}

/// What comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// One line or several, as they were published.
    Lines(String),
    /// Something may have been lost, on its way in or out.
    Gap,
}

/// The line was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link takes nothing now")]
pub struct Unsent;
