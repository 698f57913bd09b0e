//! Starts again what runs an older configuration than the cluster holds, in the order in which
//! Cilium bears it: operator, agents, Envoy.
//!
//! Agents wait at their start for definitions that the operator registers, so it goes first
//! (cilium/cilium #48534). Envoy follows its agents, because an Envoy from before an agent's
//! restart was seen to lose its configuration (cilium/cilium #35425).

use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::wait::{self, unreadable};
use gateproof_kubernetes::{Poll, Watched};
use serde_json::{Value, json};

use super::{MANAGER, Work};
use crate::component::{agents, config_map, envoys, operator};
use crate::error::StackError;
use crate::readiness::{Workload, pods_of, until_rolled_out};
use crate::staleness::{changed, stale};
use crate::step::Step;

/// Changes to this annotation of the template make a workload replace its pods.
const ANNOTATION: &str = "gateproof.dev/restarted-for";

/// Waits for Cilium's workloads, and replaces pods that are older than what they read.
pub(crate) async fn bring_up_to_date(work: &Work<'_>) -> Result<(), StackError> {
    let cilium = config_map("cilium-config");
    let envoy = config_map("cilium-envoy-config");
    let definitions = definitions(work).await?;
    let mut operator_reads = sources(work, &[&cilium]).await?;
    if work.request.config.gateway_api {
        operator_reads.extend(definitions);
    }
    roll(work, &operator(), "the operator", &operator_reads).await?;
    let agent_reads = sources(work, &[&cilium]).await?;
    roll(work, &agents(), "the agents", &agent_reads).await?;
    if work.request.config.external_envoy_proxy {
        let envoy_reads = sources(work, &[&cilium, &envoy]).await?;
        roll(work, &envoys(), "Envoy", &envoy_reads).await?;
    }
    Ok(())
}

/// The definitions of the Gateway API, which the operator looks for once.
async fn definitions(work: &Work<'_>) -> Result<Vec<Value>, StackError> {
    let (version, kind) = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    let all = work.target.client.list(version, kind, None).await?;
    let of_gateway_api = |one: &Value| {
        one.pointer("/spec/group").and_then(Value::as_str) == Some("gateway.networking.k8s.io")
    };
    Ok(all.into_iter().filter(of_gateway_api).collect())
}

async fn sources(work: &Work<'_>, maps: &[&ObjectRef]) -> Result<Vec<Value>, StackError> {
    let mut found = Vec::new();
    for map in maps {
        found.extend(work.target.client.get(map).await?);
    }
    Ok(found)
}

/// Waits for a workload; restarts it when pods of it are stale, and then waits for new ones.
async fn roll(
    work: &Work<'_>,
    workload: &Workload,
    who: &str,
    reads: &[Value],
) -> Result<(), StackError> {
    let Work { target, settings, surroundings, .. } = *work;
    let client = &target.client;
    let within = settings.step_within;
    let step = Step::begin(surroundings, format!("wait for {who}"));
    step.run(async {
        // Agents that start again may need the restart to come up at all, so look before waiting.
        if let Some(object) = client.get(&workload.reference()).await? {
            // A list that fails is asked for again by the wait below, which tells why.
            let pods = pods_of::<()>(client, workload.namespace, &object).await.unwrap_or_default();
            let old = stale(&pods, reads);
            if !old.is_empty() {
                step.awaiting(&format!(
                    "{} of {} pods are older than their configuration and are replaced",
                    old.len(),
                    pods.len()
                ));
                restart(work, workload, reads).await?;
            }
        }
        until_rolled_out(client, workload, within, &step).await?;
        // What is waited for is the new configuration, not only that pods run.
        let watched = [Watched {
            namespace: Some(workload.namespace.to_owned()),
            ..Watched::kind("v1", "Pod")
        }];
        let tell = |missing: &str| step.awaiting(missing);
        wait::watch_until(client, &watched, within, tell, || fresh(work, workload, reads))
            .await
            .map_err(|cause| StackError::Wait { what: workload.describe(), cause })
    })
    .await
}

async fn fresh(work: &Work<'_>, workload: &Workload, reads: &[Value]) -> Poll<()> {
    let client = &work.target.client;
    let object = match client.get(&workload.reference()).await {
        Ok(Some(object)) => object,
        Ok(None) => return Poll::Never { why: "it was deleted meanwhile".to_owned() },
        Err(error) => return unreadable(&error),
    };
    let pods = match pods_of(client, workload.namespace, &object).await {
        Ok(pods) => pods,
        Err(poll) => return poll,
    };
    match stale(&pods, reads).first() {
        None => Poll::Ready(()),
        Some(pod) => Poll::NotYet { missing: format!("pod {pod} runs an older configuration") },
    }
}

/// Asks a workload to replace its pods; asking twice for the same configuration is asking once.
async fn restart(work: &Work<'_>, workload: &Workload, reads: &[Value]) -> Result<(), StackError> {
    let newest = reads.iter().filter_map(changed).max().unwrap_or_default();
    let patch = json!({"spec": {"template": {"metadata": {"annotations": {ANNOTATION: newest}}}}});
    work.target.client.merge_patch(&workload.reference(), &patch, MANAGER).await?;
    Ok(())
}
