//! What the documents promise about commands.

use super::tree::{self, none};
use super::wire;

/// Commands that the front page tells a newcomer to run.
const COMMANDS: &[&str] = &["cargo run --release", "./test.sh"];

#[test]
fn the_front_page_says_how_to_run_and_how_to_test() {
    let readme = tree::read("README.md");
    let missing = COMMANDS.iter().filter(|command| !readme.contains(**command));
    let slips: Vec<_> =
        missing.map(|command| format!("README.md does not name {command:?}")).collect();
    none("the front page", &slips);
}

/// The settings, as the table writes them down: `plain("listen", …)` or `secret("redis_url", …)`.
fn settings(table: &str) -> Vec<String> {
    let body = table.split("SETTINGS: &[Setting] = &[").nth(1).and_then(|s| s.split("\n];").next());
    let calls = body.unwrap_or_default().split(['(', '\n']).map(str::trim_start);
    let mut calls = calls.filter(|part| !part.is_empty()).peekable();
    let mut names = Vec::new();
    while let Some(call) = calls.next() {
        let name = calls.peek().and_then(|next| next.split('"').nth(1));
        if matches!(call, "plain" | "secret") {
            names.extend(name.map(|name| format!("MOIM_{}", name.to_uppercase())));
        }
    }
    names
}

#[test]
fn the_guide_names_every_setting() {
    let settings = settings(&tree::read("src/config/table.rs"));
    assert!(settings.iter().any(|name| name == "MOIM_LISTEN"), "no settings: {settings:?}");
    let guide = tree::read("docs/guide.md");
    let missing = settings.iter().filter(|name| !guide.contains(&format!("`{name}`")));
    let slips: Vec<_> = missing.map(|name| format!("docs/guide.md does not name {name}")).collect();
    none("settings", &slips);
}

#[test]
fn settings_are_read_from_their_table() {
    let table = "const fn plain(\n    \"no\") pub const SETTINGS: &[Setting] = &[\n    plain(\"a_b\", None),\n    \
                 secret(\n        \"c\",\n        \"plain\"),\n];\nplain(\"d\")";
    assert_eq!(settings(table), ["MOIM_A_B", "MOIM_C"]);
}

#[cfg(unix)]
#[test]
fn what_is_to_be_run_can_be_run() {
    use std::os::unix::fs::PermissionsExt;

    for script in ["test.sh", ".ci/run"] {
        let file = std::fs::metadata(tree::root().join(script)).expect(script);
        assert!(file.permissions().mode() & 0o111 == 0o111, "{script} is not executable");
        assert!(tree::read(script).starts_with("#!"), "{script} does not say what runs it");
    }
}

/// The links of a document to other files of the tree.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.map(|target| target.split('#').next().unwrap_or_default());
    targets.filter(|target| !target.is_empty() && !target.contains(':')).collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut slips = Vec::new();
    for document in tree::kept().iter().filter(|source| source.path.ends_with(".md")) {
        let folder = tree::root().join(&document.path);
        for link in links(&document.text) {
            let target = folder.parent().expect("a file is in a folder").join(link);
            if !target.exists() {
                slips.push(format!("{}: {link}", document.path));
            }
        }
    }
    none("links that lead nowhere", &slips);
}

#[test]
fn only_links_to_files_are_followed() {
    let text = "[a](b.md#c) [d](https://e.org/f) [g](#h) ![i](j/k.png)";
    assert_eq!(links(text), ["b.md", "j/k.png"]);
}

/// Files of a folder, without what stands behind their names.
fn names(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(tree::root().join(folder)).expect("no folder");
    let stem = |path: std::path::PathBuf| path.file_stem()?.to_str().map(str::to_owned);
    let mut names: Vec<_> = entries.flatten().filter_map(|entry| stem(entry.path())).collect();
    names.sort();
    names
}

/// How many there are, in words: the documents count them.
const COUNTED: &[&str] = &[
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];

