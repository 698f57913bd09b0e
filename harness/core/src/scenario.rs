//! A scenario as the program believes it: checked, resolved, nothing optional left open.
//!
//! What a person writes has types of its own, in `scenario/file.rs`; checking and resolving turn
//! them into the types here. Read on in this order: `file` (the format), [`schema`] (the format
//! for editors), `resolve` (the meaning), [`catalog`] (many files at once).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cilium::CiliumVersion;
use crate::cluster::NodeSelector;
use crate::expectation::Expected;
use crate::health::Settings as HealthSettings;
use crate::name::{ListenerName, NamespacedName, NodeName, ScenarioName, VariantName};
use crate::observation::TcpOutcome;
use crate::topology::Topology;

mod fault;
mod file;
mod text;

pub mod schema;

mod inventory;
pub(crate) mod manifest;
mod request;
mod resolve;

pub mod catalog;
pub mod issuer;

pub use fault::{Fault, PodTrouble};
use issuer::Issuer;

pub use request::{
    CertificateExpectation, Distribution, ExpectedIssuer, HttpClaim, HttpExpectation,
    ResponseExpectation, ServedCertificate, ServerName,
};
pub(crate) use resolve::check_values;
pub(crate) use text::{Cidr, TextForm};

/// A scenario: variants × versions, what to apply, what to claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// `metadata.name`.
    pub name: ScenarioName,
    /// `metadata.labels`, for selection.
    pub labels: BTreeMap<String, String>,
    /// `spec.description`: why this scenario exists.
    pub description: String,
    /// The file it came from, relative as given.
    pub file: String,
    /// The cluster's nodes.
    pub topology: Topology,
    /// Cilium versions to try, in order.
    pub cilium: Vec<CiliumVersion>,
    /// The Gateway API release.
    pub gateway_api: GatewayApi,
    /// The cert-manager version; `None` takes what fits.
    pub cert_manager: Option<String>,
    /// Helm values for cert-manager.
    pub cert_manager_values: Value,
    /// Helm values of every variant.
    pub values: Value,
    /// The variants, in order.
    pub variants: Vec<Variant>,
    /// Who signs the certificates that the Gateways ask for.
    pub issuer: Issuer,
    /// Echo servers to deploy.
    pub backends: Vec<Backend>,
    /// LB-IPAM pools as CIDRs; empty lets the provider choose.
    pub address_pools: Vec<String>,
    /// What to do and claim, in order.
    pub steps: Vec<Step>,
}

/// Which Gateway API release to install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatewayApi {
    /// The release channel; `None` takes what fits the Cilium version.
    pub channel: Option<Channel>,
    /// The version; `None` takes what fits the Cilium version.
    pub version: Option<String>,
}

/// A release channel of the Gateway API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// `standard-install.yaml`.
    Standard,
    /// `experimental-install.yaml`.
    Experimental,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Standard => "standard",
            Self::Experimental => "experimental",
        })
    }
}

/// One Cilium configuration under test.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Its name.
    pub name: VariantName,
    /// Helm values on top of the scenario's.
    pub values: Value,
    /// Deviations of the embedded cluster: the scenario's, then its own.
    pub faults: Vec<Fault>,
    /// What must become of its trials when they are not to pass.
    pub expect: Option<Expected>,
}

/// An echo server behind a Service: Deployment and Service of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Namespace and name of Deployment and Service.
    pub name: NamespacedName,
    /// Pods.
    pub replicas: u32,
    /// The Service's port.
    pub port: u16,
}

/// One thing a trial does, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name, unique in the scenario.
    pub name: String,
    /// What it does.
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Apply objects (server-side apply).
    Apply(Vec<Manifest>),
    /// Merge-patch an object.
    Patch {
        /// The object.
        object: ObjectRef,
        /// The patch.
        patch: Value,
    },
    /// Delete an object and wait until it is gone.
    Delete(ObjectRef),
    /// Claim something.
    Check(Check),
}

/// A Kubernetes object as applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Where it was written: `file:line`.
    pub origin: String,
    /// The object.
    pub object: Value,
}

/// Names an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// The namespace, for namespaced kinds.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl ObjectRef {
    /// A namespace.
    pub fn namespace(name: &str) -> Self {
        Self {
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            namespace: None,
            name: name.to_owned(),
        }
    }
}

