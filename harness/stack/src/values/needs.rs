//! What Cilium needs to be told on a cluster that was just made (kind's in the first place).
//!
//! Sources: cilium/cilium `cilium-cli/install/{autodetect.go,helm.go}`, `.github/kind-config.yaml`,
//! `Documentation/installation/kind.rst`; cilium/charts `values.yaml` of 1.16 to 1.20.

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use gateproof_core::topology::IpFamily;
use serde_json::{Value, json};

use super::{Need, Strength};
use crate::target::{ClusterFacts, Images, KubeProxy, LoadBalancing};

/// The values that a cluster needs, most important first.
#[must_use]
pub fn needs(
    version: &CiliumVersion,
    config: &CiliumConfig,
    facts: &ClusterFacts,
    load_balancing: Option<&LoadBalancing>,
) -> Vec<Need> {
    let mut needs = vec![
        advised(
            "ipam.mode",
            "kubernetes",
            "Kubernetes gives every node its range of pod addresses",
        ),
        // Two operators never share a node, so the second one of a single node would stay pending
        // (cilium/charts `values.yaml`: `operator.affinity`).
        if facts.nodes == 1 {
            required("operator.replicas", 1, "there is one node, and operators do not share one")
        } else {
            advised("operator.replicas", 1, "a second operator adds nothing to a trial")
        },
        advised("hubble.enabled", false, "no check looks at flows"),
    ];
    if facts.kube_proxy == KubeProxy::Absent {
        let reason = "the cluster has no kube-proxy";
        needs.push(required("kubeProxyReplacement", true, reason));
        if let Some(server) = &facts.api_server {
            let reason = format!("{reason}, so nothing serves the API's Service before Cilium");
            needs.push(required("k8sServiceHost", server.host.as_str(), &reason));
            needs.push(required("k8sServicePort", server.port, &reason));
        }
    }
    if facts.ip_family != IpFamily::V4 {
        let v4 = facts.ip_family == IpFamily::Dual;
        let reason = if v4 { "the cluster is dual-stack" } else { "the cluster is IPv6 alone" };
        needs.push(required("ipv4.enabled", v4, reason));
        needs.push(required("ipv6.enabled", true, reason));
    }
    if config.gateway_api && version.minor() >= 16 {
        // A text, which charts before 1.20 insist on.
        let reason = "the chart's own guess depends on what the API server lists at that moment";
        needs.push(advised("gatewayAPI.gatewayClass.create", "true", reason));
    }
    if facts.images == Images::Preloaded {
        let reason = "the images were loaded into the nodes by tag";
        for image in ["image", "operator.image", "envoy.image"] {
            needs.extend(preloaded(image).map(|(path, value)| required(path, value, reason)));
        }
    }
    if load_balancing.is_some_and(|balancing| !balancing.announce_on.is_empty()) {
        needs.push(required(
            "l2announcements.enabled",
            true,
            "addresses are announced on the network",
        ));
    }
    needs
}

fn required(path: &'static str, value: impl Into<Value>, reason: &str) -> Need {
    Need { path, value: value.into(), reason: reason.to_owned(), strength: Strength::Required }
}

fn advised(path: &'static str, value: impl Into<Value>, reason: &str) -> Need {
    Need { strength: Strength::Advised, ..required(path, value, reason) }
}

/// Values for an image that must be found by its tag and must not be pulled.
fn preloaded(image: &str) -> [(&'static str, Value); 2] {
    let (digest, policy) = match image {
        "operator.image" => ("operator.image.useDigest", "operator.image.pullPolicy"),
        "envoy.image" => ("envoy.image.useDigest", "envoy.image.pullPolicy"),
        _ => ("image.useDigest", "image.pullPolicy"),
    };
    [(digest, json!(false)), (policy, json!("IfNotPresent"))]
}