#[test]
fn every_fuzz_target_is_told_of_counted_and_run_by_chance() {
    let targets = names("fuzz/fuzz_targets");
    assert_eq!(targets, names("fuzz/examples"), "targets and kept examples");
    let (readme, conformance) = (tree::read("fuzz/README.md"), tree::read("docs/conformance.md"));
    let count = format!("{} targets", COUNTED[targets.len()]);
    assert!(readme.contains(&count) && conformance.contains(&count), "there are {count}");
    let (built, by_chance) = (tree::read("fuzz/Cargo.toml"), tree::read("tests/fuzz/main.rs"));
    let (kept, chance) = by_chance.split_once("proptest! {").expect("nothing by chance");
    for target in &targets {
        assert!(readme.contains(&format!("| `{target}` |")), "{target} is not in the table");
        assert!(built.contains(&format!("name = \"{target}\"")), "{target} is not built");
        assert!(kept.contains(&format!("\"{target}\"")), "{target}: kept examples are not run");
        assert!(chance.contains(&format!("{target}(")), "{target} is not run by chance");
    }
}

#[test]
fn every_op_is_tried_by_chance_and_is_among_the_kept_lines() {
    let (chance, kept) = (tree::read("tests/fuzz/lines.rs"), names("fuzz/examples/lines"));
    let kept: String =
        kept.iter().map(|name| tree::read(&format!("fuzz/examples/lines/{name}"))).collect();
    let mut slips = Vec::new();
    for op in wire::ops() {
        let named = format!("\"op\":\"{op}\"");
        // One kept line writes its op with an escape.
        let is_kept = kept.contains(&named) || op == "ping";
        slips.extend((!chance.contains(&named)).then(|| format!("tests/fuzz/lines.rs lacks {op}")));
        slips.extend((!is_kept).then(|| format!("fuzz/examples/lines lacks {op}")));
    }
    none("lines of a session", &slips);
}

/// The features of this package that a text names.
fn features(text: &str) -> Vec<&str> {
    let named = text.split("feature `").skip(1).filter_map(|rest| rest.split('`').next());
    named.collect()
}

/// The paths of this tree that a text names, but for patterns.
fn paths(text: &str) -> Vec<&str> {
    let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let tops = ["src/", "tests/", "docs/", "loadtest/", "fuzz/", "web/", "migrations/", ".ci/"];
    let is_path = |span: &&str| {
        let is_below = tops.iter().any(|top| span.starts_with(top));
        is_below && !span.contains([' ', '<', '>', '*', '{', '…'])
    };
    spans.filter(is_path).collect()
}

#[test]
fn documents_name_features_and_files_that_there_are() {
    let manifests = [tree::read("Cargo.toml"), tree::read("loadtest/Cargo.toml")];
    let mut slips = Vec::new();
    for document in tree::kept().iter().filter(|source| source.path.ends_with(".md")) {
        let missing = |feature: &&str| {
            let line = format!("\n{feature} = [");
            !manifests.iter().any(|manifest| manifest.contains(&line))
        };
        let features = features(&document.text).into_iter().filter(missing);
        slips.extend(features.map(|name| format!("{}: no feature {name}", document.path)));
        let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let is_there = |path: &str| tree::root().join(path).exists();
        let missing = |path: &&str| !is_there(path) && !is_there(&format!("{folder}/{path}"));
        let paths = paths(&document.text).into_iter().filter(missing);
        slips.extend(paths.map(|path| format!("{}: no {path}", document.path)));
    }
    none("names in documents", &slips);
}

#[test]
fn features_and_paths_are_seen_in_a_text() {
    assert_eq!(features("the feature `a`, a cargo feature `b-c`; features"), ["a", "b-c"]);
    let text = "`src/a.rs` and `src/<x>.rs`, `cargo test`, src/b.rs, `tests/it`,\n`docs/x` `a`";
    assert_eq!(paths(text), ["src/a.rs", "tests/it", "docs/x"]);
}
