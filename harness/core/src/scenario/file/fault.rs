//! Faults as people write them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::NoSettings;
use super::form::NodesForm;

/// A deviation of the embedded cluster: exactly one of the keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["agentsNotRestarted"]}, {"required": ["envoyDown"]},
    {"required": ["operatorNotRestarted"]}, {"required": ["secretsNotCopied"]},
    {"required": ["certManagerWithoutGatewayApi"]}, {"required": ["definitionsAbsent"]},
    {"required": ["portChangeRejected"]}, {"required": ["ingressDenied"]}
]))]
pub(crate) struct FaultFile {
    /// Agents still run with the configuration from before Gateway API was enabled.
    pub(crate) agents_not_restarted: Option<FaultNodes>,
    /// Envoy does not run.
    pub(crate) envoy_down: Option<FaultNodes>,
    /// The operator still runs with the configuration from before Gateway API was enabled.
    pub(crate) operator_not_restarted: Option<NoSettings>,
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
}

/// Where a fault strikes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FaultNodes {
    /// On these nodes.
    #[serde(default)]
    pub(crate) nodes: NodesForm,
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
