//! A dossier from a folder of what was dumped from a cluster.
//!
//! Any layout will do: files of YAML or JSON with single objects, lists or several documents, as
//! `kubectl get -o yaml` writes them; logs in files that name their pod; an unpacked sysdump of
//! Cilium, whose files are named so (cilium/cilium main, `cilium-cli/sysdump/constants.go`). A
//! bundle that Gateproof wrote gives the dossier that is in it. What cannot be read is told in the
//! dossier; only a folder that holds nothing is an error.

mod logs;
mod metrics;
mod parse;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gateproof_core::dossier::{Dossier, Why, text};
use serde_json::Value;

use crate::assemble::assemble;
use crate::bundle;
use crate::evidence::Evidence;
use crate::reading;

/// A file that is larger is not read.
const LARGEST: u64 = 256 << 20;
/// Folders below each other.
const DEEPEST: usize = 12;

/// A folder could not be made a dossier of.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be read at all.
    #[error("failed to read {}", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is packed.
    #[error(
        "{} is packed: unpack it, and give the folder that comes out of it; only bundles that \
         `gateproof check --bundle` wrote are read as they are",
        path.display()
    )]
    Packed {
        /// The file.
        path: PathBuf,
    },
    /// It is a bundle that cannot be read.
    #[error("failed to read {} as a bundle: {problem}", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It holds nothing that says anything about a cluster.
    #[error(
        "{} holds no Kubernetes object: expected files of YAML or JSON such as `kubectl get \
         gateways,services -A -o yaml` writes, or an unpacked sysdump of Cilium; {files} files \
         were looked at",
        path.display()
    )]
    Empty {
        /// The folder.
        path: PathBuf,
        /// How many files are in it.
        files: usize,
    },
}

/// Reads a folder, or a bundle. The dossier was taken when the newest line of a log was written,
/// as far as anything can tell.
///
/// # Errors
/// When there is nothing to read.
pub fn folder(path: &Path) -> Result<Dossier, FolderError> {
    let unreadable = |source| FolderError::Unreadable { path: path.to_owned(), source };
    let about = fs::metadata(path).map_err(unreadable)?;
    if about.is_file() {
        return of_file(path);
    }
    let inside = path.join(bundle::DOSSIER);
    if inside.is_file() {
        return bundle::read_dossier(&fs::read(&inside).map_err(unreadable)?)
            .map_err(|problem| FolderError::Bundle { path: inside, problem });
    }
    let mut files = Vec::new();
    find(path, 0, &mut files).map_err(unreadable)?;
    files.sort();
    let mut evidence = Evidence::default();
    let mut stems: BTreeSet<String> = BTreeSet::new();
    let (mut logs, mut metrics): (Vec<PathBuf>, Vec<PathBuf>) = Default::default();
    let mut objects = 0;
    for file in &files {
        let shown = file.strip_prefix(path).unwrap_or(file).display().to_string();
        match kind_of(file) {
            FileKind::Documents => {
                stems.insert(stem(file));
                objects += documents(file, &shown, &mut evidence);
            }
            FileKind::Log => logs.push(file.clone()),
            FileKind::Metrics => metrics.push(file.clone()),
            FileKind::Version => version(file, &mut evidence),
            FileKind::Other => {}
        }
    }
    if objects == 0 {
        return Err(FolderError::Empty { path: path.to_owned(), files: files.len() });
    }
    for file in logs {
        logs::add(&file, path, &mut evidence);
    }
    for file in metrics {
        metrics::add(&file, path, &mut evidence);
    }
    tell_missing(&mut evidence, &stems);
    let mut dossier = assemble(evidence);
    dossier.taken = dossier.logs.iter().filter_map(|line| line.at).max();
    Ok(dossier)
}

fn of_file(path: &Path) -> Result<Dossier, FolderError> {
    let path = path.to_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    if Path::new(&name).extension().is_none_or(|ending| ending != "tar") {
        return Err(match kind_of(&path) {
            FileKind::Documents | FileKind::Log | FileKind::Metrics | FileKind::Version => {
                let source = io::Error::new(
                    io::ErrorKind::NotADirectory,
                    "it is a single file; give the folder that holds it",
                );
                FolderError::Unreadable { path, source }
            }
            FileKind::Other => FolderError::Packed { path },
        });
    }
    match bundle::read(&path) {
        Ok(Some(dossier)) => Ok(dossier),
        Ok(None) => Err(FolderError::Packed { path }),
        Err(problem) => Err(FolderError::Bundle { path, problem }),
    }
}

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Documents,
    Log,
    Metrics,
    Version,
    Other,
}

