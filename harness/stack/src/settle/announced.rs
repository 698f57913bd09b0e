//! Whether the addresses of Gateways are announced, where Cilium is to announce them: their agents
//! elect a node for each Service, which the lease tells (`gateproof_core::announcement`).
//!
//! Which devices an agent knows is not seen in the API, and so not whether an interface of a policy
//! matches. Where something cannot be read there is nothing to wait for.

use std::collections::BTreeMap;

use gateproof_core::announcement::{
    GROUP, Lease, NotAnnounced, POLICY, Policy, SETTING, addresses, foreign_class, lease_name,
};
use gateproof_core::label_selector::labels_of;
use gateproof_core::name::NamespacedName;
use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::{Client, ReadError};
use serde_json::Value;

/// Where Cilium is, for the stack.
const HOME: &str = "kube-system";

/// What is not announced yet, in words.
pub(super) async fn missing(client: &Client) -> Vec<String> {
    match looked(client).await {
        Ok(missing) => missing,
        Err(error) => {
            tracing::debug!(%error, "who announces addresses cannot be read");
            Vec::new()
        }
    }
}

async fn looked(client: &Client) -> Result<Vec<String>, ReadError> {
    let config = ObjectRef {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        namespace: Some(HOME.to_owned()),
        name: "cilium-config".to_owned(),
    };
    let config = client.get(&config).await?;
    let value = config.as_ref().and_then(|map| map.get("data")?.get(SETTING)?.as_str());
    if value != Some("true") {
        return Ok(Vec::new());
    }
    let policies = client.list(&format!("{GROUP}/v2alpha1"), POLICY, None).await?;
    let policies: Vec<Policy> = policies.iter().filter_map(Policy::from_object).collect();
    if policies.is_empty() {
        return Ok(Vec::new());
    }
    let services = client.list("v1", "Service", None).await?;
    let nodes = client.list("cilium.io/v2", "CiliumNode", None).await?;
    let leases = client.list("coordination.k8s.io/v1", "Lease", Some(HOME)).await?;
    let leases: Vec<Lease> = leases.iter().filter_map(Lease::from_object).collect();
    Ok(judge(&policies, &services, &nodes, &leases))
}

/// What is not announced. Pure.
fn judge(
    policies: &[Policy],
    services: &[Value],
    nodes: &[Value],
    leases: &[Lease],
) -> Vec<String> {
    let labels: Vec<BTreeMap<String, String>> = nodes.iter().map(labels_of).collect();
    let is_gateways = |service: &&Value| {
        let owners = service["metadata"]["ownerReferences"].as_array();
        owners.into_iter().flatten().any(|owner| owner["kind"] == "Gateway")
    };
    let waiting = services
        .iter()
        .filter(is_gateways)
        .filter(|service| !addresses(service).is_empty() && foreign_class(service).is_none());
    waiting.filter_map(|service| unannounced(policies, service, nodes, &labels, leases)).collect()
}

fn unannounced(
    policies: &[Policy],
    service: &Value,
    nodes: &[Value],
    labels: &[BTreeMap<String, String>],
    leases: &[Lease],
) -> Option<String> {
    let text = |pointer: &str| service.pointer(pointer).and_then(Value::as_str);
    let name = NamespacedName::new(text("/metadata/namespace")?, text("/metadata/name")?);
    let what = format!("address {} of Service {name}", addresses(service).join(", "));
    let why: Vec<_> =
        policies.iter().map(|policy| (policy, policy.denies(service, labels))).collect();
    if why.iter().all(|(_, why)| why.is_some()) {
        // Somebody may mean another Service alone; what chooses it and no node is a mistake.
        let (policy, why) = why.into_iter().find_map(|(policy, why)| Some((policy, why?)))?;
        let is_mistake = matches!(why, NotAnnounced::NoNode(_) | NotAnnounced::Unusable(_));
        return is_mistake
            .then(|| format!("{what} is not announced: policy {}: {why}", policy.name));
    }
    let lease = leases.iter().find(|lease| lease.name.name == lease_name(&name));
    match lease.and_then(|lease| lease.holder.as_deref()) {
        None => Some(format!(
            "{what} is announced by no node yet: lease {HOME}/{} {}",
            lease_name(&name),
            if lease.is_some() { "has no holder" } else { "is not there" }
        )),
        Some(holder) => {
            let is_node = nodes.iter().any(|node| node["metadata"]["name"] == holder);
            (!is_node).then(|| {
                format!("{what} is to be announced by {holder}, and there is no such node")
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use gateproof_core::announcement::{Lease, Policy};
    use serde_json::{Value, json};

    use super::judge;

    fn missing(policy: &Value, lease: Option<&str>) -> Vec<String> {
        let policy = Policy::from_object(&json!({"metadata": {"name": "p"}, "spec": policy}));
        let service = json!({"metadata": {"namespace": "g", "name": "cilium-gateway-web",
                "ownerReferences": [{"kind": "Gateway", "name": "web"}]},
            "spec": {"type": "LoadBalancer"},
            "status": {"loadBalancer": {"ingress": [{"ip": "172.18.255.1"}]}}});
        let others = json!({"metadata": {"namespace": "g", "name": "other"},
            "status": {"loadBalancer": {"ingress": [{"ip": "172.18.255.2"}]}}});
        let pending = json!({"metadata": {"namespace": "g", "name": "pending",
            "ownerReferences": [{"kind": "Gateway", "name": "p"}]}});
        let node = json!({"metadata": {"name": "worker", "labels": {"role": "gateway"}}});
        let lease = lease.map(|holder| {
            Lease::from_object(&json!({"metadata": {"namespace": "kube-system",
                    "name": "cilium-l2announce-g-cilium-gateway-web"},
                "spec": {"holderIdentity": holder}}))
            .expect("a lease")
        });
        let leases: Vec<Lease> = lease.into_iter().collect();
        judge(&[policy.expect("a policy")], &[service, others, pending], &[node], &leases)
    }

    #[test]
    fn an_address_is_waited_for_until_a_node_holds_its_lease() {
        let all = json!({"loadBalancerIPs": true});
        assert_eq!(missing(&all, Some("worker")), Vec::<String>::new());
        for (lease, told) in [
            (None, "is not there"),
            (Some(""), "has no holder"),
            (Some("gone"), "by gone, and there is no such node"),
        ] {
            let told_of = missing(&all, lease);
            assert!(told_of.len() == 1 && told_of[0].contains(told), "{told}: {told_of:?}");
        }
    }

    #[test]
    fn a_policy_that_chooses_no_node_is_told_and_one_for_other_services_is_not() {
        let nowhere = json!({"loadBalancerIPs": true,
            "nodeSelector": {"matchLabels": {"role": "edge"}}});
        let told = missing(&nowhere, None);
        assert!(told.len() == 1 && told[0].contains("chooses no node"), "{told:?}");
        let others = json!({"loadBalancerIPs": true,
            "serviceSelector": {"matchLabels": {"team": "b"}}});
        assert!(missing(&others, None).is_empty());
    }
}
