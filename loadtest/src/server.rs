//! The server under test: started here on an empty data folder, or running elsewhere by `--url`.
//!
//! Only a process that was started here is ever ended here.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::cage::Cage;
use crate::cli::{Common, Engine};
use crate::database::Database;
use crate::disk::Disk;
use crate::driven::{self, Restarts};
use crate::endpoint::Endpoint;
use crate::http::Http;
use crate::nodes::Watch;
use crate::port::free_port;
use crate::postgres::Cluster;
use crate::proc::{MOST_NODES, Pins, Process};
use crate::report::Report;
use crate::sample::{Follow, SERVER, Sampler};

const START_LIMIT: Duration = Duration::from_secs(60);
/// The server promises ten.
const STOP_LIMIT: Duration = Duration::from_secs(12);

/// What a scenario drives.
pub(crate) struct Target {
    pub endpoint: Endpoint,
    /// Whose CPU and memory are read, if we may.
    pub process: Option<Process>,
    /// What each of several processes costs by itself.
    nodes: Option<Watch>,
    /// Of a server that we did not start.
    restarts: Option<Restarts>,
    /// Present when we started it.
    pub server: Option<Server>,
    /// From spawn to ready, when we started it.
    pub ready: Option<Duration>,
    /// Where it keeps everything, when we started it.
    pub database: Option<Database>,
    /// The database server, when we started that too. It ends after the server.
    pub cluster: Option<Cluster>,
    /// Reads all processes of the run.
    pub sampler: Sampler,
    /// Those that live as long as this.
    _followed: Option<Follow>,
}

impl Target {
    /// `settings` are those that a scenario needs; what the command line sets wins. With a disk, that
    /// stands between the server and its folder.
    pub(crate) async fn prepare_with(
        common: &Common,
        (pins, sampler): (Option<&Pins>, &Sampler),
        settings: &[(&str, String)],
        disk: Option<&Disk>,
    ) -> Result<Self> {
        let sampler = sampler.clone();
        if let Some(url) = &common.url {
            ensure!(common.pid.len() <= MOST_NODES, "--pid: at most {MOST_NODES} nodes");
            let endpoint = Endpoint::resolve(url).await?;
            for node in endpoint.each() {
                let is_ready = Http::new(node.clone()).get("/readyz", None).await;
                is_ready.with_context(|| format!("{} is not ready", node.addr))?;
            }
            let process = Process::all(&common.pid);
            return Ok(Self {
                restarts: Some(Restarts::count(&endpoint).await),
                endpoint,
                process,
                nodes: process.and_then(|all| Watch::start(all, &sampler)),
                server: None,
                ready: None,
                database: None,
                cluster: None,
                _followed: process.map(|process| sampler.follow(SERVER, process)),
                sampler,
            });
        }
        let cluster = match (common.database, &common.database_url) {
            (Engine::Postgres, None) => Some(Cluster::start(pins)?),
            _ => None,
        };
        let url = cluster.as_ref().map(Cluster::url).or_else(|| common.database_url.clone());
        let followed = cluster.as_ref().map(|it| sampler.follow("PostgreSQL", it.family()));
        let mut server = Server::new(common, url.as_deref(), settings, &sampler)?;
        if let Some(disk) = disk {
            server.put_on(disk)?;
        }
        let ready = server.start(pins).await?;
        Ok(Self {
            endpoint: server.endpoint(),
            process: server.process(),
            nodes: None,
            restarts: None,
            ready: Some(ready),
            database: Some(server.database(url)),
            server: Some(server),
            cluster,
            sampler,
            _followed: followed,
        })
    }

    /// The data file of our own server on SQLite, as it is after the server's end; the folder is
    /// kept as long as the first of the two.
    pub(crate) fn sqlite_file(&self) -> Option<(Rc<TempDir>, PathBuf)> {
        let server = self.server.as_ref()?;
        if server.setting("MOIM_DATABASE_URL").is_some() {
            return None;
        }
        Some((Rc::clone(&server.folder), server.file()))
    }

