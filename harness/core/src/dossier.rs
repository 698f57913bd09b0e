//! A dossier: everything about one cluster that a diagnosis may read.
//!
//! Collected from a live cluster, or from a folder of what was dumped from one, and completed with
//! what probes saw. It is a value: rules ([`crate::finding`]) read it and nothing else, so that the
//! same dossier gives the same findings wherever it came from. Secrets are redacted before anything
//! gets in here. What could not be read is in it too ([`Unread`]), because a rule that finds
//! nothing where nothing was readable has found out nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cilium::{CiliumConfig, CiliumVersion};
use crate::cluster::Node;
use crate::event::{CheckResult, PlacedHttp, TargetReport};
use crate::exposure::Grid;
use crate::moment::Moment;
use crate::name::{NamespacedName, NodeName};
use crate::scenario::Channel;

/// What is known about a cluster.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dossier {
    /// When it was collected.
    pub taken: Option<Moment>,
    /// The Gateways that are diagnosed; all of Cilium's when empty. What ails others explains
    /// nothing of these, though they may want the same ports.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub about: BTreeSet<NamespacedName>,
    /// The cluster's nodes, sorted by name, by their names in Kubernetes.
    pub nodes: Vec<Node>,
    /// Objects as Kubernetes has them, Secrets redacted; each kind sorted by namespace and name.
    pub objects: Vec<Value>,
    /// What could not be read, and why.
    pub unread: Vec<Unread>,
    /// Versions of what is installed, as far as the cluster tells.
    pub versions: Versions,
    /// Cilium's configuration on its way from Helm to what runs.
    pub cilium: Cilium,
    /// What components logged, oldest first within each component.
    pub logs: Vec<LogLine>,
    /// Certificates at each hop of their way to a client.
    pub certificates: Vec<CertificateAtHop>,
    /// What each Gateway exposes, expected and seen.
    pub exposure: Vec<Exposure>,
    /// What a load balancer concluded, by Gateway.
    pub targets: Vec<Targets>,
    /// HTTP and HTTPS requests that were sent, the last of each entry point.
    pub http: Vec<PlacedHttp>,
    /// The checks that were decided before the diagnosis.
    pub checks: Vec<CheckResult>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unread {
    /// What: a kind, an object, a log, in words such as `logs of the agent on worker2`.
    pub what: String,
    /// Why, for a human.
    pub why: Why,
    /// What stays hidden without it, such as `whether agents run the present configuration`.
    pub hides: String,
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// The reader may not: the missing permission, such as `list secrets in namespace kube-system`.
    Forbidden(String),
    /// The cluster does not serve this kind.
    NotServed,
    /// It is not in the folder that was read.
    NotInFolder,
    /// The source has it in a form that cannot be understood, in words.
    Unreadable(String),
    /// Anything else, in words.
    Failed(String),
}

/// Versions of what is installed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Versions {
    /// Cilium's, by the image or labels of its operator.
    pub cilium: Option<CiliumVersion>,
    /// Kubernetes', such as `v1.36.4`.
    pub kubernetes: Option<String>,
    /// The Gateway API bundle, by the annotations of its definitions.
    pub gateway_api: Option<Bundle>,
    /// cert-manager's, such as `v1.21.1`.
    pub cert_manager: Option<String>,
}

/// A bundle of the Gateway API's definitions (annotations `gateway.networking.k8s.io/bundle-version`
/// and `…/channel`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// Its version, such as `v1.6.1`.
    pub version: String,
    /// Its channel, when it says so.
    pub channel: Option<Channel>,
}

/// Cilium's configuration on its way: Helm values → ConfigMap → what each component started with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cilium {
    /// The values of the newest Helm release, where it could be read; secrets redacted.
    pub values: Option<Value>,
    /// The ConfigMap `cilium-config`.
    pub config_map: Option<ConfigMap>,
    /// What that ConfigMap amounts to.
    pub config: Option<CiliumConfig>,
    /// Pods of agents, sorted by node.
    pub agents: Vec<ComponentPod>,
    /// Pods of Envoy, where it runs in pods of its own; sorted by node.
    pub envoys: Vec<ComponentPod>,
    /// Pods of the operator.
    pub operators: Vec<ComponentPod>,
}

/// The ConfigMap that components read at their start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigMap {
    /// Where it is; `kube-system/cilium-config` as a rule.
    pub name: Option<NamespacedName>,
    /// Its entries.
    pub entries: BTreeMap<String, String>,
    /// When its entries were last written, by `metadata.managedFields`; `None` when it does not
    /// say. A write that changed nothing moves this time too.
    pub written: Option<Moment>,
}

