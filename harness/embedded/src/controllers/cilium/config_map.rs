//! The gateway entries of ConfigMap `kube-system/cilium-config`: a pure function of Cilium's
//! configuration.
//!
//! Keys and the conditions under which they are rendered follow cilium/charts 1.20.0
//! `templates/cilium-configmap.yaml`. Entries that have nothing to do with Gateways are left out.

use std::collections::BTreeMap;

use gateproof_core::cilium::{CiliumConfig, CiliumVersion, HostNetwork, TrafficPolicy};

/// Key and value of every entry.
pub(crate) fn entries(config: &CiliumConfig, version: &CiliumVersion) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    let mut set = |key: &str, value: String| {
        entries.insert(key.to_owned(), value);
    };
    set("kube-proxy-replacement", config.kube_proxy_replacement.to_string());
    set("external-envoy-proxy", config.external_envoy_proxy.to_string());
    set("enable-ipv4", config.ipv4.to_string());
    set("enable-ipv6", config.ipv6.to_string());
    if config.l2_announcements {
        set(gateproof_core::announcement::SETTING, "true".to_owned());
    }
    if !config.gateway_api {
        return entries;
    }
    set("enable-envoy-config", "true".to_owned());
    set("enable-gateway-api", "true".to_owned());
    set("enable-gateway-api-secrets-sync", config.secrets_sync.to_string());
    set("gateway-api-secrets-namespace", config.secrets_namespace.clone());
    if !version.is_at_least(16, 0) {
        return entries;
    }
    set("enable-gateway-api-proxy-protocol", config.proxy_protocol.to_string());
    set("enable-gateway-api-app-protocol", (config.app_protocol || config.alpn).to_string());
    set("enable-gateway-api-alpn", config.alpn.to_string());
    set("gateway-api-xff-num-trusted-hops", config.xff_num_trusted_hops.to_string());
    set(
        "gateway-api-service-externaltrafficpolicy",
        match config.external_traffic_policy {
            TrafficPolicy::Cluster => "Cluster",
            TrafficPolicy::Local => "Local",
        }
        .to_owned(),
    );
    set("gateway-api-hostnetwork-enabled", config.host_network.is_on().to_string());
    let selector = match &config.host_network {
        HostNetwork::Off => String::new(),
        HostNetwork::On { match_labels } => {
            match_labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")
        }
    };
    set("gateway-api-hostnetwork-nodelabelselector", selector);
    set("envoy-keep-cap-netbindservice", config.envoy_may_bind_low_ports.to_string());
    if version.is_at_least(20, 0) {
        set("gateway-api-use-remote-address", config.use_remote_address.to_string());
    }
    entries
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gateproof_core::cilium::{CiliumConfig, CiliumVersion, HostNetwork};

    use super::entries;

    fn version(text: &str) -> CiliumVersion {
        text.parse().expect("a version")
    }

    #[test]
    fn no_gateway_key_exists_while_gateway_api_is_off() {
        let off = entries(&CiliumConfig::default(), &version("1.20.0"));
        assert!(!off.keys().any(|key| key.contains("gateway-api")), "{off:?}");
    }

    #[test]
    fn the_node_selector_is_one_text() {
        let labels = BTreeMap::from([
            ("role".to_owned(), "gateway".to_owned()),
            ("zone".to_owned(), "a".to_owned()),
        ]);
        let config = CiliumConfig {
            gateway_api: true,
            host_network: HostNetwork::On { match_labels: labels },
            ..CiliumConfig::default()
        };
        let on = entries(&config, &version("1.20.0"));
        assert_eq!(on["gateway-api-hostnetwork-nodelabelselector"], "role=gateway,zone=a");
        assert_eq!(on["gateway-api-hostnetwork-enabled"], "true");
        assert!(on.contains_key("gateway-api-use-remote-address"));
        let older = entries(&config, &version("1.18.10"));
        assert!(!older.contains_key("gateway-api-use-remote-address"), "a setting since 1.20");
    }
}