/// A claim with its circumstances.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Its name, unique in the scenario: given, or made from the claim.
    pub name: String,
    /// Where it was written: `file:line:column`.
    pub origin: String,
    /// Variants it applies to; empty means all.
    pub variants: Vec<VariantName>,
    /// How long the claim may take to become true.
    pub within: Duration,
    /// What is claimed.
    pub claim: Claim,
}

/// What is claimed.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// Conditions, addresses and listeners of a Gateway's status.
    Gateway(GatewayClaim),
    /// Conditions of a route for its parents.
    Route(RouteClaim),
    /// Every route that names a Gateway as its parent is accepted there. Made for clusters that
    /// exist; scenario files name their routes.
    Routes(RoutesClaim),
    /// Annotations, labels, type and addresses of a Service.
    Service(ServiceClaim),
    /// A cert-manager Certificate.
    Certificate(CertificateClaim),
    /// HTTP or HTTPS requests.
    Http(Box<HttpClaim>),
    /// TCP connections to a port of nodes.
    Tcp(TcpClaim),
    /// A TLS handshake that a Gateway passes through to a backend. Made for clusters that exist.
    Passthrough(PassthroughClaim),
    /// TCP connections to the addresses that a load balancer gave a Gateway. Made for clusters that
    /// exist; scenario files send requests there (`each: loadBalancer`).
    Addresses(AddressesClaim),
    /// The grid node × port.
    Exposure(ExposureClaim),
    /// What a load balancer would conclude.
    TargetHealth(TargetHealthClaim),
}

/// Claims about a Gateway's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayClaim {
    /// The Gateway.
    pub gateway: NamespacedName,
    /// Condition type → wanted status and reason.
    pub conditions: BTreeMap<String, ConditionClaim>,
    /// The addresses it must have, if claimed: exactly these.
    pub addresses: Option<Vec<String>>,
    /// Per listener: attached routes and conditions.
    pub listeners: BTreeMap<ListenerName, ListenerClaim>,
}

/// What a condition must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionClaim {
    /// Its status.
    pub status: ConditionStatus,
    /// Its reason, if claimed.
    pub reason: Option<String>,
}

/// A condition's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionStatus {
    /// `True`.
    True,
    /// `False`.
    False,
    /// `Unknown`, also when the condition is absent.
    Unknown,
}

/// Claims about a listener's status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListenerClaim {
    /// `attachedRoutes`, if claimed.
    pub attached_routes: Option<u32>,
    /// Condition type → wanted status and reason.
    pub conditions: BTreeMap<String, ConditionClaim>,
}

/// Claims about an HTTPRoute's parents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteClaim {
    /// The HTTPRoute.
    pub route: NamespacedName,
    /// Only the parent reference with this Gateway, if claimed.
    pub parent: Option<NamespacedName>,
    /// Condition type → wanted status and reason, for every parent looked at.
    pub conditions: BTreeMap<String, ConditionClaim>,
}

/// The claim that every route that names a Gateway as its parent is accepted there, with resolved
/// references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutesClaim {
    /// The Gateway.
    pub gateway: NamespacedName,
}

/// The claim that every address of a Gateway's load balancer accepts connections on every listener
/// port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressesClaim {
    /// The Gateway.
    pub gateway: NamespacedName,
}

/// Claims about a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceClaim {
    /// The Service, or the one Cilium made for a Gateway.
    pub service: ServiceRef,
    /// `spec.type`, if claimed.
    pub service_type: Option<String>,
    /// Annotation → wanted value, or `None` when it must be absent.
    pub annotations: BTreeMap<String, Option<String>>,
    /// Label → wanted value, or `None` when it must be absent.
    pub labels: BTreeMap<String, Option<String>>,
    /// Load-balancer addresses, if claimed: exactly these.
    pub addresses: Option<Vec<String>>,
}

/// Names a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceRef {
    /// By name.
    Name(NamespacedName),
    /// The one made for this Gateway.
    OfGateway(NamespacedName),
}

/// Claims about a cert-manager Certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateClaim {
    /// The Certificate.
    pub certificate: NamespacedName,
    /// Whether it must be ready.
    pub ready: bool,
    /// Its DNS names, if claimed: exactly these, in any order.
    pub dns_names: Option<Vec<String>>,
}

