//! Whose metrics a file holds, by the pod that its path names: pages as a sysdump writes them
//! (`metrics-POD-CONTAINER-….txt`; cilium/cilium main, `cilium-cli/sysdump/constants.go`), and
//! `cilium-dbg metrics list` in the unpacked output of `cilium-bugtool` (1.18.10,
//! `bugtool/cmd/configuration.go`).

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use gateproof_core::dossier::{Component, Why, text};

use super::LARGEST;
use crate::component;
use crate::evidence::{Evidence, drift, name};

/// Adds what an agent counts, if the file is of one.
pub(super) fn add(file: &Path, root: &Path, evidence: &mut Evidence) {
    let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
    let pod = evidence
        .list("", "Pod")
        .filter(|pod| text(pod, "/metadata/name").is_some_and(|name| shown.contains(name)))
        .max_by_key(|pod| text(pod, "/metadata/name").map(str::len))
        .filter(|pod| component::of(pod) == Some(Component::CiliumAgent))
        .and_then(name);
    let Some(agent) = pod else { return };
    match count(file) {
        Ok(Some(count)) => evidence.add_drift(agent, count),
        Ok(None) => {}
        Err(error) => {
            let why = Why::Unreadable(error.to_string());
            evidence.miss(format!("file {shown}"), why, "what the agent counts about itself");
        }
    }
}

fn count(file: &Path) -> std::io::Result<Option<u32>> {
    let mut lines = BufReader::new(File::open(file)?.take(LARGEST));
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        if let Some(count) = drift(&String::from_utf8_lossy(&line)) {
            return Ok(Some(count));
        }
        line.clear();
    }
    Ok(None)
}
