//! What is driven, and how it was asked for: a kept result must say what was run.
//!
//! The binary by its hash, the settings that it was given, what it says of them itself, and whether it
//! had to start a part of it again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use crate::cli::{Common, Requirement};
use crate::endpoint::Endpoint;
use crate::http::Http;
use crate::metrics::Metrics;
use crate::report::Report;

/// Names of settings that end so hold what nobody else may read.
const SECRETS: &[&str] = &["SECRET", "PASSWORD", "PASSPHRASE", "TOKEN", "KEY", "CREDENTIALS"];
const MASK: &str = "***";
/// The setting of a server with the feature `faults`.
const PLANT: &str = "MOIM_PLANT";
/// No plant of any server.
const NONSENSE: &str = "a flower";
/// What a server counts when an actor of it crashed: of any kind, and rooms.
const RESTARTS: [&str; 2] = ["moim_actor_restarts_total", "moim_room_restarts_total"];

/// Notes in the report what was asked for, and of whom.
pub(crate) fn note(common: &Common, report: &mut Report) -> Result<()> {
    report.option("arguments", line(std::env::args().skip(1)));
    let settings = common.server_env.iter();
    let settings = settings.map(|(name, value)| (name.clone(), Value::from(shown(name, value))));
    report.option("server_env", settings.collect::<Map<_, _>>());
    report.option("memory_mib", common.memory_mib);
    let required = common.require.iter().map(|Requirement { goal, limit }| match limit {
        Some(limit) => format!("{goal}={limit}"),
        None => goal.clone(),
    });
    report.option("require", required.collect::<Vec<_>>());
    let programs = match &common.url {
        Some(_) => common.pid.iter().map(|pid| PathBuf::from(format!("/proc/{pid}/exe"))).collect(),
        // The actors are part of this program.
        None if report.scenario == "actors" => vec![std::env::current_exe()?],
        None => vec![binary(common)?],
    };
    let hashes = programs.iter().filter_map(|program| sha256(program)).collect::<Vec<_>>();
    report.option("server_sha256", hashes.join(","));
    Ok(())
}

/// The server's binary: the one that was named, or the one beside us.
pub(crate) fn binary(common: &Common) -> Result<PathBuf> {
    let Some(path) = &common.server else {
        let here = std::env::current_exe()?;
        return Ok(here.parent().unwrap_or(Path::new(".")).join("moim"));
    };
    // The process starts in another folder, where a relative path means nothing.
    Ok(std::path::absolute(path)?)
}

/// The hash of a file, as `sha256sum` prints it; nothing where there is no file or no such program.
fn sha256(file: &Path) -> Option<String> {
    let program = std::fs::File::open(file).ok()?;
    let output = Command::new("sha256sum").stdin(program).stderr(Stdio::null()).output().ok()?;
    let told = String::from_utf8(output.stdout).ok()?;
    told.split_whitespace().next().filter(|_| output.status.success()).map(str::to_owned)
}

/// The value of a setting as a report may show it.
fn shown(name: &str, value: &str) -> String {
    let last = name.rsplit('_').next().unwrap_or_default().trim_end_matches('S');
    let is_secret = SECRETS.iter().any(|secret| secret.trim_end_matches('S') == last);
    if is_secret && !value.is_empty() { MASK.to_owned() } else { without_credentials(value) }
}

/// An URL without the name, the password and the query in it; any other text as it is.
fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (place, query) = rest.split_once('?').map_or((rest, ""), |(place, _)| (place, "?***"));
    let end = place.find('/').unwrap_or(place.len());
    let (authority, path) = place.split_at(end);
    let host = authority
        .rsplit_once('@')
        .map_or_else(|| authority.to_owned(), |(_, host)| format!("{MASK}@{host}"));
    format!("{scheme}://{host}{path}{query}")
}

/// The line of arguments, with what nobody else may read masked.
fn line(arguments: impl Iterator<Item = String>) -> String {
    let mut shows_setting = false;
    let show = |argument: String| {
        let is_setting = std::mem::replace(&mut shows_setting, argument == "--server-env");
        let (flag, rest) = match argument.strip_prefix("--server-env=") {
            Some(rest) => ("--server-env=", rest),
            None => ("", argument.as_str()),
        };
        let rest = match rest.split_once('=') {
            Some((name, value)) if is_setting || !flag.is_empty() => {
                format!("{name}={}", shown(name, value))
            }
            _other => without_credentials(rest),
        };
        let text = format!("{flag}{rest}");
        let is_plain = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '\'');
        if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
    };
    arguments.map(show).collect::<Vec<_>>().join(" ")
}

/// A command of the server that finds these settings, and none of the caller's shell: a stray one must
/// not point the load at a real database.
pub(crate) fn clean(command: &mut Command, settings: &[(String, String)]) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("MOIM_")) {
            command.env_remove(name);
        }
    }
    command.envs(settings.iter().map(|(name, value)| (name, value)));
}