/// A pod of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentPod {
    /// The pod.
    pub pod: NamespacedName,
    /// Its node, by its name in Kubernetes.
    pub node: Option<NodeName>,
    /// When it last read its configuration: of an agent the start of its pod, because an agent
    /// whose container merely started again reads what was written when the pod began; of others
    /// the last start of their container, else of the pod.
    pub started: Option<Moment>,
    /// Whether it is ready.
    pub ready: Readiness,
    /// Restarts of the component's container.
    pub restarts: u32,
    /// How many settings an agent counts that differ from the ConfigMap, by its metrics
    /// (`cilium_drift_checker_config_delta`), where those were read. It counts 0 as well while its
    /// drift checker is off.
    #[serde(default)]
    pub drift: Option<u32>,
    /// The component's image.
    pub image: Option<String>,
    /// Why its container waits or ended, such as `CrashLoopBackOff`.
    pub reason: Option<String>,
}

/// Whether a pod is ready, by its condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Readiness {
    /// `Ready` is `True`.
    Ready,
    /// `Ready` is `False`.
    NotReady,
    /// The pod does not say.
    Unknown,
}

/// Which component something comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Component {
    /// Cilium's operator.
    CiliumOperator,
    /// An agent.
    CiliumAgent,
    /// An Envoy.
    Envoy,
    /// cert-manager's controller.
    CertManager,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// Who said it.
    pub component: Component,
    /// The pod's node, by its name in Kubernetes.
    pub node: Option<NodeName>,
    /// The pod, or the file in a folder.
    pub source: String,
    /// When, if the line says so.
    pub at: Option<Moment>,
    /// The line as written, redacted.
    pub text: String,
}

/// A certificate as it is at one hop of its way to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateAtHop {
    /// The Gateway that asks for it.
    pub gateway: NamespacedName,
    /// The listener that names it.
    pub listener: String,
    /// The Secret the listener names.
    pub secret: NamespacedName,
    /// Where it was looked for.
    pub hop: Hop,
    /// What was found there.
    pub found: Found,
}

/// The hops of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Hop {
    /// cert-manager's Certificate that writes the Secret, by name.
    Certificate(NamespacedName),
    /// The Secret that the listener names.
    Secret,
    /// Cilium's copy in its namespace for secrets, by name.
    Copy(NamespacedName),
    /// What a node served for a server name: the place, such as `worker2 172.18.0.4:31443`.
    Served {
        /// The entry point.
        place: String,
        /// The server name asked for.
        server_name: String,
    },
}

/// What was found at a hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Found {
    /// A chain that can be read, leaf first. At [`Hop::Certificate`] there is none: an empty one
    /// says that the Certificate is ready.
    Chain(Vec<CertificateFacts>),
    /// Nothing there.
    Nothing,
    /// Something is there and cannot be used, in words, such as `tls.crt holds no PEM block`, or
    /// `not ready: …` of a Certificate.
    Unusable(String),
    /// It could not be looked at: see [`Dossier::unread`].
    NotRead,
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateFacts {
    /// SHA-256 of the certificate, in hexadecimal.
    pub sha256: String,
    /// Its DNS names.
    pub names: Vec<String>,
    /// Its subject, as text.
    pub subject: String,
    /// Its issuer, as text.
    pub issuer: String,
    /// From when it holds.
    pub not_before: Moment,
    /// Until when it holds.
    pub not_after: Moment,
}

/// What a Gateway exposes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// The Gateway.
    pub gateway: NamespacedName,
    /// Expected by the reference, and seen where it was probed.
    pub grid: Grid,
}

/// What a load balancer concluded about a Gateway's targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Targets {
    /// The Gateway.
    pub gateway: NamespacedName,
    /// The targets.
    pub report: TargetReport,
}

impl Dossier {
    /// The objects of a kind, whatever the version of their group; `group` is empty for the core.
    pub fn list<'d>(&'d self, group: &'d str, kind: &'d str) -> impl Iterator<Item = &'d Value> {
        self.objects.iter().filter(move |object| is(object, group, kind))
    }

    /// One object by kind, namespace (`None` for cluster-wide kinds) and name.
    pub fn get(
        &self,
        group: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<&Value> {
        self.objects.iter().find(|object| {
            is(object, group, kind)
                && text(object, "/metadata/name") == Some(name)
                && text(object, "/metadata/namespace") == namespace
        })
    }

    /// Lines of a component's logs.
    pub fn log(&self, component: Component) -> impl Iterator<Item = &LogLine> {
        self.logs.iter().filter(move |line| line.component == component)
    }
}

/// The text at a JSON pointer.
pub fn text<'v>(object: &'v Value, pointer: &str) -> Option<&'v str> {
    object.pointer(pointer).and_then(Value::as_str)
}

fn is(object: &Value, group: &str, kind: &str) -> bool {
    let api_version = text(object, "/apiVersion").unwrap_or_default();
    let found = api_version.split_once('/').map_or("", |(group, _)| group);
    found == group && text(object, "/kind") == Some(kind)
}
