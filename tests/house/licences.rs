//! What comes in with the dependencies: licences, and packages that were refused.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::spdx::is_satisfied;
use super::tree::{self, none};

/// Licences under which a binary may be given away by anyone, to anyone.
const FINE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// Packages that must not be anywhere in the build, whoever asks for them.
const REFUSED: &[(&str, &str)] = &[
    ("actix-governor", "GPL; `governor` itself is free"),
    ("async-openai", "too strict for servers that speak almost the same"),
    ("console-subscriber", "needs an unstable build"),
    ("eventsource-stream", "stale"),
    ("failsafe", "a breaker on the runtime's clock can be tested"),
    ("genai", "too strict for servers that speak almost the same"),
    ("metrics", "another registry and a second server"),
    ("metrics-exporter-prometheus", "another registry and a second server"),
    ("native-tls", "OpenSSL"),
    ("openssl", "a library of the system that must be found, and kept up to date"),
    ("openssl-sys", "a library of the system that must be found, and kept up to date"),
    ("pgtemp", "races at start and stop"),
    ("postgresql_embedded", "downloads at build time"),
    ("prometheus", "`prometheus-client` is the one that is looked after"),
    ("ractor-supervisor", "global names"),
    ("ractor_cluster", "a reconnect may lose messages"),
    ("recloser", "a breaker on the runtime's clock can be tested"),
    ("reqwest-eventsource", "stale"),
    ("rig-core", "too strict for servers that speak almost the same"),
    ("ring", "one crypto library is enough: aws-lc"),
    ("rsa", "RUSTSEC-2023-0071"),
    ("testcontainers", "wants docker for a test"),
    ("tiktoken-rs", "megabytes of vocabulary for one vendor's models"),
    ("turmoil", "cannot stand in for the sockets of actix"),
    ("utoipa-scalar", "its page loads a script from elsewhere"),
    ("web-push", "OpenSSL, and eighty packages more"),
    ("zstd-sys", "C code for a compression that no client here needs"),
];

/// Packages that the server must not depend on; the load tester may.
const NOT_IN_THE_SERVER: &[(&str, &str)] = &[
    ("actix-session", "the one cookie there is is written by hand"),
    (
        "actix-web-actors",
        "a peer that does not read freezes its session; only a baseline to measure",
    ),
    ("actix-ws", "a peer that does not read cannot be closed; only a baseline to measure"),
];

/// Packages of which one version is enough: a value of one is no value of the other.
const ONCE: &[&str] = &["actix-http", "bytes", "reqwest", "serde", "sqlx", "tokio"];

/// Features that a package must, or must not, be built with.
const FEATURES: &[(&str, &str, bool, &str)] = &[
    ("jsonwebtoken", "aws_lc_rs", true, "without a provider it panics"),
    ("jsonwebtoken", "rust_crypto", false, "brings in rsa"),
    ("ractor", "async-trait", false, "changes every actor"),
    ("serde_json", "arbitrary_precision", false, "changes what a number is, everywhere"),
    ("utoipa-swagger-ui", "vendored", true, "else it is downloaded at build time"),
];

/// The dependency graph as cargo tells it, and the names of what is really built. The graph lists
/// more: a feature that only adds to a dependency, should that be there, makes it a part of the
/// lock file and of nothing else.
struct Graph(Value, BTreeSet<String>);

impl Graph {
    fn packages(&self) -> impl Iterator<Item = &Value> {
        self.0["packages"].as_array().into_iter().flatten()
    }

    fn nodes(&self) -> impl Iterator<Item = &Value> {
        self.0["resolve"]["nodes"].as_array().into_iter().flatten()
    }

    fn name_of<'a>(&'a self, id: &'a str) -> &'a str {
        let package = self.packages().find(|package| package["id"] == *id);
        package.map_or(id, |package| text(&package["name"]))
    }

