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

/// What may panic: one for each kind of actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// A room.
    Room,
    /// The supervisor of the rooms.
    Rooms,
    /// The group-commit writer.
    Journal,
    /// The fan-out of a worker.
    Relay,
    /// The session of a client.
    Session,
    /// Who is online.
    Presence,
    /// The reads for sign-ins.
    Lookup,
    /// What fills the index of the search.
    Indexer,
    /// What crosses nodes.
    Bus,
    /// The root of the tree.
    Root,
    /// A read of the store beside an actor.
    Read,
    /// Who sees to it that questions are answered.
    Assistants,
    /// Who looks after one answer.
    Assistant,
    /// One answer that is spoken.
    Run,
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
