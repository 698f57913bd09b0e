//! What a controller wants written: a value that can be compared and tested before it is done.
//!
//! Controllers decide in pure functions that return writes; [`perform`] is the only place that
//! does them.

use std::fmt;

use serde_json::Value;

use super::object::{group_kind, name, namespace, title};
use crate::api::{ApiError, Applied, Kind, ObjectName, Outcome, Part, Store};

/// Who writes: the field manager, named as the real component names itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldManager {
    /// Controllers of Kubernetes: Deployments, EndpointSlices, namespaces.
    KubeControllerManager,
    /// Chooses nodes for pods.
    KubeScheduler,
    /// Runs pods and reports on them.
    Kubelet,
    /// cert-manager's controllers.
    CertManager,
    /// Cilium's operator.
    CiliumOperator,
    /// Cilium's agents.
    CiliumAgent,
    /// LB-IPAM, which is part of Cilium's operator but owns other fields.
    CiliumLbIpam,
    /// What installs charts.
    Helm,
}

impl FieldManager {
    /// The name in `managedFields`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
            Self::Kubelet => "kubelet",
            Self::CertManager => "cert-manager-controller",
            Self::CiliumOperator => "cilium-operator",
            Self::CiliumAgent => "cilium-agent",
            Self::CiliumLbIpam => "cilium-operator-lb-ipam",
            Self::Helm => "helm",
        }
    }
}

/// The manager of fields that the API server fills in.
pub(crate) const API_SERVER: &str = "kube-apiserver";

/// One wanted change. Its debug output names the object and never shows its content, which may be
/// a Secret's.
#[derive(Clone, PartialEq)]
pub(crate) enum Write {
    /// Server-side apply of everything but the status.
    Apply(FieldManager, Value),
    /// Server-side apply of the status.
    ApplyStatus(FieldManager, Value),
    /// The whole object as the API server itself completes it: defaults, allocated addresses and
    /// ports. A real API server does this while it stores an object; here [`API_SERVER`] owns
    /// these fields, and gives them up where nobody else owns what they belong to.
    Complete(Value),
    /// The whole status, also parts that somebody else wrote.
    UpdateStatus(FieldManager, Value),
    /// Deletion of the object with this identity.
    Delete(Value),
}

impl Write {
    /// The object that is written, or the identity of the one that is deleted.
    pub(crate) fn object(&self) -> &Value {
        match self {
            Self::Apply(_, object)
            | Self::ApplyStatus(_, object)
            | Self::Complete(object)
            | Self::UpdateStatus(_, object)
            | Self::Delete(object) => object,
        }
    }

    /// How messages name it: `apply Service gateway/web`.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Apply(manager, object) => {
                format!("apply {} as {}", title(object), manager.as_str())
            }
            Self::ApplyStatus(manager, object) => {
                format!("apply the status of {} as {}", title(object), manager.as_str())
            }
            Self::Complete(object) => format!("complete {}", title(object)),
            Self::UpdateStatus(_, object) => format!("update the status of {}", title(object)),
            Self::Delete(object) => format!("delete {}", title(object)),
        }
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The object is different now.
    Changed,
    /// The object was like that already.
    Unchanged,
}

/// Does one write.
pub(crate) fn perform(store: &Store, write: Write) -> Result<Effect, Box<ApiError>> {
    match write {
        Write::Apply(manager, object) => effect(store.apply(manager.as_str(), object, Part::Whole)),
        Write::ApplyStatus(manager, object) => {
            effect(store.apply(manager.as_str(), object, Part::Status))
        }
        Write::Complete(object) => effect(store.replace(API_SERVER, object, Part::Whole)),
        Write::UpdateStatus(manager, object) => {
            effect(store.replace(manager.as_str(), object, Part::Status))
        }
        Write::Delete(object) => {
            let (group, kind) = group_kind(&object);
            let kind = Kind::new(group, kind);
            let name = ObjectName {
                namespace: namespace(&object).map(str::to_owned),
                name: name(&object).to_owned(),
            };
            if store.get(&kind, &name).is_none() {
                return Ok(Effect::Unchanged);
            }
            effect(store.delete(&kind, &name))
        }
    }
}

fn effect(result: Result<Applied, ApiError>) -> Result<Effect, Box<ApiError>> {
    result.map_err(Box::new).map(|applied| match applied.outcome {
        Outcome::Unchanged => Effect::Unchanged,
        Outcome::Created | Outcome::Changed | Outcome::Removed => Effect::Changed,
    })
}
