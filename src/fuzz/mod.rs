//! What strangers can send, read in every way there is, and what must hold of it. Each function
//! takes any bytes and panics when something does not hold. `fuzz/` drives them by coverage,
//! `tests/fuzz` by chance and by kept examples. Not in a release build.

mod cursors;
mod events;
mod frames;
mod lines;
mod looks;
mod positions;
mod searches;
mod settings;

pub use self::cursors::cursors;
pub use self::events::events;
pub use self::frames::{frames, messages};
pub use self::lines::lines;
pub use self::looks::looks;
pub use self::positions::positions;
pub use self::searches::searches;
pub use self::settings::settings;
