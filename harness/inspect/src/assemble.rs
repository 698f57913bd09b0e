//! From evidence to a dossier: pure, and the same wherever the evidence came from.

mod backends;
mod certificates;
mod components;
mod node;
mod versions;

use std::collections::BTreeMap;

use gateproof_core::cilium::config_map::{self, LowPorts};
use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use gateproof_core::dossier::{Cilium, Component, ConfigMap, Dossier, text};
use gateproof_core::name::NamespacedName;
use serde_json::Value;

use crate::component;
use crate::evidence::{CILIUM_CONFIG, Evidence, name};

pub(crate) use backends::dead;
pub use certificates::served;
pub(crate) use certificates::{copies, references};
pub use node::nodes;

/// Makes a dossier of what was read.
pub(crate) fn assemble(mut evidence: Evidence) -> Dossier {
    evidence.settle();
    let versions = versions::versions(&evidence);
    let cilium = cilium(&evidence, versions.cilium.as_ref());
    evidence.retain_secrets(&certificates::wanted(&evidence, cilium.config.as_ref()));
    let certificates = certificates::hops(&evidence, cilium.config.as_ref());
    backends::retain(&mut evidence);
    let nodes = nodes(evidence.list("", "Node"));
    let taken = evidence.taken;
    let (objects, unread, logs) = evidence.into_parts();
    Dossier {
        taken,
        nodes,
        objects,
        unread,
        versions,
        cilium,
        logs,
        certificates,
        ..Dossier::default()
    }
}

fn cilium(evidence: &Evidence, version: Option<&CiliumVersion>) -> Cilium {
    let config_map = config_map(evidence);
    Cilium {
        values: evidence.values().cloned(),
        config: config_map.as_ref().map(|map| config(evidence, version, map)),
        config_map,
        agents: components::pods(evidence, Component::CiliumAgent),
        envoys: components::pods(evidence, Component::Envoy),
        operators: components::pods(evidence, Component::CiliumOperator),
    }
}

fn config_map(evidence: &Evidence) -> Option<ConfigMap> {
    let found = config_map_of_cilium(evidence)?;
    let entries: BTreeMap<String, String> = found
        .get("data")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    let name = name(found)?;
    let written = evidence.written(&name);
    Some(ConfigMap { name: Some(name), entries, written })
}

/// `cilium-config` where Cilium is, should there be several of that name.
fn config_map_of_cilium(evidence: &Evidence) -> Option<&Value> {
    let home = home(evidence);
    let named =
        |namespace: &str| evidence.get("ConfigMap", &NamespacedName::new(namespace, CILIUM_CONFIG));
    home.as_deref().and_then(named).or_else(|| {
        evidence
            .list("", "ConfigMap")
            .find(|map| text(map, "/metadata/name") == Some(CILIUM_CONFIG))
    })
}

/// The namespace of Cilium: that of its agents, else of their DaemonSet.
pub(crate) fn home(evidence: &Evidence) -> Option<String> {
    evidence
        .list("", "Pod")
        .chain(evidence.list("apps", "DaemonSet"))
        .find(|object| component::of(object) == Some(Component::CiliumAgent))
        .and_then(|object| text(object, "/metadata/namespace"))
        .map(str::to_owned)
}

/// The configuration that a ConfigMap and the container of Envoy amount to.
fn config(evidence: &Evidence, version: Option<&CiliumVersion>, map: &ConfigMap) -> CiliumConfig {
    let external = map.entries.get("external-envoy-proxy").is_some_and(|value| value == "true");
    let runs_envoy = if external { Component::Envoy } else { Component::CiliumAgent };
    let container = evidence
        .list("apps", "DaemonSet")
        .find(|object| component::of(object) == Some(runs_envoy))
        .and_then(|set| component::entry(set, "/spec/template/spec/containers", runs_envoy));
    let low_ports = container.map_or(LowPorts::NotSeen, low_ports);
    config_map::read(version, &map.entries, low_ports)
}

fn low_ports(container: &Value) -> LowPorts {
    let privileged = container.pointer("/securityContext/privileged") == Some(&Value::Bool(true));
    let added = container.pointer("/securityContext/capabilities/add").and_then(Value::as_array);
    let listed = added.into_iter().flatten().filter_map(Value::as_str).any(|capability| {
        matches!(capability.trim_start_matches("CAP_"), "NET_BIND_SERVICE" | "ALL")
    });
    if privileged || listed { LowPorts::Given } else { LowPorts::Withheld }
}