fn kind_of(file: &Path) -> FileKind {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "yaml" | "yml" | "json" => FileKind::Documents,
        "log" => FileKind::Log,
        "txt" if name.starts_with("k8s-version") => FileKind::Version,
        "txt" | "md" if name.contains("metrics") => FileKind::Metrics,
        "txt" if name.starts_with("logs-") || name.contains("-logs") => FileKind::Log,
        _ => FileKind::Other,
    }
}

/// Files below a folder. Links are not followed, because they may lead anywhere.
fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEEPEST {
            find(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Adds the documents of a file, and says how many of them were objects.
fn documents(file: &Path, shown: &str, evidence: &mut Evidence) -> usize {
    let miss = |evidence: &mut Evidence, words: String| {
        evidence.miss(format!("file {shown}"), Why::Unreadable(words), "what is in it");
        0
    };
    match fs::metadata(file) {
        Ok(about) if about.len() > LARGEST => {
            return miss(evidence, format!("it is larger than {} MiB", LARGEST >> 20));
        }
        Ok(_) => {}
        Err(error) => return miss(evidence, error.to_string()),
    }
    let read = fs::read_to_string(file).map_err(|error| error.to_string());
    let documents = match read.and_then(|written| parse::documents(file, &written)) {
        Ok(documents) => documents,
        Err(words) => return miss(evidence, words),
    };
    let mut objects = 0;
    for document in documents {
        if text(&document, "/kind").is_some() && text(&document, "/apiVersion").is_some() {
            objects += 1;
            listed_secrets(&document, evidence);
            evidence.add(document);
        } else if let Some(version) = text(&document, "/serverVersion/gitVersion") {
            evidence.kubernetes.get_or_insert_with(|| version.to_owned());
        } else if stem(file).contains("values") && document.is_object() {
            evidence.add_values(&values(document));
        }
    }
    objects
}

/// What `helm get values` writes above the values is no value.
fn values(mut document: Value) -> Value {
    if let Some(fields) = document.as_object_mut() {
        fields.retain(|key, _| !matches!(key.as_str(), "USER-SUPPLIED VALUES" | "COMPUTED VALUES"));
    }
    document
}

/// A list with Secrets of a namespace holds all of them, unless it was chosen by label: records of
/// Helm are asked for so. A list with several namespaces holds all namespaces.
fn listed_secrets(document: &Value, evidence: &mut Evidence) {
    let namespaces: BTreeSet<&str> = document
        .get("items")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|item| {
            let kind = text(item, "/kind").or_else(|| text(document, "/kind"));
            matches!(kind, Some("Secret" | "SecretList"))
                && text(item, "/type") != Some("helm.sh/release.v1")
        })
        .filter_map(|item| text(item, "/metadata/namespace"))
        .collect();
    if namespaces.len() > 1 {
        evidence.all_secrets_listed();
    }
    for namespace in namespaces {
        evidence.secrets_listed(namespace);
    }
}

fn version(file: &Path, evidence: &mut Evidence) {
    let written = fs::read_to_string(file).unwrap_or_default();
    let version = written
        .split(|c: char| !(c.is_ascii_alphanumeric() || "v.-+".contains(c)))
        .find(|word| word.starts_with("v1."));
    if let Some(version) = version {
        evidence.kubernetes.get_or_insert_with(|| version.to_owned());
    }
}

/// The name of a file without its ending and what a sysdump puts around it: prefix and time.
fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let bare = ["gatewayapi-", "k8s-"].iter().find_map(|prefix| stem.strip_prefix(prefix));
    let bare = bare.unwrap_or(&stem);
    let is_time = |c: char| c.is_ascii_digit() || c == '-';
    let end = bare.trim_end_matches(is_time).len();
    let has_time = bare.len() - end > "-20260131-100000".len() - 1;
    if has_time { bare[..end].to_owned() } else { bare.to_owned() }
}

/// Kinds of which the folder says nothing, not even that there are none.
fn tell_missing(evidence: &mut Evidence, stems: &BTreeSet<String>) {
    let leases = evidence.announces().then_some(&reading::LEASES);
    for reading in reading::all().chain(leases) {
        let group = reading.kind.group;
        let is_there = evidence.list(group, reading.kind.kind).next().is_some()
            || stems.contains(reading.plural)
            || stems.contains(&reading.resource());
        if !is_there {
            let what = format!("{} objects", reading.kind.kind);
            evidence.miss(what, Why::NotInFolder, reading.hides);
        }
    }
    let definitions = "apiextensions.k8s.io";
    if evidence.list(definitions, "CustomResourceDefinition").next().is_none() {
        let hides = reading::DEFINITIONS_HIDE;
        evidence.miss("CustomResourceDefinitions", Why::NotInFolder, hides);
    }
}

#[cfg(test)]
mod tests;
