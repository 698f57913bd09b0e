//! The objects that installing the stack leaves in a cluster: a pure function of the request.
//!
//! What the charts of Cilium and cert-manager would render and a harness or a diagnosis looks at:
//! namespaces, the GatewayClass, address pools, ConfigMap `cilium-config`, and workloads
//! ([`workloads`]) whose pods the embedded cluster stands in for. No RBAC, no custom resource
//! definitions.

use std::net::IpAddr;

use gateproof_core::cilium::{CiliumConfig, CiliumVersion, HostNetwork};
use gateproof_core::cluster::Node;
use gateproof_kubernetes::StackRequest;
use serde_json::{Value, json};

use super::workloads::{self, CERT_MANAGER, SYSTEM};
use crate::controllers::cilium::config_map;
use crate::controllers::kind::{CONFIG_MAP, GATEWAY_CLASS, NAMESPACE};
use crate::controllers::kubernetes::node::cilium_node_object;
use crate::controllers::object::skeleton;

/// The name of the GatewayClass that Cilium's chart makes.
pub(super) const GATEWAY_CLASS_NAME: &str = "cilium";
/// The label of what an installation made and the next one may take away.
pub(super) const INSTALLED: (&str, &str) = ("app.kubernetes.io/managed-by", "gateproof-stack");

/// A range of addresses in CIDR notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cidr {
    /// As it was written.
    pub(super) written: String,
    /// The network's address.
    pub(super) network: IpAddr,
    /// The length of its prefix.
    pub(super) prefix_length: u8,
}

impl Cidr {
    /// Reads a range; a message says what is wrong with it.
    pub(super) fn parse(written: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "address pool {written:?} is no range such as 172.18.255.0/28; correct it in the scenario"
            )
        };
        let (network, length) = written.split_once('/').ok_or_else(wrong)?;
        let network: IpAddr = network.parse().map_err(|_| wrong())?;
        let prefix_length: u8 = length.parse().map_err(|_| wrong())?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        if prefix_length > longest {
            return Err(wrong());
        }
        Ok(Self { written: written.to_owned(), network, prefix_length })
    }
}

/// Everything that the installation applies, in order.
pub(super) fn objects(stack: &StackRequest, pools: &[Cidr], nodes: &[Node]) -> Vec<Value> {
    let mut objects = vec![
        skeleton(NAMESPACE, None, &stack.config.secrets_namespace),
        skeleton(NAMESPACE, None, CERT_MANAGER),
        cilium_config(&stack.config, &stack.cilium),
    ];
    objects.extend(nodes.iter().map(cilium_node_object));
    objects.extend(
        pools.iter().enumerate().map(|(index, pool)| address_pool(index, pool, &stack.cilium)),
    );
    if stack.config.gateway_api {
        let mut class = skeleton(GATEWAY_CLASS, None, GATEWAY_CLASS_NAME);
        class["spec"] = json!({"controllerName": "io.cilium/gateway-controller"});
        objects.push(class);
    }
    objects.extend(workloads::objects(stack));
    objects
}

/// The configuration from before somebody enabled Gateway API: the request as it was then.
pub(super) fn before_gateway_api(stack: &StackRequest) -> StackRequest {
    let mut before = stack.clone();
    before.config.gateway_api = false;
    before.config.host_network = HostNetwork::Off;
    if let Some(values) = before.values.as_object_mut() {
        values.remove("gatewayAPI");
    }
    before.faults.clear();
    before
}

fn cilium_config(config: &CiliumConfig, version: &CiliumVersion) -> Value {
    let mut map = skeleton(CONFIG_MAP, Some(SYSTEM), "cilium-config");
    map["data"] = json!(config_map::entries(config, version));
    map
}

/// A LB-IPAM pool, in the version that this Cilium stores (v2 since 1.18).
fn address_pool(index: usize, pool: &Cidr, version: &CiliumVersion) -> Value {
    let api = if version.is_at_least(18, 0) { "cilium.io/v2" } else { "cilium.io/v2alpha1" };
    json!({
        "apiVersion": api,
        "kind": "CiliumLoadBalancerIPPool",
        "metadata": {
            "name": format!("gateproof-{index}"),
            "labels": {INSTALLED.0: INSTALLED.1},
        },
        "spec": {"blocks": [{"cidr": pool.written}]},
    })
}

#[cfg(test)]
mod tests {
    use super::Cidr;

    #[test]
    fn ranges_are_read_and_other_text_is_refused_with_an_example() {
        let pool = Cidr::parse("172.18.255.0/28").expect("a range");
        assert_eq!(pool.prefix_length, 28);
        for wrong in ["172.18.255.0", "172.18.255.0/33", "pool/28", "172.18.255.0/"] {
            let message = Cidr::parse(wrong).expect_err("no range");
            assert!(message.contains(wrong) && message.contains("172.18.255.0/28"), "{message}");
        }
        assert!(Cidr::parse("fd00::/112").is_ok());
    }
}