    /// Names of everything that a package is built from, tests aside.
    fn below(&self, name: &str) -> BTreeSet<&str> {
        let root = self.packages().find(|package| package["name"] == *name);
        let mut waiting: Vec<&str> = root.iter().map(|package| text(&package["id"])).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            let node = self.nodes().find(|node| node["id"] == *id);
            for dep in node.and_then(|node| node["deps"].as_array()).into_iter().flatten() {
                let kinds = dep["dep_kinds"].as_array().into_iter().flatten();
                if kinds.clone().count() == 0 || kinds.into_iter().any(|kind| kind["kind"] != "dev")
                {
                    waiting.push(text(&dep["pkg"]));
                }
            }
        }
        seen.into_iter().map(|id| self.name_of(id)).collect()
    }

    fn slips(&self) -> Vec<String> {
        let mut slips = self.licences();
        let all: BTreeSet<_> = self.1.iter().map(String::as_str).collect();
        let server = self.below("moim");
        for (names, table) in [(&all, REFUSED), (&server, NOT_IN_THE_SERVER)] {
            let is_built = |name: &str| names.contains(name) && all.contains(name);
            let found = table.iter().filter(|(name, _)| is_built(name));
            slips.extend(found.map(|(name, why)| format!("{name} is refused: {why}")));
        }
        slips.extend(self.twice());
        slips.extend(self.features());
        slips
    }

    fn licences(&self) -> Vec<String> {
        let slip = |package: &Value| {
            let name = text(&package["name"]);
            let Some(licence) = package["license"].as_str() else {
                return Some(format!("{name} says nothing about its licence"));
            };
            match is_satisfied(licence, &|id| FINE.contains(&id)) {
                Ok(true) => None,
                Ok(false) => Some(format!("{name} is under {licence}")),
                Err(_unreadable) => Some(format!("{name}: what is {licence:?}?")),
            }
        };
        self.packages().filter_map(slip).collect()
    }

    fn twice(&self) -> Vec<String> {
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for package in self.packages() {
            let name = text(&package["name"]);
            if ONCE.contains(&name) {
                versions.entry(name).or_default().insert(text(&package["version"]));
            }
        }
        versions.retain(|_name, versions| versions.len() > 1);
        versions.iter().map(|(name, versions)| format!("{name} is here as {versions:?}")).collect()
    }

    fn features(&self) -> Vec<String> {
        let mut slips = Vec::new();
        for node in self.nodes() {
            let name = self.name_of(text(&node["id"]));
            let on = node["features"].as_array().into_iter().flatten();
            let on: Vec<_> = on.map(text).collect();
            for (package, feature, wanted, why) in FEATURES {
                if name == *package && on.contains(feature) != *wanted {
                    let how = if *wanted { "with" } else { "without" };
                    slips.push(format!("{package} is wanted {how} {feature}: {why}"));
                }
            }
        }
        slips
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What cargo knows of the locked dependencies, from what is on this machine; only where something
/// is missing it is fetched.
fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let ask = |more: &[&str]| {
        let mut command = Command::new(&cargo);
        command.current_dir(tree::root()).args(["metadata", "--format-version", "1", "--locked"]);
        command.args(more).output().expect("cargo runs")
    };
    let mut answer = ask(&["--offline"]);
    if !answer.status.success() {
        answer = ask(&[]);
    }
    let complaint = String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success(), "cargo metadata: {complaint}");
    serde_json::from_slice(&answer.stdout).expect("cargo speaks JSON")
}

