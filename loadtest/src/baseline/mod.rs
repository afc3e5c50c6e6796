//! What the server is compared with, in the same run on the same machine.
//!
//! Belongs here: one file per baseline, each a child process of this program.
//! Does not belong here: reading figures; a baseline is measured like the server.

pub(crate) mod raw;
