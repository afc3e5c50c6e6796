//! Open files: every client is one. The system's own limit for a process is often a thousand, and
//! the one up to which a process may raise it itself by far higher.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// An eighth of the files is for the database, for calls and for who asks whether all is well, but
/// no less than this …
const SPARED_LEAST: u64 = 64;
/// … and no more than this.
const SPARED_MOST: u64 = 4_096;

/// Raises the limit of open files as far as the system allows, and says how many clients this node
/// holds: what was set, else what the files allow.
pub(super) fn connections(set: usize) -> usize {
    let files = raise();
    let connections = fitting(set, files);
    tracing::info!(files, connections, "open files raised as far as the system allows");
    connections
}

/// The limit from then on; `None` where there is none. What cannot be raised stays.
fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if raised.is_ok() { maximum } else { current }
}

fn fitting(set: usize, files: Option<u64>) -> usize {
    let fitting = files.map_or(u64::MAX, |files| {
        files.saturating_sub((files / 8).clamp(SPARED_LEAST, SPARED_MOST)).max(1)
    });
    let fitting = usize::try_from(fitting).unwrap_or(usize::MAX);
    if set > fitting {
        tracing::warn!(set, fitting, "more connections are allowed than files can be open");
    }
    if set == 0 { fitting } else { set }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_spared_and_what_was_set_is_taken() {
        assert_eq!(fitting(0, Some(256)), 192);
        assert_eq!(fitting(0, Some(1_024)), 896);
        assert_eq!(fitting(0, Some(20_000)), 17_500);
        assert_eq!(fitting(0, Some(1_048_576)), 1_044_480);
        assert_eq!(fitting(0, Some(10)), 1);
        assert_eq!(fitting(0, None), usize::MAX);
        assert_eq!(fitting(50, Some(1_024)), 50);
        assert_eq!(fitting(5_000, Some(1_024)), 5_000);
    }

    #[test]
    fn the_limit_is_as_high_as_it_goes() {
        let files = raise();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
        assert_eq!(files, current);
    }
}
