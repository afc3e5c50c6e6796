//! No faults: what every build has that does not ask for them.

use std::convert::Infallible;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;

use super::{Moment, Part, Snag};

/// Nothing. The twin of the type of the same name that the feature `faults` brings.
#[derive(Debug, Clone, Default)]
pub struct Faults(());

impl Faults {
    /// The variable that plants faults: none.
    pub const VARIABLE: Option<&'static str> = None;
    /// What the variable takes.
    pub const WANTS: &'static str = "";

    /// A room has a message in hand.
    #[inline(always)]
    #[expect(clippy::unused_async, reason = "the twin of one that waits")]
    pub(crate) async fn in_room(&self) {}

    /// Puts the bytes of one delivery into an outbox.
    #[inline(always)]
    pub(crate) fn deliver(&self, _to: u64, bytes: Bytes, push: impl Fn(Bytes)) {
        push(bytes);
    }

    /// Whether a relay tells events of a room to who did not open it.
    #[inline(always)]
    pub(crate) const fn leaks_rooms(&self) -> bool {
        false
    }

    /// By how much replies go before the commit.
    #[inline(always)]
    pub(crate) const fn acks_before_commit(&self) -> Option<Duration> {
        None
    }

    /// Does work that nobody waits for.
    #[inline(always)]
    pub(crate) fn beside(_work: impl Future<Output = ()> + Send + 'static) {}

    /// How SQLite syncs, when not as it should.
    #[inline(always)]
    pub(crate) const fn synchronous(&self) -> Option<&'static str> {
        None
    }

    /// Panics when a panic is due here.
    #[inline(always)]
    pub(crate) const fn panic_point(&self, _part: Part, _moment: Moment) {}

    /// Hangs where the end of a node is to hang.
    #[inline(always)]
    #[expect(clippy::unused_async, reason = "the twin of one that waits")]
    pub(crate) async fn snag(&self, _at: Snag) {}

    /// Whether an upload finds room on the disk for so many bytes more.
    #[inline(always)]
    pub(crate) const fn has_room_for(&self, _bytes: usize) -> bool {
        true
    }

    /// Where a name leads, when not where the system says.
    #[inline(always)]
    pub(crate) const fn leads_to(&self, _name: &str) -> Option<Vec<std::net::SocketAddr>> {
        None
    }

    /// Whether the end of an answer is never written that ends so.
    #[inline(always)]
    pub(crate) const fn loses_end(&self, _finish: &str) -> bool {
        false
    }

    /// What the text of an answer that ends so gets behind what was told of it.
    #[inline(always)]
    pub(crate) const fn changes_end(&self, _finish: &str) -> Option<&'static str> {
        None
    }

    /// Whether a question whose answer broke off with its node is answered once more.
    #[inline(always)]
    pub(crate) const fn answers_twice(&self) -> bool {
        false
    }

    /// Whether a question that must wait for another is never thought of again.
    #[inline(always)]
    pub(crate) const fn forgets_who_waits(&self) -> bool {
        false
    }

    /// Panics on a text that holds the marker of this part.
    #[inline(always)]
    pub(crate) const fn taste(&self, _part: Part, _text: &str) {}
}

impl FromStr for Faults {
    type Err = Infallible;

    fn from_str(_text: &str) -> Result<Self, Infallible> {
        Ok(Self(()))
    }
}
