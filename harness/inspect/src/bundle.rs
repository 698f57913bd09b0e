//! Evidence as one file: a tar of the dossier, of its objects and logs for people, and a manifest
//! of what is in it. Nothing in it is secret: what was seen by probes is redacted here once more.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use gateproof_core::dossier::{Component, Dossier, text};
use gateproof_core::redaction;
use serde_json::Value;

/// The file that holds the dossier itself.
pub(crate) const DOSSIER: &str = "dossier.json";
/// The file that says what the others are.
const MANIFEST: &str = "manifest.yaml";

/// A bundle could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The dossier has no form in JSON.
    #[error("failed to write down the dossier")]
    Dossier(#[source] serde_json::Error),
    /// The file cannot be written.
    #[error("failed to write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Writes a dossier as one file, which [`crate::folder`] reads again. The file appears whole or
/// not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn bundle(dossier: &Dossier, path: &Path) -> Result<(), BundleError> {
    let mut value = serde_json::to_value(dossier).map_err(BundleError::Dossier)?;
    redaction::told(&mut value);
    let files = files(dossier, &value).map_err(BundleError::Dossier)?;
    let failed = |source| BundleError::Write { path: path.to_owned(), source };
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in &files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive.append_data(&mut header, name, content.as_bytes()).map_err(failed)?;
    }
    let octets = archive.into_inner().map_err(failed)?;
    let partial = path.with_extension("partial");
    let mut file = File::create(&partial).map_err(failed)?;
    file.write_all(&octets).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&partial, path).map_err(failed)
}

/// The dossier in a bundle; `None` when the file is an archive of something else.
pub(crate) fn read(path: &Path) -> Result<Option<Dossier>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries().map_err(|error| error.to_string())? {
        let mut entry = entry.map_err(|error| error.to_string())?;
        if entry.path().is_ok_and(|name| name == Path::new(DOSSIER)) {
            let mut octets = Vec::new();
            entry.read_to_end(&mut octets).map_err(|error| error.to_string())?;
            return read_dossier(&octets).map(Some);
        }
    }
    Ok(None)
}

/// The dossier in the file of that name.
pub(crate) fn read_dossier(octets: &[u8]) -> Result<Dossier, String> {
    serde_json::from_slice(octets).map_err(|error| format!("{DOSSIER}: {error}"))
}

/// Names and contents, the manifest first.
fn files(dossier: &Dossier, value: &Value) -> Result<Vec<(String, String)>, serde_json::Error> {
    let mut files = vec![(DOSSIER.to_owned(), serde_json::to_string_pretty(value)?)];
    let objects = value.get("objects").and_then(Value::as_array);
    let mut kind = String::new();
    let mut of_kind: Vec<&Value> = Vec::new();
    for object in objects.into_iter().flatten() {
        let its = text(object, "/kind").unwrap_or("unknown").to_lowercase();
        if its != kind {
            add_objects(&mut files, &kind, &of_kind)?;
            of_kind.clear();
            kind = its;
        }
        of_kind.push(object);
    }
    add_objects(&mut files, &kind, &of_kind)?;
    for line in &dossier.logs {
        let name = format!("logs/{}.log", line.source.replace('/', "_"));
        let text = redaction::text(&line.text);
        match files.iter_mut().find(|(known, _)| *known == name) {
            Some((_, log)) => writeln!(log, "{text}").expect("writing to a String never fails"),
            None => files.push((name, format!("{text}\n"))),
        }
    }
    files.insert(0, (MANIFEST.to_owned(), manifest(dossier, &files)));
    Ok(files)
}

fn add_objects(
    files: &mut Vec<(String, String)>,
    kind: &str,
    objects: &[&Value],
) -> Result<(), serde_json::Error> {
    if objects.is_empty() {
        return Ok(());
    }
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
    files.push((format!("objects/{kind}.json"), serde_json::to_string_pretty(&list)?));
    Ok(())
}

fn manifest(dossier: &Dossier, files: &[(String, String)]) -> String {
    let mut text = String::from(
        "# Evidence about a cluster, collected by Gateproof. Secrets are redacted.\n\
         # `gateproof check --from` reads dossier.json; everything else is for people.\n",
    );
    let mut line = |words: String| writeln!(text, "{words}").expect("a String can be written to");
    if let Some(taken) = dossier.taken {
        line(format!("taken: \"{taken}\""));
    }
    line(format!("nodes: {}", dossier.nodes.len()));
    line(format!("objects: {}", dossier.objects.len()));
    for component in [
        Component::CiliumOperator,
        Component::CiliumAgent,
        Component::Envoy,
        Component::CertManager,
    ] {
        let name = crate::component::container(component);
        line(format!("logLines.{name}: {}", dossier.log(component).count()));
    }
    line(format!("unread: {}", dossier.unread.len()));
    line("files:".to_owned());
    for (name, content) in files {
        line(format!("- {{name: {name}, octets: {}}}", content.len()));
    }
    text
}
