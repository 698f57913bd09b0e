//! containerd and its programs, as far as images are loaded into nodes.
//!
//! Images are known by name alone and kept in one file; nothing of them is unpacked.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use serde_json::Value;

use crate::{Failure, Outcome, journal};

/// The images of the node: reference to id.
const STORE: &str = "/var/lib/stand-in-images.json";

/// `containerd config dump`.
pub(crate) fn containerd(arguments: &[String]) -> Outcome {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["config", "dump"] => {
            println!(
                "version = 3\n\n[plugins]\n  [plugins.\"io.containerd.cri.v1.images\"]\n    \
                 snapshotter = \"overlayfs\""
            );
            Ok(())
        }
        _ => Err(Failure::new(format!("stand-in: containerd does not do {arguments:?}"))),
    }
}

/// `crictl images [-o json]` and `crictl inspecti REFERENCE`.
pub(crate) fn crictl(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let images = read()?;
    match words[..] {
        ["images"] => {
            println!("IMAGE                TAG      IMAGE ID      SIZE");
            for (reference, id) in images {
                println!("{reference}   {id}");
            }
            Ok(())
        }
        ["images", "-o" | "--output", "json"] => {
            let list: Vec<Value> = images
                .iter()
                .map(|(reference, id)| {
                    serde_json::json!({"id": id, "repoTags": [reference], "repoDigests": []})
                })
                .collect();
            println!("{}", serde_json::json!({"images": list}));
            Ok(())
        }
        ["inspecti", ref rest @ ..] => {
            let reference = rest.iter().find(|word| !word.starts_with('-')).copied();
            let found = reference.and_then(|it| images.get(&full(it)).map(|id| (it, id)));
            let Some((reference, id)) = found else {
                return Err(Failure::new(format!(
                    "FATA[0000] no such image {:?} present",
                    reference.unwrap_or_default()
                )));
            };
            println!("{}", serde_json::json!({"status": {"id": id, "repoTags": [reference]}}));
            Ok(())
        }
        _ => Err(Failure::new(format!("stand-in: crictl does not do {arguments:?}"))),
    }
}

/// `ctr --namespace=k8s.io images import … -`, `images tag` and `images list`.
pub(crate) fn ctr(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (["--namespace=k8s.io", rest @ ..] | ["-n" | "--namespace", "k8s.io", rest @ ..]) =
        words.as_slice()
    else {
        return Err(Failure::new(
            "stand-in: images that Kubernetes sees are in the namespace k8s.io",
        ));
    };
    match rest {
        ["images" | "image", "import", flags @ ..] if flags.last() == Some(&"-") => import(flags),
        ["images" | "image", "tag", "--force", from, to] => {
            let mut images = read()?;
            let id = images
                .get(&full(from))
                .cloned()
                .ok_or_else(|| Failure::new(format!("ctr: image {from:?}: not found")))?;
            images.insert(full(to), id);
            write(&images)
        }
        ["images" | "image", "ls" | "list", "-q"] => {
            for reference in read()?.keys() {
                println!("{reference}");
            }
            Ok(())
        }
        _ => Err(Failure::new(format!("stand-in: ctr does not do {arguments:?}"))),
    }
}

/// Takes the names out of an archive: those of its `manifest.json`, or of its OCI index.
fn import(flags: &[&str]) -> Outcome {
    const KNOWN: [&str; 5] = ["--digests", "--all-platforms", "--local", "--no-unpack", "-"];
    for flag in flags {
        let valued = ["--snapshotter=", "--platform="].iter().any(|known| flag.starts_with(known));
        if !KNOWN.contains(flag) && !valued {
            return Err(Failure::new(format!(
                "Incorrect Usage: flag provided but not defined: {flag}"
            )));
        }
    }
    let mut images = read()?;
    let mut archive = ::tar::Archive::new(io::stdin());
    let mut found = 0;
    for entry in archive.entries()? {
        let entry = entry?;
        let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
        if path == "manifest.json" {
            let list: Vec<Value> = serde_json::from_reader(entry)
                .map_err(|error| Failure::new(format!("ctr: manifest.json: {error}")))?;
            for image in &list {
                let config = image["Config"].as_str().unwrap_or_default();
                let id = config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
                for name in image["RepoTags"].as_array().into_iter().flatten() {
                    let name = full(name.as_str().unwrap_or_default());
                    println!("unpacking {name} (sha256:{id})...done");
                    images.insert(name, format!("sha256:{id}"));
                    found += 1;
                }
            }
        }
    }
    if found == 0 {
        return Err(Failure::new("ctr: unrecognized image format: no manifest.json with names"));
    }
    journal::note(&format!("containerd: imported {found} images"));
    write(&images)
}

fn read() -> Result<BTreeMap<String, String>, Failure> {
    match fs::read_to_string(STORE) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| Failure::new(error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error.into()),
    }
}

fn write(images: &BTreeMap<String, String>) -> Outcome {
    fs::create_dir_all("/var/lib")?;
    let text = serde_json::to_string(images).map_err(|error| Failure::new(error.to_string()))?;
    Ok(fs::write(STORE, text)?)
}

/// A reference with its registry, as containerd keeps it.
fn full(reference: &str) -> String {
    match reference.split_once('/') {
        None => format!("docker.io/library/{reference}"),
        Some((first, _)) if !first.contains(['.', ':']) && first != "localhost" => {
            format!("docker.io/{reference}")
        }
        Some(_) => reference.to_owned(),
    }
}
