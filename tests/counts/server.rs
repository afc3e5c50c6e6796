//! A server in this process, and the few REST calls that set the stage.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use moim::app::App;
use moim::config::{Config, Values};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Nothing in a healthy server takes this long.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    runtime: Runtime,
    http: reqwest::Client,
    admin: String,
    end: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let data = folder.path().join("data").display().to_string();
        let settings = BTreeMap::from([
            ("MOIM_LISTEN", "127.0.0.1:0"),
            ("MOIM_DATA_DIR", data.as_str()),
            ("MOIM_PASSWORD_MEMORY_KIB", "64"),
            ("MOIM_WORKERS", "2"),
            // Nobody reads while the crowd gathers.
            ("MOIM_HEARTBEAT_MS", "300000"),
            // Who comes back at once is there twice until the server knows of the loss.
            ("MOIM_SESSIONS_PER_USER", "40"),
        ]);
        let look = |name: &str| settings.get(name).map(|value| (*value).to_owned());
        let config =
            Config::parse(&Values::gather(&BTreeMap::new(), &look, None).unwrap()).unwrap();
        let app = runtime.block_on(App::build(&config)).unwrap();
        let address = app.address();
        let (end, ended) = oneshot::channel::<()>();
        let running = runtime.spawn(async move {
            let ended = async {
                let _dropped = ended.await;
            };
            app.run_until(ended).await.unwrap();
        });
        let http = reqwest::Client::builder().timeout(SOON).build().unwrap();
        let (end, running) = (Some(end), Some(running));
        let admin = String::new();
        let mut server = Self { address, runtime, http, admin, end, running, _folder: folder };
        server.admin = server.register("admin");
        server
    }

    /// A POST that must succeed.
    pub(crate) fn post(&self, token: Option<&str>, path: &str, body: &Value) -> Value {
        let url = format!("http://{}{path}", self.address);
        let mut request = self.http.post(url).json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap().error_for_status().unwrap();
            answer.json().await.unwrap()
        })
    }

    /// A GET that must succeed.
    pub(crate) fn get(&self, token: Option<&str>, path: &str) -> Value {
        let request = self.http.get(format!("http://{}{path}", self.address));
        let request = request.bearer_auth(token.unwrap_or_default());
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap().error_for_status().unwrap();
            answer.json().await.unwrap()
        })
    }

    /// The access token of a fresh account.
    pub(crate) fn register(&self, name: &str) -> String {
        let body = json!({ "username": name, "password": "correct horse" });
        let answer = self.post(None, "/v1/auth/register", &body);
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// The tree of actors, as an admin sees it: the account that came first.
    pub(crate) fn actors(&self) -> Value {
        let url = format!("http://{}/v1/admin/actors?limit=200", self.address);
        self.runtime.block_on(async {
            let answer = self.http.get(url).bearer_auth(&self.admin).send().await.unwrap();
            answer.error_for_status().unwrap().json().await.unwrap()
        })
    }

    pub(crate) fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.address);
        self.runtime.block_on(async {
            let answer = self.http.get(url).send().await.unwrap();
            answer.text().await.unwrap()
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.end.take().map(|end| end.send(()));
        if let Some(running) = self.running.take() {
            let ended = async { tokio::time::timeout(SOON, running).await };
            let _ended = self.runtime.block_on(ended);
        }
    }
}
