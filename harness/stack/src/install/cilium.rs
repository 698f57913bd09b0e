//! Cilium, by its Helm chart.

use std::fs;
use std::path::PathBuf;

use gateproof_core::cilium::chart::has_key;

use crate::error::StackError;
use crate::helm::command::{Chart, Release, show_values, upgrade};
use crate::install::{Installed, Work};
use crate::private_file::PrivateFile;
use crate::step::step;
use crate::values::{Merged, as_yaml, needs, unknown_keys};

/// Cilium's release.
const RELEASE: Release = Release { name: "cilium", namespace: "kube-system" };

/// Brings Cilium's release to the values that are asked for.
pub(crate) async fn install(work: &Work<'_>, installed: &mut Installed) -> Result<(), StackError> {
    let Work { target, request, settings, surroundings, helm } = *work;
    let version = &request.cilium;
    let wanted = needs(version, &request.config, &target.facts, target.load_balancing.as_ref());
    let merged = Merged::of(&request.values, wanted);
    installed.warnings.extend(merged.contradictions());
    let evidence = evidence(work, "cilium-values.yaml", &merged.as_evidence(version))?;
    installed.evidence.extend(evidence);
    let chart = Chart {
        name: "cilium",
        source: settings.cilium_chart.clone(),
        version: version.to_string(),
    };
    step(surroundings, "compare the values with Cilium's chart", async |_| {
        let defaults = helm.run(&show_values(&chart), settings.step_within).await?;
        let listed = |path: &[&str]| has_key(version, path);
        let unknown = unknown_keys(&request.values, &defaults, listed).map_err(|problem| {
            StackError::Document { what: "what `helm show values` printed".to_owned(), problem }
        })?;
        if unknown.is_empty() { Ok(()) } else { Err(StackError::Values(unknown)) }
    })
    .await?;
    step(surroundings, format!("install Cilium {version}"), async |_| {
        let name = |what: &str| format!("{}-{what}", target.cluster);
        let text = as_yaml(&merged.values);
        let scratch = &settings.scratch;
        let values = PrivateFile::write(surroundings, scratch, &name("cilium-values.yaml"), &text)?;
        let text = target.kubeconfig.text();
        let kubeconfig = PrivateFile::write(surroundings, scratch, &name("kubeconfig"), text)?;
        let within = settings.step_within;
        let arguments = upgrade(RELEASE, &chart, values.path(), kubeconfig.path(), within);
        helm.run(&arguments, within).await
    })
    .await?;
    installed.cilium_values = merged.values;
    Ok(())
}

/// Writes a file of evidence, where evidence is kept.
fn evidence(work: &Work<'_>, name: &str, text: &str) -> Result<Option<PathBuf>, StackError> {
    let root = &work.surroundings.evidence;
    if root.as_os_str().is_empty() {
        return Ok(None);
    }
    let folder = root.join(&work.target.cluster);
    let path = folder.join(name);
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, text))
        .map_err(|source| StackError::File { operation: "write", path: path.clone(), source })?;
    Ok(Some(path))
}
