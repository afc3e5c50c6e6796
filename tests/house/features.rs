//! What only tests have is in no build that serves anybody.

use super::tree::{self, none};

/// The feature with the planted faults.
const FAULTS: &str = "faults";

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

/// The dependencies of a manifest that name this package, outside of its own tests.
fn asks_for_faults(manifest: &str) -> bool {
    ["dependencies", "build-dependencies"].iter().any(|name| {
        let asked = table(manifest, name);
        asked.iter().any(|(package, how)| *package == "moim" && how.contains(FAULTS))
    })
}

#[test]
fn no_build_that_serves_has_planted_faults() {
    let manifest = tree::read("Cargo.toml");
    let features = table(&manifest, "features");
    assert!(features.iter().any(|(name, _)| *name == FAULTS), "the feature has another name");
    assert!(!by_default(&manifest).iter().any(|name| name == FAULTS), "it is on by default");
    let manifests = [manifest, tree::read("loadtest/Cargo.toml")];
    assert!(!manifests.iter().any(|text| asks_for_faults(text)), "a dependency brings it");
    // Whoever builds a release by these files gets no faults in it.
    let told = tree::kept().into_iter().filter(|source| {
        let name = source.path.rsplit('/').next().unwrap_or_default();
        source.path.starts_with("deploy/") || source.path.starts_with(".ci/") || name == "README.md"
    });
    let asks = |line: &str| {
        line.contains("--release") && ["--all-features", FAULTS].iter().any(|f| line.contains(f))
    };
    let slips: Vec<_> = told
        .flat_map(|source| {
            let lines: Vec<_> = source.text.lines().filter(|line| asks(line)).collect();
            lines.iter().map(|line| format!("{}: {line}", source.path)).collect::<Vec<_>>()
        })
        .collect();
    none("a release with planted faults", &slips);
}

#[test]
fn a_feature_that_the_default_brings_is_found() {
    let manifest =
        "[features]\ndefault = [\"a\"]\na = [\"b\", \"c\"]\nb = [\"faults\"]\nfaults = []\n\n[x]\n";
    assert_eq!(by_default(manifest), ["default", "a", "b", "c", "faults"]);
    assert_eq!(by_default("[features]\ndefault = []\nfaults = []\n"), ["default"]);
    let of = |how: &str| format!("[dependencies]\nmoim = {how}\n\n[dev-dependencies]\n");
    assert!(asks_for_faults(&of("{ path = \"..\", features = [\"faults\"] }")));
    assert!(!asks_for_faults(&of("{ path = \"..\" }")));
    assert!(!asks_for_faults("[dev-dependencies]\nmoim = { features = [\"faults\"] }\n"));
}
