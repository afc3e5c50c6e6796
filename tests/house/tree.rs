//! The tree as text.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders that are made, not written.
const MADE: &[&str] = &[".git", "target", "node_modules", "data", "__pycache__"];

/// A file, by its path from the root with `/` between the parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Where the project lies.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of one file.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// The files below some folders whose names end in one of `endings`, sorted by path.
pub(crate) fn below(folders: &[&str], endings: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        walk(&root().join(folder), &mut paths);
    }
    paths.retain(|path| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)));
    paths.sort();
    let sources: Vec<_> = paths.iter().filter_map(|path| source(path)).collect();
    assert!(!sources.is_empty(), "no {endings:?} below {folders:?}: is this the right place?");
    sources
}

/// Every text file that is, or may be, committed. Asks git; outside a checkout everything counts
/// that is not made by a build.
pub(crate) fn kept() -> Vec<Source> {
    let mut paths = listed(&["ls-files", "-z"]);
    paths.extend(listed(&["ls-files", "-z", "--others", "--exclude-standard"]));
    if paths.is_empty() {
        walk(root(), &mut paths);
    }
    paths.sort();
    paths.dedup();
    // A file that was just taken away, and what is no text, has nothing to say.
    paths.iter().filter_map(|path| source(path)).collect()
}

fn listed(arguments: &[&str]) -> Vec<PathBuf> {
    let asked = Command::new("git").current_dir(root()).args(arguments).output();
    let Ok(answer) = asked else {
        return Vec::new();
    };
    let names = String::from_utf8_lossy(&answer.stdout).into_owned();
    names.split('\0').filter(|name| !name.is_empty()).map(|name| root().join(name)).collect()
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_made = MADE.iter().any(|made| entry.file_name() == *made);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !is_made => walk(&path, into),
            Ok(kind) if kind.is_file() => into.push(path),
            _made_or_link => {}
        }
    }
}

fn source(path: &Path) -> Option<Source> {
    let text = std::fs::read_to_string(path).ok()?;
    let parts = path.strip_prefix(root()).ok()?.components();
    let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
    Some(Source { path: parts.join("/"), text })
}

/// Fails with one line for each slip.
pub(crate) fn none(rule: &str, slips: &[String]) {
    assert!(slips.is_empty(), "{rule}:\n  {}\n", slips.join("\n  "));
}
