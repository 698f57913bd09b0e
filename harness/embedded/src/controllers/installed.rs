//! What is installed, by what Helm recorded in the cluster: the release's chart and values, and
//! which revision of it the operator and each agent started with.
//!
//! Helm keeps a release as a Secret (helm/helm v3.19 `pkg/storage/driver/{secrets,util}.go`): base64
//! of JSON, compressed or not; compressed records are not read here. Cilium's agents and operator
//! read their configuration once, when their pod starts, so which revision a pod found is written
//! down in ConfigMap [`STARTED`] when it appears.

use std::collections::BTreeMap;

use gateproof_core::cert_manager::{GatewaySupport, gateway_support};
use gateproof_core::cilium::{CiliumConfig, CiliumVersion, values};
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::cilium::{Deviations, Stack};
use super::component_log::component_pods::runs;
use super::kind::{CONFIG_MAP, NODE, POD, SECRET};
use super::kubernetes::container_image::SystemComponent;
use super::object::{name, skeleton, text, uid};
use super::snapshot::Snapshot;
use super::write::{FieldManager, Write};

/// The ConfigMap that says which revision each component started with.
const STARTED: (&str, &str) = ("kube-system", "gateproof-components");
/// The type of Secrets that hold a release.
const RELEASE: &str = "helm.sh/release.v1";

/// A release as Helm recorded it.
#[derive(Debug)]
struct Release {
    revision: u64,
    status: String,
    chart: String,
    chart_version: String,
    values: Value,
}

/// Writes down which revision of Cilium's release new pods of its components found.
pub(crate) fn desired(snapshot: &Snapshot) -> Vec<Write> {
    let Some(newest) = newest(snapshot, "cilium") else { return Vec::new() };
    let mut started = started(snapshot);
    for pod in snapshot.list(POD) {
        let key = if runs(pod, SystemComponent::CiliumOperator) {
            "operator".to_owned()
        } else if let Some(node) =
            text(pod, "/spec/nodeName").filter(|_| runs(pod, SystemComponent::CiliumAgent))
        {
            agent_key(node)
        } else {
            continue;
        };
        let Some(uid) = uid(pod) else { continue };
        let known = started.get(&key).is_some_and(|entry| entry.starts_with(&format!("{uid} ")));
        if !known {
            started.insert(key, format!("{uid} {}", newest.revision));
        }
    }
    let mut object = skeleton(CONFIG_MAP, Some(STARTED.0), STARTED.1);
    object["data"] = json!(started);
    vec![Write::Apply(FieldManager::Kubelet, object)]
}

/// Cilium as its components run it; `None` until its operator has started.
pub(crate) fn stack(snapshot: &Snapshot) -> Option<Stack> {
    let started = started(snapshot);
    let releases = releases(snapshot, "cilium");
    let configured = |key: &str| -> Option<(CiliumVersion, CiliumConfig)> {
        let revision: u64 = started.get(key)?.split_once(' ')?.1.parse().ok()?;
        let release = releases.iter().find(|release| release.revision == revision)?;
        let version: CiliumVersion = release.chart_version.parse().ok()?;
        let config = values::config(&version, &release.values);
        Some((version, config))
    };
    let (version, config) = configured("operator")?;
    let started_with = snapshot
        .list(NODE)
        .map(|node| {
            // A node whose agent has not started serves nothing.
            let config = configured(&agent_key(name(node))).map(|(_, config)| config);
            (name(node).to_owned(), config.unwrap_or_default())
        })
        .collect();
    Some(Stack { version, config, faults: Deviations::default(), started_with })
}

/// Whether cert-manager is installed, and how.
pub(crate) fn cert_manager(snapshot: &Snapshot) -> Option<GatewaySupport> {
    let release = newest(snapshot, "cert-manager")?;
    let version = release.chart_version.trim_start_matches('v').parse().ok()?;
    Some(gateway_support(&version, &release.values))
}

fn agent_key(node: &str) -> String {
    format!("agent.{node}")
}

fn started(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let map = snapshot.get(CONFIG_MAP, Some(STARTED.0), STARTED.1);
    map.map(|map| super::object::texts(map, "/data")).unwrap_or_default()
}

fn newest(snapshot: &Snapshot, chart: &str) -> Option<Release> {
    releases(snapshot, chart)
        .into_iter()
        .filter(|release| !matches!(release.status.as_str(), "uninstalled" | "uninstalling"))
        .max_by_key(|release| release.revision)
}

fn releases(snapshot: &Snapshot, chart: &str) -> Vec<Release> {
    snapshot
        .list(SECRET)
        .filter(|secret| text(secret, "/type") == Some(RELEASE))
        .filter_map(read)
        .filter(|release| release.chart == chart)
        .collect()
}

fn read(secret: &Value) -> Option<Release> {
    let decode = |value: Value| serde_json::from_value::<ByteString>(value).ok().map(|b| b.0);
    let inner = String::from_utf8(decode(secret.pointer("/data/release")?.clone())?).ok()?;
    let release: Value = serde_json::from_slice(&decode(inner.into())?).ok()?;
    Some(Release {
        revision: release.get("version")?.as_u64()?,
        status: text(&release, "/info/status")?.to_owned(),
        chart: text(&release, "/chart/metadata/name")?.to_owned(),
        chart_version: text(&release, "/chart/metadata/version")?.to_owned(),
        values: release.get("config").cloned().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
