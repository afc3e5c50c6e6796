//! What a person sees while it runs: on stderr, and silent when stderr is not a terminal.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{prefix:>12} {bar:32} {pos}/{len} {msg} {elapsed}";

/// A bar that ends with its last clone.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(what: &'static str, total: usize) -> Self {
        let bar = ProgressBar::new(total as u64).with_prefix(what);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        bar.tick();
        Self(bar)
    }

    pub(crate) fn step(&self, by: usize) {
        self.0.inc(by as u64);
    }

    /// So many are done, and not so many more.
    pub(crate) fn reach(&self, done: usize) {
        self.0.set_position(done as u64);
    }

    pub(crate) fn total(&self) -> usize {
        self.0.length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0)
    }

    pub(crate) fn say(&self, text: String) {
        self.0.set_message(text);
    }

    pub(crate) fn done(&self) {
        self.0.finish_and_clear();
    }
}

/// A line about what goes on; only for a person who watches.
pub(crate) fn note(text: &str) {
    if std::io::stderr().is_terminal() {
        warn(text);
    }
}

/// A line that must not be missed.
pub(crate) fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
