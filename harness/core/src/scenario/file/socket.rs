//! TCP, exposure and target-health checks as people write them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::form::{ExposureForm, NodesForm, PaceForm, PortForm, TargetCountForm};
use crate::name::NamespacedName;
use crate::scenario::text::DurationText;

/// TCP connections to a port of nodes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TcpCheckFile {
    /// The port.
    pub(crate) port: PortForm,
    /// The Gateway that has the listener; not needed when only one has a listener of that name.
    pub(crate) gateway: Option<NamespacedName>,
    /// The nodes to connect to.
    #[serde(default)]
    pub(crate) nodes: NodesForm,
    /// What must come of every attempt.
    pub(crate) expect: TcpExpectFile,
    /// Keep trying for this long; every attempt must fit. 2s unless `accepted` is expected.
    #[serde(rename = "for")]
    pub(crate) hold: Option<DurationText>,
    /// Try at least this often. 5 times unless `accepted` is expected.
    #[schemars(range(min = 1, max = 10000))]
    pub(crate) count: Option<u32>,
}

/// What must come of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TcpExpectFile {
    /// The handshake completes.
    Accepted,
    /// The node refuses at once.
    Refused,
    /// Silence.
    TimedOut,
    /// The connection is reset.
    Reset,
    /// No route to the node.
    Unreachable,
    /// Anything but `accepted`.
    NotAccepted,
}

/// Which ports accept connections on which nodes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExposureCheckFile {
    /// The Gateway.
    pub(crate) gateway: NamespacedName,
    /// What the grid of nodes and ports must be.
    pub(crate) expect: ExposureForm,
}

/// What a cloud load balancer would conclude from its health checks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TargetHealthCheckFile {
    /// The Gateway.
    pub(crate) gateway: NamespacedName,
    /// The load balancer whose settings to take, such as `aws-lbc-cluster`.
    #[schemars(length(min = 1))]
    pub(crate) profile: String,
    /// Which ports are the targets.
    #[serde(default)]
    pub(crate) targets: TargetsFile,
    /// The nodes that are registered as targets.
    #[serde(default)]
    pub(crate) nodes: NodesForm,
    /// Time between checks of one target, instead of the profile's.
    pub(crate) interval: Option<DurationText>,
    /// How long one check may take, instead of the profile's.
    pub(crate) timeout: Option<DurationText>,
    /// Passes in a row that make an unhealthy target healthy, instead of the profile's.
    #[schemars(range(min = 1, max = 10))]
    pub(crate) healthy_threshold: Option<u32>,
    /// Failures in a row that make a target unhealthy, instead of the profile's.
    #[schemars(range(min = 1, max = 10))]
    pub(crate) unhealthy_threshold: Option<u32>,
    /// Passes that make a new target healthy, instead of the profile's.
    #[schemars(range(min = 1, max = 10))]
    pub(crate) initial_passes: Option<u32>,
    /// How time runs; `compressed: 20` without it. The report prints the factor.
    pub(crate) pace: Option<PaceForm>,
    /// What must be true at the end.
    pub(crate) expect: TargetHealthExpectFile,
    /// How long that may take; the same as `within` of the check.
    pub(crate) within: Option<DurationText>,
}

/// Which ports are the targets of a load balancer.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TargetsFile {
    /// What carries traffic in the variant: node ports, or listener ports in host-network mode.
    #[default]
    Exposed,
    /// Node ports.
    NodePorts,
    /// Listener ports.
    ListenerPorts,
}

/// What must be true of targets at the end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TargetHealthExpectFile {
    /// How many targets are healthy.
    pub(crate) healthy: TargetCountForm,
}
