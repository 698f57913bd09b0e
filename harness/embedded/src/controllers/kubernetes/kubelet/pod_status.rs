//! The status that a kubelet writes for a pod: a pure function of what became of it.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::controllers::kubernetes::pod;
use crate::controllers::object::{identity, text};
use crate::controllers::transition::stamp;
use crate::controllers::write::{FieldManager, Write};

/// What became of a pod on its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PodState {
    /// It runs and is ready, at this address in the cluster.
    Running(IpAddr),
    /// It runs at this address, and its containers keep failing.
    CrashLoop(IpAddr),
    /// The embedded cluster has nothing that stands for this image.
    CannotRun {
        /// The image.
        image: String,
    },
    /// The harness itself could not start it.
    Failed(String),
}

impl PodState {
    fn phase(&self) -> &'static str {
        match self {
            Self::Running(_) | Self::CrashLoop(_) => "Running",
            Self::CannotRun { .. } | Self::Failed(_) => "Pending",
        }
    }

    fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Running(address) | Self::CrashLoop(address) => Some(*address),
            Self::CannotRun { .. } | Self::Failed(_) => None,
        }
    }

    /// Why it is not ready: reason and message; `None` when it is.
    fn problem(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Running(_) => None,
            Self::CrashLoop(_) => Some((
                "CrashLoopBackOff",
                "back-off restarting failed container (injected fault)".to_owned(),
            )),
            Self::CannotRun { image } => Some((
                "ImageCannotRun",
                format!(
                    "image {image} cannot run in the embedded cluster, which runs no containers; \
                     it stands in for images ending in gateproof/echo or echo-basic only: use one \
                     of them, or run this scenario on kind"
                ),
            )),
            Self::Failed(why) => Some(("FailedToStart", why.clone())),
        }
    }
}

/// The write of a pod's status.
pub(super) fn status_write(
    pod: &Value,
    state: &PodState,
    host: Option<IpAddr>,
    now: &str,
) -> Write {
    let started = text(pod, "/status/startTime").unwrap_or(now);
    let mut status = json!({
        "phase": state.phase(),
        "startTime": started,
        "conditions": conditions(state),
        "containerStatuses": containers(pod, state, started),
    });
    if let Some(host) = host {
        status["hostIP"] = host.to_string().into();
    }
    if let Some(address) = state.address() {
        status["podIP"] = address.to_string().into();
        status["podIPs"] = json!([{"ip": address.to_string()}]);
    }
    stamp(&mut status, pod.get("status"), now);
    let mut object = identity(pod);
    object["status"] = status;
    Write::ApplyStatus(FieldManager::Kubelet, object)
}

fn conditions(state: &PodState) -> Value {
    let scheduled = json!({"type": "PodScheduled", "status": "True"});
    let initialized = json!({"type": "Initialized", "status": "True"});
    match state.problem() {
        None => json!([
            scheduled,
            initialized,
            {"type": "ContainersReady", "status": "True"},
            {"type": "Ready", "status": "True"},
        ]),
        Some((reason, message)) => json!([
            scheduled,
            initialized,
            {"type": "ContainersReady", "status": "False", "reason": reason, "message": message},
            {"type": "Ready", "status": "False", "reason": reason, "message": message},
        ]),
    }
}

fn containers(pod: &Value, state: &PodState, started: &str) -> Value {
    pod::containers(pod)
        .iter()
        .map(|container| {
            let image = text(container, "/image").unwrap_or_default();
            let running = match state.problem() {
                None => json!({"running": {"startedAt": started}}),
                Some((reason, message)) => {
                    json!({"waiting": {"reason": reason, "message": message}})
                }
            };
            json!({
                "name": text(container, "/name").unwrap_or_default(),
                "image": image,
                "imageID": image,
                "ready": state.problem().is_none(),
                "started": state.problem().is_none(),
                "restartCount": 0,
                "state": running,
            })
        })
        .collect()
}
