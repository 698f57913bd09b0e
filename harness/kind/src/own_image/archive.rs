//! An image as the archive that engines and containerd load (the form of `docker save`), made
//! octet by octet the same from the same content.
//!
//! Entries are sorted and carry no time, no owner and no name of this machine; the configuration
//! says "created" at the epoch. An image's id is the digest of its configuration (moby:
//! `image/spec/spec.md` v1.2), so it follows from the content alone.

use std::collections::BTreeMap;

use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::image::Platform;

/// A file of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    path: String,
    content: Vec<u8>,
}

impl Entry {
    /// An executable file; a leading slash does not matter.
    pub fn program(path: &str, content: Vec<u8>) -> Self {
        Self { path: path.trim_start_matches('/').to_owned(), content }
    }
}

/// What the image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What it runs on.
    pub platform: Platform,
    /// What runs.
    pub entrypoint: String,
    /// Its environment.
    pub env: Vec<String>,
    /// Its repository.
    pub repository: String,
    /// The version in its tag.
    pub version: String,
}

/// The label of our own images; its value is the program's version.
pub const OWN_IMAGE: &str = "gateproof.dev/image";

/// Nobody in particular: echo servers and probers need no rights.
const USER: &str = "65532:65532";

/// A whole image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its name, `REPOSITORY:VERSION-DIGEST`.
    pub reference: String,
    /// Its id, `sha256:…`.
    pub id: String,
    /// What it runs on.
    pub platform: Platform,
    /// The archive's octets.
    pub octets: Bytes,
}

impl Archive {
    /// Packs files into an image of one layer.
    pub fn of(entries: Vec<Entry>, settings: &Settings) -> Self {
        let layer = layer(entries);
        let layer_digest = hexadecimal(&layer);
        let platform = &settings.platform;
        let configuration = json!({
            "architecture": platform.architecture,
            "config": {
                "Entrypoint": [settings.entrypoint],
                "Env": settings.env,
                "Labels": {(OWN_IMAGE): settings.version},
                "User": USER,
            },
            "created": "1970-01-01T00:00:00Z",
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "gateproof"}],
            "os": platform.os,
            "rootfs": {"diff_ids": [format!("sha256:{layer_digest}")], "type": "layers"},
        })
        .to_string()
        .into_bytes();
        let id = hexadecimal(&configuration);
        let reference = format!("{}:{}-{}", settings.repository, settings.version, &id[..12]);
        let configuration_name = format!("{id}.json");
        let layer_name = format!("{layer_digest}/layer.tar");
        let manifest = json!([{
            "Config": configuration_name,
            "Layers": [layer_name],
            "RepoTags": [reference],
        }]);
        let mut tar = tar::Builder::new(Vec::new());
        append(&mut tar, &configuration_name, &configuration, 0o644);
        append(&mut tar, &layer_name, &layer, 0o644);
        append(&mut tar, "manifest.json", manifest.to_string().as_bytes(), 0o644);
        Self {
            reference,
            id: format!("sha256:{id}"),
            platform: platform.clone(),
            octets: finish(tar).into(),
        }
    }
}

/// The layer's archive: folders before what is in them, everything sorted.
fn layer(entries: Vec<Entry>) -> Vec<u8> {
    let mut files: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
    for Entry { path, content } in entries {
        let mut folder = path.as_str();
        while let Some((parent, _)) = folder.rsplit_once('/') {
            files.insert(format!("{parent}/"), None);
            folder = parent;
        }
        files.insert(path, Some(content));
    }
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        append(&mut tar, &path, &content.unwrap_or_default(), 0o755);
    }
    finish(tar)
}

fn append(tar: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8], mode: u32) {
    let mut header = tar::Header::new_ustar();
    let kind =
        if path.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular };
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, path, content).expect("memory can be written to");
}

fn finish(tar: tar::Builder<Vec<u8>>) -> Vec<u8> {
    tar.into_inner().expect("memory can be written to")
}

fn hexadecimal(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    digest(&SHA256, octets).as_ref().iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").expect("writing to a String never fails");
        text
    })
}
