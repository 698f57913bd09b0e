//! Faults as people write them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::NoSettings;
use super::form::NodesForm;
use crate::name::NamespacedName;

/// A deviation of the embedded cluster: exactly one of the keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["agentsNotRestarted"]}, {"required": ["agentDown"]},
    {"required": ["envoyDown"]}, {"required": ["backendDown"]}, {"required": ["nodeDown"]},
    {"required": ["portsFiltered"]}, {"required": ["envoyConfigsIgnored"]},
    {"required": ["routesNotTaken"]}, {"required": ["endpointsNotTaken"]},
    {"required": ["operatorNotRestarted"]}, {"required": ["operatorFailsOnRoutes"]},
    {"required": ["secretsNotCopied"]}, {"required": ["certManagerWithoutGatewayApi"]},
    {"required": ["definitionsAbsent"]}, {"required": ["portChangeRejected"]},
    {"required": ["ingressDenied"]}, {"required": ["leasesForbidden"]}
]))]
pub(crate) struct FaultFile {
    /// Agents still run with the configuration from before Gateway API was enabled.
    pub(crate) agents_not_restarted: Option<FaultNodes>,
    /// Agents do not come up.
    pub(crate) agent_down: Option<FaultPods>,
    /// Envoy does not run.
    pub(crate) envoy_down: Option<FaultPods>,
    /// The pods of a backend do not come up.
    pub(crate) backend_down: Option<FaultBackend>,
    /// Nodes are lost: nothing on them runs, and packets to them get no answer.
    pub(crate) node_down: Option<FaultNodes>,
    /// Something before the nodes drops packets to the ports of Gateways.
    pub(crate) ports_filtered: Option<FaultNodes>,
    /// Agents are up and apply no CiliumEnvoyConfig.
    pub(crate) envoy_configs_ignored: Option<FaultNodes>,
    /// Envoys have the listeners of a Gateway and none of the routes that came later.
    pub(crate) routes_not_taken: Option<FaultNodes>,
    /// Agents hand no endpoints to their Envoys.
    pub(crate) endpoints_not_taken: Option<FaultNodes>,
    /// The operator still runs with the configuration from before Gateway API was enabled.
    pub(crate) operator_not_restarted: Option<NoSettings>,
    /// The operator fails over every route after it has written the route's status.
    pub(crate) operator_fails_on_routes: Option<NoSettings>,
    /// The operator copies no Secrets to where agents read them, although it is told to.
    pub(crate) secrets_not_copied: Option<NoSettings>,
    /// cert-manager runs without its support for the Gateway API.
    pub(crate) cert_manager_without_gateway_api: Option<NoSettings>,
    /// Definitions of the Gateway API are not installed when Cilium starts.
    pub(crate) definitions_absent: Option<AbsentDefinitions>,
    /// Envoys refuse a listener whose port was changed, and keep the one they have.
    pub(crate) port_change_rejected: Option<NoSettings>,
    /// A network policy lets nobody in at the Gateway's identity: Envoy answers 403.
    pub(crate) ingress_denied: Option<NoSettings>,
    /// Agents may not write Leases, so nobody announces addresses.
    pub(crate) leases_forbidden: Option<NoSettings>,
}

/// Where a fault strikes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FaultNodes {
    /// On these nodes.
    #[serde(default)]
    pub(crate) nodes: NodesForm,
}

/// Pods that do not come up, by their nodes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FaultPods {
    /// On these nodes.
    #[serde(default)]
    pub(crate) nodes: NodesForm,
    /// What becomes of them.
    #[serde(default)]
    pub(crate) why: TroubleForm,
}

/// A backend whose pods do not come up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FaultBackend {
    /// Its Deployment, `namespace/name`.
    pub(crate) name: NamespacedName,
    /// What becomes of its pods.
    #[serde(default)]
    pub(crate) why: TroubleForm,
}

/// What keeps a pod from coming up.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TroubleForm {
    /// Its container ends with an error again and again.
    #[default]
    Crashes,
    /// Its container is killed again and again for the memory that it uses.
    OutOfMemory,
    /// Its image cannot be pulled.
    ImageNotPulled,
}

/// Definitions that are not there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AbsentDefinitions {
    /// The kinds that they define.
    #[schemars(length(min = 1))]
    pub(crate) kinds: Vec<RouteKind>,
}

/// A kind of the Gateway API that Cilium needs and a bundle may lack.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) enum RouteKind {
    /// In the standard channel since 1.1.
    #[serde(rename = "GRPCRoute")]
    Grpc,
    /// In the standard channel since 1.5.
    #[serde(rename = "TLSRoute")]
    Tls,
    /// In the standard channel since 1.4.
    #[serde(rename = "BackendTLSPolicy")]
    BackendTls,
}

impl RouteKind {
    /// As manifests name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "GRPCRoute",
            Self::Tls => "TLSRoute",
            Self::BackendTls => "BackendTLSPolicy",
        }
    }
}