/// Names of everything that some build of some member is made of, on any system.
fn built() -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.current_dir(tree::root()).args(["tree", "--workspace", "--target", "all"]);
    command.args(["--all-features", "--locked", "--prefix", "none", "--format", "{p}"]);
    let answer = command.output().expect("cargo runs");
    let complaint = String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success(), "cargo tree: {complaint}");
    let lines = String::from_utf8(answer.stdout).expect("cargo speaks UTF-8");
    lines.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn nothing_comes_in_that_was_refused() {
    let graph = Graph(metadata(), built());
    assert!(graph.1.contains("actix-http"), "what is built is not known");
    assert!(graph.below("moim").contains("actix-http"), "the graph of the server is not there");
    none("what the dependencies bring in", &graph.slips());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A server that depends on these packages, by name, version and licence.
    fn graph(packages: &[(&str, &str, &str)]) -> Value {
        let all = packages.iter().map(|(name, version, licence)| {
            json!({ "name": name, "version": version, "license": licence, "id": format!("{name} {version}") })
        });
        let deps: Vec<_> = packages
            .iter()
            .map(|(name, version, _)| json!({ "pkg": format!("{name} {version}"), "dep_kinds": [{ "kind": null }] }))
            .collect();
        let moim = json!({ "name": "moim", "version": "0.1.0", "license": "MIT", "id": "moim" });
        let nodes = packages
            .iter()
            .map(|(name, version, _)| json!({ "id": format!("{name} {version}"), "deps": [] }));
        let root = json!({ "id": "moim", "deps": deps });
        json!({
            "packages": all.chain([moim]).collect::<Vec<_>>(),
            "resolve": { "nodes": nodes.chain([root]).collect::<Vec<_>>() },
        })
    }

    fn whole(graph: Value) -> Graph {
        let packages = graph["packages"].as_array().into_iter().flatten();
        let built = packages.map(|package| text(&package["name"]).to_owned()).collect();
        Graph(graph, built)
    }

    fn slips(packages: &[(&str, &str, &str)]) -> Vec<String> {
        whole(graph(packages)).slips()
    }

    #[test]
    fn a_licence_that_binds_others_is_seen() {
        assert_eq!(slips(&[("a", "1.0.0", "MIT OR LGPL-2.1-or-later")]), [""; 0]);
        assert_eq!(slips(&[("a", "1.0.0", "GPL-3.0-or-later")]), ["a is under GPL-3.0-or-later"]);
        assert_eq!(slips(&[("a", "1.0.0", "see the file")]), ["a: what is \"see the file\"?"]);
        let mut silent = graph(&[("a", "1.0.0", "MIT")]);
        silent["packages"][0]["license"] = Value::Null;
        assert_eq!(whole(silent).slips().len(), 1);
    }

    #[test]
    fn a_refused_package_is_seen() {
        assert_eq!(slips(&[("openssl-sys", "0.9.0", "MIT")]).len(), 1);
        assert_eq!(slips(&[("actix-web-actors", "4.3.0", "MIT")]).len(), 1);
    }

    #[test]
    fn what_is_in_the_lock_file_and_not_built_is_no_slip() {
        let graph = graph(&[("ring", "0.17.14", "Apache-2.0")]);
        assert_eq!(whole(graph.clone()).slips().len(), 1);
        assert_eq!(Graph(graph, BTreeSet::new()).slips(), [""; 0]);
    }

    #[test]
    fn what_only_tests_or_the_load_tester_use_is_not_in_the_server() {
        let mut graph = graph(&[("actix-web-actors", "4.3.0", "MIT")]);
        graph["resolve"]["nodes"][1]["deps"][0]["dep_kinds"][0]["kind"] = json!("dev");
        assert_eq!(whole(graph.clone()).slips(), [""; 0]);
        graph["resolve"]["nodes"][1]["deps"] = json!([]);
        assert_eq!(whole(graph).slips(), [""; 0]);
    }

    #[test]
    fn two_versions_of_the_runtime_are_seen() {
        let found = slips(&[("tokio", "1.54.1", "MIT"), ("tokio", "2.0.0", "MIT")]);
        assert_eq!(found, ["tokio is here as {\"1.54.1\", \"2.0.0\"}"]);
    }

    #[test]
    fn features_are_looked_at() {
        let mut graph = graph(&[("ractor", "0.16.5", "MIT"), ("jsonwebtoken", "11.1.0", "MIT")]);
        graph["resolve"]["nodes"][0]["features"] = json!(["async-trait"]);
        graph["resolve"]["nodes"][1]["features"] = json!(["aws_lc_rs"]);
        assert_eq!(whole(graph).slips().len(), 1);
    }
}
