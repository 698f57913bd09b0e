//! A registry that holds one tiny image under names that misbehave in known ways.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A registry on a port of loopback, which Docker reaches without TLS.
pub(crate) struct Registry {
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    manifests: Arc<Mutex<BTreeMap<String, u32>>>,
    server: tokio::task::JoinHandle<()>,
}

/// Who may pull.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody.
    Open,
    /// Whoever sends this `Authorization`.
    With(&'static str),
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What the registry holds, by path below a repository.
struct Content {
    blobs: BTreeMap<String, (&'static str, Vec<u8>)>,
    manifest: String,
}

impl Registry {
    pub(crate) async fn start(access: Access, labels: &BTreeMap<String, String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let manifests = Arc::new(Mutex::new(BTreeMap::new()));
        let content = Arc::new(content(labels));
        let server = tokio::spawn({
            let manifests = Arc::clone(&manifests);
            async move {
                loop {
                    let (socket, _) = listener.accept().await.expect("a connection");
                    let (content, manifests) = (Arc::clone(&content), Arc::clone(&manifests));
                    tokio::spawn(async move { serve(socket, access, &content, &manifests).await });
                }
            }
        });
        Self { host, manifests, server }
    }

    /// How often the manifest of a repository was asked for.
    pub(crate) fn asked(&self, repository: &str) -> u32 {
        self.manifests.lock().expect("nobody panics").get(repository).copied().unwrap_or_default()
    }
}

async fn serve(
    mut socket: TcpStream,
    access: Access,
    content: &Content,
    manifests: &Mutex<BTreeMap<String, u32>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            // Docker tries TLS first, whose handshake begins with this byte.
            Ok(0x16) if head.is_empty() => return,
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let allowed = match access {
        Access::Open => true,
        Access::With(authorization) => head.lines().any(|line| {
            line.split_once(": ").is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("authorization") && value == authorization
            })
        }),
    };
    let (status, kind, body) = if allowed {
        answer(path, content, manifests)
    } else {
        ("401 Unauthorized", "application/json", error("UNAUTHORIZED", "who are you"))
    };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Docker-Distribution-Api-Version: registry/2.0\r\n",
        body.len()
    );
    if !allowed {
        answer.push_str("WWW-Authenticate: Basic realm=\"suite\"\r\n");
    }
    answer.push_str("\r\n");
    let mut answer = answer.into_bytes();
    if method != "HEAD" {
        answer.extend_from_slice(&body);
    }
    // The other side may have gone; that is its business.
    drop(socket.write_all(&answer).await);
}

fn answer(
    path: &str,
    content: &Content,
    manifests: &Mutex<BTreeMap<String, u32>>,
) -> (&'static str, &'static str, Vec<u8>) {
    const JSON: &str = "application/json";
    if path == "/v2/" {
        return ("200 OK", JSON, b"{}".to_vec());
    }
    let parts: Vec<&str> = path.trim_start_matches("/v2/").split('/').collect();
    let [repository, kind, name] = parts.as_slice() else {
        return ("404 Not Found", JSON, error("NAME_UNKNOWN", "repository name not known"));
    };
    if *kind == "blobs" {
        return match content.blobs.get(*name) {
            Some((kind, bytes)) => ("200 OK", kind, bytes.clone()),
            None => ("404 Not Found", JSON, error("BLOB_UNKNOWN", "blob unknown")),
        };
    }
    let asked = {
        let mut manifests = manifests.lock().expect("nobody panics");
        let asked = manifests.entry((*repository).to_owned()).or_default();
        *asked += 1;
        *asked
    };
    match *repository {
        "busy" if asked <= 2 => ("503 Service Unavailable", JSON, error("UNAVAILABLE", "busy")),
        "good" | "busy" => {
            let (kind, bytes) = &content.blobs[&content.manifest];
            ("200 OK", kind, bytes.clone())
        }
        "limited" => {
            let words = "You have reached your pull rate limit.";
            ("429 Too Many Requests", JSON, error("TOOMANYREQUESTS", words))
        }
        "denied" => {
            let words = "requested access to the resource is denied";
            ("403 Forbidden", JSON, error("DENIED", words))
        }
        _ => ("404 Not Found", JSON, error("MANIFEST_UNKNOWN", "manifest unknown")),
    }
}

fn error(code: &str, message: &str) -> Vec<u8> {
    let error = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
    error.to_string().into_bytes()
}

fn content(labels: &BTreeMap<String, String>) -> Content {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(5);
    archive.append_data(&mut header, "hello", b"hello".as_slice()).expect("in memory");
    let layer = archive.into_inner().expect("in memory");
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux",
        "config": { "Labels": labels, "Cmd": ["/hello"] },
        "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
    });
    let config = config.to_string().into_bytes();
    let described = |kind: &str, bytes: &[u8]| serde_json::json!({ "mediaType": kind, "size": bytes.len(), "digest": digest(bytes) });
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described("application/vnd.docker.container.image.v1+json", &config),
        "layers": [described("application/vnd.docker.image.rootfs.diff.tar.gzip", &layer)],
    });
    let manifest = manifest.to_string().into_bytes();
    let of_manifest = digest(&manifest);
    let blobs = BTreeMap::from([
        (of_manifest.clone(), (MANIFEST, manifest)),
        (digest(&config), ("application/octet-stream", config)),
        (digest(&layer), ("application/octet-stream", layer)),
    ]);
    Content { blobs, manifest: of_manifest }
}

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn digest(bytes: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    hash.as_ref().iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("in memory");
        text
    })
}
