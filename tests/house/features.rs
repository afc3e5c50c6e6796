//! What only tests have is in no build that serves anybody.

use super::tree::{self, Source, none};
use super::uses;

/// The feature with the planted faults.
const FAULTS: &str = "faults";
/// The feature of the server's library with which the load tester drives the actors without a server.
const BENCH: &str = "bench";
/// The one place of the load tester that names the server's library; everything else there knows the
/// wire alone, as any client does.
const DRIVES: &str = "loadtest/src/scenario/actors.rs";

/// The lines of one table of a manifest: key, and what stands behind the `=`.
fn table<'m>(manifest: &'m str, name: &str) -> Vec<(&'m str, &'m str)> {
    let header = format!("[{name}]\n");
    let Some(at) = manifest.find(&header) else {
        return Vec::new();
    };
    let lines = manifest[at + header.len()..].lines().take_while(|line| !line.starts_with('['));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim(), value.trim())).collect()
}

/// The features that a build has that asks for none.
fn by_default(manifest: &str) -> Vec<String> {
    let features = table(manifest, "features");
    let mut found: Vec<String> = vec!["default".to_owned()];
    let mut at = 0;
    while let Some(name) = found.get(at).cloned() {
        let brings = features.iter().find(|(known, _)| *known == name).map_or("", |(_, b)| *b);
        let brought = brings.split('"').skip(1).step_by(2).map(str::to_owned);
        let news: Vec<_> = brought.filter(|feature| !found.contains(feature)).collect();
        found.extend(news);
        at += 1;
    }
    found
}

/// Whether a dependency of a manifest on this package asks for a feature, outside of its own tests.
fn asks_for(manifest: &str, feature: &str) -> bool {
    ["dependencies", "build-dependencies"].iter().any(|name| {
        let asked = table(manifest, name);
        asked.iter().any(|(package, how)| *package == "moim" && how.contains(feature))
    })
}

#[test]
fn no_build_that_serves_has_what_only_tests_have() {
    let manifest = tree::read("Cargo.toml");
    let features = table(&manifest, "features");
    for feature in [FAULTS, BENCH] {
        assert!(features.iter().any(|(name, _)| *name == feature), "{feature} has another name");
        assert!(!by_default(&manifest).iter().any(|name| name == feature), "{feature}: by default");
        assert!(!asks_for(&manifest, feature), "a dependency brings {feature}");
    }
    assert!(!asks_for(&tree::read("loadtest/Cargo.toml"), FAULTS), "the load tester brings it");
    // Whoever builds a release by these files gets nothing of it: features of one build are one set,
    // so the load tester is built by itself.
    let told = tree::kept().into_iter().filter(|source| {
        let name = source.path.rsplit('/').next().unwrap_or_default();
        source.path.starts_with("deploy/") || source.path.starts_with(".ci/") || name == "README.md"
    });
    let asks = |line: &str| {
        let brings = ["--all-features", "--workspace", FAULTS, "features bench"];
        line.contains("--release") && brings.iter().any(|brings| line.contains(brings))
    };
    let slips: Vec<_> = told
        .flat_map(|source| {
            let lines: Vec<_> = source.text.lines().filter(|line| asks(line)).collect();
            lines.iter().map(|line| format!("{}: {line}", source.path)).collect::<Vec<_>>()
        })
        .collect();
    none("a release with what only tests have", &slips);
}

/// The lines of a file that name the server's library.
fn names_library(source: &Source) -> Vec<String> {
    let named = uses::named(source, "loadtest");
    let library = named.iter().filter(|named| named.path[0] == "moim");
    library
        .map(|named| format!("{}:{}: {}", source.path, named.line, named.path.join("::")))
        .collect()
}

#[test]
fn the_load_tester_knows_the_server_by_the_wire_but_for_one_scenario() {
    let sources = tree::below(&["loadtest/src", "loadtest/tests"], &[".rs"]);
    let (drives, others): (Vec<_>, Vec<_>) =
        sources.iter().partition(|source| source.path == DRIVES);
    let driven: Vec<_> = drives.into_iter().flat_map(names_library).collect();
    assert!(!driven.is_empty(), "{DRIVES} drives nothing");
    let strange: Vec<_> =
        driven.iter().filter(|line| !line.contains("moim::actors::bench::")).cloned().collect();
    none("the load tester reaches past the bench", &strange);
    let slips: Vec<_> = others.into_iter().flat_map(names_library).collect();
    none("the load tester names the server's library", &slips);
}

#[test]
fn the_library_is_seen_in_code_and_not_in_words() {
    let of = |text: &str| {
        names_library(&Source { path: "loadtest/src/x.rs".to_owned(), text: text.to_owned() }).len()
    };
    assert_eq!(of("use moim::domain::Text;\nfn f() { moim::actors::bench::g() }"), 2);
    assert_eq!(of("// moim::domain\nlet server = \"moim::x\"; use crate::moim;"), 0);
}

#[test]
fn a_feature_that_the_default_brings_is_found() {
    let manifest =
        "[features]\ndefault = [\"a\"]\na = [\"b\", \"c\"]\nb = [\"faults\"]\nfaults = []\n\n[x]\n";
    assert_eq!(by_default(manifest), ["default", "a", "b", "c", "faults"]);
    assert_eq!(by_default("[features]\ndefault = []\nfaults = []\n"), ["default"]);
    let of = |how: &str| format!("[dependencies]\nmoim = {how}\n\n[dev-dependencies]\n");
    assert!(asks_for(&of("{ path = \"..\", features = [\"faults\"] }"), FAULTS));
    assert!(!asks_for(&of("{ path = \"..\", features = [\"bench\"] }"), FAULTS));
    assert!(!asks_for(&of("{ path = \"..\" }"), FAULTS));
    assert!(!asks_for("[dev-dependencies]\nmoim = { features = [\"faults\"] }\n", FAULTS));
}
