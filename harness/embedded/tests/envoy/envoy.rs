//! A real Envoy, fed with the rendered resources from files.
//!
//! The resources are used as they were rendered. What Cilium's agent would serve over xDS is put in
//! its place instead: route tables into their listeners, endpoints into their clusters, certificates
//! as static secrets. Added is an address to listen on; names of listeners are made unique where
//! several setups share one Envoy.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gateproof_kubernetes::wait;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A running Envoy. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Envoy {
    process: Child,
    folder: tempfile::TempDir,
    admin: SocketAddr,
    /// Where each listener is, by name.
    listeners: Vec<(String, SocketAddr)>,
}

/// What Envoy is fed.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    pub(crate) listeners: Vec<Value>,
    pub(crate) clusters: Vec<Value>,
    pub(crate) secrets: Vec<Value>,
}

impl Envoy {
    /// Starts Envoy with one worker and waits until it listens.
    pub(crate) async fn start(program: &PathBuf, resources: &Resources) -> Self {
        Self::start_with(program, resources, 1).await
    }

    /// The same with this many workers.
    pub(crate) async fn start_with(
        program: &PathBuf,
        resources: &Resources,
        workers: usize,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, value: &Value| {
            fs::write(folder.path().join(name), value.to_string()).expect("a writable folder");
        };
        write("lds.json", &json!({"version_info": "1", "resources": resources.listeners}));
        write("cds.json", &json!({"version_info": "1", "resources": resources.clusters}));
        let source = |name: &str| json!({"resourceApiVersion": "V3", "pathConfigSource": {"path": folder.path().join(name)}});
        write(
            "bootstrap.json",
            &json!({
                "node": {"id": "node", "cluster": "cluster"},
                "admin": {"address": {"socketAddress": {"address": "127.0.0.1", "portValue": 0}}},
                "dynamicResources": {"ldsConfig": source("lds.json"), "cdsConfig": source("cds.json")},
                "staticResources": {"secrets": resources.secrets},
            }),
        );
        let process = Command::new(program)
            .arg("--config-path")
            .arg(folder.path().join("bootstrap.json"))
            .arg("--admin-address-path")
            .arg(folder.path().join("admin"))
            .arg("--log-path")
            .arg(folder.path().join("log"))
            .args(["--concurrency", &workers.to_string()])
            .args(["--disable-hot-restart", "--log-level", "warning"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        let mut envoy =
            Self { process, folder, admin: ([127, 0, 0, 1], 0).into(), listeners: Vec::new() };
        envoy.ready().await;
        envoy
    }

    async fn ready(&mut self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            if let Ok(text) = fs::read_to_string(self.folder.path().join("admin"))
                && let Ok(admin) = text.trim().parse()
            {
                self.admin = admin;
                if self.ask("/ready").await.contains("LIVE") {
                    break;
                }
            }
            let ended = self.process.try_wait().expect("a child to ask").is_some();
            assert!(!ended && Instant::now() < deadline, "Envoy is not ready: {}", self.log());
            wait::pause(Duration::from_millis(20)).await;
        }
        let listed = self.ask("/listeners?format=json").await;
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        for status in listed["listener_statuses"].as_array().into_iter().flatten() {
            let socket = &status["local_address"]["socket_address"];
            let address =
                socket["address"].as_str().expect("an address").parse().expect("an address");
            let port = socket["port_value"].as_u64().expect("a port").try_into().expect("a port");
            let name = status["name"].as_str().expect("a name").to_owned();
            self.listeners.push((name, SocketAddr::new(address, port)));
        }
    }

    /// Where a listener is; `None` when Envoy refused it.
    pub(crate) fn listener(&self, name: &str) -> Option<SocketAddr> {
        self.listeners.iter().find(|(own, _)| own == name).map(|(_, socket)| *socket)
    }

    /// What Envoy logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The body of an admin page; empty when there is none.
    pub(crate) async fn ask(&self, path: &str) -> String {
        let asked = async {
            let mut stream = TcpStream::connect(self.admin).await?;
            let request =
                format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let answer = asked.await.unwrap_or_default();
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { return String::new() };
        if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            return unchunked(body);
        }
        body.to_owned()
    }
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        if size == 0 || rest.len() < size + 2 {
            break;
        }
        whole.push_str(&rest[..size]);
        body = &rest[size + 2..];
    }
    whole
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if self.process.kill().is_ok() {
            drop(self.process.wait());
        }
    }
}
