//! Named deviations of the embedded cluster, each of which a check must notice.
//!
//! What they do stands where the real component would do otherwise; here they are names alone.

use crate::cluster::NodeSelector;
use crate::name::NamespacedName;

/// A named deviation of the embedded cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Agents still run with the configuration from before Gateway API was enabled.
    AgentsNotRestarted {
        /// On these nodes.
        nodes: NodeSelector,
    },
    /// Agents do not come up.
    AgentDown {
        /// On these nodes.
        nodes: NodeSelector,
        /// What becomes of their pods.
        why: PodTrouble,
    },
    /// Envoy does not run.
    EnvoyDown {
        /// On these nodes.
        nodes: NodeSelector,
        /// What becomes of its pods.
        why: PodTrouble,
    },
    /// The pods of a backend do not come up.
    BackendDown {
        /// Its Deployment.
        backend: NamespacedName,
        /// What becomes of them.
        why: PodTrouble,
    },
    /// Nodes are lost: nothing on them runs, and packets to them get no answer.
    NodeDown {
        /// These nodes.
        nodes: NodeSelector,
    },
    /// Something before these nodes drops packets to the ports of Gateways.
    PortsFiltered {
        /// These nodes.
        nodes: NodeSelector,
    },
    /// Agents are up and apply no CiliumEnvoyConfig.
    EnvoyConfigsIgnored {
        /// On these nodes.
        nodes: NodeSelector,
    },
    /// Envoys have the listeners of a Gateway and none of the routes that came later.
    RoutesNotTaken {
        /// On these nodes.
        nodes: NodeSelector,
    },
    /// Agents hand no endpoints to their Envoys.
    EndpointsNotTaken {
        /// On these nodes.
        nodes: NodeSelector,
    },
    /// The operator still runs with the configuration from before Gateway API was enabled.
    OperatorNotRestarted,
    /// The operator fails over every route after it has written the route's status: what it made of
    /// Gateways before stays.
    OperatorFailsOnRoutes,
    /// The operator copies no Secrets to where agents read them, although it is told to.
    SecretsNotCopied,
    /// cert-manager runs without its support for the Gateway API.
    CertManagerWithoutGatewayApi,
    /// Definitions of the Gateway API are not installed.
    DefinitionsAbsent {
        /// The kinds that they define.
        kinds: Vec<String>,
    },
    /// Envoys refuse a listener whose port was changed, and keep the one they have.
    PortChangeRejected,
    /// A network policy lets nobody in at the Gateway's identity.
    IngressDenied,
    /// Agents may not write Leases, so nobody announces addresses.
    LeasesForbidden,
}

/// What keeps a pod from coming up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodTrouble {
    /// Its container ends with an error again and again.
    Crashes,
    /// Its container uses more memory than it may, and is killed again and again.
    OutOfMemory,
    /// Its image cannot be pulled.
    ImageNotPulled,
}
