//! What the entries of ConfigMap `cilium-config` amount to for a Gateway.
//!
//! Keys follow cilium/cilium 1.16 to 1.20 and 1.21-dev,
//! `install/kubernetes/cilium/templates/cilium-configmap.yaml`. What the chart writes elsewhere, the
//! capabilities of the container that runs Envoy, comes in beside it.

use std::collections::BTreeMap;

use super::{CiliumConfig, CiliumVersion, HostNetwork, TrafficPolicy};

/// Whether the container that runs Envoy is given `NET_BIND_SERVICE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowPorts {
    /// Its list of capabilities has it, or it is privileged.
    Given,
    /// It has not.
    Withheld,
    /// The container was not seen: the ConfigMap decides.
    NotSeen,
}

/// The configuration that these entries amount to. A version that is not known counts as a recent
/// one: keys that older versions did not have are simply absent there.
#[must_use]
pub fn read(
    version: Option<&CiliumVersion>,
    entries: &BTreeMap<String, String>,
    low_ports: LowPorts,
) -> CiliumConfig {
    let entries = Entries(entries);
    let minor = version.map_or(20, CiliumVersion::minor);
    let defaults = CiliumConfig::default();
    CiliumConfig {
        gateway_api: entries.flag("enable-gateway-api", false),
        kube_proxy_replacement: matches!(
            entries.get("kube-proxy-replacement"),
            Some("true" | "strict")
        ) || (minor <= 18 && entries.flag("enable-node-port", false)),
        host_network: host_network(entries),
        external_traffic_policy: match entries.get("gateway-api-service-externaltrafficpolicy") {
            Some("Local") => TrafficPolicy::Local,
            _ => TrafficPolicy::Cluster,
        },
        alpn: entries.flag("enable-gateway-api-alpn", false),
        app_protocol: entries.flag("enable-gateway-api-app-protocol", false)
            || entries.flag("enable-gateway-api-alpn", false),
        proxy_protocol: entries.flag("enable-gateway-api-proxy-protocol", false),
        xff_num_trusted_hops: entries.number("gateway-api-xff-num-trusted-hops", 0),
        use_remote_address: minor < 20 || entries.flag("gateway-api-use-remote-address", true),
        secrets_namespace: entries
            .get("gateway-api-secrets-namespace")
            .map_or(defaults.secrets_namespace, str::to_owned),
        secrets_sync: entries.flag("enable-gateway-api-secrets-sync", true),
        external_envoy_proxy: entries.flag("external-envoy-proxy", false),
        envoy_may_bind_low_ports: entries.flag("envoy-keep-cap-netbindservice", false)
            && low_ports != LowPorts::Withheld,
        stream_idle_timeout_seconds: entries
            .number("http-stream-idle-timeout", defaults.stream_idle_timeout_seconds),
        ipv4: entries.flag("enable-ipv4", true),
        ipv6: entries.flag("enable-ipv6", false),
        l2_announcements: entries.flag(crate::announcement::SETTING, false),
    }
}

fn host_network(entries: Entries<'_>) -> HostNetwork {
    if !entries.flag("gateway-api-hostnetwork-enabled", false) {
        return HostNetwork::Off;
    }
    let selector = entries.get("gateway-api-hostnetwork-nodelabelselector").unwrap_or_default();
    let match_labels = selector
        .split(',')
        .filter_map(|part| part.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .collect();
    HostNetwork::On { match_labels }
}

#[derive(Clone, Copy)]
struct Entries<'e>(&'e BTreeMap<String, String>);

impl<'e> Entries<'e> {
    fn get(self, key: &str) -> Option<&'e str> {
        self.0.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A flag as Go reads it (`strconv.ParseBool`); what it does not read counts as not given.
    fn flag(self, key: &str, default: bool) -> bool {
        match self.get(key) {
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => true,
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => false,
            _ => default,
        }
    }

    fn number(self, key: &str, default: u32) -> u32 {
        self.get(key).and_then(|value| value.trim_end_matches('s').parse().ok()).unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{LowPorts, read};
    use crate::cilium::{CiliumConfig, CiliumVersion, HostNetwork, TrafficPolicy};

    fn entries(written: &[(&str, &str)]) -> BTreeMap<String, String> {
        written.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn of(version: &str, written: &[(&str, &str)]) -> CiliumConfig {
        let version: CiliumVersion = version.parse().expect("a version");
        read(Some(&version), &entries(written), LowPorts::Given)
    }

    #[test]
    fn what_is_not_there_has_its_default() {
        let expected = CiliumConfig { external_envoy_proxy: false, ..CiliumConfig::default() };
        assert_eq!(of("1.20.0", &[]), expected);
        assert_eq!(read(None, &BTreeMap::new(), LowPorts::NotSeen), expected);
    }

    #[test]
    fn entries_become_settings() {
        let seen = of(
            "1.20.0",
            &[
                ("enable-gateway-api", "true"),
                ("gateway-api-hostnetwork-enabled", "true"),
                ("gateway-api-hostnetwork-nodelabelselector", "role=gateway, zone=a"),
                ("gateway-api-service-externaltrafficpolicy", "Local"),
                ("gateway-api-use-remote-address", "false"),
                ("gateway-api-xff-num-trusted-hops", "2"),
                ("gateway-api-secrets-namespace", "elsewhere"),
                ("http-stream-idle-timeout", "7"),
                ("enable-ipv6", "true"),
            ],
        );
        let labels = entries(&[("role", "gateway"), ("zone", "a")]);
        assert_eq!(seen.host_network, HostNetwork::On { match_labels: labels });
        assert_eq!(seen.external_traffic_policy, TrafficPolicy::Local);
        assert_eq!((seen.xff_num_trusted_hops, seen.stream_idle_timeout_seconds), (2, 7));
        assert_eq!(seen.secrets_namespace, "elsewhere");
        assert!(seen.gateway_api && seen.ipv6 && !seen.use_remote_address);
    }

    #[test]
    fn node_ports_alone_replace_kube_proxy_up_to_1_18() {
        let written = [("kube-proxy-replacement", "false"), ("enable-node-port", "true")];
        assert!(of("1.18.10", &written).kube_proxy_replacement);
        assert!(!of("1.19.0", &written).kube_proxy_replacement);
        assert!(of("1.19.0", &[("kube-proxy-replacement", "true")]).kube_proxy_replacement);
    }

    #[test]
    fn low_ports_need_the_setting_and_the_capability() {
        let version = "1.18.10".parse().expect("a version");
        for (setting, capability, may) in [
            ("true", LowPorts::Given, true),
            ("true", LowPorts::Withheld, false),
            ("true", LowPorts::NotSeen, true),
            ("false", LowPorts::Given, false),
        ] {
            let entries = entries(&[("envoy-keep-cap-netbindservice", setting)]);
            let seen = read(Some(&version), &entries, capability);
            assert_eq!(seen.envoy_may_bind_low_ports, may, "{setting} {capability:?}");
        }
    }
}
