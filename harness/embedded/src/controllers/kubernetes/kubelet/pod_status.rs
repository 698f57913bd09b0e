//! The status that a kubelet writes for a pod: a pure function of what became of it.
//!
//! Reasons and messages of pods that do not come up are the kubelet's own: kubernetes/kubernetes
//! 1.33 `pkg/kubelet/kuberuntime/kuberuntime_manager.go` (the back-off of restarts),
//! `pkg/kubelet/images/image_manager.go` (that of images; what the registry said, which newer
//! releases add, is not made up here) and `pkg/kubelet/status/generate.go` (conditions). Numbers of
//! restarts are what a pod has after some minutes.

use std::net::IpAddr;

use gateproof_core::scenario::PodTrouble;
use serde_json::{Value, json};

use crate::controllers::kubernetes::pod;
use crate::controllers::object::{identity, name, namespace, text, uid};
use crate::controllers::transition::stamp;
use crate::controllers::write::{FieldManager, Write};

/// Restarts after which the kubelet waits for [`BACK_OFF`].
const RESTARTS: u64 = 5;
/// Ten seconds, doubled with each restart.
const BACK_OFF: &str = "2m40s";

/// What became of a pod on its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PodState {
    /// It runs and is ready, at this address in the cluster.
    Running(IpAddr),
    /// It has this address, and its containers do not come up.
    InTrouble(PodTrouble, IpAddr),
    /// It ran at this address when its node was last heard of.
    Lost(IpAddr),
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
            Self::Running(_)
            | Self::Lost(_)
            | Self::InTrouble(PodTrouble::Crashes | PodTrouble::OutOfMemory, _) => "Running",
            Self::InTrouble(PodTrouble::ImageNotPulled, _)
            | Self::CannotRun { .. }
            | Self::Failed(_) => "Pending",
        }
    }

    fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Running(address) | Self::InTrouble(_, address) | Self::Lost(address) => {
                Some(*address)
            }
            Self::CannotRun { .. } | Self::Failed(_) => None,
        }
    }

    /// What the conditions Ready and ContainersReady say: reason and message; `None` when they are
    /// true.
    fn unready(&self, pod: &Value) -> Option<(&'static str, String)> {
        match self {
            Self::Running(_) => None,
            Self::InTrouble(..) => {
                let names: Vec<&str> = pod::containers(pod).iter().map(name_of).collect();
                let message = format!("containers with unready status: [{}]", names.join(" "));
                Some(("ContainersNotReady", message))
            }
            // The node lifecycle controller sets the condition and leaves the rest as it was.
            Self::Lost(_) => Some(("", String::new())),
            Self::CannotRun { .. } | Self::Failed(_) => self.stuck(),
        }
    }

    /// Why the harness does not start it.
    fn stuck(&self) -> Option<(&'static str, String)> {
        match self {
            Self::CannotRun { image } => Some((
                "ImageCannotRun",
                format!(
                    "image {image} cannot run in the embedded cluster, which runs no containers; \
                     it stands in for images ending in gateproof/echo or echo-basic only: use one \
                     of them, or run this scenario on kind"
                ),
            )),
            Self::Failed(why) => Some(("FailedToStart", why.clone())),
            Self::Running(_) | Self::InTrouble(..) | Self::Lost(_) => None,
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
        "conditions": conditions(pod, state),
        "containerStatuses": pod::containers(pod)
            .iter()
            .map(|container| container_status(pod, container, state, started))
            .collect::<Vec<_>>(),
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

fn conditions(pod: &Value, state: &PodState) -> Value {
    let true_one = |kind: &str| json!({"type": kind, "status": "True"});
    let of = |kind: &str| match state.unready(pod) {
        None => true_one(kind),
        Some(("", _)) if kind == "ContainersReady" => true_one(kind),
        Some(("", _)) => json!({"type": kind, "status": "False"}),
        Some((reason, message)) => {
            json!({"type": kind, "status": "False", "reason": reason, "message": message})
        }
    };
    json!([true_one("PodScheduled"), true_one("Initialized"), of("ContainersReady"), of("Ready")])
}

fn container_status(pod: &Value, container: &Value, state: &PodState, started: &str) -> Value {
    let image = text(container, "/image").unwrap_or_default();
    let is_up = matches!(state, PodState::Running(_) | PodState::Lost(_));
    let mut status = json!({
        "name": name_of(container),
        "image": image,
        "imageID": image,
        "ready": is_up,
        "started": is_up,
        "restartCount": 0,
        "state": {"running": {"startedAt": started}},
    });
    if let Some((reason, message)) = state.stuck() {
        status["state"] = json!({"waiting": {"reason": reason, "message": message}});
    }
    let PodState::InTrouble(trouble, _) = state else { return status };
    let (code, reason) = match trouble {
        PodTrouble::ImageNotPulled => {
            let message = format!("Back-off pulling image \"{image}\"");
            status["imageID"] = "".into();
            status["state"] =
                json!({"waiting": {"reason": "ImagePullBackOff", "message": message}});
            return status;
        }
        PodTrouble::Crashes => (1, "Error"),
        // 128 and the number of SIGKILL.
        PodTrouble::OutOfMemory => (137, "OOMKilled"),
    };
    let message = format!(
        "back-off {BACK_OFF} restarting failed container={} pod={}_{}({})",
        name_of(container),
        name(pod),
        namespace(pod).unwrap_or_default(),
        uid(pod).unwrap_or_default()
    );
    status["state"] = json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}});
    status["lastState"] = json!({"terminated": {
        "exitCode": code, "reason": reason, "startedAt": started, "finishedAt": started,
    }});
    status["restartCount"] = RESTARTS.into();
    status
}

fn name_of(container: &Value) -> &str {
    text(container, "/name").unwrap_or_default()
}
