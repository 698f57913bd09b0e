//! What a trial wants of a cluster, compared with what is there. Nothing is installed on
//! somebody's cluster, so whatever is missing or differs is told, all of it.
//!
//! Pure: a dossier and a trial become words.

use gateproof_core::cilium::CiliumConfig;
use gateproof_core::dossier::{Dossier, Unread, Why};
use gateproof_core::plan::TrialPlan;
use gateproof_core::scenario::issuer::Issuer;
use gateproof_core::scenario::{Action, ObjectRef};
use serde_json::Value;

use crate::plan::{because, in_words};
use crate::versions;

/// The API group of Gateways.
const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// Settings that change nothing of what a Gateway becomes: which pod Envoy runs in, and how long
/// it waits for idle streams.
const WITHOUT_EFFECT: [&str; 2] = ["external_envoy_proxy", "stream_idle_timeout_seconds"];

const NO_VERSION: &str = "which version of Cilium runs could not be read";

const NO_CONFIGURATION: &str = "Cilium's configuration (ConfigMap cilium-config) could not be read";

/// What could not be read of a cluster without which nobody knows whether any trial fits, with the
/// reasons; empty when there is nothing of that kind.
pub fn unreadable(dossier: &Dossier) -> Vec<String> {
    let mut unreadable = Vec::new();
    if dossier.versions.cilium.is_none() {
        unreadable.push(format!("{NO_VERSION}{}", because(&dossier.unread)));
    }
    if dossier.cilium.config.is_none() {
        let of_maps = |unread: &&Unread| unread.what.starts_with("ConfigMap");
        let why = dossier.unread.iter().find(of_maps).map(|unread| in_words(&unread.why));
        let why = why.unwrap_or_else(|| "it does not exist: is this Cilium?".to_owned());
        unreadable.push(format!("{NO_CONFIGURATION}: {why}"));
    }
    unreadable
}

/// What of a trial does not fit, in words; empty when it fits.
pub fn misfits(trial: &TrialPlan, dossier: &Dossier) -> Vec<String> {
    let mut misfits = Vec::new();
    match &dossier.versions.cilium {
        Some(there) if *there == trial.cilium => {}
        Some(there) => misfits.push(versions::misfit(&trial.cilium, there)),
        None => misfits.push(NO_VERSION.to_owned()),
    }
    match &dossier.cilium.config {
        Some(there) => misfits.extend(differences(&trial.config, there)),
        None => misfits.push(NO_CONFIGURATION.to_owned()),
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
    misfits.extend(lacks_cert_manager(&definition.issuer, dossier));
    if matches!(definition.issuer, Issuer::Acme(_)) {
        misfits.push(
            "an ACME issuer needs names or zones of its own in the cluster's DNS, and nobody \
             changes the DNS of a cluster that somebody runs: use `ca: {}`, or --provider kind"
                .to_owned(),
        );
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

/// Why nobody would sign the certificates that a trial wants. Where only its version cannot be read,
/// cert-manager is there all the same.
fn lacks_cert_manager(issuer: &Issuer, dossier: &Dossier) -> Option<String> {
    let unread =
        dossier.unread.iter().find(|unread| unread.what.starts_with("Certificate objects"));
    match (issuer, &dossier.versions.cert_manager, unread.map(|unread| &unread.why)) {
        (Issuer::None, _, _) | (_, Some(_), _) | (_, None, None) => None,
        (_, None, Some(Why::NotServed)) => Some(
            "its certificates are signed by cert-manager, which this cluster does not have (no \
             Certificate in cert-manager.io is served)"
                .to_owned(),
        ),
        (_, None, Some(why)) => Some(format!(
            "its certificates are signed by cert-manager, and whether that is there could not be \
             read ({})",
            in_words(why)
        )),
    }
}

/// GatewayClasses that Gateways of a trial name, and that nobody has or would make.
pub fn missing_classes(made: &[Value], dossier: &Dossier) -> Vec<String> {
    let is_made = |class: &str| {
        made.iter()
            .any(|object| object["kind"] == "GatewayClass" && object["metadata"]["name"] == class)
    };
    let unread = |unread: &Unread| unread.what.starts_with("GatewayClass objects");
    if dossier.unread.iter().any(unread) {
        return Vec::new();
    }
    let is_there = |class: &str| dossier.get(GATEWAY_API, "GatewayClass", None, class).is_some();
    let mut missing = Vec::new();
    for gateway in made.iter().filter(|object| object["kind"] == "Gateway") {
        let Some(class) = gateway["spec"]["gatewayClassName"].as_str() else { continue };
        if !is_made(class) && !is_there(class) {
            let name = &gateway["metadata"];
            missing.push(format!(
                "Gateway {}/{} is of GatewayClass {class}, which does not exist",
                name["namespace"].as_str().unwrap_or("default"),
                name["name"].as_str().unwrap_or_default()
            ));
        }
    }
    missing
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
