//! What a trial wants of a cluster, compared with what is there. Nothing is installed on
//! somebody's cluster, so whatever is missing or differs is told, all of it.
//!
//! Pure: a dossier and a trial become words.

use gateproof_core::cilium::CiliumConfig;
use gateproof_core::dossier::Dossier;
use gateproof_core::plan::TrialPlan;
use gateproof_core::scenario::{Action, Issuer, ObjectRef};
use serde_json::Value;

/// Settings that change nothing of what a Gateway becomes: which pod Envoy runs in, and how long
/// it waits for idle streams.
const WITHOUT_EFFECT: [&str; 2] = ["external_envoy_proxy", "stream_idle_timeout_seconds"];

/// What of a trial does not fit, in words; empty when it fits.
pub fn misfits(trial: &TrialPlan, dossier: &Dossier) -> Vec<String> {
    let mut misfits = Vec::new();
    match &dossier.versions.cilium {
        Some(there) if *there == trial.cilium => {}
        Some(there) => {
            misfits.push(format!("Cilium {} is wanted, and {there} runs", trial.cilium));
        }
        None => misfits.push("which version of Cilium runs could not be read".to_owned()),
    }
    match &dossier.cilium.config {
        Some(there) => misfits.extend(differences(&trial.config, there)),
        None => misfits.push("Cilium's configuration could not be read".to_owned()),
    }
    let definition = &trial.definition;
    if let (Some(wanted), there) = (&definition.gateway_api.version, &dossier.versions.gateway_api)
    {
        match there {
            Some(there) if is_release(&there.version, wanted) => {}
            Some(there) => misfits.push(format!(
                "the Gateway API's definitions of release {wanted} are wanted, and those of {} are there",
                there.version
            )),
            None => misfits.push(format!(
                "the Gateway API's definitions of release {wanted} are wanted, and whose are there could not be read"
            )),
        }
    }
    if definition.issuer != Issuer::None && dossier.versions.cert_manager.is_none() {
        misfits.push("certificates want cert-manager, of which nothing could be read".to_owned());
    }
    if let (Some(wanted), Some(there)) = (&definition.cert_manager, &dossier.versions.cert_manager)
        && !is_release(there, wanted)
    {
        misfits.push(format!("cert-manager {wanted} is wanted, and {there} runs"));
    }
    let pools: Vec<&str> = dossier
        .list("cilium.io", "CiliumLoadBalancerIPPool")
        .flat_map(|pool| pool["spec"]["blocks"].as_array().into_iter().flatten())
        .filter_map(|block| block["cidr"].as_str())
        .collect();
    for wanted in definition.address_pools.iter().filter(|pool| !pools.contains(&pool.as_str())) {
        misfits.push(format!(
            "a CiliumLoadBalancerIPPool with block {wanted} is wanted, and there is none"
        ));
    }
    if !trial.faults.is_empty() {
        misfits.push("its faults can be injected into embedded clusters alone".to_owned());
    }
    misfits
}

/// Whether two texts name the same release, with `v` before it or without.
fn is_release(there: &str, wanted: &str) -> bool {
    there.trim_start_matches('v') == wanted.trim_start_matches('v')
}

/// Settings that differ, in words.
fn differences(wanted: &CiliumConfig, there: &CiliumConfig) -> Vec<String> {
    let as_fields = |config: &CiliumConfig| match serde_json::to_value(config) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => serde_json::Map::new(),
    };
    let there = as_fields(there);
    as_fields(wanted)
        .into_iter()
        .filter(|(key, _)| !WITHOUT_EFFECT.contains(&key.as_str()))
        .filter(|(key, wanted)| {
            // More rights than are wanted are no misfit.
            let enough = key == "envoy_may_bind_low_ports" && *wanted == Value::Bool(false);
            there.get(key) != Some(wanted) && !enough
        })
        .map(|(key, wanted)| {
            let there = there.get(&key).cloned().unwrap_or_default();
            format!("Cilium's setting {} should be {wanted}, and is {there}", key.replace('_', " "))
        })
        .collect()
}

/// Objects that steps of a trial patch or delete although it does not make them.
pub fn touched(trial: &TrialPlan, made: &[Value]) -> Vec<String> {
    let is_made = |object: &ObjectRef| {
        made.iter().any(|made| {
            made["kind"] == object.kind.as_str()
                && made["metadata"]["name"] == object.name.as_str()
                && made["metadata"]["namespace"].as_str() == object.namespace.as_deref()
        })
    };
    trial
        .definition
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Patch { object, .. } if !is_made(object) => Some(("patches", object, step)),
            Action::Delete(object) if !is_made(object) => Some(("deletes", object, step)),
            Action::Patch { .. } | Action::Delete(_) | Action::Apply(_) | Action::Check(_) => None,
        })
        .map(|(does, object, step)| {
            let place =
                object.namespace.as_ref().map(|name| format!("{name}/")).unwrap_or_default();
            format!(
                "step `{}` {does} {} {place}{}, which the run does not make",
                step.name, object.kind, object.name
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gateproof_core::cilium::{CiliumConfig, HostNetwork};

    use super::differences;

    #[test]
    fn every_setting_that_matters_and_differs_is_told() {
        let there = CiliumConfig::default();
        let same = CiliumConfig { external_envoy_proxy: false, ..CiliumConfig::default() };
        assert_eq!(differences(&same, &there), Vec::<String>::new());
        let wanted = CiliumConfig {
            gateway_api: true,
            host_network: HostNetwork::On { match_labels: BTreeMap::new() },
            envoy_may_bind_low_ports: true,
            ..CiliumConfig::default()
        };
        let told = differences(&wanted, &there).join("\n");
        for part in ["gateway api should be true, and is false", "host network", "low ports"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        let more = CiliumConfig { envoy_may_bind_low_ports: true, ..CiliumConfig::default() };
        assert!(differences(&there, &more).is_empty(), "more rights than wanted");
    }
}
