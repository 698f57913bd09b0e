//! The stand-in node image: the program, linked statically, under every name that a node has.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use gateproof_kind::engine::Engine;
use gateproof_stand_in::NAMES;
use gateproof_tests::root;
use tar::{Builder, EntryType, Header};

/// The Kubernetes version that the nodes say they have.
pub(crate) const KUBERNETES: &str = "v1.36.4";

const PROGRAM: &str = "usr/local/bin/gateproof-stand-in";
const WITHIN: Duration = Duration::from_mins(2);

/// Folders that a node has.
const FOLDERS: [&str; 17] = [
    "bin",
    "dev",
    "etc",
    "etc/containerd",
    "kind",
    "kind/manifests",
    "proc",
    "run",
    "sbin",
    "sys",
    "tmp",
    "usr",
    "usr/bin",
    "usr/local",
    "usr/local/bin",
    "var",
    "var/log",
];

/// Files that a node has.
const FILES: [(&str, &str); 4] = [
    ("kind/version", "v1.36.4\n"),
    ("etc/containerd/config.toml", "version = 3\n"),
    (
        "kind/manifests/default-storage.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: local-path-storage}\n",
    ),
    (
        "kind/manifests/default-cni.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kindnet, namespace: kube-system}\n",
    ),
];

/// How the image is made: like kind's node images, without an operating system.
const DOCKERFILE: &str = "FROM scratch\n\
    COPY root/ /\n\
    ENV container=docker\n\
    ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
    STOPSIGNAL SIGRTMIN+3\n\
    ENTRYPOINT [\"/usr/local/bin/entrypoint\", \"/sbin/init\"]\n";

/// The label by which the image says that it is none of Kubernetes.
const LABEL: (&str, &str) = ("gateproof.dev/stand-in", "node");

/// How the names of variables begin that cargo sets for a package it builds or runs.
const SAID_BY_CARGO: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"];

/// Links the program statically: without an operating system there is nothing to link to.
pub(crate) fn program() -> Result<PathBuf, String> {
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo says to this test of its package; build scripts that ask for the same names would
    // run again, and half of the dependencies be built twice.
    for (name, _) in std::env::vars_os() {
        if SAID_BY_CARGO.iter().any(|start| name.as_encoded_bytes().starts_with(start.as_bytes())) {
            cargo.env_remove(name);
        }
    }
    let built = cargo
        .args(["rustc", "--quiet", "--package", "gateproof-stand-in"])
        .args(["--bin", "gateproof-stand-in", "--message-format", "json"])
        .args(["--", "-C", "target-feature=+crt-static", "-C", "link-arg=-s"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned());
    }
    String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .ok_or_else(|| "cargo named no program".to_owned())
}

/// Makes the image.
pub(crate) async fn make(engine: &Engine, reference: &str, program: &Path) -> Result<(), String> {
    let octets = std::fs::read(program).map_err(|error| error.to_string())?;
    let context = context(&octets).map_err(|error| error.to_string())?;
    build(engine, reference, context).await
}

async fn build(engine: &Engine, reference: &str, context: Vec<u8>) -> Result<(), String> {
    let labels = [(LABEL.0.to_owned(), LABEL.1.to_owned())].into();
    engine
        .build_image(reference, Bytes::from(context), &labels, WITHIN)
        .await
        .map_err(|error| in_words(&error))?;
    Ok(())
}

/// Makes an image of another one with lines of a Dockerfile.
pub(crate) async fn derive(
    engine: &Engine,
    base: &str,
    reference: &str,
    lines: &str,
) -> Result<(), String> {
    let mut context = Builder::new(Vec::new());
    let text = format!("FROM {base}\n{lines}\n");
    let packed = add(&mut context, "Dockerfile", text.as_bytes(), 0o644)
        .and_then(|()| context.into_inner())
        .map_err(|error| error.to_string())?;
    build(engine, reference, packed).await
}

fn context(program: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    add(&mut archive, "Dockerfile", DOCKERFILE.as_bytes(), 0o644)?;
    for folder in FOLDERS {
        let mut header = header(EntryType::Directory, 0, 0o755);
        archive.append_data(&mut header, format!("root/{folder}"), std::io::empty())?;
    }
    add(&mut archive, &format!("root/{PROGRAM}"), program, 0o755)?;
    for name in NAMES {
        let mut header = header(EntryType::Symlink, 0, 0o777);
        archive.append_link(&mut header, format!("root{name}"), format!("/{PROGRAM}"))?;
    }
    for (path, text) in FILES {
        add(&mut archive, &format!("root/{path}"), text.as_bytes(), 0o644)?;
    }
    archive.into_inner()
}

fn add(
    archive: &mut Builder<Vec<u8>>,
    path: &str,
    octets: &[u8],
    mode: u32,
) -> std::io::Result<()> {
    let mut header = header(EntryType::Regular, octets.len() as u64, mode);
    archive.append_data(&mut header, path, octets)
}

fn header(kind: EntryType, size: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header
}

/// An error with its causes.
pub(crate) fn in_words(error: &dyn std::error::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    words.join(": ")
}
