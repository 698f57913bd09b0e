//! Making the plan.

use std::sync::Arc;

use super::selection::{Globs, Selection, SelectionError};
use super::{ClusterPlan, Plan, TrialPlan};
use crate::cilium::values::{config, merge};
use crate::cluster::ProviderKind;
use crate::name::{ClusterName, TrialName};
use crate::scenario::Scenario;
use crate::scenario::catalog::Catalog;
use crate::source::nearest::ranked;

/// Plans the selected trials of a catalog, each on a cluster of its own, in the order of scenario
/// names, then of variants and versions as their scenario lists them.
///
/// # Errors
///
/// When a part of the selection matches nothing. A shard may be empty: with more shards than
/// trials some have nothing to do, and their plan has no clusters.
pub fn make(
    catalog: &Catalog,
    provider: ProviderKind,
    selection: &Selection,
) -> Result<Plan, SelectionError> {
    let all = trials(catalog);
    if all.is_empty() {
        return Err(SelectionError::NoScenarios);
    }
    let names = Globs::compile(&selection.names)?;
    let variants = Globs::compile(&selection.variants)?;
    report_idle(&all, selection, &names, &variants)?;
    let selected: Vec<TrialPlan> = all
        .into_iter()
        .filter(|trial| {
            let cluster = cluster_name(trial);
            names.accept(&[trial.name.as_str(), trial.scenario.as_str(), cluster.as_str()])
                && variants.accept(&[trial.variant.as_str()])
                && selection
                    .labels
                    .iter()
                    .all(|label| trial.definition.labels.get(&label.key) == Some(&label.value))
        })
        .collect();
    if selected.is_empty() {
        return Err(SelectionError::NothingTogether(described(selection)));
    }
    let clusters = selected
        .into_iter()
        .enumerate()
        .filter(|(position, _)| selection.shard.is_none_or(|shard| shard.takes(*position)))
        .map(|(_, trial)| ClusterPlan {
            name: cluster_name(&trial),
            topology: trial.definition.topology.clone(),
            trials: vec![trial],
        })
        .collect();
    Ok(Plan { provider, clusters })
}

fn trials(catalog: &Catalog) -> Vec<TrialPlan> {
    catalog
        .scenarios
        .iter()
        .map(|scenario| Arc::new(scenario.clone()))
        .flat_map(|scenario| trials_of(&scenario))
        .collect()
}

fn trials_of(scenario: &Arc<Scenario>) -> Vec<TrialPlan> {
    let mut trials = Vec::new();
    for variant in &scenario.variants {
        let values = merge(&scenario.values, &variant.values);
        for cilium in &scenario.cilium {
            trials.push(TrialPlan {
                name: TrialName::compose(&scenario.name, &variant.name, cilium),
                scenario: scenario.name.clone(),
                variant: variant.name.clone(),
                cilium: cilium.clone(),
                values: values.clone(),
                config: config(cilium, &values),
                faults: variant.faults.clone(),
                expect: variant.expect.clone(),
                definition: Arc::clone(scenario),
                unasked: Vec::new(),
            });
        }
    }
    trials
}

/// Reports the first part of a selection that matches no trial.
fn report_idle(
    all: &[TrialPlan],
    selection: &Selection,
    names: &Globs,
    variants: &Globs,
) -> Result<(), SelectionError> {
    let mut known: Vec<&str> = all.iter().map(|trial| trial.scenario.as_str()).collect();
    known.dedup();
    known.extend(all.iter().map(|trial| trial.name.as_str()));
    let clusters: Vec<ClusterName> = all.iter().map(cluster_name).collect();
    known.extend(clusters.iter().map(ClusterName::as_str));
    if let Some(pattern) = names.idle(&known) {
        return Err(nothing("trial or scenario", pattern, &known));
    }
    let mut known: Vec<&str> = all.iter().map(|trial| trial.variant.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    if let Some(pattern) = variants.idle(&known) {
        return Err(nothing("variant", pattern, &known));
    }
    for label in &selection.labels {
        let there =
            all.iter().any(|trial| trial.definition.labels.get(&label.key) == Some(&label.value));
        if !there {
            let mut known: Vec<String> = all
                .iter()
                .flat_map(|trial| trial.definition.labels.iter().map(|(k, v)| format!("{k}={v}")))
                .collect();
            known.sort();
            known.dedup();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            return Err(nothing("scenario's label", &label.to_string(), &known));
        }
    }
    Ok(())
}

fn nothing(what: &'static str, pattern: &str, known: &[&str]) -> SelectionError {
    let bare = pattern.replace(['*', '?'], "");
    let nearest = ranked(&bare, known.iter().copied(), 3);
    SelectionError::NothingMatches {
        what,
        pattern: pattern.to_owned(),
        nearest: nearest.into_iter().map(str::to_owned).collect(),
    }
}

fn described(selection: &Selection) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(selection.names.iter().map(|name| format!("`{name}`")));
    parts.extend(selection.variants.iter().map(|variant| format!("variant `{variant}`")));
    parts.extend(selection.labels.iter().map(|label| format!("label `{label}`")));
    parts.join(", ")
}

/// A name that kind accepts (`^[a-z0-9.-]+$`, kubernetes-sigs/kind v0.33.0:
/// `pkg/internal/apis/config/validate.go`), that a person recognises, that belongs to one trial name
/// only, and that leaves room: with `-external-load-balancer` behind it, it is a host name and the
/// value of the label `kubernetes.io/hostname`, of 63 characters at most.
fn cluster_name(trial: &TrialPlan) -> ClusterName {
    let words = format!("{}-{}-{}", trial.scenario, trial.variant, trial.cilium);
    let readable: String = words
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(LONGEST - HASH_DIGITS - 1)
        .collect();
    ClusterName::new(format!("{readable}-{:08x}", fingerprint(trial.name.as_str())))
}

/// The same name with a fingerprint of the run as well, and no longer.
pub(super) fn name_in_run(name: &ClusterName, run: &str) -> ClusterName {
    let name = name.as_str();
    let readable = name.rsplit_once('-').map_or(name, |(readable, _)| readable);
    ClusterName::new(format!("{readable}-{:08x}", fingerprint(&format!("{name} {run}"))))
}

const LONGEST: usize = 63 - "-external-load-balancer".len();
const HASH_DIGITS: usize = 8;

/// FNV-1a with 32 bits: stable between runs and machines, which the standard hasher is not.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests;