    /// Ends the server if it is ours; how it ended and what it complained of is part of the report.
    pub(crate) async fn finish(mut self, report: &mut Report) {
        if let Some(nodes) = self.nodes.take() {
            nodes.report(report);
        }
        if let Some(restarts) = &self.restarts {
            restarts.report(&self.endpoint, report).await;
        }
        let Some(server) = &mut self.server else {
            return;
        };
        let caged = server.cage.as_ref().map(|cage| cage.report(report));
        let ending = server.stop().await.and(caged.unwrap_or(Ok(()))).err();
        report.none_of(
            "server_ending",
            ending.map(|error| format!("{error:#}")).into_iter().collect(),
        );
        report.none_of("server_panics", server.panics());
        if let Some(cluster) = &self.cluster {
            cluster.report(report).await;
        }
    }
}

pub(crate) struct Server {
    binary: PathBuf,
    listen: SocketAddr,
    folder: Rc<TempDir>,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    sampler: Sampler,
    followed: Option<Follow>,
    /// What bounds its memory. It goes when the process is gone.
    cage: Option<Cage>,
}

impl Server {
    pub(crate) fn new(
        common: &Common,
        database_url: Option<&str>,
        settings: &[(&str, String)],
        sampler: &Sampler,
    ) -> Result<Self> {
        let binary = driven::binary(common)?;
        ensure!(
            binary.is_file(),
            "{} is not there: build it with `cargo build --release`, or name it with --server",
            binary.display()
        );
        let folder = tempfile::Builder::new().prefix("moim-loadtest-").tempdir()?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let data = folder.path().join("data");
        fs::create_dir(&data)?;
        let mut environment = vec![
            ("MOIM_LISTEN".to_owned(), listen.to_string()),
            ("MOIM_DATA_DIR".to_owned(), data.display().to_string()),
            ("MOIM_PASSWORD_MEMORY_KIB".to_owned(), "64".to_owned()),
            ("MOIM_LOG".to_owned(), "warn".to_owned()),
        ];
        if let Some(url) = database_url {
            environment.push(("MOIM_DATABASE_URL".to_owned(), url.to_owned()));
        }
        environment
            .extend(settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        environment.extend(common.server_env.iter().cloned());
        driven::check_plants(&binary, &environment)?;
        let name = folder.path().file_name().and_then(|name| name.to_str()).unwrap_or("moim");
        let cage = common.memory_mib.map(|mib| Cage::new(name, mib)).transpose()?;
        let (folder, sampler) = (Rc::new(folder), sampler.clone());
        let (child, followed) = (None, None);
        Ok(Self { binary, listen, folder, environment, child, sampler, followed, cage })
    }

    /// Keeps the data on this disk, in a folder that the server makes itself.
    fn put_on(&mut self, disk: &Disk) -> Result<()> {
        let root = self.data().canonicalize()?;
        self.keep_in(&root.join("kept"));
        self.environment.extend(disk.environment(&root));
        Ok(())
    }

    /// Keeps the data in this folder from the next start on.
    pub(crate) fn keep_in(&mut self, folder: &Path) {
        self.environment.push(("MOIM_DATA_DIR".to_owned(), folder.display().to_string()));
    }

    /// Changes settings from the next start on, also those that the command line set.
    pub(crate) fn set(&mut self, settings: impl IntoIterator<Item = (&'static str, String)>) {
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value));
        self.environment.extend(settings);
    }

