//! Helm values: merging them, and what they amount to for a Gateway.
//!
//! Covers the values that decide what a Gateway becomes, with the chart's defaults
//! (cilium/charts 1.14.19 … 1.21.0-pre.0: `values.yaml`, `templates/_helpers.tpl`,
//! `templates/cilium-configmap.yaml`). Everything else passes through to Helm untouched; this is
//! no chart renderer.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{CiliumConfig, CiliumVersion, HostNetwork, TrafficPolicy};

/// Merges values files as Helm does: mappings are merged key by key, everything else in `over`
/// replaces what `base` has. A null stays null, because it is the null that makes Helm remove the
/// chart's own default (helm/helm v3: `pkg/cli/values`, `pkg/chartutil/coalesce.go`).
#[must_use]
pub fn merge(base: &Value, over: &Value) -> Value {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            let mut merged: Map<String, Value> = base.clone();
            for (key, value) in over {
                let value = match merged.get(key) {
                    Some(below) => merge(below, value),
                    None => value.clone(),
                };
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        _ => over.clone(),
    }
}

/// The configuration that these values amount to on a Cilium version.
///
/// Values of the wrong type count as not given; [`chart`](super::chart) reports them.
#[must_use]
pub fn config(version: &CiliumVersion, values: &Value) -> CiliumConfig {
    let values = Values { root: values };
    let modern = version.minor() >= 16;
    CiliumConfig {
        gateway_api: values.flag("gatewayAPI.enabled", false),
        kube_proxy_replacement: kube_proxy_replacement(version, values),
        host_network: host_network(modern, values),
        external_traffic_policy: match values.text("gatewayAPI.externalTrafficPolicy") {
            Some("Local") if modern => TrafficPolicy::Local,
            _ => TrafficPolicy::Cluster,
        },
        alpn: modern && values.flag("gatewayAPI.enableAlpn", false),
        app_protocol: modern
            && (values.flag("gatewayAPI.enableAlpn", false)
                || values.flag("gatewayAPI.enableAppProtocol", false)),
        proxy_protocol: modern && values.flag("gatewayAPI.enableProxyProtocol", false),
        xff_num_trusted_hops: if modern {
            values.number("gatewayAPI.xffNumTrustedHops", 0)
        } else {
            0
        },
        use_remote_address: version.minor() < 20 || use_remote_address(values),
        secrets_namespace: values
            .text("gatewayAPI.secretsNamespace.name")
            .unwrap_or("cilium-secrets")
            .to_owned(),
        secrets_sync: values.flag("gatewayAPI.secretsNamespace.sync", true),
        external_envoy_proxy: external_envoy_proxy(modern, values),
        envoy_may_bind_low_ports: envoy_may_bind_low_ports(modern, values),
        stream_idle_timeout_seconds: if version.minor() >= 18 {
            values.number("envoy.streamIdleTimeoutDurationSeconds", 300)
        } else {
            300
        },
        ipv4: values.flag("ipv4.enabled", true),
        ipv6: values.flag("ipv6.enabled", false),
        l2_announcements: values.flag("l2announcements.enabled", false),
    }
}

/// Up to 1.18 enabling node ports was enough for Gateway API (cilium/cilium 1.18.10:
/// `operator/pkg/gateway-api/cell.go`); `strict` and `partial` are old spellings.
fn kube_proxy_replacement(version: &CiliumVersion, values: Values<'_>) -> bool {
    let on = match values.get("kubeProxyReplacement") {
        Some(Value::Bool(on)) => *on,
        Some(Value::String(word)) => matches!(word.as_str(), "true" | "strict"),
        _ => false,
    };
    on || (version.minor() <= 18 && values.flag("nodePort.enabled", false))
}

fn host_network(modern: bool, values: Values<'_>) -> HostNetwork {
    if !modern || !values.flag("gatewayAPI.hostNetwork.enabled", false) {
        return HostNetwork::Off;
    }
    let match_labels = values
        .get("gatewayAPI.hostNetwork.nodes.matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        // The chart prints whatever is there; a number that is dropped would select every node.
        .map(|(key, value)| {
            (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
        .collect::<BTreeMap<_, _>>();
    HostNetwork::On { match_labels }
}

/// Null leaves the ConfigMap entry empty. That the operator then falls back to its own default,
/// true, is inferred, not seen.
fn use_remote_address(values: Values<'_>) -> bool {
    match values.get("gatewayAPI.useRemoteAddress") {
        Some(Value::Bool(on)) => *on,
        _ => true,
    }
}

/// `envoyDaemonSetEnabled` in `templates/_helpers.tpl` (1.20.0); until 1.15 the default was off.
fn external_envoy_proxy(modern: bool, values: Values<'_>) -> bool {
    if !values.flag("l7Proxy", true) {
        return false;
    }
    match values.get("envoy.enabled") {
        Some(Value::Bool(on)) => *on,
        _ if !modern => false,
        _ => match values.text("upgradeCompatibility") {
            Some(version) => minor_of(version).is_none_or(|minor| minor >= 16),
            None => true,
        },
    }
}

fn minor_of(version: &str) -> Option<u64> {
    version.split('.').nth(1)?.parse().ok()
}

/// Envoy keeps the capability only if it is told to, and has it only if its pod is given it.
fn envoy_may_bind_low_ports(modern: bool, values: Values<'_>) -> bool {
    let list =
        if external_envoy_proxy(modern, values) { ENVOY_CAPABILITIES } else { AGENT_CAPABILITIES };
    modern && values.flag(KEEP_CAPABILITY, false) && values.lists(list, "NET_BIND_SERVICE")
}

/// Makes Envoy keep `CAP_NET_BIND_SERVICE` (1.16 and later).
pub const KEEP_CAPABILITY: &str = "envoy.securityContext.capabilities.keepCapNetBindService";
/// The capabilities of Envoy in its own DaemonSet.
pub const ENVOY_CAPABILITIES: &str = "envoy.securityContext.capabilities.envoy";
/// The capabilities of Envoy inside the agent.
pub const AGENT_CAPABILITIES: &str = "securityContext.capabilities.ciliumAgent";

/// Values looked up by dotted path.
#[derive(Clone, Copy)]
struct Values<'a> {
    root: &'a Value,
}

impl<'a> Values<'a> {
    fn get(self, path: &str) -> Option<&'a Value> {
        path.split('.').try_fold(self.root, |value, key| value.get(key))
    }

    /// A flag; null counts as false, as in a template.
    fn flag(self, path: &str, default: bool) -> bool {
        match self.get(path) {
            Some(Value::Bool(on)) => *on,
            Some(Value::Null) => false,
            _ => default,
        }
    }

    fn number(self, path: &str, default: u32) -> u32 {
        self.get(path)
            .and_then(Value::as_u64)
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(default)
    }

    fn text(self, path: &str) -> Option<&'a str> {
        self.get(path).and_then(Value::as_str)
    }

    fn lists(self, path: &str, item: &str) -> bool {
        self.get(path)
            .and_then(Value::as_array)
            .is_some_and(|items| items.iter().any(|found| found.as_str() == Some(item)))
    }
}

#[cfg(test)]
mod tests;
