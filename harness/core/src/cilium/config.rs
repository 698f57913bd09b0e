//! The part of Cilium's configuration that decides what a Gateway becomes.
//!
//! Helm values become ConfigMap entries, and those become this value
//! (cilium/charts 1.20.0: `values.yaml`, `templates/cilium-configmap.yaml`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Cilium's configuration as the operator, the agents and Envoy see it.
///
/// The fields are independent switches of Cilium, hence the booleans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of Cilium's own")]
pub struct CiliumConfig {
    /// `gatewayAPI.enabled` (ConfigMap `enable-gateway-api`).
    pub gateway_api: bool,
    /// `kubeProxyReplacement`; without it Gateway API support stays off.
    pub kube_proxy_replacement: bool,
    /// `gatewayAPI.hostNetwork.*`.
    pub host_network: HostNetwork,
    /// `gatewayAPI.externalTrafficPolicy`.
    pub external_traffic_policy: TrafficPolicy,
    /// `gatewayAPI.enableAlpn`: offer `h2,http/1.1` to clients.
    pub alpn: bool,
    /// `gatewayAPI.enableAppProtocol` (true as well when `enableAlpn` is).
    pub app_protocol: bool,
    /// `gatewayAPI.enableProxyProtocol`.
    pub proxy_protocol: bool,
    /// `gatewayAPI.xffNumTrustedHops`.
    pub xff_num_trusted_hops: u32,
    /// `gatewayAPI.useRemoteAddress`; a setting since 1.20, always true before.
    pub use_remote_address: bool,
    /// `gatewayAPI.secretsNamespace.name`.
    pub secrets_namespace: String,
    /// `gatewayAPI.secretsNamespace.sync`.
    pub secrets_sync: bool,
    /// Whether Envoy runs in the `cilium-envoy` DaemonSet (`external-envoy-proxy`) or inside the
    /// agent. Both carry Gateway traffic alike.
    pub external_envoy_proxy: bool,
    /// Whether Envoy may bind ports below 1024 on the host: `keepCapNetBindService` *and*
    /// `NET_BIND_SERVICE` in the capability list of whichever pod runs Envoy.
    pub envoy_may_bind_low_ports: bool,
    /// `envoy.streamIdleTimeoutDurationSeconds`.
    pub stream_idle_timeout_seconds: u32,
    /// `ipv4.enabled`.
    pub ipv4: bool,
    /// `ipv6.enabled`.
    pub ipv6: bool,
    /// `l2announcements.enabled`: agents announce addresses of load balancers on their network.
    #[serde(default)]
    pub l2_announcements: bool,
}

impl Default for CiliumConfig {
    /// What the chart's defaults amount to (1.20).
    fn default() -> Self {
        Self {
            gateway_api: false,
            kube_proxy_replacement: false,
            host_network: HostNetwork::Off,
            external_traffic_policy: TrafficPolicy::Cluster,
            alpn: false,
            app_protocol: false,
            proxy_protocol: false,
            xff_num_trusted_hops: 0,
            use_remote_address: true,
            secrets_namespace: "cilium-secrets".to_owned(),
            secrets_sync: true,
            external_envoy_proxy: true,
            envoy_may_bind_low_ports: false,
            stream_idle_timeout_seconds: 300,
            ipv4: true,
            ipv6: false,
            l2_announcements: false,
        }
    }
}

/// `gatewayAPI.hostNetwork`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostNetwork {
    /// Gateways get a LoadBalancer Service; traffic enters through node ports.
    Off,
    /// Envoy binds the Gateway's listener ports on nodes.
    On {
        /// `hostNetwork.nodes.matchLabels`; empty means every node.
        match_labels: BTreeMap<String, String>,
    },
}

impl HostNetwork {
    /// Whether Envoy binds listener ports on a node with these labels.
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Off => false,
            Self::On { match_labels } => {
                match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            }
        }
    }

    /// Whether host networking is on.
    pub fn is_on(&self) -> bool {
        matches!(self, Self::On { .. })
    }
}

/// `externalTrafficPolicy` of the Service made for a Gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrafficPolicy {
    /// Every node answers.
    Cluster,
    /// Only nodes with a local endpoint answer, except that for a Cilium Gateway every node has
    /// its Envoy.
    Local,
}