    /// The folder that is made for the server's data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::local(self.listen)
    }

    /// The program that it runs.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    fn database(&self, url: Option<String>) -> Database {
        match url {
            Some(url) if url.starts_with("postgres") => Database::Postgres { url, name: None },
            Some(url) => Database::Sqlite(PathBuf::from(url.trim_start_matches("sqlite://"))),
            None => Database::Sqlite(self.file()),
        }
    }

    /// What the server finds in its environment: the last of a name counts.
    fn setting(&self, wanted: &str) -> Option<&str> {
        let found = self.environment.iter().rfind(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    }

    /// A setting as the server itself reads it.
    pub(crate) fn reads(&self, setting: &str) -> Option<String> {
        driven::setting(&self.binary, &self.environment, setting)
    }

    /// The data file on SQLite, when no URL names another.
    fn file(&self) -> PathBuf {
        let data = self.setting("MOIM_DATA_DIR").map_or_else(|| self.data(), PathBuf::from);
        data.join("moim.db")
    }

    /// A folder of the run, gone with the server.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn process(&self) -> Option<Process> {
        self.child.as_ref().map(|child| Process::of(child.id()))
    }

    /// Starts the process, on the data of the one before if there was one. Returns the time to ready.
    pub(crate) async fn start(&mut self, pins: Option<&Pins>) -> Result<Duration> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let bare = || Command::new(&self.binary);
        let mut command = self.cage.as_ref().map_or_else(bare, |cage| cage.command(&self.binary));
        driven::clean(&mut command, &self.environment);
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let begin = Instant::now();
        let child = match pins {
            Some(pins) => pins.spawn_apart(|| command.spawn())?,
            None => command.spawn(),
        };
        let child = child.with_context(|| format!("cannot start {}", self.binary.display()))?;
        self.followed = Some(self.sampler.follow(SERVER, Process::of(child.id())));
        self.child = Some(child);
        self.wait_ready(begin).await?;
        let took = begin.elapsed();
        self.followed.iter().for_each(Follow::look);
        Ok(took)
    }

    async fn wait_ready(&mut self, begin: Instant) -> Result<()> {
        loop {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                (self.child, self.followed) = (None, None);
                bail!("the server ended at once ({status}):\n{}", self.last_words());
            }
            let mut http = Http::new(self.endpoint());
            let is_ready = tokio::time::timeout(Duration::from_secs(1), http.get("/readyz", None));
            if matches!(is_ready.await, Ok(Ok(_))) {
                return Ok(());
            }
            if begin.elapsed() > START_LIMIT {
                bail!("the server was not ready in {START_LIMIT:?}:\n{}", self.last_words());
            }
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// SIGKILL: no chance to put anything in order.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        if let Some(status) = child.try_wait()? {
            bail!("the server ended by itself ({status}):\n{}", self.last_words());
        }
        self.followed = None;
        child.kill()?;
        while child.try_wait()?.is_none() {
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// SIGTERM, and SIGKILL for one that does not listen.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        if self.child.is_some() && self.end_within(STOP_LIMIT).await?.is_none() {
            bail!("the server did not stop within {STOP_LIMIT:?} of SIGTERM");
        }
        Ok(())
    }

    /// SIGTERM, and SIGKILL when it has not ended by `patience`. Returns how long it took to end by
    /// itself, or nothing when it was killed.
    pub(crate) async fn end_within(&mut self, patience: Duration) -> Result<Option<Duration>> {
        let mut child = self.child.take().context("the server does not run")?;
        let followed = self.followed.take();
        followed.iter().for_each(Follow::look);
        if let Some(status) = child.try_wait()? {
            bail!("the server ended by itself ({status}):\n{}", self.last_words());
        }
        let pid = Pid::from_raw(i32::try_from(child.id())?).context("a process without an id")?;
        kill_process(pid, Signal::TERM)?;
        let begin = Instant::now();
        while begin.elapsed() < patience {
            if let Some(status) = child.try_wait()? {
                ensure!(status.success(), "the server ended with {status}:\n{}", self.last_words());
                return Ok(Some(begin.elapsed()));
            }
            sleep(Duration::from_millis(1)).await;
        }
        child.kill()?;
        child.wait()?;
        Ok(None)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn panics(&self) -> Vec<String> {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        log.lines().filter(|line| line.contains("panicked at")).map(str::to_owned).collect()
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A seed that differs from run to run.
pub(crate) fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = now.map_or(0, |now| now.as_nanos() as u64);
    nanos ^ (u64::from(std::process::id()) << 40)
}