/// Where requests or connections enter the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Each chosen node, on the port that carries the listener there: its node port when the
    /// Gateway has a LoadBalancer Service, the listener port in host-network mode (only nodes
    /// that Cilium's node selector chooses).
    EachNode(NodeSelector),
    /// The Gateway's load-balancer address, on the listener port.
    LoadBalancer,
}

/// A claim over time: how long and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// At least this long.
    pub duration: Duration,
    /// At least this many probes.
    pub count: u32,
}

/// TCP connections to a port and what must come of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpClaim {
    /// The Gateway that the port belongs to, for ports named by listener.
    pub gateway: Option<NamespacedName>,
    /// The port.
    pub port: TcpPort,
    /// From these nodes' addresses.
    pub nodes: NodeSelector,
    /// What must come of it.
    pub expect: TcpExpectation,
    /// Keep asking for this long and this often; every single attempt must fit.
    pub hold: Option<Hold>,
}

/// The claim that a TLS server behind a Gateway answers a handshake that is passed through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassthroughClaim {
    /// The Gateway.
    pub gateway: NamespacedName,
    /// The server name to send (SNI).
    pub server_name: String,
    /// Where that name comes from.
    pub origin: NameOrigin,
    /// The port of the Gateway's listener to enter by.
    pub listener_port: u16,
    /// Where to enter.
    pub entry: Entry,
    /// SHA-256 of the certificates that listeners on the same port serve themselves, in lower-case
    /// hexadecimal: one of these does not show who answered.
    pub own: Vec<String>,
    /// So many handshakes at least, over all entry points.
    pub handshakes: u32,
}

impl PassthroughClaim {
    /// So many looks in a row must hold.
    pub const LOOKS: u32 = 5;
}

/// Where a server name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameOrigin {
    /// A route names it.
    Route,
    /// A route takes it by a wildcard, or because it takes every name. A backend need not know it.
    Wildcard,
}

/// The port of a TCP claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TcpPort {
    /// The port of this listener, on the node itself.
    Listener(ListenerName),
    /// The node port that belongs to this listener.
    NodePort(ListenerName),
    /// This port.
    Number(u16),
}

/// What must come of a TCP connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TcpExpectation {
    /// Exactly this outcome.
    Outcome(TcpOutcome),
    /// Anything but `Accepted`.
    NotAccepted,
}

/// The grid node × port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposureClaim {
    /// The Gateway.
    pub gateway: NamespacedName,
    /// Where the expectation comes from.
    pub expect: ExposureExpectation,
}

/// Where the expectation of a grid comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExposureExpectation {
    /// The reference model, for this version and configuration; at least one cell must accept.
    Reference,
    /// Node ports accept on these nodes and nowhere else.
    NodePorts(NodeSelector),
    /// Listener ports accept on these nodes and nowhere else.
    ListenerPorts(NodeSelector),
    /// Nothing accepts.
    Nothing,
    /// Nobody can say, for this reason: the claim stays open.
    Unknowable(String),
}

/// What a load balancer would conclude.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetHealthClaim {
    /// The Gateway.
    pub gateway: NamespacedName,
    /// Which sockets are the targets.
    pub targets: TargetPorts,
    /// Nodes registered as targets.
    pub nodes: NodeSelector,
    /// The name of the profile the settings started from.
    pub profile: String,
    /// How the load balancer checks.
    pub settings: HealthSettings,
    /// How time runs.
    pub pace: Pace,
    /// How many targets must be healthy at the end.
    pub healthy: TargetCount,
}

/// Which sockets a load balancer targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetPorts {
    /// What carries traffic in this variant: node ports, or listener ports in host-network mode.
    Exposed,
    /// Node ports.
    NodePorts,
    /// Listener ports.
    ListenerPorts,
}

/// How the clock of the health checks runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Real intervals.
    RealTime,
    /// All durations divided by this factor, which the report prints.
    Compressed(f64),
}

/// How many targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetCount {
    /// All that are registered, and at least one.
    All,
    /// None of them.
    None,
    /// Exactly so many.
    Exactly(usize),
    /// Those that Cilium's node selector chooses, and no others.
    Selected,
}

impl Scenario {
    /// The nodes of the scenario's topology by name.
    pub fn node_names(&self) -> Vec<NodeName> {
        self.topology.nodes.iter().map(|node| node.name.clone()).collect()
    }
}
