//! Planted faults: what shows that the tests and the load tester would see a real one.
//!
//! The places where a fault may stand ask [`Faults`], which `app.rs` hands to every part. With the
//! feature `faults` it is chosen at start (`MOIM_PLANT=lose_frame=500,sleep_in_room=20`) and, by
//! tests that hold the value, later. Without it there is no such setting, [`Faults`] is empty, and
//! each of these questions is a constant: a default or release build pays nothing and can do nothing
//! of this.

#[cfg(not(feature = "faults"))]
mod none;
#[cfg(feature = "faults")]
mod planted;

#[cfg(not(feature = "faults"))]
pub use none::Faults;
#[cfg(feature = "faults")]
pub use planted::Faults;

/// Writes the list of the parts once: as a type, in a row, and by the names that the plant takes.
macro_rules! parts {
    ($($(#[$about:meta])* $part:ident = $name:literal,)+) => {
        /// What may panic: one for each kind of actor.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Part {
            $($(#[$about])* $part,)+
        }

        impl Part {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$part),+];

            /// Its name in `panic=PART`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$part => $name,)+
                }
            }
        }
    };
}

parts! {
    /// A room.
    Room = "room",
    /// The supervisor of the rooms.
    Rooms = "rooms",
    /// The group-commit writer.
    Journal = "journal",
    /// The fan-out of a worker.
    Relay = "relay",
    /// The session of a client.
    Session = "session",
    /// Who is online.
    Presence = "presence",
    /// The reads for sign-ins.
    Lookup = "lookup",
    /// What fills the index of the search.
    Indexer = "indexer",
    /// What takes away for good what is to go.
    Sweeper = "sweeper",
    /// What crosses nodes.
    Bus = "bus",
    /// The root of the tree.
    Root = "root",
    /// A read of the store beside an actor.
    Read = "read",
    /// Who sees to it that questions are answered.
    Assistants = "assistants",
    /// Who looks after one answer.
    Assistant = "assistant",
    /// One answer that is spoken.
    Run = "run",
}

/// When in the handling of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The message is in hand, nothing is done.
    Start,
    /// It is decided, and perhaps some of what follows was done.
    Middle,
    /// All of it is done.
    End,
}

/// Where the end of a node may hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snag {
    /// Actors do not answer when they are told.
    Drain,
    /// The store does not close.
    Store,
    /// Work that nobody can break off does not come to its end.
    Blocking,
    /// The thread that sees to the end stands still.
    Thread,
}
