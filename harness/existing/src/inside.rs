//! A prober in a pod, for clusters whose nodes cannot be reached from here.
//!
//! The pod lives in a namespace of its own that carries the run's label, so whatever removes the run
//! removes it. It runs an echo server only to stay; questions go to a `gateproof prober` that is
//! started in it, over the API server.
//!
//! What such a pod sees has gone through Cilium's agent of its own node first. For Services that an
//! Envoy serves, the translation at the socket is left out (cilium/cilium `bpf/bpf_lxc.c`, the note
//! where L7 load balancing is looked up for packets; no version pinned). An agent that does not know
//! the Gateway has no reason to leave it out, so one stale agent on the pod's node may make other
//! nodes look dead: that is inferred.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::apply::RUN_LABEL;
use gateproof_kubernetes::{Client, Conversation, ExecRequest, Permission, Poll, wait};
use gateproof_probe::prober::{Place, RemoteProber, RenewedProber};
use gateproof_probe::{ProbeError, Prober};
use gateproof_stack::{Outlook, hindrance};
use serde_json::{Value, json};

/// Who owns the fields that are written here.
const MANAGER: &str = "gateproof-run";

/// The pod and its container.
const NAME: &str = "prober";

/// How long the pod may take to run.
const RUNS_WITHIN: Duration = Duration::from_secs(90);

/// How long a program in it may take to answer: the first attempts can come before the kubelet
/// knows the container.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// How long it is tried to open a session, when the API fails for a moment.
const OPENS_WITHIN: Duration = Duration::from_secs(5);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// How long an ended session may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A pod that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// Its namespace.
    pub namespace: String,
    /// The image that holds the gateproof program.
    pub image: String,
}

impl Inside {
    /// The pod of a run.
    pub fn of_run(run: &str, image: String) -> Self {
        Self { namespace: format!("gateproof-prober-{run}"), image }
    }

    /// What it is made of.
    pub fn pod(&self, run: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": NAME, "namespace": self.namespace, "labels": {RUN_LABEL: run}},
            "spec": {
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 1,
                "securityContext": {
                    "runAsNonRoot": true,
                    "runAsUser": 65_532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [{
                    "name": NAME,
                    "image": self.image,
                    "imagePullPolicy": "IfNotPresent",
                    "args": ["echo"],
                    "ports": [{"containerPort": 3000, "protocol": "TCP"}],
                    "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": false,
                        "readOnlyRootFilesystem": true,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }],
            },
        })
    }

    /// What it takes to talk to it. API servers from 1.35 on want `create` for a session that is
    /// opened by a GET, those before `get` (kubernetes/kubernetes: feature
    /// `AuthorizePodWebsocketUpgradeCreatePermission`); not knowing which, both are asked for.
    pub fn permissions(&self) -> Vec<Permission> {
        let may = |verb| Permission {
            verb,
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            subresource: "exec",
            namespace: Some(self.namespace.clone()),
        };
        vec![may("create"), may("get")]
    }

    fn reference(&self) -> ObjectRef {
        ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: Some(self.namespace.clone()),
            name: NAME.to_owned(),
        }
    }

    /// Makes the pod and waits until a prober answers in it. The namespace must be there.
    ///
    /// # Errors
    /// When the pod is refused or does not come to run, or no prober answers, in words.
    pub async fn start(
        &self,
        client: &Client,
        run: &str,
        mut progress: impl FnMut(&str),
    ) -> Result<Arc<dyn Prober>, String> {
        let made = client.apply(&self.pod(run), MANAGER).await;
        made.map_err(|error| error.to_string())?;
        self.until_running(client, &mut progress).await?;
        let place = InPod { client: client.clone(), inside: self.clone() };
        let began = wait::until(ANSWERS_WITHIN, PAUSE, &mut progress, || async {
            match RenewedProber::start(place.clone()).await {
                Ok(prober) => Poll::Ready(prober),
                Err(error @ ProbeError::OtherVersion { .. }) => {
                    Poll::Never { why: error.to_string() }
                }
                Err(error) => Poll::NotYet { missing: error.to_string() },
            }
        });
        let prober = began.await.map_err(|error| error.to_string())?;
        Ok(Arc::new(prober))
    }

    async fn until_running(
        &self,
        client: &Client,
        progress: impl FnMut(&str),
    ) -> Result<(), String> {
        let pod = self.reference();
        let running = wait::until_object(client, &pod, RUNS_WITHIN, progress, |found| {
            let Some(found) = found else {
                return Poll::NotYet { missing: format!("pod {}/{NAME}", self.namespace) };
            };
            match (found["status"]["phase"].as_str(), hindrance(found)) {
                (Some("Running"), None) => Poll::Ready(()),
                (_, Some((why, Outlook::Hopeless))) => Poll::Never { why },
                (_, Some((missing, Outlook::Doubtful))) => Poll::NotYet { missing },
                (phase, None) => Poll::NotYet {
                    missing: format!(
                        "pod {}/{NAME} does not run (phase {})",
                        self.namespace,
                        phase.unwrap_or("unknown")
                    ),
                },
            }
        });
        running.await.map_err(|error| error.to_string())
    }
}

/// The pod as a place for probers.
#[derive(Clone)]
struct InPod {
    client: Client,
    inside: Inside,
}

impl std::fmt::Debug for InPod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InPod").field("inside", &self.inside).finish_non_exhaustive()
    }
}

#[async_trait]
impl Place for InPod {
    async fn begin(&self) -> Result<RemoteProber, ProbeError> {
        let place = format!("in pod {}/{NAME}", self.inside.namespace);
        let request = ExecRequest {
            namespace: &self.inside.namespace,
            pod: NAME,
            container: NAME,
            command: &["/gateproof", "prober"],
        };
        let opened = wait::until(
            OPENS_WITHIN,
            PAUSE,
            |_| (),
            || async {
                match self.client.exec(request).await {
                    Ok(opened) => Poll::Ready(opened),
                    Err(error) => Poll::NotYet { missing: error.cause.to_string() },
                }
            },
        );
        let Conversation { input, output, ended } = opened.await.map_err(|error| {
            ProbeError::NotStarted { place: place.clone(), reason: error.to_string() }
        })?;
        match RemoteProber::start(place, output, input).await {
            Err(ProbeError::NotStarted { place, reason }) => {
                let why = match tokio::time::timeout(LAST_WORDS, ended).await {
                    Ok(Ok(why)) => why,
                    Ok(Err(_)) | Err(_) => "nothing more is known".to_owned(),
                };
                Err(ProbeError::NotStarted { place, reason: format!("{reason}; {why}") })
            }
            begun => begun,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Inside;

    #[test]
    fn the_pod_carries_the_run_and_fits_a_restricted_namespace() {
        let inside = Inside::of_run("20260101t000000z-7", "registry.test/gateproof:1".to_owned());
        let pod = inside.pod("20260101t000000z-7");
        assert_eq!(pod["metadata"]["labels"]["gateproof.dev/run"], "20260101t000000z-7");
        assert!(inside.namespace.len() <= 63 && inside.namespace.ends_with("-7"));
        let of_pod = &pod["spec"]["securityContext"];
        let of_container = &pod["spec"]["containers"][0]["securityContext"];
        assert_eq!(of_pod["runAsNonRoot"], true);
        assert_eq!(of_container["capabilities"]["drop"][0], "ALL");
        assert_eq!(of_container["allowPrivilegeEscalation"], false);
        assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
    }
}
