//! Readiness means working: what is waited for after Helm is done, and when waiting is pointless.
//!
//! Judgements are pure functions of objects as the API has them; only the waits read them. What
//! cannot get better by itself ends a wait early, with the cause.

use std::time::Duration;

use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::wait::unreadable;
use gateproof_kubernetes::{Client, Poll, Watched};
use serde_json::Value;

use crate::error::StackError;
use crate::step::Step;

pub(crate) mod class;
pub(crate) mod nodes;
mod patience;
pub(crate) mod pods;
pub(crate) mod webhook;
pub(crate) mod workload;

/// A workload to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) kind: WorkloadKind,
    pub(crate) namespace: &'static str,
    pub(crate) name: String,
}

/// The kinds of workload that the stack is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkloadKind {
    DaemonSet,
    Deployment,
}

impl Workload {
    pub(crate) fn daemon_set(namespace: &'static str, name: &str) -> Self {
        Self { kind: WorkloadKind::DaemonSet, namespace, name: name.to_owned() }
    }

    pub(crate) fn deployment(namespace: &'static str, name: &str) -> Self {
        Self { kind: WorkloadKind::Deployment, namespace, name: name.to_owned() }
    }

    pub(crate) fn reference(&self) -> ObjectRef {
        ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: self.kind_name().to_owned(),
            namespace: Some(self.namespace.to_owned()),
            name: self.name.clone(),
        }
    }

    fn kind_name(&self) -> &'static str {
        match self.kind {
            WorkloadKind::DaemonSet => "DaemonSet",
            WorkloadKind::Deployment => "Deployment",
        }
    }

    /// `DaemonSet kube-system/cilium`.
    pub(crate) fn describe(&self) -> String {
        format!("{} {}/{}", self.kind_name(), self.namespace, self.name)
    }
}

/// Waits until every pod of a workload runs what the workload asks for and is available.
pub(crate) async fn until_rolled_out(
    client: &Client,
    workload: &Workload,
    within: Duration,
    step: &Step,
) -> Result<(), StackError> {
    let watched = [
        Watched::object(&workload.reference()),
        Watched { namespace: Some(workload.namespace.to_owned()), ..Watched::kind("v1", "Pod") },
    ];
    let patience = patience::Patience::new();
    let look = || rolled_out(client, workload, &patience);
    let tell = |missing: &str| step.awaiting(missing);
    gateproof_kubernetes::wait::watch_until(client, &watched, within, tell, look)
        .await
        .map_err(|cause| StackError::Wait { what: workload.describe(), cause })
}

async fn rolled_out(
    client: &Client,
    workload: &Workload,
    patience: &patience::Patience,
) -> Poll<()> {
    let object = match client.get(&workload.reference()).await {
        Ok(Some(object)) => object,
        Ok(None) => {
            return Poll::NotYet { missing: format!("{} is not there", workload.describe()) };
        }
        Err(error) => return unreadable(&error),
    };
    let Some(missing) = workload::missing(workload.kind, &object) else { return Poll::Ready(()) };
    let pods = match pods_of(client, workload.namespace, &object).await {
        Ok(pods) => pods,
        Err(poll) => return poll,
    };
    let mut troubles = Vec::new();
    for pod in &pods {
        let Some(trouble) = pods::trouble(pod) else { continue };
        let words = pods::in_words(client, workload.namespace, pod, &trouble).await;
        if patience.is_over(pod, &trouble) {
            return Poll::Never { why: words };
        }
        troubles.push(words);
    }
    let missing = match troubles.first() {
        Some(first) => format!("{missing}; {first}"),
        None => missing,
    };
    Poll::NotYet { missing }
}

/// The pods that a workload's selector chooses.
pub(crate) async fn pods_of<T>(
    client: &Client,
    namespace: &str,
    workload: &Value,
) -> Result<Vec<Value>, Poll<T>> {
    let selector = workload.pointer("/spec/selector/matchLabels").cloned().unwrap_or(Value::Null);
    let pods =
        client.list("v1", "Pod", Some(namespace)).await.map_err(|error| unreadable(&error))?;
    Ok(pods.into_iter().filter(|pod| workload::selects(&selector, pod)).collect())
}
