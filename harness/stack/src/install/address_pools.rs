//! Addresses for LoadBalancer Services: LB-IPAM pools and, where a provider wants it, their
//! announcement on the network; and the removal of what an earlier variant left.

use std::collections::BTreeSet;
use std::time::Duration;

use gateproof_core::cilium::CiliumVersion;
use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::wait::{self, unreadable};
use gateproof_kubernetes::{Cause, Poll, Watched};
use serde_json::{Value, json};

use super::{MANAGER, Work};
use crate::error::StackError;
use crate::step::Step;

/// The label of what is made here; only such objects are ever removed.
const LABEL: (&str, &str) = ("app.kubernetes.io/managed-by", "gateproof");
const POOL: &str = "CiliumLoadBalancerIPPool";
const POLICY: &str = "CiliumL2AnnouncementPolicy";
/// The one version of the policy (cilium/cilium: `pkg/k8s/apis/cilium.io/v2alpha1`).
const POLICY_VERSION: &str = "cilium.io/v2alpha1";

/// Brings pools and policy to what is asked for: the scenario's ranges, else the provider's.
pub(crate) async fn provide(work: &Work<'_>) -> Result<(), StackError> {
    let Work { target, request, surroundings, settings, .. } = *work;
    let provided = target.load_balancing.as_ref();
    let ranges = if request.address_pools.is_empty() {
        provided.map(|provided| provided.pools.as_slice()).unwrap_or_default()
    } else {
        &request.address_pools
    };
    let announce_on = provided.map(|provided| provided.announce_on.as_slice()).unwrap_or_default();
    let mut wanted = pools(&request.cilium, ranges);
    if !wanted.is_empty() && !announce_on.is_empty() {
        wanted.push(policy(announce_on));
    }
    let step = Step::begin(surroundings, "provide addresses for Services");
    step.run(async {
        let version = pool_version(&request.cilium);
        for object in &wanted {
            let kind = object["kind"].as_str().expect("a kind, written here");
            let version = object["apiVersion"].as_str().expect("a version, written here");
            until_served(work, version, kind, settings.step_within, &step).await?;
            target.client.apply(object, MANAGER).await?;
        }
        let names: BTreeSet<&str> =
            wanted.iter().filter_map(|object| object.pointer("/metadata/name")?.as_str()).collect();
        for (version, kind) in [(version, POOL), (POLICY_VERSION, POLICY)] {
            remove_others(work, version, kind, &names).await?;
        }
        Ok(())
    })
    .await
}

/// Cilium's operator registers the definitions when it starts.
async fn until_served(
    work: &Work<'_>,
    version: &str,
    kind: &str,
    within: Duration,
    step: &Step,
) -> Result<(), StackError> {
    let client = &work.target.client;
    let watched = [Watched::kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")];
    let tell = |missing: &str| step.awaiting(missing);
    wait::watch_until(client, &watched, within, tell, || async {
        match client.list(version, kind, None).await {
            Ok(_) => Poll::Ready(()),
            Err(error) => unreadable(&error),
        }
    })
    .await
    .map_err(|cause| StackError::Wait { what: format!("{kind} ({version})"), cause })
}

async fn remove_others(
    work: &Work<'_>,
    version: &str,
    kind: &str,
    wanted: &BTreeSet<&str>,
) -> Result<(), StackError> {
    let client = &work.target.client;
    let there = match client.list(version, kind, None).await {
        Ok(there) => there,
        Err(error) if matches!(error.cause, Cause::NotServed { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for object in there {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let ours = object
            .pointer("/metadata/labels")
            .and_then(|labels| labels.get(LABEL.0)?.as_str())
            .is_some_and(|value| value == LABEL.1);
        let Some(name) = text("/metadata/name").filter(|name| ours && !wanted.contains(name))
        else {
            continue;
        };
        let object = ObjectRef {
            api_version: version.to_owned(),
            kind: kind.to_owned(),
            namespace: None,
            name: name.to_owned(),
        };
        client.delete(&object).await?;
    }
    Ok(())
}

/// Pools moved from `v2alpha1` to `v2` in 1.18, and from `cidrs` to `blocks` in 1.15
/// (cilium/cilium: `pkg/k8s/apis/cilium.io`).
fn pool_version(version: &CiliumVersion) -> &'static str {
    if version.is_at_least(18, 0) { "cilium.io/v2" } else { "cilium.io/v2alpha1" }
}

fn pools(version: &CiliumVersion, ranges: &[String]) -> Vec<Value> {
    let field = if version.is_at_least(15, 0) { "blocks" } else { "cidrs" };
    let ranges = ranges.iter().enumerate();
    ranges
        .map(|(index, range)| {
            json!({
                "apiVersion": pool_version(version),
                "kind": POOL,
                "metadata": {"name": format!("gateproof-{index}"), "labels": {LABEL.0: LABEL.1}},
                "spec": {field: [{"cidr": range}]},
            })
        })
        .collect()
}

/// Every node announces: a cluster of one node has nothing but its control plane.
fn policy(interfaces: &[String]) -> Value {
    json!({
        "apiVersion": POLICY_VERSION,
        "kind": POLICY,
        "metadata": {"name": "gateproof", "labels": {LABEL.0: LABEL.1}},
        "spec": {"loadBalancerIPs": true, "interfaces": interfaces},
    })
}

#[cfg(test)]
mod tests {
    use super::{policy, pools};

    #[test]
    fn a_pool_is_written_as_its_cilium_reads_it() {
        let ranges = ["172.18.255.0/28".to_owned()];
        for (version, api, field) in [
            ("1.14.19", "cilium.io/v2alpha1", "cidrs"),
            ("1.17.9", "cilium.io/v2alpha1", "blocks"),
            ("1.18.0", "cilium.io/v2", "blocks"),
            ("1.20.2", "cilium.io/v2", "blocks"),
        ] {
            let pool = &pools(&version.parse().expect("a version"), &ranges)[0];
            assert_eq!(pool["apiVersion"], api, "{version}");
            assert_eq!(pool["spec"][field][0]["cidr"], "172.18.255.0/28", "{version}");
        }
    }

    #[test]
    fn a_policy_announces_load_balancer_addresses_on_the_given_interfaces() {
        let spec = &policy(&["^eth0$".to_owned()])["spec"];
        assert_eq!(spec["loadBalancerIPs"], true);
        assert_eq!(spec["interfaces"][0], "^eth0$");
        assert!(spec.get("externalIPs").is_none() && spec.get("nodeSelector").is_none());
    }
}
