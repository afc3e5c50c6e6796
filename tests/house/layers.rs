//! Arrows never turn back: which part of the program may use which, and where a package is at home.

use std::collections::BTreeSet;

use super::tree::{self, Source, none};
use super::uses::{Named, module_of, named};

/// Each part of `src/`, and the parts that it may use besides itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("faults", &[]),
    ("config", &["faults"]),
    ("telemetry", &[]),
    ("protocol", &["domain"]),
    ("store", &["domain", "faults"]),
    ("files", &["domain", "faults"]),
    ("preview", &["domain", "faults"]),
    ("llm", &["domain"]),
    ("actors", &["domain", "protocol", "store", "llm", "telemetry", "faults"]),
    ("http", &["domain", "protocol", "store", "files", "actors", "telemetry"]),
    // A client of the wire: it could be a program of its own.
    ("top", &[]),
    // Plays a provider of models: it could be a program of its own too.
    ("mock", &[]),
    ("app", BELOW_APP),
    ("cli", &["app", "config", "telemetry", "top"]),
    // What is fuzzed, behind one face; not in a release build.
    ("fuzz", BELOW_APP),
    ("main", &["cli"]),
];

/// The parts list knows every part.
const BELOW_APP: &[&str] = &[
    "domain",
    "config",
    "telemetry",
    "faults",
    "protocol",
    "store",
    "files",
    "preview",
    "llm",
    "actors",
    "http",
    "top",
    "mock",
];

/// Where a package, or a part of one, may be named. `*` at its end stands for the rest of a name.
struct Home {
    package: &'static str,
    at: &'static [&'static str],
    but_not_at: &'static [&'static str],
}

/// Packages that live in one place.
const HOMES: &[Home] = &[
    Home { package: "sqlx", at: &["store"], but_not_at: &[] },
    Home { package: "redis", at: &["store"], but_not_at: &[] },
    Home { package: "ractor", at: &["actors"], but_not_at: &["actors/session", "actors/relay"] },
    Home {
        package: "actix*",
        at: &["actors/session", "actors/relay", "actors/bench", "http", "app"],
        but_not_at: &[],
    },
    Home {
        package: "tokio::net",
        at: &["actors/session", "actors/outbox", "http", "mock", "app"],
        but_not_at: &[],
    },
    Home { package: "jsonwebtoken", at: &["http", "actors/courier"], but_not_at: &[] },
    Home {
        package: "reqwest",
        at: &["llm", "preview", "http/oidc", "actors/courier", "top"],
        but_not_at: &[],
    },
    // Markdown in, safe HTML out.
    Home { package: "comrak", at: &["domain/markup"], but_not_at: &[] },
    Home { package: "ammonia", at: &["domain/markup/clean"], but_not_at: &[] },
    Home { package: "object_store", at: &["files"], but_not_at: &[] },
    Home { package: "image", at: &["files"], but_not_at: &[] },
    Home { package: "infer", at: &["files"], but_not_at: &[] },
    Home { package: "html5gum", at: &["preview"], but_not_at: &[] },
    Home { package: "crossterm", at: &["top"], but_not_at: &[] },
    Home { package: "rustix", at: &["app", "files"], but_not_at: &[] },
    Home { package: "ipnet", at: &["config", "http/proxies"], but_not_at: &[] },
    Home { package: "utoipa*", at: &["http"], but_not_at: &[] },
    Home { package: "rust_embed", at: &["http"], but_not_at: &[] },
    Home { package: "argon2", at: &["http"], but_not_at: &[] },
    Home { package: "governor", at: &["actors/throttle"], but_not_at: &[] },
    Home { package: "prometheus_client", at: &["telemetry"], but_not_at: &[] },
    // The settings refuse a filter of the logs that cannot be read.
    Home { package: "tracing_subscriber", at: &["telemetry", "config"], but_not_at: &[] },
    Home { package: "clap*", at: &["cli"], but_not_at: &[] },
    Home { package: "toml", at: &["config"], but_not_at: &[] },
    // `main` hands the arguments over; the environment is read by the settings alone.
    Home { package: "std::env", at: &["config", "main"], but_not_at: &[] },
];

/// The lowest parts name these packages and no other of `Cargo.toml`.
const MAY_NAME: &[(&str, &[&str])] = &[
    // Where the last two may be named, HOMES says.
    (
        "domain",
        &[
            "emojis",
            "regex_automata",
            "serde",
            "thiserror",
            "unicode_normalization",
            "uuid",
            "ammonia",
            "comrak",
        ],
    ),
    ("protocol", &["serde", "serde_json", "bytes"]),
];

/// What is wrong in a file, a line each.
fn slips(source: &Source, packages: &BTreeSet<String>) -> Vec<String> {
    let module = module_of(&source.path);
    let Some(part) = module.first() else {
        return Vec::new(); // The root of the library only lists its parts.
    };
    let Some((_, may_use)) = ARROWS.iter().find(|(known, _)| known == part) else {
        return vec![format!("{}:1: the part {part:?} is not in the table of arrows", source.path)];
    };
    let place = module.join("/");
    let mut slips = Vec::new();
    for Named { path, line } in named(source, "moim") {
        let written = path.join("::");
        let mut slip = |why: &str| slips.push(format!("{}:{line}: {why} ({written})", source.path));
        if path[0] == "crate" {
            let used = path.get(1).map_or("", String::as_str);
            if used != part && !may_use.contains(&used) {
                slip(&format!("{part} may not use {used:?}"));
            }
            continue;
        }
        for home in HOMES.iter().filter(|home| is_of(&written, home.package)) {
            let is_in = |places: &[&str]| places.iter().any(|of| is_below(&place, of));
            if !is_in(home.at) || is_in(home.but_not_at) {
                slip(&format!("{} is not at home in {place}", home.package));
            }
        }
        let few = MAY_NAME.iter().find(|(known, _)| known == part);
        if few
            .is_some_and(|(_, few)| packages.contains(&path[0]) && !few.contains(&path[0].as_str()))
        {
            slip(&format!("{part} does without {}", path[0]));
        }
    }
    slips
}