/// A setting as the server itself reads it; nothing when it does not say.
pub(crate) fn setting(binary: &Path, settings: &[(String, String)], name: &str) -> Option<String> {
    let mut command = Command::new(binary);
    clean(&mut command, settings);
    let output = command.arg("config").stdin(Stdio::null()).output().ok()?;
    let told = String::from_utf8(output.stdout).ok()?;
    let value = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))?;
    value.split('"').next().map(str::to_owned)
}

/// A server without the feature `faults` takes no notice of a plant, and its run would pass for a run
/// with one.
pub(crate) fn check_plants(binary: &Path, settings: &[(String, String)]) -> Result<()> {
    if !settings.iter().any(|(name, value)| name == PLANT && !value.is_empty()) {
        return Ok(());
    }
    let mut command = Command::new(binary);
    clean(&mut command, &[(PLANT.to_owned(), NONSENSE.to_owned())]);
    let output = command.arg("config").stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start {}", binary.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && said.contains(PLANT),
        "{} has no planted faults and would not heed {PLANT}: build it with \
         `cargo build --workspace --all-features`",
        binary.display()
    );
    Ok(())
}

/// How often a server that is not ours had to start a part of itself again, before it was driven. Of
/// our own the log is read.
pub(crate) struct Restarts(Option<f64>);

impl Restarts {
    pub(crate) async fn count(endpoint: &Endpoint) -> Self {
        let mut sum = Some(0.0);
        for node in endpoint.each() {
            let metrics = Metrics::read(&mut Http::new(node)).await.ok();
            let here = metrics.and_then(|metrics| {
                RESTARTS.iter().map(|name| metrics.sum(name)).sum::<Option<f64>>()
            });
            sum = sum.zip(here).map(|(sum, here)| sum + here);
        }
        Self(sum)
    }

    /// What crashed since is a check; where it cannot be known, the report says so.
    pub(crate) async fn report(&self, endpoint: &Endpoint, report: &mut Report) {
        let now = Self::count(endpoint).await.0;
        let Some((before, now)) = self.0.zip(now) else {
            return report
                .note("panics were not looked for: /metrics of the server is not readable");
        };
        let more = now - before;
        let text = format!("{more} more than before the run, by {}", RESTARTS.join(" and "));
        // Fewer: the node was started anew meanwhile.
        let found = (more != 0.0).then_some(text);
        report.check("server_restarts", more.abs() as u64, found.into_iter().collect());
    }
}

/// Fails when nothing can be written into this folder, which is made if need be.
pub(crate) fn check_folder(folder: &Path) -> Result<()> {
    let tried = || {
        std::fs::create_dir_all(folder)?;
        tempfile::NamedTempFile::new_in(folder)?.write_all(b"a report comes here")
    };
    tried().with_context(|| format!("cannot keep the report in {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_secret_is_masked_and_the_rest_is_not() {
        for (name, value, meant) in [
            ("MOIM_JWT_SECRET", "s3cret", "***"),
            ("MOIM_LLM_API_KEY", "sk-1", "***"),
            ("MOIM_SMTP_PASSWORD", "x", "***"),
            ("MOIM_PASSWORD_MEMORY_KIB", "64", "64"),
            ("MOIM_AI_USER_TOKENS_PER_DAY", "200000", "200000"),
            ("MOIM_JWT_SECRET", "", ""),
            ("MOIM_REDIS_URL", "redis://me:word@host:1/0?a=b", "redis://***@host:1/0?***"),
            ("MOIM_PUBLIC_URL", "https://chat.example/x", "https://chat.example/x"),
        ] {
            assert_eq!(shown(name, value), meant, "{name}");
        }
    }

    #[test]
    fn the_line_of_arguments_can_be_read_and_tells_no_secret() {
        let given = ["rooms", "--server-env", "MOIM_JWT_SECRET=abc", "--seconds", "2"];
        let more =
            ["--server-env=MOIM_LLM_API_KEY=k", "--database-url", "postgres://a:b@c/d", "a b"];
        let line = line(given.iter().chain(&more).map(|text| (*text).to_owned()));
        let meant = "rooms --server-env MOIM_JWT_SECRET=*** --seconds 2 \
                     --server-env=MOIM_LLM_API_KEY=*** --database-url postgres://***@c/d 'a b'";
        assert_eq!(line, meant);
    }

    #[test]
    fn a_file_has_the_hash_that_everybody_knows() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().write_all(b"abc").unwrap();
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(file.path()).as_deref(), Some(known));
        assert_eq!(sha256(Path::new("/nowhere")), None);
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = check_folder(&file.path().join("below")).unwrap_err();
        assert!(format!("{error:#}").contains("below"), "{error:#}");
        check_folder(&tempfile::tempdir().unwrap().path().join("new")).unwrap();
    }
}
