//! Reads the files that were named. What cannot be read becomes part of what was given, so that it
//! is told together with everything else.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use gateproof_core::cilium::CiliumVersion;
use gateproof_core::proposal::{Given, Setting, SettingKind};
use gateproof_core::setup::GivenFile;
use gateproof_core::source::{Role, SourceTree};
use gateproof_runner::discover;

use crate::arguments::PredictArguments;
use crate::command::CommandError;

/// The path that stands for standard input.
const STDIN: &str = "-";

/// Reads everything that the arguments name.
pub(super) fn given(
    arguments: &PredictArguments,
    versions: Vec<CiliumVersion>,
) -> Result<Given, CommandError> {
    let mut mistakes = Vec::new();
    let manifests = manifests(&arguments.filename, &mut mistakes);
    let topology = match arguments.nodes.as_deref().map(discover::topology).transpose() {
        Ok(topology) => topology,
        Err(error) => {
            mistakes.push(format!("--nodes: {error}"));
            None
        }
    };
    if !mistakes.is_empty() {
        return Err(CommandError::Usage(mistakes.join("\nerror: ")));
    }
    let settings = |kind: SettingKind, texts: &[String]| -> Vec<Setting> {
        texts.iter().map(|text| Setting { kind, text: text.clone() }).collect()
    };
    let mut all = settings(SettingKind::Typed, &arguments.set);
    all.extend(settings(SettingKind::Text, &arguments.set_string));
    Ok(Given {
        manifests,
        namespace: arguments.namespace.clone(),
        values: arguments.values.iter().map(|path| discover::given(path)).collect(),
        settings: all,
        topology,
        pools: arguments.pool.clone(),
        versions,
    })
}

fn manifests(paths: &[PathBuf], mistakes: &mut Vec<String>) -> SourceTree {
    let mut tree = SourceTree::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        if path.as_os_str() == STDIN {
            if seen.insert(path.clone()) {
                match stdin() {
                    Ok(text) => tree.insert(Role::Manifest, "<stdin>", text),
                    Err(reason) => tree.insert_unreadable(Role::Manifest, "<stdin>", reason),
                }
            }
            continue;
        }
        match files_below(path) {
            Ok(files) if files.is_empty() => {
                mistakes.push(format!("{} has no .yaml, .yml or .json files", path.display()));
            }
            Ok(files) => {
                for file in files {
                    if !seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
                        continue;
                    }
                    let GivenFile { path, content } = discover::given(&file);
                    match content {
                        Ok(text) => tree.insert(Role::Manifest, path, text),
                        Err(reason) => tree.insert_unreadable(Role::Manifest, path, reason),
                    }
                }
            }
            Err(error) => mistakes.push(format!("failed to read {}: {error}", path.display())),
        }
    }
    tree
}

fn stdin() -> Result<String, String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

/// The manifests that a path stands for, sorted; of a folder everything below it, except what is
/// hidden.
fn files_below(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            // Links to folders are not followed: they could lead round in circles.
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if is_manifest(&entry.path()) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| matches!(extension, "yaml" | "yml" | "json"))
}