/// Whether a path names this package, or something in it.
fn is_of(path: &str, package: &str) -> bool {
    match package.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None => path == package || path.strip_prefix(package).is_some_and(|p| p.starts_with("::")),
    }
}

/// Whether a module is this one or inside it.
fn is_below(place: &str, of: &str) -> bool {
    place.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The packages that the program itself depends on, as paths name them.
fn packages(manifest: &str) -> BTreeSet<String> {
    let section = manifest.split("\n[").find_map(|part| part.strip_prefix("dependencies]"));
    let lines = section.unwrap_or_default().lines();
    let names = lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim());
    names.map(|name| name.replace('-', "_")).collect()
}

#[test]
fn arrows_never_turn_back_and_packages_stay_at_home() {
    let packages = packages(&tree::read("Cargo.toml"));
    assert!(packages.contains("sqlx") && packages.contains("actix_web"), "{packages:?}");
    let sources = tree::below(&["src"], &[".rs"]);
    let slips: Vec<_> = sources.iter().flat_map(|source| slips(source, &packages)).collect();
    none("an arrow turns back, or a package is away from home", &slips);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> Vec<String> {
        let packages = ["sqlx", "serde", "tokio"].map(str::to_owned).into();
        slips(&Source { path: path.to_owned(), text: text.to_owned() }, &packages)
    }

    #[test]
    fn an_arrow_that_turns_back_is_named_with_its_line() {
        let slips =
            check("src/protocol/op.rs", "use crate::domain::A;\nuse crate::{domain, store::B};");
        assert_eq!(
            slips,
            ["src/protocol/op.rs:2: protocol may not use \"store\" (crate::store::B)"]
        );
        assert_eq!(check("src/domain/ids.rs", "fn f() { crate::http::g() }").len(), 1);
        assert_eq!(check("src/domain/ids.rs", "use super::super::config::C;").len(), 1);
        assert_eq!(check("src/actors/room/mod.rs", "use crate::app::App;").len(), 1);
        assert_eq!(check("src/telemetry.rs", "use crate::domain::A;").len(), 1);
        assert_eq!(
            check("src/config/table.rs", "use super::A; mod t { use super::super::B; }"),
            [""; 0]
        );
        assert_eq!(check("src/http/rooms.rs", "use crate::actors::A; use super::page;"), [""; 0]);
    }

    #[test]
    fn what_stands_at_the_root_of_the_library_is_nobodys() {
        assert_eq!(check("src/http/rooms.rs", "use crate::helper;").len(), 1);
        assert_eq!(check("src/helper.rs", "").len(), 1);
    }

    #[test]
    fn a_package_away_from_home_is_named() {
        assert_eq!(check("src/http/rooms.rs", "#[derive(sqlx::FromRow)] struct A;").len(), 1);
        assert_eq!(check("src/store/rooms.rs", "use sqlx::query;"), [""; 0]);
        assert_eq!(check("src/actors/room/mod.rs", "use ractor::Actor;"), [""; 0]);
        assert_eq!(check("src/actors/relay/mod.rs", "use ractor::Actor;").len(), 1);
        assert_eq!(check("src/actors/relays.rs", "use ractor::Actor;"), [""; 0]);
        assert_eq!(check("src/actors/room/mod.rs", "use actix_web::web;").len(), 1);
        assert_eq!(check("src/actors/session/mod.rs", "use actix::Actor;"), [""; 0]);
        assert_eq!(check("src/http/api.rs", "use std::env;").len(), 1);
        assert_eq!(check("src/http/api.rs", "use std::{env::var, fmt};").len(), 1);
        assert_eq!(
            check("src/http/api.rs", "fn f() { env!(\"X\") } use std::environment;"),
            [""; 0]
        );
        assert_eq!(check("src/domain/text.rs", "use comrak::Arena;").len(), 1);
        assert_eq!(check("src/domain/markup/render.rs", "use comrak::Arena;"), [""; 0]);
        assert_eq!(check("src/domain/markup/render.rs", "use ammonia::Builder;").len(), 1);
        assert_eq!(check("src/http/api.rs", "use reqwest::Client;").len(), 1);
        assert_eq!(check("src/http/oidc.rs", "use reqwest::Client;"), [""; 0]);
    }

    #[test]
    fn the_lowest_parts_name_few_packages() {
        assert_eq!(check("src/domain/text.rs", "use tokio::sync::Mutex;").len(), 1);
        assert_eq!(check("src/domain/text.rs", "use serde::Serialize; use std::fmt;"), [""; 0]);
        let manifest = "[package]\nname = \"x\"\n\n[dependencies]\na-b = \"1\"\n\n[dev-dependencies]\nc = \"1\"";
        assert_eq!(packages(manifest), ["a_b".to_owned()].into());
    }
}
